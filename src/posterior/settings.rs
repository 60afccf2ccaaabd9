//! What the sampler takes.

use crate::Result;
use crate::settings::{self, require};

/// How much is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Effects, at most; at least 1.
    pub n_effects: usize,
    /// Sweeps over all effects before the averages begin.
    pub n_burn_in: usize,
    /// Sweeps that are averaged; at least 1.
    pub n_sweeps: usize,
    /// Draws of all coefficients that are kept, at most as many as sweeps.
    pub n_draws: usize,
    /// Whether there may be a background.
    pub background: bool,
    /// Seed of the sampler.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { n_effects: 20, n_burn_in: 100, n_sweeps: 400, n_draws: 100, background: true, seed: 0 }
    }
}

impl settings::Settings for Settings {
    fn validate(&self) -> Result<()> {
        require(self.n_effects > 0, "n_effects", self.n_effects, "at least 1")?;
        require(self.n_sweeps > 0, "n_sweeps", self.n_sweeps, "at least 1")?;
        require(self.n_draws <= self.n_sweeps, "n_draws", self.n_draws, "at most `n_sweeps`")
    }
}
