//! From an energy to a minimum: descents with their update rules and schedule, expectation propagation, and the papers'
//! training.

pub mod adam;
pub mod descent;
pub mod propagation;
pub mod robust_em;

/// The covariance of the encoder, optimised out of the energy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncoderCovariance {
    /// Full: `log |Sigma_x|`, the [`Marginal`](crate::energy::Marginal) energy.
    Full,
    /// Diagonal: the [`Separable`](crate::energy::Separable) energy.
    Diagonal,
}
