//! What derivatives in the design and in the noise variance need of a factorised marginal covariance.

use super::decompose::inverse;
use super::marginal::Marginal;
use faer::linalg::{triangular_inverse, triangular_solve};
use faer::{Mat, MatMut, Par};
use ndarray::Array2;

impl Marginal {
    /// `Sigma_x^-1 x`, response after response.
    ///
    /// # Complexity
    /// `O(r^2)` for each response; allocates.
    pub fn multipliers(&self) -> Vec<f64> {
        let mut solved = self.whitened();
        self.solve_transposed(&mut solved);
        solved
    }

    /// `vectors <- L^-1 vectors`, with the factor `L` of `Sigma_x`, one vector of `r` values after the other.
    ///
    /// # Complexity
    /// `r^2` floating-point operations for each.
    pub fn solve_lower(&self, vectors: &mut [f64]) {
        let lower = self.lower();
        let count = vectors.len().checked_div(lower.nrows()).unwrap_or(0);
        let right = MatMut::from_column_major_slice_mut(vectors, lower.nrows(), count);
        triangular_solve::solve_lower_triangular_in_place(lower, right, Par::Seq);
    }

    /// As [`solve_lower`](Self::solve_lower), with `L^-T`.
    ///
    /// # Complexity
    /// As [`solve_lower`](Self::solve_lower).
    pub fn solve_transposed(&self, vectors: &mut [f64]) {
        let lower = self.lower();
        let count = vectors.len().checked_div(lower.nrows()).unwrap_or(0);
        let right = MatMut::from_column_major_slice_mut(vectors, lower.nrows(), count);
        triangular_solve::solve_upper_triangular_in_place(lower.transpose(), right, Par::Seq);
    }

    /// `tr Sigma_x^-1`, as the squared norm of `L^-1`.
    ///
    /// # Complexity
    /// `r^3 / 3` floating-point operations; allocates.
    pub fn inverse_trace(&self) -> f64 {
        let lower = self.lower();
        let size = lower.nrows();
        let mut inverted = Mat::zeros(size, size);
        triangular_inverse::invert_lower_triangular(inverted.as_mut(), lower, Par::Seq);
        inverted.col_iter().enumerate().map(|(j, column)| column.subrows(j, size - j).squared_norm_l2()).sum()
    }

    /// `Sigma_x^-1`.
    ///
    /// # Complexity
    /// `r^3` floating-point operations; allocates.
    pub fn inverse_matrix(&self) -> Array2<f64> {
        let inverted = inverse(self.lower());
        Array2::from_shape_fn(inverted.shape(), |(i, j)| inverted[(i, j)])
    }
}
