//! The constants of the prior and of the sampler. Variances are in units of the mean square of the response.

/// Ratios of background to noise variance that are considered beside 0: smallest, largest, how many, evenly on the log
/// scale. From a background that nobody sees in 1,000 samples to one that leaves no noise.
pub(super) const BACKGROUND_RATIOS: (f64, f64, usize) = (1e-3, 1e3, 19);
/// Prior probability that there is no background. Chosen by hand; between .001 and .5 nothing changed beyond sampling
/// error (docs/search.md).
pub(super) const NO_BACKGROUND: f64 = 0.1;
/// The prior of the effects' variance, inverse gamma: shape and scale, so that its mean is .05. The best of five by
/// cross-validation on riboflavin and by the benchmark of Hastie, Tibshirani and Tibshirani (docs/search.md).
pub(super) const SLAB: (f64, f64) = (3.0, 0.1);
/// Where the variance of effects is kept.
pub(super) const SLAB_RANGE: (f64, f64) = (1e-4, 10.0);
/// The smallest noise variance: it bounds weights from above where residuals vanish or hardly any noise is given.
pub(super) const LEAST_NOISE: f64 = 1e-7;
/// The first sweep's noise variance, variance of effects, and probability that an effect is there.
pub(super) const START: (f64, f64, f64) = (0.5, 0.2, 0.3);
/// Sweeps between two draws of the ratio of background to noise: products of columns are made anew for each.
pub(super) const LEVEL_EVERY: usize = 4;
/// Products of columns that are kept, in numbers (32 MiB), but at least so many columns' own.
pub(super) const CACHE: (usize, usize) = (1 << 22, 64);
/// Columns less likely than this are not considered for credible sets, and of the others at most so many.
pub(super) const CANDIDATES: (f64, usize) = (0.005, 500);
/// Smallest probability of a column, for one effect in one sweep, that is remembered for credible sets.
pub(super) const SMALLEST: f64 = 1e-3;
