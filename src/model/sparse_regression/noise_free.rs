//! Noise-free data: rounds of a search until the certificate holds.

use super::encoder::with_energy;
use super::settings::{Optimizer, Settings};
use super::tolerances::{ANNEAL, ANNEAL_LOOK, BELOW_SPECTRUM, LOWEST, RESPONSE_ROUNDING, UNIT};
use crate::energy::{Energy, Marginal, Responses, Separable};
use crate::linalg::least_squares::row_norms;
use crate::linalg::packed::Packed;
use crate::linalg::principal::PrincipalAxes;
use crate::linalg::row_space::RowSpace;
use crate::monitor::{Monitor, Progress};
use crate::problem::{Problem, Refit, Response};
use crate::solver::EncoderCovariance;
use crate::solver::descent::{Descent, Groups, Next, Rule, Schedule, restart};
use crate::solver::propagation::ExpectationPropagation;
use crate::support::certificate::{Certified, Certifier, Exact, Proof};
use crate::support::evidence::ln_choose;
use crate::support::tolerances::{ACCIDENT, MATTERS, ROUNDING};
use crate::{Error, Result};
use ndarray::{Array2, ArrayView2};
use std::ops::Range;

/// A noise-free search, ready to run round after round.
pub(super) struct NoiseFree<'a> {
    problem: &'a Problem<'a>,
    response: &'a Response,
    /// The responses in coordinates where the rows of the design are orthonormal.
    whitened: Vec<f64>,
    /// Of several, an orthonormal basis of their span, and their singular values.
    axes: Option<Vec<f64>>,
    spread: Vec<f64>,
    /// What the responses and each column were before their means were taken away, for the certificate.
    sizes: (f64, Vec<f64>),
    smallest_singular: f64,
    settings: &'a Settings,
}

/// A solution that ends the search.
pub(super) struct Solved {
    pub solution: Certified,
    /// Its coefficients in the caller's units.
    pub refit: Refit,
    /// Whether it is certified; else data have noise just above rounding, or ties that allow for coincidence.
    pub certified: bool,
}

/// A problem in the coordinates of a preconditioner.
struct Whitened {
    columns: Packed,
    response: Vec<f64>,
    /// The last noise variance of an anneal.
    end: f64,
}

/// What a search learns on the way, whether or not it is certified.
#[derive(Default)]
pub(super) struct Trace {
    pub steps: usize,
    pub rounds: usize,
    pub energies: Vec<f64>,
    /// The sparsest solution found that could not be certified; looked for with several responses only.
    pub unproved: Option<Vec<usize>>,
    /// Where the next annealed descent starts, if it does not start afresh.
    away: Option<Vec<f64>>,
    /// Where those at the present power have started.
    starts: Vec<Vec<f64>>,
}

/// Factor that gives whitened responses, `rank` values each once, the scale of coefficients of unit order.
pub(super) fn unit_scale(whitened: &[f64], rank: usize, n_responses: usize) -> f64 {
    let square = whitened.iter().map(|v| v * v).sum::<f64>();
    (UNIT * (rank * n_responses) as f64 / square.max(f64::MIN_POSITIVE)).sqrt()
}

/// Norms of the responses and of each column before centring, in the solver's units: what rounding is a share of.
fn sizes(problem: &Problem<'_>, response: &Response) -> (f64, Vec<f64>) {
    let root = problem.constant_norm;
    let mean = response.means.iter().fold(0.0_f64, |sum, mean| sum.hypot(mean / response.norm));
    let of_column = |(&j, norm): (&usize, &f64)| 1.0 + root * (problem.means[j] / norm).abs();
    (1.0 + root * mean, problem.columns.iter().zip(&problem.norms).map(of_column).collect())
}

/// Share of a response that may lie off the range of the design by rounding alone.
fn rounding(problem: &Problem<'_>, settings: &Settings, (response, columns): &(f64, Vec<f64>)) -> f64 {
    let largest = columns.iter().fold(*response, |largest, size| largest.max(*size));
    RESPONSE_ROUNDING * settings.precision * (problem.n_samples as f64).sqrt() * largest
}

