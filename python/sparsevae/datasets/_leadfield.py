"""Leadfields of magnetoencephalography in a spherical head."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Bunch

from .. import _core
from .._input.arrays import real_array
from .._input.interchange import exchange
from .._input.parameters import check_flag, check_option, check_size, read_number
from .._input.random import RandomState, draw_seed

# What stands for the baseline in metres where none is given; magnetometers have none.
_BASELINES = {"magnetometer": 0.0, "axial_gradiometer": 0.05, "planar_gradiometer": 0.0168}
_ORIENTATIONS = ("tangential", "smooth", "free")
_REGIONS = ("hemisphere", "patch")


def make_meg_leadfield(
    n_sensors: int = 100,
    n_sources: int = 200,
    *,
    sensors: str = "magnetometer",
    orientation: str = "tangential",
    region: str = "patch",
    source_radius: float = 0.07,
    sensor_radius: float = 0.12,
    baseline: float | None = None,
    unit_norm: bool = True,
    random_state: RandomState = None,
) -> Bunch:
    """Compute the magnetic fields of current dipoles in a spherical head, a design with nearly parallel columns.

    The head is a conducting sphere about the origin; z points up. Sensors cover the hemisphere z > 0 of one sphere and
    sources a region of a smaller one, both evenly, on Fibonacci lattices. Column j holds what the sensors measure of a
    dipole at source j.

    Parameters
    ----------
    n_sensors : int, default=100
        Rows of the leadfield, at least 1.
    n_sources : int, default=200
        Number of sources, at least 1.
    sensors : {"magnetometer", "axial_gradiometer", "planar_gradiometer"}, default="magnetometer"
        What a sensor measures, by point coils that face along the radius through the sensor: the field there; the field
        there minus the one `baseline` farther out; or the difference of the fields `baseline` / 2 on either side,
        towards the pole minus away from it for the first, third, ... sensor, east minus west for the others.
    orientation : {"tangential", "smooth", "free"}, default="tangential"
        Directions of the dipoles: random at right angles to the radius; the tangential part of one horizontal vector of
        random azimuth, so that neighbours are nearly parallel; or three columns per source, for dipoles along x, y
        and z, source by source as in MNE-Python.
    region : {"hemisphere", "patch"}, default="patch"
        Where the sources are: z > 0, or z > `source_radius` / 2.
    source_radius : float, default=0.07
        Radius of the sphere of the sources, in metres.
    sensor_radius : float, default=0.12
        Radius of the sphere of the sensors, in metres, larger than `source_radius`.
    baseline : float or None, default=None
        Distance of the two coils of a gradiometer, in metres. None is 0.05 for axial gradiometers and 0.0168 for planar
        ones.
    unit_norm : bool, default=True
        Divide each column by its Euclidean norm. Then ``coef[j] / column_norms[j]`` is the moment of dipole j.
    random_state : int, Generator, RandomState or None, default=None
        Source of the seed, which decides the directions of the dipoles alone.

    Returns
    -------
    Bunch
        With n_columns = `n_sources`, or 3 `n_sources` for "free":

        - ``X`` of shape (n_sensors, n_columns): the leadfield, in T/(A m) without `unit_norm`. Gradiometers give
          differences in T too; divide by `baseline` for T/m.
        - ``column_norms`` of shape (n_columns,): the norms before any scaling, in T/(A m).
        - ``sensor_positions`` of shape (n_sensors, 3), in metres.
        - ``sensor_orientations`` of shape (n_sensors, 3): unit vectors that point outwards.
        - ``coil_positions``: a list of one array of shape (n_sensors, 3), or of two, in metres; a sensor measures the
          field at the first minus the field at the second.
        - ``source_positions`` of shape (n_sources, 3), in metres.
        - ``source_orientations`` of shape (n_columns, 3): the unit vector of the dipole of each column.

    Raises
    ------
    ParameterError
        If a parameter lies outside its range or the leadfield does not fit in memory.

    Notes
    -----
    The field of a dipole is that of :func:`sarvas_field`. The part of a dipole along the radius is silent, so that the
    three columns of a source with "free" orientation are linearly dependent. `unit_norm` scales each of them on its own
    and makes the nearly radial ones as long as the others; `unit_norm=False` keeps their proportions.

    The paper states neither the sensors nor the sources of its leadfield, only that neighbours are highly correlated.
    With the defaults, the condition number of `X` is 2e4 to 6e4 (100 seeds), with "smooth" orientations 1e5 to 2e6, and
    neighbouring columns have correlations up to 0.99. With sources on the hemisphere it is about 1e3.

    References
    ----------
    Sarvas, "Basic mathematical and electromagnetic concepts of the biomagnetic inverse problem", Physics in Medicine
    and Biology 32:11-22, 1987.

    Wipf, "Marginalization is not Marginal", ICML 2023, app. A and figure 2c.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsevae.datasets import make_meg_leadfield
    >>> leadfield = make_meg_leadfield(random_state=0)
    >>> leadfield.X.shape
    (100, 200)
    >>> bool(np.linalg.cond(leadfield.X) > 1e4)
    True
    >>> make_meg_leadfield(orientation="free", sensors="axial_gradiometer").X.shape
    (100, 600)
    """
    kind = check_option("sensors", sensors, tuple(_BASELINES))
    made = _core.make_meg_leadfield(
        check_size("n_sensors", n_sensors),
        check_size("n_sources", n_sources),
        kind,
        check_option("orientation", orientation, _ORIENTATIONS),
        check_option("region", region, _REGIONS),
        read_number("source_radius", source_radius),
        read_number("sensor_radius", sensor_radius),
        _BASELINES[kind] if baseline is None else read_number("baseline", baseline),
        check_flag("unit_norm", unit_norm),
        draw_seed(random_state),
    )
    return Bunch(**made)


@exchange
def sarvas_field(
    source_positions: ArrayLike, source_moments: ArrayLike, sensor_positions: ArrayLike, sensor_orientations: ArrayLike
) -> NDArray[np.float64]:
    """Compute the magnetic field of current dipoles in a conducting sphere about the origin.

    Parameters
    ----------
    source_positions : array-like of shape (n_sources, 3)
        Where the dipoles are, in metres.
    source_moments : array-like of shape (n_sources, 3)
        Their moments, in A m.
    sensor_positions : array-like of shape (n_sensors, 3)
        Where the field is measured, in metres, each farther from the origin than every source.
    sensor_orientations : array-like of shape (n_sensors, 3)
        Unit vectors along which the field is measured.

    Returns
    -------
    ndarray of shape (n_sensors, n_sources), float64
        Component of the field of dipole j at sensor i along its orientation, in T.

    Raises
    ------
    ShapeError
        If an array has another shape.
    NonFiniteError
        If an array holds NaN or infinity.
    ParameterError
        If a sensor lies no farther from the origin than some source, or the field overflows.

    Notes
    -----
    The conductivity may depend on the distance from the origin, and the sphere may be of any size that leaves the
    sensors outside. The part of a moment along the radius has no field there. mu_0 / (4 pi) is taken as 1e-7 T m/A, as
    in MNE-Python, with whose sphere model the result agrees to rounding.

    References
    ----------
    Sarvas, "Basic mathematical and electromagnetic concepts of the biomagnetic inverse problem", Physics in Medicine
    and Biology 32:11-22, 1987, eq. 25.

    Examples
    --------
    A dipole of 10 nA m along x, 7 cm above the centre, measured at the side.

    >>> from sparsevae.datasets import sarvas_field
    >>> field = sarvas_field([[0, 0, 0.07]], [[1e-8, 0, 0]], [[0, 0.06, 0.1]], [[0, 0.6, 0.8]])
    >>> field.shape
    (1, 1)
    """
    return _core.sarvas_field(
        real_array("source_positions", source_positions, 2, "(n_vectors, 3)"),
        real_array("source_moments", source_moments, 2, "(n_vectors, 3)"),
        real_array("sensor_positions", sensor_positions, 2, "(n_vectors, 3)"),
        real_array("sensor_orientations", sensor_orientations, 2, "(n_vectors, 3)"),
    )
