//! What the sampler takes.

use super::tolerances::LITTLE;
use crate::Result;
use crate::settings::{self, Sizes, require};

/// How much is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Effects, at most; at least 1.
    pub n_effects: usize,
    /// Sweeps over all effects before the averages begin.
    pub n_burn_in: usize,
    /// Sweeps that are averaged, at most; at least 1.
    pub n_sweeps: usize,
    /// Sweeps beyond these, at most, where they are not worth `enough` draws and cost little.
    pub more_sweeps: usize,
    /// Sweeps in all, at most; of fewer than the two above, each gets its share, but two are averaged.
    pub max_sweeps: usize,
    /// Draws of all coefficients that are kept, evenly over the sweeps, at most as many; of more sweeps, up to twice as many.
    pub n_draws: usize,
    /// Independent draws whose worth is enough: sweeps end there. Infinity for all sweeps.
    pub enough: f64,
    /// Whether there may be a background.
    pub background: bool,
    /// How many columns may be chosen.
    pub sizes: Sizes,
    /// Prior odds of each feature that it has an effect, up to a factor; empty where they are the same.
    pub prior_odds: Vec<f64>,
    /// Whether the coefficient of a feature cannot be negative; empty where all can. There is no background then, whose
    /// coefficients have both signs.
    pub positive: Vec<bool>,
    /// Seed of the sampler.
    pub seed: u64,
}

impl Settings {
    /// As much as a choice of columns needs, where nothing is averaged for its own sake.
    pub fn brief(seed: u64) -> Self {
        Self { n_burn_in: 20, n_sweeps: 240, more_sweeps: 0, n_draws: 120, enough: 40.0, seed, ..Self::default() }
    }

    /// Sweeps before the averages begin, those that are averaged, and how many more there may be where one costs `cost`.
    pub(super) fn sweeps(&self, cost: usize) -> (usize, usize, usize) {
        let all = self.n_burn_in + self.n_sweeps;
        if all <= self.max_sweeps {
            let more = (self.max_sweeps - all).min(self.more_sweeps).min(LITTLE / cost.max(1));
            return (self.n_burn_in, self.n_sweeps, more);
        }
        let before = self.n_burn_in * self.max_sweeps / all;
        (before, (self.max_sweeps - before).max(2).min(self.n_sweeps), 0)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            n_effects: 20,
            n_burn_in: 100,
            n_sweeps: 400,
            more_sweeps: 3600,
            max_sweeps: usize::MAX,
            n_draws: 100,
            enough: 400.0,
            background: true,
            sizes: Sizes::ANY,
            prior_odds: Vec::new(),
            positive: Vec::new(),
            seed: 0,
        }
    }
}

impl settings::Settings for Settings {
    fn validate(&self) -> Result<()> {
        require(self.n_effects > 0, "n_effects", self.n_effects, "at least 1")?;
        require(self.n_sweeps > 0, "n_sweeps", self.n_sweeps, "at least 1")?;
        require(self.n_draws <= self.n_sweeps, "n_draws", self.n_draws, "at most `n_sweeps`")
    }
}
