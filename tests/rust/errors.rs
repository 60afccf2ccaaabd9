//! What is refused, and how: every error names the argument, what was found and what is wanted.

use crate::common::{gaussian, normal, plain};
use ndarray::Array2;
use sparsevae::energy::{marginal_energy, preconditioned_energy};
use sparsevae::model::settings::{Noise, Optimizer, Settings, names};
use sparsevae::model::{fit, fit_many};
use sparsevae::monitor::{Monitor, Progress};
use sparsevae::settings::Settings as _;
use sparsevae::solver::descent::Rule;
use sparsevae::{Error, Status};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

fn refused(settings: &Settings) -> (&'static str, String) {
    match fit(gaussian(4, 6, 1).view(), &normal(4, 2), settings, &Monitor::default()) {
        Err(Error::InvalidParameter { name, value, allowed }) => {
            assert!(!allowed.is_empty());
            (name, value)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    for value in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let found = refused(&Settings { noise: Noise::Fixed(value), ..plain() });
        assert_eq!(found, ("noise_var", value.to_string()));
    }
    for value in [-0.1, 2.1, f64::NAN, f64::NEG_INFINITY] {
        assert_eq!(refused(&Settings { power: Some(value), ..plain() }), ("power", value.to_string()));
    }
    for value in [-1e-9, f64::NAN, f64::INFINITY] {
        assert_eq!(refused(&Settings { tol: value, ..plain() }), ("tol", value.to_string()));
    }
    for value in [0.0, 0.5, f64::NAN] {
        assert_eq!(refused(&Settings { precision: value, ..plain() }), ("precision", value.to_string()));
    }
    assert_eq!(refused(&Settings { max_iter: 0, ..plain() }), ("max_iter", "0".to_owned()));
}

#[test]
fn ends_of_the_ranges_are_allowed() {
    for settings in [
        Settings { power: Some(0.0), ..plain() },
        Settings { power: Some(2.0), ..plain() },
        Settings { max_iter: 1, ..plain() },
        Settings { tol: 0.0, ..plain() },
        Settings { n_restarts: 0, ..plain() },
        Settings { n_restarts: usize::MAX, max_iter: 70, ..plain() },
        Settings { max_iter: usize::MAX, n_restarts: 2, ..plain() },
    ] {
        assert_eq!(settings.validate(), Ok(()));
        fit(gaussian(4, 6, 1).view(), &normal(4, 2), &settings, &Monitor::default()).unwrap();
    }
}

#[test]
fn unknown_names_are_refused_with_the_known_ones() {
    let errors = [
        (
            names::optimizer("sgd").unwrap_err(),
            "`optimizer` is \"sgd\"",
            "\"auto\", \"em\", \"mm\", \"mackay\", \"adam\"",
        ),
        (names::noise("none").unwrap_err(), "`noise_var` is \"none\"", "\"anneal\""),
        (names::support_rule("bic").unwrap_err(), "`support_rule` is \"bic\"", "\"ebic\""),
    ];
    for (error, found, wanted) in errors {
        let message = error.to_string();
        assert!(message.contains(found) && message.contains(wanted), "{message}");
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    for dim in [(0, 3), (3, 0), (0, 0)] {
        let error =
            fit(Array2::<f64>::zeros(dim).view(), &vec![1.0; dim.0], &plain(), &Monitor::default()).unwrap_err();
        assert!(matches!(error, Error::Shape { what: "X", .. }), "{error}");
    }
    let error = fit(gaussian(4, 6, 1).view(), &[1.0; 5], &plain(), &Monitor::default()).unwrap_err();
    assert_eq!(error.to_string(), "`y` has shape (5,), but (4,), one value per row of `X` is needed");
    let error = marginal_energy(gaussian(4, 6, 1).view(), &[1.0; 4], &[1.0; 5], 1.0).unwrap_err();
    assert!(matches!(error, Error::Shape { what: "prior_var", .. }), "{error}");
    let many = fit_many(gaussian(4, 6, 1).view(), gaussian(5, 2, 1).view(), &plain(), &[], &Monitor::default());
    assert!(matches!(many, Err(Error::Shape { what: "y", .. })));
}

#[test]
fn values_that_are_not_finite_are_refused_with_their_index() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut x = gaussian(4, 6, 1);
        x[[2, 5]] = bad;
        let error = fit(x.view(), &[1.0; 4], &plain(), &Monitor::default()).unwrap_err();
        assert_eq!(error, Error::NonFinite { what: "X", index: vec![2, 5] });
        let error = fit(gaussian(4, 6, 1).view(), &[1.0, 1.0, 1.0, bad], &plain(), &Monitor::default()).unwrap_err();
        assert_eq!(error, Error::NonFinite { what: "y", index: vec![3] });
        let error = marginal_energy(gaussian(1, 2, 1).view(), &[1.0], &[1.0, bad], 1.0).unwrap_err();
        assert!(matches!(error, Error::InvalidParameter { name: "prior_var", .. }), "{error}");
        let error = preconditioned_energy(gaussian(1, 2, 1).view(), &[1.0], &[1.0; 2], 1.0, bad).unwrap_err();
        assert!(matches!(error, Error::InvalidParameter { name: "power", .. }), "{error}");
    }
    for bad in [0.0, -1.0, f64::NAN] {
        let error = marginal_energy(gaussian(1, 2, 1).view(), &[1.0], &[1.0; 2], bad).unwrap_err();
        assert!(matches!(error, Error::InvalidParameter { name: "noise_var", .. }), "{error}");
    }
}

