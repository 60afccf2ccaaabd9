"""Designs in blocks of dask, held to the same fits and predictions as the numbers in memory."""

import _thread
import itertools
import os
import threading
import time
from collections import Counter

import numpy as np
import pytest
import scipy.sparse
from sparsevae import ColumnBlocks, PreconditionedVae, SimultaneousSparseVae, VaeSlr, fit_many
from sparsevae._input import columns
from sparsevae._input.remote import DaskColumns
from sparsevae.exceptions import DataTypeError, NonFiniteError, ParameterError, ShapeError

da = pytest.importorskip("dask.array")

# So wide that the search works on some of the columns.
N_SAMPLES, N_FEATURES = 60, 4000
RNG = np.random.default_rng(0)
COUNTS = RNG.binomial(2, 0.3, (N_SAMPLES, N_FEATURES)).astype(np.int8)
SUPPORT = [3, 1500, 3999]
NOISY = COUNTS[:, SUPPORT] @ [1.0, -2.3, 0.7] + 0.2 * RNG.standard_normal(N_SAMPLES)
WEIGHTS = RNG.uniform(0.2, 3, N_SAMPLES)
WEIGHTS[[0, 9]] = 0.0
CHUNKS = {"columns": (N_SAMPLES, 900), "rows": (13, N_FEATURES), "rows and columns": (25, 1700), "one": COUNTS.shape}
every_chunking = pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)


@pytest.fixture(autouse=True)
def few_entries_stay_where_they_are(monkeypatch):
    monkeypatch.setattr(columns, "WHOLE", 0)


def assert_same(found, expected, X, dense=COUNTS):
    np.testing.assert_array_equal(found.support_, expected.support_)
    tolerance = 1e-8 if found.coef_.dtype == np.float64 else 1e-6
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(found.intercept_, expected.intercept_, rtol=tolerance, atol=tolerance)
    for values, wanted in zip(found.predict(X, True), expected.predict(dense, True), strict=True):
        assert type(values) is np.ndarray
        np.testing.assert_allclose(values, wanted, rtol=tolerance, atol=10 * tolerance)


@every_chunking
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
def test_fits_and_predictions_are_those_of_the_numbers_in_memory(chunks, fit_intercept, weights):
    X = da.from_array(COUNTS, chunks=chunks)
    expected = VaeSlr(fit_intercept=fit_intercept).fit(COUNTS, NOISY, weights)
    found = VaeSlr(fit_intercept=fit_intercept).fit(X, NOISY, weights)
    assert set(expected.support_) >= set(SUPPORT)
    assert found.n_passes_ == expected.n_passes_ >= 2
    assert_same(found, expected, X)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", ">i2", "bool"])
def test_blocks_of_any_numbers_are_read(dtype):
    values = COUNTS.astype(dtype)
    X, dense = da.from_array(values, chunks=(40, 1700)), values.astype(np.float64)
    assert_same(VaeSlr().fit(X, NOISY), VaeSlr().fit(dense, NOISY), X, dense)


@every_chunking
@pytest.mark.parametrize("form", [scipy.sparse.csc_array, scipy.sparse.csr_array, scipy.sparse.csr_matrix])
def test_blocks_may_be_sparse(chunks, form):
    X = da.from_array(COUNTS, chunks=chunks).map_blocks(form, dtype=COUNTS.dtype)
    assert_same(VaeSlr().fit(X, NOISY), VaeSlr().fit(COUNTS, NOISY), X)


def test_blocks_of_columns_give_the_bits_of_memory():
    found = VaeSlr().fit(da.from_array(COUNTS, chunks=(N_SAMPLES, 900)), NOISY)
    expected = VaeSlr().fit(COUNTS, NOISY)
    np.testing.assert_array_equal(found.coef_, expected.coef_)
    np.testing.assert_array_equal(found.inclusion_prob_, expected.inclusion_prob_)


def test_blocks_of_rows_give_the_same_bits_on_any_number_of_threads():
    X, dask = da.from_array(COUNTS, chunks=(7, 1300)), pytest.importorskip("dask")
    with dask.config.set(scheduler="synchronous"):
        alone = VaeSlr().fit(X, NOISY)
    with dask.config.set(scheduler="threads", num_workers=4):
        together = VaeSlr().fit(X, NOISY)
    np.testing.assert_array_equal(alone.coef_, together.coef_)
    np.testing.assert_array_equal(alone.inclusion_prob_, together.inclusion_prob_)


