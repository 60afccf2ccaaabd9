//! Where an annealed descent starts again: from other powers of the preconditioner, and away from the active set that
//! failed.

/// Descents from one power before the next is tried. Chosen by hand.
const PER_POWER: usize = 5;
/// Powers tried after the first: away from a failed active set alone was not enough (docs/what_was_tried.md).
const POWERS: [f64; 3] = [0.5, 0.25, 0.0];
/// Prior variance at which the weaker half of a failed active set starts again, where all others start at 1. Chosen by
/// hand.
const HELD_BACK: f64 = 0.01;

/// One descent of a plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Round {
    /// Power of the preconditioner.
    pub power: f64,
    /// Whether it starts from a flat prior, and not away from the last active set.
    pub fresh: bool,
}

/// The first descent at `power` and up to `n_restarts` more.
pub fn plan(power: f64, n_restarts: usize) -> Vec<Round> {
    let others = POWERS.into_iter().filter(|p| *p != power);
    std::iter::once(power)
        .chain(others)
        .flat_map(|power| (0..PER_POWER).map(move |i| Round { power, fresh: i == 0 }))
        .take(n_restarts.saturating_add(1))
        .collect()
}

/// Prior variances that hold back the weaker half of the `rank` strongest coefficients of `u`.
pub fn away_from(u: &[f64], rank: usize) -> Vec<f64> {
    let order = strongest_first(u);
    let active = &order[..rank.saturating_sub(1).min(order.len())];
    let mut w = vec![1.0; u.len()];
    active[active.len() / 2..].iter().for_each(|&j| w[j] = HELD_BACK);
    w
}

/// Indices by falling magnitude.
pub fn strongest_first(u: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..u.len()).collect();
    order.sort_unstable_by(|&a, &b| u[b].abs().total_cmp(&u[a].abs()).then(a.cmp(&b)));
    order
}
