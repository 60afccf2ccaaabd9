//! Expectation maximisation of an affine decoder whose noise variances are free in every entry. Letters: W has the
//! shape `(d, k)`, P holds the inverse noise variances, zero where an entry is missing, mu and S the means and
//! covariances of the latent variables, `M_i = I + W^T diag(p_i) W = S_i^-1` (docs/notation).

mod decoder;
mod entering;
mod entries;
mod part;
mod probes;

pub use decoder::Decoder;

use crate::linalg::affine::ThinSvd;
use crate::linalg::packed_spd::{Rows, add_product, factor, packed_len, solve};
use crate::linalg::zeros;
use crate::monitor::Monitor;
use crate::{Error, Result};
use decoder::Factored;
use entries::add_rows;
use ndarray::Array1;
use part::{Part, Scratch, Sums};
use probes::Probes;
use pulp::Arch;
use rayon::prelude::*;

/// Samples that one thread takes at a time.
const SAMPLES: usize = 16;
/// Samples whose second moments are held at a time.
const CHUNK: usize = 32 * SAMPLES;
/// Entries of them, at least as many as there are in eight parts: 1 MiB stays in the second-level cache.
const ENTRIES: usize = 1 << 17;
/// Features that one thread takes at a time.
const FEATURES: usize = 128;

/// Samples as rows, with zeros where entries are missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// The values, row after row.
    pub values: Vec<f64>,
    /// Which of them were observed.
    pub observed: Vec<bool>,
    /// Number of columns.
    pub n_features: usize,
}

impl Samples {
    /// Values row after row, `n_features` each, of which NaN stands for what is missing.
    pub fn new(mut values: Vec<f64>, n_features: usize) -> Self {
        let observed = values.iter().map(|v| !v.is_nan()).collect();
        values.iter_mut().filter(|v| v.is_nan()).for_each(|v| *v = 0.0);
        Self { values, observed, n_features }
    }

    fn n_samples(&self) -> usize {
        self.values.len().checked_div(self.n_features).unwrap_or(0)
    }
}

/// What is known of the samples after an expectation step; each array row after row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Posterior {
    /// `P`.
    pub precision: Vec<f64>,
    /// `P` for the next step.
    next: Vec<f64>,
    /// `mu`.
    pub latent: Vec<f64>,
    /// `P` summed over samples, and the same for the next step.
    totals: Vec<f64>,
    next_totals: Vec<f64>,
}

impl Posterior {
    /// Noise variance `start` wherever there is an observation.
    fn new(samples: &Samples, start: f64) -> Result<Self> {
        let (n, d) = (samples.n_samples(), samples.n_features);
        let mut precision = zeros("X", n, d)?;
        precision.iter_mut().zip(&samples.observed).filter(|(_, seen)| **seen).for_each(|(p, _)| *p = 1.0 / start);
        let mut totals = vec![0.0; d];
        add_rows(Arch::new(), &precision, &mut totals);
        Ok(Self { next: zeros("X", n, d)?, precision, latent: Vec::new(), totals, next_totals: vec![0.0; d] })
    }
}

/// What the maximisation step needs, summed over samples.
#[derive(Debug, Clone, PartialEq, Default)]
struct Moments {
    /// `sum_i p_ij (mu_i mu_i^T + S_i)`, packed: of some features, entry after entry, then of the next [`FEATURES`].
    grams: Vec<f64>,
    /// `sum_i p_ij x_ij mu_i`, in the same order.
    cross: Vec<f64>,
    /// `sum_i mu_i mu_i^T + S_i`, packed.
    expansion: Vec<f64>,
}

impl Moments {
    /// Adds samples: `P` and `P` times the values, latent variables and their second moments, `k` and the number of
    /// features.
    fn add(&mut self, noise: (&[f64], &[f64]), latent: (&[f64], &[f64]), (k, d): (usize, usize)) {
        let q = packed_len(k);
        let ((precision, weighted), (latent, second)) = (noise, latent);
        for moment in second.chunks_exact(q) {
            self.expansion.iter_mut().zip(moment).for_each(|(to, v)| *to += v);
        }
        let blocks = self.grams.par_chunks_mut(FEATURES * q).zip(self.cross.par_chunks_mut(FEATURES * k));
        blocks.enumerate().for_each(|(block, (grams, cross))| {
            let own = |values| Rows::new(values, d).columns(block * FEATURES, cross.len() / k);
            add_product(Rows::new(second, q).t(), own(precision), grams);
            add_product(Rows::new(latent, k).t(), own(weighted), cross);
        });
    }
}

