//! What comes back: the outcome of a fit.

use ndarray::Array2;

/// How something ended: a fit, a linear program, a training and each of its problems, a recovery. None of these is an
/// error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The data are noise-free and the solution was proved to be the sparsest one.
    Certified,
    /// The updates converged, or the search of the support ended at a minimum of its criterion.
    Converged,
    /// No solution was proved, and the data were taken for noisy.
    Noisy,
    /// The iteration limit came first.
    IterationLimit,
    /// The iteration limit ended the sweeps over supports before they were enough.
    SamplingLimit,
    /// The noise variance that was to be learned fell to its floor.
    NoiseCollapsed,
    /// A program: the certificate holds.
    Optimal,
    /// A program: the equations hold to the tolerance that was asked for, which leaves no certificate.
    Approximate,
    /// A program: there is no solution with as few nonzeros as were asked for. A recovery: the combination has as many
    /// members as there are independent equations, and proves nothing, since any right-hand side in their range has one.
    Dense,
    /// A program: neither the path nor the simplex method came to an end.
    Unsolved,
    /// A training problem: its sparse solution was found by l1 minimisation.
    Easy,
    /// A training problem: it is not easy, but the components of easy ones solve it.
    Learned,
    /// A training problem: no sparse solution was found.
    Hard,
    /// A training problem: its right-hand side is zero.
    Zero,
    /// A training problem: its right-hand side lies off the range of the matrix.
    Inconsistent,
    /// A training: as many sparse components as the kept solutions have dimensions, and as many as were expected.
    Complete,
    /// A training: fewer sparse components than dimensions.
    Incomplete,
    /// A training: fewer dimensions than components that were expected.
    TooFew,
    /// A training: more dimensions than components that were expected.
    TooMany,
    /// A training: no problem is easy.
    NoEasyProblems,
    /// A recovery: a sparse combination of components solves the problem.
    Recovered,
    /// A recovery: no combination of components solves it.
    Infeasible,
}

impl Status {
    /// The name that Python shows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Certified => "certified",
            Self::Converged => "converged",
            Self::Noisy => "noisy",
            Self::IterationLimit => "iteration_limit",
            Self::SamplingLimit => "sampling_limit",
            Self::NoiseCollapsed => "noise_collapsed",
            Self::Optimal => "optimal",
            Self::Approximate => "approximate",
            Self::Dense => "dense",
            Self::Unsolved => "unsolved",
            Self::Easy => "easy",
            Self::Learned => "learned",
            Self::Hard => "hard",
            Self::Zero => "zero",
            Self::Inconsistent => "inconsistent",
            Self::Complete => "complete",
            Self::Incomplete => "incomplete",
            Self::TooFew => "too_few",
            Self::TooMany => "too_many",
            Self::NoEasyProblems => "no_easy_problems",
            Self::Recovered => "recovered",
            Self::Infeasible => "infeasible",
        }
    }
}

/// The outcome of a fit, in the caller's units.
#[derive(Debug, Clone, PartialEq)]
pub struct FitReport {
    /// Coefficients, one per feature, response after response; least squares on the support.
    pub coef: Vec<f64>,
    /// Intercept of each response; 0 if none was asked for.
    pub intercept: Vec<f64>,
    /// Features with a nonzero coefficient, ascending.
    pub support: Vec<usize>,
    /// Prior variance of each feature's coefficients.
    pub prior_var: Vec<f64>,
    /// Posterior covariance of the coefficients of one response on the support, row by row.
    pub support_cov: Vec<f64>,
    /// Posterior variance of each feature's coefficient, given the support; 0 off it.
    pub coef_var: Vec<f64>,
    /// Mean of each column on the support; 0 unless centred.
    pub support_mean: Vec<f64>,
    /// Noise variance: of the model if it was given or learned, else of the residual; a floor if the data are
    /// noise-free.
    pub noise_var: f64,
    /// Variance of a response about its mean: the noise variance, but where that belongs to a preconditioned decoder what
    /// the residual tells.
    pub response_noise_var: f64,
    /// Energy at `prior_var` and `noise_var`; of centred data, in the `n_samples - 1` dimensions that they have.
    pub energy: f64,
    /// What the search minimised, step by step.
    pub energy_path: Vec<f64>,
    /// Update steps over all rounds.
    pub n_iter: usize,
    /// Rounds of the search.
    pub n_rounds: usize,
    /// Products of all columns with residuals, where a search worked on some of them; else 0.
    pub n_passes: usize,
    /// How the fit ended.
    pub status: Status,
    /// Whether the solution was proved to be the sparsest one.
    pub certified: bool,
    /// Mean of each coefficient under the encoder, where one was trained; as `coef`.
    pub posterior_mean: Option<Vec<f64>>,
    /// The encoder and the decoder, where they were trained.
    pub trained: Option<Trained>,
    /// The average over supports, where it was asked for.
    pub posterior: Option<Posterior>,
    /// Condition number of the design, and of the preconditioned design, where one is used.
    pub condition_number: Option<(f64, f64)>,
}

/// An encoder and a decoder in the caller's units, of all features: zeros where the training had no column.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// `w_x`, one per feature.
    pub decoder_scale: Vec<f64>,
    /// `W_z`, a row per feature, a column for each row of what the encoder sees.
    pub encoder_weights: Array2<f64>,
    /// `S`, lower triangular.
    pub encoder_factor: Array2<f64>,
}

