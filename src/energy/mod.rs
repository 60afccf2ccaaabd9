//! Energies of the linear variational autoencoder, with their exact gradients; one energy a file.

mod affine;
pub mod batch;
pub mod elbo;
mod marginal;
mod preconditioned;
mod separable;

pub use affine::{AffineEvaluation, AffinePoint, affine_energy, affine_separable_energy};
pub use marginal::marginal_energy;
pub use preconditioned::{Preconditioned, preconditioned_energy};
pub use separable::separable_energy;

use crate::{Error, Result};
use ndarray::{ArrayView1, ArrayView2, Axis};

/// An energy and its gradient at one point.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The energy.
    pub value: f64,
    /// Derivative in each prior variance.
    pub grad_prior_var: Vec<f64>,
    /// Derivative in the noise variance.
    pub grad_noise_var: f64,
}

impl Evaluation {
    /// Refuses an energy or a gradient beyond the range of float64.
    fn finite(self) -> Result<Self> {
        let numbers = self.grad_prior_var.iter().chain([&self.value, &self.grad_noise_var]).copied();
        let bad = numbers.into_iter().find(|v| !v.is_finite());
        match bad {
            None => Ok(self),
            Some(value) => {
                let scales = format!("scaled so far apart that the energy or its gradient is {value}");
                Err(Error::invalid("X, y, prior_var and noise_var", scales, "rescaled to within 1e100 of each other"))
            }
        }
    }
}

/// Checks the arguments of an energy; the number of responses in `y`, stored one after the other.
fn check(x: ArrayView2<'_, f64>, y: &[f64], prior_var: &[f64], noise_var: f64) -> Result<usize> {
    if x.is_empty() {
        return crate::problem::check_matrix("X", x).map(|()| 0);
    }
    let n_responses = if y.len().is_multiple_of(x.nrows()) { (y.len() / x.nrows()).max(1) } else { 1 };
    let columns: Vec<_> = y.chunks(y.len().div_ceil(n_responses).max(1)).map(ArrayView1::from).collect();
    let columns = ndarray::stack(Axis(1), &columns).unwrap_or_default();
    check_columns(x, columns.view(), prior_var, noise_var)?;
    Ok(n_responses)
}

/// As [`check`], of responses that are the columns of `y`.
fn check_columns(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>, prior_var: &[f64], noise_var: f64) -> Result<()> {
    crate::problem::check_matrix("X", x)?;
    crate::problem::check_response(x.nrows(), y)?;
    if prior_var.len() != x.ncols() {
        return Err(Error::Shape {
            what: "prior_var",
            expected: format!("({},), one value per column of `X`", x.ncols()),
            found: format!("({},)", prior_var.len()),
        });
    }
    if let Some(w) = prior_var.iter().find(|w| !(w.is_finite() && **w >= 0.0)) {
        return Err(Error::invalid("prior_var", w, "finite and not negative, in every entry"));
    }
    if !(noise_var.is_finite() && noise_var > 0.0) {
        return Err(Error::invalid("noise_var", noise_var, "finite and greater than 0"));
    }
    Ok(())
}
