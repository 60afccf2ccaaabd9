//! Whole fits: consistency of what a report says, limits, edges.

use crate::common::{Planted, assert_close, fitted, gaussian, least_squares, normal, plain};
use ndarray::{Array2, Axis, concatenate};
use sparsevae::datasets::Design;
use sparsevae::energy::{marginal_energy, preconditioned_energy};
use sparsevae::model::settings::{Noise, Optimizer, Settings, Start, SupportRule, names};
use sparsevae::model::{fit, fit_many};
use sparsevae::monitor::{Monitor, Progress};
use sparsevae::solver::adam::Training;
use sparsevae::solver::descent::Rule;
use sparsevae::support::evidence::Criterion;
use sparsevae::{Error, FitReport, Status};
use std::ops::ControlFlow;
use std::sync::Mutex;

fn noisy(rows: usize, cols: usize, seed: u64) -> (Array2<f64>, Vec<f64>) {
    let planted = Planted::of(Design::Gaussian, rows, cols, (rows.min(cols) / 5).max(1), seed);
    let y = planted.noisy(25.0, seed);
    (planted.x * 3.0, y)
}

fn every_setting() -> Vec<Settings> {
    let mut all = Vec::new();
    for (_, optimizer) in names::optimizers() {
        for noise in [Noise::Auto, Noise::Anneal, Noise::Learn, Noise::Fixed(0.02)] {
            if (optimizer, noise) == (Optimizer::Adam, Noise::Anneal) {
                continue;
            }
            for (_, support_rule) in names::SUPPORT_RULES {
                for power in [None, Some(0.5), Some(1.0)] {
                    for fit_intercept in [false, true] {
                        let training = Training { n_steps: 200, ..Training::default() };
                        let brief = Settings { n_restarts: 2, max_iter: 200, training, ..Settings::default() };
                        all.push(Settings { optimizer, noise, support_rule, power, fit_intercept, ..brief });
                    }
                }
            }
        }
    }
    all
}

fn centred(x: &Array2<f64>, y: &[f64]) -> (Array2<f64>, Vec<f64>) {
    let mean = y.iter().sum::<f64>() / y.len() as f64;
    (x - &x.mean_axis(Axis(0)).unwrap(), y.iter().map(|v| v - mean).collect())
}

fn assert_consistent(x: &Array2<f64>, y: &[f64], report: &FitReport, settings: &Settings) {
    let what = format!("{:?} {settings:?}", x.dim());
    let finite = report.coef.iter().chain(&report.prior_var).chain(&report.support_cov).chain(&report.energy_path);
    assert!(finite.chain([&report.intercept[0], &report.noise_var, &report.energy]).all(|v| v.is_finite()), "{what}");
    let nonzero: Vec<usize> = (0..x.ncols()).filter(|&j| report.coef[j] != 0.0).collect();
    assert_eq!(report.support, nonzero, "{what}");
    assert_eq!(report.support_cov.len(), nonzero.len().pow(2));
    assert_eq!(report.certified, report.status == Status::Certified);
    assert_eq!(report.condition_number.is_some(), settings.power.is_some());
    assert!(report.noise_var > 0.0 && report.prior_var.iter().all(|w| *w >= 0.0), "{what}");

    // Coefficients are least squares on the support, but where they stand for an average over supports.
    let averaged = report.posterior.as_ref().is_some_and(|posterior| posterior.coef_draws.nrows() > 1);
    let (x, y, lost) = if settings.fit_intercept {
        let (x, y) = centred(x, y);
        (x, y, 1.0)
    } else {
        (x.clone(), y.to_vec(), 0.0)
    };
    if !nonzero.is_empty() && !averaged {
        let (z, _) = least_squares(&x, &nonzero, &y);
        for (found, z) in nonzero.iter().map(|&j| report.coef[j]).zip(&z) {
            assert!((found - z).abs() < 1e-6 * (1.0 + z.abs()), "{what}: {found} {z}");
        }
    }

    // The energy is that of the prior and noise variances in the report. Centred data have one dimension less.
    let modelled = matches!(settings.noise, Noise::Fixed(_) | Noise::Learn) && !averaged;
    let trained = settings.optimizer == Optimizer::Adam;
    let modelled = modelled || trained;
    let expected = match settings.power {
        Some(power) if modelled => {
            preconditioned_energy(x.view(), &y, &report.prior_var, report.noise_var, power).unwrap().value
        }
        _ => marginal_energy(x.view(), &y, &report.prior_var, report.noise_var).unwrap().value,
    };
    assert_close(report.energy, expected - lost * report.noise_var.ln(), 1e-6, &what);
    if modelled && !trained {
        assert_close(*report.energy_path.last().unwrap(), report.energy, 1e-12, &what);
        assert_eq!(report.energy_path.len(), report.n_iter);
    }
}

