//! The evidence lower bound and its training by Adam.

use crate::common::{Planted, assert_close, gaussian, invert, normal, parameters, plain, slope};
use ndarray::{Array1, Array2};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use sparsevae::datasets::Design;
use sparsevae::energy::elbo::{Elbo, Parameters, triangle_row};
use sparsevae::energy::{Responses, marginal_energy, preconditioned_energy};
use sparsevae::model::fit;
use sparsevae::model::settings::{Noise, Optimizer, Settings};
use sparsevae::monitor::{Monitor, Progress};
use sparsevae::solver::adam::{Start, Structure, Training, train};
use sparsevae::{Error, Status};
use std::ops::ControlFlow;
use std::sync::Mutex;

const POWERS: [Option<f64>; 3] = [None, Some(1.0), Some(0.4)];

/// A design of `d` rows and `n` columns, of which a repeated one leaves a direction of the response unreached if `d >=
/// n`.
fn problem(d: usize, n: usize, seed: u64) -> (Array2<f64>, Vec<f64>) {
    (gaussian(d, n, seed), normal(d, seed + 50))
}

fn model(x: &Array2<f64>, y: &[f64], power: Option<f64>) -> Elbo {
    Elbo::new(x.view(), Responses::new(y, 1), power).unwrap()
}

#[test]
fn gradient_matches_finite_differences_at_a_fixed_draw() {
    for (seed, (d, n)) in [(1, 1), (1, 5), (5, 2), (4, 9), (11, 19)].into_iter().enumerate() {
        for power in POWERS {
            let (x, y) = problem(d, n, seed as u64);
            let (model, at, noise) = (model(&x, &y, power), parameters(d, n, seed as u64), normal(n, 7));
            let (value, gradient) = model.gradient(&at, &noise);
            let check = |derivative: f64, start: f64, set: &dyn Fn(&mut Parameters, f64)| {
                let along = |v: f64| {
                    let mut moved = at.clone();
                    set(&mut moved, v);
                    model.gradient(&moved, &noise).0
                };
                let expected = slope(along, start);
                let rounding = 1e-11 * value.abs() / start.abs();
                assert!(
                    (derivative - expected).abs() <= 1e-6 * expected.abs().max(1e-3) + rounding,
                    "{d}x{n} {power:?}: {derivative} {expected}"
                );
            };
            for j in 0..n {
                check(gradient.decoder_scale[j], at.decoder_scale[j], &|p, v| p.decoder_scale[j] = v);
                for k in 0..d {
                    let slope = gradient.encoder_weights[[j, k]];
                    check(slope, at.encoder_weights[[j, k]], &|p, v| p.encoder_weights[[j, k]] = v);
                }
            }
            for k in 0..at.encoder_factor.len() {
                check(gradient.encoder_factor[k], at.encoder_factor[k], &|p, v| p.encoder_factor[k] = v);
            }
            check(gradient.noise_var, at.noise_var, &|p, v| p.noise_var = v);
        }
    }
}

/// A function quadratic in a standard normal vector has the mean `f(0) + sum_i (f(e_i) + f(-e_i)) / 2 - f(0)`.
#[test]
fn mean_over_draws_is_the_closed_form() {
    for (seed, (d, n)) in [(1, 1), (6, 3), (4, 9), (13, 21)].into_iter().enumerate() {
        for power in POWERS {
            let (x, y) = problem(d, n, seed as u64);
            let (model, at) = (model(&x, &y, power), parameters(d, n, seed as u64));
            let value = |j: usize, size: f64| {
                let mut noise = vec![0.0; n];
                noise[j] = size;
                model.gradient(&at, &noise).0
            };
            let centre = value(0, 0.0);
            let mean = centre + (0..n).map(|j| (value(j, 1.0) + value(j, -1.0)) / 2.0 - centre).sum::<f64>();
            assert_close(model.expected(&at), mean, 1e-10, &format!("{d}x{n} {power:?}"));
        }
    }
}

/// Of a symmetric positive definite matrix the lower Cholesky factor, by rows.
fn cholesky(a: &Array2<f64>) -> Vec<f64> {
    let n = a.nrows();
    let mut lower = vec![0.0; n * (n + 1) / 2];
    for i in 0..n {
        for j in 0..=i {
            let (before, of) = (triangle_row(i).start, triangle_row(j).start);
            let sum: f64 = (0..j).map(|k| lower[before + k] * lower[of + k]).sum();
            let left = a[[i, j]] - sum;
            lower[before + j] = if i == j { left.sqrt() } else { left / lower[of + j] };
        }
    }
    lower
}

