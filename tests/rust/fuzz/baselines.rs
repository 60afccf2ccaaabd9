//! The rivals.

use super::{cases, data, finite, wild};
use ndarray::Array2;
use proptest::prelude::*;
use sparsevae::baseline::basis_pursuit::{self, AugmentedSettings, ReweightedSettings};
use sparsevae::baseline::group_pursuit::{self, GroupPursuitSettings};
use sparsevae::baseline::probing::{self, ProbingSettings};
use sparsevae::baseline::row_penalty::{self, Penalty, RowPenaltySettings};
use sparsevae::baseline::sparse_bayes::{self, SparseBayes, SparseBayesSettings};
use sparsevae::monitor::Monitor;
use sparsevae::settings::Settings as _;

fn first(y: &Array2<f64>) -> ndarray::ArrayView1<'_, f64> {
    y.column(0)
}

fn numbers(found: &SparseBayes) -> impl Iterator<Item = &f64> {
    found.coef.iter().chain(&found.prior_var).chain(&found.posterior_var).chain([&found.noise_var, &found.step])
}

proptest! {
    #![proptest_config(cases(3_000))]

    #[test]
    fn sparse_bayesian_learning_ends_in_an_error_or_in_finite_numbers(
        (x, y) in data(1), noise_var in prop::option::of(wild()), max_iter in 0_usize..40, tol in wild(), n_probes in 0_usize..4,
    ) {
        let settings = SparseBayesSettings { noise_var, max_iter, tol: tol.abs(), ..SparseBayesSettings::default() };
        let Ok(settings) = settings.check() else { return Ok(()) };
        let (monitor, y) = (Monitor::default(), first(&y));
        if let Ok(found) = sparse_bayes::fit(x.view(), y, &settings, &monitor) {
            prop_assert!(finite(numbers(&found)), "{found:?}");
        }
        let probing = ProbingSettings { n_probes, cg_max_iter: 30, ..ProbingSettings::default() };
        let Ok(probing) = probing.check() else { return Ok(()) };
        if let Ok(found) = probing::fit(x.view(), y, &settings, &probing, &monitor) {
            prop_assert!(finite(numbers(&found.found)), "{found:?}");
        }
    }

    #[test]
    fn basis_pursuits_end_in_an_error_or_in_finite_numbers(
        (x, y) in data(1), epsilon in wild(), max_iter in 0_usize..6, n_nonzero in 0_usize..6, threshold in wild(),
    ) {
        let (monitor, y) = (Monitor::default(), first(&y));
        let settings = ReweightedSettings { epsilon, max_iter, ..ReweightedSettings::default() };
        if let Ok(found) = settings.check().and_then(|settings| basis_pursuit::reweighted(x.view(), y, &settings, &monitor)) {
            prop_assert!(finite(found.coef.iter().chain(&found.weights).chain([&found.residual])), "{found:?}");
        }
        let settings = AugmentedSettings { n_nonzero, threshold, ..AugmentedSettings::default() };
        if let Ok(found) = settings.check().and_then(|settings| basis_pursuit::augmented(x.view(), y, None, &settings, &monitor)) {
            prop_assert!(finite(found.coef.iter().chain([&found.residual])), "{found:?}");
        }
    }

    #[test]
    fn group_pursuits_end_in_an_error_or_in_finite_numbers(
        (x, y) in data(3), tolerance in prop_oneof![2 => Just(0.0), 1 => wild()], max_iter in 0_usize..60,
    ) {
        let settings = GroupPursuitSettings { tolerance, max_iter, ..GroupPursuitSettings::default() };
        let Ok(settings) = settings.check() else { return Ok(()) };
        if let Ok(found) = group_pursuit::fit(x.view(), y.view(), &settings, &Monitor::default()) {
            prop_assert!(finite(found.coef.iter().chain(&found.dual).chain([&found.residual])), "{found:?}");
        }
    }

    #[test]
    fn penalties_of_rows_end_in_an_error_or_in_finite_numbers(
        (x, y) in data(3), noise_var in prop_oneof![1 => Just(0.0), 1 => wild()], weight in wild(), unit in wild(),
        power in prop::option::of(wild()), max_iter in 0_usize..40,
    ) {
        let settings = RowPenaltySettings { noise_var, weight, unit, max_iter, ..RowPenaltySettings::default() };
        let Ok(settings) = settings.check() else { return Ok(()) };
        let penalty = power.map_or(Penalty::Log, Penalty::Power);
        if let Ok(found) = row_penalty::fit(x.view(), y.view(), penalty, &settings, &Monitor::default()) {
            prop_assert!(finite(found.coef.iter().chain(&found.prior_var).chain(&found.path)), "{found:?}");
            prop_assert!(finite([&found.residual, &found.length, &found.smoothing]), "{found:?}");
        }
    }
}
