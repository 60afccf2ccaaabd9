//! Constants that decide in sparse regression, and where each comes from.

use crate::solver::descent::Schedule;

/// Share of the mean square of the response at which a learned noise variance starts.
pub(crate) const LEARN_FROM: f64 = 0.1;
/// Posterior standard deviations from 0 at which [`SupportRule::Posterior`](super::settings::SupportRule::Posterior)
/// keeps a column: the familiar three sigma.
pub(crate) const POSTERIOR_DEVIATIONS: f64 = 3.0;

/// Entries of a design from which the support path is cheaper than one round of the noise-free search (measured).
pub(crate) const LARGE: usize = 100_000;
/// Steps of the descent that learns the noise from several responses, before its order of the columns is first looked
/// at and in all; between two looks their number doubles.
pub(crate) const LEARNING: (usize, usize) = (10, 300);
/// Share of the response below which what a support leaves may be rounding, for the certificate to decide.
pub(crate) const EXACT: f64 = 1e-10;
/// Distance of a column of norm 1 from the span of others within which it is rounding that tells it from them.
pub(crate) const DEPENDENT: f64 = 1e-10;

/// The noise of one anneal, relative to columns of unit mean square. 300 steps do as well as 2,000 (docs/search).
pub(crate) const ANNEAL: Schedule = Schedule { start: 1e-1, end: 1e-11, len: 250 };
/// Where the spectrum reaches lower, an anneal ends at this share of its smallest square, but not below `LOWEST`.
pub(crate) const BELOW_SPECTRUM: f64 = 1e-3;
/// The lowest end of an anneal: below, float64 factorises no covariance.
pub(crate) const LOWEST: f64 = 1e-15;
/// Steps of an anneal between two looks at the certificate.
pub(crate) const ANNEAL_LOOK: usize = 15;
/// Mean square of the whitened response of an anneal: what unit coefficients on a fifth of as many columns as rows
/// would give.
pub(crate) const UNIT: f64 = 0.2;
/// Rounding of a response, in units of the precision of the data and of the root of the number of samples: what may lie
/// outside of the column space of noise-free data.
pub(crate) const RESPONSE_ROUNDING: f64 = 64.0;

/// The background of the annealed descent that looks for other starts, relative to unit coefficients.
pub(crate) const BACKGROUND: Schedule = Schedule { start: 1e-1, end: 1e-4, len: 60 };
/// Steps of that descent between two looks at the order of the coefficients.
pub(crate) const BACKGROUND_LOOK: usize = 5;
/// A fit that leaves less than this share of the response is trusted without a second opinion. Chosen by hand.
pub(crate) const QUIET: f64 = 0.03;
/// Scores below this are noisy. Fitted with the weights of the score, to trials in which no noise-free problem scored
/// lower. `benches/calibration/noise_verdict.py` fits anew: it confirms the weights, but finds noise-free problems on
/// Gaussian designs down to 1.2 (3% of all are below 2, and 5% of the noisy ones above).
pub(crate) const NOISY_SCORE: f64 = 2.0;
/// Scores below this are surely noisy: of 300 noise-free problems of `benches/calibration/noise_verdict.py` none was.
pub(crate) const SURELY_NOISY: f64 = 1.2;
/// Scores from this on are surely free of noise: of noisy problems at 200 x 2,000, -10 to 60 dB and noise alone, the
/// highest was 2.8. Of several responses, the second number, scores of noise are higher: with ten of them and ten nonzero
/// rows at 100 x 2,000 and 0 dB, more than half are above 2.
pub(crate) const SURELY_NOISE_FREE: (f64, f64) = (4.0, 6.0);
/// Operations `r^2 n` of a step of the noise-free search, times the rounds of it between the two: so that they cost
/// about as much as the path and the posterior, but at least and at most so many rounds.
pub(crate) const DOUBTFUL_OPERATIONS: usize = 4_000_000;
/// See [`DOUBTFUL_OPERATIONS`].
pub(crate) const DOUBTFUL_ROUNDS: (usize, usize) = (1, 10);
/// Entries of a design up to which the posterior over supports is sampled on all of its columns (64 MiB): it holds two
/// copies.
pub(crate) const SAMPLED: usize = 1 << 23;
/// Operations `r^2 (r + n)` up to which a design of rank `r` with `n` columns is decomposed for that, in half a second:
/// Ctrl-C is not noticed meanwhile.
pub(crate) const DECOMPOSED: usize = 1 << 30;
/// Weight of the decimal logarithm of the share of a background in the score of the noise verdict; fitted, as
/// [`NOISY_SCORE`]. The optimum is flat from 2 to 3.
pub(crate) const BACKGROUND_WEIGHT: f64 = 2.0;
/// Weight of nonzeros over rows in that score; fitted, as [`NOISY_SCORE`]. The optimum is flat from 24 to 28.
pub(crate) const SPARSITY_WEIGHT: f64 = 28.0;
/// Where noise and a background of small coefficients differ by at least this many standard deviations in how white
/// they leave the residual, that alone tells which of the two it is: the boundary lies midway, where a normal deviate
/// errs once in 740.
pub(crate) const DECISIVE: f64 = 6.0;

