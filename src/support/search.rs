//! The search for the support of noisy data: a path of nested sizes with exchanges, and a local search from a given
//! start.

use super::evidence::Evidence;
use super::tolerances::{EXCHANGE_LIMIT, EXCHANGE_SHARE, IMPROVED, PATIENCE, SMALL, ZERO_SHARE};
use super::working_set::WorkingSet;
use crate::Result;
use crate::design::Standardised;
use crate::settings::Sizes;

/// The best set found of one size.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Columns, ascending.
    pub support: Vec<usize>,
    /// Residual sum of squares.
    pub rss: f64,
    /// Value of the criterion.
    pub criterion: f64,
}

/// The problem that a search works on.
#[derive(Clone, Copy)]
pub struct Search<'a> {
    /// The design; columns of norm 1.
    pub design: &'a Standardised<'a>,
    /// The responses, one after the other, as far as columns can reach them.
    pub response: &'a [f64],
    /// The criterion.
    pub evidence: Evidence,
    /// How many columns may be chosen.
    pub sizes: Sizes,
}

impl Search<'_> {
    /// The largest size tried: beyond, no column can be distinguished from noise.
    fn largest(&self) -> usize {
        let (n, freedom) = (self.evidence.n_choices, self.evidence.freedom);
        let limit = if n < freedom { n.min(freedom.saturating_sub(2)) } else { self.evidence.spare(4) };
        limit.min(self.design.nrows()).min(self.sizes.most)
    }

    /// Forward selection with exchanges after each change, then backward; the best set of every size that was visited.
    ///
    /// `step` is called after each change, so that a caller can end a long search.
    ///
    /// # Errors
    /// Those of `step`.
    ///
    /// # Complexity
    /// One product with the design for each column taken in, and a table of `O(k n)` for each change at size `k`,
    /// times the number of responses.
    pub fn path(&self, mut step: impl FnMut() -> Result<()>) -> Result<Vec<Candidate>> {
        let (base, share) = PATIENCE[usize::from(self.design.len() > SMALL)];
        let mut set = WorkingSet::new(self.design, self.response, self.evidence.total);
        let mut best: Vec<Option<Candidate>> = vec![None; self.largest() + 1];
        self.record(&set, &mut best);
        let (mut lowest, mut lowest_size) = (0.0, 0);
        while set.len() < self.largest() {
            let Some((column, _)) = set.best_addition() else { break };
            set.add(column);
            set.exchange_all(EXCHANGE_SHARE, EXCHANGE_LIMIT);
            self.record(&set, &mut best);
            let criterion = self.evidence.criterion(set.len(), set.rss());
            if criterion < lowest {
                (lowest, lowest_size) = (criterion, set.len());
            }
            let patience = base + (share * lowest_size as f64) as usize;
            let is_past = set.len() > lowest_size + patience && set.len() >= self.sizes.least;
            if set.rss() < ZERO_SHARE * self.evidence.total || is_past {
                break;
            }
            step()?;
        }
        while set.len() > self.sizes.least.max(1) {
            let Some((position, _)) = set.best_removal() else { break };
            set.drop(position);
            set.exchange_all(EXCHANGE_SHARE, EXCHANGE_LIMIT);
            self.record(&set, &mut best);
            step()?;
        }
        Ok(best.into_iter().flatten().collect())
    }

    /// From `start`: exchanges, then the addition or removal that lowers the criterion most, until none does.
    ///
    /// # Errors
    /// Those of `step`.
    ///
    /// # Complexity
    /// As [`path`](Self::path).
    pub fn local(&self, start: &[usize], mut step: impl FnMut() -> Result<()>) -> Result<Candidate> {
        let mut set = WorkingSet::new(self.design, self.response, self.evidence.total);
        for &j in start {
            if set.len() < self.largest() && set.admits(j) {
                set.add(j);
            }
        }
        set.exchange_all(EXCHANGE_SHARE, EXCHANGE_LIMIT);
        let mut best = self.candidate(&set);
        loop {
            step()?;
            let (k, rss) = (set.len(), set.rss());
            let is_short = k < self.sizes.least;
            let removal = set
                .best_removal()
                .filter(|_| k > self.sizes.least)
                .map(|(i, rise)| (i, self.evidence.criterion(k - 1, rss + rise)));
            let addition = set
                .best_addition()
                .filter(|_| k < self.largest())
                .map(|(j, gain)| (j, self.evidence.criterion(k + 1, (rss - gain).max(0.0))));
            match (removal, addition) {
                (Some((i, without)), other) if other.is_none_or(|(_, with)| without < with) => set.drop(i),
                (_, Some((j, _))) => set.add(j),
                _ => break,
            }
            set.exchange_all(EXCHANGE_SHARE, EXCHANGE_LIMIT);
            let next = self.candidate(&set);
            if is_short {
                best = next;
                continue;
            }
            // Written so that NaN, of a noise variance beyond all scales, ends the search too.
            let better = next.criterion < best.criterion - IMPROVED;
            if !better {
                break;
            }
            best = next;
        }
        Ok(best)
    }

    fn candidate(&self, set: &WorkingSet<'_>) -> Candidate {
        let mut support = set.members().to_vec();
        support.sort_unstable();
        Candidate { support, rss: set.rss(), criterion: self.evidence.criterion(set.len(), set.rss()) }
    }

    fn record(&self, set: &WorkingSet<'_>, best: &mut [Option<Candidate>]) {
        let slot = &mut best[set.len()];
        if slot.as_ref().is_none_or(|c| set.rss() < c.rss * (1.0 - IMPROVED)) {
            *slot = Some(self.candidate(set));
        }
    }
}
