//! Descent at a given noise variance on an active set: columns whose share of the covariance has all but vanished are
//! left out, and taken back where the energy would fall by it. Letters: w is `prior_var` (docs/notation).

use super::minimise::{Limits, Minimum, settled};
use super::tolerances::{ACTIVE_LOOK, BLOCKWISE, EXCESS, FADED, RETURNS, VANISHED, WORTHWHILE};
use crate::Result;
use crate::design::Standardised;
use crate::energy::{Energy, Marginal, Point, Responses};
use crate::linalg::blockwise::Blockwise;
use crate::linalg::packed::Packed;
use crate::monitor::{Monitor, Progress};
use crate::problem::renumber;
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
struct State {
    w: Vec<f64>,
    active: Vec<usize>,
    energies: Vec<f64>,
}

impl State {
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
    pub fn minimise(&self, w: Vec<f64>, monitor: &Monitor<'_>) -> Result<Minimum> {
        let mut state = State { active: (0..w.len()).collect(), w, energies: Vec::new() };
        self.descend_blockwise(&mut state, monitor)?;
        let mut returns = 0;
        loop {
            let columns = self.design.gather(&state.active);
            let energy = Marginal { kernel: Packed::new(columns.view()), responses: self.responses };
            let labels = self.labels(&state.active);
            let groups = Groups::new(&labels);
            let mut descent = Descent::new(&energy, state.chosen(), &groups);
            let (keep, stopped) = self.descend(&mut descent, returns, state.energies.len(), monitor)?;
            state.energies.append(&mut descent.energies);
            if let Some(keep) = keep {
                state.retain(&descent.w, &keep);
                continue;
            }
            state.active.iter().zip(&descent.w).for_each(|(&j, value)| state.w[j] = *value);
            let back = if stopped && returns < RETURNS { self.missed(&state)? } else { Vec::new() };
            if back.is_empty() {
                return Ok(self.over_all(descent, state, stopped));
            }
            returns += 1;
            for (j, value) in back {
                state.w[j] = value;
                state.active.push(j);
            }
            state.active.sort_unstable();
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
    fn descend_blockwise(&self, state: &mut State, monitor: &Monitor<'_>) -> Result<()> {
        let max_iter = self.limits.max_iter;
        while state.active.len() * self.design.nrows() > BLOCKWISE && state.energies.len() < max_iter {
            let kernel = Blockwise::new(self.design, state.active.clone());
            let energy = Marginal { kernel, responses: self.responses };
            let labels = self.labels(&state.active);
            let groups = Groups::new(&labels);
            let mut descent = Descent::new(&energy, state.chosen(), &groups);
            let before = self.before(0, state.energies.len());
            let (mut keep, mut slow) = (Vec::new(), false);
            let len = max_iter - state.energies.len();
            descent.run(
                Rule::Mm,
                len,
                |_| self.noise_var,
                before,
                monitor,
                |descent, _| {
                    state.energies.extend(descent.energies.last());
                    keep = descent.weights().into_iter().map(|share| share > FADED).collect();
                    slow = fall(&state.energies) < self.least();
                    Ok(if slow || keep.contains(&false) { Next::Stop } else { Next::Continue })
                },
            )?;
            descent.update(Rule::Mm);
            state.retain(&descent.w, &keep);
            if slow {
                break;
            }
        }
        Ok(())
    }

    fn before(&self, round: usize, step: usize) -> Progress {
        Progress { noise_var: self.noise_var, ..Progress::of_round(round, step) }
    }

    /// Steps until they have converged or enough columns have vanished: those to keep, then.
    fn descend(
        &self,
        descent: &mut Descent<'_, Marginal<'_>>,
        round: usize,
        done: usize,
        monitor: &Monitor<'_>,
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
            monitor,
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
    fn missed(&self, state: &State) -> Result<Vec<(usize, f64)>> {
        let n = state.w.len();
        if state.active.len() == n {
            return Ok(Vec::new());
        }
        let kernel = Blockwise::new(self.design, (0..n).collect());
        let energy = Marginal { kernel, responses: self.responses };
        let mut scratch = energy.scratch();
        let at = Point { prior_var: &state.w, noise_var: self.noise_var };
        energy.evaluate(at, &mut scratch).map_err(|pivot| pivot.at(0))?;
        let (mut q, mut s) = (energy.q_squared(&scratch).to_vec(), energy.s(&scratch).to_vec());
        if !self.groups.is_empty() {
            self.groups.add_up(&mut q);
            self.groups.add_up(&mut s);
        }
        let mut inside = vec![false; n];
        state.active.iter().for_each(|&j| inside[j] = true);
        let responses = self.responses.n_responses as f64;
        let excess = |j: usize| if s[j] > 0.0 && !inside[j] { q[j] / responses / s[j] - 1.0 } else { 0.0 };
        let most = (0..n).map(excess).fold(EXCESS, f64::max);
        let best = |j: usize| (q[j] / responses - s[j]) / (s[j] * s[j]);
        Ok((0..n).filter(|&j| excess(j) > EXCESS.max(most / 2.0)).map(|j| (j, best(j))).collect())
    }

    /// The minimum over all columns from that over those that are left.
    fn over_all(&self, descent: Descent<'_, Marginal<'_>>, state: State, converged: bool) -> Minimum {
        let part = Minimum::of(descent, self.noise_var, converged, false);
        let over_all = |values: &[f64]| {
            let mut all = vec![0.0; state.w.len()];
            state.active.iter().zip(values).for_each(|(&j, v)| all[j] = *v);
            all
        };
        Minimum {
            w: over_all(&part.w),
            column_norms: over_all(&part.column_norms),
            norms: over_all(&part.norms),
            variance: over_all(&part.variance),
            energy: state.energies.last().copied().unwrap_or(f64::NAN),
            energies: state.energies,
            ..part
        }
    }
}
