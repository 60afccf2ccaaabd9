//! Responses in their principal axes: as many columns as they have rank, and no information lost.

use super::decompose::{Svd, thin_svd};
use crate::Result;
use faer::Mat;
use ndarray::Array2;

/// `Y = U diag(s) V^T`, without the directions whose singular value is rounding.
#[derive(Debug, Clone, PartialEq)]
pub struct PrincipalAxes {
    /// `U`, column after column.
    pub directions: Vec<f64>,
    /// `s`, falling.
    pub singular: Vec<f64>,
    /// `V`, shape `(n_responses, rank)`.
    pub rotation: Array2<f64>,
}

impl PrincipalAxes {
    /// Decomposes the responses `y`, one after the other, of `rows` values each; singular values of at most `tolerance`
    /// of the largest are dropped.
    ///
    /// # Errors
    /// [`Error::NoDecomposition`](crate::Error::NoDecomposition).
    ///
    /// # Complexity
    /// `O(rows n_responses min(rows, n_responses))`.
    pub fn new(y: &[f64], rows: usize, tolerance: f64) -> Result<Self> {
        let n_responses = y.len().checked_div(rows).unwrap_or(0);
        let Svd { u, mut s, v } = thin_svd(Mat::from_fn(rows, n_responses, |i, l| y[l * rows + i]).as_ref(), "y")?;
        let largest = s.first().copied().unwrap_or(0.0);
        s.retain(|&s| s > tolerance * largest);
        let rank = s.len();
        let directions = u.get(.., ..rank).col_iter().flat_map(|column| column.iter()).copied().collect();
        let rotation = Array2::from_shape_fn((n_responses, rank), |(l, k)| v[(l, k)]);
        Ok(Self { directions, singular: s, rotation })
    }

    /// `U diag(s)`, column after column.
    pub fn values(&self, rows: usize) -> Vec<f64> {
        let mut values = self.directions.clone();
        for (column, s) in values.chunks_exact_mut(rows.max(1)).zip(&self.singular) {
            column.iter_mut().for_each(|v| *v *= s);
        }
        values
    }
}
