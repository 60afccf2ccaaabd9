//! The posterior over supports, held to what can be computed without sampling.

use crate::common::gaussian;
use ndarray::{Array1, Array2, Axis};
use sparsevae::monitor::Monitor;
use sparsevae::posterior::{Settings, posterior};
use sparsevae::problem::Problem;
use sparsevae::report::Posterior;

fn run(x: &Array2<f64>, y: &Array1<f64>, noise_var: Option<f64>, settings: &Settings) -> Posterior {
    let problem = Problem::new(x, true, &[], &[]).unwrap();
    let response = problem.respond(y.view().insert_axis(Axis(1)), f64::EPSILON).unwrap();
    posterior(&problem, &response, noise_var, &[], 0.0, settings, &Monitor::default()).unwrap().0
}

/// A few columns, the second much like the first, and a response that one of them explains in part.
fn example() -> (Array2<f64>, Array1<f64>) {
    let mut x = gaussian(30, 6, 3);
    let noise = gaussian(30, 2, 4);
    for i in 0..30 {
        x[[i, 1]] = x[[i, 0]] + 0.3 * noise[[i, 0]];
    }
    let y = Array1::from_shape_fn(30, |i| 0.5 * x[[i, 0]] + noise[[i, 1]] + 1e3);
    (x, y)
}

/// One effect at most, no background, known noise: one integral, over the variance of the effect.
#[test]
fn one_effect_agrees_with_quadrature() {
    let (x, y) = example();
    let settings = Settings {
        n_effects: 1,
        n_burn_in: 100,
        n_sweeps: 20_000,
        n_draws: 1,
        enough: f64::INFINITY,
        background: false,
        seed: 1,
    };
    let noise_var = 1.2;
    let found = run(&x, &y, Some(noise_var), &settings);
    let centred = &y - y.mean().unwrap();
    let mean_square = centred.dot(&centred) / 29.0;
    let gamma = noise_var / mean_square;
    // Presence is kept at one half for one effect; the prior of the variance is inverse gamma, shape 3, scale .1.
    let (mut weights, mut none) = ([0.0; 6], 0.0);
    for i in 0..4_000 {
        let log = (1e-4_f64).ln() + (10.0_f64 / 1e-4).ln() * (f64::from(i) + 0.5) / 4_000.0;
        let slab = log.exp();
        let prior = (-3.0 * log - 0.1 / slab).exp();
        none += prior;
        for (weight, column) in weights.iter_mut().zip(x.columns()) {
            let column = &column - column.mean().unwrap();
            let (square, product) = (column.dot(&column), column.dot(&centred));
            let correlation = product * product / (square * 29.0 * mean_square);
            let root = (1.0 + 29.0 * slab / gamma).ln() / 2.0;
            let gain = 29.0 * 29.0 * correlation * slab / (2.0 * gamma * (gamma + 29.0 * slab));
            *weight += prior / 6.0 * (gain - root).exp();
        }
    }
    let total = none + weights.iter().sum::<f64>();
    for (found, weight) in found.inclusion_prob.iter().zip(weights) {
        let exact = weight / total;
        assert!((found - exact).abs() < 0.01, "{found} for {exact}");
    }
}

/// What is averaged move by move, and what is drawn, have the same mean.
#[test]
fn draws_have_the_mean_of_the_coefficients() {
    let x = gaussian(40, 60, 5);
    let weak = gaussian(60, 1, 6);
    let noise = gaussian(40, 1, 7);
    let y = (x.dot(&weak) + noise * 3.0).remove_axis(Axis(1));
    let found = run(&x, &y, None, &Settings { n_sweeps: 2_000, n_draws: 2_000, ..Settings::default() });
    assert!(found.background_var > 0.0);
    let mean = found.coef_draws.mean_axis(Axis(0)).unwrap();
    let deviation = found.coef_draws.std_axis(Axis(0), 1.0);
    for j in 0..60 {
        assert!((mean[j] - found.coef[j]).abs() < 0.2 * deviation[j], "{j}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_one_others() {
    let (x, y) = example();
    let short = |seed| {
        run(
            &x,
            &y,
            None,
            &Settings { n_sweeps: 20, n_burn_in: 5, n_draws: 2, enough: f64::INFINITY, seed, ..Settings::default() },
        )
    };
    assert_eq!(short(3), short(3));
    assert_ne!(short(3).coef, short(4).coef);
}

#[test]
fn units_of_the_data_change_nothing() {
    let (x, y) = example();
    let settings = Settings { n_sweeps: 50, n_draws: 1, ..Settings::default() };
    let found = run(&x, &y, None, &settings);
    let scaled = run(&(&x * 8.0 + 64.0), &(&y * 1024.0), None, &settings);
    for j in 0..6 {
        assert!((found.inclusion_prob[j] - scaled.inclusion_prob[j]).abs() < 1e-6);
        assert!((found.coef[j] * 128.0 - scaled.coef[j]).abs() < 1e-6 * found.coef[j].abs());
    }
    assert!((scaled.noise_var / found.noise_var / 1024.0_f64.powi(2) - 1.0).abs() < 1e-6);
}
