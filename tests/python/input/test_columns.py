"""Designs of every kind, held to the fits and predictions of the same numbers as a dense float64 array."""

import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sparsevae import ColumnBlocks, PreconditionedVae, SimultaneousSparseVae, VaeSlr, fit_many
from sparsevae._input import columns
from sparsevae.exceptions import DataTypeError, NonFiniteError, ParameterError, ShapeError

N_SAMPLES, N_FEATURES = 60, 150
RNG = np.random.default_rng(0)
COUNTS = RNG.integers(0, 3, (N_SAMPLES, N_FEATURES)).astype(np.int8)
DENSE = COUNTS.astype(np.float64)
COEF = np.zeros(N_FEATURES)
COEF[[3, 50, 99]] = 1.0, -2.3, 0.7
CLEAN = DENSE @ COEF
NOISY = CLEAN + 0.3 * RNG.standard_normal(N_SAMPLES)
WEIGHTS = RNG.uniform(0.2, 3, N_SAMPLES)
WEIGHTS[5] = 0.0


def memory_map(tmp_path):
    np.save(tmp_path / "x.npy", COUNTS)
    return np.load(tmp_path / "x.npy", mmap_mode="r")


def strided(_):
    return np.repeat(np.repeat(COUNTS, 2, 0), 2, 1)[::2, ::2]


def few_columns_a_block(_):
    return ColumnBlocks(COUNTS, block_bytes=7 * N_SAMPLES)


def one_column_a_block(_):
    return ColumnBlocks(lambda start, stop: COUNTS[:, start:stop], shape=COUNTS.shape, block_bytes=1)


KINDS = {
    "float32": lambda _: COUNTS.astype(np.float32),
    "float16": lambda _: COUNTS.astype(np.float16),
    "big endian": lambda _: COUNTS.astype(">i2"),
    "int8": lambda _: COUNTS,
    "uint8": lambda _: COUNTS.astype(np.uint8),
    "int64": lambda _: COUNTS.astype(np.int64),
    "Fortran": lambda _: np.asfortranarray(COUNTS),
    "strided": strided,
    "memory map": memory_map,
    "frame": lambda _: pd.DataFrame(COUNTS, columns=[f"c{j}" for j in range(N_FEATURES)]),
    "csc": lambda _: scipy.sparse.csc_array(COUNTS),
    "csr": lambda _: scipy.sparse.csr_matrix(DENSE),
    "coo of float32": lambda _: scipy.sparse.coo_array(COUNTS.astype(np.float32)),
    "few columns a block": few_columns_a_block,
    "one column a block": one_column_a_block,
    "all columns in a block": lambda _: ColumnBlocks(COUNTS),
}
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def assert_same(model, expected, X):
    """Equal supports, and coefficients and predictions equal up to the rounding of their dtype."""
    np.testing.assert_array_equal(model.support_, expected.support_)
    tolerance = 1e-8 if model.coef_.dtype == np.float64 else 1e-6
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(model.intercept_, expected.intercept_, rtol=tolerance, atol=tolerance)
    for found, wanted in zip(model.predict(X, True), expected.predict(DENSE, True), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=10 * tolerance, atol=10 * tolerance)


@every_kind
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("y", [CLEAN, NOISY], ids=["clean", "noisy"])
def test_fits_and_predictions_are_those_of_the_float64_array(kind, fit_intercept, y, tmp_path):
    X, model = kind(tmp_path), VaeSlr(fit_intercept=fit_intercept)
    assert_same(model.fit(X, y), VaeSlr(fit_intercept=fit_intercept).fit(DENSE, y), X)


@every_kind
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_weights_are_those_of_the_float64_array(kind, fit_intercept, tmp_path):
    X, model = kind(tmp_path), VaeSlr(fit_intercept=fit_intercept)
    assert_same(model.fit(X, NOISY, WEIGHTS), VaeSlr(fit_intercept=fit_intercept).fit(DENSE, NOISY, WEIGHTS), X)