/// Eqs. 21 and 23: the optimal encoder closes the gap to the marginal energy; any other leaves one.
#[test]
fn bound_is_tight_at_the_optimal_encoder_and_nowhere_below() {
    for power in POWERS {
        let (d, n) = (5, 8);
        let (x, y) = problem(d, n, 3);
        let (model, mut at) = (model(&x, &y, power), parameters(d, n, 3));
        let prior: Vec<f64> = at.decoder_scale.iter().map(|w| w * w).collect();
        let energy = match power {
            None => marginal_energy(x.view(), &y, &prior, at.noise_var).unwrap().value,
            Some(power) => preconditioned_energy(x.view(), &y, &prior, at.noise_var, power).unwrap().value,
        };
        assert!(model.expected(&at) > energy + 1e-3);

        let preconditioner = match power {
            None => Array2::eye(d),
            Some(power) => power_of(&x, at.noise_var, power),
        };
        let scaled = preconditioner.dot(&x) * &Array1::from(at.decoder_scale.clone());
        let precision = scaled.t().dot(&scaled) / at.noise_var + Array2::<f64>::eye(n);
        let covariance = invert(&precision).0;
        at.encoder_weights = covariance.dot(&scaled.t()) / at.noise_var;
        at.encoder_factor = cholesky(&covariance);
        assert_close(model.expected(&at), energy, 1e-10, &format!("{power:?}"));
        at.encoder_weights[[2, 1]] += 0.1;
        assert!(model.expected(&at) > energy + 1e-6);
    }
}

/// `(X X^T + gamma I)^-power` by its integral over resolvents, `sin(pi p) / pi int_0^inf t^-p (A + t)^-1 dt`.
fn power_of(x: &Array2<f64>, gamma: f64, power: f64) -> Array2<f64> {
    let d = x.nrows();
    let a = x.dot(&x.t()) + gamma * Array2::<f64>::eye(d);
    if power == 1.0 {
        return invert(&a).0;
    }
    let step = 0.05;
    let mut sum = Array2::zeros((d, d));
    for k in -1200..1200 {
        let s = f64::from(k) * step;
        let t = s.exp();
        sum = sum + invert(&(&a + t * Array2::<f64>::eye(d))).0 * (step * t.powf(1.0 - power));
    }
    sum * ((std::f64::consts::PI * power).sin() / std::f64::consts::PI)
}

#[test]
fn training_takes_the_steps_of_adam_along_the_gradient() {
    let (d, n, seed) = (5, 13, 4);
    for power in POWERS {
        let (x, y) = problem(d, n, 9);
        let model = model(&x, &y, power);
        let start = Start { noise_var: 0.3, floor: Some(1e-9) };
        let at = |n_steps: usize| {
            let training = Training { n_steps, ..Training::default() };
            train(&model, &training, start, &Structure::default(), seed, &Monitor::default()).unwrap()
        };
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut normals = |len: usize| (0..len).map(|_| StandardNormal.sample(&mut rng)).collect::<Vec<f64>>();
        // The initial parameters come from the same stream.
        normals(n + n * d + n * (n + 1) / 2 + n * (n + 1) / 2);
        let flat = |p: &Parameters| {
            let parts = [&p.decoder_scale[..], p.encoder_weights.as_slice().unwrap(), &p.encoder_factor];
            [parts.concat(), vec![p.noise_var]].concat()
        };
        let mut here = at(0).parameters;
        let (mut first, mut second) = (vec![0.0; flat(&here).len()], vec![0.0; flat(&here).len()]);
        for step in 1..=6 {
            let (value, gradient) = model.gradient(&here, &normals(n));
            let mut values = flat(&here);
            for (k, g) in flat(&gradient).into_iter().enumerate() {
                first[k] = 0.9 * first[k] + 0.1 * g;
                second[k] = 0.999 * second[k] + 0.001 * g * g;
                let (mean, square) = (first[k] / (1.0 - 0.9f64.powi(step)), second[k] / (1.0 - 0.999f64.powi(step)));
                values[k] -= 0.01 * mean / (square.sqrt() + 1e-8);
            }
            here.noise_var = values.pop().unwrap();
            here.encoder_factor = values.split_off(n + n * d);
            here.encoder_weights = Array2::from_shape_vec((n, d), values.split_off(n)).unwrap();
            here.decoder_scale = values;
            let trained = at(step as usize);
            assert_close(trained.energies[step as usize - 1], value, 1e-9, &format!("bound at step {step}"));
            for (ours, theirs) in flat(&trained.parameters).into_iter().zip(flat(&here)) {
                assert_close(ours, theirs, 1e-9, &format!("step {step}, {power:?}"));
            }
        }
    }
}

#[test]
fn noise_variance_is_never_more_than_halved_in_a_step_and_stays_above_its_floor() {
    let (x, y) = problem(4, 9, 1);
    let model = model(&x, &vec![1e-4; y.len()], None);
    let training = Training { n_steps: 400, learning_rate: 0.1, learning_rate_drop: 1.0 };
    let seen = Mutex::new(Vec::new());
    let start = Start { noise_var: 0.1, floor: Some(1e-3) };
    let observer = |now: &Progress| {
        seen.lock().unwrap().push(now.noise_var);
        ControlFlow::Continue(())
    };
    let trained = train(&model, &training, start, &Structure::default(), 0, &Monitor::new(&observer)).unwrap();
    let seen = seen.into_inner().unwrap();
    assert!(seen.windows(2).all(|pair| pair[1] >= 0.5 * pair[0]) && seen.iter().all(|v| *v >= 1e-3));
    assert!(trained.settled && trained.parameters.noise_var.is_finite());
}

