//! Components from training problems (Algorithms 2 and 3).

use super::recover::{Components, Finding, recover};
use super::{check_tolerance, norm, sparser_than_chance};
use crate::factorization::{self, Factorization, Method, factorize};
use crate::l1::{Equations, Outcome, Request, Solution};
use crate::linalg::least_squares::independent;
use crate::monitor::Monitor;
use crate::{Error, Result};
use ndarray::{Array2, ArrayView2, Axis};

/// Distance from the span of components, as a share of its norm, at which a solution counts as their combination.
const INSIDE: f64 = 1e-6;
/// Distance from the span of other solutions, as a share of its norm, at which a solution enlarges it.
const INDEPENDENT: f64 = 1e-8;

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
    /// Its sparse solution was found by l1 minimisation.
    Easy,
    /// It was not, but the components that easy ones taught solve it.
    Learned,
    /// No sparse solution was found.
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
            Self::Learned => "learned",
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
/// A path to a dense solution takes much longer than one to a sparse solution. So paths first end at half the nonzeros; what
/// the components learned by then can solve lies in their span, and only what they cannot is solved to the end.
///
/// # Errors
/// [`Error::Shape`] or [`Error::NonFinite`], naming `A` or `B`; [`Error::InvalidParameter`] for a tolerance outside
/// (0, 1) or a bound of 0; [`Error::NoDecomposition`]; [`Error::Interrupted`] where the caller asks to stop.
///
/// # Complexity
/// One basis pursuit for each training problem, then one factorisation for each level, mostly a single one; on rayon's
/// current threads.
pub fn train(
    a: ArrayView2<'_, f64>,
    b: ArrayView2<'_, f64>,
    settings: &Settings,
    monitor: &Monitor<'_>,
) -> Result<Training> {
    check_tolerance(settings.tolerance)?;
    if settings.most_nonzeros == Some(0) {
        return Err(Error::invalid("max_nonzero", 0, "at least 1"));
    }
    let equations = Equations::new(a, b.ncols())?;
    let rank = equations.rank();
    let chance = sparser_than_chance(rank);
    let trust = settings.most_nonzeros.unwrap_or(chance).min(chance);
    // A path may have a few more nonzeros than its end.
    let first = settings.most_nonzeros.map_or(chance / 2, |most| (most * 5 / 4 + 8).min(chance));
    let all: Vec<usize> = (0..b.ncols()).collect();
    let mut class = Class { a, b, settings, monitor, rank, trust, solutions: Vec::new(), lessons: Vec::new() };
    class.solutions = equations.solve_many(b, class.request(first), monitor)?;
    class.lessons = all.iter().map(|&l| class.judge(l)).collect();
    let mut best = class.learn(&class.easy())?;
    if settings.most_nonzeros.is_none() {
        class.explain(best.as_ref())?;
        let left = class.with(Lesson::Hard);
        if !left.is_empty() {
            let again = equations.solve_many(b.select(Axis(1), &left).view(), class.request(chance), monitor)?;
            for (&l, solution) in left.iter().zip(again) {
                class.solutions[l] = solution;
                class.lessons[l] = class.judge(l);
            }
            if left.iter().any(|&l| class.lessons[l] == Lesson::Easy) {
                best = class.learn(&class.easy())?;
            }
        }
    }
    let mut levels: Vec<Level> = best.into_iter().collect();
    if settings.most_nonzeros.is_none() && !levels.iter().any(|level| level.factor.is_complete()) {
        let easy = class.easy();
        for size in smaller_spans(a.ncols(), &class.solutions, &easy).into_iter().rev() {
            levels.extend(class.learn(&easy[..size])?);
            if levels.iter().any(|level| level.factor.is_complete()) {
                break;
            }
        }
    }
    levels.sort_by_key(|level| (!level.factor.is_complete(), std::cmp::Reverse(level.factor.n_found)));
    class.explain(levels.first())?;
    Ok(Training { solutions: class.solutions, lessons: class.lessons, levels, rank })
}

