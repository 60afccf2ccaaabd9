//! The kernel of designs too large to be packed: columns are read block by block where they lie.

use super::covariance::{Covariance, FailedPivot, Kernel};
use super::decompose::{cholesky, copy, inverse, inverse_trace, product};
use crate::design::Standardised;
use faer::linalg::triangular_solve;
use faer::{Mat, Par};

/// Columns whose products are held at a time.
const BLOCK: usize = 512;

/// Some columns of a design. Columns whose variance is 0 take no part in the covariance, and cost nothing there.
#[derive(Debug, Clone)]
pub struct Blockwise<'a> {
    design: &'a Standardised<'a>,
    columns: Vec<usize>,
}

impl<'a> Blockwise<'a> {
    /// The columns `columns` of a design.
    pub fn new(design: &'a Standardised<'a>, columns: Vec<usize>) -> Self {
        Self { design, columns }
    }
}

/// What [`Blockwise`] finds.
#[derive(Debug, Clone)]
pub struct BlockwiseCovariance {
    lower: Mat<f64>,
    /// `L^-1 y`.
    whitened: Mat<f64>,
    s: Vec<f64>,
    q_squared: Vec<f64>,
}

impl Kernel for Blockwise<'_> {
    type Covariance = BlockwiseCovariance;

    fn n_rows(&self) -> usize {
        self.design.nrows()
    }

    fn n_cols(&self) -> usize {
        self.columns.len()
    }

    fn squares(&self) -> Vec<f64> {
        let square = |block: &[usize]| -> Vec<f64> {
            self.design.gather(block).columns().into_iter().map(|column| column.dot(&column)).collect()
        };
        self.columns.chunks(BLOCK).flat_map(square).collect()
    }

    fn covariance(&self, _n_responses: usize) -> BlockwiseCovariance {
        let (s, q_squared) = (vec![0.0; self.n_cols()], vec![0.0; self.n_cols()]);
        BlockwiseCovariance { lower: Mat::new(), whitened: Mat::new(), s, q_squared }
    }

    fn factorise(
        &self,
        y: &[f64],
        w: &[f64],
        ridge: f64,
        covariance: &mut BlockwiseCovariance,
    ) -> Result<(), FailedPivot> {
        let rows = self.n_rows();
        let active = || w.iter().zip(&self.columns).filter(|(w, _)| **w > 0.0);
        let (weights, chosen): (Vec<f64>, Vec<usize>) = active().map(|(w, j)| (*w, *j)).unzip();
        let mut sigma = self.design.weighted_gram(&chosen, &weights);
        for i in 0..rows {
            sigma[(i, i)] += ridge;
        }
        covariance.lower = cholesky(sigma).ok_or(FailedPivot(rows))?;
        covariance.whitened = Mat::from_fn(rows, y.len().checked_div(rows).unwrap_or(0), |i, l| y[l * rows + i]);
        let lower = covariance.lower.as_ref();
        triangular_solve::solve_lower_triangular_in_place(lower, covariance.whitened.as_mut(), Par::Seq);
        Ok(())
    }

    /// In `O(r^2 (r + n) + r n n_responses)` for `n` columns of `r` rows; a few hundred are held at a time.
    fn evaluate(
        &self,
        y: &[f64],
        w: &[f64],
        ridge: f64,
        covariance: &mut BlockwiseCovariance,
    ) -> Result<(), FailedPivot> {
        self.factorise(y, w, ridge, covariance)?;
        let BlockwiseCovariance { lower, whitened, s, q_squared } = covariance;
        let weights = inverse(lower.as_ref());
        let mut solved = whitened.clone();
        triangular_solve::solve_upper_triangular_in_place(lower.transpose(), solved.as_mut(), Par::Seq);
        let results = s.chunks_mut(BLOCK).zip(q_squared.chunks_mut(BLOCK));
        for (block, (s, q_squared)) in self.columns.chunks(BLOCK).zip(results) {
            let columns = copy(&self.design.gather(block).view());
            let turned = product(weights.as_ref(), columns.as_ref());
            let q = product(columns.transpose(), solved.as_ref());
            for (j, (column, turned)) in columns.col_iter().zip(turned.col_iter()).enumerate() {
                s[j] = column.iter().zip(turned.iter()).map(|(a, b)| a * b).sum();
                q_squared[j] = q.row(j).iter().map(|q| q * q).sum();
            }
        }
        Ok(())
    }
}

impl Covariance for BlockwiseCovariance {
    fn log_det(&self) -> f64 {
        2.0 * self.lower.diagonal().column_vector().iter().map(|v| v.ln()).sum::<f64>()
    }

    fn quadratic(&self) -> f64 {
        self.whitened.squared_norm_l2()
    }

    fn s(&self) -> &[f64] {
        &self.s
    }

    fn add_q_squared(&self, to: &mut [f64]) {
        to.iter_mut().zip(&self.q_squared).for_each(|(sum, q)| *sum += q);
    }

    fn multipliers(&self) -> Vec<f64> {
        let mut solved = self.whitened.clone();
        triangular_solve::solve_upper_triangular_in_place(self.lower.transpose(), solved.as_mut(), Par::Seq);
        solved.col_iter().flat_map(|column| column.iter()).copied().collect()
    }

    fn inverse_trace(&self) -> f64 {
        inverse_trace(self.lower.as_ref())
    }
}