#[test]
fn reports_are_consistent_under_every_setting_and_shape() {
    for (seed, (rows, cols)) in [(25, 40), (40, 15), (20, 20), (21, 20)].into_iter().enumerate() {
        let (x, y) = noisy(rows, cols, seed as u64);
        for settings in every_setting() {
            assert_consistent(&x, &y, &fitted(x.view(), &y, &settings), &settings);
        }
    }
}

#[test]
fn reports_are_consistent_for_deficient_designs() {
    let (x, y) = noisy(20, 15, 9);
    let twice = concatenate![Axis(1), x, x];
    for settings in every_setting() {
        assert_consistent(&twice, &y, &fitted(twice.view(), &y, &settings), &settings);
    }
}

#[test]
fn descents_at_a_given_noise_variance_never_rise() {
    for (rows, cols) in [(25, 40), (40, 15)] {
        let (x, y) = noisy(rows, cols, 5);
        for name in ["em", "mm"] {
            for power in [None, Some(0.5), Some(1.0)] {
                let optimizer = names::optimizer(name).unwrap();
                let settings = Settings { optimizer, power, noise: Noise::Fixed(0.05), max_iter: 100, ..plain() };
                let path = fitted(x.view(), &y, &settings).energy_path;
                assert!(path.len() > 5 && path[0] > path[path.len() - 1] + 0.1);
                assert!(path.windows(2).all(|pair| pair[1] <= pair[0] + 1e-9 * pair[0].abs()), "{name} {power:?}");
            }
        }
    }
}

#[test]
fn iteration_limit_and_convergence_are_told_apart() {
    let (x, y) = noisy(25, 40, 6);
    let fit = |max_iter, tol| {
        let optimizer = Optimizer::Rule(Rule::Mm);
        let settings = Settings { optimizer, noise: Noise::Fixed(0.05), max_iter, tol, ..plain() };
        fitted(x.view(), &y, &settings)
    };
    assert_eq!(fit(3, 1e-6).status, Status::IterationLimit);
    assert_eq!(fit(3, 1e-6).n_iter, 3);
    assert_eq!(fit(20_000, 1e-6).status, Status::Converged);
    assert!(fit(20_000, 1e-2).n_iter < fit(20_000, 1e-6).n_iter);
}

#[test]
fn iterations_stay_within_their_limit() {
    let hopeless = Planted::of(Design::Gaussian, 30, 60, 28, 5);
    for max_iter in [1, 7, 100] {
        let settings = Settings { max_iter, noise: Noise::Anneal, ..plain() };
        let report = fitted(hopeless.x.view(), &hopeless.y, &settings);
        assert_eq!(report.status, Status::IterationLimit);
        // The support path and its second opinion come on top of the search.
        assert!(report.n_iter <= max_iter + 200, "{} steps of {max_iter}", report.n_iter);
    }
}

#[test]
fn one_sample_and_one_column_have_defined_results() {
    for power in [None, Some(0.5)] {
        for noise in [Noise::Auto, Noise::Anneal, Noise::Learn, Noise::Fixed(0.1)] {
            let settings = Settings { power, noise, ..plain() };
            for (x, y) in [
                (gaussian(1, 1, 1), normal(1, 2)),
                (gaussian(1, 5, 1), normal(1, 2)),
                (gaussian(5, 1, 1), normal(5, 2)),
            ] {
                for fit_intercept in [false, true] {
                    let report = fitted(x.view(), &y, &Settings { fit_intercept, ..settings.clone() });
                    assert!(report.coef.iter().all(|c| c.is_finite()), "{:?} {noise:?}", x.dim());
                    if fit_intercept && y.len() == 1 {
                        assert_eq!((report.intercept[0], report.support.len()), (y[0], 0));
                    }
                }
            }
        }
    }
}

#[test]
fn an_exact_line_is_certified() {
    let x = gaussian(6, 1, 1);
    let y: Vec<f64> = x.column(0).iter().map(|v| 2.0 * v + 1.0).collect();
    let report = fitted(x.view(), &y, &Settings::default());
    assert!(report.certified);
    assert_close(report.coef[0], 2.0, 1e-12, "slope");
    assert_close(report.intercept[0], 1.0, 1e-12, "intercept");
}

