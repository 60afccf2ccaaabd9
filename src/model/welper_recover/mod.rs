//! Recovery that learns from easier problems: components from training problems that l1 minimisation solves, then
//! solutions of hard problems as sparse combinations of them.
//!
//! Welper, "Non-convex compressed sensing with training data": `B = A X Z` with sparse columns of `X` and of `Z`.

mod choose;
mod recover;
mod settings;
mod tolerances;
mod train;

pub use choose::Level;
pub use choose::recover;
pub use recover::{Components, Recovery};
pub use settings::WelperSettings;
pub use train::{WelperFit, train};

fn sparser_than_chance(rank: usize) -> usize {
    (tolerances::SPARSER_THAN_CHANCE * rank as f64) as usize
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
