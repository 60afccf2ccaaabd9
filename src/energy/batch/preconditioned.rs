//! The preconditioned energy. Letters: w is `prior_var`, gamma is `noise_var`, p is `power`, L is the number of
//! responses (docs/notation).

use super::{Batch, BatchEnergy};
use crate::energy::in_data::{Problem, Slopes, differentiate, finite};
use crate::energy::marginal::Marginal;
use crate::energy::preconditioned::Preconditioned;
use crate::linalg::affine::ThinSvd;
use crate::linalg::covariance::Covariance;
use crate::linalg::packed_spd::{Rows, multiply};
use crate::{Error, Result};
use ndarray::{Array2, ArrayView2, ArrayViewD, s};

/// With `X X^T = U diag(u - gamma) U^T` all is done in the basis `U`, in which `P` is `diag(f)`, `f = u^-p`. Let `G` be
/// the slope of the marginal energy in its design `P X`, `A = Sigma^-1 P Y` and `H = L I - gamma (L Sigma^-1 - A A^T)`.
/// That energy changes with `P` by `2 H diag(1 / f)`, and `P` with `X X^T` by divided differences of `f` (Daleckii and
/// Krein): the derivative is `diag(f) G + 2 N X` in `X` with
///
/// `N_ij = -H_ij sinh(p t) / (sinh(t / 2) (u_i u_j)^(1/2))`, `t = ln(u_i / u_j)`, `N_ii = -2 p H_ii / u_i`,
///
/// and `sum_i N_ii` more in gamma than that of the marginal energy. The derivatives need `X` off its range as well, so
/// that the decomposition has all directions, and there may be several responses.
///
/// # Complexity
/// A singular value decomposition, and the marginal energy.
impl BatchEnergy<4> for Batch<Preconditioned<'_>> {
    fn evaluate(
        &self,
        arguments: [ArrayViewD<'_, f64>; 4],
        [mut to_prior_var, mut to_noise_var, mut to_x, mut to_y]: Slopes<'_, 4>,
    ) -> Result<f64> {
        let power = self.parameter;
        if !power.is_finite() {
            return Err(Error::invalid("power", power, "finite"));
        }
        let problem = Problem::new(&arguments)?;
        let (gamma, (d, n), responses) = (problem.noise_var, problem.x.dim(), problem.n_responses);
        let Rotation { basis, spectrum, design: rotated } = Rotation::new(problem.x)?;
        let shifted: Vec<f64> = spectrum.iter().map(|s| s * s + gamma).collect();
        let gain: Vec<f64> = shifted.iter().map(|u| u.powf(-power)).collect();
        let mut design = rotated.clone();
        design.outer_iter_mut().zip(&gain).for_each(|(mut row, f)| row *= *f);
        let mut response = vec![0.0; responses * d];
        multiply(Rows::new(&problem.y, d), Rows::new(&basis, d), &mut response);
        response.chunks_exact_mut(d).for_each(|y| y.iter_mut().zip(&gain).for_each(|(y, f)| *y *= f));

        let inner = Problem { x: design.view(), y: response, ..problem };
        let mut in_design = to_x.as_ref().map(|_| vec![0.0; d * n]);
        let mut in_response = to_y.as_ref().map(|_| vec![0.0; d * responses]);
        let through = to_noise_var.is_some() || to_x.is_some();
        let mut in_noise = [0.0];
        let slopes = [
            to_prior_var.as_deref_mut(),
            through.then_some(&mut in_noise[..]),
            in_design.as_deref_mut(),
            in_response.as_deref_mut(),
        ];
        let plain = Marginal::for_data(inner.x, inner.responses(), f64::NAN)?;
        let (value, scratch) = differentiate(&plain, &inner, slopes)?;

        if through {
            let multipliers = scratch.covariance.multipliers();
            let mut through_gain = scratch.covariance.inverse_matrix();
            let product = |i: usize, j: usize| multipliers.chunks_exact(d).map(|a| a[i] * a[j]).sum::<f64>();
            for ((i, j), h) in through_gain.indexed_iter_mut() {
                let own = if i == j { responses as f64 } else { 0.0 };
                *h = (own - gamma * (responses as f64 * *h - product(i, j)))
                    * divided_difference(shifted[i], shifted[j], power);
            }
            if let Some(to) = &mut to_noise_var {
                to[0] = in_noise[0] + through_gain.diag().sum();
            }
            if let (Some(to), Some(slope)) = (&mut to_x, &mut in_design) {
                let mut change = vec![0.0; d * n];
                let flat: Vec<f64> = through_gain.iter().map(|v| 2.0 * v).collect();
                let rows: Vec<f64> = rotated.iter().copied().collect();
                multiply(Rows::new(&flat, d), Rows::new(&rows, n), &mut change);
                for ((slope, change), f) in slope.chunks_exact_mut(n).zip(change.chunks_exact(n)).zip(&gain) {
                    slope.iter_mut().zip(change).for_each(|(slope, change)| *slope = f * *slope + change);
                }
                multiply(Rows::new(&basis, d), Rows::new(slope, n), to);
            }
        }
        if let (Some(to), Some(slope)) = (&mut to_y, &mut in_response) {
            slope.chunks_exact_mut(responses).zip(&gain).for_each(|(row, f)| row.iter_mut().for_each(|v| *v *= f));
            multiply(Rows::new(&basis, d), Rows::new(slope, responses), to);
        }
        finite(value, &[to_prior_var, to_noise_var, to_x, to_y])
    }
}

/// The design in the basis of all its left singular vectors.
struct Rotation {
    /// Row after row, one column a vector.
    basis: Vec<f64>,
    /// A singular value for each, 0 where the design does not reach.
    spectrum: Vec<f64>,
    design: Array2<f64>,
}

impl Rotation {
    fn new(x: ArrayView2<'_, f64>) -> Result<Self> {
        let (d, n) = x.dim();
        // With columns of zeros, every direction has its vector.
        let mut padded = Array2::zeros((d, n.max(d)));
        padded.slice_mut(s![.., ..n]).assign(&x);
        let ThinSvd { left, singular, mut right } = ThinSvd::new(padded.view(), "X")?;
        right.outer_iter_mut().zip(&singular).for_each(|(mut row, s)| row *= *s);
        let design = right.slice(s![.., ..n]).to_owned();
        Ok(Self { basis: left.iter().copied().collect(), spectrum: singular, design })
    }
}

/// `(1 / f_i + 1 / f_j) (f_i - f_j) / (u_i - u_j)` for `f = u^-p`.
fn divided_difference(u: f64, v: f64, power: f64) -> f64 {
    let t = ((u - v) / v).ln_1p();
    let root = (u * v).sqrt();
    if t == 0.0 { -2.0 * power / root } else { -(power * t).sinh() / ((0.5 * t).sinh() * root) }
}
