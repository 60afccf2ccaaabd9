"""The field of dipoles in a sphere beside MNE-Python's, and leadfields through the public API."""

import numpy as np
import pytest
from sparsevae import datasets
from sparsevae.exceptions import NonFiniteError, ParameterError, ShapeError

SENSORS = ("magnetometer", "axial_gradiometer", "planar_gradiometer")


def mne_field(positions, sensors, orientations):
    """Fields of dipoles along x, y and z in MNE's sphere model, by its public functions: (n_sensors, 3 n_sources)."""
    mne = pytest.importorskip("mne")
    info = mne.create_info(len(sensors), 1000.0, "mag")
    with info._unlock():
        info["dev_head_t"] = mne.Transform("meg", "head")
    for channel, place, z in zip(info["chs"], sensors, orientations, strict=True):
        x = np.cross(z, np.eye(3)[np.abs(z).argmin()])
        x /= np.linalg.norm(x)
        channel["coil_type"] = 2000  # a point magnetometer
        channel["loc"][:] = np.concatenate([place, x, np.cross(z, x), z])
    sphere = mne.make_sphere_model(r0=(0.0, 0.0, 0.0), head_radius=0.09, verbose="error")
    sources = {"rr": positions, "nn": positions / np.linalg.norm(positions, axis=1, keepdims=True)}
    space = mne.setup_volume_source_space(pos=sources, sphere=sphere, sphere_units="m", verbose="error")
    forward = mne.make_forward_solution(info, None, space, sphere, meg=True, eeg=False, verbose="error")
    np.testing.assert_array_equal(forward["source_rr"], positions)
    return forward["sol"]["data"]


def test_the_field_is_that_of_mne_in_every_direction():
    rng = np.random.default_rng(0)
    positions = datasets.make_meg_leadfield(3, 40, region="hemisphere", random_state=0).source_positions
    positions *= rng.uniform(0.1, 1.1, (40, 1))
    sensors = datasets.make_meg_leadfield(30, 3, random_state=0).sensor_positions * rng.uniform(1, 1.5, (30, 1))
    orientations = rng.standard_normal((30, 3))
    orientations /= np.linalg.norm(orientations, axis=1, keepdims=True)
    expected = mne_field(positions, sensors, orientations)
    found = datasets.sarvas_field(np.repeat(positions, 3, axis=0), np.tile(np.eye(3), (40, 1)), sensors, orientations)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("sensors", SENSORS)