/// Share of the mean square of the response below which a learned noise variance is not let fall.
pub(crate) const NOISE_LEARNING_FLOOR: f64 = 1e-10;
/// Noise variance reported for noise-free data, as a share of the mean square of the response: what stands for 0 in the
/// energy.
pub(crate) const NOISE_FREE_FLOOR: f64 = 1e-12;
/// Noise variance from which Adam trains it: the paper's, for coefficients of order 1.
pub(crate) const ADAM_NOISE_VAR: f64 = 0.1;

/// Steps in the prior variances between two steps in the noise variance, where its slope is followed.
pub(crate) const SLOPE_EVERY: usize = 10;
/// First step in the logarithm of the noise variance there.
pub(crate) const STRIDE: f64 = 0.5;
/// A learned noise variance has settled once it moves by no more than this share (or by `tol`).
pub(crate) const SETTLED_NOISE: f64 = 1e-4;

/// Entries of a design from which descents at a given noise variance go block by block (packed, it would be there three
/// times), and leave out what holds less than the share [`FADED`] of its own direction.
pub(crate) const BLOCKWISE: usize = 1 << 20;
/// See [`BLOCKWISE`].
pub(crate) const FADED: f64 = 1e-4;
/// Share of a column's (or a group's) own direction of the covariance, `w_j s_j`, below which it leaves the active set.
pub(crate) const VANISHED: f64 = 1e-6;
/// Steps between two looks for columns to leave out.
pub(crate) const ACTIVE_LOOK: usize = 5;
/// Columns left out are worth a new start of the steps once they are this share of all.
pub(crate) const WORTHWHILE: f64 = 0.1;
/// Excess of `q^2` over `s` above which a column left out is taken back.
pub(crate) const EXCESS: f64 = 1e-3;
/// Times that columns are taken back.
pub(crate) const RETURNS: usize = 20;

/// Times as many columns as a working set that a design must have to be searched by one: from there on it was no slower at
/// 50 to 500 samples (docs/scale.md).
pub(crate) const WIDE: usize = 2;
/// Columns of a working set that correlate most with the response: so many for each row, but at least so many. Twice as
/// many found no more, half as many a little less at 200 samples (docs/scale.md).
pub(crate) const LEADING_COLUMNS: (usize, usize) = (2, 1000);
/// The same of columns that stand for all: at one for each row their covariance is nearly singular. Chosen by hand.
pub(crate) const BACKGROUND_COLUMNS: (usize, usize) = (2, 500);
/// Columns by worth and columns that stand for all, of which the posterior over supports is sampled where all would be
/// too many, and with which the search of a very wide design begins: with more samples than that they are compressed.
/// Chosen by hand: together they are nearly what [`DECOMPOSED`] allows.
pub(crate) const FEW_COLUMNS: (usize, usize) = (512, 256);
/// Operations `r^2 n` of one step of the noise-free search on all columns from which on it is hopeless, and a working set
/// need not serve it: a step takes about a second, and a search dozens to thousands. Chosen by hand.
pub(crate) const HOPELESS: usize = 1 << 33;
/// Residuals along a path that all columns are multiplied with, about: with 6 more was lost on Toeplitz designs.
pub(crate) const RESIDUALS: usize = 12;
/// Share of the largest product of a column in the working set with a residual above which another one was missed. Chosen
/// by hand: below 1, because a column may join by an exchange that is not the best by itself.
pub(crate) const MISSED_SHARE: f64 = 0.8;
/// Columns taken in for each residual, at most. Chosen by hand.
pub(crate) const MISSED_AT_ONCE: usize = 60;
/// Passes over all columns before the search ends anyway; most end after two to four.
pub(crate) const MOST_PASSES: usize = 8;
/// Entries of a design from which on one fit should share threads: below, most of a fit is on small matrices, where two
/// threads gain little (docs/scale.md).
pub const LARGE_DESIGN: usize = 1 << 23;
