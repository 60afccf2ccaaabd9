//! Descent at a given noise variance on an active set: columns whose share of the covariance has all but vanished are
//! left out, and taken back where the energy would fall by it. Letters: w is `prior_var` (docs/notation).

use super::minimise::{Limits, Minimum, settled};
use super::tolerances::{ACTIVE_LOOK, BLOCKWISE, EXCESS, FADED, RETURNS, VANISHED, WORTHWHILE};
use crate::Result;
use crate::design::Standardised;
use crate::energy::{Energy, Marginal, Point, Responses};
use crate::linalg::blockwise::Blockwise;
use crate::linalg::packed::Packed;
use crate::problem::renumber;
use crate::report::{Hook, IterInfo};
use crate::solver::descent::{Descent, Groups, Next, Rule};

/// A descent on an active set.
pub(super) struct ActiveSet<'a> {
    pub design: &'a Standardised<'a>,
    pub responses: Responses<'a>,
    pub groups: &'a Groups<'a>,
    pub noise_var: f64,
    pub limits: Limits,
}

/// How far it is: prior variances of all columns, the columns that are left, and the energies so far.
struct Progress {
    w: Vec<f64>,
    active: Vec<usize>,
    energies: Vec<f64>,
}

impl Progress {
    /// The prior variances of the columns that are left.
    fn chosen(&self) -> Vec<f64> {
        self.active.iter().map(|&j| self.w[j]).collect()
    }

    /// Takes over the prior variances of the columns that are left, and leaves out some of them.
    fn retain(&mut self, w: &[f64], keep: &[bool]) {
        self.w.fill(0.0);
        self.active.iter().zip(w).zip(keep).filter(|(_, keep)| **keep).for_each(|((&j, w), _)| self.w[j] = *w);
        let mut keep = keep.iter();
        self.active.retain(|_| keep.next().copied().unwrap_or(false));
    }
}

fn fall(energies: &[f64]) -> f64 {
    if let [.., earlier, later] = energies { earlier - later } else { f64::INFINITY }
}

