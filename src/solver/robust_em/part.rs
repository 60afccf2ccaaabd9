//! The expectation step of some samples.

use super::decoder::{Decoder, Factored};
use crate::linalg::packed_spd::{Rows, factor, invert, log_det, multiply, packed_len, solve};

/// The part of the posterior that one thread works on.
pub(super) struct Part<'a> {
    pub values: &'a [f64],
    pub precision: &'a [f64],
    pub next: &'a mut [f64],
    /// `P` times the values.
    pub weighted: &'a mut [f64],
    pub latent: &'a mut [f64],
    /// `mu mu^T + S`, packed.
    pub second: &'a mut [f64],
}

impl Part<'_> {
    /// The expectation step, the next noise variances, at least `floor`, and the energy of these samples.
    pub fn expectation(&mut self, decoder: &Decoder, n_features: usize, floor: f64) -> Factored<f64> {
        let (k, d) = (decoder.n_components, n_features);
        let (q, count) = (packed_len(k), self.values.len() / d);
        let mut energy = 0.0;
        for ((to, p), x) in self.weighted.iter_mut().zip(self.precision).zip(self.values) {
            *to = p * x;
        }
        let mut fitted = vec![0.0; count * d];
        let mut spread = vec![0.0; count * d];
        if k > 0 {
            multiply(Rows::new(self.precision, d), Rows::new(&decoder.products, d).t(), self.second);
            multiply(Rows::new(self.weighted, d), Rows::new(&decoder.weights, k), self.latent);
            let mut scratch = vec![0.0; q];
            for (moment, mu) in self.second.chunks_exact_mut(q).zip(self.latent.chunks_exact_mut(k)) {
                (1..=k).for_each(|a| moment[packed_len(a) - 1] += 1.0);
                factor(moment, k)?;
                energy += log_det(moment, k);
                solve(moment, mu);
                invert(moment, k, &mut scratch);
            }
            // Off-diagonal entries of the covariances count twice.
            let mut doubled = self.second.to_vec();
            for covariance in doubled.chunks_exact_mut(q) {
                covariance.iter_mut().for_each(|v| *v *= 2.0);
                (1..=k).for_each(|a| covariance[packed_len(a) - 1] *= 0.5);
            }
            multiply(Rows::new(&doubled, q), Rows::new(&decoder.products, d), &mut spread);
            multiply(Rows::new(self.latent, k), Rows::new(&decoder.weights, k).t(), &mut fitted);
            for (moment, mu) in self.second.chunks_exact_mut(q).zip(self.latent.chunks_exact(k)) {
                for (a, &u) in mu.iter().enumerate() {
                    moment[packed_len(a)..].iter_mut().zip(&mu[..=a]).for_each(|(to, v)| *to += u * v);
                }
            }
        }
        let entries = self.values.iter().zip(self.precision).zip(fitted.iter().zip(&spread));
        let mut misfit = 0.0;
        for (((x, p), (fit, spread)), next) in entries.zip(self.next.iter_mut()) {
            let gap = x - fit;
            misfit += p * x * gap;
            // Nothing is known of what was not observed.
            *next = if *p > 0.0 { 1.0 / (gap * gap + spread.max(0.0)).max(floor) } else { 0.0 };
        }
        Ok(energy + misfit - sum_of_logs(self.precision))
    }
}

/// The sum of the logarithms of all values but zeros, by the logarithms of products of their mantissas.
fn sum_of_logs(values: &[f64]) -> f64 {
    const MANTISSA: u64 = (1 << 52) - 1;
    const ONE: u64 = 1.0_f64.to_bits();
    let (mut exponents, mut sum) = (0_i64, 0.0);
    // The product of so many numbers less than 2 is in range.
    for values in values.chunks(1000) {
        let mut product = 1.0;
        for &value in values {
            let bits = if value > 0.0 { value.to_bits() } else { ONE };
            exponents += (bits >> 52) as i64 - (ONE >> 52) as i64;
            product *= f64::from_bits((bits & MANTISSA) | ONE);
        }
        sum += product.ln();
    }
    sum + exponents as f64 * std::f64::consts::LN_2
}
