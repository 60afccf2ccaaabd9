//! Sparse regression and its energies.

use super::{cases, data, finite, wild};
use ndarray::Array2;
use proptest::prelude::*;
use sparsevae::energy::{marginal_energy, preconditioned_energy};
use sparsevae::model::settings::{Noise, Settings, Start, names};
use sparsevae::model::{fit, fit_many, fit_simultaneous};
use sparsevae::monitor::Monitor;
use sparsevae::report::Posterior;
use sparsevae::settings::Settings as _;
use sparsevae::solver::EncoderCovariance;
use sparsevae::solver::adam::Training;

fn design() -> impl Strategy<Value = (Array2<f64>, Vec<f64>)> {
    data(1).prop_map(|(x, y)| (x, y.into_raw_vec_and_offset().0))
}

fn settings() -> impl Strategy<Value = Settings> {
    let noise = prop_oneof![
        Just(Noise::Auto),
        Just(Noise::Anneal),
        Just(Noise::Learn),
        (-320_i32..300).prop_map(|e| Noise::Fixed(10f64.powi(e))),
        wild().prop_map(Noise::Fixed),
    ];
    let power = prop::option::of(prop_oneof![0.0..=2.0_f64, wild()]);
    let tol = prop_oneof![5 => Just(1e-6), 1 => wild()];
    let precision = prop::sample::select(vec![f64::EPSILON / 2.0, f64::from(f32::EPSILON) / 2.0]);
    (0_usize..5, noise, power, 0_usize..3, 0_usize..60, tol, 0_usize..4, any::<bool>(), any::<bool>(), precision)
        .prop_map(
            |(optimizer, noise, power, n_restarts, max_iter, tol, rule, fit_intercept, model_averaging, precision)| {
                Settings {
                    optimizer: names::optimizers()[optimizer].1,
                    noise,
                    power,
                    n_restarts,
                    max_iter,
                    tol,
                    training: Training { n_steps: max_iter, ..Training::default() },
                    support_rule: names::SUPPORT_RULES[rule].1,
                    fit_intercept,
                    model_averaging,
                    seed: 1,
                    precision,
                    ..Settings::default()
                }
            },
        )
}

fn structures() -> impl Strategy<Value = Settings> {
    (settings(), any::<bool>(), 0_usize..4, prop::option::of(wild())).prop_map(|(settings, diagonal, size, start)| {
        Settings {
            covariance: if diagonal { EncoderCovariance::Diagonal } else { EncoderCovariance::Full },
            // Longer than any design: cut to its size, where it is known.
            groups: if size == 0 { Vec::new() } else { (0..12).map(|j| j / size).collect() },
            start: start.map(|value| Start { prior_var: vec![value.abs(); 12], steps: size }),
            power: None,
            ..settings
        }
    })
}

/// Whether all that is reported of the average over supports is finite, and its probabilities are some.
fn sound(posterior: &Posterior) -> bool {
    let single =
        [&posterior.noise_var, &posterior.background_var, &posterior.n_effects, &posterior.selection.tolerance];
    let draws = posterior.coef_draws.iter().chain(&posterior.intercept_draws);
    let means = posterior.coef.iter().chain(&posterior.intercept).chain(&posterior.selection.loss);
    finite(single) && finite(draws) && finite(means) && posterior.inclusion_prob.iter().all(|p| (0.0..=1.0).contains(p))
}

/// A response that columns explain exactly, now and then.
fn planted(x: &Array2<f64>, y: Vec<f64>) -> Vec<f64> {
    if y[0].abs() < 1.0 && x.ncols() > 1 { x.column(1).iter().map(|v| v * 2.0).collect() } else { y }
}

