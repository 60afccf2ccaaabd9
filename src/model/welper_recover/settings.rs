//! What a caller of Welper's recovery chooses.

use crate::Result;
use crate::factorization::Method;
use crate::settings::{Settings, require};

/// Parameters of a training and of the recoveries that follow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WelperSettings {
    /// Components that are expected; `None`, the default, for as many as the training problems show. At least 1.
    pub n_components: Option<usize>,
    /// Nonzeros of a training solution that is trusted (Welper's `u`), at most; `None`, the default, to try several
    /// bounds. At least 1.
    pub max_nonzero: Option<usize>,
    /// Whether to factorise at every bound on the nonzeros at which the span shrinks, where the default stops at the first
    /// level that is complete.
    pub all_levels: bool,
    /// How sparse components are looked for; by default [`Method::ErSpud`].
    pub factorization: Method,
    /// Norm of the noise in a right-hand side, as a share of its norm; by default 1e-8. Between 0 and 1, both excluded.
    pub tol: f64,
    /// Seed of the factorisation; by default 0.
    pub seed: u64,
}

impl Default for WelperSettings {
    fn default() -> Self {
        Self {
            n_components: None,
            max_nonzero: None,
            all_levels: false,
            factorization: Method::default(),
            tol: 1e-8,
            seed: 0,
        }
    }
}

impl Settings for WelperSettings {
    fn validate(&self) -> Result<()> {
        require(self.n_components != Some(0), "n_components", 0, "None or at least 1")?;
        require(self.max_nonzero != Some(0), "max_nonzero", 0, "at least 1")?;
        require(self.tol > 0.0 && self.tol < 1.0, "tol", self.tol, "greater than 0 and less than 1")
    }
}
