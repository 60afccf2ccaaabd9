"""MNIST: folders and downloads, sizes by the headers, the message where it is not at hand."""

import gzip
import hashlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from sparsevae import datasets
from sparsevae.datasets import _files, _mnist, fetch_mnist
from sparsevae.exceptions import DataUnavailableError, ParameterError

NAMES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
COUNTS = {"train": 5, "test": 3}


def idx(values):
    sides = values.shape
    return struct.pack(f">{1 + len(sides)}I", 0x800 + len(sides), *sides) + values.astype(np.uint8).tobytes()


def content(part, kind, seed=0):
    """Images, for kind 0, or labels of a set that has few of them."""
    rng = np.random.default_rng([seed, kind, COUNTS[part]])
    return rng.integers(0, 256, (COUNTS[part], 28, 28)) if kind == 0 else rng.integers(0, 10, COUNTS[part])


@pytest.fixture
def small(monkeypatch):
    """The set with five images for training and three for tests."""
    parts = {
        part: _mnist._PARTS[part]._replace(
            n_images=COUNTS[part],
            images=hashlib.sha256(gzip.compress(idx(content(part, 0)), mtime=0)).hexdigest(),
            labels=hashlib.sha256(gzip.compress(idx(content(part, 1)), mtime=0)).hexdigest(),
        )
        for part in NAMES
    }
    monkeypatch.setattr(_mnist, "_PARTS", parts)
    monkeypatch.delenv("SPARSEVAE_DATA", raising=False)


def write(folder, part, *, compress=True):
    folder.mkdir(parents=True, exist_ok=True)
    for kind, name in enumerate(NAMES[part]):
        found = idx(content(part, kind))
        (folder / f"{name}{'.gz' if compress else ''}").write_bytes(
            gzip.compress(found, mtime=0) if compress else found
        )


@pytest.mark.parametrize("below", ["mnist", "."])
@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.usefixtures("small")
def test_a_folder_is_read_gzipped_or_not(below, compress, tmp_path, monkeypatch):
    for part in NAMES:
        write(tmp_path / below, part, compress=compress)
    monkeypatch.setenv("SPARSEVAE_DATA", str(tmp_path))
    data = fetch_mnist()
    assert set(data) == {"X", "y", "image_shape", "source"}
    pixels, labels = (np.concatenate([content(part, kind) for part in NAMES]) for kind in (0, 1))
    np.testing.assert_array_equal(data.X, pixels.reshape(8, 784) / 255)
    np.testing.assert_array_equal(data.y, labels)
    assert (data.X.dtype, data.y.dtype, data.image_shape) == (np.float64, np.int64, (28, 28))
    assert [path.name.removesuffix(".gz") for path in data.source] == [*NAMES["train"], *NAMES["test"]]
    X, y = fetch_mnist(part="test", return_X_y=True)
    np.testing.assert_array_equal(X, data.X[5:])
    np.testing.assert_array_equal(y, data.y[5:])


@pytest.mark.usefixtures("small")
def test_images_with_outliers_are_of_the_same_files(tmp_path, monkeypatch):
    write(tmp_path, "test")
    monkeypatch.setenv("SPARSEVAE_DATA", str(tmp_path))
    path = tmp_path / f"{NAMES['test'][0]}.gz"
    data = datasets.make_corrupted_digits(path=path, outlier_share=0.0)
    np.testing.assert_array_equal(data.X, fetch_mnist(part="test").X)


@pytest.mark.parametrize(
    ("kind", "found", "message"),
    [
        (0, idx(content("test", 0)[:2]), r"its header says images of \(2, 28, 28\), but \(3, 28, 28\) are needed"),
        (0, idx(content("test", 0)[:, 1:]), r"images of \(3, 27, 28\)"),
        (1, idx(content("test", 1)[:2]), r"its header says labels of \(2,\), but \(3,\) are needed"),
        (0, idx(content("test", 0))[:-1], "2351 bytes after its header, but images of .* need 2352"),
        (1, idx(content("test", 1)) + b"0", "at least 4 bytes|4 bytes after its header"),
        (1, idx(content("test", 0)), "begins with 0x00000803, but labels begin with 0x00000801"),
        (0, gzip.compress(idx(content("test", 0)), mtime=0)[:-9], "end-of-stream"),
        (0, b"", "it has 0 bytes, but the header alone has 16"),
    ],
)
@pytest.mark.usefixtures("small")
def test_files_of_other_sizes_are_refused(kind, found, message, tmp_path, monkeypatch):
    write(tmp_path, "test")
    (tmp_path / f"{NAMES['test'][kind]}.gz").write_bytes(found)
    monkeypatch.setenv("SPARSEVAE_DATA", str(tmp_path))
    with pytest.raises(DataUnavailableError, match=f"{NAMES['test'][kind]} of MNIST: .*({message})"):
        fetch_mnist(part="test")


@pytest.mark.usefixtures("small")
def test_what_is_missing_is_downloaded_with_its_checksum(tmp_path, monkeypatch):
    pooch = pytest.importorskip("pooch")
    write(tmp_path / "here", "test")
    monkeypatch.setenv("SPARSEVAE_DATA", str(tmp_path / "here"))
    calls = []

    def retrieve(url, known_hash, fname, path, downloader):
        calls.append((url, known_hash, fname, downloader.kwargs["timeout"]))
        write(Path(path), "train")
        return str(Path(path, fname))

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    data = fetch_mnist(data_home=tmp_path / "kept")
    assert [path.parent.name for path in data.source] == ["kept", "kept", "here", "here"]
    assert [fname for _, _, fname, _ in calls] == [f"{name}.gz" for name in NAMES["train"]]
    for url, known_hash, fname, timeout in calls:
        assert url == f"https://ossci-datasets.s3.amazonaws.com/mnist/{fname}"
        assert timeout == _files._PATIENCE == 10
        kept = (tmp_path / "kept" / fname).read_bytes()
        assert known_hash == f"sha256:{hashlib.sha256(kept).hexdigest()}"


@pytest.mark.usefixtures("small")
def test_without_a_network_the_error_says_what_to_do(tmp_path, monkeypatch):
    pytest.importorskip("pooch")
    monkeypatch.setattr(_mnist, "_URL", "http://127.0.0.1:9/")
    with pytest.raises(DataUnavailableError, match=r"MNIST is not at hand: .*127\.0\.0\.1.*SPARSEVAE_DATA"):
        fetch_mnist(data_home=tmp_path)


@pytest.mark.usefixtures("small")
def test_a_server_that_says_nothing_is_given_up(tmp_path, monkeypatch):
    pytest.importorskip("pooch")
    import socket

    monkeypatch.setattr(_files, "_PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(_mnist, "_URL", f"http://127.0.0.1:{server.getsockname()[1]}/")
        with pytest.raises(DataUnavailableError, match="timed out"):
            fetch_mnist(data_home=tmp_path)


def test_a_part_that_there_is_not_is_named():
    with pytest.raises(ParameterError, match="`part` is 'validation', but it must be one of all, train, test"):
        fetch_mnist(part="validation")


def test_the_images_for_tests_are_those_of_mnist():
    folder = Path(os.environ.get("SPARSEVAE_DATA", ""), "mnist")
    if not (folder / "t10k-images-idx3-ubyte.gz").is_file():
        pytest.skip("mnist/t10k-images-idx3-ubyte.gz is not in the folder that SPARSEVAE_DATA names")
    X, y = fetch_mnist(part="test", return_X_y=True)
    assert X.shape == (10_000, 784)
    assert y[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert np.bincount(y).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
