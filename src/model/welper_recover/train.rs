//! Components from training problems (Algorithms 2 and 3).

use super::choose::{Level, combinators, training_status};
use super::recover::{Components, recover_by};
use super::tolerances::{IN_SPAN, INDEPENDENT, path_length};
use super::{WelperSettings, norm, sparser_than_chance};
use crate::factorization::factorize;
use crate::l1::{Equations, Request, Solution};
use crate::linalg::least_squares::independent;
use crate::monitor::Monitor;
use crate::problem::validate::check_results;
use crate::settings::Checked;
use crate::{Result, Status};
use ndarray::{Array2, ArrayView2, Axis};

/// The outcome of a training.
#[derive(Debug, Clone, PartialEq)]
pub struct WelperFit {
    /// One solution for each training problem; those of hard problems have no meaning.
    pub solutions: Vec<Solution>,
    /// What became of each: [`Status::Easy`], [`Status::Learned`], [`Status::Hard`], [`Status::Zero`] or
    /// [`Status::Inconsistent`].
    pub problem_status: Vec<Status>,
    /// Levels, the most promising first, each with at most as many components as were expected; empty if no training
    /// problem was easy.
    pub levels: Vec<Level>,
    /// Coefficients of the components of the first level for the solutions that it keeps, shape `(n_components,
    /// n_kept)`.
    pub combinators: Array2<f64>,
    /// Rank of `A`.
    pub rank: usize,
    /// [`Status::Complete`], [`Status::Incomplete`], [`Status::TooFew`], [`Status::TooMany`] or
    /// [`Status::NoEasyProblems`].
    pub status: Status,
}

/// Learns components from the training problems `A y = b_l`, the columns of `b` (Algorithm 2).
///
/// Without a bound on the nonzeros (Algorithm 3), all solutions sparser than chance are used first: where as many sparse
/// components as their span has dimensions are found, a lower bound would leave a subspace of it and show nothing
/// more. Else, and where all levels are wanted, lower bounds are tried as well, those at which the span shrinks.
///
/// A path to a dense solution takes much longer than one to a sparse solution. So paths first end at half the nonzeros; what
/// the components learned by then can solve lies in their span, and only what they cannot is solved to the end.
///
/// # Errors
/// [`Error::Scales`](crate::Error::Scales) where a result is beyond the range of float64;
/// [`Error::Shape`](crate::Error::Shape) or [`Error::NonFinite`](crate::Error::NonFinite), naming `A` or `B`;
/// [`Error::NoDecomposition`](crate::Error::NoDecomposition); [`Error::Interrupted`](crate::Error::Interrupted) where
/// `monitor` is stopped.
///
/// # Complexity
/// One basis pursuit for each training problem, then one factorisation for each level, mostly a single one; on rayon's
/// current threads.
pub fn train(
    a: ArrayView2<'_, f64>,
    b: ArrayView2<'_, f64>,
    settings: &Checked<WelperSettings>,
    monitor: &Monitor<'_>,
) -> Result<WelperFit> {
    let equations = Equations::new(a, b.ncols())?;
    let mut training = Training::new(a, b, equations.rank(), settings, monitor);
    let first = training.solve(&equations)?;
    let mut levels: Vec<Level> = first.into_iter().collect();
    if settings.max_nonzero.is_none() || settings.all_levels {
        training.try_lower_bounds(&mut levels)?;
    }
    levels.sort_by_key(|level| (!level.factor.is_complete(), std::cmp::Reverse(level.factor.n_found)));
    training.solve_hard(levels.first())?;
    let status = training_status(&levels, settings.n_components);
    if let Some(expected) = settings.n_components {
        levels.iter_mut().for_each(|level| level.factor.components.truncate(expected));
    }
    let Training { solutions, problem_status, rank, .. } = training;
    let combinators = levels.first().map(|best| combinators(a.ncols(), best, &solutions)).unwrap_or_default();
    let values = solutions.iter().flat_map(|solution| &solution.values).chain(&combinators);
    check_results("`A` and `B`", "a training solution", values)?;
    Ok(WelperFit { solutions, problem_status, levels, combinators, rank, status })
}

/// The training problems, and what is known of each.
struct Training<'a> {
    a: ArrayView2<'a, f64>,
    b: ArrayView2<'a, f64>,
    settings: &'a WelperSettings,
    monitor: &'a Monitor<'a>,
    /// Rank of `A`.
    rank: usize,
    /// Nonzeros of a solution that is trusted, at most.
    trusted: usize,
    solutions: Vec<Solution>,
    problem_status: Vec<Status>,
}

impl<'a> Training<'a> {
    fn new(
        a: ArrayView2<'a, f64>,
        b: ArrayView2<'a, f64>,
        rank: usize,
        settings: &'a WelperSettings,
        monitor: &'a Monitor<'a>,
    ) -> Self {
        let chance = sparser_than_chance(rank);
        let trusted = settings.max_nonzero.map_or(chance, |most| most.min(chance));
        Self { a, b, settings, monitor, rank, trusted, solutions: Vec::new(), problem_status: Vec::new() }
    }

