//! Expectation maximisation of an affine decoder whose noise variances are free in every entry. Letters: W has the
//! shape `(d, k)`, P holds the inverse noise variances, zero where an entry is missing, mu and S the means and
//! covariances of the latent variables, `M_i = I + W^T diag(p_i) W = S_i^-1` (docs/notation).

use crate::linalg::affine::ThinSvd;
use crate::linalg::packed_spd::{Rows, add_product, factor, invert, log_det, multiply, packed_len, solve};
use crate::linalg::row_blocks::RowGram;
use crate::monitor::Monitor;
use crate::{Error, Result};
use ndarray::Array1;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use std::ops::Range;

/// Samples that one thread takes at a time.
const SAMPLES: usize = 32;
/// Samples whose second moments are held at a time.
const CHUNK: usize = 16 * SAMPLES;
/// Features that one thread takes at a time.
const FEATURES: usize = 16;
/// Random directions of [`RobustEm::is_complete`], and the powers that they are raised to, at most.
const PROBES: usize = 8;
const POWERS: i32 = 4;
/// The norm of a matrix over the largest of the norms to which it takes so many normal vectors: with probability at most
/// `10^-PROBES` it is greater (Halko, Martinsson and Tropp 2011, Lemma 4.1, `10 sqrt(2 / pi)`).
const SHARE: f64 = 7.98;

/// A result, or the row of a pivot that is not positive.
type Factored<T> = std::result::Result<T, usize>;

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

/// The decoder, and the products of its columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoder {
    /// `W`, row after row.
    pub weights: Vec<f64>,
    /// `k`.
    pub n_components: usize,
    /// `w_ja w_jb` for all pairs of columns, one pair a row.
    products: Vec<f64>,
}

impl Decoder {
    /// A decoder of the given columns.
    pub fn new(columns: &[Array1<f64>], n_features: usize) -> Self {
        let k = columns.len();
        let weights = (0..n_features).flat_map(|j| columns.iter().map(move |column| column[j])).collect();
        let pairs = (0..k).flat_map(|a| (0..=a).map(move |b| (a, b)));
        let products = pairs.flat_map(|(a, b)| columns[a].iter().zip(&columns[b]).map(|(u, v)| u * v)).collect();
        Self { weights, n_components: k, products }
    }

    fn columns(&self) -> Vec<Array1<f64>> {
        let k = self.n_components;
        (0..k).map(|a| self.weights.iter().skip(a).step_by(k).copied().collect()).collect()
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
}

impl Posterior {
    /// Noise variance `start` wherever there is an observation.
    fn new(samples: &Samples, start: f64) -> Self {
        let precision: Vec<f64> = samples.observed.iter().map(|&seen| if seen { 1.0 / start } else { 0.0 }).collect();
        Self { next: vec![0.0; precision.len()], precision, latent: Vec::new() }
    }
}

/// What the maximisation step needs, summed over samples.
#[derive(Debug, Clone, PartialEq, Default)]
struct Moments {
    /// `sum_i p_ij (mu_i mu_i^T + S_i)`, packed, feature after feature.
    grams: Vec<f64>,
    /// `sum_i p_ij x_ij mu_i`, feature after feature.
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
            let own = |values| Rows::new(values, d).columns(block * FEATURES, cross.len() / k).t();
            add_product(own(precision), Rows::new(second, q), grams);
            add_product(own(weighted), Rows::new(latent, k), cross);
        });
    }
}

/// The part of the posterior that one thread works on.
struct Part<'a> {
    values: &'a [f64],
    precision: &'a [f64],
    next: &'a mut [f64],
    /// `P` times the values.
    weighted: &'a mut [f64],
    latent: &'a mut [f64],
    /// `mu mu^T + S`, packed.
    second: &'a mut [f64],
}

impl Part<'_> {
    /// The expectation step, the next noise variances, at least `floor`, and the energy of these samples.
    fn expectation(&mut self, decoder: &Decoder, n_features: usize, floor: f64) -> Factored<f64> {
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

/// The state of the iteration.
#[derive(Debug, Clone, PartialEq)]
pub struct RobustEm<'a> {
    samples: &'a Samples,
    /// The decoder.
    pub decoder: Decoder,
    /// What is known of the samples.
    pub posterior: Posterior,
    moments: Moments,
}

impl<'a> RobustEm<'a> {
    /// Starts with noise variance `start` in every entry.
    pub fn new(samples: &'a Samples, columns: &[Array1<f64>], start: f64) -> Self {
        let decoder = Decoder::new(columns, samples.n_features);
        Self { samples, decoder, posterior: Posterior::new(samples, start), moments: Moments::default() }
    }

