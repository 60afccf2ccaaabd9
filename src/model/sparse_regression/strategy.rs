//! Noise unknown or absent: certified recovery if it can be had, else the best support.
//!
//! The search is a list of stages, tried in turn until one finds the answer. Small designs begin with one round of the
//! noise-free search, which certifies easy problems in a handful of steps; for large ones the support path, a few
//! products with the design, comes first. Restarts, which cost most, wait for the verdict that the data do not look
//! noisy; in doubt there are a few. Where nothing is proved, the posterior over supports answers, or the best support by
//! a criterion where that is not sampled.

use super::average::{is_sampled, path_sizes, sample};
use super::given_noise::learn;
use super::noise_free::{NoiseFree, Solved, Trace};
use super::noisy::{Noisy, evidence, significant};
use super::report::{Found, assemble};
use super::settings::{Noise, Optimizer, Settings, SupportRule};
use super::tolerances::{
    DOUBTFUL_OPERATIONS, DOUBTFUL_ROUNDS, EXACT, LARGE, LEARNING, NOISY_SCORE, SURELY_NOISE_FREE, SURELY_NOISY,
};
use crate::monitor::Monitor;
use crate::posterior::Chosen;
use crate::problem::{Problem, Response};
use crate::report::{FitReport, Status};
use crate::settings::Sizes;
use crate::solver::EncoderCovariance;
use crate::solver::descent::Rule;
use crate::support::search::Candidate;
use crate::{Error, Result};
use ndarray::{Array1, Array2, Axis};
use std::cell::OnceCell;
use std::ops::Range;

/// A stage of the search: a solution ends it.
type Stage = fn(&mut Context<'_>) -> Result<Option<Solved>>;

/// The search, read aloud.
const STAGES: [Stage; 9] = [
    start_of_the_caller,
    only_solution,
    first_round,
    support_path,
    learn_from_several_responses,
    noise_verdict,
    late_first_round,
    descent_through_a_background,
    restarts,
];

/// The candidate that explains nothing.
const NOTHING: Candidate = Candidate { support: Vec::new(), rss: 1.0, criterion: 0.0 };

/// What the stages share.
struct Context<'a> {
    problem: &'a Problem<'a>,
    response: &'a Response,
    settings: &'a Settings,
    monitor: &'a Monitor<'a>,
    noisy: Noisy<'a>,
    noise_free: OnceCell<Option<NoiseFree<'a>>>,
    trace: Trace,
    /// The best support by the criterion.
    best: Candidate,
    /// The support path, if that was followed before.
    known: Option<Vec<Candidate>>,
    /// The criterion at each size of the support path.
    path: Vec<f64>,
    /// The verdict on `best`: whether the data look noisy, and whether that is in doubt.
    looks_noisy: bool,
    doubtful: bool,
    /// Rounds of the noise-free search that the verdict allows.
    allowed: usize,
    /// Whether the sparsest solution was found, and is not one that the caller allows.
    is_refused: bool,
    /// Whether that is a search of all columns, where the problem is a sub-problem of another one.
    wants_whole: bool,
}

/// Runs the stages and reports.
pub(super) fn search(
    problem: &Problem<'_>,
    response: &Response,
    settings: &Settings,
    monitor: &Monitor<'_>,
) -> Result<FitReport> {
    // Only a sub-problem is left to the whole problem.
    run(problem, response, settings, None, monitor)?.ok_or(Error::NoDecomposition { what: "X" })
}