/// The training problems, and what is known of each.
struct Class<'a> {
    a: ArrayView2<'a, f64>,
    b: ArrayView2<'a, f64>,
    settings: &'a Settings,
    monitor: &'a Monitor<'a>,
    /// Rank of `A`.
    rank: usize,
    /// Nonzeros of a solution that is trusted, at most.
    trust: usize,
    solutions: Vec<Solution>,
    lessons: Vec<Lesson>,
}

impl Class<'_> {
    fn request(&self, most_nonzeros: usize) -> Request {
        Request { tolerance: self.settings.tolerance, most_nonzeros: Some(most_nonzeros) }
    }

    fn judge(&self, l: usize) -> Lesson {
        let solution = &self.solutions[l];
        match solution.outcome {
            _ if self.b.column(l).iter().all(|&v| v == 0.0) => Lesson::Zero,
            _ if solution.residual > self.settings.tolerance => Lesson::Inconsistent,
            Outcome::Optimal | Outcome::Approximate if (1..=self.trust).contains(&solution.support.len()) => {
                Lesson::Easy
            }
            _ => Lesson::Hard,
        }
    }

    fn with(&self, lesson: Lesson) -> Vec<usize> {
        (0..self.lessons.len()).filter(|&l| self.lessons[l] == lesson).collect()
    }

    /// Easy problems, those of the sparsest solutions first.
    fn easy(&self) -> Vec<usize> {
        let mut easy = self.with(Lesson::Easy);
        easy.sort_by_key(|&l| self.solutions[l].support.len());
        easy
    }

    /// The factor of some solutions, the sparsest of which come first; `None` if there are none.
    fn learn(&self, kept: &[usize]) -> Result<Option<Level>> {
        let Some(&last) = kept.last() else { return Ok(None) };
        let error = kept.iter().map(|&l| self.solutions[l].noise_error.powi(2)).sum::<f64>().sqrt();
        let how = factorization::Settings { method: self.settings.factorization, error, seed: self.settings.seed };
        let factor = factorize(columns(self.a.ncols(), &self.solutions, kept).view(), how, self.monitor)?;
        let mut kept = kept.to_vec();
        kept.sort_unstable();
        Ok(Some(Level { most_nonzeros: self.solutions[last].support.len(), kept, factor }))
    }

    /// Solves hard problems by the components of a level that is complete.
    fn explain(&mut self, level: Option<&Level>) -> Result<()> {
        let hard = self.with(Lesson::Hard);
        let Some(factor) = level.map(|level| &level.factor).filter(|factor| factor.is_complete()) else {
            return Ok(());
        };
        if hard.is_empty() {
            return Ok(());
        }
        let mut columns = Array2::zeros((self.a.ncols(), factor.components.len()));
        for (mut column, component) in columns.columns_mut().into_iter().zip(&factor.components) {
            component.support.iter().zip(&component.values).for_each(|(&j, v)| column[j] = *v);
        }
        let components = Components { columns: columns.view(), error: factor.error, rank: self.rank };
        let b = self.b.select(Axis(1), &hard);
        let found = recover(self.a, components, b.view(), self.settings.tolerance, self.monitor)?;
        for (&l, found) in hard.iter().zip(found) {
            // A solution with entries found again may lie outside the span, and teach something.
            let outside = norm(&(&found.coef - &columns.dot(&found.combinator)));
            if found.finding != Finding::Recovered || outside > factor.error.max(INSIDE) * norm(&found.coef) {
                continue;
            }
            let solution = &mut self.solutions[l];
            solution.support = (0..found.coef.len()).filter(|&j| found.coef[j] != 0.0).collect();
            solution.values = solution.support.iter().map(|&j| found.coef[j]).collect();
            solution.residual = found.residual;
            self.lessons[l] = Lesson::Learned;
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
