//! The two energies minimised in the prior variances, and in the noise variance where it is learned. Letters: w is
//! `prior_var`, gamma is `noise_var` (docs/notation).

use crate::energy::Preconditioned;
use crate::linalg::least_squares::row_norms;
use crate::linalg::packed::Packed;
use crate::model::noise_free::structure;
use crate::model::prepared::{Prepared, Response};
use crate::model::settings::Settings;
use crate::report::{Hook, IterInfo};
use crate::solver::driver::{Descent, Next, Rule, Structure};
use crate::{Error, Result};
use ndarray::ArrayView2;
use std::cell::Cell;

/// Share of the mean square of the response below which a learned noise variance is not let fall.
pub(super) const FLOOR: f64 = 1e-10;
/// Steps in the prior variances between two steps in the noise variance of the preconditioned model.
const INNER: usize = 10;
/// First step in the logarithm of the noise variance of the preconditioned model.
const STRIDE: f64 = 0.5;

/// Where a descent ended.
pub(in crate::model) struct Minimum {
    pub w: Vec<f64>,
    /// Norm of the posterior mean of each column over the responses.
    pub column_norms: Vec<f64>,
    /// The same over a group, for each of its columns.
    pub norms: Vec<f64>,
    /// Posterior means, response after response; of an encoder that was trained.
    pub encoded: Option<Vec<f64>>,
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

/// A problem to descend on, with what compression lost: `freedom` samples, and a response of norm `outside` outside of
/// `design`.
pub(in crate::model) struct Plain<'a> {
    pub design: ArrayView2<'a, f64>,
    pub response: &'a [f64],
    pub outside: f64,
    pub freedom: usize,
    pub structure: Structure<'a>,
}

fn start(design: ArrayView2<'_, f64>, response: &[f64], n_responses: usize) -> Vec<f64> {
    // The prior explains the responses, each column an equal part.
    let total = response.iter().map(|v| v * v).sum::<f64>() / n_responses as f64;
    design.columns().into_iter().map(|c| total / (c.dot(&c) * design.ncols() as f64).max(f64::MIN_POSITIVE)).collect()
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
    pub fn of(descent: Descent<'_>, noise_var: f64, converged: bool, collapsed: bool) -> Self {
        let (norms, column_norms) = (descent.norms(), row_norms(&descent.u, descent.w.len()));
        let variance = descent.w.iter().zip(descent.sensitivity()).map(|(w, s)| (w * (1.0 - w * s)).max(0.0)).collect();
        let energy = descent.energies.last().copied().unwrap_or(f64::NAN);
        let (w, energies) = (descent.w, descent.energies);
        Self { w, column_norms, norms, encoded: None, variance, noise_var, energy, energies, converged, collapsed }
    }
}

impl<'a> Plain<'a> {
    /// The plain model of prepared data.
    pub fn new(prepared: &'a Prepared, response: &'a Response, settings: &Settings) -> Self {
        Self {
            design: prepared.design.view(),
            response: &response.values,
            outside: response.outside,
            freedom: prepared.freedom,
            structure: structure(prepared, response, settings),
        }
    }

    /// The constant that compression took out of the energy.
    pub fn lost(&self, noise_var: f64) -> f64 {
        let directions = self.structure.n_responses * (self.freedom - self.design.nrows());
        directions as f64 * noise_var.ln() + self.outside * self.outside / noise_var
    }

    /// Prior variances to start from.
    pub fn start(&self) -> Vec<f64> {
        let mut w = start(self.design, self.response, self.structure.n_responses);
        self.structure.tie(&mut w);
        w
    }

    /// The energy at `w` and `noise_var`.
    pub fn energy(&self, w: &[f64], noise_var: f64) -> Result<f64> {
        let packed = Packed::new(self.design);
        let mut descent = Descent::new(&packed, self.response, w.to_vec(), self.structure);
        descent.evaluate(noise_var)?;
        Ok(descent.energies[0] + self.lost(noise_var))
    }

