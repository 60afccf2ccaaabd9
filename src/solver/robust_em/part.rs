//! The expectation step of some samples.

use super::decoder::{Decoder, Factored};
use super::entries::{add_rows, settle, weigh};
use super::probes::Probes;
use crate::linalg::packed_spd::{Rows, factor, invert, log_det, multiply, packed_len, solve};
use pulp::Arch;

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

/// Sums over the samples of a part.
pub(super) struct Sums {
    pub energy: f64,
    /// The next precisions of each feature.
    pub totals: Vec<f64>,
    /// `V^T V` times the probes, if there are any.
    pub image: Vec<f64>,
}

/// What a thread writes to and forgets.
#[derive(Default)]
pub(super) struct Scratch {
    fitted: Vec<f64>,
    doubled: Vec<f64>,
    inverse: Vec<f64>,
}

impl Part<'_> {
    /// The expectation step, the next noise variances, at least `floor`, and the sums.
    pub fn expectation(
        &mut self,
        (decoder, probes): (&Decoder, Option<&Probes>),
        n_features: usize,
        floor: f64,
        scratch: &mut Scratch,
    ) -> Factored<Sums> {
        let (k, d, arch) = (decoder.n_components, n_features, Arch::new());
        let Scratch { fitted, doubled, inverse } = scratch;
        fitted.resize(self.values.len(), 0.0);
        weigh(arch, self.precision, self.values, self.weighted);
        let mut energy = 0.0;
        if k > 0 {
            let q = packed_len(k);
            multiply(Rows::new(self.precision, d), Rows::new(&decoder.products, d).t(), self.second);
            multiply(Rows::new(self.weighted, d), Rows::new(&decoder.weights, k), self.latent);
            inverse.resize(q, 0.0);
            for (moment, mu) in self.second.chunks_exact_mut(q).zip(self.latent.chunks_exact_mut(k)) {
                (1..=k).for_each(|a| moment[packed_len(a) - 1] += 1.0);
                factor(moment, k)?;
                energy += log_det(moment, k);
                solve(moment, mu);
                invert(moment, k, inverse);
            }
            // Off-diagonal entries of the covariances count twice.
            doubled.clear();
            doubled.extend(self.second.iter().map(|v| 2.0 * v));
            for covariance in doubled.chunks_exact_mut(q) {
                (1..=k).for_each(|a| covariance[packed_len(a) - 1] *= 0.5);
            }
            multiply(Rows::new(doubled, q), Rows::new(&decoder.products, d), self.next);
            multiply(Rows::new(self.latent, k), Rows::new(&decoder.weights, k).t(), fitted);
            for (moment, mu) in self.second.chunks_exact_mut(q).zip(self.latent.chunks_exact(k)) {
                for (a, &u) in mu.iter().enumerate() {
                    moment[packed_len(a)..].iter_mut().zip(&mu[..=a]).for_each(|(to, v)| *to += u * v);
                }
            }
        } else {
            fitted.fill(0.0);
            self.next.fill(0.0);
        }
        energy += settle(arch, (self.values, self.precision), fitted, self.next, floor);
        let mut totals = vec![0.0; d];
        add_rows(arch, self.next, &mut totals);
        let mut image = vec![0.0; probes.map_or(0, Probes::len)];
        if let Some(probes) = probes {
            probes.add_image(fitted, &mut image);
        }
        Ok(Sums { energy, totals, image })
    }
}
