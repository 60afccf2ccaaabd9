//! The rivals: against dense algebra, certificates, and each other.

use crate::common::{assert_close, gaussian, invert, norm, normal};
use ndarray::{Array1, Array2, Axis};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sparsevae::baseline::basis_pursuit::{AugmentedSettings, ReweightedSettings, augmented, reweighted};
use sparsevae::baseline::equations::{Compressed, Equations};
use sparsevae::baseline::group_pursuit::{self, GroupPursuitSettings};
use sparsevae::baseline::peeling::peel;
use sparsevae::baseline::probing::{self, ProbingSettings};
use sparsevae::baseline::row_penalty::{self, Penalty, RowPenaltySettings};
use sparsevae::baseline::sparse_bayes::{self, SparseBayesSettings};
use sparsevae::monitor::Monitor;
use sparsevae::settings::Settings;
use sparsevae::{Error, Status};
use std::ops::ControlFlow;

/// A design, coefficients of which the first `k` rows are nonzero, and their responses.
fn planted(d: usize, n: usize, k: usize, n_responses: usize, seed: u64) -> (Array2<f64>, Array2<f64>, Array2<f64>) {
    let x = gaussian(d, n, seed);
    let mut coef = gaussian(n, n_responses, seed + 1);
    coef.rows_mut().into_iter().skip(k).for_each(|mut row| row.fill(0.0));
    let y = x.dot(&coef);
    (x, coef, y)
}

/// The mean and the covariance of the posterior by the inverse of the precision.
fn posterior(x: &Array2<f64>, y: &Array1<f64>, w: &[f64], noise: f64) -> (Array1<f64>, Array2<f64>) {
    let mut precision = x.t().dot(x) / noise;
    precision.diag_mut().iter_mut().zip(w).for_each(|(v, w)| *v += 1.0 / w);
    let covariance = invert(&precision).0;
    (covariance.dot(&x.t().dot(y)) / noise, covariance)
}

#[test]
fn equations_have_orthonormal_rows_and_the_least_squares_solutions() {
    for (d, n) in [(6, 15), (15, 6)] {
        let x = gaussian(d, 3, 1).dot(&gaussian(3, n, 2));
        let y = gaussian(d, 2, 3);
        let found = Equations::new(x.view(), y.view(), &Monitor::default()).unwrap();
        assert_eq!(found.rank(), 3);
        let error = found.rows.dot(&found.rows.t()) - Array2::<f64>::eye(3);
        assert!(error.iter().all(|v| v.abs() < 1e-12));
        let left = &y - &x.dot(&found.least_norm());
        assert!(x.t().dot(&left).iter().all(|v| v.abs() < 1e-10));
        let share = norm(left.as_slice().unwrap()) / norm(y.as_slice().unwrap());
        assert_close(found.residual, share, 1e-10, "residual");
    }
}

#[test]
fn responses_are_compressed_to_their_rank_and_back() {
    let y = gaussian(9, 2, 1).dot(&gaussian(2, 30, 2));
    let Compressed { factor, rotation } = Compressed::new(&y, &Monitor::default()).unwrap();
    assert_eq!(factor.dim(), (9, 2));
    assert!((&y - &factor.dot(&rotation)).iter().all(|v| v.abs() < 1e-12));
    assert_eq!(Compressed::new(&Array2::zeros((4, 3)), &Monitor::default()).unwrap().factor.dim(), (4, 1));
}

#[test]
fn a_step_of_expectation_maximisation_is_that_of_the_posterior_written_out() {
    for (d, n) in [(12, 20), (20, 12)] {
        let mut x = gaussian(d, n, 1);
        x.columns_mut().into_iter().for_each(|mut column| {
            let size = column.dot(&column).sqrt();
            column /= size;
        });
        let mut y = Array1::from(normal(d, 2));
        y /= (y.dot(&y) / d as f64).sqrt();
        let settings = SparseBayesSettings { noise_var: Some(0.05), max_iter: 1, prune: 0.0, ..Default::default() };
        let found = sparse_bayes::fit(x.view(), y.view(), &settings.check().unwrap(), &Monitor::default()).unwrap();
        let (mean, covariance) = posterior(&x, &y, &vec![d as f64 / n as f64; n], 0.05);
        let w: Vec<f64> = mean.iter().zip(covariance.diag()).map(|(m, v)| m * m + v).collect();
        w.iter().zip(&found.prior_var).for_each(|(a, b)| assert_close(*b, *a, 1e-10, "prior variance"));
        let (mean, covariance) = posterior(&x, &y, &w, 0.05);
        mean.iter().zip(&found.coef).for_each(|(a, b)| assert_close(*b, *a, 1e-9, "mean"));
        covariance.diag().iter().zip(&found.posterior_var).for_each(|(a, b)| assert_close(*b, *a, 1e-9, "variance"));
        assert_eq!((found.status, found.n_iter), (Status::IterationLimit, 1));
    }
}

