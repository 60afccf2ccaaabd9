"""ReLU manifolds and corrupted digits through the public API."""

import _thread
import gzip
import io
import math
import struct
import threading
import zipfile
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import kstest, norm
from sklearn.datasets import load_digits
from sparsevae.datasets import make_corrupted_digits, make_low_rank_outliers, make_relu_manifold
from sparsevae.exceptions import DataUnavailableError, ParameterError

SMALL = {"n_samples": 300, "n_features": 20, "dimension": 2, "hidden": (16, 24)}


def forward(values, weights, offsets=None):
    for index, matrix in enumerate(weights):
        values = values @ matrix + (0 if offsets is None else offsets[index])
        if index < len(weights) - 1:
            values = np.maximum(values, 0)
    return values


def check_outliers(data, share, law):
    """Replaced entries have the stated share, law and places; the others are clean."""
    assert abs(data.outlier_mask.mean() - share) < 5 * np.sqrt(share * (1 - share) / data.X.size)
    np.testing.assert_array_equal(data.X[~data.outlier_mask], data.clean[~data.outlier_mask])
    np.testing.assert_array_equal(data.outliers, data.X - data.clean)
    assert not data.outliers[~data.outlier_mask].any()
    values, clean = data.X[data.outlier_mask], data.clean[data.outlier_mask]
    assert kstest(values, law).pvalue > 1e-4
    assert abs(np.corrcoef(values, clean)[0, 1]) < 5 / np.sqrt(values.size)
    assert abs(np.corrcoef(data.outlier_mask.ravel(), data.clean.ravel())[0, 1]) < 5 / np.sqrt(data.X.size)


