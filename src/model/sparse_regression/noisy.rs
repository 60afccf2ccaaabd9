//! Noisy data: the best support by a criterion, and whether the data look noisy at all.

use super::encoder::with_energy;
use super::noise_free::unit_scale;
use super::settings::{Settings, SupportRule};
use super::tolerances::{
    BACKGROUND, BACKGROUND_LOOK, BACKGROUND_WEIGHT, DECISIVE, DEPENDENT, POSTERIOR_DEVIATIONS, QUIET, SPARSITY_WEIGHT,
};
use crate::energy::{Energy, Marginal, Responses, Separable};
use crate::linalg::least_squares::{NestedLeastSquares, independent, inverse_without, posterior_covariance};
use crate::linalg::packed::Packed;
use crate::monitor::{Monitor, Progress};
use crate::problem::{Problem, Response};
use crate::settings::Sizes;
use crate::solver::descent::{Descent, Groups, Next, Rule, restart};
use crate::support::evidence::{Criterion, Evidence};
use crate::support::group_search::GroupSearch;
use crate::support::search::{Candidate, Search};
use crate::{Error, Result};
use ndarray::{Array2, Axis};

/// The criterion of a problem, in the solver's units.
pub(super) fn evidence(
    problem: &Problem<'_>,
    response: &Response,
    settings: &Settings,
    noise_var: Option<f64>,
) -> Evidence {
    let kind = match settings.support_rule {
        SupportRule::Criterion(kind) => kind,
        SupportRule::Projection | SupportRule::Posterior => Criterion::Evidence,
    };
    let scale = response.norm * response.norm;
    Evidence {
        kind,
        freedom: problem.freedom,
        n_responses: response.n_responses(),
        n_choices: problem.n_choices(),
        total: 1.0,
        noise_var: noise_var.map(|v| v / scale),
    }
}

/// A search for a support that can be interrupted.
pub(super) struct Noisy<'a> {
    pub problem: &'a Problem<'a>,
    pub response: &'a Response,
    pub evidence: Evidence,
    pub sizes: Sizes,
}

/// Columns of one group together, by falling norm; each column alone where there are no groups. Values are ends of
/// groups in the order.
fn by_group(norms: &[f64], groups: &[usize], most: usize) -> (Vec<usize>, Vec<usize>) {
    let mut order = restart::strongest_first(norms);
    if !groups.is_empty() {
        let mut rank = vec![usize::MAX; groups.iter().max().map_or(0, |last| last + 1)];
        for (place, &j) in order.iter().enumerate() {
            rank[groups[j]] = rank[groups[j]].min(place);
        }
        order.sort_by_key(|&j| rank[groups[j]]);
    }
    let same = |k: usize| !groups.is_empty() && k < order.len() && groups[order[k - 1]] == groups[order[k]];
    let ends: Vec<usize> = (1..=most.min(order.len())).filter(|&k| !same(k)).collect();
    order.truncate(ends.last().copied().unwrap_or(0));
    (order, ends)
}