#[test]
fn probed_variances_are_those_of_the_same_signs_in_dense_algebra() {
    let (d, n, count) = (10, 15, 3);
    let mut x = gaussian(d, n, 1);
    x.columns_mut().into_iter().for_each(|mut column| {
        let size = column.dot(&column).sqrt();
        column /= size;
    });
    let mut y = Array1::from(normal(d, 2));
    y /= (y.dot(&y) / d as f64).sqrt();
    let settings = SparseBayesSettings { noise_var: Some(0.1), max_iter: 1, prune: 0.0, ..Default::default() };
    let probing = ProbingSettings { n_probes: count, cg_tol: 1e-13, seed: 7, ..Default::default() };
    let (settings, probing) = (settings.check().unwrap(), probing.check().unwrap());
    let found = probing::fit(x.view(), y.view(), &settings, &probing, &Monitor::default()).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut estimate = |w: &[f64]| {
        let signs = Array2::from_shape_simple_fn((n, count), || if rng.next_u32() >> 31 == 0 { 1.0 } else { -1.0 });
        let (mean, covariance) = posterior(&x, &y, w, 0.1);
        let share = |j: usize| {
            let scaled = |i: usize| covariance[[j, i]] / (w[j] * w[i]).sqrt();
            let probe = |k: usize| (0..n).map(|i| signs[[j, k]] * scaled(i) * signs[[i, k]]).sum::<f64>();
            ((0..count).map(probe).sum::<f64>() / count as f64).clamp(0.0, 1.0)
        };
        (mean, (0..n).map(|j| w[j] * share(j)).collect::<Vec<f64>>())
    };
    let (mean, var) = estimate(&vec![d as f64 / n as f64; n]);
    let w: Vec<f64> = mean.iter().zip(&var).map(|(m, v)| m * m + v).collect();
    w.iter().zip(&found.found.prior_var).for_each(|(a, b)| assert_close(*b, *a, 1e-8, "prior variance"));
    let (mean, var) = estimate(&w);
    mean.iter().zip(&found.found.coef).for_each(|(a, b)| assert_close(*b, *a, 1e-8, "mean"));
    var.iter().zip(&found.found.posterior_var).for_each(|(a, b)| assert_close(*b, *a, 1e-8, "variance"));
    assert_eq!(found.n_unsolved, 0);
}

#[test]
fn a_covariance_that_float64_cannot_factorise_is_an_error() {
    let x = gaussian(5, 12, 1);
    let twice = ndarray::concatenate![Axis(0), x, x];
    let y = Array1::from([normal(5, 2), normal(5, 2)].concat());
    let settings = SparseBayesSettings { noise_var: Some(1e-40), ..Default::default() }.check().unwrap();
    let found = sparse_bayes::fit(twice.view(), y.view(), &settings, &Monitor::default());
    assert!(matches!(found, Err(Error::NotPositiveDefinite { .. })), "{found:?}");
}

#[test]
fn probes_that_do_not_fit_in_memory_are_refused() {
    let (x, y) = (gaussian(3, 4, 1), Array1::from(normal(3, 2)));
    let probing = ProbingSettings { n_probes: 1 << 62, ..Default::default() }.check().unwrap();
    let settings = SparseBayesSettings::default().check().unwrap();
    let found = probing::fit(x.view(), y.view(), &settings, &probing, &Monitor::default());
    assert!(matches!(found, Err(Error::InvalidParameter { name: "n_probes", .. })));
}