@every_kind
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
def test_several_responses_are_those_of_the_float64_array(kind, weights, tmp_path):
    X, Y = kind(tmp_path), np.column_stack([NOISY, 2 * NOISY + np.sin(np.arange(N_SAMPLES)), CLEAN])
    assert_same(SimultaneousSparseVae().fit(X, Y, weights), SimultaneousSparseVae().fit(DENSE, Y, weights), X)


@every_kind
def test_many_responses_are_those_of_the_float64_array(kind, tmp_path):
    X, Y = kind(tmp_path), np.column_stack([NOISY, CLEAN, NOISY[::-1]])
    expected = fit_many(PreconditionedVae(), DENSE, Y, sample_weight=WEIGHTS)
    models = fit_many(PreconditionedVae(), X, Y, sample_weight=WEIGHTS, n_jobs=2)
    for model, alone in zip(models, expected, strict=True):
        assert_same(model, alone, X)


@every_kind
def test_averages_are_those_of_the_float64_array(kind, tmp_path):
    X = kind(tmp_path)
    model, expected = (VaeSlr(model_averaging=True).fit(design, NOISY) for design in (X, DENSE))
    tolerance = 1e-8 if model.coef_.dtype == np.float64 else 1e-5
    for found, wanted in zip(model.predict(X, return_std=True), expected.predict(DENSE, return_std=True), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=tolerance)


