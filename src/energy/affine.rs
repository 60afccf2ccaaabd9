//! Energies of an affine decoder. Letters: W^T is `components`, b is `mean`, gamma is `noise_var` (the paper's lambda),
//! C = W W^T + gamma I, kappa is the number of components (docs/notation).

use crate::linalg::affine::AffineCovariance;
use crate::linalg::rotation::product;
use crate::problem::validate::check_matrix;
use crate::{Error, Result};
use ndarray::{Array2, ArrayView1, ArrayView2, aview1};

/// An energy and its gradient at one point.
#[derive(Debug, Clone, PartialEq)]
pub struct AffineEvaluation {
    /// The energy.
    pub value: f64,
    /// Derivative in each entry of the components.
    pub grad_components: Array2<f64>,
    /// Derivative in the noise variance.
    pub grad_noise_var: f64,
}

/// A point at which an affine model is evaluated.
#[derive(Debug, Clone, Copy)]
pub struct AffinePoint<'a> {
    /// `W^T`, shape `(n_components, n_features)`.
    pub components: ArrayView2<'a, f64>,
    /// `b`, length `n_features`.
    pub mean: ArrayView1<'a, f64>,
    /// `gamma`.
    pub noise_var: f64,
}

/// `sum_i (x_i - b)^T C^-1 (x_i - b) + n log |C|` with `C = W W^T + gamma I`, and its gradient: `2 (n C^-1 - V V^T) W`
/// in `W`, `n tr C^-1 - ||V||^2` in gamma, for the columns `C^-1 (x_i - b)` of `V`.
///
/// `x` has shape `(n_samples, n_features)`.
///
/// # Errors
/// [`Error::Shape`], [`Error::NonFinite`] and [`Error::InvalidParameter`] for what cannot be evaluated;
/// [`Error::NotPositiveDefinite`] if `gamma` is too small for float64.
///
/// # Complexity
/// `O(n_features^2 (n_samples + n_features + n_components))`.
///
/// # References
/// Dai, Wang, Aston, Hua and Wipf, "Hidden Talents of the Variational Autoencoder", eq. 5.
pub fn affine_energy(x: ArrayView2<'_, f64>, point: AffinePoint<'_>) -> Result<AffineEvaluation> {
    let Parts { covariance, quadratic, mut half_gradient, mut slope } = evaluate(x, point)?;
    let n = x.nrows() as f64;
    half_gradient.scaled_add(n, &covariance.solve(point.components));
    slope += n * covariance.inverse_trace();
    finish(quadratic + n * covariance.log_det(), half_gradient, slope)
}

/// As [`affine_energy`], with `sum_j log(gamma + ||w_j||^2) + (d - kappa) log gamma` for the columns `w_j` of `W` in
/// the place of `log |C|`: the energy of an encoder with a diagonal covariance.
///
/// An upper bound, equal where the columns are orthogonal.
///
/// # Errors
/// As [`affine_energy`].
///
/// # Complexity
/// As [`affine_energy`].
///
/// # References
/// Dai, Wang, Aston, Hua and Wipf, "Hidden Talents of the Variational Autoencoder", eqs. 7 and 8.
pub fn affine_separable_energy(x: ArrayView2<'_, f64>, point: AffinePoint<'_>) -> Result<AffineEvaluation> {
    let Parts { quadratic, mut half_gradient, mut slope, .. } = evaluate(x, point)?;
    let (n, gamma) = (x.nrows() as f64, point.noise_var);
    let off_range = x.ncols() as f64 - point.components.nrows() as f64;
    let mut log_det = off_range * gamma.ln();
    slope += n * off_range / gamma;
    for (w, mut gradient) in point.components.rows().into_iter().zip(half_gradient.rows_mut()) {
        let spread = gamma + w.dot(&w);
        log_det += spread.ln();
        slope += n / spread;
        gradient.scaled_add(n / spread, &w);
    }
    finish(quadratic + n * log_det, half_gradient, slope)
}

/// The misfit and its derivatives, half of that in `W`.
struct Parts {
    covariance: AffineCovariance,
    quadratic: f64,
    half_gradient: Array2<f64>,
    slope: f64,
}

fn evaluate(x: ArrayView2<'_, f64>, point: AffinePoint<'_>) -> Result<Parts> {
    check_matrix("X", x)?;
    let AffinePoint { components, mean, noise_var } = point;
    if components.ncols() != x.ncols() {
        return Err(Error::Shape {
            what: "components",
            expected: format!("(n_components, {}), one column for each of `X`", x.ncols()),
            found: format!("{:?}", components.dim()),
        });
    }
    if mean.len() != x.ncols() {
        return Err(Error::Shape {
            what: "mean",
            expected: format!("({},), one value for each column of `X`", x.ncols()),
            found: format!("({},)", mean.len()),
        });
    }
    if let Some(((i, j), _)) = components.indexed_iter().find(|(_, v)| !v.is_finite()) {
        return Err(Error::NonFinite { what: "components", index: vec![i, j] });
    }
    if let Some((j, _)) = mean.indexed_iter().find(|(_, v)| !v.is_finite()) {
        return Err(Error::NonFinite { what: "mean", index: vec![j] });
    }
    if !(noise_var.is_finite() && noise_var > 0.0) {
        return Err(Error::invalid("noise_var", noise_var, "finite and greater than 0"));
    }
    let covariance =
        AffineCovariance::new(components, noise_var).ok_or(Error::NotPositiveDefinite { step: 0, pivot: 0 })?;
    let centred = &x - &aview1(&mean.to_vec());
    let solved = covariance.solve(centred.view());
    let quadratic = centred.iter().zip(&solved).map(|(x, v)| x * v).sum();
    let mut half_gradient = product(product(components, solved.t()).view(), solved.view());
    half_gradient.mapv_inplace(|v| -v);
    let slope = -solved.iter().map(|v| v * v).sum::<f64>();
    Ok(Parts { covariance, quadratic, half_gradient, slope })
}

fn finish(value: f64, half_gradient: Array2<f64>, grad_noise_var: f64) -> Result<AffineEvaluation> {
    let grad_components = half_gradient * 2.0;
    let bad = grad_components.iter().chain([&value, &grad_noise_var]).copied().find(|v| !v.is_finite());
    match bad {
        None => Ok(AffineEvaluation { value, grad_components, grad_noise_var }),
        Some(bad) => Err(Error::scales("`X`, `components` and `noise_var`", bad)),
    }
}