#[test]
fn reweighting_solves_more_than_its_first_round() {
    let mut solved = [0, 0];
    for seed in 0..6 {
        let (x, coef, y) = planted(50, 100, 20, 1, 10 * seed);
        let settings = ReweightedSettings::default().check().unwrap();
        let found = reweighted(x.view(), y.column(0), &settings, &Monitor::default()).unwrap();
        assert_eq!(found.status, Status::Converged);
        // A round at equal weights is basis pursuit.
        let equal = ReweightedSettings { epsilon: 1e9, max_iter: 1, ..Default::default() }.check().unwrap();
        let first = reweighted(x.view(), y.column(0), &equal, &Monitor::default()).unwrap();
        for (count, found) in solved.iter_mut().zip([&first.coef, &found.coef]) {
            *count += usize::from(found.iter().zip(&coef).all(|(a, b)| (a - b).abs() < 1e-8));
        }
        let left = &y.column(0) - &x.dot(&Array1::from(found.coef));
        assert!(norm(left.as_slice().unwrap()) < 1e-10);
    }
    assert!(solved[1] >= 5 && solved[0] < solved[1], "{solved:?}");
}

#[test]
fn reweighting_ends_at_any_smoothing() {
    for (seed, epsilon) in (0..12).flat_map(|seed| [1e-3, 1e-6, 1e-9].map(|epsilon| (seed, epsilon))) {
        let (x, _, y) = planted(20, 45, 12, 1, 10 * seed);
        let settings = ReweightedSettings { epsilon, ..Default::default() }.check().unwrap();
        let found = reweighted(x.view(), y.column(0), &settings, &Monitor::default()).unwrap();
        assert_eq!(found.status, Status::Converged, "seed {seed}, epsilon {epsilon:e}");
    }
}

#[test]
fn coordinates_of_a_near_dependency_are_peeled_and_free() {
    let (n, gap) = (30, 1e-3);
    let mut covariance = Array2::eye(n);
    covariance[[0, 1]] = 1.0 - gap;
    covariance[[1, 0]] = 1.0 - gap;
    let found = peel(covariance.clone(), 0.1, 5, &Monitor::default()).unwrap();
    assert_eq!((found.chosen.as_slice(), found.n_small), ([0, 1].as_slice(), 1));
    let mut x = gaussian(15, n, 3);
    let twin = &x.column(0) + &(&x.column(1) * 0.03);
    x.column_mut(1).assign(&twin);
    let y = &(&x.column(1) - &x.column(0)) * 100.0 + x.column(20);
    let settings = AugmentedSettings::default().check().unwrap();
    let found = augmented(x.view(), y.view(), Some(covariance.view()), &settings, &Monitor::default()).unwrap();
    assert_eq!((found.status, found.unpenalised), (Status::Optimal, false));
    for (j, v) in found.coef.iter().enumerate() {
        let expected = [(0, -100.0), (1, 100.0), (20, 1.0)].iter().find(|(i, _)| *i == j).map_or(0.0, |(_, v)| *v);
        assert_close(*v, expected, 1e-9, "coefficient");
    }
    let wrong = augmented(x.view(), y.view(), Some(x.view()), &settings, &Monitor::default());
    assert!(matches!(wrong, Err(Error::Shape { what: "covariance", .. })));
}

#[test]
fn free_coordinates_that_are_dependent_still_have_a_vertex() {
    // Without a covariance of the population all of 20 coordinates are peeled from 8 samples.
    let (x, _, y) = planted(8, 20, 3, 1, 5);
    let settings = AugmentedSettings::default().check().unwrap();
    let found = augmented(x.view(), y.column(0), None, &settings, &Monitor::default()).unwrap();
    assert!(found.unpenalised);
    assert!(found.coef.iter().filter(|v| **v != 0.0).count() <= 8);
    let left = &y.column(0) - &x.dot(&Array1::from(found.coef));
    assert!(norm(left.as_slice().unwrap()) < 1e-10);
}