/// The state of the iteration.
#[derive(Debug, Clone, PartialEq)]
pub struct RobustEm<'a> {
    samples: &'a Samples,
    /// The decoder.
    pub decoder: Decoder,
    /// What is known of the samples.
    pub posterior: Posterior,
    moments: Moments,
    /// `V^T V` times the probes for missing components, from the last expectation step.
    image: Option<Vec<f64>>,
}

impl<'a> RobustEm<'a> {
    /// Starts with noise variance `start` in every entry.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if there is no room for the noise variances.
    pub fn new(samples: &'a Samples, columns: &[Array1<f64>], start: f64) -> Result<Self> {
        let decoder = Decoder::new(columns, samples.n_features);
        let posterior = Posterior::new(samples, start)?;
        Ok(Self { samples, decoder, posterior, moments: Moments::default(), image: None })
    }

    /// The expectation step, and the next noise variances, at least `floor`; the energy `sum_i x_i^T C_i^-1 x_i + log
    /// |C_i|`, `C_i = W W^T + diag(p_i)^-1`, on the observed entries, before the step. If `probing`, it does the first pass
    /// of [`entering`](Self::entering) as well.
    ///
    /// # Errors
    /// [`Error::NotPositiveDefinite`] with `step`; [`Error::Interrupted`] where the caller asks to stop;
    /// [`Error::InvalidParameter`] if there is no room for the moments.
    ///
    /// # Complexity
    /// `O(n_samples (n_features k^2 + k^3))` for `k` components, as products of matrices.
    pub fn expectation(&mut self, floor: f64, step: usize, probing: bool, monitor: &Monitor<'_>) -> Result<f64> {
        let (d, q) = (self.samples.n_features, packed_len(self.decoder.n_components));
        let moments = &mut self.moments;
        for (sums, rows, columns) in [
            (&mut moments.grams, d, q),
            (&mut moments.cross, d, self.decoder.n_components),
            (&mut moments.expansion, 1, q),
        ] {
            if sums.len() != rows * columns {
                *sums = zeros("X", rows, columns)?;
            }
            sums.fill(0.0);
        }
        let probes = probing.then(|| Probes::new(&self.scale()));
        let (energy, image) = self.infer(floor, step, (true, probes.as_ref()), monitor)?;
        self.image = probes.map(|_| image);
        Ok(energy)
    }

    /// The expectation step of a decoder that is not to change, and the next noise variances, which take effect.
    ///
    /// # Errors
    /// As [`expectation`](Self::expectation).
    pub fn settle(&mut self, floor: f64, step: usize, monitor: &Monitor<'_>) -> Result<()> {
        self.infer(floor, step, (false, None), monitor)?;
        self.advance();
        Ok(())
    }

