//! Sparse components, the vectors that solutions are made of, and the combinators that make them.

use super::signal::draw_subset;
use super::{Purpose, fill, stream, zeros};
use crate::monitor::Monitor;
use crate::{Error, Result};
use ndarray::{Array2, Axis};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::str::FromStr;

/// A symmetric law of mean 0 and variance 1 without an atom at zero.
///
/// Each meets the conditions of Welper, eq. 3, on R: symmetry, P\[R = 0\] = 0, 1/10 <= E\[|R|\] <= 1, E\[R^2\] <= 1,
/// and P\[|R| > t\] <= 2 exp(-t^2 / 2) for all t >= 0:
///
/// | law | E\[\|R\|\] | P\[\|R\| > t\] | the bound on it |
/// |---|---|---|---|
/// | `Gaussian` | sqrt(2 / pi) = 0.798 | twice the normal tail | holds without the factor 2 |
/// | `Rademacher` | 1 | 1 for t < 1, then 0 | above 2 exp(-1/2) = 1.21 for t < 1 |
/// | `Uniform` | sqrt(3) / 2 = 0.866 | 1 - t / sqrt(3) to sqrt(3) | above 1 for t < 1.17, then above 0.44 > P |
///
/// The uniform of [`Law`](super::Law) is another one, between 0 and 1. A draw of exactly zero, which a float can be, is
/// drawn again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SymmetricLaw {
    /// Standard normal.
    Gaussian,
    /// -1 or 1 with equal probabilities.
    Rademacher,
    /// Uniform between -sqrt(3) and sqrt(3).
    Uniform,
}

impl FromStr for SymmetricLaw {
    type Err = Error;

    /// The law of a lower-case name: `gaussian`, `rademacher` or `uniform`.
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "gaussian" => Ok(Self::Gaussian),
            "rademacher" => Ok(Self::Rademacher),
            "uniform" => Ok(Self::Uniform),
            _ => Err(Error::invalid("law", name, "one of gaussian, rademacher, uniform")),
        }
    }
}

impl SymmetricLaw {
    fn sample_nonzero(self, rng: &mut ChaCha8Rng) -> f64 {
        loop {
            let value = match self {
                Self::Gaussian => StandardNormal.sample(rng),
                Self::Rademacher if rng.random() => 1.0,
                Self::Rademacher => -1.0,
                Self::Uniform => 3.0_f64.sqrt() * (2.0 * rng.random::<f64>() - 1.0),
            };
            if value != 0.0 {
                return value;
            }
        }
    }
}

/// Components of shape (`n_features`, `n_components`): each entry is nonzero with probability
/// `n_nonzero` / `n_features`, independently, and its value then follows `law`.
///
/// `n_nonzero` is the expected number of nonzeros of a column and need not be an integer. A column that comes out all
/// zero, which has the probability (1 - `n_nonzero` / `n_features`)^`n_features`, at most exp(-`n_nonzero`), is drawn
/// anew from the columns that are not; the number expected in a column is larger by the reciprocal of one minus that
/// probability. The supports and the values of a column come from streams of their own: the first columns do not change
/// when more are asked for, nor the supports with the law.
///
/// # Errors
/// [`Error::InvalidParameter`] if a size is zero, the result does not fit in memory, or `n_nonzero` is not a positive
/// number of at most `n_features`; [`Error::Interrupted`] where the caller asks to stop.
///
/// # Complexity
/// O(`n_features` x `n_components`) time for any `n_nonzero`, one vector of `n_features` besides the result.
///
/// # References
/// Welper, "Non-Convex Compressed Sensing with Training Data", 2021, Definitions 2.1 and 2.2.
pub fn make_sparse_components(
    n_features: usize,
    n_components: usize,
    n_nonzero: f64,
    law: SymmetricLaw,
    seed: u64,
    monitor: &Monitor<'_>,
) -> Result<Array2<f64>> {
    let mut components = zeros(("n_features", n_features), ("n_components", n_components))?;
    let probability = n_nonzero / n_features as f64;
    if !(probability > 0.0 && n_nonzero <= n_features as f64) {
        let allowed = format!("positive and at most the number of features, {n_features}");
        return Err(Error::invalid("n_nonzero", n_nonzero, &allowed));
    }
    for (k, mut column) in components.axis_iter_mut(Axis(1)).enumerate() {
        let support = draw_indices(n_features, probability, stream(seed, Purpose::ComponentSupport, k), monitor)?;
        let mut rng = stream(seed, Purpose::ComponentValue, k);
        fill(support, monitor, |j| column[j] = law.sample_nonzero(&mut rng))?;
    }
    Ok(components)
}

