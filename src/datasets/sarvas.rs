//! The magnetic field of current dipoles in a conducting sphere.

use super::{check_finite, fill, zeros};
use crate::monitor::Monitor;
use crate::{Error, Result};
use ndarray::{Array2, ArrayView1, ArrayView2};

/// mu_0 / (4 pi) in T m / A, the value before the SI of 2019, from which today's differs by parts in 10^10.
const MAGNETIC_CONSTANT: f64 = 1e-7;

pub(super) type Vector = [f64; 3];

/// Components of the magnetic field of current dipoles in a conducting sphere about the origin, in tesla.
///
/// Entry (i, j) of the result, shape (n_sensors, n_sources), is n_i . B_j(r_i): the field of the dipole with moment q_j
/// (row j of `source_moments`, in A m) at p_j (row j of `source_positions`, in m), measured at r_i (row i of
/// `sensor_positions`, in m) along n_i (row i of `sensor_orientations`, a unit vector). With a = r - p,
///
/// - F = |a| (|r| |a| + |r|^2 - p . r)
/// - grad F = (|a|^2 / |r| + a . r / |a| + 2 |a| + 2 |r|) r - (|a| + 2 |r| + a . r / |a|) p
/// - B(r) = mu_0 / (4 pi F^2) (F q x p - ((q x p) . r) grad F)
///
/// The conductivity may vary with the distance from the origin, and the radius of the conductor does not matter, as
/// long as all sensors lie outside it. The radial part of a moment has no field there.
///
/// # Errors
/// [`Error::Shape`] if an array has not three columns, is empty, or a pair of positions and moments or orientations
/// differs in length; [`Error::NonFinite`] if one holds NaN or infinity; [`Error::InvalidParameter`] if a sensor is not
/// farther from the origin than every source, or if the field is not finite in float64; [`Error::Interrupted`] where the
/// caller asks to stop.
///
/// # Complexity
/// O(n_sensors x n_sources) time, nothing beside the result.
///
/// # References
/// Sarvas, Physics in Medicine and Biology 32:11-22, 1987, eq. 25.
pub fn sarvas_field(
    source_positions: ArrayView2<'_, f64>,
    source_moments: ArrayView2<'_, f64>,
    sensor_positions: ArrayView2<'_, f64>,
    sensor_orientations: ArrayView2<'_, f64>,
    monitor: &Monitor<'_>,
) -> Result<Array2<f64>> {
    check_vectors("source_positions", source_positions, "n_sources", None)?;
    check_vectors("source_moments", source_moments, "n_sources", Some(source_positions.nrows()))?;
    check_vectors("sensor_positions", sensor_positions, "n_sensors", None)?;
    check_vectors("sensor_orientations", sensor_orientations, "n_sensors", Some(sensor_positions.nrows()))?;
    let outermost = source_positions.rows().into_iter().map(|p| norm(vector(p))).fold(0.0, f64::max);
    let nearest = sensor_positions.rows().into_iter().map(|r| norm(vector(r))).fold(f64::INFINITY, f64::min);
    if nearest <= outermost {
        return Err(Error::invalid(
            "sensor_positions",
            format!("{nearest} from the origin at the least"),
            &format!("farther from it than every source, {outermost}"),
        ));
    }
    let mut field = zeros(("n_sensors", sensor_positions.nrows()), ("n_sources", source_positions.nrows()))?;
    for ((mut row, r), n) in field.rows_mut().into_iter().zip(sensor_positions.rows()).zip(sensor_orientations.rows()) {
        let (r, n) = (vector(r), vector(n));
        let sources = row.iter_mut().zip(source_positions.rows()).zip(source_moments.rows());
        fill(sources, monitor, |((value, p), q)| *value = component(vector(p), vector(q), r, n))?;
    }
    if let Some((_, value)) = field.indexed_iter().find(|(_, value)| !value.is_finite()) {
        return Err(Error::invalid("field", value, "finite: check that positions are in metres and moments in A m"));
    }
    Ok(field)
}

/// n . B(r) of the dipole with moment `q` at `p`.
fn component(p: Vector, q: Vector, r: Vector, n: Vector) -> f64 {
    let a = [r[0] - p[0], r[1] - p[1], r[2] - p[2]];
    let (a_norm, r_norm) = (norm(a), norm(r));
    let along = dot(a, r) / a_norm;
    let f = a_norm * (r_norm * a_norm + dot(a, r));
    let at_sensor = a_norm * a_norm / r_norm + along + 2.0 * (a_norm + r_norm);
    let at_source = a_norm + 2.0 * r_norm + along;
    let slope = at_sensor * dot(r, n) - at_source * dot(p, n);
    let qp = cross(q, p);
    MAGNETIC_CONSTANT * (dot(qp, n) - dot(qp, r) * slope / f) / f
}

/// Refuses an array that is not a list of finite vectors, `len` of them if that is given.
fn check_vectors(what: &'static str, rows: ArrayView2<'_, f64>, size: &str, len: Option<usize>) -> Result<()> {
    if rows.ncols() != 3 || rows.nrows() == 0 || len.is_some_and(|len| rows.nrows() != len) {
        let size = len.map_or_else(|| size.to_owned(), |len| format!("{size} = {len}"));
        return Err(Error::Shape {
            what,
            expected: format!("({size}, 3) with at least one row"),
            found: format!("{:?}", rows.dim()),
        });
    }
    check_finite(what, rows)
}

fn vector(row: ArrayView1<'_, f64>) -> Vector {
    [row[0], row[1], row[2]]
}

pub(super) fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(super) fn norm(a: Vector) -> f64 {
    dot(a, a).sqrt()
}

fn cross(a: Vector, b: Vector) -> Vector {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}
