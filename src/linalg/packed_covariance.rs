//! The kernel of packed columns: the marginal covariance assembled, factorised and solved with all scratch allocated
//! once.

use super::covariance::{Covariance, FailedPivot, Kernel};
use super::decompose;
use super::gram::{Gram, PASS};
use super::packed::{Packed, block_rows};
use super::solve::{PackedFactor, Solve};
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{LltError, LltParams, cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::triangular_solve;
use faer::{Auto, MatMut, MatRef, Par, Spec};
use ndarray::Array2;

/// Responses from which solving for all at once is faster than one after the other. Chosen by
/// hand; it decides on speed alone.
const MANY: usize = 8;

/// Scratch and results of one evaluation: `q = X^T Sigma_x^-1 x` for each response `x`, `s_j = x_j^T Sigma_x^-1 x_j`,
/// `log|Sigma_x|`, `x^T Sigma_x^-1 x`.
pub struct PackedCovariance {
    n_rows: usize,
    n_cols: usize,
    n_responses: usize,
    leading: usize,
    sigma: Vec<f64>,
    scaled: Vec<f64>,
    factor: PackedFactor,
    b: Vec<f64>,
    panel: Vec<f64>,
    s: Vec<f64>,
    q: Vec<f64>,
    stack: MemBuffer,
    params: Spec<LltParams, f64>,
}

impl PackedCovariance {
    /// Scratch for `n_responses` responses and designs of the shape of `design`.
    pub fn new(design: &Packed, n_responses: usize) -> Self {
        let (n_rows, n_cols, leading, width) = (design.n_rows(), design.n_cols(), design.leading(), design.width());
        // Small blocks: a factor of 100 rows takes 11 microseconds instead of 20.
        let params: Spec<LltParams, f64> =
            LltParams { recursion_threshold: 16, block_size: 32, ..<LltParams as Auto<f64>>::auto() }.into();
        let padded_cols = n_cols.div_ceil(width) * width;
        Self {
            n_rows,
            n_cols,
            n_responses,
            leading,
            sigma: vec![0.0; leading * design.padded_rows],
            scaled: vec![0.0; PASS * block_rows(design.lanes)],
            factor: PackedFactor::new(design),
            b: vec![0.0; n_responses * design.padded_rows],
            panel: vec![0.0; design.padded_rows * width],
            s: vec![0.0; padded_cols],
            q: vec![0.0; n_responses * padded_cols],
            stack: MemBuffer::new(cholesky_in_place_scratch::<f64>(n_rows, Par::Seq, params)),
            params,
        }
    }

    /// Assembles, factorises and solves at `w` (one variance per column) and `ridge`, for the responses `x` (one value
    /// per row, response after response).
    ///
    /// `design` must have the shape that this scratch was made for.
    ///
    /// # Errors
    /// [`FailedPivot`] where `Sigma_x` is not numerically positive definite.
    ///
    /// # Complexity
    /// `2 r^2 n + r^3 / 3` floating-point operations for `r` rows and `n` columns, and `2 r n` for each response after
    /// the first; no allocation.
    pub fn evaluate(&mut self, design: &Packed, x: &[f64], w: &[f64], ridge: f64) -> Result<(), FailedPivot> {
        self.factorise(design, x, w, ridge)?;
        let Self { factor, b, panel, s, q, .. } = self;
        design.arch.dispatch(Solve { design, factor, b, panel, s, q });
        Ok(())
    }

    /// As [`evaluate`](Self::evaluate), without `q` and `s`, which stay what they were.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    ///
    /// # Complexity
    /// `r^2 n + r^3 / 3` floating-point operations, and `r^2` for each response; no allocation.
    pub fn factorise(&mut self, design: &Packed, x: &[f64], w: &[f64], ridge: f64) -> Result<(), FailedPivot> {
        let (r, leading) = (self.n_rows, self.leading);
        design.arch.dispatch(Gram { design, w, sigma: &mut self.sigma, scaled: &mut self.scaled });
        for i in 0..r {
            self.sigma[i * leading + i] += ridge;
        }
        let sigma = MatMut::from_column_major_slice_with_stride_mut(&mut self.sigma, r, r, leading);
        let stack = MemStack::new(&mut self.stack);
        match cholesky_in_place(sigma, Default::default(), Par::Seq, stack, self.params) {
            Ok(_) => {}
            Err(LltError::NonPositivePivot { index }) => return Err(FailedPivot(index)),
        }
        self.factor.pack(&self.sigma, leading, r);
        let padded = self.b.len() / self.n_responses;
        if r > 0 {
            for (b, x) in self.b.chunks_exact_mut(padded).zip(x.chunks_exact(r)) {
                b[..r].copy_from_slice(x);
                if self.n_responses < MANY {
                    self.factor.solve_vector(b);
                }
            }
            if self.n_responses >= MANY {
                let lower = MatRef::from_column_major_slice_with_stride(&self.sigma, r, r, leading);
                let right = MatMut::from_column_major_slice_with_stride_mut(&mut self.b, r, self.n_responses, padded);
                triangular_solve::solve_lower_triangular_in_place(lower, right, Par::Seq);
            }
        }
        // A NaN pivot passes a test for `<= 0`, but not for being finite.
        if !self.b.iter().all(|b| b.is_finite()) {
            return Err(FailedPivot(r));
        }
        Ok(())
    }

    /// `x_j^T Sigma_x^-1 x` for each response, one value per column.
    pub fn each_q(&self) -> impl Iterator<Item = &[f64]> {
        let padded = self.q.len() / self.n_responses;
        (0..self.n_responses).map(move |l| &self.q[l * padded..][..self.n_cols])
    }

    /// The factor `L`, lower triangle, as a faer view (what lies above the diagonal is not part of it).
    fn lower(&self) -> MatRef<'_, f64> {
        MatRef::from_column_major_slice_with_stride(&self.sigma, self.n_rows, self.n_rows, self.leading)
    }

    /// The diagonal of `Sigma_x^-1`.
    ///
    /// # Complexity
    /// `O(r^3)`; allocates.
    pub fn inverse_diagonal(&self) -> Vec<f64> {
        decompose::inverse(self.lower()).diagonal().column_vector().iter().copied().collect()
    }

    /// `Sigma_x^-1`.
    ///
    /// # Complexity
    /// `r^3` floating-point operations; allocates.
    pub fn inverse_matrix(&self) -> Array2<f64> {
        let inverted = decompose::inverse(self.lower());
        Array2::from_shape_fn(inverted.shape(), |(i, j)| inverted[(i, j)])
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

    /// `L^-1 x`, response after response.
    fn whitened(&self) -> Vec<f64> {
        let padded = self.b.len() / self.n_responses;
        (0..self.n_responses).flat_map(|l| &self.b[l * padded..][..self.n_rows]).copied().collect()
    }
}

impl Covariance for PackedCovariance {
    fn log_det(&self) -> f64 {
        2.0 * (0..self.n_rows).map(|i| self.sigma[i * self.leading + i].ln()).sum::<f64>()
    }

    fn quadratic(&self) -> f64 {
        self.b.iter().map(|b| b * b).sum()
    }

    fn s(&self) -> &[f64] {
        &self.s[..self.n_cols]
    }

    fn add_q_squared(&self, to: &mut [f64]) {
        self.each_q().for_each(|q| to.iter_mut().zip(q).for_each(|(sum, q)| *sum += q * q));
    }

    fn multipliers(&self) -> Vec<f64> {
        let mut solved = self.whitened();
        self.solve_transposed(&mut solved);
        solved
    }

    fn inverse_trace(&self) -> f64 {
        decompose::inverse_trace(self.lower())
    }
}

impl Kernel for Packed {
    type Covariance = PackedCovariance;

    fn n_rows(&self) -> usize {
        self.n_rows()
    }

    fn n_cols(&self) -> usize {
        self.n_cols()
    }

    fn squares(&self) -> Vec<f64> {
        self.squares()
    }

    fn covariance(&self, n_responses: usize) -> PackedCovariance {
        PackedCovariance::new(self, n_responses)
    }

    fn factorise(
        &self,
        y: &[f64],
        w: &[f64],
        ridge: f64,
        covariance: &mut PackedCovariance,
    ) -> Result<(), FailedPivot> {
        covariance.factorise(self, y, w, ridge)
    }

    fn evaluate(&self, y: &[f64], w: &[f64], ridge: f64, covariance: &mut PackedCovariance) -> Result<(), FailedPivot> {
        covariance.evaluate(self, y, w, ridge)
    }
}
