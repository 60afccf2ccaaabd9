//! The local search for the support of noisy data where columns are chosen in groups: exchanges, then the addition or
//! removal that lowers the criterion most.

use super::evidence::Evidence;
use super::search::Candidate;
use super::tolerances::{DEPENDENT_IN_GROUP, EXCHANGE_LIMIT, EXCHANGE_SHARE, IMPROVED};
use crate::Result;
use crate::linalg::least_squares::independent;
use ndarray::{Array1, Array2, ArrayView2, Axis};

/// The problem that a search works on.
#[derive(Clone, Copy)]
pub struct GroupSearch<'a> {
    /// The design, shape `(r, n)`; columns of norm about 1.
    pub design: ArrayView2<'a, f64>,
    /// The group of each column, numbered from 0.
    pub groups: &'a [usize],
    /// The responses, shape `(r, n_responses)`, as far as columns can reach them.
    pub responses: ArrayView2<'a, f64>,
    /// Squared norm of what they cannot reach.
    pub off_range: f64,
    /// The criterion.
    pub evidence: Evidence,
}

/// What a group adds to a set of others.
#[derive(Clone, Copy)]
struct Gain {
    /// Fall of the residual sum of squares.
    fall: f64,
    /// Directions that are new.
    size: usize,
}

/// A set of groups, and what it explains.
struct Fitted {
    /// Products of an orthonormal basis of the set with every column, shape `(k, n)`.
    shares: Array2<f64>,
    /// Products of what the set leaves of the responses with every column, shape `(n_responses, n)`.
    correlation: Array2<f64>,
    rss: f64,
}