impl Noisy<'_> {
    fn search(&self) -> Search<'_> {
        let Self { problem, response, evidence, sizes } = *self;
        Search { design: &problem.design, response: &response.values, evidence, sizes }
    }

    /// The best support found of every size along the path.
    pub fn path(&self, steps: &mut usize, monitor: &Monitor<'_>) -> Result<Vec<Candidate>> {
        self.search().path(|| count(steps, monitor))
    }

    /// The local search from `start`.
    pub fn local(&self, start: &[usize], steps: &mut usize, monitor: &Monitor<'_>) -> Result<Candidate> {
        let groups = &self.problem.groups;
        if groups.is_empty() {
            self.search().local(start, || count(steps, monitor))
        } else {
            let rows = self.problem.design.nrows();
            let responses = Array2::from_shape_fn((rows, self.response.values.len() / rows.max(1)), |(i, l)| {
                self.response.values[l * rows + i]
            });
            let search = GroupSearch {
                design: self.problem.design.copied(),
                groups,
                responses: responses.view(),
                off_range: self.response.off_range.norm.powi(2),
                evidence: self.evidence,
            };
            search.local(start, || count(steps, monitor))
        }
    }

    /// Another start, where a path by single columns finds nothing: an annealed descent, whose order of coefficients
    /// is read off on the way.
    ///
    /// In coordinates where the rows of the design are orthonormal, its noise is a dense background of small
    /// coefficients that fades away: `Sigma = X (W + gamma I) X^T`.
    pub fn descent_start(
        &self,
        rule: Rule,
        settings: &Settings,
        steps: &mut usize,
        monitor: &Monitor<'_>,
    ) -> Result<Option<Candidate>> {
        let space = self.problem.row_space()?;
        let packed = Packed::new(space.basis.view());
        let (mut whitened, _) = space.whiten(&self.response.values);
        let unit = unit_scale(&whitened, space.rank(), self.response.n_responses());
        whitened.iter_mut().for_each(|v| *v *= unit);
        let responses = Responses::new(&whitened, self.response.n_responses());
        let marginal = Marginal { kernel: &packed, responses };
        with_energy!(settings.covariance, marginal, |energy| self.descend(energy, rule, steps, monitor))
    }

    fn descend<E: Energy>(
        &self,
        energy: &E,
        rule: Rule,
        steps: &mut usize,
        monitor: &Monitor<'_>,
    ) -> Result<Option<Candidate>> {
        let groups = Groups::new(&self.problem.groups);
        let mut descent = Descent::new(energy, vec![1.0; energy.n_columns()], &groups);
        let before = Progress::of_round(0, *steps);
        let mut best: Option<Candidate> = None;
        let outcome = descent.run(
            rule,
            BACKGROUND.len,
            |step| BACKGROUND.at(step),
            before,
            monitor,
            |descent, step| {
                if step % BACKGROUND_LOOK == BACKGROUND_LOOK - 1 {
                    let found = self.prefix(&descent.norms());
                    if best.as_ref().is_none_or(|best| found.criterion < best.criterion) {
                        best = Some(found);
                    }
                }
                Ok(Next::Continue)
            },
        );
        *steps += descent.energies.len();
        match outcome {
            Ok(_) | Err(Error::NotPositiveDefinite { .. }) => Ok(best),
            Err(error) => Err(error),
        }
    }

    /// Along falling `norms` of the coefficients, the prefix of least criterion; groups stay together.
    pub fn prefix(&self, norms: &[f64]) -> Candidate {
        let most = self.evidence.spare(2).min(self.problem.design.nrows().saturating_sub(1));
        let (mut order, ends) = by_group(norms, &self.problem.groups, most);
        let design = &self.problem.design;
        // Columns of a group may depend on each other, as those of a dipole's orientations do; a dependent one explains
        // nothing and costs nothing.
        let ordered = design.gather(&order);
        let independent = independent(ordered.view(), DEPENDENT);
        let columns = ordered.select(Axis(1), &independent);
        let fit = NestedLeastSquares::new(columns.view(), &self.response.values);
        let rss = |k: usize| fit.residual[k].powi(2) + self.response.off_range.norm.powi(2);
        let mut best = Candidate { support: Vec::new(), rss: rss(0), criterion: 0.0 };
        let mut size = 0;
        for (n_groups, &end) in ends.iter().enumerate() {
            let k = independent.partition_point(|&i| i < end);
            let criterion = self.evidence.of_groups(n_groups + 1, k, rss(k));
            if criterion < best.criterion && k <= self.sizes.most || k == self.sizes.least {
                (best.criterion, best.rss, size) = (criterion, rss(k), end);
            }
        }
        order.truncate(size);
        Candidate { support: order, ..best }
    }

    /// How little what `candidate` leaves looks like noise, and how much like the rest of a noise-free solution with many
    /// nonzeros; minus infinity where the data cannot be free of noise.
    ///
    /// White noise has the same share in all directions; a background of small coefficients is coloured like `X X^T`.
    /// With `N` the inverse of `X X^T` on what the support leaves, `q = y^T N y` tells the two apart. The score adds
    /// how small a background would explain the residual, and how sparse the support is; its weights were fitted to
    /// simulated problems of both kinds (`benches/calibration`). Several responses make the whiteness alone decisive.
    ///
    /// # Complexity
    /// `O(r^2 (r + n))` for a design `(r, n)`.
    pub fn score(&self, candidate: &Candidate) -> f64 {
        let design = &self.problem.design;
        let (rows, n) = design.dim();
        if rows >= n || self.response.off_range.norm > 0.0 || self.problem.is_compressed_part() {
            return f64::NEG_INFINITY;
        }
        self.score_of_residual(candidate).unwrap_or(f64::INFINITY)
    }

    /// Whether the fit leaves so little that a low [`score`](Self::score) needs no second opinion.
    pub fn is_quiet(&self, candidate: &Candidate) -> bool {
        candidate.rss < QUIET * self.evidence.total
    }

    fn score_of_residual(&self, candidate: &Candidate) -> Option<f64> {
        let design = &self.problem.design;
        let rows = design.nrows();
        // Columns of a group may depend on each other: what is left of the response knows the span alone.
        let independent = independent(design.gather(&candidate.support).view(), DEPENDENT);
        let support: Vec<usize> = independent.into_iter().map(|i| candidate.support[i]).collect();
        let k = support.len();
        let background = self.problem.background();
        let trace = background.len() as f64;
        let inverse = inverse_without(design, &background, &support)?;
        let m = (rows - k) as f64;
        let mean = inverse.diag().sum() / m;
        let mean_square = inverse.iter().map(|v| v * v).sum::<f64>() / m;
        let each = self.response.values.chunks_exact(rows).map(ndarray::aview1);
        let q: f64 = each.map(|y| y.dot(&inverse.dot(&y))).sum();
        let values = m * (self.response.values.len() / rows) as f64;
        let spread = (2.0 * (mean_square - mean * mean) / (values + 2.0)).max(1e-300).sqrt() / mean;
        let whiteness = -((q / candidate.rss.max(1e-300)).ln() - mean.ln() + spread * spread / 2.0) / spread;
        let fit = NestedLeastSquares::new(design.gather(&support).view(), &self.response.values);
        if values > m {
            // Columns that were chosen by the responses would look coloured like them.
            let (_, distances) = match self.problem.whole() {
                Some(_) => fit.project(design.gather(&background).view()),
                None => fit.project(design.copied()),
            };
            let off_support = distances.iter().map(|v| v * v).sum::<f64>() / m;
            let coloured = (mean * off_support).ln() / spread;
            if coloured > DECISIVE {
                return Some(if whiteness < coloured / 2.0 { f64::NEG_INFINITY } else { f64::INFINITY });
            }
        }
        let background = q / m * trace;
        let explained: f64 = fit.coefficients(k).iter().map(|z| z * z).sum();
        Some(
            whiteness
                + BACKGROUND_WEIGHT * (background / (background + explained)).log10()
                + SPARSITY_WEIGHT * k as f64 / rows as f64,
        )
    }
}

