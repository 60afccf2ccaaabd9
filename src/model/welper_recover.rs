//! Recovery that learns from easier problems: components from training problems that l1 minimisation solves, then
//! solutions of hard problems as sparse combinations of them.
//!
//! Welper, "Non-convex compressed sensing with training data": `B = A X Z` with sparse columns of `X` and of `Z`.

use crate::factorization::{self, Factorization, Method, factorize};
use crate::l1::{Equations, Outcome, Request, Solution};
use crate::linalg::least_squares::{NestedLeastSquares, independent};
use crate::linalg::rotation::product;
use crate::problem::check_matrix;
use crate::report::Watch;
use crate::{Error, Result};
use ndarray::{Array1, Array2, ArrayView2};

/// Nonzeros of an easy solution, at most, as a share of the rank of `A`: a vertex in general position has as many as
/// the rank.
const EASY: f64 = 0.9;
/// Distance from the span of other solutions, as a share of its norm, at which a solution enlarges it.
const INDEPENDENT: f64 = 1e-8;
/// Misfits below this share of the right-hand side are rounding.
const ROUNDING: f64 = 1e-13;

/// How a training depends on more than the data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Nonzeros of a solution that is trusted (Welper's `u`), at most; `None` to find out.
    pub most_nonzeros: Option<usize>,
    /// How the sparse factor is found.
    pub factorization: Method,
    /// Relative size of what counts as zero, at least that of the noise.
    pub tolerance: f64,
    /// Seed of the factorisation.
    pub seed: u64,
}

/// What became of a training problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lesson {
    /// Its sparse solution was found.
    Easy,
    /// No solution with few nonzeros was found.
    Hard,
    /// Its right-hand side is zero and teaches nothing.
    Zero,
    /// No solution reproduces it.
    Inconsistent,
}

impl Lesson {
    /// The name that Python shows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Easy => "easy",
            Self::Hard => "hard",
            Self::Zero => "zero",
            Self::Inconsistent => "inconsistent",
        }
    }
}

/// What solutions of at most so many nonzeros teach.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// The bound on the nonzeros.
    pub most_nonzeros: usize,
    /// Training problems whose solutions keep it, ascending.
    pub kept: Vec<usize>,
    /// The factor of these solutions.
    pub factor: Factorization,
}

/// The outcome of a training.
#[derive(Debug, Clone, PartialEq)]
pub struct Training {
    /// One solution for each training problem; those of hard problems have no meaning.
    pub solutions: Vec<Solution>,
    /// What became of each.
    pub lessons: Vec<Lesson>,
    /// Levels, the most promising first; empty if no training problem was easy.
    pub levels: Vec<Level>,
    /// Rank of `A`.
    pub rank: usize,
}

