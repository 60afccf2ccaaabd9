//! The constants of the prior and of the sampler. Variances are in units of the mean square of the response.

/// Ratios of background to noise variance that are considered beside 0: smallest, largest, how many, evenly on the log
/// scale. From a background that nobody sees in 1,000 samples to one that leaves no noise.
pub(super) const BACKGROUND_RATIOS: (f64, f64, usize) = (1e-3, 1e3, 19);
/// Prior probability that there is no background. Chosen by hand; between .001 and .5 nothing changed beyond sampling
/// error (docs/what_was_tried.md).
pub(super) const NO_BACKGROUND: f64 = 0.5;
/// Where the variance of effects over that of the noise is kept: beyond it nothing changes.
pub(super) const SLAB_RANGE: (f64, f64) = (1e-6, 1e15);
/// The smallest noise variance: it bounds weights from above where residuals vanish or hardly any noise is given.
pub(super) const LEAST_NOISE: f64 = 1e-12;
/// The largest where it is given: next to it the response is nothing, and larger ones give the same answer.
pub(super) const MOST_NOISE: f64 = 1e12;
/// The odds at first that an effect is not there.
pub(super) const START: f64 = 2.0;
/// Effects beyond those that the sampler starts with, at least.
pub(super) const SPARE_EFFECTS: usize = 10;
/// Sweeps between two draws of the ratio of background to noise: products of columns are made anew for another one.
pub(super) const LEVEL_EVERY: usize = 4;
/// Sweeps after which they are made anew anyway, so that rounding does not grow; a multiple of the number above.
pub(super) const REFRESH_EVERY: usize = 20;
/// What more sweeps than are asked for may cost, in columns looked at: some tenths of a second.
pub(super) const LITTLE: usize = 1 << 25;
/// Sweeps whose places are kept for credible sets, at most: beyond, every second one is given up.
pub(super) const PLACES_KEPT: usize = 800;
/// Sweeps whose mean is compared with that of others, to tell how well they mix.
pub(super) const BATCH: usize = 20;
/// Numbers that the draws which are kept may have in all (128 MiB), but room for so many draws at least.
pub(super) const DRAWN: (usize, usize) = (1 << 24, 20);
/// Backgrounds, of one axis in one draw, that are drawn in one product with the design, at least.
pub(super) const DRAWN_AT_ONCE: usize = 10;
/// Products of columns that are kept, in numbers (32 MiB), but at least so many columns' own.
pub(super) const CACHE: (usize, usize) = (1 << 22, 64);
/// Columns less likely than this are not considered for credible sets, and of the others at most so many.
pub(super) const CANDIDATES: (f64, usize) = (0.005, 500);
/// Smallest probability of a column, for one effect in one sweep, that is remembered for credible sets.
pub(super) const SMALLEST: f64 = 1e-3;

/// Probability of a column, for one effect in one sweep, below which averages do not see it: rounding.
pub(super) const NEGLIGIBLE: f64 = 1e-14;
/// Share of all columns up to which those that averages see are looked up one by one. Chosen by hand.
pub(super) const FEW: f64 = 0.1;

/// What a projection may leave unexplained, as a share of how uncertain the average itself is. Chosen by
/// cross-validation on four data sets and the benchmark of Hastie, Tibshirani and Tibshirani: between .1 and .2 is a
/// plateau (docs/what_was_tried.md).
pub(super) const UNEXPLAINED: f64 = 0.15;
/// Bayes factor from which on the data favour a column: "strong" on the scale of Jeffreys (1961). Between 3 and 30 the
/// benchmark's F1 changed by less than .03, and from 3 on nothing where columns are few (docs/what_was_tried.md).
pub(super) const EVIDENT: f64 = 10.0;
/// Share of that down to which a path is followed, so that users can look beyond the size chosen.
pub(super) const PATH_END: f64 = 0.1;
/// Columns of a path, at most, beyond those that the sampler started with.
pub(super) const PATH_LENGTH: usize = 50;
/// Inclusion probability above which a column can be on the path, and how many such there are at most.
pub(super) const PROBABLE: (f64, usize) = (0.1, 50);
/// Squared distance of a column to the span of others, as a share of its square, below which it adds nothing to them.
pub(super) const SPANNED: f64 = 1e-6;
/// Share of what is projected below which a loss is computed anew, without the difference of sums of squares: rounding may
/// weigh as much where columns are alike to the limit [`SPANNED`].
pub(super) const CANCELLED: f64 = 1e-8;
/// Correlation from which on a column is represented by a more probable one in the projection. Chosen by hand.
pub(super) const ALIKE: f64 = 0.99;
/// Correlation from which on columns are copies: rounding.
pub(super) const SAME: f64 = 1.0 - 1e-12;
/// The largest sum of the probabilities of columns that are taken to share one effect: 1, and some sampling error.
pub(super) const ONE_EFFECT: f64 = 1.1;
/// What is added to the diagonal of a covariance of columns of unit variance, so that it has an inverse.
pub(super) const JITTER: f64 = 1e-12;
/// Twice the log evidence of a support above which nobody needs to ask whether there is anything. The highest of 1,640
/// sets of noise alone, 8 to 4,000 columns, was 10.8.
pub(super) const CLEAR: f64 = 12.0;
/// Chance that a column is chosen for pure noise: the level of the test, which is exact for normal noise.
pub(super) const FALSE_ALARM: f64 = 0.04;
/// Columns that are chosen at most where more of them for pure noise would not be as rare as [`WRONG_SIZE`].
pub(super) const WEAK_SIZE: usize = 3;
/// Chance that more columns than that are chosen for pure noise, at most: the reciprocal of a Bayes factor.
pub(super) const WRONG_SIZE: f64 = 0.001;
/// Responses of pure noise that a doubtful one is compared with.
pub(super) const NULL_DRAWS: usize = 199;
/// The same where each is multiplied by columns that nobody holds a copy of: as few as leave a choice of two.
pub(super) const NULL_DRAWS_OF_WHOLE: usize = 49;
/// Products of such columns that are held at a time, in numbers (16 MiB).
pub(super) const WHOLE_AT_ONCE: usize = 1 << 21;
/// Variances of the coefficient of a lone column, over that of the noise, that the test considers.
pub(super) const LONE_EFFECTS: [f64; 2] = [0.05, 0.5];