@pytest.mark.parametrize("noise_var", [0.09, "learn"])
@pytest.mark.parametrize("optimizer", ["auto", "em", "adam"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_descents_are_those_of_the_float64_array(noise_var, optimizer):
    for model in (VaeSlr, PreconditionedVae):
        expected = model(noise_var=noise_var, optimizer=optimizer, n_steps=300, max_iter=300).fit(DENSE, NOISY)
        for X in (COUNTS, scipy.sparse.csc_array(COUNTS), ColumnBlocks(COUNTS)):
            found = model(noise_var=noise_var, optimizer=optimizer, n_steps=300, max_iter=300).fit(X, NOISY)
            np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-8, atol=1e-10)


def as_h5py(tmp_path, values):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", data=values, chunks=(N_SAMPLES, 40), compression="gzip")
    return h5py.File(tmp_path / "x.h5")["x"]


def as_zarr(tmp_path, values):
    zarr = pytest.importorskip("zarr")
    array = zarr.open(str(tmp_path / "x.zarr"), mode="w", shape=values.shape, chunks=(30, 40), dtype=values.dtype)
    array[:] = values
    return array


def as_dask(_, values):
    return pytest.importorskip("dask.array").from_array(values, chunks=(30, 40))


def as_bed(tmp_path, values):
    bed_reader = pytest.importorskip("bed_reader")
    bed_reader.to_bed(tmp_path / "x.bed", values.astype(np.float32))
    return bed_reader.open_bed(tmp_path / "x.bed")


def as_table(_, values):
    arrays = [np.ascontiguousarray(column) for column in values.T]
    return pytest.importorskip("pyarrow").table(arrays, names=[f"c{j}" for j in range(len(arrays))])


def as_parquet(tmp_path, values):
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(as_table(tmp_path, values), tmp_path / "x.parquet", row_group_size=25)
    return parquet.ParquetFile(tmp_path / "x.parquet")


LIBRARIES = {"h5py": as_h5py, "zarr": as_zarr, "dask": as_dask, "bed": as_bed, "table": as_table, "parquet": as_parquet}
every_library = pytest.mark.parametrize("library", LIBRARIES.values(), ids=LIBRARIES)


@every_library
@pytest.mark.parametrize("whole", [True, False])
def test_files_and_arrays_of_other_libraries_are_read_whole_or_in_blocks(library, whole, tmp_path, monkeypatch):
    if not whole:
        monkeypatch.setattr(columns, "WHOLE", 0)
    X = library(tmp_path, COUNTS)
    opened = columns.open_columns(X)
    assert isinstance(opened, np.ndarray if whole else ColumnBlocks)
    assert_same(VaeSlr().fit(X, NOISY), VaeSlr().fit(DENSE, NOISY), X)


@every_library
def test_missing_values_are_named_or_are_the_means_of_their_columns(library, tmp_path, monkeypatch):
    monkeypatch.setattr(columns, "WHOLE", 0)
    values = COUNTS.astype(np.float64)
    values[7, 3], values[9, 100] = np.nan, np.nan
    X = library(tmp_path, values)
    with pytest.raises(NonFiniteError, match=r"`X`.*\[7, 3\]"):
        VaeSlr().fit(X, NOISY)
    means = np.nanmean(values, axis=0)
    filled = np.where(np.isnan(values), means, values)
    model, blocks = VaeSlr(), ColumnBlocks(X, missing="mean")
    expected = VaeSlr().fit(filled, NOISY)
    np.testing.assert_allclose(model.fit(blocks, NOISY).coef_, expected.coef_, rtol=1e-8)
    np.testing.assert_allclose(model.predict(blocks), expected.predict(filled), rtol=1e-8)
    with pytest.raises(NonFiniteError, match=r"`X`.*\[7, 3\]"):
        model.predict(X)


def test_a_column_without_values_has_no_mean():
    values = DENSE.copy()
    values[:, 4] = np.nan
    with pytest.raises(ParameterError, match="`X` has no value in column 4"):
        VaeSlr().fit(ColumnBlocks(values, missing="mean"), NOISY)


@pytest.mark.parametrize(
    "make", [lambda x: x.astype(np.float32), scipy.sparse.csc_array, scipy.sparse.csr_array, ColumnBlocks]
)
def test_values_that_are_not_finite_are_named_by_row_and_column(make):
    model = VaeSlr().fit(DENSE, NOISY)
    values = DENSE.copy()
    values[20, 50], values[30, 3] = np.inf, np.nan
    for call in (lambda: VaeSlr().fit(make(values), NOISY), lambda: model.predict(make(values))):
        with pytest.raises(NonFiniteError, match=r"`X`.*\[(20, 50|30, 3)\]"):
            call()
    with pytest.raises(NonFiniteError, match=r"`X`.*\[20, 50\]"):
        VaeSlr().fit(make(values), NOISY)


@pytest.mark.parametrize(
    "call",
    [
        lambda X: VaeSlr().fit(X, NOISY),
        lambda X: SimultaneousSparseVae().fit(X, NOISY[:, None]),
        lambda X: fit_many(VaeSlr(), X, np.column_stack([NOISY, CLEAN]), n_jobs=2),
        lambda X: VaeSlr().fit(DENSE, NOISY).predict(X),
    ],
    ids=["fit", "simultaneous", "many", "predict"],
)
def test_what_a_source_raises_is_raised(call):
    def read(start, stop):
        if start <= 99 < stop:
            raise OSError("the disk is gone")
        return COUNTS[:, start:stop]

    X = ColumnBlocks(read, shape=COUNTS.shape, block_bytes=8 * N_SAMPLES * 20)
    with pytest.raises(OSError, match="the disk is gone"):
        call(X)


@pytest.mark.parametrize(
    ("read", "error", "message"),
    [
        (
            lambda start, stop: COUNTS[:, start : stop - 1],
            ShapeError,
            r"to 150 with shape \(60, 149\)",
        ),
        (lambda start, stop: COUNTS[:-1, start:stop], ShapeError, r"`X` was read from column 0 to 150"),
        (lambda start, stop: COUNTS[:, start:stop] + 1j, DataTypeError, "`X` has columns of dtype complex128"),
        (lambda start, stop: COUNTS[:, start:stop].astype(str), DataTypeError, "`X` has columns of dtype <U"),
    ],
)
def test_what_is_no_block_of_columns_is_refused(read, error, message):
    with pytest.raises(error, match=message):
        VaeSlr().fit(ColumnBlocks(read, shape=COUNTS.shape), NOISY)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ColumnBlocks(3), DataTypeError, "`source` is a int"),
        (lambda: ColumnBlocks(len), ShapeError, r"`source` has shape \(\)"),
        (lambda: ColumnBlocks(NOISY), ShapeError, r"`source` has shape \(60,\)"),
        (lambda: ColumnBlocks(COUNTS, missing="drop"), ParameterError, "`missing` is 'drop'"),
        (lambda: ColumnBlocks(COUNTS, block_bytes=0), ParameterError, "`block_bytes` is 0"),
    ],
)
def test_bad_arguments_of_blocks_are_refused_by_name(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_shapes_of_blocks_are_compared_as_those_of_arrays():
    X = ColumnBlocks(COUNTS)
    with pytest.raises(ShapeError, match="`y` has 59 rows, but `X` has 60"):
        VaeSlr().fit(X, NOISY[1:])
    with pytest.raises(ShapeError, match=r"149 features, but .* is expecting 150"):
        VaeSlr().fit(X, NOISY).predict(ColumnBlocks(COUNTS[:, 1:]))
    with pytest.raises(ShapeError, match="`X` has shape"):
        VaeSlr().fit(ColumnBlocks(COUNTS[:, :0]), NOISY)


def test_estimators_that_need_an_array_say_so():
    with pytest.raises(DataTypeError, match="`X` is read in blocks of columns"):
        SimultaneousSparseVae(noise_cov=np.eye(N_SAMPLES)).fit(ColumnBlocks(COUNTS), NOISY[:, None])
    with pytest.raises(DataTypeError, match="Sparse data was passed for `X`"):
        SimultaneousSparseVae(noise_cov=np.eye(N_SAMPLES)).fit(scipy.sparse.csc_array(COUNTS), NOISY[:, None])


def test_columns_without_a_coefficient_are_not_read_for_a_prediction():
    read = []

    def reader(start, stop):
        read.append((start, stop))
        return COUNTS[:, start:stop]

    model = VaeSlr().fit(DENSE, NOISY)
    mean = model.predict(ColumnBlocks(reader, shape=COUNTS.shape))
    np.testing.assert_allclose(mean, model.predict(DENSE), rtol=1e-12)
    assert read == [(j, j + 1) for j in model.support_]


@pytest.mark.parametrize("form", [scipy.sparse.csc_array, scipy.sparse.csr_array])
def test_entries_in_any_order_and_given_twice_are_read_and_left_as_they_are(form):
    known = form(COUNTS)
    halves = np.repeat(known.data[::-1] / 2, 2)
    X = form((halves, np.repeat(known.indices[::-1], 2), 2 * (known.nnz - known.indptr[::-1])), shape=COUNTS.shape)
    before = X.data.copy(), X.indices.copy(), X.indptr.copy()
    y = X.toarray() @ COEF + NOISY - CLEAN
    np.testing.assert_allclose(VaeSlr().fit(X, y).coef_, VaeSlr().fit(X.toarray(), y).coef_, rtol=1e-8)
    for values, kept in zip((X.data, X.indices, X.indptr), before, strict=True):
        np.testing.assert_array_equal(values, kept)


def test_indices_beyond_a_sparse_matrix_are_refused():
    X = scipy.sparse.csc_array(COUNTS)
    X.indices[0] = N_SAMPLES
    with pytest.raises(ShapeError, match="`X`"):
        VaeSlr().fit(X, NOISY)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of memory are those of Linux")
def test_large_noisy_designs_are_fitted_without_a_copy_in_float64():
    script = """
        import resource
        import numpy as np, scipy.sparse
        from sparsevae import ColumnBlocks, VaeSlr
        rng = np.random.default_rng(0)
        X = (rng.random((150, 80_000), dtype=np.float32) < 0.1).astype(np.int8)
        y = X[:, [5, 500, 50_000]] @ [1.0, -2.0, 1.5] + 0.1 * rng.standard_normal(150)
        VaeSlr().fit(X[:, :10], y)
        for kind in (np.asarray, np.asfortranarray, np.float32, scipy.sparse.csr_array, ColumnBlocks):
            design = kind(X)
            size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
            # As float64 the design has 96 million bytes.
            resource.setrlimit(resource.RLIMIT_AS, (size + 80_000_000, resource.RLIM_INFINITY))
            model = VaeSlr().fit(design, y)
            assert model.support_.tolist() == [5, 500, 50_000], (kind, model.support_)
            assert np.corrcoef(model.predict(design), y)[0, 1] > 0.99, kind
            del design
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
