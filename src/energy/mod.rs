//! Energies of the linear variational autoencoder, one a file.
//!
//! An [`Energy`] is a function of the prior variances `w` and the noise variance `gamma`, written once: the descents, the
//! public functions and their batches for automatic differentiation all call the same. The list at
//! the end of this file names those that users can ask for.

mod active;
mod affine;
mod background;
pub mod batch;

mod compressed;
pub mod elbo;
mod in_data;
mod interface;
mod marginal;
mod preconditioned;
mod separable;

pub use crate::problem::{OffRange, Responses};
pub use affine::{AffineEvaluation, AffinePoint, affine_energy, affine_separable_energy};
pub use background::Background;
pub use interface::{Energy, Evaluation, Point, gradient};
pub use marginal::{Marginal, MarginalScratch};
pub use preconditioned::Preconditioned;
pub use separable::Separable;

use crate::{Error, Result};
use active::Active;
use compressed::Compressed;
use interface::check_stacked;
use ndarray::ArrayView2;

/// Lists the energies: each line makes one known to users, to its batches, to the bindings and to the tests that hold all
/// energies to their finite differences.
///
/// A type in the list has `for_data(x, responses, parameter) -> Result<Self>`, which refuses a parameter out of its range;
/// `own` says that its batch stands under `batch`, since it depends on the design in its own way.
macro_rules! energies {
    ($($name:literal => $energy:ident $($own:ident)?,)*) => {
        $(batch::batch_in_data!($energy $($own)?);)*

        /// Names of the energies.
        pub const NAMES: &[&str] = &[$($name),*];

        /// The energy of a name, and its gradient, at one point.
        ///
        /// `x` has shape `(n_samples, n_features)`, `y` holds `L` responses of `n_samples` values, one after the other,
        /// `prior_var` one value per feature. `parameter` is the power of the preconditioner, or the variance of the
        /// background; others ignore it.
        ///
        /// # Errors
        /// [`Error::Shape`], [`Error::NonFinite`] and [`Error::InvalidParameter`] for what cannot be evaluated;
        /// [`Error::NotPositiveDefinite`] if `noise_var` is too small for float64.
        ///
        /// A design with more samples than features, or than features with a prior variance above 0, is compressed
        /// first: beside a small `noise_var`, a covariance of all samples would be rounded to one that is singular.
        ///
        /// # Complexity
        /// `O(m^2 (m + n_features) + m n_features L)` with `m = min(n_samples, n_features)`, and the compression,
        /// `O(n_samples n_features (n_features + L))`.
        pub fn evaluate(
            name: &str,
            x: ArrayView2<'_, f64>,
            y: &[f64],
            prior_var: &[f64],
            noise_var: f64,
            parameter: f64,
        ) -> Result<Evaluation> {
            let n_responses = check_stacked(x, y, prior_var, noise_var)?;
            let at = Point { prior_var, noise_var };
            if let Some(evaluation) = on_active_columns(name, x, y, n_responses, at) {
                return evaluation;
            }
            let compressed = Compressed::new(x, y);
            let (x, responses) = match &compressed {
                Some(compressed) => (compressed.design.view(), compressed.responses(n_responses)),
                None => (x, Responses::new(y, n_responses)),
            };
            match name {
                $($name => gradient(&$energy::for_data(x, responses, parameter)?, at),)*
                other => Err(unknown(other)),
            }
        }

        /// As [`evaluate`], for each problem of a batch, with the derivatives in every argument that are wanted; see
        /// [`batch::evaluate_into`].
        ///
        /// # Errors
        /// As [`evaluate`] and [`batch::evaluate_into`].
        ///
        /// # Complexity
        /// That of the energy for each problem.
        pub fn evaluate_batch(
            name: &str,
            parameter: f64,
            arguments: [ndarray::ArrayViewD<'_, f64>; 4],
            slopes: batch::Slopes<'_, 4>,
            plan: &batch::Plan<'_>,
        ) -> Result<Vec<f64>> {
            match name {
                $($name => batch::evaluate_into(&batch::Batch::<$energy>::new(parameter), arguments, slopes, plan),)*
                other => Err(unknown(other)),
            }
        }
    };
}

/// The gradient where fewer columns have a prior variance above 0 than there are samples, of energies in which others
/// have no part.
fn on_active_columns(
    name: &str,
    x: ArrayView2<'_, f64>,
    y: &[f64],
    n_responses: usize,
    at: Point<'_>,
) -> Option<Result<Evaluation>> {
    let find = || Active::new(x, y, at.prior_var);
    match name {
        "marginal" => find().map(|active| {
            let energy = Marginal::for_data(active.design(), active.responses(n_responses), f64::NAN)?;
            active.gradient(&energy, at)
        }),
        "separable" => find().map(|active| {
            let energy = Separable::for_data(active.design(), active.responses(n_responses), f64::NAN)?;
            active.gradient(&energy, at)
        }),
        _ => None,
    }
}

fn unknown(name: &str) -> Error {
    Error::invalid("energy", format!("{name:?}"), &format!("one of {}", NAMES.join(", ")))
}

energies! {
    "marginal" => Marginal,
    "separable" => Separable,
    "preconditioned" => Preconditioned own,
    "background" => Background,
}

/// `tr[Y Y^T Sigma_x^-1] + L log |Sigma_x|` and its gradient: see [`Marginal`] and [`evaluate`].
///
/// # Errors
/// As [`evaluate`].
///
/// # Complexity
/// As [`evaluate`].
pub fn marginal_energy(x: ArrayView2<'_, f64>, y: &[f64], prior_var: &[f64], noise_var: f64) -> Result<Evaluation> {
    evaluate("marginal", x, y, prior_var, noise_var, f64::NAN)
}

/// The energy of a diagonal encoder covariance and its gradient: see [`Separable`] and [`evaluate`].
///
/// # Errors
/// As [`evaluate`].
///
/// # Complexity
/// As [`evaluate`].
pub fn separable_energy(x: ArrayView2<'_, f64>, y: &[f64], prior_var: &[f64], noise_var: f64) -> Result<Evaluation> {
    evaluate("separable", x, y, prior_var, noise_var, f64::NAN)
}

/// The energy of the preconditioned model and its gradient: see [`Preconditioned`] and [`evaluate`].
///
/// # Errors
/// As [`evaluate`].
///
/// # Complexity
/// As [`evaluate`].
pub fn preconditioned_energy(
    x: ArrayView2<'_, f64>,
    y: &[f64],
    prior_var: &[f64],
    noise_var: f64,
    power: f64,
) -> Result<Evaluation> {
    evaluate("preconditioned", x, y, prior_var, noise_var, power)
}