    /// Solves all problems, the dense ones only where components do not, and factorises the sparse solutions.
    fn solve(&mut self, equations: &Equations) -> Result<Option<Level>> {
        let (chance, monitor) = (sparser_than_chance(self.rank), self.monitor);
        let first = self.settings.max_nonzero.map_or(chance / 2, |most| path_length(most).min(chance));
        self.solutions = equations.solve_many(self.b, self.request(first), monitor)?;
        self.problem_status = (0..self.b.ncols()).map(|l| self.classify(l)).collect();
        let level = self.factorise(&self.easy())?;
        if self.settings.max_nonzero.is_some() {
            return Ok(level);
        }
        self.solve_hard(level.as_ref())?;
        let left = self.with(Status::Hard);
        if left.is_empty() {
            return Ok(level);
        }
        let again = equations.solve_many(self.b.select(Axis(1), &left).view(), self.request(chance), monitor)?;
        for (&l, solution) in left.iter().zip(again) {
            self.solutions[l] = solution;
            self.problem_status[l] = self.classify(l);
        }
        let more = left.iter().any(|&l| self.problem_status[l] == Status::Easy);
        if more { self.factorise(&self.easy()) } else { Ok(level) }
    }

    /// Adds levels of lower bounds on the nonzeros, the highest first, until one is complete unless all are wanted.
    fn try_lower_bounds(&self, levels: &mut Vec<Level>) -> Result<()> {
        let easy = self.easy();
        let is_enough =
            |levels: &[Level]| !self.settings.all_levels && levels.iter().any(|level| level.factor.is_complete());
        if is_enough(levels) {
            return Ok(());
        }
        for size in smaller_spans(self.a.ncols(), &self.solutions, &easy).into_iter().rev() {
            levels.extend(self.factorise(&easy[..size])?);
            if is_enough(levels) {
                break;
            }
        }
        Ok(())
    }

    fn request(&self, most_nonzeros: usize) -> Request {
        Request { tolerance: self.settings.tol, most_nonzeros: Some(most_nonzeros) }
    }

    fn classify(&self, l: usize) -> Status {
        let solution = &self.solutions[l];
        match solution.status {
            _ if self.b.column(l).iter().all(|&v| v == 0.0) => Status::Zero,
            _ if solution.residual > self.settings.tol => Status::Inconsistent,
            Status::Optimal | Status::Approximate if (1..=self.trusted).contains(&solution.support.len()) => {
                Status::Easy
            }
            _ => Status::Hard,
        }
    }

    fn with(&self, status: Status) -> Vec<usize> {
        (0..self.problem_status.len()).filter(|&l| self.problem_status[l] == status).collect()
    }

    /// Easy problems, those of the sparsest solutions first.
    fn easy(&self) -> Vec<usize> {
        let mut easy = self.with(Status::Easy);
        easy.sort_by_key(|&l| self.solutions[l].support.len());
        easy
    }

    /// The factor of some solutions, the sparsest of which come first; `None` if there are none.
    fn factorise(&self, kept: &[usize]) -> Result<Option<Level>> {
        let Some(&last) = kept.last() else { return Ok(None) };
        let error = kept.iter().map(|&l| self.solutions[l].noise_error.powi(2)).sum::<f64>().sqrt();
        let y = columns(self.a.ncols(), &self.solutions, kept);
        let WelperSettings { factorization, seed, .. } = *self.settings;
        let factor = factorize(y.view(), error, factorization, seed, self.monitor)?;
        let mut kept = kept.to_vec();
        kept.sort_unstable();
        Ok(Some(Level { max_nonzero: self.solutions[last].support.len(), kept, factor }))
    }

    /// Solves hard problems by the components of a level that is complete.
    fn solve_hard(&mut self, level: Option<&Level>) -> Result<()> {
        let hard = self.with(Status::Hard);
        let Some(level) = level.filter(|level| level.factor.is_complete() && !hard.is_empty()) else {
            return Ok(());
        };
        let (columns, error) = (level.factor.to_dense(self.a.ncols()), level.factor.error);
        let components = Components { columns: columns.view(), error, max_nonzero: level.max_nonzero };
        let b = self.b.select(Axis(1), &hard);
        let found = recover_by(self.a, self.rank, &components, b.view(), self.settings.tol, self.monitor)?;
        for (&l, found) in hard.iter().zip(found) {
            // A solution with entries found again may lie off the span, and show more than the components.
            let off_span = norm(&(&found.coef - &columns.dot(&found.combinator)));
            if found.status != Status::Recovered || off_span > error.max(IN_SPAN) * norm(&found.coef) {
                continue;
            }
            let solution = &mut self.solutions[l];
            solution.support = (0..found.coef.len()).filter(|&j| found.coef[j] != 0.0).collect();
            solution.values = solution.support.iter().map(|&j| found.coef[j]).collect();
            solution.residual = found.residual;
            self.problem_status[l] = Status::Learned;
        }
        Ok(())
    }
}

/// Solutions as columns of norm 1: a span does not depend on scales, but what counts as zero would.
fn columns(n: usize, solutions: &[Solution], kept: &[usize]) -> Array2<f64> {
    let mut y = Array2::zeros((n, kept.len()));
    for (mut column, &l) in y.columns_mut().into_iter().zip(kept) {
        let Solution { support, values, .. } = &solutions[l];
        let norm = norm(values);
        support.iter().zip(values).for_each(|(&j, v)| column[j] = v / norm);
    }
    y
}

/// How many of the solutions `kept`, sparsest first, keep a lower bound on their nonzeros, for the highest bound of each
/// dimension of their span; ascending.
fn smaller_spans(n: usize, solutions: &[Solution], kept: &[usize]) -> Vec<usize> {
    let y = columns(n, solutions, kept);
    let count = |i: usize| solutions[kept[i]].support.len();
    let mut sizes: Vec<usize> = independent(y.view(), INDEPENDENT)
        .into_iter()
        .map(|i| kept.partition_point(|&l| solutions[l].support.len() < count(i)))
        .filter(|&size| size > 0)
        .collect();
    sizes.dedup();
    sizes
}