    /// The latent variables and the next noise variances of all samples, some at a time; adds to the moments if they are
    /// to be summed. The energy, and the image of the probes.
    fn infer(
        &mut self,
        floor: f64,
        step: usize,
        (summed, probes): (bool, Option<&Probes>),
        monitor: &Monitor<'_>,
    ) -> Result<(f64, Vec<f64>)> {
        let (k, d, n) = (self.decoder.n_components, self.samples.n_features, self.samples.n_samples());
        let (q, decoder, moments) = (packed_len(k), &self.decoder, &mut self.moments);
        let Posterior { precision, next, latent, next_totals, .. } = &mut self.posterior;
        if latent.len() != n * k {
            *latent = zeros("X", n, k)?;
        }
        let size = (ENTRIES / d.max(1)).clamp(8 * SAMPLES, CHUNK);
        let (mut second, mut weighted) = (vec![0.0; size.min(n) * q], vec![0.0; size.min(n) * d]);
        let (mut energy, mut image) = (0.0, vec![0.0; probes.map_or(0, Probes::len)]);
        next_totals.fill(0.0);
        for start in (0..n).step_by(size) {
            let rows = start..n.min(start + size);
            let (of_features, of_latent) = (rows.start * d..rows.end * d, rows.start * k..rows.end * k);
            let (precision, latent) = (&precision[of_features.clone()], &mut latent[of_latent]);
            let (second, weighted) = (&mut second[..rows.len() * q], &mut weighted[..rows.len() * d]);
            let mut latents = latent.chunks_mut((SAMPLES * k).max(1));
            let mut seconds = second.chunks_mut((SAMPLES * q).max(1));
            let size = SAMPLES * d;
            let inputs = self.samples.values[of_features.clone()].chunks(size).zip(precision.chunks(size));
            let outputs = next[of_features].chunks_mut(size).zip(weighted.chunks_mut(size));
            let parts: Vec<_> = inputs
                .zip(outputs)
                .map(|((values, precision), (next, weighted))| {
                    let (latent, second) = (latents.next().unwrap_or_default(), seconds.next().unwrap_or_default());
                    Part { values, precision, next, weighted, latent, second }
                })
                .collect();
            let work = |scratch: &mut Scratch, mut part: Part<'_>| {
                monitor.check()?;
                let sums = part.expectation((decoder, probes), d, floor, scratch);
                sums.map_err(|pivot| Error::NotPositiveDefinite { step, pivot })
            };
            let sums: Vec<Result<Sums>> = parts.into_par_iter().map_init(Scratch::default, work).collect();
            // In the order of the samples, whoever computed them.
            for sums in sums {
                let sums = sums?;
                energy += sums.energy;
                next_totals.iter_mut().zip(sums.totals).for_each(|(to, v)| *to += v);
                image.iter_mut().zip(sums.image).for_each(|(to, v)| *to += v);
            }
            if summed && k > 0 {
                moments.add((precision, weighted), (latent, second), (k, d));
            }
        }
        Ok((energy, image))
    }

    /// Appends columns to the decoder; an expectation step must follow.
    pub fn append(&mut self, entering: Vec<Array1<f64>>) {
        let mut columns = self.decoder.columns();
        columns.extend(entering);
        self.decoder = Decoder::new(&columns, self.samples.n_features);
    }

    /// The maximisation step for `W`, weighted least squares for each feature, in which the covariance of the latent
    /// variables is free and then absorbed; the columns are turned to be orthogonal, and those of a square of at most
    /// `least` left out. Then the next noise variances take effect.
    ///
    /// # Errors
    /// [`Error::NotPositiveDefinite`] with `step`, [`Error::NoDecomposition`], [`Error::Interrupted`].
    ///
    /// # Complexity
    /// `O(n_features k^3)`.
    ///
    /// # References
    /// Liu, Rubin and Wu (1998), "Parameter Expansion to Accelerate EM".
    pub fn maximise(&mut self, least: f64, step: usize, monitor: &Monitor<'_>) -> Result<()> {
        let (k, d) = (self.decoder.n_components, self.samples.n_features);
        if k > 0 {
            let q = packed_len(k);
            let failed = |pivot| Error::NotPositiveDefinite { step, pivot };
            let Moments { grams, cross, mut expansion } = std::mem::take(&mut self.moments);
            let count = self.samples.n_samples() as f64;
            expansion.iter_mut().for_each(|v| *v /= count);
            factor(&mut expansion, k).map_err(failed)?;
            let regress = |gram: &mut [f64], w: &mut [f64]| -> Factored<()> {
                // Nothing was observed of the feature: nothing is learned.
                if gram[0] == 0.0 {
                    return Ok(());
                }
                factor(gram, k)?;
                solve(gram, w);
                for b in 0..k {
                    w[b] = (b..k).map(|a| w[a] * expansion[packed_len(a) + b]).sum();
                }
                Ok(())
            };
            self.decoder.weights.resize(d * k, 0.0);
            let blocks = grams.par_chunks(FEATURES * q).zip(cross.par_chunks(FEATURES * k));
            let work = |((grams, cross), weights): ((&[f64], &[f64]), &mut [f64])| {
                let (count, mut gram) = (cross.len() / k, vec![0.0; q]);
                let of_feature = |sums: &[f64], j: usize, to: &mut [f64]| {
                    to.iter_mut().zip(sums.iter().skip(j).step_by(count)).for_each(|(to, v)| *to = *v);
                };
                for (j, w) in weights.chunks_exact_mut(k).enumerate() {
                    monitor.check()?;
                    of_feature(grams, j, &mut gram);
                    of_feature(cross, j, w);
                    regress(&mut gram, w).map_err(failed)?;
                }
                Ok(())
            };
            let done: Vec<_> = blocks.zip(self.decoder.weights.par_chunks_mut(FEATURES * k)).map(work).collect();
            done.into_iter().collect::<Result<()>>()?;
            let columns = self.decoder.columns();
            let views: Vec<_> = columns.iter().map(|column| column.view()).collect();
            let stacked = ndarray::stack(ndarray::Axis(0), &views).unwrap_or_default();
            let svd = ThinSvd::new(stacked.view(), "components_")?;
            let kept = svd.singular.iter().zip(svd.right.rows()).filter(|(s, _)| *s * *s > least);
            let columns: Vec<_> = kept.map(|(s, v)| &v * *s).collect();
            self.decoder = Decoder::new(&columns, d);
        }
        self.advance();
        Ok(())
    }

    /// Lets the next noise variances take effect.
    fn advance(&mut self) {
        let Posterior { precision, next, totals, next_totals, .. } = &mut self.posterior;
        std::mem::swap(precision, next);
        std::mem::swap(totals, next_totals);
    }
}