#[test]
fn constant_columns_get_no_coefficient_with_an_intercept() {
    let mut planted = Planted::of(Design::Gaussian, 20, 30, 3, 4);
    for j in [0, 7] {
        planted.z[j] = 0.0;
    }
    planted.x.column_mut(0).fill(0.0);
    planted.x.column_mut(7).fill(-3.3);
    let y: Vec<f64> = planted.x.dot(&planted.z).iter().map(|v| v + 2.0).collect();
    let report = fitted(planted.x.view(), &y, &Settings::default());
    assert!(report.certified);
    assert_eq!(report.support, planted.support());
    assert_close(report.intercept[0], 2.0, 1e-9, "intercept");
}

#[test]
fn a_design_of_constants_leaves_everything_to_the_intercept() {
    let (x, y) = (Array2::from_elem((6, 3), 2.5), normal(6, 1));
    let mean = y.iter().sum::<f64>() / 6.0;
    for noise in [Noise::Auto, Noise::Learn, Noise::Fixed(0.5)] {
        let report = fitted(x.view(), &y, &Settings { noise, ..Settings::default() });
        assert_eq!((report.support.len(), report.certified), (0, false));
        assert_close(report.intercept[0], mean, 1e-12, "intercept");
        assert!(report.energy.is_finite());
        if let Noise::Fixed(noise_var) = noise {
            assert_eq!(report.noise_var, noise_var);
        }
    }
    // Without an intercept one of the equal columns takes it all.
    assert!(fitted(x.view(), &[5.0; 6], &plain()).support.len() == 1);
}

#[test]
fn posterior_rule_keeps_significant_coefficients_only() {
    let planted = Planted::of(Design::Gaussian, 100, 20, 4, 3);
    let y = planted.noisy(20.0, 1);
    let posterior = Settings { support_rule: SupportRule::Posterior, ..plain() };
    for settings in [posterior.clone(), Settings { noise: Noise::Learn, ..posterior }] {
        let report = fitted(planted.x.view(), &y, &settings);
        let k = report.support.len();
        assert!(k > 0);
        for (i, &j) in report.support.iter().enumerate() {
            let deviation = report.support_cov[i * k + i].sqrt();
            assert!(report.coef[j].abs() > 2.0 * deviation, "{} {deviation}", report.coef[j]);
        }
    }
}

#[test]
fn criteria_differ_only_in_the_support() {
    let (x, y) = noisy(60, 30, 8);
    for kind in [Criterion::Evidence, Criterion::ExtendedBic] {
        let report = fitted(x.view(), &y, &Settings { support_rule: SupportRule::Criterion(kind), ..plain() });
        let (z, rss) = least_squares(&x, &report.support, &y);
        for (j, z) in report.support.iter().zip(z) {
            assert_close(report.coef[*j], z, 1e-9, "coefficient");
        }
        assert_close(report.noise_var, rss / (60 - report.support.len()) as f64, 1e-9, "noise variance");
    }
}

#[test]
fn condition_number_is_that_of_the_preconditioned_design() {
    let x = gaussian(6, 9, 1);
    for (power, noise_var) in [(1.0, 0.3), (0.5, 2.0)] {
        let settings = Settings { power: Some(power), noise: Noise::Fixed(noise_var), ..plain() };
        let (before, after) = fitted(x.view(), &normal(6, 2), &settings).condition_number.unwrap();
        let space = sparsevae::linalg::row_space::RowSpace::by_svd(x.view()).unwrap();
        let (singular, _) = space.spectrum().unwrap();
        let values: Vec<f64> = singular.iter().map(|s| s * (s * s + noise_var).powf(-power)).collect();
        let extreme = |f: fn(f64, f64) -> f64| values.iter().copied().reduce(f).unwrap();
        assert_close(before, singular[0] / singular[5], 1e-9, "before");
        assert_close(after, extreme(f64::max) / extreme(f64::min), 1e-9, "after");
        // Lemma 4.3 where its assumption holds: sigma / (sigma^2 + gamma) falls with sigma.
        if power == 1.0 && singular[5] * singular[5] > noise_var {
            let ratio = (singular[0].powi(2) + noise_var) / (singular[5].powi(2) + noise_var);
            assert_close(after, ratio * singular[5] / singular[0], 1e-9, "lemma");
        }
    }
}