#[test]
fn failed_factorisation_carries_step_and_pivot() {
    let mut x = gaussian(6, 9, 1);
    let row = x.row(1).to_owned();
    x.row_mut(4).assign(&row);
    let error = marginal_energy(x.view(), &normal(6, 2), &[1.0; 9], 1e-40).unwrap_err();
    assert!(matches!(error, Error::NotPositiveDefinite { step: 0, .. }), "{error}");
    assert!(error.to_string().contains("noise_var"), "{error}");
    let settings = Settings { optimizer: Optimizer::Rule(Rule::Mm), noise: Noise::Fixed(1e-300), ..plain() };
    match fit(x.view(), &normal(6, 2), &settings, &Monitor::default()) {
        Err(Error::NotPositiveDefinite { step, pivot }) => assert!(step >= 1 && pivot < 6),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_observer_that_breaks_interrupts_every_kind_of_fit() {
    let (x, y) = (gaussian(20, 40, 1), normal(20, 2));
    for noise in [Noise::Auto, Noise::Anneal, Noise::Learn, Noise::Fixed(0.1)] {
        for name in ["auto", "em", "mm", "mackay"] {
            for power in [None, Some(0.5)] {
                let settings = Settings { noise, power, optimizer: names::optimizer(name).unwrap(), ..plain() };
                let seen = AtomicUsize::new(0);
                let observer = |_: &Progress| {
                    let fifth = seen.fetch_add(1, Ordering::Relaxed) == 4;
                    if fifth { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                };
                let error = fit(x.view(), &y, &settings, &Monitor::new(&observer)).unwrap_err();
                assert!(matches!(error, Error::Interrupted { step: 5 }), "{noise:?} {name}: {error}");
            }
        }
    }
    let monitor = Monitor::default();
    monitor.stop();
    let many = fit_many(x.view(), gaussian(20, 3, 2).view(), &plain(), &[], &monitor);
    assert!(matches!(many, Err(Error::Interrupted { .. })));
}

#[test]
fn status_names_are_those_that_python_shows() {
    let all = [Status::Certified, Status::Converged, Status::Noisy, Status::IterationLimit, Status::SamplingLimit];
    assert_eq!(all.map(Status::name), ["certified", "converged", "noisy", "iteration_limit", "sampling_limit"]);
}