impl<'a> NoiseFree<'a> {
    /// `None` where the response has a part that no column reaches: then there is noise.
    pub fn new(problem: &'a Problem<'a>, response: &'a Response, settings: &'a Settings) -> Result<Option<Self>> {
        let mut sizes = sizes(problem, response);
        let rounding = rounding(problem, settings, &sizes);
        if response.off_range.norm > rounding {
            return Ok(None);
        }
        let space = problem.row_space()?;
        let (whitened, off_range) = space.whiten(&response.values);
        if off_range.hypot(response.off_range.norm) > rounding || whitened.iter().any(|v| !v.is_finite()) {
            return Ok(None);
        }
        let smallest = space.smallest_singular();
        let (axes, spread) = if response.n_responses() > 1 {
            // Whitening has made the rounding of the responses this much larger.
            let axes = PrincipalAxes::new(&whitened, space.rank(), rounding / smallest.min(1.0))?;
            (Some(axes.directions), axes.singular)
        } else {
            (None, vec![whitened.iter().map(|v| v * v).sum::<f64>().sqrt()])
        };
        if problem.freedom > problem.design.nrows() {
            // Compression rounds each column to the largest direction of all.
            let largest = space.spectrum()?.0.first().copied().unwrap_or(1.0);
            sizes.1.iter_mut().for_each(|size| *size *= largest.max(1.0));
        }
        if problem.is_compressed_part() {
            // It is made of products, each of which is rounded by itself: so much more in all rows. The last word has
            // the residual of every sample.
            let root = (problem.design.nrows() as f64).sqrt();
            sizes.0 *= root;
            sizes.1.iter_mut().for_each(|size| *size *= root);
        }
        Ok(Some(Self { problem, response, whitened, axes, spread, sizes, smallest_singular: smallest, settings }))
    }

