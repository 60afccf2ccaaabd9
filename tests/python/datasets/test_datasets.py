"""Data sets through the public API: wiring, arguments, the riboflavin set from every source."""

import bz2
import gzip
import lzma
import os
from pathlib import Path

import numpy as np
import pytest
from sparsevae import datasets
from sparsevae.exceptions import DataUnavailableError, NonFiniteError, ParameterError, ShapeError

DESIGNS = {
    "gaussian": datasets.make_gaussian_design,
    "random_walk": datasets.make_random_walk_design,
    "toeplitz": datasets.make_toeplitz_design,
    "block": datasets.make_block_design,
}
N_SAMPLES, N_GENES = 71, 4088


@pytest.mark.parametrize("make", DESIGNS.values(), ids=DESIGNS)
def test_designs_are_contiguous_float64_with_unit_columns(make):
    X = make(30, 50, random_state=0)
    assert X.shape == (30, 50)
    assert X.dtype == np.float64
    assert X.flags.c_contiguous
    np.testing.assert_allclose(np.linalg.norm(X, axis=0), 1, rtol=1e-12)
    raw = make(30, 50, unit_norm=False, random_state=0)
    np.testing.assert_allclose(raw / np.linalg.norm(raw, axis=0), X, rtol=1e-12)


@pytest.mark.parametrize("make", DESIGNS.values(), ids=DESIGNS)
@pytest.mark.parametrize("value", [1, "no", None])
def test_columns_are_scaled_or_not(make, value):
    with pytest.raises(ParameterError, match=f"`unit_norm` is {value!r}, but it must be True or False"):
        make(3, 4, unit_norm=value)


@pytest.mark.parametrize("make", DESIGNS.values(), ids=DESIGNS)
def test_same_seed_same_bits(make):
    np.testing.assert_array_equal(make(5, 7, random_state=3), make(5, 7, random_state=3))
    assert not np.array_equal(make(5, 7, random_state=3), make(5, 7, random_state=4))
    assert not np.array_equal(make(5, 7), make(5, 7))


def test_random_walk_has_the_covariance_of_the_paper():
    X = datasets.make_random_walk_design(50_000, 6, unit_norm=False, random_state=0)
    steps = np.arange(1, 7)
    np.testing.assert_allclose(X.T @ X / len(X), np.minimum.outer(steps, steps), atol=0.15)


@pytest.mark.parametrize("kind", [np.random.default_rng, np.random.RandomState])
def test_generators_are_reproducible_and_move_on(kind):
    generator = kind(5)
    first = datasets.make_gaussian_design(4, 4, random_state=generator)
    second = datasets.make_gaussian_design(4, 4, random_state=generator)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, datasets.make_gaussian_design(4, 4, random_state=kind(5)))


@pytest.mark.parametrize("random_state", [-1, 2**64, 1.5, "0", object()])
def test_random_state_of_the_wrong_kind_is_named(random_state):
    with pytest.raises(ParameterError, match="`random_state` is"):
        datasets.make_gaussian_design(3, 3, random_state=random_state)


def test_largest_and_numpy_seeds_are_accepted():
    datasets.make_gaussian_design(3, 3, random_state=2**64 - 1)
    np.testing.assert_array_equal(
        datasets.make_gaussian_design(3, 3, random_state=np.int32(7)),
        datasets.make_gaussian_design(3, 3, random_state=7),
    )


@pytest.mark.parametrize("name", ["n_samples", "n_features"])
@pytest.mark.parametrize("value", [0, -1, 2.0, True, None, "3", 2**70])
def test_sizes_are_positive_integers(name, value):
    sizes = {"n_samples": 3, "n_features": 4, name: value}
    with pytest.raises(ParameterError, match=f"`{name}` is"):
        datasets.make_gaussian_design(**sizes)


def test_a_design_too_large_for_memory_is_an_error():
    with pytest.raises(ParameterError, match="fit in memory"):
        datasets.make_gaussian_design(2**31, 2**31)


