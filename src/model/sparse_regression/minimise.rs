//! An energy minimised in the prior variances, and in the noise variance where it is learned. Letters: w is `prior_var`,
//! gamma is `noise_var` (docs/notation).

use super::encoded::Encoded;
use super::tolerances::{SETTLED_NOISE, SLOPE_EVERY, STRIDE};
use crate::energy::{Energy, Point};
use crate::linalg::covariance::FailedPivot;
use crate::monitor::{Monitor, Progress};
use crate::solver::descent::{Descent, Groups, Next, Rule};
use crate::{Error, Result};
use ndarray::Array2;
use std::cell::Cell;

/// Where a descent ended.
pub(super) struct Minimum {
    pub w: Vec<f64>,
    /// Norm of the posterior mean of each column over the responses.
    pub column_norms: Vec<f64>,
    /// The same over a group, for each of its columns.
    pub norms: Vec<f64>,
    /// An encoder that was trained.
    pub encoded: Option<Encoded>,
    /// Posterior variance of each coefficient.
    pub variance: Vec<f64>,
    pub noise_var: f64,
    /// The energy at `w` and `noise_var`.
    pub energy: f64,
    /// What was minimised, step by step.
    pub energies: Vec<f64>,
    pub converged: bool,
    pub collapsed: bool,
}

/// A minimum, on its way back to the caller.
pub(super) struct Outcome {
    /// In the solver's units, but for the energies.
    pub minimum: Minimum,
    /// What its energies lack to be those of the caller's units.
    pub shift: f64,
    /// The design that the model sees, where it is not the problem one.
    pub design: Option<Array2<f64>>,
    /// The noise variance in the caller's units, the number in the preconditioner.
    pub gamma: f64,
    /// Singular values of the design in the caller's units, where it is preconditioned.
    pub singular: Option<Vec<f64>>,
}

/// How the noise variance is learned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NoiseStep {
    /// By EM after each step: `(||Y - X U||^2 / n_responses + gamma sum_j w_j s_j) / n_samples`.
    Expectation,
    /// Along its slope, every few steps.
    Slope,
}

/// Where the noise variance starts, and how it goes on.
pub(super) struct Noise {
    pub start: f64,
    /// How it is learned, and the floor that it does not fall below; `None` where it is given.
    pub learned: Option<(NoiseStep, f64)>,
}

/// Stopping criteria.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub max_iter: usize,
    /// See [`Settings::tol`](super::settings::Settings::tol).
    pub tol: f64,
}

/// Prior variances with which each column explains an equal part of `total`, the square of the responses; `squares`
/// are those of the columns.
pub(super) fn equal_parts(squares: &[f64], total: f64) -> Vec<f64> {
    let n = squares.len() as f64;
    squares.iter().map(|square| total / (square * n).max(f64::MIN_POSITIVE)).collect()
}

/// Whether the last update moved any prior variance by more than `tol` of the largest; remembers the present ones.
pub(super) fn settled(previous: &mut [f64], w: &[f64], tol: f64) -> bool {
    let largest = w.iter().copied().fold(0.0, f64::max);
    let moved = previous.iter().zip(w).map(|(p, w)| (p - w).abs()).fold(0.0, f64::max);
    previous.copy_from_slice(w);
    moved <= tol * largest
}

impl Minimum {
    /// What a descent ended with.
    pub fn of<E: Energy>(descent: Descent<'_, E>, noise_var: f64, converged: bool, collapsed: bool) -> Self {
        let (norms, column_norms) = (descent.norms(), descent.column_norms());
        let variance = descent.w.iter().zip(descent.s()).map(|(w, s)| (w * (1.0 - w * s)).max(0.0)).collect();
        let energy = descent.energies.last().copied().unwrap_or(f64::NAN);
        let (w, energies) = (descent.w, descent.energies);
        Self { w, column_norms, norms, encoded: None, variance, noise_var, energy, energies, converged, collapsed }
    }
}

