//! How well the sweeps mix, by the fitted values of the effects.

use super::coordinates::squared;
use super::tolerances::BATCH;

/// Sums over sweeps that tell how many independent draws they are worth.
#[derive(Default)]
pub(super) struct Mixing {
    sweeps: usize,
    /// Sums, over all sweeps, of the fit and of its square.
    sum: Vec<f64>,
    square: f64,
    /// Sum over the batches that are complete of the squared norm of their means; the sum of the one that is not.
    of_batches: f64,
    batch: Vec<f64>,
}

impl Mixing {
    pub fn add(&mut self, response: &[f64], residual: &[f64]) {
        self.sum.resize(response.len(), 0.0);
        self.batch.resize(response.len(), 0.0);
        self.sweeps += 1;
        let fit = response.iter().zip(residual).map(|(y, r)| y - r);
        for ((sum, batch), fit) in self.sum.iter_mut().zip(&mut self.batch).zip(fit) {
            *sum += fit;
            *batch += fit;
            self.square += fit * fit;
        }
        if self.sweeps.is_multiple_of(BATCH) {
            self.of_batches += squared(&self.batch) / (BATCH * BATCH) as f64;
            self.batch.fill(0.0);
        }
    }

    /// How many independent draws the sweeps are worth, by the means of batches, but no more than themselves; known after
    /// each batch but the first.
    pub fn effective_size(&self) -> Option<f64> {
        let (sweeps, batches) = (self.sweeps as f64, (self.sweeps / BATCH) as f64);
        if self.sweeps < 2 * BATCH || !self.sweeps.is_multiple_of(BATCH) {
            return None;
        }
        let mean = squared(&self.sum) / (sweeps * sweeps);
        let of_sweeps = (self.square / sweeps - mean) * sweeps / (sweeps - 1.0);
        let of_mean = (self.of_batches / batches - mean) / (batches - 1.0);
        // Sweeps that all fit the same leave nothing to mix.
        let worth = if of_sweeps > 0.0 { of_sweeps / of_mean.max(f64::MIN_POSITIVE) } else { f64::INFINITY };
        Some(worth.min(sweeps))
    }
}