/// Runs the stages and reports; `None` for a sub-problem of another one where all columns are needed.
/// `known` is the support path, where that was followed before.
pub(super) fn run(
    problem: &Problem<'_>,
    response: &Response,
    settings: &Settings,
    known: Option<Vec<Candidate>>,
    monitor: &Monitor<'_>,
) -> Result<Option<FitReport>> {
    let known_noise = if let Noise::Fixed(noise_var) = settings.noise { Some(noise_var) } else { None };
    let sizes = path_sizes(problem, settings);
    let mut context = Context {
        problem,
        response,
        settings,
        monitor,
        noisy: Noisy { problem, response, evidence: evidence(problem, response, settings, known_noise), sizes },
        noise_free: OnceCell::new(),
        trace: Trace::default(),
        best: NOTHING,
        known,
        path: Vec::new(),
        looks_noisy: false,
        doubtful: false,
        allowed: usize::MAX,
        is_refused: false,
        wants_whole: false,
    };
    let stages: &[Stage] = if known_noise.is_some() { &[support_path] } else { &STAGES };
    for stage in stages {
        let solved = stage(&mut context)?;
        if context.wants_whole {
            return Ok(None);
        }
        let Some(solved) = solved else { continue };
        if !context.allows(&solved) {
            // The sparsest solution is not one that the caller wants: there is no point in looking on for it.
            context.is_refused = true;
            if context.path.is_empty() {
                support_path(&mut context)?;
            }
            context.looks_noisy = true;
            break;
        }
        let report = if solved.certified {
            context.report(Found::Certified(solved), Status::Certified)
        } else {
            context.report(Found::Support(solved.solution.support), Status::Converged)
        };
        return report.map(Some);
    }
    let status = match settings.noise {
        Noise::Fixed(_) => Status::Converged,
        Noise::Auto if context.is_refused => Status::Converged,
        // Traces of noise, which a solution explains up to rounding, are no reason to call data noisy.
        Noise::Auto if context.looks_noisy && context.best.rss < EXACT => Status::Converged,
        Noise::Auto if context.looks_noisy => Status::Noisy,
        _ => Status::IterationLimit,
    };
    context.trace.energies = std::mem::take(&mut context.path);
    let best = std::mem::replace(&mut context.best, NOTHING);
    let is_refused = context.is_refused || !settings.sizes().allow(best.support.len());
    let report = match settings.support_rule {
        SupportRule::Projection if context.is_sampled() && (best.rss >= EXACT || is_refused) => {
            context.report_average(&best.support, -best.criterion, known_noise, status)
        }
        SupportRule::Posterior => {
            let support = significant(problem, response, best.support);
            context.report(Found::Support(support), status)
        }
        _ => context.report(Found::Support(best.support), status),
    };
    report.map(Some)
}

impl<'a> Context<'a> {
    fn report(self, found: Found, status: Status) -> Result<FitReport> {
        let Trace { steps, rounds, energies, .. } = self.trace;
        let mut report = assemble(self.problem, self.response, found, None, self.settings.covariance, status)?;
        (report.n_iter, report.n_rounds, report.energy_path) = (steps, rounds, energies);
        Ok(report)
    }

    /// The columns that stand for the posterior over supports, sampled from `start` on, which has this evidence (twice
    /// its logarithm).
    fn report_average(
        self,
        start: &[usize],
        evidence: f64,
        noise_var: Option<f64>,
        status: Status,
    ) -> Result<FitReport> {
        let Self { problem, response, settings, monitor, .. } = self;
        let (average, chosen) =
            sample(problem, response, settings, (noise_var, start, evidence), settings.model_averaging, monitor)?;
        let Chosen { support: places, coefficients, .. } = chosen.clone();
        let mut report = self.report(Found::Chosen(chosen), status)?;
        let (size, axes, n_drawn) = (places.len(), average.intercept_draws.ncols(), average.drawn.len());
        let drawn: Vec<usize> = report.support.iter().filter_map(|j| average.drawn.binary_search(j).ok()).collect();
        let mut sum = Array2::zeros((size, size));
        for (l, coefficients) in coefficients.chunks_exact(size.max(1)).enumerate() {
            // Coefficients that stand for others too are further from their own mean than that varies.
            let of_axis: Vec<usize> = drawn.iter().map(|i| l * n_drawn + i).collect();
            let units = places.iter().map(|&j| problem.unit(response, j));
            let chosen: Array1<f64> = coefficients.iter().zip(units).map(|(z, unit)| z * unit).collect();
            let away = &average.coef_draws.select(Axis(1), &of_axis) - &chosen;
            sum += &away.t().dot(&away);
        }
        report.support_cov = (sum / ((average.coef_draws.nrows() - 1) * axes) as f64).into_iter().collect();
        report.support.iter().enumerate().for_each(|(i, &j)| report.coef_var[j] = report.support_cov[i * size + i]);
        report.hold(average);
        Ok(report)
    }

    /// Whether the caller allows this solution.
    fn allows(&self, solved: &Solved) -> bool {
        let Settings { positive, .. } = self.settings;
        let negative = |(&j, z): (&usize, &f64)| *z < 0.0 && positive.get(self.problem.columns[j]) == Some(&true);
        let solution = &solved.solution;
        // Fewer columns than were asked for do where they explain everything.
        solution.support.len() <= self.settings.sizes().most
            && !solution.support.iter().zip(&solution.coefficients).any(negative)
    }

