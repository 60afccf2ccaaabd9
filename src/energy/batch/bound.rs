//! The evidence lower bound in its encoder and decoder. Letters: `W` is `encoder_weights`, `S` is `encoder_factor`, `v`
//! is `decoder_scale`, gamma is `noise_var`, d and n are the rows and columns of the design, L is the number of
//! responses (docs/notation).

use super::BatchEnergy;
use crate::energy::in_data::{Slopes, finite, number, shape, vector};
use crate::linalg::packed_spd::{Rows, multiply};
use crate::problem::validate::{check_matrix, check_response};
use crate::{Error, Result};
use ndarray::{Array2, ArrayView2, ArrayViewD, Axis, Ix2};

/// Twice the negative evidence lower bound, in the mean over the latent, as a function of encoder weights, encoder
/// factor, decoder scale, noise variance, design and responses:
///
/// `(||E||^2 + L ||T||^2) / gamma + ||M||^2 + L (||S||_F^2 - ln |S S^T| + d ln gamma - n)`
///
/// with `M = W Y`, `E = Y - X diag(v) M` and `T = X diag(v) S`; additive constants as in
/// [`Elbo`](crate::energy::elbo::Elbo), of one draw of the latent. Of `S` the lower triangle is read.
///
/// With `C = 2 / gamma (L T S^T - E M^T)` and `D = 2 M - 2 / gamma diag(v) X^T E` the derivative is `D Y^T` in `W`, the
/// lower triangle of `2 L (diag(v) X^T T / gamma + S - diag(1 / S_ii))` in `S`, `x_j . c_j` in `v_j`, `C diag(v)` in
/// `X`, and `2 E / gamma + W^T D` in `Y`.
///
/// # Complexity
/// `O(d n^2 + d n L)`.
///
/// # References
/// Pratihar and Mukhopadhyay (2025), "Be a Goldfish", eq. 13.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ElboEnergy;

/// A matrix by rows.
fn matrix(what: &'static str, expected: &str, values: &ArrayViewD<'_, f64>) -> Result<Array2<f64>> {
    let view = values.clone().into_dimensionality::<Ix2>().map_err(|_| shape(what, expected, values))?;
    check_matrix(what, view)?;
    Ok(view.as_standard_layout().into_owned())
}

fn sized(what: &'static str, found: (usize, usize), wanted: (usize, usize)) -> Result<()> {
    if found == wanted {
        return Ok(());
    }
    Err(Error::Shape { what, expected: format!("{wanted:?}"), found: format!("{found:?}") })
}

fn flat(values: &Array2<f64>) -> &[f64] {
    values.as_slice().unwrap_or_default()
}

fn product(a: Rows<'_>, b: Rows<'_>, len: usize) -> Vec<f64> {
    let mut out = vec![0.0; len];
    multiply(a, b, &mut out);
    out
}

fn square(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum()
}

struct Checked {
    weights: Array2<f64>,
    factor: Array2<f64>,
    scale: Vec<f64>,
    noise_var: f64,
    x: Array2<f64>,
    y: Array2<f64>,
}