    /// Minimises the energy in `w`, and in gamma as well if `learn`, from `w` (or what the data suggest) and
    /// `noise_var` on.
    pub fn minimise(
        &self,
        rule: Rule,
        w: Option<Vec<f64>>,
        noise_var: f64,
        learn: bool,
        settings: &Settings,
        hook: &mut Hook<'_>,
    ) -> Result<Minimum> {
        let packed = Packed::new(self.design);
        let w = w.unwrap_or_else(|| self.start());
        let mut previous = w.clone();
        let mut descent = Descent::new(&packed, self.response, w, self.structure);
        let total = self.response.iter().map(|v| v * v).sum::<f64>() + self.outside * self.outside;
        let floor = FLOOR * total / (self.freedom * self.structure.n_responses) as f64;
        let (gamma, used, collapsed) =
            (Cell::new(noise_var.max(if learn { floor } else { 0.0 })), Cell::new(noise_var), Cell::new(false));
        let before = IterInfo { round: 0, step: 0, energy: f64::NAN, noise_var };
        let noise = |_| {
            used.set(gamma.get());
            gamma.get()
        };
        let converged = descent.run(rule, settings.max_iter, noise, before, hook, |descent, step| {
            if let Some(energy) = descent.energies.last_mut() {
                *energy += self.lost(used.get());
            }
            let mut still = step > 0 && settled(&mut previous, &descent.w, settings.tol);
            if learn {
                let next = self.expected_noise(descent, gamma.get());
                still &= (next / gamma.get()).ln().abs() <= settings.tol.max(1e-4);
                collapsed.set(next <= floor);
                gamma.set(next.max(floor));
                still |= collapsed.get() && step > INNER;
            }
            Ok(if still { Next::Stop } else { Next::Continue })
        })?;
        Ok(Minimum::of(descent, used.get(), converged, collapsed.get()))
    }

    /// The update of gamma by EM: `(||Y - X U||^2 / n_responses + gamma sum_j w_j s_j) / n_samples`.
    fn expected_noise(&self, descent: &Descent<'_>, gamma: f64) -> f64 {
        let mut left = self.outside * self.outside;
        let (rows, n) = self.design.dim();
        for (y, u) in self.response.chunks_exact(rows.max(1)).zip(descent.u.chunks_exact(n.max(1))) {
            for (row, y) in self.design.outer_iter().zip(y) {
                left += (y - row.iter().zip(u).map(|(x, u)| x * u).sum::<f64>()).powi(2);
            }
        }
        let explained: f64 = descent.w.iter().zip(descent.sensitivity()).map(|(w, s)| w * s).sum();
        (left / self.structure.n_responses as f64 + gamma * explained) / self.freedom as f64
    }
}

/// Minimises the preconditioned energy in `w`, and in gamma as well if `learn`: steps in `w` by `rule`, then one in
/// `ln gamma` along the exact gradient, shortened until the energy falls.
pub(in crate::model) fn minimise_preconditioned(
    model: &Preconditioned,
    rule: Rule,
    noise_var: f64,
    learn: bool,
    settings: &Settings,
    hook: &mut Hook<'_>,
) -> Result<Minimum> {
    let floor = FLOOR * model.mean_square();
    let mut gamma = noise_var.max(if learn { floor } else { 0.0 });
    let (mut design, mut response) = model.at(gamma);
    let mut w = start(design.view(), &response, 1);
    let mut previous = w.clone();
    let mut energies = Vec::new();
    loop {
        let packed = Packed::new(design.view());
        let mut descent = Descent::new(&packed, &response, w, Structure::default());
        let left = settings.max_iter.saturating_sub(energies.len());
        let len = if learn { left.min(INNER) } else { left };
        let before = IterInfo { round: 0, step: energies.len(), energy: f64::NAN, noise_var: gamma };
        let mut fresh = true;
        let mut converged = descent.run(
            rule,
            len,
            |_| gamma,
            before,
            hook,
            |descent, _| {
                if let Some(energy) = descent.energies.last_mut() {
                    *energy += model.unreached(gamma);
                }
                let still = settled(&mut previous, &descent.w, settings.tol) && !fresh;
                fresh = false;
                Ok(if still { Next::Stop } else { Next::Continue })
            },
        )?;
        energies.extend_from_slice(&descent.energies);
        let mut collapsed = false;
        let mut next = gamma;
        if learn {
            let here = model.evaluate(&descent.w, gamma)?;
            let slope = gamma * here.grad_noise_var;
            let mut stride = STRIDE.min(slope.abs());
            next = loop {
                let candidate = (gamma * (-stride * slope.signum()).exp()).max(floor);
                match model.evaluate(&descent.w, candidate) {
                    Ok(there) if there.value < here.value => break candidate,
                    Ok(_) | Err(Error::NotPositiveDefinite { .. }) if stride > settings.tol.max(1e-4) => stride /= 2.0,
                    Ok(_) => break gamma,
                    Err(error) => return Err(error),
                }
            };
            collapsed = next <= floor;
            converged &= (next / gamma).ln().abs() <= settings.tol.max(1e-4);
        }
        if converged || collapsed || energies.len() >= settings.max_iter {
            let mut found = Minimum::of(descent, gamma, converged, collapsed);
            found.energies = energies;
            return Ok(found);
        }
        gamma = next;
        w = descent.w;
        (design, response) = model.at(gamma);
    }
}