    /// The noise-free search; `None` where the response has a part that no column reaches.
    fn noise_free(&self) -> Result<Option<&NoiseFree<'a>>> {
        ready(&self.noise_free, self.problem, self.response, self.settings)
    }

    fn is_tall(&self) -> bool {
        let Problem { design, columns, .. } = self.problem.whole().unwrap_or(self.problem);
        design.nrows() >= columns.len()
    }

    /// Whether the support path is cheaper than one round of the noise-free search.
    fn is_large(&self) -> bool {
        self.problem.whole().unwrap_or(self.problem).design.len() > LARGE && !self.is_tall()
    }

    /// Takes the verdict on noise: how many rounds of the noise-free search a score allows.
    fn take_verdict(&mut self, score: f64) {
        let (noisy, noise_free) = match (self.is_lone(), self.is_sampled()) {
            (true, _) => (SURELY_NOISY, SURELY_NOISE_FREE.0),
            (false, true) => (NOISY_SCORE, SURELY_NOISE_FREE.1),
            (false, false) => (NOISY_SCORE, NOISY_SCORE),
        };
        self.allowed = match score {
            _ if score < noisy => 0,
            _ if score < noise_free => self.doubtful_rounds(),
            _ => usize::MAX,
        };
        self.looks_noisy = self.allowed < usize::MAX;
        self.wants_whole = !self.looks_noisy && self.problem.whole().is_some();
    }

    /// Rounds of the noise-free search where noise is in doubt.
    fn doubtful_rounds(&self) -> usize {
        let (rows, n) = self.problem.design.dim();
        (DOUBTFUL_OPERATIONS / (rows * rows * n).max(1)).clamp(DOUBTFUL_ROUNDS.0, DOUBTFUL_ROUNDS.1)
    }

    /// Whether the posterior over supports answers where nothing is proved.
    fn is_sampled(&self) -> bool {
        is_sampled(self.problem, self.settings)
    }

    /// Whether this is one response that a path over single columns serves.
    fn is_lone(&self) -> bool {
        self.is_plain() && self.response.n_responses() == 1
    }

    /// Whether a path over single columns serves: it knows neither groups nor the other energy.
    fn is_plain(&self) -> bool {
        self.settings.covariance == EncoderCovariance::Full && self.problem.groups.is_empty()
    }

    /// The certificate for a support that leaves no more than rounding may.
    fn certify(&self, candidate: &Candidate) -> Result<Option<Solved>> {
        if candidate.rss >= EXACT || self.is_refused || matches!(self.settings.noise, Noise::Fixed(_)) {
            return Ok(None);
        }
        match self.noise_free()? {
            Some(search) => search.certify(&candidate.support),
            None => Ok(None),
        }
    }

    fn rounds(&mut self, rounds: Range<usize>) -> Result<Option<Solved>> {
        let Self { problem, response, settings, noise_free, trace, monitor, .. } = self;
        match ready(noise_free, problem, response, settings)? {
            Some(search) => search.search(rounds, trace, monitor),
            None => Ok(None),
        }
    }
}

/// The noise-free search, made ready at the first call.
fn ready<'c, 'a>(
    cell: &'c OnceCell<Option<NoiseFree<'a>>>,
    problem: &'a Problem<'a>,
    response: &'a Response,
    settings: &'a Settings,
) -> Result<Option<&'c NoiseFree<'a>>> {
    if cell.get().is_none() {
        let search = NoiseFree::new(problem, response, settings)?;
        return Ok(cell.get_or_init(|| search).as_ref());
    }
    Ok(cell.get().and_then(Option::as_ref))
}

/// The order of the prior variances that another search has left.
fn start_of_the_caller(context: &mut Context<'_>) -> Result<Option<Solved>> {
    let Some(start) = &context.settings.start else { return Ok(None) };
    let w = context.problem.prior_var_to_solver(&start.prior_var, context.response)?;
    match context.noise_free()? {
        Some(search) => search.attempt(&w),
        None => Ok(None),
    }
}

/// The solution of independent columns, where there is no other.
fn only_solution(context: &mut Context<'_>) -> Result<Option<Solved>> {
    if context.is_large() {
        return Ok(None);
    }
    match context.noise_free()? {
        Some(search) => search.unique(),
        None => Ok(None),
    }
}

/// One round of the noise-free search, for small designs.
fn first_round(context: &mut Context<'_>) -> Result<Option<Solved>> {
    if context.is_large() { Ok(None) } else { context.rounds(0..1) }
}