#[test]
fn group_pursuit_is_optimal_by_its_dual() {
    for (k, tolerance) in [(5, 0.0), (20, 0.0), (5, 1.0)] {
        let (x, _, y) = planted(25, 60, k, 4, 7);
        let settings = GroupPursuitSettings { tolerance, ..Default::default() }.check().unwrap();
        let found = group_pursuit::fit(x.view(), y.view(), &settings, &Monitor::default()).unwrap();
        assert_eq!(found.status, Status::Optimal);
        let left = &y - &x.dot(&found.coef);
        assert_close(norm(left.as_slice().unwrap()), tolerance, 1e-7, "misfit");
        let length = |m: &Array2<f64>| m.rows().into_iter().map(|row| row.dot(&row).sqrt()).collect::<Vec<f64>>();
        assert!(length(&x.t().dot(&found.dual)).iter().all(|v| *v < 1.0 + 1e-9));
        let value: f64 = length(&found.coef).iter().sum();
        let bound = (&y * &found.dual).sum() - tolerance * norm(found.dual.as_slice().unwrap());
        assert!((value - bound).abs() <= 2e-8 * value, "{value} against {bound}");
    }
}

fn autoencoder(x: &Array2<f64>, y: &Array2<f64>, penalty: Penalty<'_>, noise_var: f64) -> row_penalty::RowPenaltyFit {
    let settings = RowPenaltySettings { noise_var, tol: 1e-10, max_iter: 5000, ..Default::default() };
    row_penalty::fit(x.view(), y.view(), penalty, &settings.check().unwrap(), &Monitor::default()).unwrap()
}

/// The slope of a penalty at a squared row norm.
type Slope = fn(f64) -> f64;