def collected(parts, n_rows, n_columns):
    out = np.full((n_rows, n_columns), np.nan)
    for row, start, values in filter(None, parts):
        out[row : row + len(values), start : start + values.shape[1]] = values
    return out


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("weights", [np.ones(40), RNG.uniform(0.1, 5, 40)], ids=["", "weights"])
def test_moments_of_blocks_of_rows_are_those_of_all_rows(centred, weights):
    values = RNG.standard_normal((40, 6))
    values[:, 1] += 1e6
    values[:, 2] = 7.0
    values[:, 3] = 0.0
    values[:13, 4] = 0.0
    values[:, 5] *= np.where(np.arange(40) < 20, 1e-150, 1e-300)
    weights = weights.copy()
    weights[[0, 1, 2, 20]] = 0
    roots = np.sqrt(weights)
    whole, parts = (
        collected(DaskColumns(da.from_array(values, chunks=chunks)).moments(roots, centred), 5, 6)
        for chunks in ((40, 6), (3, 4))
    )
    divisor, mean, share, square, bad = parts
    used = values[weights > 0]
    largest = np.abs(used).max(axis=0)
    np.testing.assert_array_equal(divisor, np.where(largest > 0, largest, 1))
    scaled, used_weights = used / divisor, weights[weights > 0]
    expected = np.average(scaled, axis=0, weights=used_weights) if centred else np.zeros(6)
    np.testing.assert_allclose(mean, expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(square, used_weights @ (scaled - expected) ** 2, rtol=1e-8, atol=1e-25)
    np.testing.assert_allclose(parts[:3], whole[:3], rtol=1e-12, atol=1e-15)
    assert np.isinf(bad).all()
    if not centred:
        assert not share.any()


@every_chunking
def test_values_that_are_not_finite_are_named_as_in_memory(chunks):
    values = COUNTS.astype(np.float32)
    values[50, 3], values[20, 2500], values[20, 3000] = np.nan, np.inf, np.nan
    # A sample of weight 0 may be anything.
    values[9, 7] = np.nan
    X = da.from_array(values, chunks=chunks)
    with pytest.raises(NonFiniteError, match=r"`X`.*\[20, 2500\]"):
        VaeSlr().fit(X, NOISY, WEIGHTS)
    with pytest.raises(NonFiniteError, match=r"`X`.*\[9, 7\]"):
        VaeSlr().fit(X, NOISY)
    model = VaeSlr().fit(COUNTS, NOISY)
    with pytest.raises(NonFiniteError, match=r"`X`.*\[50, 3\]"):
        model.predict(X)


def counted(width):
    """The first columns, in four blocks of this width, and how often each block has been read."""
    reads = Counter()

    def read(block_info=None):
        _, (start, stop) = block_info[None]["array-location"]
        reads[start // width] += 1
        return COUNTS[:, start:stop]

    array = da.map_blocks(read, chunks=((N_SAMPLES,), (width,) * 4), dtype=np.int8, meta=np.empty((0, 0), np.int8))
    reads.clear()
    return array, reads


def test_a_block_is_read_once_for_each_pass_and_once_for_columns_of_it():
    X, reads = counted(1000)
    model = VaeSlr().fit(X, NOISY)
    # One pass for the moments; the columns that a pass asks for, and the support's.
    most = 1 + 2 * model.n_passes_ + 1
    assert all(1 + model.n_passes_ <= count <= most for count in reads.values())
    assert len(reads) == 4


def test_a_prediction_reads_blocks_of_the_support_alone():
    X, reads = counted(1000)
    model = VaeSlr().fit(COUNTS, NOISY)
    np.testing.assert_array_equal(model.predict(X), model.predict(ColumnBlocks(COUNTS)))
    assert reads == {0: 1, 1: 1, 3: 1}


NARROW = COUNTS[:, [3, 500, 799]] @ [1.0, -2.3, 0.7] + 0.2 * RNG.standard_normal(N_SAMPLES)


@pytest.mark.parametrize(
    "fit",
    [
        lambda X: VaeSlr().fit(X, NARROW),
        lambda X: VaeSlr(noise_var=0.04, support_rule="evidence").fit(X, NARROW),
        lambda X: VaeSlr().fit(X, COUNTS[:, [3, 500, 799]] @ [1.0, -2.3, 0.7]),
        lambda X: PreconditionedVae().fit(X, NARROW),
        lambda X: SimultaneousSparseVae().fit(X, np.column_stack([NARROW, NARROW + COUNTS[:, 3]])),
        lambda X: fit_many(VaeSlr(), X, np.column_stack([NARROW, NARROW]), n_jobs=2)[0],
    ],
    ids=["unknown noise", "given noise", "no noise", "preconditioned", "several responses", "many responses"],
)
def test_searches_on_all_columns_read_them_a_few_times(fit):
    X, reads = counted(200)
    found, expected = fit(X), fit(COUNTS[:, :800])
    assert len(expected.support_)
    # The moments, all columns to keep, and some to compare or to report on.
    assert max(reads.values()) <= 4
    np.testing.assert_array_equal(found.support_, expected.support_)
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-8, atol=1e-10)


def test_more_than_this_process_holds_is_refused_where_all_columns_are_needed(monkeypatch):
    monkeypatch.setattr(DaskColumns, "nbytes", 3 * 2**30)
    X = da.from_array(COUNTS, chunks=(N_SAMPLES, 900))
    with pytest.raises(ParameterError, match=r"`X` is a dask array of 3.0 GiB, but it must be at most 2 GiB"):
        VaeSlr(noise_var=0.04, support_rule="evidence").fit(X, NOISY)
    assert VaeSlr().fit(X, NOISY).support_.tolist() == SUPPORT


def test_a_design_too_large_for_condition_numbers_is_refused_before_the_search(monkeypatch):
    monkeypatch.setattr(DaskColumns, "nbytes", 3 * 2**30)
    monkeypatch.setattr(DaskColumns, "multiply", lambda *_: pytest.fail("the search has begun"))
    X = da.from_array(COUNTS, chunks=(N_SAMPLES, 900))
    with pytest.raises(ParameterError, match=r"3.0 GiB.*`VaeSlr`"):
        PreconditionedVae().fit(X, NOISY)


@pytest.mark.parametrize(
    ("array", "error", "message"),
    [
        (lambda: da.from_array(COUNTS + 1j, chunks=900), DataTypeError, "`X` has dtype complex128"),
        (lambda: da.from_array(COUNTS.astype("U1"), chunks=900), DataTypeError, "`X` has dtype <U1"),
        (lambda: da.from_array(COUNTS, chunks=900)[1:], ShapeError, "`y` has 60 rows, but `X` has 59"),
        (lambda: da.from_array(COUNTS, chunks=900)[:, 0], ShapeError, r"shape \(60,\)"),
    ],
    ids=["complex", "text", "shorter", "one column"],
)
def test_what_is_no_matrix_of_numbers_is_refused(array, error, message):
    with pytest.raises(error, match=message):
        VaeSlr().fit(array(), NOISY)


def test_a_number_of_rows_that_is_not_known_is_refused():
    X = da.from_array(COUNTS, chunks=900)
    with pytest.raises(ShapeError, match="nan"):
        VaeSlr().fit(X[X[:, 0] > 0], NOISY)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_what_a_block_raises_is_raised(n_jobs):
    def read(block_id=None):
        if block_id[1] == 2:
            raise OSError("the disk is gone")
        return COUNTS[:, :1000]

    X = da.map_blocks(read, chunks=((N_SAMPLES,), (1000,) * 4), dtype=np.int8, meta=np.empty((0, 0), np.int8))
    with pytest.raises(OSError, match="the disk is gone"):
        fit_many(VaeSlr(), X, NOISY[:, None], n_jobs=n_jobs) if n_jobs else VaeSlr().fit(X, NOISY)


@pytest.fixture(scope="module")
def client():
    """Two processes of one thread."""
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        client.run(lambda: __import__("sparsevae"))
        yield client


def on_disk(tmp_path, seconds=0.0):
    """Blocks of columns that workers read from a file."""
    np.save(tmp_path / "x.npy", COUNTS)
    path = str(tmp_path / "x.npy")

    def read(block_info=None):
        time.sleep(seconds)
        rows, columns = (slice(*place) for place in block_info[None]["array-location"])
        return np.array(np.load(path, mmap_mode="r")[rows, columns])

    chunks = ((N_SAMPLES,), (500,) * 8)
    return da.map_blocks(read, chunks=chunks, dtype=np.int8, meta=np.empty((0, 0), np.int8))


@pytest.mark.slow
@pytest.mark.usefixtures("client")
def test_fits_on_a_cluster_are_the_bits_of_memory(tmp_path):
    X, expected = on_disk(tmp_path), VaeSlr().fit(COUNTS, NOISY)
    np.testing.assert_array_equal(VaeSlr().fit(X, NOISY).coef_, expected.coef_)
    for model in fit_many(VaeSlr(), X, np.column_stack([NOISY, NOISY]), n_jobs=2):
        np.testing.assert_array_equal(model.coef_, expected.coef_)


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_an_interrupt_ends_a_pass_on_a_cluster_and_leaves_it_idle(n_jobs, client, tmp_path):
    X, sent = on_disk(tmp_path, seconds=0.5), []

    def press():
        sent.append(time.perf_counter())
        _thread.interrupt_main()

    threading.Timer(1.0, press).start()
    with pytest.raises(KeyboardInterrupt):
        fit_many(VaeSlr(), X, NOISY[:, None], n_jobs=n_jobs) if n_jobs else VaeSlr().fit(X, NOISY)
    # One pass takes 2 s, and there are several.
    assert time.perf_counter() - sent[0] < 1.0
    until = time.perf_counter() + 10
    while any(client.processing().values()) and time.perf_counter() < until:
        time.sleep(0.05)
    assert not any(client.processing().values())


@pytest.mark.slow
@pytest.mark.parametrize("persisted", [False, True])
def test_a_worker_that_dies_in_a_pass_costs_no_fit(persisted, client, tmp_path, monkeypatch):
    X = on_disk(tmp_path)
    client.wait_for_workers(2)
    if persisted:
        X = X.persist()
        pytest.importorskip("distributed").wait(X)
    alive = list(client.run(os.getpid).values())
    passes, multiply = itertools.count(1), DaskColumns.multiply

    def killing(self, vectors):
        number = next(passes)
        for part in multiply(self, vectors):
            if number == 2 and part is not None and len(alive) == 2:
                pytest.importorskip("psutil").Process(alive.pop()).kill()
            yield part

    monkeypatch.setattr(DaskColumns, "multiply", killing)
    model = VaeSlr().fit(X, NOISY)
    assert len(alive) == 1
    assert_same(model, VaeSlr().fit(COUNTS, NOISY), X)