fn adam() -> Settings {
    let training = Training { n_steps: 6000, ..Training::default() };
    Settings { optimizer: Optimizer::Adam, training, ..plain() }
}

#[test]
fn training_recovers_planted_columns_and_repeats_itself() {
    for power in [None, Some(1.0)] {
        let planted = Planted::of(Design::Gaussian, 30, 60, 3, 2);
        let settings = Settings { power, ..adam() };
        let report = fit(planted.x.view(), &planted.y, &settings, &Monitor::default()).unwrap();
        assert_eq!((&report.support, report.status), (&planted.support(), Status::Certified));
        let mean = report.posterior_mean.clone().unwrap();
        for (mean, z) in mean.iter().zip(&planted.z) {
            assert!((mean - z).abs() < 0.1, "{mean} {z}");
        }
        assert_eq!(fit(planted.x.view(), &planted.y, &settings, &Monitor::default()).unwrap(), report);
        let other = Settings { seed: 1, ..settings.clone() };
        assert_ne!(
            fit(planted.x.view(), &planted.y, &other, &Monitor::default()).unwrap().posterior_mean,
            report.posterior_mean
        );
    }
}

#[test]
fn energy_of_a_training_is_that_of_its_prior_variances() {
    let planted = Planted::of(Design::RandomWalk, 12, 20, 2, 5);
    let y = planted.noisy(20.0, 1);
    for noise in [Noise::Learn, Noise::Fixed(0.02)] {
        let learned = Settings { noise, power: Some(0.7), ..adam() };
        let report = fit(planted.x.view(), &y, &learned, &Monitor::default()).unwrap();
        let energy = preconditioned_energy(planted.x.view(), &y, &report.prior_var, report.noise_var, 0.7).unwrap();
        assert_close(report.energy, energy.value, 1e-9, "preconditioned");
        let report = fit(planted.x.view(), &y, &Settings { noise, ..adam() }, &Monitor::default()).unwrap();
        let energy = marginal_energy(planted.x.view(), &y, &report.prior_var, report.noise_var).unwrap().value;
        assert_close(report.energy, energy, 1e-9, "plain");
        let last = &report.energy_path[report.energy_path.len() - 500..];
        assert!(last.iter().sum::<f64>() / 500.0 > energy, "a bound below what it bounds");
    }
    let settings = Settings { noise: Noise::Fixed(0.02), ..adam() };
    let report = fit(planted.x.view(), &y, &settings, &Monitor::default()).unwrap();
    assert_close(report.noise_var, 0.02, 1e-12, "a given noise variance is kept");
}

#[test]
fn bad_trainings_are_refused_and_short_ones_say_so() {
    let planted = Planted::of(Design::Gaussian, 8, 12, 1, 1);
    let training = Training::default();
    let bad = [
        (Settings { noise: Noise::Anneal, ..adam() }, "noise_var"),
        (Settings { training: Training { n_steps: 0, ..training }, ..adam() }, "n_steps"),
        (Settings { training: Training { learning_rate: 0.0, ..training }, ..adam() }, "learning_rate"),
        (Settings { training: Training { learning_rate: f64::NAN, ..training }, ..adam() }, "learning_rate"),
        (Settings { training: Training { learning_rate_drop: 1.1, ..training }, ..adam() }, "learning_rate_drop"),
    ];
    for (settings, parameter) in bad {
        match fit(planted.x.view(), &planted.y, &settings, &Monitor::default()) {
            Err(Error::InvalidParameter { name, .. }) => assert_eq!(name, parameter),
            other => panic!("{parameter}: {other:?}"),
        }
    }
    let short = Settings { training: Training { n_steps: 3, ..training }, noise: Noise::Learn, ..adam() };
    let report = fit(planted.x.view(), &planted.y, &short, &Monitor::default()).unwrap();
    assert_eq!((report.status, report.n_iter), (Status::IterationLimit, 3));
    let observer = |now: &Progress| if now.done == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let stopped = fit(planted.x.view(), &planted.y, &adam(), &Monitor::new(&observer));
    assert!(matches!(stopped, Err(Error::Interrupted { step: 5 })));
}

/// A training that leaves columns which others make superfluous: the exact fit has none of them.
#[test]
fn exact_fits_at_a_given_noise_variance_have_no_superfluous_columns() {
    let training = Training { n_steps: 300, ..Training::default() };
    for seed in 0..20 {
        let planted = Planted::of(Design::RandomWalk, 30, 60, 6, seed);
        let noise = Noise::Fixed(1e-4);
        let settings = Settings { noise, power: Some(1.0), training, ..adam() };
        let report = fit(planted.x.view(), &planted.y, &settings, &Monitor::default()).unwrap();
        let largest = report.coef.iter().fold(0.0_f64, |m, z| m.max(z.abs()));
        assert!(report.support.iter().all(|&j| report.coef[j].abs() > 1e-10 * largest), "{seed}: {report:?}");
        assert!(!report.certified);
    }
}