def test_leadfields_are_those_of_mne(sensors):
    made = datasets.make_meg_leadfield(20, 30, sensors=sensors, orientation="free", unit_norm=False)
    signs = (1, -1)[: len(made.coil_positions)]
    fields = [mne_field(made.source_positions, coils, made.sensor_orientations) for coils in made.coil_positions]
    expected = sum(sign * field for sign, field in zip(signs, fields, strict=True))
    np.testing.assert_allclose(made.X, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("orientation", ["tangential", "smooth", "free"])
@pytest.mark.parametrize("sensors", SENSORS)
def test_arrays_have_the_stated_shapes_and_scale(sensors, orientation):
    made = datasets.make_meg_leadfield(8, 12, sensors=sensors, orientation=orientation, random_state=0)
    n_columns = 36 if orientation == "free" else 12
    shapes = {
        "X": (8, n_columns),
        "column_norms": (n_columns,),
        "sensor_positions": (8, 3),
        "sensor_orientations": (8, 3),
        "source_positions": (12, 3),
        "source_orientations": (n_columns, 3),
    }
    assert {name: made[name].shape for name in shapes} == shapes
    assert [coils.shape for coils in made.coil_positions] == [(8, 3)] * (1 if sensors == "magnetometer" else 2)
    assert made.X.dtype == np.float64
    assert made.X.flags.c_contiguous
    np.testing.assert_allclose(np.linalg.norm(made.X, axis=0), 1, rtol=1e-12)
    raw = datasets.make_meg_leadfield(8, 12, sensors=sensors, orientation=orientation, unit_norm=False, random_state=0)
    np.testing.assert_allclose(raw.X, made.X * made.column_norms, rtol=1e-14)


@pytest.mark.parametrize(("sensors", "length"), [("axial_gradiometer", 0.05), ("planar_gradiometer", 0.0168)])
def test_a_baseline_has_a_default_and_may_be_given(sensors, length):
    for baseline, expected in [(None, length), (0.03, 0.03)]:
        plus, minus = datasets.make_meg_leadfield(sensors=sensors, baseline=baseline).coil_positions
        np.testing.assert_allclose(np.linalg.norm(plus - minus, axis=1), expected, rtol=1e-12)


@pytest.mark.parametrize(("orientation", "low", "high"), [("tangential", 2e4, 1e5), ("smooth", 1e5, 5e6)])
def test_the_default_leadfield_is_as_badly_conditioned_as_stated(orientation, low, high):
    X = datasets.make_meg_leadfield(orientation=orientation, random_state=0).X
    assert low < np.linalg.cond(X) < high
    correlations = np.abs(X.T @ X)
    np.fill_diagonal(correlations, 0)
    assert 0.98 < correlations.max() < 0.999


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"n_sensors": 0}, "n_sensors"),
        ({"n_sources": 2.0}, "n_sources"),
        ({"n_sources": 2**62}, "n_sources"),
        ({"sensors": "gradiometer"}, "sensors"),
        ({"sensors": None}, "sensors"),
        ({"orientation": "radial"}, "orientation"),
        ({"region": "sphere"}, "region"),
        ({"source_radius": 0.0}, "source_radius"),
        ({"source_radius": "7 cm"}, "source_radius"),
        ({"sensor_radius": 0.07}, "sensor_radius"),
        ({"sensor_radius": np.inf}, "sensor_radius"),
        ({"sensors": "axial_gradiometer", "baseline": 0.0}, "baseline"),
        ({"sensors": "planar_gradiometer", "baseline": np.nan}, "baseline"),
        ({"unit_norm": "no"}, "unit_norm"),
        ({"random_state": 1.5}, "random_state"),
    ],
)
def test_leadfields_name_the_bad_argument(arguments, name):
    with pytest.raises(ParameterError, match=f"`{name}` is"):
        datasets.make_meg_leadfield(**arguments)


def test_lengths_in_no_sensible_unit_are_an_error():
    with pytest.raises(ParameterError, match="`column norm` is"):
        datasets.make_meg_leadfield(source_radius=1e-200)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"source_positions": [0, 0, 0.07]}, ShapeError, "`source_positions` has shape"),
        ({"source_positions": [[0, 0.07]]}, ShapeError, "`source_positions` has shape"),
        ({"source_moments": np.ones((2, 3))}, ShapeError, "n_sources = 1"),
        ({"sensor_positions": np.zeros((0, 3))}, ShapeError, "`sensor_positions` has shape"),
        ({"sensor_orientations": np.ones((2, 3))}, ShapeError, "n_sensors = 1"),
        ({"source_moments": [[1, np.nan, 0]]}, NonFiniteError, "`source_moments` has"),
        ({"sensor_positions": [[0, 0.05, 0]]}, ParameterError, "`sensor_positions` is"),
        ({"sensor_positions": [[0, 1e200, 0]]}, ParameterError, "`field` is"),
    ],
)
def test_fields_name_what_is_wrong(changes, error, message):
    arrays = {
        "source_positions": [[0, 0, 0.07]],
        "source_moments": [[1, 0, 0]],
        "sensor_positions": [[0, 0, 0.12]],
        "sensor_orientations": [[0, 1, 0]],
    }
    with pytest.raises(error, match=message):
        datasets.sarvas_field(**{**arrays, **changes})


def test_arrays_of_any_layout_give_the_same_field():
    made = datasets.make_meg_leadfield(8, 12, unit_norm=False, random_state=0)
    arrays = (made.source_positions, made.source_orientations, made.sensor_positions, made.sensor_orientations)
    strided = [np.asfortranarray(array)[::-1][::-1] for array in arrays]
    for array in strided:
        array.flags.writeable = False
    np.testing.assert_array_equal(datasets.sarvas_field(*strided), made.X)
    np.testing.assert_array_equal(datasets.sarvas_field(*[array.tolist() for array in arrays]), made.X)