#[test]
fn every_penalty_ends_at_a_fixed_point_of_its_least_squares_and_its_objective_never_rises() {
    let (x, _, y) = planted(20, 40, 6, 5, 3);
    let y = y + 0.05 * &gaussian(20, 5, 9);
    let root = |s: &[f64]| Ok(s.iter().map(|s| ((s + 0.01).sqrt(), 0.5 / (s + 0.01).sqrt())).unzip());
    let penalties: [(Penalty<'_>, Slope); 4] = [
        (Penalty::Log, |s| 1.0 / s),
        (Penalty::Power(0.5), |s| 0.25 * s.powf(-0.75)),
        (Penalty::Power(1.0), |s| 0.5 / s.sqrt()),
        (Penalty::Given(&root), |s| 0.5 / (s + 0.01).sqrt()),
    ];
    for (penalty, slope) in penalties {
        let found = autoencoder(&x, &y, penalty, 0.02);
        assert_eq!(found.status, Status::Converged);
        assert!(found.path.windows(2).all(|pair| pair[1] <= pair[0] + 1e-9 * pair[0].abs()));
        let squares: Vec<f64> = found.coef.rows().into_iter().map(|row| row.dot(&row)).collect();
        let w: Vec<f64> = squares.iter().map(|&s| if s > 0.0 { 1.0 / slope(s) } else { 0.0 }).collect();
        w.iter().zip(&found.prior_var).for_each(|(a, b)| assert_close(*b, *a, 1e-9, "variance"));
        let mut covariance = (&x * &Array1::from(w.clone())).dot(&x.t());
        covariance.diag_mut().iter_mut().for_each(|v| *v += 0.02);
        let again = x.t().dot(&invert(&covariance).0.dot(&y)) * Array1::from(w).insert_axis(Axis(1));
        again.iter().zip(&found.coef).for_each(|(a, b)| assert!((a - b).abs() < 1e-6, "{a} against {b}"));
    }
}

#[test]
fn a_given_penalty_is_the_named_one_that_it_computes() {
    let (x, coef, y) = planted(20, 40, 6, 5, 3);
    let log = |s: &[f64]| Ok(s.iter().map(|s| (s.ln(), 1.0 / s)).unzip());
    let power = |s: &[f64]| Ok(s.iter().map(|s| (s.powf(0.25), 0.25 * s.powf(-0.75))).unzip());
    for (named, given) in [(Penalty::Log, Penalty::Given(&log)), (Penalty::Power(0.5), Penalty::Given(&power))] {
        let (a, b) = (autoencoder(&x, &y, named, 0.0), autoencoder(&x, &y, given, 0.0));
        assert_eq!(a.n_iter, b.n_iter);
        a.coef.iter().zip(&b.coef).for_each(|(a, b)| assert!((a - b).abs() < 1e-12));
        a.coef.iter().zip(&coef).for_each(|(a, b)| assert!((a - b).abs() < 1e-9));
    }
}

#[test]
fn penalties_that_are_none_are_refused_by_name() {
    let (x, _, y) = planted(6, 9, 2, 2, 3);
    let flat = |s: &[f64]| Ok((vec![1.0; s.len()], vec![0.0; s.len()]));
    let settings = RowPenaltySettings::default().check().unwrap();
    for penalty in [Penalty::Given(&flat), Penalty::Power(1.5), Penalty::Power(0.0)] {
        let found = row_penalty::fit(x.view(), y.view(), penalty, &settings, &Monitor::default());
        assert!(matches!(found, Err(Error::InvalidParameter { name: "penalty", .. })));
    }
}

#[test]
fn a_design_of_zeros_has_no_coefficients() {
    let (x, y) = (Array2::zeros((3, 5)), gaussian(3, 2, 1));
    let groups = GroupPursuitSettings::default().check().unwrap();
    let found = group_pursuit::fit(x.view(), y.view(), &groups, &Monitor::default()).unwrap();
    assert_eq!((found.coef, found.rank, found.status), (Array2::zeros((5, 2)), 0, Status::Infeasible));
    let found = autoencoder(&x, &y, Penalty::Log, 0.0);
    assert_eq!((found.coef, found.status), (Array2::zeros((5, 2)), Status::Infeasible));
    let found = autoencoder(&x, &y, Penalty::Power(0.5), 0.1);
    assert_eq!((found.coef, found.status), (Array2::zeros((5, 2)), Status::Converged));
    let column = y.column(0);
    let reweighting = ReweightedSettings::default().check().unwrap();
    let found = reweighted(x.view(), column, &reweighting, &Monitor::default()).unwrap();
    assert_eq!((found.coef, found.status), (vec![0.0; 5], Status::Infeasible));
    let free = AugmentedSettings::default().check().unwrap();
    let found = augmented(x.view(), column, None, &free, &Monitor::default()).unwrap();
    assert_eq!((found.coef, found.status), (vec![0.0; 5], Status::Infeasible));
    let sbl = SparseBayesSettings::default().check().unwrap();
    let found = sparse_bayes::fit(x.view(), column, &sbl, &Monitor::default()).unwrap();
    assert_eq!(found.coef, vec![0.0; 5]);
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let named = |found: Result<(), Error>| match found {
        Err(Error::InvalidParameter { name, .. }) => name,
        other => panic!("{other:?}"),
    };
    assert_eq!(named(SparseBayesSettings { noise_var: Some(0.0), ..Default::default() }.validate()), "noise_var");
    assert_eq!(named(SparseBayesSettings { prune: 1.0, ..Default::default() }.validate()), "prune");
    assert_eq!(named(ProbingSettings { cg_tol: 1.0, ..Default::default() }.validate()), "cg_tol");
    assert_eq!(named(ReweightedSettings { epsilon: 0.0, ..Default::default() }.validate()), "epsilon");
    assert_eq!(named(AugmentedSettings { threshold: f64::NAN, ..Default::default() }.validate()), "threshold");
    assert_eq!(named(GroupPursuitSettings { tolerance: -1.0, ..Default::default() }.validate()), "tolerance");
    assert_eq!(named(RowPenaltySettings { weight: 0.0, ..Default::default() }.validate()), "weight");
}

#[test]
fn every_loop_ends_when_it_is_asked_to() {
    let (x, _, y) = planted(20, 40, 15, 3, 3);
    let stop = |_: &sparsevae::Progress| ControlFlow::Break(());
    let column = y.column(0);
    let (sbl, probing) = (SparseBayesSettings::default().check().unwrap(), ProbingSettings::default().check().unwrap());
    let reweighting = ReweightedSettings::default().check().unwrap();
    let groups = GroupPursuitSettings::default().check().unwrap();
    let rows = RowPenaltySettings::default().check().unwrap();
    let outcomes = [
        sparse_bayes::fit(x.view(), column, &sbl, &Monitor::new(&stop)).map(drop),
        probing::fit(x.view(), column, &sbl, &probing, &Monitor::new(&stop)).map(drop),
        reweighted(x.view(), column, &reweighting, &Monitor::new(&stop)).map(drop),
        group_pursuit::fit(x.view(), y.view(), &groups, &Monitor::new(&stop)).map(drop),
        row_penalty::fit(x.view(), y.view(), Penalty::Log, &rows, &Monitor::new(&stop)).map(drop),
    ];
    for outcome in outcomes {
        assert!(matches!(outcome, Err(Error::Interrupted { .. })), "{outcome:?}");
    }
}