@pytest.mark.parametrize("hidden", [(200, 200), [30], np.array([9, 8, 7])])
def test_the_decoder_maps_latent_points_to_clean_ones(hidden):
    data = make_relu_manifold(1500, 40, dimension=3, hidden=hidden, random_state=0)
    assert set(data) == {"X", "clean", "outliers", "outlier_mask", "latent", "decoder"}
    sizes = [3, *hidden, 40]
    assert [weights.shape for weights in data.decoder] == list(pairwise(sizes))
    assert (data.X.shape, data.latent.shape, data.outlier_mask.dtype) == ((1500, 40), (1500, 3), bool)
    np.testing.assert_allclose(forward(data.latent, data.decoder), data.clean, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dimension", [2, 8])
def test_clean_points_have_unit_scale_and_no_low_rank(dimension):
    data = make_relu_manifold(4000, dimension=dimension, random_state=1)
    assert np.mean(data.clean**2) == pytest.approx(1, rel=0.1)
    assert np.linalg.matrix_rank(data.clean) == 100
    energy = np.linalg.svd(data.clean, compute_uv=False) ** 2
    assert energy[dimension:].sum() > 0.1 * energy.sum()
    assert kstest(data.latent.ravel(), "norm").pvalue > 1e-4
    for weights in data.decoder[:-1]:
        assert kstest((weights * np.sqrt(len(weights) / 2)).ravel(), "norm").pvalue > 1e-4


def test_entries_are_replaced_at_the_stated_share_and_law():
    data = make_relu_manifold(2000, 60, outlier_share=0.3, magnitude=3.0, random_state=2)
    check_outliers(data, 0.3, norm(scale=3).cdf)
    none, every = (make_relu_manifold(**SMALL, outlier_share=share, random_state=2) for share in (0, 1))
    np.testing.assert_array_equal(none.X, none.clean)
    assert (none.outlier_mask.any(), every.outlier_mask.all()) == (False, True)


def test_draws_are_repeatable_nested_and_independent():
    data = make_relu_manifold(**SMALL, outlier_share=0.2, random_state=3)
    again = make_relu_manifold(**SMALL, outlier_share=0.2, random_state=3)
    larger = make_relu_manifold(**{**SMALL, "n_samples": 2500}, outlier_share=0.2, random_state=3)
    for name in ("X", "clean", "outliers", "outlier_mask", "latent"):
        np.testing.assert_array_equal(again[name], data[name])
        np.testing.assert_array_equal(larger[name][:300], data[name])
    for weights, same in zip(data.decoder, larger.decoder, strict=True):
        np.testing.assert_array_equal(weights, same)
    stronger = make_relu_manifold(**SMALL, outlier_share=0.4, magnitude=5.0, random_state=3)
    np.testing.assert_array_equal(stronger.clean, data.clean)
    assert stronger.outlier_mask[data.outlier_mask].all()
    np.testing.assert_allclose(stronger.X[data.outlier_mask], 5 * data.X[data.outlier_mask], rtol=1e-14)
    other = make_relu_manifold(**SMALL, random_state=4)
    assert not np.isin(other.latent, data.latent).any()
    assert not np.isin(data.decoder[0], other.decoder[0]).any()
    digits = make_corrupted_digits(outlier_share=0.2, random_state=3)
    rows = slice(0, 300)
    assert not np.array_equal(digits.outlier_mask[rows, :20].ravel(), data.outlier_mask.ravel())
    assert not np.isin(make_low_rank_outliers(300, 20, random_state=3).X, data.X).any()


@pytest.mark.parametrize("dimension", [1, 2])
def test_the_trained_encoder_inverts_the_decoder(dimension):
    settings = {**SMALL, "dimension": dimension}
    data = make_relu_manifold(**settings, train_encoder=True, random_state=0)
    assert [weights.shape for weights in data.encoder] == [(20, 24), (24, 16), (16, dimension)]
    assert [vector.shape for vector in data.encoder_offsets] == [(24,), (16,), (dimension,)]
    found = forward(data.clean, data.encoder, data.encoder_offsets)
    for error, (guess, truth) in {
        data.encoder_error: (found, data.latent),
        data.reconstruction_error: (forward(found, data.decoder), data.clean),
    }.items():
        assert error < 1e-3
        assert np.sum((guess - truth) ** 2) / np.sum(truth**2) == pytest.approx(error, rel=1)
    plain = make_relu_manifold(**settings, random_state=0)
    for name in ("X", "clean", "latent"):
        np.testing.assert_array_equal(data[name], plain[name])


def test_training_can_be_interrupted():
    timer = threading.Timer(0.3, _thread.interrupt_main)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        make_relu_manifold(train_encoder=True, random_state=0)
    timer.join()


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"n_samples": 0}, "n_samples"),
        ({"n_features": 2.5}, "n_features"),
        ({"n_features": np.nan}, "n_features"),
        ({"n_samples": 2**40, "n_features": 2**40}, "n_features"),
        ({"dimension": 0}, "dimension"),
        ({"dimension": 2**62}, "dimension"),
        ({"hidden": 200}, "hidden"),
        ({"hidden": "200"}, "hidden"),
        ({"hidden": ()}, "hidden"),
        ({"hidden": (200, 0)}, r"hidden\[1\]"),
        ({"hidden": (200, np.nan)}, r"hidden\[1\]"),
        ({"hidden": (2**60, 2)}, r"hidden\[0\]"),
        ({"outlier_share": -0.1}, "outlier_share"),
        ({"outlier_share": 1.1}, "outlier_share"),
        ({"outlier_share": np.nan}, "outlier_share"),
        ({"outlier_share": "some"}, "outlier_share"),
        ({"magnitude": 0.0}, "magnitude"),
        ({"magnitude": np.inf}, "magnitude"),
        ({"magnitude": np.nan}, "magnitude"),
        ({"train_encoder": 1}, "train_encoder"),
        ({"train_encoder": "yes"}, "train_encoder"),
        ({"random_state": -1}, "random_state"),
    ],
)
def test_a_bad_argument_is_named(options, name):
    with pytest.raises(ParameterError, match=f"`{name}` is"):
        make_relu_manifold(**options)


def test_a_network_that_is_zero_everywhere_is_refused():
    with pytest.raises(ParameterError, match=r"`hidden` is \(1, 1\), but it must be wider"):
        make_relu_manifold(50, 3, dimension=1, hidden=(1, 1), random_state=0)