/// Numbers, of which zeros are left out where most are zero.
#[derive(Debug, Clone, PartialEq)]
enum Packed {
    All(Vec<f64>),
    Nonzero { len: usize, places: Vec<u32>, values: Vec<f64> },
}

impl Packed {
    /// Takes the numbers away from where they are.
    fn take(from: &mut Vec<f64>) -> Self {
        let all = std::mem::take(from);
        // A zero has a sign.
        let is_zero = |v: &f64| v.to_bits() == 0;
        let len = all.len();
        if 2 * all.iter().filter(|v| !is_zero(v)).count() > len || u32::try_from(len).is_err() {
            return Self::All(all);
        }
        let (places, values) = (0_u32..).zip(all).filter(|(_, v)| !is_zero(v)).unzip();
        Self::Nonzero { len, places, values }
    }

    fn unpack(self) -> Vec<f64> {
        match self {
            Self::All(all) => all,
            Self::Nonzero { len, places, values } => {
                let mut all = vec![0.0; len];
                places.iter().zip(values).for_each(|(&place, value)| all[place as usize] = value);
                all
            }
        }
    }
}

/// A report that is kept while others are made: without the zeros of its columns.
#[derive(Debug, Clone, PartialEq)]
pub struct PackedReport {
    rest: FitReport,
    packed: Vec<Packed>,
}

impl From<FitReport> for PackedReport {
    fn from(mut report: FitReport) -> Self {
        let packed = report.of_columns().map(Packed::take).collect();
        Self { rest: report, packed }
    }
}

impl From<PackedReport> for FitReport {
    fn from(PackedReport { mut rest, packed }: PackedReport) -> Self {
        rest.of_columns().zip(packed).for_each(|(to, packed)| *to = packed.unpack());
        rest
    }
}

impl FitReport {
    /// Takes a posterior that was sampled, and tells if that was cut off, unless the search before it was as well.
    pub(crate) fn hold(&mut self, sampled: Posterior) {
        if sampled.is_cut_off && self.status != Status::IterationLimit {
            self.status = Status::SamplingLimit;
        }
        self.posterior = Some(sampled);
    }

    /// All that has a number for each column.
    fn of_columns(&mut self) -> impl Iterator<Item = &mut Vec<f64>> {
        let posterior = self.posterior.iter_mut().flat_map(|found| [&mut found.inclusion_prob, &mut found.coef]);
        [&mut self.coef, &mut self.prior_var, &mut self.coef_var]
            .into_iter()
            .chain(&mut self.posterior_mean)
            .chain(posterior)
    }
}

/// The posterior over supports, which several responses share, in the caller's units.
#[derive(Debug, Clone, PartialEq)]
pub struct Posterior {
    /// Probability that each feature has an effect.
    pub inclusion_prob: Vec<f64>,
    /// Mean of each coefficient, background included, response after response.
    pub coef: Vec<f64>,
    /// The intercept that belongs to it, of each response.
    pub intercept: Vec<f64>,
    /// Features whose coefficients are drawn, ascending; those of all others are 0.
    pub drawn: Vec<usize>,
    /// Draws of their coefficients, shape `(n_draws, n_axes * drawn.len())`: of the response, or of the principal axes of
    /// several, one after the other. None where there is no doubt.
    pub coef_draws: Array2<f64>,
    /// The same of the intercept, shape `(n_draws, n_axes)`; of several responses, without their means.
    pub intercept_draws: Array2<f64>,
    /// Mean of the noise variance.
    pub noise_var: f64,
    /// Mean of the variance that the background gives to the response.
    pub background_var: f64,
    /// Mean number of effects.
    pub n_effects: f64,
    /// Columns that stand for the average.
    pub selection: Selection,
    /// What credible sets are made of.
    pub places: Places,
    /// Whether the sweeps ended before they were as many, or worth as many draws, as was wanted.
    pub is_cut_off: bool,
}

/// The features that stand for an average over supports, by how many there are.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// The best found of each size, in the order in which they were found.
    pub columns: Vec<Vec<usize>>,
    /// Mean squared difference between their predictions and the average's, on new samples.
    pub loss: Vec<f64>,
    /// The largest loss that is small beside the uncertainty of the average.
    pub tolerance: f64,
}

/// Where effects may be, sweep by sweep: an effect is at the columns `column[i]` with probabilities `probability[i]`,
/// `i` from `start[e]` up to `start[e + 1]`; `times[e]` effects of sweep `sweep[e]` are alike in this.
#[derive(Debug, Clone, PartialEq)]
pub struct Places {
    /// How many sweeps there are.
    pub n_sweeps: usize,
    /// The features that are considered, the most probable first; columns are counted in this order.
    pub features: Vec<usize>,
    /// Their correlations.
    pub correlation: Array2<f64>,
    /// See above.
    pub column: Vec<usize>,
    /// See above.
    pub probability: Vec<f64>,
    /// See above.
    pub start: Vec<usize>,
    /// See above.
    pub sweep: Vec<usize>,
    /// See above.
    pub times: Vec<usize>,
}
