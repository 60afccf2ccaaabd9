//! Components that are missing of a decoder.

use super::probes::{Probes, norms, random, scaled};
use super::{CHUNK, RobustEm, SAMPLES};
use crate::Result;
use crate::linalg::packed_spd::{Rows, multiply};
use crate::linalg::row_blocks::RowGram;
use crate::monitor::Monitor;
use ndarray::Array1;
use rayon::prelude::*;
use std::ops::Range;

/// The powers that the random directions of [`RobustEm::is_complete`] are raised to, at most.
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
    /// At most three times `32 n_samples n_features` where a random bound shows that there are none, and nothing where
    /// the probes of the expectation step do; else `O(n_samples n_features^2)`.
    pub fn entering(&self, most: usize, monitor: &Monitor<'_>) -> Result<Vec<Array1<f64>>> {
        let (d, scale) = (self.samples.n_features, self.scale());
        if self.is_complete(&scale, monitor)? {
            return Ok(Vec::new());
        }
        let mut gram = RowGram::new("X", d)?;
        let mut left = Vec::new();
        for rows in self.chunks() {
            self.left(rows, &mut left);
            for row in left.chunks_exact_mut(d) {
                row.iter_mut().zip(&scale).for_each(|(v, scale)| *v *= scale);
            }
            gram.add(&left, monitor)?;
        }
        let mut counts = vec![0.0; d];
        for row in self.samples.observed.chunks_exact(d) {
            counts.iter_mut().zip(row).for_each(|(count, seen)| *count += f64::from(u8::from(*seen)));
        }
        let spread: Array1<f64> = scale.iter().zip(&counts).map(|(h, count): (&f64, &f64)| h * count.sqrt()).collect();
        let column = |(value, vector): (f64, Array1<f64>)| vector * &spread * (value - 1.0).sqrt();
        Ok(gram.axes_above(1.0, "X", monitor)?.into_iter().take(most).map(column).collect())
    }

    /// The diagonal of `H^-1/2`; a feature that was never observed takes no part.
    pub(super) fn scale(&self) -> Vec<f64> {
        self.posterior.totals.iter().map(|&h| if h > 0.0 { 1.0 / h.sqrt() } else { 0.0 }).collect()
    }

    fn chunks(&self) -> impl Iterator<Item = Range<usize>> {
        let n = self.samples.n_samples();
        (0..n).step_by(CHUNK).map(move |start| start..n.min(start + CHUNK))
    }

    /// Rows of `V`: `P` times what the decoder leaves.
    fn left(&self, rows: Range<usize>, out: &mut Vec<f64>) {
        let (k, d) = (self.decoder.n_components, self.samples.n_features);
        out.clear();
        out.resize(rows.len() * d, 0.0);
        if k > 0 {
            let latent = Rows::new(&self.posterior.latent[rows.start * k..rows.end * k], k);
            multiply(latent, Rows::new(&self.decoder.weights, k).t(), out);
        }
        let own = rows.start * d..rows.end * d;
        let entries = self.samples.values[own.clone()].iter().zip(&self.posterior.precision[own]);
        out.iter_mut().zip(entries).for_each(|(out, (x, p))| *out = p * (x - *out));
    }

    /// Whether no eigenvalue of `B^T B`, for `B = V H^-1/2`, is above 1: powers of it, which take random directions to
    /// short ones, are small. Wrong with probability 1e-8; where the eigenvalues are near 1, it says no.
    fn is_complete(&self, scale: &[f64], monitor: &Monitor<'_>) -> Result<bool> {
        let mut before = norms(&random(scale.len()));
        let mut probes = Probes::new(scale);
        for power in 1..=POWERS {
            let image = match &self.image {
                Some(image) if power == 1 => image.clone(),
                _ => self.image(&probes, monitor)?,
            };
            let directions = scaled(image, scale);
            let now = norms(&directions);
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
            probes.vectors = scaled(directions, scale);
        }
        Ok(false)
    }

    /// `V^T V` times the probes.
    fn image(&self, probes: &Probes, monitor: &Monitor<'_>) -> Result<Vec<f64>> {
        let chunks: Vec<_> = self.chunks().collect();
        let image = |left: &mut Vec<f64>, rows: &Range<usize>| -> Result<Vec<f64>> {
            monitor.check()?;
            let mut image = vec![0.0; probes.len()];
            for start in rows.clone().step_by(SAMPLES) {
                self.left(start..rows.end.min(start + SAMPLES), left);
                probes.add_image(left, &mut image);
            }
            Ok(image)
        };
        let images: Vec<Result<Vec<f64>>> = chunks.par_iter().map_init(Vec::new, image).collect();
        let mut sum = vec![0.0; probes.len()];
        for image in images {
            sum.iter_mut().zip(image?).for_each(|(to, v)| *to += v);
        }
        Ok(sum)
    }
}