IMAGES = np.random.default_rng(0).integers(0, 256, (7, 4, 3), dtype=np.uint8)
IDX = struct.pack(">4I", 0x803, *IMAGES.shape) + IMAGES.tobytes()


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def npz_of(method=zipfile.ZIP_DEFLATED, **members):
    """An .npz whose members are a header for the first shape and as many zeros as the second needs."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, (promised, held) in members.items():
            header = io.BytesIO()
            np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": promised})
            archive.writestr(f"{name}.npy", header.getvalue() + bytes(math.prod(held)))
    return buffer.getvalue()


def write(folder, content):
    path = folder / "images"
    path.write_bytes(content)
    return path


def test_bundled_digits_are_scaled_and_in_order():
    data = make_corrupted_digits(outlier_share=0.4, random_state=0)
    assert set(data) == {"X", "clean", "outliers", "outlier_mask", "target", "image_shape"}
    images, target = load_digits(return_X_y=True)
    np.testing.assert_array_equal(data.clean, images / 16)
    np.testing.assert_array_equal(data.target, target)
    assert (data.image_shape, data.X.min() >= 0, data.X.max()) == ((8, 8), True, 1.0)
    check_outliers(data, 0.4, "uniform")


def test_subsets_of_digits_are_nested_and_keep_their_labels():
    few, many, other = (
        make_corrupted_digits(n_samples=count, random_state=seed) for count, seed in ((100, 0), (1797, 0), (100, 1))
    )
    for name in ("X", "clean", "outliers", "outlier_mask", "target"):
        np.testing.assert_array_equal(few[name], many[name][:100])
    assert not np.array_equal(few.target, other.target)
    images, target = load_digits(return_X_y=True)
    pairs = sorted((*pixels, label) for pixels, label in zip(many.clean * 16, many.target, strict=True))
    assert pairs == sorted((*pixels, label) for pixels, label in zip(images, target, strict=True))
    more = make_corrupted_digits(n_samples=100, outlier_share=0.5, random_state=0)
    np.testing.assert_array_equal(more.clean, few.clean)
    np.testing.assert_array_equal(more.X[few.outlier_mask], few.X[few.outlier_mask])


@pytest.mark.parametrize(
    ("content", "target"),
    [
        (IDX, None),
        (gzip.compress(IDX, mtime=0), None),
        (
            npz(x_train=IMAGES[:5], x_test=IMAGES[5:], y_train=np.arange(5, dtype=np.uint8), y_test=[8, 9]),
            [*range(5), 8, 9],
        ),
        (npz(x_test=IMAGES, y_test=np.arange(7), y_train=np.arange(3)), [*range(7)]),
        (npz(x_train=IMAGES), None),
        (npz(x_train=IMAGES[:5], x_test=IMAGES[5:], y_test=np.arange(2)), None),
    ],
)
def test_images_are_read_from_a_file_of_any_format(content, target, tmp_path):
    path = write(tmp_path, content)
    data = make_corrupted_digits(path=path, outlier_share=0, random_state=0)
    np.testing.assert_array_equal(data.X, IMAGES.reshape(7, 12) / 255)
    assert data.image_shape == (4, 3)
    assert (None if data.target is None else data.target.tolist()) == target
    subset = make_corrupted_digits(path=str(path), n_samples=4, random_state=0)
    places = [np.flatnonzero((row == data.X).all(axis=1)).item() for row in subset.clean]
    assert len(set(places)) == 4
    if target is not None:
        assert subset.target.tolist() == [target[place] for place in places]
    with pytest.raises(ParameterError, match="`n_samples` is 8, but there are 7 images"):
        make_corrupted_digits(path=path, n_samples=8)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has 0 bytes"),
        (IDX[:-1], "83 bytes after its header, but images of .* need 84"),
        (IDX + b"0", "85 bytes after its header, but images of .* need 84"),
        (struct.pack(">4I", 0x803, 0, 4, 3), r"it has shape \(0, 4, 3\)"),
        (struct.pack(">2I", 0x801, 20) + bytes(20), "begins with 0x00000801, but images begin with 0x00000803"),
        (b"label,pixel\n" * 10, "begins with 0x6c616265"),
        (gzip.compress(IDX, mtime=0)[:-9], "end-of-stream"),
        (
            gzip.compress(IDX + bytes(10**8), mtime=0),
            "at least 85 bytes after its header, but images of .* need 84",
        ),
        (gzip.compress(struct.pack(">4I", 0x803, *[2**32 - 1] * 3), mtime=0), "has 0 bytes after its header"),
        (b"\x1f\x8b" + b"no gzip at all", "compression method"),
        (b"PK\x03\x04 no zip at all", "not a zip file"),
        (npz(images=IMAGES), "it holds images"),
        (npz(), "begins with 0x504b0506"),
        (npz(x_train=IMAGES / 255), "x_train has dtype float64"),
        (npz(x_test=IMAGES.reshape(7, 12)), r"x_test has shape \(7, 12\)"),
        (npz(x_train=IMAGES, y_train=np.arange(6)), r"y_train has shape \(6,\)"),
        (npz(x_train=IMAGES, y_train=np.linspace(0, 1, 7)), "y_train has shape .* dtype float64"),
        (npz(x_train=IMAGES, x_test=IMAGES[:, :2]), "dimensions"),
        (npz(x_train=np.full((1, 2, 2), {})), "x_train has dtype object"),
        (npz(x_train=IMAGES, y_train=np.full(7, {})), "allow_pickle|y_train has"),
        (
            npz_of(x_train=((2**40, 28, 28), (1,))),
            r"x_train has 1 bytes after its header, but uint8 of shape \(1099511",
        ),
        (npz_of(x_train=((7, 4, 3), (10**8,))), "x_train has 100000000 bytes after its header, but .* needs 84"),
        (npz_of(x_test=((7, 4, 3),) * 2, y_test=((7,), (10**8,))), "y_test has 100000000 bytes after its header"),
        (npz_of(zipfile.ZIP_BZIP2, x_train=((10**5, 28, 28),) * 2), "x_train has 78400000 bytes, but no deflated"),
    ],
)
def test_a_file_of_another_format_is_refused(content, message, tmp_path):
    path = write(tmp_path, content)
    with pytest.raises(DataUnavailableError, match=f"images is not an idx3-ubyte file .*: .*({message})"):
        make_corrupted_digits(path=path)


def test_several_files_are_stacked_if_their_images_have_one_size(tmp_path):
    contents = {
        "plain": IDX,
        "labelled": npz(x_train=IMAGES[:5], y_train=np.arange(5)),
        "wide": npz(x_test=IMAGES[:, :, :2], y_test=np.arange(7)),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    plain, labelled, wide = (tmp_path / name for name in contents)
    data = make_corrupted_digits(path=[labelled, str(plain)], outlier_share=0, random_state=0)
    np.testing.assert_array_equal(data.X, np.concatenate([IMAGES[:5], IMAGES]).reshape(12, 12) / 255)
    assert data.target is None
    twice = make_corrupted_digits(path=(labelled, labelled), outlier_share=0, random_state=0)
    assert twice.target.tolist() == [*range(5), *range(5)]
    with pytest.raises(DataUnavailableError, match=r"one size, but have .*labelled: \(4, 3\), .*wide: \(4, 2\)"):
        make_corrupted_digits(path=[labelled, wide])


@pytest.mark.parametrize("name", ["absent.npz", "."])
def test_a_file_that_cannot_be_read_is_named(name, tmp_path):
    with pytest.raises(DataUnavailableError, match=r"cannot be read \(.*give `path` an idx3-ubyte file"):
        make_corrupted_digits(path=tmp_path / name)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"outlier_share": 1.5}, "outlier_share"),
        ({"outlier_share": np.nan}, "outlier_share"),
        ({"outlier_share": None}, "outlier_share"),
        ({"path": 5}, "path"),
        ({"path": []}, "path"),
        ({"path": [None]}, "path"),
        ({"n_samples": 0}, "n_samples"),
        ({"n_samples": 1798}, "n_samples"),
        ({"n_samples": 2.5}, "n_samples"),
        ({"random_state": "seed"}, "random_state"),
    ],
)
def test_a_bad_argument_of_the_digits_is_named(options, name):
    with pytest.raises(ParameterError, match=f"`{name}` is"):
        make_corrupted_digits(**options)
