//! Expectation maximisation of an affine decoder whose noise variances are free in every entry. Letters: W has the
//! shape `(d, k)`, P holds the inverse noise variances, zero where an entry is missing, mu and S the means and
//! covariances of the latent variables, `M_i = I + W^T diag(p_i) W = S_i^-1` (docs/notation).

use crate::linalg::affine::{ThinSvd, eigenvalues_above};
use crate::linalg::packed_spd::{Rows, factor, invert, log_det, multiply, packed_len, solve};
use crate::monitor::Monitor;
use crate::{Error, Result};
use ndarray::{Array1, ArrayView2};
use rayon::prelude::*;

/// Samples that one thread takes at a time.
const SAMPLES: usize = 32;
/// Features that one thread takes at a time.
const FEATURES: usize = 16;

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
    /// NaN stands for what is missing.
    pub fn new(x: ArrayView2<'_, f64>) -> Self {
        let values = x.iter().map(|&v| if v.is_nan() { 0.0 } else { v }).collect();
        Self { values, observed: x.iter().map(|v| !v.is_nan()).collect(), n_features: x.ncols() }
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

/// What is known of some samples after an expectation step; each array row after row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Posterior {
    /// `P`.
    pub precision: Vec<f64>,
    /// `P` for the next step.
    next: Vec<f64>,
    /// `P` times the values.
    weighted: Vec<f64>,
    /// `P` times what the decoder leaves.
    left: Vec<f64>,
    /// `mu`.
    pub latent: Vec<f64>,
    /// `mu mu^T + S`, packed.
    second: Vec<f64>,
}

impl Posterior {
    /// Noise variance `start` wherever there is an observation.
    fn new(samples: &Samples, start: f64) -> Self {
        let precision: Vec<f64> = samples.observed.iter().map(|&seen| if seen { 1.0 / start } else { 0.0 }).collect();
        let zeros = vec![0.0; precision.len()];
        Self { next: zeros.clone(), weighted: zeros.clone(), left: zeros, precision, ..Self::default() }
    }
}

/// The part of the posterior that one thread works on.
struct Part<'a> {
    values: &'a [f64],
    observed: &'a [bool],
    precision: &'a mut [f64],
    next: &'a mut [f64],
    weighted: &'a mut [f64],
    left: &'a mut [f64],
    latent: &'a mut [f64],
    second: &'a mut [f64],
}

