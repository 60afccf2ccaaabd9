//! The one error type of the core.

use thiserror::Error;

/// What a result of this crate carries when it is not a value.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong below the Python layer.
///
/// An iteration limit or an empty support is an outcome, not an error: see [`Status`](crate::Status).
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum Error {
    /// An array has the wrong shape.
    #[error("`{what}` has shape {found}, but {expected} is needed")]
    Shape {
        /// Name of the array.
        what: &'static str,
        /// The shape that was needed, in words.
        expected: String,
        /// The shape that was found.
        found: String,
    },
    /// An array holds NaN or infinity.
    #[error("`{what}` has a NaN or an infinite value at index {index:?}; only finite values can be fitted")]
    NonFinite {
        /// Name of the array.
        what: &'static str,
        /// Index of the first such value.
        index: Vec<usize>,
    },
    /// A parameter lies outside its range.
    #[error("`{name}` is {value}, but it must be {allowed}")]
    InvalidParameter {
        /// Name of the parameter, as the caller knows it.
        name: &'static str,
        /// The value that was given.
        value: String,
        /// The values that are allowed, in words.
        allowed: String,
    },
    /// Arguments are finite, but a result is not: infinite, or a variance that has vanished.
    #[error("{what} are scaled so that {result} is {value}; rescale them to within 1e100 of 1 and of each other")]
    Scales {
        /// Names of the arguments, in words.
        what: &'static str,
        /// What came out of range.
        result: &'static str,
        /// Its value.
        value: f64,
    },
    /// The marginal covariance could not be factorised.
    #[error(
        "the marginal covariance is not positive definite: step {step}, pivot {pivot}; a larger `noise_var` or rescaled data may help"
    )]
    NotPositiveDefinite {
        /// Update step at which it happened (0: before the first).
        step: usize,
        /// Row of the failed pivot.
        pivot: usize,
    },
    /// A decomposition of the design did not converge.
    #[error("the singular value decomposition of `{what}` did not converge")]
    NoDecomposition {
        /// Name of the array.
        what: &'static str,
    },
    /// The caller asked to stop.
    #[error("interrupted after {step} steps")]
    Interrupted {
        /// Update steps done.
        step: usize,
    },
}

impl Error {
    /// An [`Error::InvalidParameter`] with the value shown as Rust prints it.
    pub fn invalid(name: &'static str, value: impl std::fmt::Display, allowed: &str) -> Self {
        Self::InvalidParameter { name, value: value.to_string(), allowed: allowed.to_owned() }
    }

    /// An [`Error::Scales`] of an energy with its derivatives.
    pub(crate) fn scales(what: &'static str, value: f64) -> Self {
        Self::Scales { what, result: "the energy or a derivative", value }
    }
}
