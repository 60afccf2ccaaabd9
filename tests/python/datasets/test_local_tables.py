"""Tables of R packages in a local folder: read, missing, damaged."""

import gzip
import re

import numpy as np
import pytest
from sparsevae import datasets
from sparsevae.exceptions import DataUnavailableError

SHAPES = {"trim32": (120, 500), "gasoline": (60, 401)}
N_INDIVIDUALS, N_VARIANTS = 574, 1001


def fetch(name, **options):
    return getattr(datasets, f"fetch_{name}")(**options)


def values(name):
    n_samples, n_features = SHAPES[name]
    return np.random.default_rng(0).standard_normal((n_samples, n_features + 1))


def text(table):
    names = ['"y"', *(f'"x{j}"' for j in range(table.shape[1] - 1))]
    return "\n".join([",".join(names), *(",".join(map(repr, row)) for row in table.tolist())])


def genotypes(**changes):
    rng = np.random.default_rng(0)
    parts = {
        "X": rng.standard_normal((N_INDIVIDUALS, N_VARIANTS)).astype(np.float32),
        "Y": rng.standard_normal((N_INDIVIDUALS, 2)),
        "true_coef": rng.standard_normal((N_VARIANTS, 2)),
    }
    return parts | changes


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SPARSEVAE_DATA", str(tmp_path))
    (tmp_path / "regression").mkdir()
    return tmp_path


@pytest.mark.parametrize("place", ["{}.csv", "{}.csv.gz", "regression/{}.csv", "regression/{}.csv.gz"])
@pytest.mark.parametrize("name", SHAPES)
def test_a_table_is_read_from_the_local_folder(name, place, folder):
    table, path = values(name), folder / place.format(name)
    content = text(table).encode()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    data = fetch(name)
    np.testing.assert_array_equal(data.X, table[:, 1:])
    np.testing.assert_array_equal(data.y, table[:, 0])
    assert data.feature_names[:2].tolist() == ["x0", "x1"]
    assert data.source == path


@pytest.mark.parametrize("name", SHAPES)
def test_frames_carry_the_names(name, folder):
    pytest.importorskip("pandas")
    (folder / f"{name}.csv").write_text(text(values(name)), encoding="utf-8")
    X, y = fetch(name, return_X_y=True, as_frame=True)
    assert (X.shape, X.columns[0], y.name) == (SHAPES[name], "x0", "y")


def test_genotypes_are_read_from_the_local_folder(folder):
    parts = genotypes()
    np.savez_compressed(folder / "regression" / "finemapping.npz", **parts)
    data = datasets.fetch_finemapping()
    np.testing.assert_array_equal(data.X, parts["X"])
    np.testing.assert_array_equal(data.Y, parts["Y"])
    np.testing.assert_array_equal(data.coef, parts["true_coef"].T)
    assert data.X.dtype == np.float64


@pytest.mark.parametrize(("name", "origin"), [("trim32", "abess"), ("gasoline", "pls"), ("finemapping", "susieR")])
def test_without_a_copy_the_error_says_how_to_make_one(name, origin, folder, monkeypatch):
    with pytest.raises(DataUnavailableError, match=rf"{name}.* in {re.escape(str(folder))}.*{origin}"):
        fetch(name)
    monkeypatch.delenv("SPARSEVAE_DATA")
    with pytest.raises(DataUnavailableError, match=rf"SPARSEVAE_DATA is not set.*{origin}"):
        fetch(name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not enough values"),
        (b"y,x\n1,2\n", r"shape \(1, 2\), but \(60, 402\) is needed"),
        (b"y,x\n1,high\n", "high"),
        (text(np.full((60, 402), np.nan)).encode(), "NaN"),
        (b"0" * 5_000_000, "unpacks to more than 4824000 bytes"),
    ],
)
def test_a_damaged_table_is_named(content, message, folder):
    (folder / "gasoline.csv.gz").write_bytes(gzip.compress(content, mtime=0))
    with pytest.raises(DataUnavailableError, match=rf"gasoline\.csv\.gz is not a readable copy.*{message}"):
        datasets.fetch_gasoline()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"X": np.zeros((3, 4))}, r"X is float64 of shape \(3, 4\), but floats of shape \(574, 1001\)"),
        ({"Y": np.zeros((N_INDIVIDUALS, 2), object)}, r"Y is object of shape"),
        ({"true_coef": None}, "true_coef"),
    ],
)
def test_damaged_genotypes_are_named(changes, message, folder):
    parts = {name: part for name, part in genotypes(**changes).items() if part is not None}
    np.savez_compressed(folder / "finemapping.npz", **parts)
    with pytest.raises(DataUnavailableError, match=rf"finemapping\.npz is not a readable copy.*{message}"):
        datasets.fetch_finemapping()


def test_genotypes_that_are_no_archive_are_named(folder):
    (folder / "finemapping.npz").write_bytes(b"none")
    with pytest.raises(DataUnavailableError, match="not a zip file"):
        datasets.fetch_finemapping()