/// Learns components from the training problems `A y = b_l`, the columns of `b` (Algorithm 2).
///
/// Without a bound on the nonzeros (Algorithm 3), all solutions sparser than chance are used first: where as many sparse
/// components as their span has dimensions are found, a lower bound would leave a part of the same span and teach nothing
/// more. Else lower bounds are tried as well, those at which the span shrinks.
///
/// # Errors
/// [`Error::Shape`] or [`Error::NonFinite`], naming `A` or `B`; [`Error::InvalidParameter`] for a tolerance outside
/// (0, 1) or a bound of 0; [`Error::NoDecomposition`]; [`Error::Interrupted`] where the caller asks to stop.
///
/// # Complexity
/// One basis pursuit for each training problem, then one factorisation for each level, mostly a single one; on rayon's
/// current threads.
pub fn train(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>, settings: &Settings, watch: &Watch) -> Result<Training> {
    check_tolerance(settings.tolerance)?;
    if settings.most_nonzeros == Some(0) {
        return Err(Error::invalid("max_nonzero", 0, "at least 1"));
    }
    let equations = Equations::new(a, b.ncols())?;
    let rank = equations.rank();
    let chance = sparser_than_chance(rank);
    let request = Request { tolerance: settings.tolerance, most_nonzeros: Some(chance) };
    let solutions = equations.solve_many(b, request, watch)?;
    let most = settings.most_nonzeros.unwrap_or(chance);
    let lesson = |(l, solution): (usize, &Solution)| match solution.outcome {
        _ if b.column(l).iter().all(|&v| v == 0.0) => Lesson::Zero,
        _ if solution.residual > settings.tolerance => Lesson::Inconsistent,
        Outcome::Optimal | Outcome::Approximate if (1..=most).contains(&solution.support.len()) => Lesson::Easy,
        _ => Lesson::Hard,
    };
    let lessons: Vec<Lesson> = solutions.iter().enumerate().map(lesson).collect();
    let mut kept: Vec<usize> = (0..lessons.len()).filter(|&l| lessons[l] == Lesson::Easy).collect();
    kept.sort_by_key(|&l| solutions[l].support.len());
    let mut sizes = vec![kept.len()];
    let mut levels = Vec::new();
    while let Some(size) = sizes.pop() {
        let Some(level) = learn(a.ncols(), &solutions, &kept[..size], settings, watch)? else { break };
        let complete = level.factor.is_complete();
        levels.push(level);
        if complete || settings.most_nonzeros.is_some() {
            break;
        }
        if levels.len() == 1 {
            sizes = smaller_spans(a.ncols(), &solutions, &kept);
        }
    }
    levels.sort_by_key(|level| (!level.factor.is_complete(), std::cmp::Reverse(level.factor.components.len())));
    Ok(Training { solutions, lessons, levels, rank })
}

fn sparser_than_chance(rank: usize) -> usize {
    (EASY * rank as f64) as usize
}

fn check_tolerance(tolerance: f64) -> Result<()> {
    if tolerance > 0.0 && tolerance < 1.0 {
        return Ok(());
    }
    Err(Error::invalid("tol", tolerance, "greater than 0 and less than 1"))
}

/// Solutions as columns.
fn columns(n: usize, solutions: &[Solution], kept: &[usize]) -> Array2<f64> {
    let mut y = Array2::zeros((n, kept.len()));
    for (mut column, &l) in y.columns_mut().into_iter().zip(kept) {
        solutions[l].support.iter().zip(&solutions[l].values).for_each(|(&j, v)| column[j] = *v);
    }
    y
}

/// The factor of some solutions; `None` if there are none.
fn learn(
    n: usize,
    solutions: &[Solution],
    kept: &[usize],
    settings: &Settings,
    watch: &Watch,
) -> Result<Option<Level>> {
    let Some(&last) = kept.last() else { return Ok(None) };
    let errors =
        kept.iter().map(|&l| solutions[l].noise_error.powi(2) * solutions[l].values.iter().map(|v| v * v).sum::<f64>());
    let error = errors.sum::<f64>().sqrt();
    let how = factorization::Settings { method: settings.factorization, error, seed: settings.seed };
    let factor = factorize(columns(n, solutions, kept).view(), how, watch)?;
    let mut kept = kept.to_vec();
    kept.sort_unstable();
    Ok(Some(Level { most_nonzeros: solutions[last].support.len(), kept, factor }))
}

/// How many of the solutions `kept`, sparsest first, keep a lower bound on their nonzeros, for the highest bound of each
/// dimension of their span; ascending.
fn smaller_spans(n: usize, solutions: &[Solution], kept: &[usize]) -> Vec<usize> {
    let mut y = columns(n, solutions, kept);
    for mut column in y.columns_mut() {
        let norm = column.dot(&column).sqrt();
        column.mapv_inplace(|v| v / norm);
    }
    let all: Vec<usize> = (0..kept.len()).collect();
    let count = |i: usize| solutions[kept[i]].support.len();
    let mut sizes: Vec<usize> = independent(y.view(), &all, INDEPENDENT)
        .into_iter()
        .map(|i| kept.partition_point(|&l| solutions[l].support.len() < count(i)))
        .filter(|&size| size > 0)
        .collect();
    sizes.dedup();
    sizes
}