/// The indices below `n` that independent draws of `probability` choose, given that they choose any.
fn draw_indices(n: usize, probability: f64, mut rng: ChaCha8Rng, monitor: &Monitor<'_>) -> Result<Vec<usize>> {
    let mut indices = Vec::new();
    let choose = |j, rng: &mut ChaCha8Rng, indices: &mut Vec<usize>| {
        if rng.random::<f64>() < probability {
            indices.push(j);
        }
    };
    fill(0..n, monitor, |j| choose(j, &mut rng, &mut indices))?;
    if indices.is_empty() {
        // Given that some index is chosen, the first has the geometric law cut off at n: rejection would take
        // about 1 / n_nonzero columns where few nonzeros are expected, this takes one.
        let log_absent = libm::log1p(-probability);
        let any = -libm::expm1(n as f64 * log_absent);
        let first = libm::log1p(-rng.random::<f64>() * any) / log_absent;
        let first = (first as usize).min(n - 1);
        indices.push(first);
        fill(first + 1..n, monitor, |j| choose(j, &mut rng, &mut indices))?;
    }
    Ok(indices)
}

/// Combinators of shape (`n_components`, `n_problems`) with exactly `n_nonzero` nonzeros in each column.
///
/// Without `balanced`, the support of a column is uniform over all sets of `n_nonzero` components. With it, components
/// are dealt like cards, each column taking the next `n_nonzero` of a shuffled deck. Where the deck ends within a
/// column, the cards that the column already holds are kept out of the next deck until the column is full. So no column
/// has a component twice, and the numbers of columns that use two components differ by one at most, after each column
/// as well as at the end. The first columns do not change when more are asked for, nor the values with `balanced`.
///
/// # Errors
/// [`Error::InvalidParameter`] if a size is zero, the result does not fit in memory, or `n_nonzero` is zero or exceeds
/// `n_components`; [`Error::Interrupted`] where the caller asks to stop.
///
/// # Complexity
/// O(`n_components` x `n_problems`) time, two vectors of `n_components` besides the result.
///
/// # References
/// Welper, "Non-Convex Compressed Sensing with Training Data", 2021, sec. 2, where combinators are deterministic and
/// t/2-sparse; the laws of supports and values are ours.
pub fn make_combinators(
    n_components: usize,
    n_problems: usize,
    n_nonzero: usize,
    balanced: bool,
    law: SymmetricLaw,
    seed: u64,
    monitor: &Monitor<'_>,
) -> Result<Array2<f64>> {
    let mut combinators = zeros(("n_components", n_components), ("n_problems", n_problems))?;
    if !(1..=n_components).contains(&n_nonzero) {
        let allowed = format!("from 1 to the number of components, {n_components}");
        return Err(Error::invalid("n_nonzero", n_nonzero, &allowed));
    }
    let mut deck = Deck { n: n_components, cards: Vec::new(), rng: stream(seed, Purpose::CombinatorDeck, 0) };
    for (l, mut column) in combinators.axis_iter_mut(Axis(1)).enumerate() {
        let support = match balanced {
            true => deck.deal(n_nonzero, monitor)?,
            false => draw_subset(n_components, n_nonzero, stream(seed, Purpose::CombinatorSupport, l), monitor)?,
        };
        let mut rng = stream(seed, Purpose::CombinatorValue, l);
        fill(support, monitor, |k| column[k] = law.sample_nonzero(&mut rng))?;
    }
    Ok(combinators)
}

/// Cards 0..`n`, drawn without replacement and put back all at once when none is left.
struct Deck {
    n: usize,
    cards: Vec<usize>,
    rng: ChaCha8Rng,
}

impl Deck {
    /// `count` different cards, at most `n`.
    fn deal(&mut self, count: usize, monitor: &Monitor<'_>) -> Result<Vec<usize>> {
        let mut hand = Vec::with_capacity(count);
        let mut aside = Vec::new();
        fill(0..count, monitor, |_| {
            if self.cards.is_empty() {
                let mut held = vec![false; self.n];
                hand.iter().for_each(|&card: &usize| held[card] = true);
                self.cards.extend((0..self.n).filter(|&card| !held[card]));
                aside.clone_from(&hand);
            }
            let place = self.rng.random_range(0..self.cards.len());
            hand.push(self.cards.swap_remove(place));
        })?;
        self.cards.append(&mut aside);
        hand.sort_unstable();
        Ok(hand)
    }
}