def test_sizes_too_large_for_memory_are_named_by_every_generator():
    for make, name in [
        (lambda: datasets.make_sparse_coef(2**50, 3), "n_features"),
        (lambda: datasets.make_sparse_coef(2**50, 2**49), "n_nonzero"),
        (lambda: datasets.make_training_problems(n_problems=2**50), "n_problems"),
        (lambda: datasets.make_combinators(2**50, 2, 3), "n_components"),
        (lambda: datasets.make_low_rank_outliers(2**25, 2**25, rank=2), "n_features"),
    ]:
        with pytest.raises(ParameterError, match=f"`{name}` is .* fit.* in memory"):
            make()


@pytest.mark.parametrize(
    ("make", "arguments", "name"),
    [
        (datasets.make_toeplitz_design, {"correlation": 1.0}, "correlation"),
        (datasets.make_toeplitz_design, {"correlation": np.nan}, "correlation"),
        (datasets.make_toeplitz_design, {"correlation": "high"}, "correlation"),
        (datasets.make_block_design, {"correlation": -0.1}, "correlation"),
        (datasets.make_block_design, {"block_size": 0}, "block_size"),
    ],
)
def test_correlation_parameters_are_checked(make, arguments, name):
    with pytest.raises(ParameterError, match=f"`{name}` is"):
        make(3, 4, **arguments)


@pytest.mark.parametrize("law", ["gaussian", "rayleigh", "chi_squared", "uniform", "poisson"])
def test_sparse_coef_has_the_stated_number_of_nonzeros(law):
    for n_nonzero in (0, 1, 60, 200):
        assert np.count_nonzero(datasets.make_sparse_coef(200, n_nonzero, law=law, random_state=1)) == n_nonzero


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"n_nonzero": 11}, "n_nonzero"),
        ({"n_nonzero": -1}, "n_nonzero"),
        ({"law": "cauchy"}, "law"),
        ({"law": None}, "law"),
    ],
)
def test_sparse_coef_names_the_bad_argument(arguments, name):
    with pytest.raises(ParameterError, match=f"`{name}` is"):
        datasets.make_sparse_coef(**{"n_features": 10, "n_nonzero": 2, **arguments})


@pytest.mark.parametrize("design", DESIGNS)
def test_sparse_regression_is_its_parts(design):
    problem = datasets.make_sparse_regression(20, 30, n_nonzero=4, design=design, law="uniform", random_state=9)
    np.testing.assert_array_equal(problem.X, DESIGNS[design](20, 30, random_state=9))
    np.testing.assert_array_equal(problem.coef, datasets.make_sparse_coef(30, 4, law="uniform", random_state=9))
    np.testing.assert_array_equal(problem.support, np.flatnonzero(problem.coef))
    np.testing.assert_array_equal(problem.y, problem.X @ problem.coef)
    assert problem.noise_var == 0.0


def test_noise_has_the_stated_ratio():
    clean = datasets.make_sparse_regression(5_000, 20, n_nonzero=5, random_state=2)
    noisy = datasets.make_sparse_regression(5_000, 20, n_nonzero=5, snr_db=12.5, random_state=2)
    assert 10 * np.log10(clean.y.var() / noisy.noise_var) == pytest.approx(12.5, abs=1e-10)
    assert np.var(noisy.y - clean.y) == pytest.approx(noisy.noise_var, rel=0.1)


def test_plant_response_keeps_the_design():
    X = np.asfortranarray(np.random.default_rng(0).standard_normal((8, 12)))
    problem = datasets.plant_response(X, n_nonzero=3, snr_db=40, random_state=0)
    np.testing.assert_array_equal(problem.X, X)
    assert len(problem.support) == 3


@pytest.mark.parametrize(
    ("X", "arguments", "error", "message"),
    [
        (np.ones(3), {}, ShapeError, "`X` has shape"),
        (np.ones((0, 3)), {}, ShapeError, "`X` has shape"),
        ([[1.0, np.nan]], {"n_nonzero": 1}, NonFiniteError, "`X` has a NaN"),
        (np.ones((4, 3)), {"n_nonzero": 2, "snr_db": 10}, ParameterError, "Var"),
        (np.eye(4), {"n_nonzero": 2, "snr_db": np.inf}, ParameterError, "`snr_db` is"),
        (np.eye(4), {"n_nonzero": 2, "snr_db": "loud"}, ParameterError, "`snr_db` is"),
        (np.eye(4), {"n_nonzero": 5}, ParameterError, "`n_nonzero` is"),
    ],
)
def test_plant_response_names_what_is_wrong(X, arguments, error, message):
    with pytest.raises(error, match=message):
        datasets.plant_response(X, random_state=0, **arguments)