impl Part<'_> {
    /// The expectation step, the next noise variances, at least `floor`, and the energy of these samples.
    fn expectation(&mut self, decoder: &Decoder, n_features: usize, floor: f64) -> Factored<f64> {
        let (k, d) = (decoder.n_components, n_features);
        let (q, count) = (packed_len(k), self.values.len() / d);
        let mut energy = 0.0;
        for ((to, p), x) in self.weighted.iter_mut().zip(self.precision.iter()).zip(self.values) {
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
        let entries = self.values.iter().zip(self.observed).zip(self.precision.iter()).zip(fitted.iter().zip(&spread));
        let results = self.next.iter_mut().zip(self.left.iter_mut());
        for ((((x, &seen), p), (fit, spread)), (next, left)) in entries.zip(results) {
            if seen {
                let gap = x - fit;
                *left = p * gap;
                *next = 1.0 / (gap * gap + spread.max(0.0)).max(floor);
                energy += x * *left - p.ln();
            }
        }
        Ok(energy)
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
}

impl<'a> RobustEm<'a> {
    /// Starts with noise variance `start` in every entry.
    pub fn new(samples: &'a Samples, columns: &[Array1<f64>], start: f64) -> Self {
        let decoder = Decoder::new(columns, samples.n_features);
        Self { samples, decoder, posterior: Posterior::new(samples, start) }
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
        let (k, d) = (self.decoder.n_components, self.samples.n_features);
        let count = self.samples.n_samples();
        self.posterior.latent.resize(count * k, 0.0);
        self.posterior.second.resize(count * packed_len(k), 0.0);
        let decoder = &self.decoder;
        let work = |mut part: Part<'_>| {
            monitor.check()?;
            part.expectation(decoder, d, floor).map_err(|pivot| Error::NotPositiveDefinite { step, pivot })
        };
        // Sums in the order of the samples, whoever computed them.
        let energies: Vec<Result<f64>> =
            parts(self.samples, &mut self.posterior, k).into_par_iter().map(work).collect();
        energies.into_iter().sum()
    }

    /// New columns, at most `most`: those whose addition would lower the energy at the noise variances of the last
    /// expectation step, even if the present columns had no share in them.
    ///
    /// With `V` the rows `C_i^-1 x_i`, `H = sum_i diag(p_i)` and `N` the numbers of observations of the features, an
    /// eigenvalue `e > 1` of `H^-1/2 V^T V H^-1/2` with eigenvector `u` gives the column `N^1/2 H^-1/2 u sqrt(e - 1)`:
    /// of equal noise variances it is a column of the affine model's closed form.
    ///
    /// # Errors
    /// [`Error::NoDecomposition`].
    ///
    /// # Complexity
    /// `O(n_samples n_features min(n_samples, n_features))`.
    pub fn entering(&self, most: usize) -> Result<Vec<Array1<f64>>> {
        let (d, n) = (self.samples.n_features, self.samples.n_samples());
        let (mut total, mut counts) = (vec![0.0; d], vec![0.0; d]);
        for row in self.posterior.precision.chunks_exact(d) {
            for ((total, count), p) in total.iter_mut().zip(&mut counts).zip(row) {
                *total += p;
                *count += f64::from(u8::from(*p > 0.0));
            }
        }
        // A feature that was never observed takes no part.
        let scale: Vec<f64> = total.iter().map(|&h| if h > 0.0 { 1.0 / h.sqrt() } else { 0.0 }).collect();
        let spread: Array1<f64> = scale.iter().zip(&counts).map(|(h, count): (&f64, &f64)| h * count.sqrt()).collect();
        let scaled: Vec<f64> =
            self.posterior.left.chunks_exact(d).flat_map(|row| row.iter().zip(&scale).map(|(v, h)| v * h)).collect();
        let scaled = ArrayView2::from_shape((n, d), &scaled).unwrap_or_else(|_| ArrayView2::from(&[[0.0; 0]; 0]));
        let found = eigenvalues_above(scaled, 1.0, "X")?;
        let column = |(value, vector): (f64, Array1<f64>)| vector * &spread * (value - 1.0).sqrt();
        Ok(found.into_iter().take(most).map(column).collect())
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
    /// `O(n_features (n_samples k^2 + k^3))`.
    ///
    /// # References
    /// Liu, Rubin and Wu (1998), "Parameter Expansion to Accelerate EM".
    pub fn maximise(&mut self, least: f64, step: usize) -> Result<()> {
        let (k, d) = (self.decoder.n_components, self.samples.n_features);
        if k > 0 {
            let (q, posterior) = (packed_len(k), &self.posterior);
            let failed = |pivot| Error::NotPositiveDefinite { step, pivot };
            let mut expansion = vec![0.0; q];
            for moment in posterior.second.chunks_exact(q) {
                expansion.iter_mut().zip(moment).for_each(|(to, v)| *to += v);
            }
            let count = self.samples.n_samples() as f64;
            expansion.iter_mut().for_each(|v| *v /= count);
            factor(&mut expansion, k).map_err(failed)?;
            let regress = |(block, weights): (usize, &mut [f64])| -> Factored<()> {
                let (first, width) = (block * FEATURES, weights.len() / k);
                let mut grams = vec![0.0; width * q];
                let precision = Rows::new(&posterior.precision, d).columns(first, width);
                multiply(precision.t(), Rows::new(&posterior.second, q), &mut grams);
                multiply(
                    Rows::new(&posterior.weighted, d).columns(first, width).t(),
                    Rows::new(&posterior.latent, k),
                    weights,
                );
                for (gram, w) in grams.chunks_exact_mut(q).zip(weights.chunks_exact_mut(k)) {
                    // Nothing was observed of the feature: nothing is learned.
                    if gram[0] == 0.0 {
                        continue;
                    }
                    factor(gram, k)?;
                    solve(gram, w);
                    for b in 0..k {
                        w[b] = (b..k).map(|a| w[a] * expansion[packed_len(a) + b]).sum();
                    }
                }
                Ok(())
            };
            let weights = &mut self.decoder.weights;
            let done: Vec<_> = weights.par_chunks_mut(FEATURES * k).enumerate().map(regress).collect();
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

/// The samples in parts of [`SAMPLES`].
fn parts<'b>(samples: &'b Samples, posterior: &'b mut Posterior, n_components: usize) -> Vec<Part<'b>> {
    let (size, k) = (SAMPLES * samples.n_features, n_components);
    let Posterior { precision, next, weighted, left, latent, second } = posterior;
    let mut latent = latent.chunks_mut((SAMPLES * k).max(1));
    let mut second = second.chunks_mut((SAMPLES * packed_len(k)).max(1));
    let inputs = samples.values.chunks(size).zip(samples.observed.chunks(size));
    let outputs = next.chunks_mut(size).zip(weighted.chunks_mut(size)).zip(left.chunks_mut(size));
    let zipped = inputs.zip(precision.chunks_mut(size)).zip(outputs);
    zipped
        .map(|(((values, observed), precision), ((next, weighted), left))| {
            let (latent, second) = (latent.next().unwrap_or_default(), second.next().unwrap_or_default());
            Part { values, observed, precision, next, weighted, left, latent, second }
        })
        .collect()
}
