//! The posterior over supports, held to what can be computed without sampling.

use crate::common::gaussian;
use ndarray::{Array1, Array2, Axis};
use sparsevae::monitor::Monitor;
use sparsevae::posterior::{Settings, posterior};
use sparsevae::problem::Problem;
use sparsevae::report::Posterior;
use sparsevae::settings::Sizes;

fn run(x: &Array2<f64>, y: &Array1<f64>, noise_var: Option<f64>, settings: &Settings) -> Posterior {
    run_several(x, &y.clone().insert_axis(Axis(1)), noise_var, settings)
}

fn run_several(x: &Array2<f64>, y: &Array2<f64>, noise_var: Option<f64>, settings: &Settings) -> Posterior {
    let problem = Problem::new(x, true, &[], &[], &Monitor::default()).unwrap();
    let response = problem.respond(y.view(), f64::EPSILON, &Monitor::default()).unwrap();
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

/// Probabilities of the columns, and their mean coefficients of the first response, for one effect at most, no background
/// and known noise: one integral, over the variance of the effect. Coefficients of `positive` columns are positive.
fn one_effect(
    x: &Array2<f64>,
    y: &Array2<f64>,
    noise_var: f64,
    odds: &[f64],
    positive: &[bool],
) -> (Vec<f64>, Vec<f64>) {
    let centred = y - &y.mean_axis(Axis(0)).unwrap();
    let (responses, freedom) = (y.ncols() as f64, (y.nrows() - 1) as f64);
    let mean_square = (&centred * &centred).sum() / (freedom * responses);
    let gamma = noise_var / mean_square;
    let n = x.ncols();
    let (mut weights, mut first, mut none) = (vec![0.0; n], vec![0.0; n], 0.0);
    // One effect is as likely as none, and the share of the variance that it explains is uniform.
    for i in 0..4_000 {
        let share = (f64::from(i) + 0.5) / 4_000.0;
        let slab = gamma * share / (1.0 - share);
        let prior = 1.0;
        none += prior;
        for (j, column) in x.columns().into_iter().enumerate() {
            let column = &column - column.mean().unwrap();
            let scale = (column.dot(&column) / freedom).sqrt();
            let products = column.dot(&centred) / (scale * mean_square.sqrt());
            let shrink = 1.0 / (freedom + gamma / slab);
            let gain = products.iter().map(|q| q * q).sum::<f64>() * shrink / (2.0 * gamma);
            let occam = responses * (1.0 + freedom * slab / gamma).ln() / 2.0;
            let (mut share, mut mean) = (1.0, shrink * products[0]);
            if positive[j] {
                let deviation = (gamma * shrink).sqrt();
                let t = mean / deviation;
                share = libm::erfc(-t / 2.0_f64.sqrt());
                mean += deviation * (2.0 / std::f64::consts::PI).sqrt() * (-t * t / 2.0).exp() / share;
            }
            let weight = prior * odds[j] / odds.iter().sum::<f64>() * (gain - occam).exp() * share;
            weights[j] += weight;
            first[j] += weight * mean * mean_square.sqrt() / scale;
        }
    }
    let total = none + weights.iter().sum::<f64>();
    weights.iter_mut().chain(&mut first).for_each(|value| *value /= total);
    (weights, first)
}

fn long(seed: u64) -> Settings {
    Settings { n_effects: 1, n_draws: 1, background: false, seed, ..sweeps(20_000) }
}

/// So many sweeps, whatever they are worth.
fn sweeps(n_sweeps: usize) -> Settings {
    Settings { n_sweeps, more_sweeps: 0, enough: f64::INFINITY, ..Settings::default() }
}

fn assert_close(found: &Posterior, exact: &(Vec<f64>, Vec<f64>)) {
    for (j, (probability, coef)) in exact.0.iter().zip(&exact.1).enumerate() {
        assert!((found.inclusion_prob[j] - probability).abs() < 0.01, "{} for {probability}", found.inclusion_prob[j]);
        assert!((found.coef[j] - coef).abs() < 0.01, "{} for {coef}", found.coef[j]);
    }
}

#[test]
fn one_effect_agrees_with_quadrature() {
    let (x, y) = example();
    let exact = one_effect(&x, &y.clone().insert_axis(Axis(1)), 1.2, &[1.0; 6], &[false; 6]);
    assert_close(&run(&x, &y, Some(1.2), &long(1)), &exact);
}

/// Probabilities of the columns of any number of effects at different columns, each number as likely beforehand, and each
/// set of so many columns, and each share of the variance that they explain; no background, known noise.
fn any_support(x: &Array2<f64>, y: &Array1<f64>, noise_var: f64) -> Vec<f64> {
    let (n_samples, n) = x.dim();
    let freedom = (n_samples - 1) as f64;
    let centred = y - y.mean().unwrap();
    let mean_square = centred.dot(&centred) / freedom;
    let gamma = noise_var / mean_square;
    let mut columns = x - &x.mean_axis(Axis(0)).unwrap();
    columns.columns_mut().into_iter().for_each(|mut c| c /= (c.dot(&c) / freedom).sqrt());
    let (mut probability, mut total) = (vec![0.0; n], 0.0);
    for support in (0..1_usize << n).map(|bits| (0..n).filter(|j| bits >> j & 1 == 1).collect::<Vec<_>>()) {
        let chosen = columns.select(Axis(1), &support);
        let products = chosen.t().dot(&centred) / mean_square.sqrt();
        let k = support.len();
        let supports = (0..k).map(|i| (n - i) as f64 / (i + 1) as f64).product::<f64>();
        for i in 0..400 {
            let share = (f64::from(i) + 0.5) / 400.0;
            let slab = gamma * share / (1.0 - share) / k.max(1) as f64;
            let mut precision = chosen.t().dot(&chosen) / gamma;
            precision.diag_mut().iter_mut().for_each(|v| *v += 1.0 / slab);
            let (half_log_det, whitened) = cholesky(precision, products.to_vec());
            let gain = whitened.iter().map(|v| v * v).sum::<f64>() / (2.0 * gamma * gamma);
            let weight = (gain - half_log_det - k as f64 * slab.ln() / 2.0).exp() / supports;
            total += weight;
            support.iter().for_each(|&j| probability[j] += weight);
        }
    }
    probability.iter().map(|weight| weight / total).collect()
}

/// Half the log-determinant of a matrix, and `L^-1 b` for its factor.
fn cholesky(mut a: Array2<f64>, mut b: Vec<f64>) -> (f64, Vec<f64>) {
    let mut half_log_det = 0.0;
    for i in 0..b.len() {
        let root = a[[i, i]].sqrt();
        half_log_det += root.ln();
        b[i] /= root;
        for j in i + 1..b.len() {
            let share = a[[j, i]] / root;
            b[j] -= share * b[i];
            for l in i + 1..b.len() {
                a[[j, l]] -= share * a[[i, l]] / root;
            }
        }
    }
    (half_log_det, b)
}

#[test]
fn several_effects_agree_with_the_sum_over_all_supports() {
    let (x, y) = example();
    for more in [0.0, 0.6] {
        let y = &y + &(&x.column(3) * more);
        let exact = any_support(&x, &y, 1.2);
        let found = run(&x, &y, Some(1.2), &Settings { n_effects: 20, n_sweeps: 100_000, ..long(4) });
        for (found, exact) in found.inclusion_prob.iter().zip(exact) {
            assert!((found - exact).abs() < 0.01, "{found} for {exact}");
        }
    }
}

#[test]
fn prior_odds_and_signs_enter_as_bayes_has_them() {
    let (x, y) = example();
    let (odds, positive) = ([1.0, 3.0, 1.0, 0.2, 5.0, 1.0], [true, false, true, true, true, false]);
    let exact = one_effect(&x, &y.clone().insert_axis(Axis(1)), 1.2, &odds, &positive);
    let settings = Settings { prior_odds: odds.to_vec(), positive: positive.to_vec(), ..long(2) };
    let found = run(&x, &y, Some(1.2), &settings);
    assert_close(&found, &exact);
    assert!((0..6).all(|j| !positive[j] || found.coef_draws[[0, j]] >= 0.0));
}

#[test]
fn several_responses_share_their_effect() {
    let (x, y) = example();
    let other = gaussian(30, 2, 9);
    let y = Array2::from_shape_fn((30, 3), |(i, l)| if l == 0 { y[i] } else { 0.3 * x[[i, 1]] + other[[i, l - 1]] });
    let exact = one_effect(&x, &y, 1.2, &[1.0; 6], &[false; 6]);
    assert_close(&run_several(&x, &y, Some(1.2), &long(3)), &exact);
}

#[test]
fn as_many_columns_are_chosen_as_were_asked_for() {
    let x = gaussian(60, 40, 8);
    let noise = gaussian(60, 2, 9);
    let y = Array2::from_shape_fn((60, 2), |(i, l)| x[[i, 3]] + x[[i, 9]] * (l as f64 - 0.5) + 0.3 * noise[[i, l]]);
    let problem = Problem::new(&x, true, &[], &[], &Monitor::default()).unwrap();
    let response = problem.respond(y.view(), f64::EPSILON, &Monitor::default()).unwrap();
    for (sizes, count) in [(Sizes { least: 5, most: 5 }, 5), (Sizes { least: 0, most: 1 }, 1), (Sizes::ANY, 2)] {
        let settings = Settings { sizes, ..Settings::brief(0) };
        let (_, chosen) = posterior(&problem, &response, None, &[], 0.0, &settings, &Monitor::default()).unwrap();
        assert_eq!((chosen.support.len(), chosen.coefficients.len()), (count, 2 * count));
    }
}

/// What is averaged move by move, and what is drawn, have the same mean.
#[test]
fn draws_have_the_mean_of_the_coefficients() {
    let x = gaussian(40, 60, 5);
    let weak = gaussian(60, 1, 6);
    let noise = gaussian(40, 1, 7);
    let y = (x.dot(&weak) + noise * 3.0).remove_axis(Axis(1));
    let found = run(&x, &y, None, &Settings { n_draws: 2_000, ..sweeps(2_000) });
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
    let short = |seed| run(&x, &y, None, &Settings { n_burn_in: 5, n_draws: 2, seed, ..sweeps(20) });
    assert_eq!(short(3), short(3));
    assert_ne!(short(3).coef, short(4).coef);
}

#[test]
fn a_start_of_more_columns_than_the_rank_is_cut() {
    let x = gaussian(20, 3, 1).dot(&gaussian(3, 30, 2));
    let y = gaussian(20, 2, 3);
    let problem = Problem::new(&x, true, &[], &[], &Monitor::default()).unwrap();
    let response = problem.respond(y.view(), f64::EPSILON, &Monitor::default()).unwrap();
    let start: Vec<usize> = (0..12).collect();
    let found = posterior(&problem, &response, None, &start, 0.0, &Settings::brief(0), &Monitor::default()).unwrap().0;
    assert!(found.coef.iter().chain(&found.inclusion_prob).all(|value| value.is_finite()));
}

#[test]
fn units_of_the_data_change_nothing() {
    let (x, y) = example();
    let settings = Settings { n_draws: 1, ..sweeps(50) };
    let found = run(&x, &y, None, &settings);
    let scaled = run(&(&x * 8.0 + 64.0), &(&y * 1024.0), None, &settings);
    for j in 0..6 {
        assert!((found.inclusion_prob[j] - scaled.inclusion_prob[j]).abs() < 1e-6);
        assert!((found.coef[j] * 128.0 - scaled.coef[j]).abs() < 1e-6 * found.coef[j].abs());
    }
    assert!((scaled.noise_var / found.noise_var / 1024.0_f64.powi(2) - 1.0).abs() < 1e-6);
}

#[test]
fn sweeps_end_at_their_limit_and_say_so_unless_they_were_worth_enough_by_then() {
    let (x, y) = example();
    for max_sweeps in [1, 2, 3, 30, 100] {
        let limited = Settings { max_sweeps, ..Settings::default() };
        let found = run(&x, &y, None, &limited);
        assert!(found.is_cut_off);
        let before = limited.n_burn_in * max_sweeps / (limited.n_burn_in + limited.n_sweeps);
        assert_eq!(found.places.n_sweeps, (max_sweeps - before).max(2));
        assert!(found.coef.iter().chain(&found.inclusion_prob).all(|v| v.is_finite()));
    }
    let enough = Settings { max_sweeps: 200, enough: 1.0, ..Settings::default() };
    let whole = Settings { max_sweeps: 500, ..Settings::default() };
    for settings in [enough, whole] {
        assert!(!run(&x, &y, None, &settings).is_cut_off);
    }
}
