//! The energy of an encoder covariance.

/// Evaluates an expression with the energy of an encoder covariance, made of a marginal energy.
macro_rules! with_energy {
    ($covariance:expr, $marginal:expr, |$energy:ident| $body:expr) => {
        match $covariance {
            $crate::solver::EncoderCovariance::Full => {
                let $energy = &$marginal;
                $body
            }
            $crate::solver::EncoderCovariance::Diagonal => {
                let $energy = &Separable::new($marginal);
                $body
            }
        }
    };
}
pub(super) use with_energy;