/// The best support of each size along a path of single columns.
fn support_path(context: &mut Context<'_>) -> Result<Option<Solved>> {
    let candidates = match context.known.take() {
        Some(known) => known,
        None if context.is_plain() => context.noisy.path(&mut context.trace.steps, context.monitor)?,
        None => Vec::new(),
    };
    for candidate in &candidates {
        if let Some(found) = context.certify(candidate)? {
            return Ok(Some(found));
        }
    }
    // A criterion may end before the path does.
    context.path = candidates.iter().map(|c| c.criterion).filter(|value| value.is_finite()).collect();
    // The size that was asked for, or as near to it as the path came.
    let sizes = context.noisy.sizes;
    let largest = candidates.iter().map(|candidate| candidate.support.len()).max().unwrap_or(0);
    let least = sizes.least.min(largest);
    let allowed = candidates.into_iter().filter(|candidate| Sizes { least, ..sizes }.allow(candidate.support.len()));
    let best = allowed.min_by(|a, b| a.criterion.total_cmp(&b.criterion));
    context.best = best.unwrap_or(NOTHING);
    Ok(None)
}

/// A path cannot see a sum of many columns that none explains alone; a descent on several responses learns
/// the noise and can. It ends where it comes to the same columns as the path.
fn learn_from_several_responses(context: &mut Context<'_>) -> Result<Option<Solved>> {
    if !context.is_plain() || context.response.n_responses() == 1 || context.is_sampled() {
        return Ok(None);
    }
    let Context { problem, response, settings, noisy, trace, monitor, best, .. } = context;
    let (most, mut done, mut last) = (LEARNING.1.min(settings.max_iter), 0, None);
    let start = loop {
        let few = Settings { max_iter: LEARNING.0.max(done).min(most - done), ..(*settings).clone() };
        let minimum = learn(problem, response, &few, last.as_ref(), &mut trace.steps, monitor)?;
        done += minimum.energies.len();
        let mut start = noisy.prefix(&minimum.norms).support;
        start.sort_unstable();
        if start == best.support {
            return Ok(None);
        }
        if done >= most || minimum.converged {
            break start;
        }
        last = Some(minimum);
    };
    let other = noisy.local(&start, &mut trace.steps, monitor)?;
    if other.criterion < best.criterion {
        *best = other;
    }
    Ok(None)
}

/// Whether what the best support leaves looks like noise.
fn noise_verdict(context: &mut Context<'_>) -> Result<Option<Solved>> {
    let score = context.noisy.score(&context.best);
    context.take_verdict(score);
    let is_settled = context.is_sampled() || context.noisy.is_quiet(&context.best);
    context.doubtful = !(context.is_lone() || score < NOISY_SCORE && is_settled);
    Ok(None)
}

/// One round of the noise-free search, for large designs whose noise is in doubt.
fn late_first_round(context: &mut Context<'_>) -> Result<Option<Solved>> {
    if context.doubtful && context.is_large() { context.rounds(0..1) } else { Ok(None) }
}

/// Another start of the local search, where a path by single columns may find nothing.
fn descent_through_a_background(context: &mut Context<'_>) -> Result<Option<Solved>> {
    let path_may_miss = !context.is_plain() || !context.is_tall() && context.doubtful;
    if context.problem.design.nrows() <= 1 || !path_may_miss {
        return Ok(None);
    }
    let settings = context.settings;
    let rule = if let Optimizer::Rule(rule) = settings.optimizer { rule } else { Rule::Em };
    let Context { noisy, trace, monitor, .. } = context;
    let Some(start) = noisy.descent_start(rule, settings, &mut trace.steps, monitor)? else { return Ok(None) };
    let full = settings.covariance == EncoderCovariance::Full;
    let other = if full { noisy.local(&start.support, &mut trace.steps, monitor)? } else { start };
    if let Some(found) = context.certify(&other)? {
        return Ok(Some(found));
    }
    if other.criterion < context.best.criterion {
        context.take_verdict(context.noisy.score(&other));
        context.best = other;
    }
    Ok(None)
}

/// All other rounds of the noise-free search, as many as the verdict allows.
fn restarts(context: &mut Context<'_>) -> Result<Option<Solved>> {
    let mut most = context.settings.n_restarts.saturating_add(1);
    if context.settings.noise != Noise::Anneal {
        most = most.min(context.allowed);
    }
    if most <= context.trace.rounds {
        return Ok(None);
    }
    if context.noise_free()?.is_none() {
        context.looks_noisy = true;
        return Ok(None);
    }
    let rounds = context.trace.rounds..most;
    let found = context.rounds(rounds)?;
    if found.is_none()
        && (!context.looks_noisy || context.settings.noise == Noise::Anneal)
        && let Some(support) = context.trace.unproved.take()
        && context.settings.sizes().allow(support.len())
    {
        context.best.support = support;
    }
    Ok(found)
}
