//! Energies at prior variances most of which are 0, as after a fit, in coordinates of the range of the other columns.
//! Letters: d and n are the rows and columns of the design, gamma is `noise_var`, q and s are as in
//! [`Energy`](super::Energy) (docs/notation).

use super::in_data::InData;
use super::interface::{Evaluation, Point};
use crate::Result;
use crate::linalg::least_squares::NestedLeastSquares;
use crate::problem::{OffRange, Responses};
use ndarray::{Array2, ArrayView2, Axis, s};

/// Columns whose part off the range is looked at together.
const PANEL: usize = 1 << 10;

/// `Q^T X` and `Q^T Y`, where `Q` spans the columns that have variance, and what lies beside: there the covariance is
/// gamma, and would be lost in the rounding of one of all samples.
pub(super) struct Active {
    design: Array2<f64>,
    values: Vec<f64>,
    off_range: OffRange,
    /// Of each column, the squared norm of its part off the range, and the products of that with those of the responses.
    squares: Vec<f64>,
    products: Array2<f64>,
}

impl Active {
    /// `None` where as many columns have variance as there are samples, or all have, or none has.
    ///
    /// # Complexity
    /// `O(d k (n + L))` for `k` columns with variance.
    pub fn new(x: ArrayView2<'_, f64>, y: &[f64], prior_var: &[f64]) -> Option<Self> {
        let (rows, n) = x.dim();
        let chosen: Vec<usize> = (0..n).filter(|&j| prior_var[j] > 0.0).collect();
        let k = chosen.len();
        if k == 0 || k >= rows.min(n) {
            return None;
        }
        let fit = NestedLeastSquares::new(x.select(Axis(1), &chosen).view(), y);
        let (basis, (own, values)) = (fit.basis(), fit.compressed());
        let inside = ArrayView2::from_shape((y.len() / rows, k), &values).ok()?;
        let off = ArrayView2::from_shape((y.len() / rows, rows), y).ok()?.to_owned() - inside.dot(&basis.t());
        let mut design = basis.t().dot(&x);
        let (mut squares, mut products) = (vec![0.0; n], Array2::zeros((n, off.nrows())));
        for first in (0..n).step_by(PANEL) {
            let part = first..(first + PANEL).min(n);
            let left = &x.slice(s![.., part.clone()]) - &basis.dot(&design.slice(s![.., part.clone()]));
            let norms = left.columns().into_iter().map(|column| column.dot(&column));
            squares[part.clone()].iter_mut().zip(norms).for_each(|(to, square)| *to = square);
            products.slice_mut(s![part, ..]).assign(&left.t().dot(&off.t()));
        }
        for (i, &j) in chosen.iter().enumerate() {
            design.column_mut(j).assign(&own.column(i));
            squares[j] = 0.0;
            products.row_mut(j).fill(0.0);
        }
        let off_range = OffRange { directions: rows - k, norm: fit.residual[k] };
        Some(Self { design, values, off_range, squares, products })
    }

    pub fn design(&self) -> ArrayView2<'_, f64> {
        self.design.view()
    }

    pub fn responses(&self, n_responses: usize) -> Responses<'_> {
        Responses { values: &self.values, n_responses, off_range: self.off_range }
    }

    /// `energy`, that of this design and these responses, with the gradient of the whole one.
    pub fn gradient<E: InData>(&self, energy: &E, at: Point<'_>) -> Result<Evaluation> {
        let mut scratch = energy.scratch();
        let value = energy.evaluate(at, &mut scratch).map_err(|pivot| pivot.at(0))?;
        let k = self.design.nrows();
        let multipliers = energy.multipliers(&scratch);
        let mut q = &self.products / at.noise_var;
        for (mut q, a) in q.columns_mut().into_iter().zip(multipliers.chunks_exact(k)) {
            q += &self.design.t().dot(&ndarray::aview1(a));
        }
        let s = energy.s(&scratch).iter().zip(&self.squares).map(|(s, square)| s + square / at.noise_var);
        let factors = s.zip(q.rows()).map(|(s, q)| (s, q.dot(&q)));
        Evaluation::new(energy, at, &scratch, value, factors)
    }
}