/// Counts a step.
fn count(steps: &mut usize, monitor: &Monitor<'_>) -> Result<()> {
    *steps += 1;
    monitor.step(&Progress::of_round(0, *steps))
}

/// Of a support, the columns whose least-squares coefficient is more than [`POSTERIOR_DEVIATIONS`] standard deviations
/// from 0.
pub(super) fn significant(problem: &Problem<'_>, response: &Response, support: Vec<usize>) -> Vec<usize> {
    let kept = independent(problem.design.gather(&support).view(), DEPENDENT);
    let support: Vec<usize> = kept.into_iter().map(|i| support[i]).collect();
    let columns = problem.design.gather(&support);
    let fit = NestedLeastSquares::new(columns.view(), &response.values);
    let rss = fit.residual[support.len()].powi(2) + response.off_range.norm.powi(2);
    let responses = response.n_responses() as f64;
    let noise_var = rss / (problem.freedom.saturating_sub(support.len()).max(1) as f64 * responses);
    let flat = vec![f64::INFINITY; support.len()];
    let Some(covariance) = posterior_covariance(columns.view(), &flat, noise_var) else {
        return support;
    };
    let norms = fit.norms(support.len());
    let keep = |i: &usize| norms[*i] / responses.sqrt() > POSTERIOR_DEVIATIONS * covariance[[*i, *i]].sqrt();
    (0..support.len()).filter(keep).map(|i| support[i]).collect()
}