impl GroupSearch<'_> {
    /// From the groups of the columns `start`, until no move lowers the criterion; `step` is called before each look at
    /// all groups.
    ///
    /// # Complexity
    /// Each look costs `O(r n (k + n_responses))` for `k` columns in the set; an exchange takes one for each
    /// group in it.
    pub fn local(&self, start: &[usize], mut step: impl FnMut() -> Result<()>) -> Result<Candidate> {
        let n_groups = self.groups.iter().max().map_or(0, |last| last + 1);
        let mut members = vec![Vec::new(); n_groups];
        self.groups.iter().enumerate().for_each(|(j, &g)| members[g].push(j));
        let mut set: Vec<usize> = start.iter().map(|&j| self.groups[j]).collect();
        set.sort_unstable();
        set.dedup();
        self.exchange(&mut set, &members, &mut step)?;
        let mut best = self.candidate(&set, &members);
        loop {
            step()?;
            let fitted = self.fit(&set, &members);
            let size = fitted.shares.nrows();
            let weigh = |g: usize, gain: Gain| {
                (self.evidence.of_groups(set.len() + 1, size + gain.size, (fitted.rss - gain.fall).max(0.0)), g)
            };
            let most = self.evidence.spare(2);
            let addition = (0..n_groups)
                .filter(|g| !set.contains(g))
                .map(|g| (g, self.gain(&fitted, &members[g])))
                .filter(|(_, gain)| gain.size > 0 && size + gain.size <= most)
                .map(|(g, gain)| weigh(g, gain))
                .min_by(|a, b| a.0.total_cmp(&b.0));
            let removal = (0..set.len())
                .map(|i| (self.candidate(&without(&set, i), &members).criterion, i))
                .min_by(|a, b| a.0.total_cmp(&b.0));
            match (removal, addition) {
                (Some((lower, i)), other) if other.is_none_or(|(with, _)| lower < with) => set = without(&set, i),
                (_, Some((_, g))) => set.push(g),
                _ => break,
            }
            self.exchange(&mut set, &members, &mut step)?;
            let next = self.candidate(&set, &members);
            // Written so that NaN ends the search too.
            let better = next.criterion < best.criterion - IMPROVED;
            if !better {
                break;
            }
            best = next;
        }
        Ok(best)
    }

    /// Replaces groups one at a time while another explains more in their place.
    fn exchange(&self, set: &mut [usize], members: &[Vec<usize>], step: &mut impl FnMut() -> Result<()>) -> Result<()> {
        let mut since = 0;
        for turn in 0..EXCHANGE_LIMIT {
            if set.is_empty() || since == set.len() {
                return Ok(());
            }
            let i = turn % set.len();
            step()?;
            let rest = self.fit(&without(set, i), members);
            let own = self.gain(&rest, &members[set[i]]);
            // Of the same size, so that no criterion is needed.
            let other = (0..members.len())
                .filter(|g| !set.contains(g))
                .map(|g| (g, self.gain(&rest, &members[g])))
                .filter(|(_, gain)| gain.size <= own.size)
                .max_by(|a, b| a.1.fall.total_cmp(&b.1.fall));
            match other {
                Some((g, gain)) if gain.fall > own.fall + EXCHANGE_SHARE * rest.rss => {
                    set[i] = g;
                    since = 1;
                }
                _ => since += 1,
            }
        }
        Ok(())
    }

    fn columns(&self, set: &[usize], members: &[Vec<usize>]) -> Vec<usize> {
        set.iter().flat_map(|&g| members[g].iter().copied()).collect()
    }

    fn fit(&self, set: &[usize], members: &[Vec<usize>]) -> Fitted {
        let columns = self.columns(set, members);
        let kept: Vec<usize> = independent(self.design.select(Axis(1), &columns).view(), DEPENDENT_IN_GROUP)
            .into_iter()
            .map(|i| columns[i])
            .collect();
        let basis = orthonormal(self.design, &kept);
        let left = &self.responses - &basis.dot(&basis.t().dot(&self.responses));
        Fitted {
            shares: basis.t().dot(&self.design),
            correlation: left.t().dot(&self.design),
            rss: left.iter().map(|v| v * v).sum::<f64>() + self.off_range,
        }
    }

    /// What the columns of one group add, by elimination on their Gram matrix in the complement of the set.
    fn gain(&self, fitted: &Fitted, columns: &[usize]) -> Gain {
        let inner = |a: usize, b: usize| {
            self.design.column(a).dot(&self.design.column(b)) - fitted.shares.column(a).dot(&fitted.shares.column(b))
        };
        let mut gain = Gain { fall: 0.0, size: 0 };
        let mut directions: Vec<(Vec<f64>, Array1<f64>)> = Vec::new();
        for (i, &j) in columns.iter().enumerate() {
            let mut products: Vec<f64> = columns.iter().map(|&other| inner(j, other)).collect();
            let mut correlation = fitted.correlation.column(j).to_owned();
            for (direction, response) in &directions {
                let share = direction[i];
                products.iter_mut().zip(direction).for_each(|(p, d)| *p -= share * d);
                correlation.scaled_add(-share, response);
            }
            let distance = products[i].max(0.0).sqrt();
            if distance > DEPENDENT_IN_GROUP {
                products.iter_mut().for_each(|p| *p /= distance);
                correlation /= distance;
                gain.fall += correlation.dot(&correlation);
                gain.size += 1;
                directions.push((products, correlation));
            }
        }
        gain
    }

    fn candidate(&self, set: &[usize], members: &[Vec<usize>]) -> Candidate {
        let mut support = self.columns(set, members);
        support.sort_unstable();
        let kept: Vec<usize> = independent(self.design.select(Axis(1), &support).view(), DEPENDENT_IN_GROUP)
            .into_iter()
            .map(|i| support[i])
            .collect();
        let basis = orthonormal(self.design, &kept);
        let left = &self.responses - &basis.dot(&basis.t().dot(&self.responses));
        let rss = left.iter().map(|v| v * v).sum::<f64>() + self.off_range;
        Candidate { criterion: self.evidence.of_groups(set.len(), kept.len(), rss), support, rss }
    }
}

fn without(set: &[usize], position: usize) -> Vec<usize> {
    set.iter().enumerate().filter(|(i, _)| *i != position).map(|(_, &g)| g).collect()
}

/// An orthonormal basis of the span of independent columns, by Gram-Schmidt, twice.
fn orthonormal(x: ArrayView2<'_, f64>, columns: &[usize]) -> Array2<f64> {
    let mut basis = x.select(Axis(1), columns);
    for k in 0..columns.len() {
        for _ in 0..2 {
            for i in 0..k {
                let (earlier, mut later) = basis.multi_slice_mut((ndarray::s![.., i], ndarray::s![.., k]));
                let share = earlier.dot(&later);
                later.scaled_add(-share, &earlier);
            }
        }
        let mut column = basis.column_mut(k);
        let norm = column.dot(&column).sqrt();
        column /= norm;
    }
    basis
}