/// How a recovery ended. None of these is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// A sparse combination of components solves the problem.
    Recovered,
    /// The combination has as many members as there are equations: any right-hand side has one.
    Dense,
    /// No combination of components solves it.
    Infeasible,
}

impl Finding {
    /// The name that Python shows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recovered => "recovered",
            Self::Dense => "dense",
            Self::Infeasible => "infeasible",
        }
    }
}

/// The solution of one problem.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovery {
    /// The solution.
    pub coef: Array1<f64>,
    /// Coefficients of the components.
    pub combinator: Array1<f64>,
    /// Misfit of the solution, as a share of the norm of the right-hand side.
    pub residual: f64,
    /// How it ended.
    pub finding: Finding,
}

/// Components, and how sure they are.
#[derive(Debug, Clone, Copy)]
pub struct Components<'a> {
    /// Columns of norm 1, shape `(n, n_components)`.
    pub columns: ArrayView2<'a, f64>,
    /// Error of a component, as a share of its norm.
    pub error: f64,
}

/// Solves `A x = b_l`, for the columns of `b`, by sparse combinations of components (Algorithm 1): `min ||z||_1` subject
/// to `A X z = b_l`; then least squares on the nonzeros of `X z`, where they are fewer than chance would have, frees the
/// solution of the errors of the components.
///
/// # Errors
/// [`Error::Shape`] or [`Error::NonFinite`], naming `A`, `B` or `components_`; [`Error::InvalidParameter`] for a tolerance
/// outside (0, 1); [`Error::NoDecomposition`]; [`Error::Interrupted`] where the caller asks to stop.
///
/// # Complexity
/// One product `A X` and, for each problem, one basis pursuit with as many columns as components, and `O(m k^2)` for a
/// solution with `k` nonzeros.
pub fn recover(
    a: ArrayView2<'_, f64>,
    components: Components<'_>,
    b: ArrayView2<'_, f64>,
    tolerance: f64,
    watch: &Watch,
) -> Result<Vec<Recovery>> {
    check_tolerance(tolerance)?;
    check_matrix("components_", components.columns)?;
    let images = product(a, components.columns);
    let equations = Equations::new(images.view(), b.ncols())?;
    let request = Request { tolerance: tolerance.max(components.error), most_nonzeros: None };
    let solutions = equations.solve_many(b, request, watch)?;
    let found = solutions.into_iter().zip(b.columns()).map(|(solution, b)| {
        let mut combinator = Array1::zeros(components.columns.ncols());
        solution.support.iter().zip(&solution.values).for_each(|(&k, v)| combinator[k] = *v);
        let norm = b.dot(&b).sqrt();
        let misfit = |left: Array1<f64>| if norm > 0.0 { left.dot(&left).sqrt() / norm } else { 0.0 };
        let mut coef = components.columns.dot(&combinator);
        let mut residual = misfit(&b - &images.dot(&combinator));
        let support: Vec<usize> = (0..coef.len()).filter(|&j| coef[j] != 0.0).collect();
        if residual > ROUNDING && support.len() <= sparser_than_chance(a.nrows()) {
            let values = NestedLeastSquares::new(a, &support, &b.to_vec()).coefficients(support.len());
            let mut polished = Array1::zeros(coef.len());
            support.iter().zip(values).for_each(|(&j, v)| polished[j] = v);
            let left = misfit(&b - &a.dot(&polished));
            if left < residual {
                (coef, residual) = (polished, left);
            }
        }
        let any = solution.support.len() >= equations.rank() && equations.rank() == a.nrows();
        // NaN is no recovery.
        let solved = residual <= tolerance;
        let finding = match (solved, any) {
            (false, _) => Finding::Infeasible,
            (true, true) => Finding::Dense,
            (true, false) => Finding::Recovered,
        };
        Recovery { coef, combinator, residual, finding }
    });
    Ok(found.collect())
}