proptest! {
    #![proptest_config(cases(20_000))]

    #[test]
    fn fits_end_in_an_error_or_in_finite_numbers((x, y) in design(), settings in settings()) {
        let y = planted(&x, y);
        let result = fit(x.view(), &y, &settings, &Monitor::default());
        if let Ok(report) = result {
            prop_assert!(settings.validate().is_ok());
            prop_assert!(x.iter().chain(&y).all(|v| v.is_finite()));
            let numbers = report.coef.iter().chain(&report.prior_var).chain(&report.support_cov);
            prop_assert!(numbers.chain([&report.intercept[0], &report.noise_var]).all(|v| v.is_finite()), "{report:?}");
            prop_assert!(report.energy.is_finite() || report.noise_var == 0.0);
            prop_assert!(report.posterior.as_ref().is_none_or(sound), "{report:?}");
            prop_assert!(report.support.iter().all(|&j| j < x.ncols()));
            prop_assert!(report.coef.iter().enumerate().all(|(j, c)| *c == 0.0 || report.support.contains(&j)));
        }
    }

    #[test]
    fn energies_end_in_an_error_or_in_numbers(
        (x, y) in design(), w in prop::collection::vec(wild(), 8), gamma in wild(), power in wild(),
    ) {
        let w: Vec<f64> = w[..x.ncols().min(8)].iter().map(|w| w.abs()).collect();
        let results =
            [marginal_energy(x.view(), &y, &w, gamma), preconditioned_energy(x.view(), &y, &w, gamma, power)];
        for found in results.into_iter().flatten() {
            prop_assert!(gamma > 0.0 && w.iter().all(|w| w.is_finite()));
            prop_assert!(found.value.is_finite() && found.grad_noise_var.is_finite(), "{found:?}");
            prop_assert!(found.grad_prior_var.iter().all(|g| g.is_finite()), "{found:?}");
        }
    }

    #[test]
    fn simultaneous_fits_end_in_an_error_or_in_finite_numbers(
        (x, y) in design(),
        mut settings in structures(),
        responses in 1_usize..4,
    ) {
        let n = x.ncols();
        settings.groups.truncate(n);
        if let Some(start) = &mut settings.start {
            start.prior_var.truncate(n);
        }
        let exact = planted(&x, y.clone());
        let y = Array2::from_shape_fn((x.nrows(), responses), |(i, l)| match l {
            0 => y[i],
            1 => exact[i],
            _ => y[i] - 0.5 * exact[i],
        });
        let result = fit_simultaneous(x.view(), y.view(), &settings, &Monitor::default());
        if let Ok(report) = result {
            prop_assert!(settings.validate().is_ok());
            let numbers = report.coef.iter().chain(&report.intercept).chain(&report.prior_var).chain(&report.support_cov);
            prop_assert!(numbers.chain([&report.noise_var]).all(|v| v.is_finite()), "{report:?}");
            prop_assert!(report.energy.is_finite() || report.noise_var == 0.0);
            prop_assert!(report.posterior.as_ref().is_none_or(sound), "{report:?}");
            let zero = |j: usize| report.coef.iter().skip(j).step_by(n).all(|z| *z == 0.0);
            prop_assert!((0..n).all(|j| zero(j) != report.support.contains(&j)), "{report:?}");
        }
    }

    #[test]
    fn many_fits_are_each_as_alone((x, y) in design(), settings in settings()) {
        let both = Array2::from_shape_fn((x.nrows(), 2), |(i, k)| if k == 0 { y[i] } else { planted(&x, y.clone())[i] });
        let many = fit_many(x.view(), both.view(), &settings, &[], &Monitor::default());
        let alone: Vec<_> = both
            .columns()
            .into_iter()
            .map(|y| fit(x.view(), &y.to_vec(), &settings, &Monitor::default()))
            .collect();
        match many {
            Ok(reports) => {
                for (report, alone) in reports.into_iter().map(sparsevae::FitReport::from).zip(alone) {
                    prop_assert_eq!(&alone.unwrap().coef, &report.coef);
                }
            }
            Err(_) => prop_assert!(alone.iter().any(Result::is_err)),
        }
    }
}