impl ActiveSet<'_> {
    /// Minimises the energy of a full covariance in `w` by majorisation, from `w` on.
    ///
    /// # Errors
    /// As [`Descent::run`].
    ///
    /// # Complexity
    /// A step costs `O(r^2 k)` for `k` columns that are left; each time that columns are taken back, all are
    /// looked at once.
    pub fn minimise(&self, w: Vec<f64>, hook: &mut Hook<'_>) -> Result<Minimum> {
        let mut progress = Progress { active: (0..w.len()).collect(), w, energies: Vec::new() };
        self.descend_blockwise(&mut progress, hook)?;
        let mut returns = 0;
        loop {
            let columns = self.design.gather(&progress.active);
            let energy = Marginal { kernel: Packed::new(columns.view()), responses: self.responses };
            let labels = self.labels(&progress.active);
            let groups = Groups::new(&labels);
            let mut descent = Descent::new(&energy, progress.chosen(), &groups);
            let (keep, stopped) = self.descend(&mut descent, returns, progress.energies.len(), hook)?;
            progress.energies.append(&mut descent.energies);
            if let Some(keep) = keep {
                progress.retain(&descent.w, &keep);
                continue;
            }
            progress.active.iter().zip(&descent.w).for_each(|(&j, value)| progress.w[j] = *value);
            let back = if stopped && returns < RETURNS { self.missed(&progress)? } else { Vec::new() };
            if back.is_empty() {
                return Ok(self.over_all(descent, progress, stopped));
            }
            returns += 1;
            for (j, value) in back {
                progress.w[j] = value;
                progress.active.push(j);
            }
            progress.active.sort_unstable();
        }
    }

    /// In nats: what falls less in a step tells no two models apart.
    fn least(&self) -> f64 {
        self.limits.tol * self.responses.n_responses as f64
    }

    fn labels(&self, active: &[usize]) -> Vec<usize> {
        renumber(active.iter().filter_map(|&j| self.groups.labels().get(j).copied()))
    }

    /// Steps while the columns that are left are too many to be packed.
    fn descend_blockwise(&self, progress: &mut Progress, hook: &mut Hook<'_>) -> Result<()> {
        let max_iter = self.limits.max_iter;
        while progress.active.len() * self.design.nrows() > BLOCKWISE && progress.energies.len() < max_iter {
            let kernel = Blockwise::new(self.design, progress.active.clone());
            let energy = Marginal { kernel, responses: self.responses };
            let labels = self.labels(&progress.active);
            let groups = Groups::new(&labels);
            let mut descent = Descent::new(&energy, progress.chosen(), &groups);
            let before = self.before(0, progress.energies.len());
            let (mut keep, mut slow) = (Vec::new(), false);
            let len = max_iter - progress.energies.len();
            descent.run(
                Rule::Mm,
                len,
                |_| self.noise_var,
                before,
                hook,
                |descent, _| {
                    progress.energies.extend(descent.energies.last());
                    keep = descent.weights().into_iter().map(|share| share > FADED).collect();
                    slow = fall(&progress.energies) < self.least();
                    Ok(if slow || keep.contains(&false) { Next::Stop } else { Next::Continue })
                },
            )?;
            descent.update(Rule::Mm);
            progress.retain(&descent.w, &keep);
            if slow {
                break;
            }
        }
        Ok(())
    }

    fn before(&self, round: usize, step: usize) -> IterInfo {
        IterInfo { round, step, energy: f64::NAN, noise_var: self.noise_var }
    }

    /// Steps until they have converged or enough columns have vanished: those to keep, then.
    fn descend(
        &self,
        descent: &mut Descent<'_, Marginal<'_>>,
        round: usize,
        done: usize,
        hook: &mut Hook<'_>,
    ) -> Result<(Option<Vec<bool>>, bool)> {
        let Limits { max_iter, tol } = self.limits;
        let mut previous = descent.w.clone();
        let mut kept: Option<Vec<bool>> = None;
        let (len, before) = (max_iter.saturating_sub(done).max(1), self.before(round, done));
        let stopped = descent.run(
            Rule::Mm,
            len,
            |_| self.noise_var,
            before,
            hook,
            |descent, step| {
                if step > 0 && (settled(&mut previous, &descent.w, tol) || fall(&descent.energies) < self.least()) {
                    return Ok(Next::Stop);
                }
                if step % ACTIVE_LOOK == ACTIVE_LOOK - 1 {
                    let keep = descent.weights().into_iter().map(|share| share > VANISHED).collect::<Vec<bool>>();
                    let gone = keep.iter().filter(|keep| !**keep).count();
                    if gone as f64 > WORTHWHILE * keep.len() as f64 {
                        kept = Some(keep);
                        return Ok(Next::Stop);
                    }
                }
                Ok(Next::Continue)
            },
        )?;
        Ok((kept, stopped))
    }

    /// Columns left out whose return lowers the energy, each with the prior variance that is best for it alone (Theorem
    /// 4.4: `(q^2 - s) / s^2`); only those at least half as promising as the best.
    fn missed(&self, progress: &Progress) -> Result<Vec<(usize, f64)>> {
        let n = progress.w.len();
        if progress.active.len() == n {
            return Ok(Vec::new());
        }
        let kernel = Blockwise::new(self.design, (0..n).collect());
        let energy = Marginal { kernel, responses: self.responses };
        let mut scratch = energy.scratch();
        let at = Point { prior_var: &progress.w, noise_var: self.noise_var };
        energy.evaluate(at, &mut scratch).map_err(|pivot| pivot.at(0))?;
        let (mut q, mut s) = (energy.q_squared(&scratch).to_vec(), energy.s(&scratch).to_vec());
        if !self.groups.is_empty() {
            self.groups.add_up(&mut q);
            self.groups.add_up(&mut s);
        }
        let mut inside = vec![false; n];
        progress.active.iter().for_each(|&j| inside[j] = true);
        let responses = self.responses.n_responses as f64;
        let excess = |j: usize| if s[j] > 0.0 && !inside[j] { q[j] / responses / s[j] - 1.0 } else { 0.0 };
        let most = (0..n).map(excess).fold(EXCESS, f64::max);
        let best = |j: usize| (q[j] / responses - s[j]) / (s[j] * s[j]);
        Ok((0..n).filter(|&j| excess(j) > EXCESS.max(most / 2.0)).map(|j| (j, best(j))).collect())
    }

    /// The minimum over all columns from that over those that are left.
    fn over_all(&self, descent: Descent<'_, Marginal<'_>>, progress: Progress, converged: bool) -> Minimum {
        let part = Minimum::of(descent, self.noise_var, converged, false);
        let over_all = |values: &[f64]| {
            let mut all = vec![0.0; progress.w.len()];
            progress.active.iter().zip(values).for_each(|(&j, v)| all[j] = *v);
            all
        };
        Minimum {
            w: over_all(&part.w),
            column_norms: over_all(&part.column_norms),
            norms: over_all(&part.norms),
            variance: over_all(&part.variance),
            energy: progress.energies.last().copied().unwrap_or(f64::NAN),
            energies: progress.energies,
            ..part
        }
    }
}
