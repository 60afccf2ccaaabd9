//! Designs with more samples than features, in coordinates of their range. Letters: d and n are the rows and columns of
//! the design, gamma is `noise_var`, v the variances of the columns, A is `multipliers` (docs/notation).

use super::in_data::{InData, Problem, Slopes, differentiate, finite};
use crate::Result;
use crate::linalg::least_squares::NestedLeastSquares;
use crate::problem::{OffRange, Responses};
use ndarray::{Array2, ArrayView2};

/// `R` and `Q^T Y` of `X = Q R`, and what of `Y` lies off the range of `X`: the covariance there is gamma, and would be
/// lost in the rounding of one of all samples.
pub(super) struct Compressed {
    pub design: Array2<f64>,
    values: Vec<f64>,
    off_range: OffRange,
    fit: NestedLeastSquares,
}

impl Compressed {
    /// `None` where there are no more samples than features.
    ///
    /// # Complexity
    /// `O(d n (n + L))`.
    pub fn new(x: ArrayView2<'_, f64>, y: &[f64]) -> Option<Self> {
        let (d, n) = x.dim();
        (d > n).then(|| {
            let fit = NestedLeastSquares::new(x, y);
            let (design, values) = fit.compressed();
            Self { design, values, off_range: OffRange { directions: d - n, norm: fit.residual[n] }, fit }
        })
    }

    pub fn responses(&self, n_responses: usize) -> Responses<'_> {
        Responses { values: &self.values, n_responses, off_range: self.off_range }
    }

    /// The compressed problem.
    pub fn problem<'a>(&'a self, whole: &Problem<'_>) -> Problem<'a> {
        Problem {
            prior_var: whole.prior_var.clone(),
            noise_var: whole.noise_var,
            x: self.design.view(),
            y: self.values.clone(),
            n_responses: whole.n_responses,
        }
    }

    /// The energy of the whole problem, with its derivatives: `Q` times those of the compressed one, and with `F = (Y -
    /// Q Q^T Y) / gamma` beside it `2 F` in `Y` and `-2 F (X^T A)^T diag(v)` in `X`.
    pub fn evaluate<E: InData>(
        &self,
        energy: &E,
        whole: &Problem<'_>,
        [mut to_prior_var, mut to_noise_var, mut to_x, mut to_y]: Slopes<'_, 4>,
    ) -> Result<f64> {
        let inner = self.problem(whole);
        let (n, count) = (inner.x.ncols(), whole.n_responses);
        let mut in_x = to_x.as_ref().map(|_| Array2::zeros((n, n)));
        let mut in_y = (to_x.is_some() || to_y.is_some()).then(|| Array2::zeros((n, count)));
        let slopes = [
            to_prior_var.as_deref_mut(),
            to_noise_var.as_deref_mut(),
            in_x.as_mut().and_then(Array2::as_slice_mut),
            in_y.as_mut().and_then(Array2::as_slice_mut),
        ];
        let (value, _) = differentiate(energy, &inner, slopes)?;
        if let Some(in_y) = &in_y {
            let basis = self.fit.basis();
            let columns =
                |values: &[f64], rows: usize| Array2::from_shape_fn((rows, count), |(i, l)| values[l * rows + i]);
            let (y, inside) = (columns(&whole.y, basis.nrows()), columns(&self.values, n));
            let off = (y - basis.dot(&inside)) * (2.0 / whole.noise_var);
            if let (Some(to), Some(in_x)) = (&mut to_x, &in_x) {
                // X^T A, of 2 A.
                let mut factors = self.design.t().dot(in_y) * 0.5;
                let variances = (0..n).map(|j| energy.variance(inner.at(), j));
                factors.rows_mut().into_iter().zip(variances).for_each(|(mut row, v)| row *= v);
                let slope = basis.dot(in_x) - off.dot(&factors.t());
                to.iter_mut().zip(&slope).for_each(|(to, slope)| *to = *slope);
            }
            if let Some(to) = &mut to_y {
                let slope = basis.dot(in_y) + &off;
                to.iter_mut().zip(&slope).for_each(|(to, slope)| *to = *slope);
            }
        }
        finite(value, &[to_prior_var, to_noise_var, to_x, to_y])
    }
}
