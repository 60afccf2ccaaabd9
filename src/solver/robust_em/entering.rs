//! Components that are missing of a decoder.

use super::{CHUNK, RobustEm};
use crate::Result;
use crate::linalg::packed_spd::{Rows, multiply};
use crate::linalg::row_blocks::RowGram;
use crate::monitor::Monitor;
use ndarray::Array1;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use std::ops::Range;

/// Random directions of [`RobustEm::is_complete`], and the powers that they are raised to, at most.
const PROBES: usize = 8;
const POWERS: i32 = 4;
/// The norm of a matrix over the largest of the norms to which it takes so many normal vectors: with probability at most
/// `10^-PROBES` it is greater (Halko, Martinsson and Tropp 2011, Lemma 4.1, `10 sqrt(2 / pi)`).
const SHARE: f64 = 7.98;

impl RobustEm<'_> {
    /// New columns, at most `most`: those whose addition would lower the energy at the noise variances of the last
    /// expectation step, even if the present columns had no share in them.
    ///
    /// With `V` the rows `C_i^-1 x_i`, `H = sum_i diag(p_i)` and `N` the numbers of observations of the features, an
    /// eigenvalue `e > 1` of `H^-1/2 V^T V H^-1/2` with eigenvector `u` gives the column `N^1/2 H^-1/2 u sqrt(e - 1)`:
    /// of equal noise variances it is a column of the affine model's closed form.
    ///
    /// # Errors
    /// [`Error::NoDecomposition`](crate::Error::NoDecomposition), [`Error::Interrupted`](crate::Error::Interrupted).
    ///
    /// # Complexity
    /// A few times `16 n_samples n_features` where a random bound shows that there are none, else
    /// `O(n_samples n_features^2)`.
    pub fn entering(&self, most: usize, monitor: &Monitor<'_>) -> Result<Vec<Array1<f64>>> {
        let d = self.samples.n_features;
        let (mut total, mut counts) = (vec![0.0; d], vec![0.0; d]);
        for row in self.posterior.precision.chunks_exact(d) {
            for ((total, count), p) in total.iter_mut().zip(&mut counts).zip(row) {
                *total += p;
                *count += f64::from(u8::from(*p > 0.0));
            }
        }
        // A feature that was never observed takes no part.
        let scale: Vec<f64> = total.iter().map(|&h| if h > 0.0 { 1.0 / h.sqrt() } else { 0.0 }).collect();
        if self.is_complete(&scale, monitor)? {
            return Ok(Vec::new());
        }
        let mut gram = RowGram::new("X", d)?;
        for rows in self.chunks() {
            gram.add(&self.left(rows, &scale), monitor)?;
        }
        let spread: Array1<f64> = scale.iter().zip(&counts).map(|(h, count): (&f64, &f64)| h * count.sqrt()).collect();
        let column = |(value, vector): (f64, Array1<f64>)| vector * &spread * (value - 1.0).sqrt();
        Ok(gram.axes_above(1.0, "X", monitor)?.into_iter().take(most).map(column).collect())
    }

    fn chunks(&self) -> impl Iterator<Item = Range<usize>> {
        let n = self.samples.n_samples();
        (0..n).step_by(CHUNK).map(move |start| start..n.min(start + CHUNK))
    }

    /// Rows of `V H^-1/2`: `P` times what the decoder leaves, times `scale`.
    fn left(&self, rows: Range<usize>, scale: &[f64]) -> Vec<f64> {
        let (k, d) = (self.decoder.n_components, scale.len());
        let mut out = vec![0.0; rows.len() * d];
        if k > 0 {
            let latent = Rows::new(&self.posterior.latent[rows.start * k..rows.end * k], k);
            multiply(latent, Rows::new(&self.decoder.weights, k).t(), &mut out);
        }
        let own = rows.start * d..rows.end * d;
        let entries =
            self.samples.values[own.clone()].chunks_exact(d).zip(self.posterior.precision[own].chunks_exact(d));
        for (out, (values, precision)) in out.chunks_exact_mut(d).zip(entries) {
            for ((out, scale), (x, p)) in out.iter_mut().zip(scale).zip(values.iter().zip(precision)) {
                *out = p * (x - *out) * scale;
            }
        }
        out
    }

    /// Whether no eigenvalue of `B^T B`, for the rows `B` of [`left`](Self::left), is above 1: powers of it, which take
    /// random directions to short ones, are small. Wrong with probability 1e-8; where the eigenvalues are near 1, it
    /// says no.
    fn is_complete(&self, scale: &[f64], monitor: &Monitor<'_>) -> Result<bool> {
        let d = scale.len();
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut probes: Vec<f64> = (0..d * PROBES).map(|_| StandardNormal.sample(&mut rng)).collect();
        let norms = |probes: &[f64]| {
            let mut norms = [0.0; PROBES];
            for row in probes.chunks_exact(PROBES) {
                norms.iter_mut().zip(row).for_each(|(norm, v)| *norm += v * v);
            }
            norms.map(f64::sqrt)
        };
        let mut before = norms(&probes);
        let chunks: Vec<_> = self.chunks().collect();
        for power in 1..=POWERS {
            let image = |rows: &Range<usize>| -> Result<Vec<f64>> {
                monitor.check()?;
                let left = self.left(rows.clone(), scale);
                let (mut inner, mut outer) = (vec![0.0; rows.len() * PROBES], vec![0.0; d * PROBES]);
                multiply(Rows::new(&left, d), Rows::new(&probes, PROBES), &mut inner);
                multiply(Rows::new(&left, d).t(), Rows::new(&inner, PROBES), &mut outer);
                Ok(outer)
            };
            let images: Vec<Result<Vec<f64>>> = chunks.par_iter().map(image).collect();
            probes.fill(0.0);
            for image in images {
                probes.iter_mut().zip(image?).for_each(|(to, v)| *to += v);
            }
            let now = norms(&probes);
            let largest = now.iter().fold(0.0_f64, |a, &b| a.max(b));
            if SHARE * largest < 1.0 {
                return Ok(true);
            }
            // A direction that has grown is proof of the contrary; so is one that has not shrunk fast enough to hope.
            let shrunk =
                now.iter().zip(before).all(|(now, before)| SHARE * now * (now / before).powi(POWERS - power) < 1.0);
            if !shrunk {
                return Ok(false);
            }
            before = now;
        }
        Ok(false)
    }
}