impl Checked {
    fn new([weights, factor, scale, noise_var, x, y]: [ArrayViewD<'_, f64>; 6]) -> Result<Self> {
        let x = matrix("X", "(n_samples, n_features)", &x)?;
        let (d, n) = x.dim();
        let columns = if y.ndim() == 1 { y.clone().insert_axis(Axis(1)) } else { y.clone() };
        let wanted = "(n_samples,) or (n_samples, n_responses)";
        let columns: ArrayView2<'_, f64> = columns.into_dimensionality::<Ix2>().map_err(|_| shape("y", wanted, &y))?;
        check_response(d, columns)?;
        let weights = matrix("encoder_weights", "(n_features, n_samples)", &weights)?;
        sized("encoder_weights", weights.dim(), (n, d))?;
        let mut factor = matrix("encoder_factor", "(n_features, n_features)", &factor)?;
        sized("encoder_factor", factor.dim(), (n, n))?;
        for (i, mut row) in factor.outer_iter_mut().enumerate() {
            row.iter_mut().skip(i + 1).for_each(|v| *v = 0.0);
            if row[i] == 0.0 {
                return Err(Error::invalid("encoder_factor", "0 on its diagonal", "nonzero there"));
            }
        }
        let scale = vector("decoder_scale", "(n_features,)", &scale)?.to_vec();
        sized("decoder_scale", (scale.len(), 1), (n, 1))?;
        if let Some(j) = scale.iter().position(|v| !v.is_finite()) {
            return Err(Error::NonFinite { what: "decoder_scale", index: vec![j] });
        }
        let noise_var = number("noise_var", &noise_var)?;
        if !(noise_var.is_finite() && noise_var > 0.0) {
            return Err(Error::invalid("noise_var", noise_var, "finite and greater than 0"));
        }
        Ok(Self { weights, factor, scale, noise_var, x, y: columns.as_standard_layout().into_owned() })
    }
}

impl BatchEnergy<6> for ElboEnergy {
    fn evaluate(&self, arguments: [ArrayViewD<'_, f64>; 6], mut slopes: Slopes<'_, 6>) -> Result<f64> {
        let Checked { weights, factor, scale, noise_var: gamma, x, y } = Checked::new(arguments)?;
        let ((d, n), count) = (x.dim(), y.ncols());
        let responses = count as f64;
        let mut decoder = x.clone();
        decoder.outer_iter_mut().for_each(|mut row| row.iter_mut().zip(&scale).for_each(|(x, v)| *x *= v));
        let (decoder, factor) = (Rows::new(flat(&decoder), n), flat(&factor));
        let mean = product(Rows::new(flat(&weights), d), Rows::new(flat(&y), count), n * count);
        let mut residual = product(decoder, Rows::new(&mean, count), d * count);
        residual.iter_mut().zip(&y).for_each(|(fitted, y)| *fitted = y - *fitted);
        let spread = product(decoder, Rows::new(factor, n), d * n);
        let misfit = square(&residual) + responses * square(&spread);
        let log_det: f64 = (0..n).map(|i| 2.0 * factor[i * n + i].abs().ln()).sum();
        let freedom = d as f64 * gamma.ln() - n as f64;
        let value = misfit / gamma + square(&mean) + responses * (square(factor) - log_det + freedom);

        let [to_weights, to_factor, to_scale, to_noise_var, to_x, to_y] = &mut slopes;
        if let Some(to) = to_noise_var {
            to[0] = (responses * d as f64 - misfit / gamma) / gamma;
        }
        if to_weights.is_some() || to_y.is_some() {
            let mut in_mean = product(decoder.t(), Rows::new(&residual, count), n * count);
            in_mean.iter_mut().zip(&mean).for_each(|(to, mean)| *to = 2.0 * (mean - *to / gamma));
            if let Some(to) = to_weights {
                multiply(Rows::new(&in_mean, count), Rows::new(flat(&y), count).t(), to);
            }
            if let Some(to) = to_y {
                multiply(Rows::new(flat(&weights), d).t(), Rows::new(&in_mean, count), to);
                to.iter_mut().zip(&residual).for_each(|(to, e)| *to += 2.0 / gamma * e);
            }
        }
        if let Some(to) = to_factor {
            multiply(decoder.t(), Rows::new(&spread, n), to);
            for (i, (row, factor)) in to.chunks_exact_mut(n).zip(factor.chunks_exact(n)).enumerate() {
                row[i + 1..].fill(0.0);
                let own = row[..=i].iter_mut().zip(factor);
                own.for_each(|(to, s)| *to = 2.0 * responses * (*to / gamma + s));
                row[i] -= 2.0 * responses / factor[i];
            }
        }
        if to_scale.is_some() || to_x.is_some() {
            let mut in_decoder = product(Rows::new(&spread, n), Rows::new(factor, n).t(), d * n);
            let fitted = product(Rows::new(&residual, count), Rows::new(&mean, count).t(), d * n);
            in_decoder.iter_mut().zip(&fitted).for_each(|(to, e)| *to = 2.0 / gamma * (responses * *to - e));
            if let Some(to) = to_scale {
                to.fill(0.0);
                for (slope, x) in in_decoder.chunks_exact(n).zip(flat(&x).chunks_exact(n)) {
                    to.iter_mut().zip(slope).zip(x).for_each(|((to, slope), x)| *to += slope * x);
                }
            }
            if let Some(to) = to_x {
                for (to, slope) in to.chunks_exact_mut(n).zip(in_decoder.chunks_exact(n)) {
                    to.iter_mut().zip(slope).zip(&scale).for_each(|((to, slope), v)| *to = slope * v);
                }
            }
        }
        finite(value, &slopes)
    }
}
