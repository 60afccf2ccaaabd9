//! The constants that decide in the rivals, and where they come from.

/// Sparse Bayesian learning. Shares of the mean square of the response; both chosen by hand.
pub(super) mod sparse_bayes {
    /// Where a learned noise variance starts.
    pub const FIRST_NOISE: f64 = 0.1;
    /// Where it ends: rounding of the residual is far below.
    pub const LEAST_NOISE: f64 = 1e-10;
}

/// Group basis pursuit.
pub(super) mod group_pursuit {
    /// Over-relaxation; Boyd et al. (2011), sec. 3.4.3, have 1.5 to 1.8.
    pub const RELAXATION: f64 = 1.6;
    /// Steps between two looks at the duality gap, each of which costs about as much as these.
    pub const PERIOD: usize = 20;
    /// Looks that may change the length of a step: it converges once that stays what it is.
    pub const CHANGES: usize = 200;
    /// Ratio of the residuals from which the length is doubled or halved; Boyd et al. (2011), eq. 3.13.
    pub const RATIO: f64 = 10.0;
    /// Halvings of an interval of the logarithm of a multiplier: to the last digit of any.
    pub const HALVINGS: usize = 80;
}

/// The autoencoder. All chosen by hand; of what they decide, that the smoothing begins large matters.
pub(super) mod row_penalty {
    /// Where the smoothing ends, as a share of the largest squared row norm of the first solution.
    pub const LEAST_SMOOTHING: f64 = 1e-12;
    /// What the smoothing is multiplied by.
    pub const FACTOR: f64 = 0.1;
    /// It falls once a step is shorter than this share of its root.
    pub const FRACTION: f64 = 0.01;
}
