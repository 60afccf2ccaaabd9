//! Descent at a given noise variance on the columns that matter: those whose share of the covariance has all but
//! vanished are left out, and taken back where the energy would fall by it. Letters: w is `prior_var` (docs/notation).

use super::minimise::{Minimum, Plain, settled};
use crate::linalg::curvature::Curvature;
use crate::linalg::packed::Packed;
use crate::model::prepared::renumber;
use crate::report::{Hook, IterInfo};
use crate::solver::driver::{Descent, Next, Rule, Structure};
use crate::{Error, Result};
use ndarray::{Array2, Axis};
use std::ops::ControlFlow;

/// Steps between two looks for columns to leave out.
const LOOK: usize = 5;
/// Share of a column's (or a group's) own direction of the covariance, `w_j s_j`, below which it is left out.
const VANISHED: f64 = 1e-6;
/// Columns left out are worth a new start of the steps once they are this share of all.
const WORTHWHILE: f64 = 0.1;
/// Excess of `q^2` over `s` above which a column left out is taken back.
const EXCESS: f64 = 1e-3;
/// Times that columns are taken back.
const RETURNS: usize = 20;
/// Entries of a design from which steps go block by block (packed, it would be there three times), and leave out what
/// holds less than the share `FADED`.
pub(super) const LARGE: usize = 1 << 20;
const FADED: f64 = 1e-4;

/// Minimises the energy of a full covariance in `w` by majorisation, from `w` on.
///
/// # Errors
/// As [`Descent::run`].
///
/// # Complexity
/// A step costs `O(r^2 k)` for `k` columns that are left; each time that columns are taken back, all are
/// looked at once.
pub(super) fn minimise_active(
    plain: &Plain<'_>,
    mut w: Vec<f64>,
    noise_var: f64,
    max_iter: usize,
    tol: f64,
    hook: &mut Hook<'_>,
) -> Result<Minimum> {
    let n = w.len();
    // In nats: what falls less in a step tells no two models apart.
    let least = tol * plain.structure.n_responses as f64;
    let mut active: Vec<usize> = (0..n).collect();
    let (mut energies, mut returns) = (Vec::new(), 0);
    while active.len() * plain.design.nrows() > LARGE && energies.len() < max_iter {
        let curvature = Curvature::new(plain.design, plain.response, &active, &active, &w, noise_var)?;
        let responses = plain.structure.n_responses as f64;
        let energy = curvature.quadratic + responses * curvature.log_det + plain.lost(noise_var);
        energies.push(energy);
        let step = energies.len();
        if let ControlFlow::Break(()) = hook(&IterInfo { round: 0, step, energy, noise_var }) {
            return Err(Error::Interrupted { step });
        }
        let sums = plain.structure.sums(&active, &curvature.q_squared, &curvature.s);
        let before = std::mem::replace(&mut w, vec![0.0; n]);
        active.retain(|&j| {
            let (q, s) = sums[plain.structure.group(j)];
            let stays = before[j] * s > FADED;
            w[j] = if stays { before[j] * (q / responses / s).sqrt() } else { 0.0 };
            stays
        });
        if let [.., earlier, later] = energies[..]
            && earlier - later < least
        {
            break;
        }
    }
    loop {
        let chosen: Option<Array2<f64>> = (active.len() < n).then(|| plain.design.select(Axis(1), &active));
        let design = chosen.as_ref().map_or(plain.design, |chosen: &Array2<f64>| chosen.view());
        let groups = renumber(active.iter().filter_map(|&j| plain.structure.groups.get(j).copied()));
        let packed = Packed::new(design);
        let start: Vec<f64> = active.iter().map(|&j| w[j]).collect();
        let mut previous = start.clone();
        let structure = Structure { groups: &groups, ..plain.structure };
        let mut descent = Descent::new(&packed, plain.response, start, structure);
        let before = IterInfo { round: returns, step: energies.len(), energy: f64::NAN, noise_var };
        let mut kept: Option<Vec<bool>> = None;
        let len = max_iter.saturating_sub(energies.len()).max(1);
        let stopped = descent.run(
            Rule::Mm,
            len,
            |_| noise_var,
            before,
            hook,
            |descent, step| {
                let fall = |energies: &[f64]| energies[step - 1] - energies[step];
                if step > 0 && (settled(&mut previous, &descent.w, tol) || fall(&descent.energies) < least) {
                    return Ok(Next::Stop);
                }
                if step % LOOK == LOOK - 1 {
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
        energies.extend(descent.energies.iter().map(|energy| energy + plain.lost(noise_var)));
        if let Some(keep) = kept {
            w.fill(0.0);
            active = active.into_iter().zip(keep).filter(|(_, keep)| *keep).map(|(j, _)| j).collect();
            let values = descent.w.iter().zip(descent.weights()).filter(|(_, share)| *share > VANISHED);
            active.iter().zip(values).for_each(|(&j, (value, _))| w[j] = *value);
            continue;
        }
        active.iter().zip(&descent.w).for_each(|(&j, value)| w[j] = *value);
        let back = if stopped && returns < RETURNS { missed(plain, &active, &w, noise_var)? } else { Vec::new() };
        if back.is_empty() {
            return Ok(spread(descent, &active, n, noise_var, energies, stopped));
        }
        returns += 1;
        for (j, value) in back {
            w[j] = value;
            active.push(j);
        }
        active.sort_unstable();
    }
}

/// Columns left out whose return lowers the energy, each with the prior variance that is best for it alone (Theorem
/// 4.4: `(q^2 - s) / s^2`); only those at least half as promising as the best.
fn missed(plain: &Plain<'_>, active: &[usize], w: &[f64], noise_var: f64) -> Result<Vec<(usize, f64)>> {
    if active.len() == w.len() {
        return Ok(Vec::new());
    }
    let all: Vec<usize> = (0..w.len()).collect();
    let curvature = Curvature::new(plain.design, plain.response, &all, active, w, noise_var)?;
    let responses = plain.structure.n_responses as f64;
    let group = |j: usize| plain.structure.group(j);
    let mut sums = plain.structure.sums(&all, &curvature.q_squared, &curvature.s);
    active.iter().for_each(|&j| sums[group(j)] = (0.0, 0.0));
    let excess = |(q, s): (f64, f64)| if s > 0.0 { q / responses / s - 1.0 } else { 0.0 };
    let most = sums.iter().map(|sum| excess(*sum)).fold(EXCESS, f64::max);
    let best = |(q, s): (f64, f64)| (q / responses - s) / (s * s);
    let back = (0..w.len()).filter(|&j| excess(sums[group(j)]) > EXCESS.max(most / 2.0));
    Ok(back.map(|j| (j, best(sums[group(j)]))).collect())
}

/// The minimum over all columns from that over those that are left.
fn spread(
    descent: Descent<'_>,
    active: &[usize],
    n: usize,
    noise_var: f64,
    energies: Vec<f64>,
    converged: bool,
) -> Minimum {
    let part = Minimum::of(descent, noise_var, converged, false);
    let over_all = |values: &[f64]| {
        let mut all = vec![0.0; n];
        active.iter().zip(values).for_each(|(&j, v)| all[j] = *v);
        all
    };
    Minimum {
        w: over_all(&part.w),
        column_norms: over_all(&part.column_norms),
        norms: over_all(&part.norms),
        variance: over_all(&part.variance),
        energy: energies.last().copied().unwrap_or(f64::NAN),
        energies,
        ..part
    }
}
