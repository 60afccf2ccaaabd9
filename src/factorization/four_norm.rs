//! An orthonormal basis of largest 4-norm, by matching, stretching and projection.

use super::span::Span;
use super::tolerances::{CONVERGED, MOST_STEPS};
use crate::Result;
use crate::linalg::rotation::{nearest_rotation, product, random_rotation};
use crate::monitor::{Monitor, Stage};

/// Maximises `||A Q||_4` over the rotations `A`, for orthonormal coordinates `Q` of the span, shape `(rank, n)`; then
/// solves `min ||s||_1` over the span subject to `s^T Q^T a = 1` for each row `a` of `A`.
pub(super) fn search(span: &mut Span, seed: u64, monitor: &Monitor<'_>) -> Result<()> {
    let mut rotation = random_rotation(span.rank(), seed);
    monitor.begin(Stage::Steps, MOST_STEPS);
    for _ in 0..MOST_STEPS {
        // Matching, stretching, projection: correlations with the members, their cubes, the nearest rotation.
        let cubes = product(rotation.view(), span.basis().view()).mapv(|v| v * v * v);
        let next = nearest_rotation(product(cubes.view(), span.basis().t()).view())?;
        let change = next.iter().zip(&rotation).fold(0.0, |most: f64, (a, b)| most.max((a - b).abs()));
        rotation = next;
        monitor.advance()?;
        if change < CONVERGED {
            break;
        }
    }
    span.run(rotation.rows().into_iter().map(|row| row.to_owned()).collect(), monitor)
}
