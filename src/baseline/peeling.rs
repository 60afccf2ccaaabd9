//! Iterative peeling: the coordinates that take part in near-dependencies of features.

use super::equations::{product, squared_rows};
use crate::Result;
use crate::linalg::affine::ThinSvd;
use crate::linalg::spectral::symmetric_eigen;
use crate::monitor::{Monitor, Progress, Stage};
use ndarray::{Array2, Axis, s};

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Peeling {
    /// The coordinates, ascending.
    pub chosen: Vec<usize>,
    /// Eigenvalues below the threshold.
    pub n_small: usize,
    /// Rounds that added a coordinate.
    pub rounds: usize,
}

/// Peels the coordinates of a symmetric `covariance`. With `P` the projection on the eigenvectors of eigenvalues from
/// `threshold` on and `t` for `n_nonzero`, it begins with the coordinates of which `P` takes away more than `1 / (9 t^2)`,
/// and goes on with those of which more than `1 / (6 t)` lies in the span of the projections of coordinates that are
/// already peeled.
///
/// # Errors
/// [`Error::NoDecomposition`](crate::Error::NoDecomposition); [`Error::Interrupted`](crate::Error::Interrupted) where
/// `monitor` is stopped.
///
/// # Complexity
/// An eigendecomposition, `O(n_features^3)`, and an SVD of the peeled coordinates each of at most `t` rounds.
pub fn peel(covariance: Array2<f64>, threshold: f64, n_nonzero: usize, monitor: &Monitor<'_>) -> Result<Peeling> {
    let (values, vectors) = symmetric_eigen(covariance, "covariance", monitor)?;
    let n_small = values.iter().filter(|&&v| v < threshold).count();
    // In the basis of these columns, the projection of coordinate i is row i.
    let large = vectors.slice(s![.., n_small..]);
    let t = n_nonzero as f64;
    let kept = squared_rows(&large.to_owned());
    let mut chosen: Vec<bool> = kept.iter().map(|&kept| kept < 1.0 - 1.0 / (9.0 * t * t)).collect();
    let places = |chosen: &[bool]| (0..chosen.len()).filter(|&j| chosen[j]).collect::<Vec<usize>>();
    let (mut rounds, least) = (0, large.nrows() as f64 * f64::EPSILON);
    while rounds < n_nonzero && chosen.contains(&true) {
        let svd = ThinSvd::watched(large.select(Axis(0), &places(&chosen)), "covariance", monitor)?;
        let rank = svd.singular.iter().take_while(|&&s| s > least).count();
        let inside = squared_rows(&product(large, svd.right.slice(s![..rank, ..]).t()));
        let grown: Vec<bool> =
            chosen.iter().zip(inside).map(|(&chosen, inside)| chosen || inside >= (6.0 * t).powi(-2)).collect();
        if grown == chosen {
            break;
        }
        chosen = grown;
        rounds += 1;
        monitor.step(&Progress::new(Stage::Steps, rounds, n_nonzero))?;
    }
    Ok(Peeling { chosen: places(&chosen), n_small, rounds })
}