#[test]
fn annealed_restarts_do_not_repeat_a_descent() {
    // Too many nonzeros to recover, so that every round fails.
    let planted = Planted::of(Design::Gaussian, 30, 60, 26, 1);
    let optimizer = Optimizer::Rule(Rule::Em);
    let settings = Settings { optimizer, noise: Noise::Anneal, n_restarts: 3, ..plain() };
    let rounds: Mutex<Vec<Vec<u64>>> = Mutex::new(vec![Vec::new(); 4]);
    let observer = |now: &Progress| {
        // The support path between rounds has no energy.
        let round = &mut rounds.lock().unwrap()[now.round];
        if now.energy.is_finite() && round.len() < 200 {
            round.push(now.energy.to_bits());
        }
        ControlFlow::Continue(())
    };
    let report = fit(planted.x.view(), &planted.y, &settings, &Monitor::new(&observer));
    assert!(!report.unwrap().certified);
    let rounds = rounds.into_inner().unwrap();
    // A round whose start was used before is skipped, the second never is.
    assert!(rounds[..2].iter().all(|round| round.len() == 200));
    for (i, round) in rounds.iter().enumerate().filter(|(_, round)| !round.is_empty()) {
        assert!(rounds[..i].iter().all(|earlier| earlier != round), "round {i} repeats another");
    }
}

#[test]
fn noise_free_searches_try_the_start_first() {
    let planted = Planted::of(Design::Gaussian, 30, 60, 10, 1);
    for optimizer in [Optimizer::Auto, Optimizer::Rule(Rule::Em)] {
        let settings = Settings { optimizer, noise: Noise::Anneal, ..plain() };
        let alone = fitted(planted.x.view(), &planted.y, &settings);
        assert!(alone.certified && alone.n_iter > 0);
        let begin = |prior_var: Vec<f64>| Settings { start: Some(Start { prior_var, steps: 7 }), ..settings.clone() };
        let right = fitted(planted.x.view(), &planted.y, &begin(alone.coef.iter().map(|z| z * z).collect()));
        assert_eq!((right.n_iter, right.n_rounds, right.certified), (7, 0, true));
        assert_eq!(right.coef, alone.coef);
        let wrong = fitted(planted.x.view(), &planted.y, &begin((0..60).map(f64::from).collect()));
        assert_eq!((wrong.n_iter, wrong.n_rounds, &wrong.coef), (alone.n_iter + 7, alone.n_rounds, &alone.coef));
    }
}

#[test]
fn steps_done_before_count_towards_the_limit() {
    let (x, y) = noisy(20, 40, 3);
    let optimizer = Optimizer::Rule(Rule::Mm);
    let fixed = |max_iter| Settings { optimizer, noise: Noise::Fixed(0.1), max_iter, tol: 0.0, ..plain() };
    let first = fitted(x.view(), &y, &fixed(30));
    let start = Some(Start { prior_var: first.prior_var.clone(), steps: 30 });
    let rest = fitted(x.view(), &y, &Settings { start: start.clone(), ..fixed(50) });
    assert_eq!((rest.n_iter, rest.energy_path.len()), (50, 20));
    let spent = fitted(x.view(), &y, &Settings { start, ..fixed(30) });
    assert_eq!((spent.n_iter, spent.status), (31, Status::IterationLimit));
}

#[test]
fn many_fits_have_a_start_each() {
    let (x, y) = noisy(20, 40, 3);
    let both = concatenate![Axis(1), Array2::from_shape_vec((20, 1), y).unwrap(), gaussian(20, 1, 8)];
    let settings = Settings { noise: Noise::Fixed(0.1), max_iter: 10, ..plain() };
    let starts = [1.0, 2.0].map(|w| Start { prior_var: vec![w; 40], steps: 1 });
    let many = fit_many(x.view(), both.view(), &settings, &starts, &Monitor::default()).unwrap();
    for ((found, y), start) in many.iter().zip(both.columns()).zip(&starts) {
        let own = Settings { start: Some(start.clone()), ..settings.clone() };
        assert_eq!(*found, fitted(x.view(), &y.to_vec(), &own).into());
    }
    let error = fit_many(x.view(), both.view(), &settings, &starts[..1], &Monitor::default());
    assert!(matches!(error, Err(Error::Shape { what: "prior_var_init", .. })));
    let bad = [starts[0].clone(), Start { prior_var: vec![-1.0; 40], steps: 0 }];
    let error = fit_many(x.view(), both.view(), &settings, &bad, &Monitor::default());
    assert!(matches!(error, Err(Error::InvalidParameter { name: "prior_var_init", .. })));
}
