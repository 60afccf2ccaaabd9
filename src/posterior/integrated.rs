//! The ratio of background to noise, given which columns have an effect.
//!
//! Given their coefficients as well, that ratio hardly moves: a background that explains what columns could leaves little
//! to their effects, and effects that explain it leave little to a background. So the coefficients are integrated out, and
//! drawn anew once the ratio is.

use super::coordinates::{Coordinates, Level};
use super::draws::normal;
use crate::linalg::packed_spd::{Rows, factor, log_det, multiply, packed_len, solve, solve_transposed};
use ndarray::Array2;
use rand_chacha::ChaCha8Rng;

/// What is left of the responses at one ratio, and the distribution of the coefficients.
pub(super) struct Integrated {
    /// The quadratic form of the responses in the inverse of their covariance, over the noise variance.
    pub sum: f64,
    /// Logarithm of that covariance's determinant, up to what does not depend on the ratio.
    pub log_det: f64,
    /// Mean of the coefficients, axis after axis.
    mean: Vec<f64>,
    /// Cholesky factor of their precision, times the noise variance; packed.
    lower: Vec<f64>,
}

impl Integrated {
    /// At `level`, for effects at `columns`, one in a row, whose coefficients have the variance `slab_ratio` over that of
    /// the noise. None where columns depend on each other so closely that rounding decides.
    ///
    /// # Complexity
    /// `O(k^2 (r + k))` for `k` columns of length `r`.
    pub fn new(coordinates: &Coordinates, level: &Level, columns: &Array2<f64>, slab_ratio: f64) -> Option<Self> {
        let ((k, rank), responses) = (columns.dim(), coordinates.n_responses as f64);
        let axes = || coordinates.response.chunks_exact(rank.max(1));
        let of_axis = |y: &[f64]| y.iter().zip(&level.weights).map(|(y, w)| y * y * w).sum::<f64>();
        let least = coordinates.least();
        let mut sum = least + coordinates.off_range + axes().map(of_axis).sum::<f64>();
        let weighted = |x: &[f64]| x.iter().zip(&level.weights).map(|(x, w)| x * w).collect::<Vec<f64>>();
        let scaled: Vec<f64> = columns.as_slice()?.chunks_exact(rank.max(1)).flat_map(weighted).collect();
        let (mut products, mut mean) = (vec![0.0; k * k], vec![0.0; k * coordinates.n_axes]);
        let of_columns = Rows::new(&scaled, rank);
        multiply(of_columns, Rows::new(columns.as_slice()?, rank).t(), &mut products);
        multiply(Rows::new(&coordinates.response, rank), of_columns.t(), &mut mean);
        let mut lower = Vec::with_capacity(packed_len(k));
        for (i, row) in products.chunks_exact(k.max(1)).enumerate() {
            lower.extend(&row[..i]);
            lower.push(row[i] + 1.0 / slab_ratio);
        }
        factor(&mut lower, k).ok()?;
        for mean in mean.chunks_exact_mut(k.max(1)) {
            let products = mean.to_vec();
            solve(&lower, mean);
            sum -= mean.iter().zip(&products).map(|(b, q)| b * q).sum::<f64>();
        }
        Some(Self { sum: sum.max(least), log_det: responses * (level.log_det + log_det(&lower, k)), mean, lower })
    }

    /// Coefficients given the noise variance, axis after axis.
    pub fn draw(&self, noise_var: f64, k: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
        let mut drawn = self.mean.clone();
        for drawn in drawn.chunks_exact_mut(k.max(1)) {
            let mut normals: Vec<f64> = drawn.iter().map(|_| noise_var.sqrt() * normal(rng)).collect();
            solve_transposed(&self.lower, &mut normals);
            drawn.iter_mut().zip(normals).for_each(|(b, z)| *b += z);
        }
        drawn
    }
}
