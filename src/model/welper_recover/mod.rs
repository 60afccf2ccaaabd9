//! Recovery that learns from easier problems: components from training problems that l1 minimisation solves, then
//! solutions of hard problems as sparse combinations of them.
//!
//! Welper, "Non-convex compressed sensing with training data": `B = A X Z` with sparse columns of `X` and of `Z`.

mod recover;
mod train;

pub use recover::{Components, Finding, Recovery, recover};
pub use train::{Lesson, Level, Settings, Training, train};

use crate::{Error, Result};

/// Nonzeros of an easy solution, at most, as a share of the rank of `A`: a vertex in general position has as many as
/// the rank.
const EASY: f64 = 0.9;

fn sparser_than_chance(rank: usize) -> usize {
    (EASY * rank as f64) as usize
}

fn check_tolerance(tolerance: f64) -> Result<()> {
    if tolerance > 0.0 && tolerance < 1.0 {
        return Ok(());
    }
    Err(Error::invalid("tol", tolerance, "greater than 0 and less than 1"))
}

/// The Euclidean norm, without a square that leaves the range of float64.
fn norm<'v>(values: impl IntoIterator<Item = &'v f64, IntoIter: Clone>) -> f64 {
    let values = values.into_iter();
    let largest = values.clone().fold(0.0, |most: f64, v| most.max(v.abs()));
    if largest > 0.0 {
        largest * values.map(|v| (v / largest).powi(2)).sum::<f64>().sqrt()
    } else {
        // Zero, or NaN.
        values.map(|v| v.abs()).sum()
    }
}
