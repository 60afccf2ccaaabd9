//! What must not change a fit, and what must change it in a known way; determinism.

use crate::common::{Planted, fitted, gaussian, plain};
use ndarray::{Array2, Axis, aview1};
use sparsevae::FitReport;
use sparsevae::datasets::Design;
use sparsevae::model::fit_many;
use sparsevae::model::settings::{Noise, Optimizer, Settings, names};
use sparsevae::monitor::Monitor;

use sparsevae::solver::adam::Training;

struct Problem {
    x: Array2<f64>,
    y: Vec<f64>,
    settings: Settings,
}

/// Certified, noisy, given and learned noise; both models.
fn problems() -> Vec<Problem> {
    let mut problems = Vec::new();
    for power in [None, Some(0.5)] {
        let planted = Planted::of(Design::RandomWalk, 40, 80, 8, 1);
        let settings = Settings { power, ..plain() };
        let noisy = planted.noisy(25.0, 2);
        for (noise, y) in [(Noise::Auto, planted.y.clone()), (Noise::Auto, noisy.clone()), (Noise::Learn, noisy)] {
            let settings = Settings { noise, max_iter: 300, ..settings.clone() };
            problems.push(Problem { x: planted.x.clone(), y, settings });
        }
    }
    problems
}

fn assert_same(found: &FitReport, coef: impl Fn(usize) -> f64, support: &[usize], tolerance: f64, what: &str) {
    assert_eq!(found.support, support, "{what}");
    let largest = found.coef.iter().fold(0.0_f64, |m, c| m.max(c.abs()));
    for (j, c) in found.coef.iter().enumerate() {
        assert!((c - coef(j)).abs() <= tolerance * largest, "{what}, coefficient {j}: {c} {}", coef(j));
    }
}

#[test]
fn scaling_the_response_scales_the_coefficients() {
    for Problem { x, y, settings } in problems() {
        let base = fitted(x.view(), &y, &settings);
        for scale in [-1.0, 1e-40, 1e40, 2f64.powi(30)] {
            let scaled: Vec<f64> = y.iter().map(|v| v * scale).collect();
            if settings.power.is_some() && settings.noise == Noise::Learn && scale.abs() != 1.0 {
                continue; // Learns a noise variance that also stands in the preconditioner, beside X X^T.
            }
            let found = fitted(x.view(), &scaled, &settings);
            assert_same(&found, |j| scale * base.coef[j], &base.support, 1e-7, &format!("scale {scale:e}"));
            let ratio = found.noise_var / base.noise_var / scale / scale;
            assert!((ratio - 1.0).abs() < 1e-6, "noise variance, scale {scale:e}: {ratio}");
        }
    }
}

#[test]
fn given_noise_variance_is_in_squared_units_of_the_response() {
    let planted = Planted::of(Design::Gaussian, 40, 80, 6, 3);
    let y = planted.noisy(20.0, 4);
    let fit = |scale: f64, noise_var: f64| {
        let y: Vec<f64> = y.iter().map(|v| v * scale).collect();
        fitted(planted.x.view(), &y, &Settings { noise: Noise::Fixed(noise_var), ..plain() })
    };
    let (base, scaled) = (fit(1.0, 0.01), fit(1e3, 1e4));
    assert_same(&scaled, |j| 1e3 * base.coef[j], &base.support, 1e-9, "scaled");
    assert!((scaled.noise_var - 1e4).abs() < 1e-9 && (base.noise_var - 0.01).abs() < 1e-15);
    let shift = 2.0 * 40.0 * 1e3_f64.ln();
    assert!((scaled.energy - base.energy - shift).abs() < 1e-8, "the energy knows the units");
}