    fn basis(&self) -> Result<ArrayView2<'a, f64>> {
        Ok(self.problem.row_space()?.basis.view())
    }

    fn certifier(&self) -> Result<Certifier<'_>> {
        Ok(Certifier {
            design: &self.problem.design,
            values: &self.response.values,
            basis: self.basis()?,
            response: &self.whitened,
            spread: &self.spread,
            response_size: self.sizes.0,
            column_sizes: &self.sizes.1,
            smallest_singular: self.smallest_singular,
            precision: self.settings.precision,
            n_choices: self.problem.whole().unwrap_or(self.problem).columns.len(),
        })
    }

    /// Checks a support that was found elsewhere.
    pub fn certify(&self, support: &[usize]) -> Result<Option<Solved>> {
        let mut score = vec![0.0; self.basis()?.ncols()];
        support.iter().for_each(|&j| score[j] = 1.0);
        self.attempt(&score)
    }

    /// Tries the columns in falling order of `score`.
    pub fn attempt(&self, score: &[f64]) -> Result<Option<Solved>> {
        Ok(self.certifier()?.exact(score).and_then(|exact| self.solved(exact)))
    }

    /// What was proved, checked in the caller's own numbers.
    fn solved(&self, exact: Exact) -> Option<Solved> {
        if exact.proof == Proof::None {
            return None;
        }
        let refit = self.problem.refit(self.response, &exact.solution.support)?;
        let certified = exact.proof == Proof::Exact && self.is_rounding(&refit) && !self.is_tied(&refit);
        Some(Solved { solution: exact.solution, refit, certified })
    }

    /// Whether supports may explain the same by coincidence: where entries repeat, so do sums of them with coefficients
    /// that are multiples of each other, and the solution found may be a sum of many columns for such a sum of few. Of
    /// two solutions with half the rank together that needs dependent columns.
    fn is_tied(&self, refit: &Refit) -> bool {
        let size = refit.coefficients.len() / self.response.n_given();
        let rank = self.problem.row_space().map_or(0, RowSpace::rank);
        refit.entries_repeat && (refit.has_multiples || 2 * size > rank)
    }

    fn is_rounding(&self, refit: &Refit) -> bool {
        refit.misfit <= ROUNDING * self.settings.precision
    }

    /// The only solution there is, if the columns are independent and the data are seen to be free of noise: by samples
    /// to spare that agree to rounding, or by coefficients that vanish to rounding.
    pub fn unique(&self) -> Result<Option<Solved>> {
        let basis = self.basis()?;
        if basis.ncols() > basis.nrows() {
            return Ok(None);
        }
        let (rank, n) = basis.dim();
        let mut z = Vec::with_capacity(n * self.spread.len());
        for whitened in self.whitened.chunks_exact(rank.max(1)) {
            z.extend(basis.columns().into_iter().map(|c| c.iter().zip(whitened).map(|(b, y)| b * y).sum::<f64>()));
        }
        let norms = row_norms(&z, n);
        let all: Vec<usize> = (0..n).collect();
        let tolerance = self.certifier()?.rounding(&all, &norms) / self.smallest_singular;
        let support: Vec<usize> = (0..n).filter(|&j| norms[j] > tolerance).collect();
        let clear = support.iter().all(|&j| norms[j] > MATTERS * tolerance);
        let norm = norms.iter().map(|z| z * z).sum::<f64>().sqrt();
        let log_sets = ln_choose(n, support.len());
        let vanishing = (n - support.len()) as f64 * (tolerance / norm).min(1.0).ln();
        let rounding = rounding(self.problem, self.settings, &self.sizes);
        let spare = (self.problem.freedom - n) as f64 * rounding.min(1.0).ln();
        if !clear || log_sets + vanishing + spare > ACCIDENT.ln() {
            return Ok(None);
        }
        let coefficients = z.chunks_exact(n).flat_map(|z| support.iter().map(|&j| z[j])).collect();
        let Some(refit) = self.problem.refit(self.response, &support) else { return Ok(None) };
        let certified = self.is_rounding(&refit);
        let is_solved = certified || !self.problem.has_samples();
        Ok(is_solved.then_some(Solved { solution: Certified { support, coefficients }, refit, certified }))
    }

    /// Rounds `rounds` of the search that the settings name, until certified or the steps run out.
    pub fn search(&self, rounds: Range<usize>, trace: &mut Trace, monitor: &Monitor<'_>) -> Result<Option<Solved>> {
        match self.settings.optimizer {
            Optimizer::Rule(rule) => self.anneal(rule, rounds, trace, monitor),
            _ if self.settings.covariance == EncoderCovariance::Diagonal || !self.problem.groups.is_empty() => {
                self.anneal(Rule::Em, rounds, trace, monitor)
            }
            _ => self.propagate(rounds, trace, monitor),
        }
    }

    fn propagate(&self, rounds: Range<usize>, trace: &mut Trace, monitor: &Monitor<'_>) -> Result<Option<Solved>> {
        let (basis, certifier) = (self.basis()?, self.certifier()?);
        let packed = Packed::new(basis);
        let responses = self.axes.as_deref().unwrap_or(&self.whitened);
        let mut search = ExpectationPropagation::new(basis, &packed, responses, self.settings.seed);
        for round in rounds {
            let len = search.round_len().min(self.settings.max_iter.saturating_sub(trace.steps));
            if len == 0 {
                break;
            }
            trace.rounds = round + 1;
            let several = self.axes.is_some();
            let unproved = &mut trace.unproved;
            let attempt = |norms: &[f64]| {
                let exact = certifier.exact(norms)?;
                if several
                    && exact.proof == Proof::None
                    && unproved.as_ref().is_none_or(|u| exact.solution.support.len() < u.len())
                {
                    *unproved = Some(exact.solution.support.clone());
                }
                self.solved(exact)
            };
            let found = search.round(round, len, &mut trace.steps, monitor, attempt)?;
            trace.energies.clone_from(&search.energies);
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Annealed descents: over powers of the preconditioner, and away from the last active set.
    fn anneal(
        &self,
        rule: Rule,
        rounds: Range<usize>,
        trace: &mut Trace,
        monitor: &Monitor<'_>,
    ) -> Result<Option<Solved>> {
        let plan = restart::plan(self.settings.power.unwrap_or(0.0), self.settings.n_restarts);
        let groups = Groups::new(&self.problem.groups);
        let mut coordinates: Option<(f64, Whitened)> = None;
        for (round, &restart::Round { power, fresh }) in plan.iter().enumerate() {
            let len = ANNEAL.len.min(self.settings.max_iter.saturating_sub(trace.steps));
            if !rounds.contains(&round) || len == 0 {
                continue;
            }
            if coordinates.as_ref().is_none_or(|(p, _)| *p != power) {
                coordinates = Some((power, self.whiten(power)?));
            }
            let Some((_, whitened)) = &coordinates else { continue };
            if fresh {
                (trace.away, trace.starts) = (None, Vec::new());
            }
            let mut w = trace.away.take().unwrap_or_else(|| vec![1.0; self.problem.design.ncols()]);
            groups.tie(&mut w);
            // Descents can lead away from each other in a circle: from the same start there is nothing new to find.
            if trace.starts.contains(&w) {
                continue;
            }
            trace.starts.push(w.clone());
            trace.rounds = round + 1;
            let schedule = Schedule { len, end: whitened.end, ..ANNEAL };
            let marginal = Marginal { kernel: &whitened.columns, responses: self.responses(&whitened.response) };
            let found = with_energy!(self.settings.covariance, marginal, |energy| self
                .descend(energy, &groups, rule, w, schedule, round, trace, monitor))?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn responses<'r>(&self, values: &'r [f64]) -> Responses<'r> {
        Responses::new(values, self.response.n_responses())
    }

    /// One annealed descent, until the certificate holds.
    #[expect(clippy::too_many_arguments, reason = "the state of a round, in one place only")]
    fn descend<E: Energy>(
        &self,
        energy: &E,
        groups: &Groups<'_>,
        rule: Rule,
        w: Vec<f64>,
        schedule: Schedule,
        round: usize,
        trace: &mut Trace,
        monitor: &Monitor<'_>,
    ) -> Result<Option<Solved>> {
        let certifier = self.certifier()?;
        let mut descent = Descent::new(energy, w, groups);
        let before = Progress::of_round(round, trace.steps);
        let mut found = None;
        let outcome = descent.run(
            rule,
            schedule.len,
            |step| schedule.at(step),
            before,
            monitor,
            |descent, step| {
                if step % ANNEAL_LOOK == ANNEAL_LOOK - 1 || step + 1 == schedule.len {
                    found = certifier.exact(&descent.norms()).and_then(|exact| self.solved(exact));
                }
                Ok(if found.is_some() { Next::Stop } else { Next::Continue })
            },
        );
        trace.steps += descent.energies.len();
        match outcome {
            Ok(_) | Err(Error::NotPositiveDefinite { .. }) => {}
            Err(error) => return Err(error),
        }
        trace.away = Some(restart::away_from(&descent.norms(), self.problem.row_space()?.rank()));
        trace.energies = descent.energies;
        Ok(found)
    }

    /// `(X X^T)^-power` times design and response, scaled to columns of unit mean square and coefficients of unit
    /// order; and where an anneal ends.
    fn whiten(&self, power: f64) -> Result<Whitened> {
        let space = self.problem.row_space()?;
        let (singular, rotation) = space.spectrum()?;
        let mut turn = rotation.reversed_axes();
        let whitened: Vec<f64> = singular.iter().map(|s| s.powf(1.0 - 2.0 * power)).collect();
        turn.outer_iter_mut().zip(&whitened).for_each(|(mut row, s)| row *= *s);
        let mut design: Array2<f64> = turn.dot(&space.basis);
        let scale = (design.iter().map(|v| v * v).sum::<f64>() / design.ncols() as f64).sqrt();
        design /= scale;
        let factor = unit_scale(&self.whitened, space.rank(), self.response.n_responses()) / scale;
        let turned = |y: &[f64]| (turn.dot(&ndarray::aview1(y)) * factor).to_vec();
        let response = self.whitened.chunks_exact(space.rank().max(1)).flat_map(turned).collect();
        let smallest = whitened.into_iter().fold(f64::INFINITY, f64::min) / scale;
        let end = ANNEAL.end.min(BELOW_SPECTRUM * smallest * smallest).max(LOWEST);
        Ok(Whitened { columns: Packed::new(design.view()), response, end })
    }
}