    /// The expectation step, and the next noise variances, at least `floor`; the energy `sum_i x_i^T C_i^-1 x_i + log
    /// |C_i|`, `C_i = W W^T + diag(p_i)^-1`, on the observed entries, before the step.
    ///
    /// # Errors
    /// [`Error::NotPositiveDefinite`] with `step`; [`Error::Interrupted`] where the caller asks to stop.
    ///
    /// # Complexity
    /// `O(n_samples (n_features k^2 + k^3))` for `k` components, as products of matrices.
    pub fn expectation(&mut self, floor: f64, step: usize, monitor: &Monitor<'_>) -> Result<f64> {
        let (d, q) = (self.samples.n_features, packed_len(self.decoder.n_components));
        let moments = &mut self.moments;
        for (sums, len) in [
            (&mut moments.grams, d * q),
            (&mut moments.cross, d * self.decoder.n_components),
            (&mut moments.expansion, q),
        ] {
            sums.clear();
            sums.resize(len, 0.0);
        }
        self.infer(floor, step, true, monitor)
    }

    /// The expectation step of a decoder that is not to change, and the next noise variances, which take effect.
    ///
    /// # Errors
    /// As [`expectation`](Self::expectation).
    pub fn settle(&mut self, floor: f64, step: usize, monitor: &Monitor<'_>) -> Result<()> {
        self.infer(floor, step, false, monitor)?;
        self.advance();
        Ok(())
    }

    /// The latent variables and the next noise variances of all samples, some at a time; adds to the moments if they are
    /// to be summed. The energy.
    fn infer(&mut self, floor: f64, step: usize, summed: bool, monitor: &Monitor<'_>) -> Result<f64> {
        let (k, d, n) = (self.decoder.n_components, self.samples.n_features, self.samples.n_samples());
        let (q, decoder, moments) = (packed_len(k), &self.decoder, &mut self.moments);
        let Posterior { precision, next, latent } = &mut self.posterior;
        latent.resize(n * k, 0.0);
        let mut second = vec![0.0; CHUNK.min(n) * q];
        let mut weighted = vec![0.0; CHUNK.min(n) * d];
        let mut energy = 0.0;
        for start in (0..n).step_by(CHUNK) {
            let rows = start..n.min(start + CHUNK);
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
            let work = |mut part: Part<'_>| {
                monitor.check()?;
                part.expectation(decoder, d, floor).map_err(|pivot| Error::NotPositiveDefinite { step, pivot })
            };
            // Sums in the order of the samples, whoever computed them.
            let energies: Vec<Result<f64>> = parts.into_par_iter().map(work).collect();
            energy += energies.into_iter().sum::<Result<f64>>()?;
            if summed && k > 0 {
                moments.add((precision, weighted), (latent, second), (k, d));
            }
        }
        Ok(energy)
    }

    /// New columns, at most `most`: those whose addition would lower the energy at the noise variances of the last
    /// expectation step, even if the present columns had no share in them.
    ///
    /// With `V` the rows `C_i^-1 x_i`, `H = sum_i diag(p_i)` and `N` the numbers of observations of the features, an
    /// eigenvalue `e > 1` of `H^-1/2 V^T V H^-1/2` with eigenvector `u` gives the column `N^1/2 H^-1/2 u sqrt(e - 1)`:
    /// of equal noise variances it is a column of the affine model's closed form.
    ///
    /// # Errors
    /// [`Error::NoDecomposition`], [`Error::Interrupted`].
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
        let mut gram = RowGram::new(d);
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
    /// [`Error::NotPositiveDefinite`] with `step`, [`Error::NoDecomposition`].
    ///
    /// # Complexity
    /// `O(n_features k^3)`.
    ///
    /// # References
    /// Liu, Rubin and Wu (1998), "Parameter Expansion to Accelerate EM".
    pub fn maximise(&mut self, least: f64, step: usize) -> Result<()> {
        let (k, d) = (self.decoder.n_components, self.samples.n_features);
        if k > 0 {
            let q = packed_len(k);
            let failed = |pivot| Error::NotPositiveDefinite { step, pivot };
            let Moments { mut grams, cross, mut expansion } = std::mem::take(&mut self.moments);
            let count = self.samples.n_samples() as f64;
            expansion.iter_mut().for_each(|v| *v /= count);
            factor(&mut expansion, k).map_err(failed)?;
            let regress = |(gram, w): (&mut [f64], &mut [f64])| -> Factored<()> {
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
            self.decoder.weights = cross;
            let weights = &mut self.decoder.weights;
            let done: Vec<_> = grams.par_chunks_mut(q).zip(weights.par_chunks_mut(k)).map(regress).collect();
            done.into_iter().collect::<Factored<()>>().map_err(failed)?;
            let columns = self.decoder.columns();
            let views: Vec<_> = columns.iter().map(|column| column.view()).collect();
            let stacked = ndarray::stack(ndarray::Axis(0), &views).unwrap_or_default();
            let svd = ThinSvd::new(stacked.view(), "components_")?;
            let kept = svd.singular.iter().zip(svd.right.rows()).filter(|(s, _)| *s * *s > least);
            let columns: Vec<_> = kept.map(|(s, v)| &v * *s).collect();
            self.decoder = Decoder::new(&columns, d);
        }
        std::mem::swap(&mut self.posterior.precision, &mut self.posterior.next);
        Ok(())
    }

    /// Lets the next noise variances take effect, the decoder unchanged.
    pub fn advance(&mut self) {
        std::mem::swap(&mut self.posterior.precision, &mut self.posterior.next);
    }
}