#[test]
fn scaling_columns_only_rescales_their_coefficients() {
    for Problem { x, y, settings } in problems() {
        if settings.power.is_some() && settings.noise == Noise::Learn {
            continue; // X X^T changes with the columns.
        }
        let scales: Vec<f64> =
            (0..x.ncols()).map(|j| 10f64.powi(j as i32 % 9 - 4) * if j % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let base = fitted(x.view(), &y, &settings);
        let found = fitted((&x * &aview1(&scales)).view(), &y, &settings);
        assert_eq!(found.support, base.support);
        for (j, (c, b)) in found.coef.iter().zip(&base.coef).enumerate() {
            assert!((c * scales[j] - b).abs() < 1e-7 * (1.0 + b.abs()), "column {j}: {c} {b}");
        }
        assert!((found.energy - base.energy).abs() < 1e-5 * base.energy.abs());
    }
}

#[test]
fn permuting_columns_permutes_the_coefficients() {
    for Problem { x, y, settings } in problems() {
        let order: Vec<usize> = (0..x.ncols()).map(|j| (j * 37 + 11) % x.ncols()).collect();
        let base = fitted(x.view(), &y, &settings);
        let found = fitted(x.select(Axis(1), &order).view(), &y, &settings);
        let mut support: Vec<usize> = (0..order.len()).filter(|&j| base.coef[order[j]] != 0.0).collect();
        support.sort_unstable();
        assert_same(&found, |j| base.coef[order[j]], &support, 1e-7, "permuted");
    }
}

#[test]
fn permuting_samples_changes_nothing() {
    for Problem { x, y, settings } in problems() {
        let order: Vec<usize> = (0..x.nrows()).map(|i| (i * 7 + 3) % x.nrows()).collect();
        let shuffled: Vec<f64> = order.iter().map(|&i| y[i]).collect();
        let base = fitted(x.view(), &y, &settings);
        let found = fitted(x.select(Axis(0), &order).view(), &shuffled, &settings);
        assert_same(&found, |j| base.coef[j], &base.support, 1e-7, "shuffled");
    }
}

#[test]
fn intercept_takes_up_shifts_of_response_and_columns() {
    for Problem { x, y, settings } in problems() {
        let settings = Settings { fit_intercept: true, ..settings };
        let base = fitted(x.view(), &y, &settings);
        let moved = &x + &aview1(&(0..x.ncols()).map(|j| j as f64 / 10.0).collect::<Vec<_>>());
        let lifted: Vec<f64> = y.iter().map(|v| v + 5.0).collect();
        let found = fitted(moved.view(), &lifted, &settings);
        assert_eq!(found.support, base.support);
        let expected =
            base.intercept[0] + 5.0 - found.coef.iter().enumerate().map(|(j, c)| c * j as f64 / 10.0).sum::<f64>();
        assert!(
            (found.intercept[0] - expected).abs() < 1e-6 * (1.0 + expected.abs()),
            "{} {expected}",
            found.intercept[0]
        );
        // What is left has mean zero.
        let left: f64 = y.iter().zip(x.dot(&aview1(&base.coef))).map(|(y, f)| y - f - base.intercept[0]).sum();
        assert!(left.abs() < 1e-9, "{left}");
    }
}

#[test]
fn same_seed_gives_the_same_bits_and_another_seed_another_search() {
    let planted = Planted::of(Design::Gaussian, 50, 100, 24, 5);
    for name in ["auto", "em", "mm", "mackay"] {
        let settings = Settings { optimizer: names::optimizer(name).unwrap(), n_restarts: 6, seed: 3, ..plain() };
        let [first, second] = [0, 1].map(|_| fitted(planted.x.view(), &planted.y, &settings));
        assert_eq!(first, second, "{name}");
    }
    // Restarts of expectation propagation are random.
    let hopeless = Planted::of(Design::Gaussian, 50, 100, 45, 5);
    let noise_free = |seed| Settings { noise: Noise::Anneal, seed, n_restarts: 20, ..plain() };
    let steps = |seed| fitted(hopeless.x.view(), &hopeless.y, &noise_free(seed)).n_iter;
    assert!((1..5).any(|seed| steps(seed) != steps(0)));
}

#[test]
fn fit_many_gives_the_bits_of_single_fits_on_any_number_of_threads() {
    let x = gaussian(30, 60, 1);
    let mut y = gaussian(30, 7, 2);
    for (k, mut column) in y.columns_mut().into_iter().enumerate().take(4) {
        let planted = Planted::new(x.clone(), 2 + 3 * k, k as u64);
        column.assign(&aview1(&planted.y));
    }
    for fit_intercept in [true, false] {
        let settings = Settings { n_restarts: 3, fit_intercept, ..Settings::default() };
        let single: Vec<FitReport> =
            y.columns().into_iter().map(|y| fitted(x.view(), &y.to_vec(), &settings)).collect();
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let many = pool.install(|| fit_many(x.view(), y.view(), &settings, &[], &Monitor::default())).unwrap();
            let many: Vec<FitReport> = many.into_iter().map(FitReport::from).collect();
            assert_eq!(many, single, "{threads} threads");
        }
    }
}

#[test]
fn memory_order_of_the_design_changes_no_bit() {
    let planted = Planted::of(Design::Gaussian, 30, 50, 5, 8);
    let turned = planted.x.t().as_standard_layout().into_owned();
    for settings in [plain(), Settings::default()] {
        assert_eq!(fitted(planted.x.view(), &planted.y, &settings), fitted(turned.t(), &planted.y, &settings));
    }
}

#[test]
fn every_rule_recovers_an_easy_problem() {
    let planted = Planted::of(Design::RandomWalk, 40, 80, 5, 2);
    let training = Training { n_steps: 10_000, ..Training::default() };
    for (_, optimizer) in names::optimizers() {
        for power in [None, Some(0.0), Some(0.5), Some(1.0)] {
            let report = fitted(planted.x.view(), &planted.y, &Settings { optimizer, power, training, ..plain() });
            assert!(report.certified && report.support == planted.support(), "{optimizer:?} {power:?}");
        }
    }
    assert_eq!(Settings::default().optimizer, Optimizer::Auto);
}

#[test]
fn preparation_gives_unit_columns_without_the_constant_ones() {
    let mut x = gaussian(12, 30, 3) * 1e5;
    x.column_mut(4).fill(7.0);
    x.column_mut(9).fill(0.0);
    for (centred, left) in [(true, 28), (false, 29)] {
        let view = x.view();
        let problem = sparsevae::problem::Problem::new(&view, centred, &[], &[], &Monitor::default()).unwrap();
        assert_eq!(problem.columns.len(), left);
        assert_eq!(problem.freedom, if centred { 11 } else { 12 });
        assert_eq!(problem.design.dim(), (problem.freedom, left));
        for column in problem.design.copied().columns() {
            assert!((column.dot(&column) - 1.0).abs() < 1e-12);
        }
    }
}
