//! What a caller of the robust autoencoder chooses.

use super::tolerances::START;
use crate::Result;
use crate::settings::{Settings, require};

/// Parameters of a decomposition.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RobustVaeSettings {
    /// Components, at most; `None`, the default, for as many as the shorter side. From 1 to the number of features.
    pub n_components: Option<usize>,
    /// Least noise variance of an entry, as a share of the mean square of the data; by default 1e-7. Between 0 and 0.5,
    /// both excluded.
    pub floor: f64,
    /// Whether features are brought to one scale first, so that the floor is a share of each one's own; by default not.
    pub scale_features: bool,
    /// Steps in which the floor falls; by default 100.
    pub n_anneal: usize,
    /// Steps, at most; by default 300. At least 1.
    pub max_iter: usize,
    /// Change of the energy, per entry, at which the steps end; by default 1e-4. Finite and at least 0.
    pub tol: f64,
}

impl Default for RobustVaeSettings {
    fn default() -> Self {
        Self { n_components: None, floor: 1e-7, scale_features: false, n_anneal: 100, max_iter: 300, tol: 1e-4 }
    }
}

impl Settings for RobustVaeSettings {
    fn validate(&self) -> Result<()> {
        require(self.n_components != Some(0), "n_components", 0, "None or at least 1")?;
        let floor = self.floor;
        require(floor > 0.0 && floor < START, "floor", floor, "greater than 0 and less than 0.5")?;
        require(self.max_iter > 0, "max_iter", 0, "at least 1")?;
        require(self.tol.is_finite() && self.tol >= 0.0, "tol", self.tol, "finite and at least 0")
    }
}

impl RobustVaeSettings {
    /// The floor at a step.
    pub(super) fn floor_at(&self, step: usize) -> f64 {
        let share = step as f64 / self.n_anneal.max(1) as f64;
        if step < self.n_anneal { START * libm::pow(self.floor / START, share) } else { self.floor }
    }
}