/// Minimises an energy in `w`, from `w` on, and in gamma where it is learned.
///
/// # Errors
/// As [`Descent::run`].
pub(super) fn minimise<E: Energy>(
    energy: &E,
    groups: &Groups<'_>,
    rule: Rule,
    w: Vec<f64>,
    noise: &Noise,
    limits: Limits,
    monitor: &Monitor<'_>,
) -> Result<Minimum> {
    let floor = noise.learned.map_or(0.0, |(_, floor)| floor);
    let (gamma, used, collapsed) = (Cell::new(noise.start.max(floor)), Cell::new(noise.start), Cell::new(false));
    let mut previous = w.clone();
    let mut trials = None;
    // Steps since the noise variance moved: prior variances settle between two such moves only.
    let mut since = 0;
    let mut descent = Descent::new(energy, w, groups);
    let before = Progress { noise_var: noise.start, ..Progress::of_round(0, 0) };
    let noise_var = |_| {
        used.set(gamma.get());
        gamma.get()
    };
    let converged = descent.run(rule, limits.max_iter, noise_var, before, monitor, |descent, step| {
        let still = settled(&mut previous, &descent.w, limits.tol) && since > 0;
        since += 1;
        let stop = |done: bool| if done { Next::Stop } else { Next::Continue };
        let moved = |next: f64| (next / gamma.get()).ln().abs() > limits.tol.max(SETTLED_NOISE);
        match noise.learned {
            None => Ok(stop(still)),
            Some((NoiseStep::Expectation, _)) => {
                let next = expected_noise(energy, descent, gamma.get());
                let still = still && !moved(next);
                collapsed.set(next <= floor);
                gamma.set(next.max(floor));
                Ok(stop(still || collapsed.get() && step > SLOPE_EVERY))
            }
            Some((NoiseStep::Slope, _)) => {
                if !still && since < SLOPE_EVERY && step + 1 < limits.max_iter {
                    return Ok(Next::Continue);
                }
                let trials = trials.get_or_insert_with(|| energy.scratch());
                let next = down_the_slope(energy, descent, gamma.get(), floor, limits.tol, trials)?;
                collapsed.set(next <= floor);
                if still && !moved(next) || collapsed.get() {
                    return Ok(Next::Stop);
                }
                gamma.set(next);
                since = 0;
                Ok(Next::Hold)
            }
        }
    })?;
    let collapsed = collapsed.get();
    let by_slope = matches!(noise.learned, Some((NoiseStep::Slope, _)));
    Ok(Minimum::of(descent, used.get(), converged && !(by_slope && collapsed), collapsed))
}

/// The update of gamma by EM.
fn expected_noise<E: Energy>(energy: &E, descent: &Descent<'_, E>, gamma: f64) -> f64 {
    let at = Point { prior_var: &descent.w, noise_var: gamma };
    let explained: f64 = descent.w.iter().zip(descent.s()).map(|(w, s)| w * s).sum();
    let responses = energy.responses();
    let left = energy.residual(at, &descent.scratch) / responses.n_responses as f64;
    (left + gamma * explained) / energy.n_samples() as f64
}

/// A noise variance of lower energy, one step along the slope in its logarithm; the present one if there is none.
fn down_the_slope<E: Energy>(
    energy: &E,
    descent: &Descent<'_, E>,
    gamma: f64,
    floor: f64,
    tol: f64,
    trials: &mut E::Scratch,
) -> Result<f64> {
    let at = |noise_var: f64| Point { prior_var: &descent.w, noise_var };
    let here = descent.energies.last().copied().unwrap_or(f64::NAN);
    let slope = gamma * energy.slope_in_noise(at(gamma), &descent.scratch);
    let mut stride = STRIDE.min(slope.abs());
    loop {
        let candidate = (gamma * (-stride * slope.signum()).exp()).max(floor);
        match energy.value(at(candidate), trials) {
            Ok(there) if !there.is_finite() => return Err(beyond_float64(there)),
            Ok(there) if there < here => return Ok(candidate),
            Ok(_) | Err(FailedPivot(_)) if stride > tol.max(SETTLED_NOISE) => stride /= 2.0,
            Ok(_) => return Ok(gamma),
            Err(pivot) => return Err(pivot.at(0)),
        }
    }
}

fn beyond_float64(value: f64) -> Error {
    Error::scales("`X`, `y`, `prior_var` and `noise_var`", value)
}