@pytest.fixture(scope="module")
def table():
    """A made-up table of the riboflavin set's shape: y, X, names of samples and of genes."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N_SAMPLES, N_GENES)) * rng.uniform(0.5, 2, N_GENES)
    return rng.standard_normal(N_SAMPLES), X, [f"s{i}" for i in range(N_SAMPLES)], [f"g{j}_at" for j in range(N_GENES)]


def write_csv(path, y, X, samples, genes):
    rows = [["", *samples], ["q_RIBFLV", *map(repr, y.tolist())]]
    rows += [[gene, *map(repr, column)] for gene, column in zip(genes, X.T.tolist(), strict=True)]
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", encoding="utf-8") as file:
        file.writelines(",".join([f'"{row[0]}"', *row[1:]]) + "\n" for row in rows)


def write_rdata(path, y, X, samples, genes):
    """Write the layout of the R package hdi: a data frame of a vector y and a protected matrix x."""
    rdata = pytest.importorskip("rdata")
    from rdata.conversion.to_r import build_r_object
    from rdata.parser import RObjectType

    class Attributed:
        def __init__(self, kind, value, **attributes):
            self.kind, self.value, self.attributes = kind, value, attributes

    def convert(item, converter):
        value = [converter.convert_to_r_object(part) for part in item.value] if item.kind == "VEC" else item.value
        attributes = converter.convert_to_r_attributes(item.attributes)
        kind = RObjectType[item.kind]
        return build_r_object(kind, value=value, is_object="class" in item.attributes, attributes=attributes)

    labels = [np.array(samples), np.array(genes)]
    x = Attributed("REAL", X.ravel(order="F"), dim=np.array(X.shape, np.int32), dimnames=labels, **{"class": "AsIs"})
    frame = Attributed("VEC", [y, x], names=np.array(["y", "x"]), **{"class": "data.frame", "row.names": labels[0]})
    rdata.write_rda(path, {"riboflavin": frame}, constructor_dict={Attributed: convert})


WRITERS = {"riboflavin.csv.gz": write_csv, "riboflavin.csv": write_csv, "riboflavin.RData": write_rdata}


@pytest.mark.parametrize("name", WRITERS)
def test_riboflavin_is_read_from_the_local_folder(name, table, tmp_path, monkeypatch):
    y, X, samples, genes = table
    WRITERS[name](tmp_path / name, y, X, samples, genes)
    monkeypatch.setenv("SPARSEVAE_DATA", str(tmp_path))
    data = datasets.fetch_riboflavin()
    np.testing.assert_array_equal(data.X, X)
    np.testing.assert_array_equal(data.y, y)
    assert list(data.feature_names) == genes
    assert list(data.sample_names) == samples
    assert data.source == tmp_path / name


@pytest.fixture
def local_copy(table, tmp_path, monkeypatch):
    write_csv(tmp_path / "riboflavin.csv", *table)
    monkeypatch.setenv("SPARSEVAE_DATA", str(tmp_path))
    return table[1]


def test_top_variance_genes_come_in_decreasing_order(local_copy):
    data = datasets.fetch_riboflavin(subset="top_variance", n_genes=25)
    variances = local_copy.var(axis=0)
    np.testing.assert_allclose(data.X.var(axis=0), np.sort(variances)[::-1][:25], rtol=1e-12)


@pytest.mark.usefixtures("local_copy")
def test_random_genes_are_distinct_and_seeded():
    first, again, other = (
        datasets.fetch_riboflavin(subset="random", n_genes=200, random_state=seed).feature_names for seed in (0, 0, 1)
    )
    assert len(set(first)) == 200
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.usefixtures("local_copy")
def test_frames_carry_the_names():
    pytest.importorskip("pandas")
    X, y = datasets.fetch_riboflavin(subset="top_variance", n_genes=3, return_X_y=True, as_frame=True)
    assert X.shape == (N_SAMPLES, 3)
    assert X.columns[0].endswith("_at")
    assert y.name == "q_RIBFLV"
    assert y.index.equals(X.index)


@pytest.mark.usefixtures("local_copy")
@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"subset": "best"}, "subset"),
        ({"subset": "random", "n_genes": 0}, "n_genes"),
        ({"subset": "top_variance", "n_genes": N_GENES + 1}, "n_genes"),
    ],
)
def test_subset_arguments_are_checked(arguments, name):
    with pytest.raises(ParameterError, match=f"`{name}` is"):
        datasets.fetch_riboflavin(**arguments)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("riboflavin.csv", b""),
        ("riboflavin.csv", b'"","s0"\n"q_RIBFLV",1\n"g0",2\n'),
        ("riboflavin.csv", b'"","s0"\n"q_RIBFLV",high\n'),
        ("riboflavin.csv.gz", b"not gzip"),
        ("riboflavin.RData", b"RDX3\nX\n"),
        ("riboflavin.csv.gz", gzip.compress(b'"","s0"\n', mtime=0)[:-9]),
    ],
)
def test_a_damaged_local_copy_is_named(name, content, tmp_path, monkeypatch):
    if name.endswith("RData"):
        pytest.importorskip("rdata")
    (tmp_path / name).write_bytes(content)
    monkeypatch.setenv("SPARSEVAE_DATA", str(tmp_path))
    with pytest.raises(DataUnavailableError, match="riboflavin set") as caught:
        datasets.fetch_riboflavin()
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("name", ["riboflavin.csv.gz", "riboflavin.RData"])
def test_no_more_is_unpacked_than_the_set_can_have(name, compress, tmp_path, monkeypatch):
    if name.endswith("RData"):
        pytest.importorskip("rdata")
    (tmp_path / name).write_bytes(compress(bytes(60_000_000)))
    monkeypatch.setenv("SPARSEVAE_DATA", str(tmp_path))
    with pytest.raises(DataUnavailableError, match="riboflavin set: it unpacks to more than 50000000 bytes"):
        datasets.fetch_riboflavin()


def test_download_is_cached_and_read(table, tmp_path, monkeypatch):
    pooch = pytest.importorskip("pooch")
    monkeypatch.delenv("SPARSEVAE_DATA", raising=False)
    calls = []

    def retrieve(url, known_hash, fname, path, downloader):  # noqa: ARG001 - pooch has it
        calls.append((url, known_hash))
        write_rdata(Path(path, fname), *table)
        return str(Path(path, fname))

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    np.testing.assert_array_equal(datasets.fetch_riboflavin(data_home=tmp_path).X, table[1])
    ((url, known_hash),) = calls
    assert url.endswith("/data/riboflavin.RData")
    assert known_hash.startswith("sha256:")


@pytest.mark.parametrize("folder", [None, "empty"])
def test_without_copy_or_network_the_error_says_what_to_do(folder, tmp_path, monkeypatch):
    pytest.importorskip("pooch")
    monkeypatch.delenv("SPARSEVAE_DATA", raising=False)
    if folder:
        monkeypatch.setenv("SPARSEVAE_DATA", str(tmp_path / folder))
    monkeypatch.setattr("sparsevae.datasets._riboflavin._URL", "http://127.0.0.1:9/riboflavin.RData")
    with pytest.raises(DataUnavailableError, match=r"127\.0\.0\.1.*SPARSEVAE_DATA") as caught:
        datasets.fetch_riboflavin(data_home=tmp_path)
    assert ("is not set" in str(caught.value)) == (folder is None)


def test_the_top_genes_are_those_that_the_authors_published():
    published = Path(os.environ.get("SPARSEVAE_DATA", ""), "riboflavinv100.csv")
    if not published.is_file():
        pytest.skip("riboflavinv100.csv is not in the folder that SPARSEVAE_DATA names")
    lines = published.read_text(encoding="utf-8").splitlines()
    data = datasets.fetch_riboflavin(subset="top_variance")
    assert [line.split(",")[0].strip('"') for line in lines[2:]] == list(data.feature_names)
    values = np.array([line.split(",")[1:] for line in lines[1:]], dtype=float)
    np.testing.assert_allclose(values, np.vstack([data.y, data.X.T]), rtol=1e-12)
    assert np.linalg.cond(data.X) == pytest.approx(2395, rel=1e-3)
