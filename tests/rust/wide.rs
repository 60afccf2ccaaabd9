//! Wide designs: a working set of columns, and passes over all others.

use crate::common::{Planted, fitted, gaussian, normal};
use ndarray::{Array2, Axis};
use sparsevae::FitReport;
use sparsevae::model::fit_simultaneous;
use sparsevae::model::settings::{Settings, SupportRule};
use sparsevae::monitor::Monitor;
use sparsevae::support::evidence::Criterion;

const WIDE: usize = 4_000;

fn wide(x: &Array2<f64>, y: &[f64]) -> FitReport {
    fitted(x.view(), y, &Settings::default())
}

#[test]
fn wide_designs_are_searched_by_a_working_set_and_others_are_not() {
    let planted = Planted::new(gaussian(60, WIDE, 1), 4, 2);
    let y = planted.noisy(20.0, 3);
    assert!(wide(&planted.x, &y).n_passes >= 2);
    let narrow = planted.x.select(Axis(1), &(0..2_000).collect::<Vec<usize>>());
    assert_eq!(wide(&narrow, &y).n_passes, 0);
}

#[test]
fn a_noisy_support_is_found_among_columns_that_nobody_copied() {
    for seed in 0..4 {
        let planted = Planted::new(gaussian(80, WIDE, seed), 4, seed + 10);
        let report = wide(&planted.x, &planted.noisy(30.0, seed));
        assert_eq!(report.support, planted.support(), "{seed}");
        assert!(!report.certified);
        let posterior = report.posterior.unwrap();
        assert_eq!(posterior.inclusion_prob.len(), WIDE);
        assert!(report.support.iter().all(|&j| posterior.inclusion_prob[j] > 0.9), "{seed}");
        // Draws are of the working set alone, and everything outside of it is 0.
        assert_eq!(posterior.coef_draws.ncols(), posterior.drawn.len());
        assert!(posterior.drawn.len() < WIDE / 2 && posterior.drawn.is_sorted());
        let outside = (0..WIDE).filter(|j| posterior.drawn.binary_search(j).is_err());
        assert!(outside.into_iter().all(|j| posterior.inclusion_prob[j] == 0.0 && posterior.coef[j] == 0.0));
    }
}

/// With more samples than columns in the working set, these are compressed.
#[test]
fn a_working_set_of_fewer_columns_than_samples_misses_nothing() {
    let (rows, n) = (1_200, 6_200);
    let mut x = gaussian(rows, n, 70);
    let (a, mut b) = (centred(&x.column(7).to_vec()), centred(&x.column(2_500).to_vec()));
    b.iter_mut().zip(&a).for_each(|(b, a)| *b = 0.5 * *b + a);
    x.column_mut(2_500).iter_mut().zip(&b).for_each(|(x, b)| *x = *b);
    let dot = |u: &[f64], v: &[f64]| u.iter().zip(v).map(|(u, v)| u * v).sum::<f64>();
    let slope = dot(&a, &b) / dot(&b, &b);
    let signal: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a - slope * b).collect();
    let report = wide(&x, &signal);
    assert_eq!((report.support.as_slice(), report.certified), ([7, 2_500].as_slice(), true));
    let noisy: Vec<f64> = signal.iter().zip(normal(rows, 71)).map(|(y, e)| y + 0.1 * e).collect();
    let report = wide(&x, &noisy);
    assert_eq!(report.support, [7, 2_500]);
    assert!(report.n_passes >= 2);
    let posterior = report.posterior.unwrap();
    assert!(posterior.drawn.len() < rows && posterior.inclusion_prob[2_500] > 0.99);
}

/// The response is orthogonal to one of the two columns that explain it, so that the first pass cannot see it.
#[test]
fn a_column_without_correlation_with_the_response_is_taken_in_by_a_later_pass() {
    let mut x = gaussian(80, WIDE, 5);
    let (a, mut b) = (centred(&x.column(7).to_vec()), centred(&x.column(2_500).to_vec()));
    b.iter_mut().zip(&a).for_each(|(b, a)| *b = 0.5 * *b + a);
    x.column_mut(2_500).iter_mut().zip(&b).for_each(|(x, b)| *x = *b);
    let dot = |u: &[f64], v: &[f64]| u.iter().zip(v).map(|(u, v)| u * v).sum::<f64>();
    let slope = dot(&a, &b) / dot(&b, &b);
    let y: Vec<f64> = a.iter().zip(&b).zip(normal(80, 6)).map(|((a, b), e)| a - slope * b + 0.02 * e).collect();
    let products: Vec<f64> = x.columns().into_iter().map(|x| dot(&centred(&x.to_vec()), &y).abs()).collect();
    assert!(products.iter().filter(|q| **q > products[2_500]).count() > 1_500);
    let report = wide(&x, &y);
    assert_eq!(report.support, [7, 2_500]);
    assert!(report.n_passes >= 2);
}

fn centred(values: &[f64]) -> Vec<f64> {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|v| v - mean).collect()
}

#[test]
fn noise_free_data_are_certified_with_their_exact_coefficients() {
    for seed in 0..4 {
        let planted = Planted::new(gaussian(60, WIDE, seed + 20), 4, seed);
        let report = wide(&planted.x, &planted.y);
        assert!(report.certified && report.n_passes > 0, "{seed}");
        assert_eq!(report.support, planted.support(), "{seed}");
        assert!(report.coef.iter().zip(&planted.z).all(|(found, z)| (found - z).abs() < 1e-10), "{seed}");
    }
}

#[test]
fn a_copy_of_a_chosen_column_leaves_a_wide_design_without_a_certificate() {
    let mut planted = Planted::new(gaussian(60, WIDE, 30), 3, 1);
    let (chosen, copy) = (planted.support()[0], if planted.support().contains(&9) { 10 } else { 9 });
    let column = planted.x.column(chosen).to_owned();
    planted.x.column_mut(copy).assign(&column);
    assert!(!wide(&planted.x, &planted.y).certified);
}

#[test]
fn noise_alone_is_told_no_column_of_a_wide_design() {
    let chosen = (0..20).filter(|&seed| {
        let (x, y) = (gaussian(50, WIDE, 40 + seed / 5), normal(50, 60 + seed));
        !wide(&x, &y).support.is_empty()
    });
    // The level is 4%: three of twenty are as rare as one in a hundred.
    assert!(chosen.count() < 3);
}

#[test]
fn the_answer_does_not_depend_on_the_order_of_wide_columns() {
    let planted = Planted::new(gaussian(60, WIDE, 50), 4, 3);
    let y = planted.noisy(15.0, 4);
    let backwards: Vec<usize> = (0..WIDE).rev().collect();
    let (there, back) = (wide(&planted.x, &y), wide(&planted.x.select(Axis(1), &backwards), &y));
    let mirrored: Vec<usize> = back.support.iter().rev().map(|j| WIDE - 1 - j).collect();
    assert!(!there.support.is_empty());
    assert_eq!(there.support, mirrored);
}

fn several(x: &Array2<f64>, y: &Array2<f64>, settings: &Settings) -> FitReport {
    fit_simultaneous(x.view(), y.view(), settings, &Monitor::default()).unwrap()
}

/// Responses that share their support, and the support.
fn rows(x: &Array2<f64>, n_responses: usize, n_nonzero: usize, seed: u64) -> (Array2<f64>, Vec<usize>) {
    let support: Vec<usize> = (0..n_nonzero).map(|i| (i * 997 + 13 * seed as usize) % x.ncols()).collect();
    let y = x.select(Axis(1), &support).dot(&gaussian(n_nonzero, n_responses, seed + 100));
    let mut ascending = support;
    ascending.sort_unstable();
    (y, ascending)
}

/// `y` and noise with `share` of its mean square.
fn with_noise(y: &Array2<f64>, share: f64, seed: u64) -> Array2<f64> {
    let scale = (share * y.iter().map(|v| v * v).sum::<f64>() / y.len() as f64).sqrt();
    y + &(gaussian(y.nrows(), y.ncols(), seed + 200) * scale)
}

#[test]
fn several_responses_are_searched_by_a_working_set_whether_few_or_more_than_samples() {
    let evidence = Settings { support_rule: SupportRule::Criterion(Criterion::Evidence), ..Settings::default() };
    for (n_responses, seed) in [(4, 1), (12, 2), (90, 3)] {
        let x = gaussian(60, WIDE, seed);
        let (y, support) = rows(&x, n_responses, 6, seed);
        let y = with_noise(&y, 0.005, seed);
        let report = several(&x, &y, &Settings::default());
        assert!(report.n_passes >= 2 && !report.certified, "{n_responses}");
        assert_eq!(report.support, support, "{n_responses}");
        assert_eq!(report.coef.len(), n_responses * WIDE);
        let posterior = report.posterior.unwrap();
        assert!(support.iter().all(|&j| posterior.inclusion_prob[j] > 0.9), "{n_responses}");
        assert!(posterior.drawn.len() < WIDE / 2);
        let by_evidence = several(&x, &y, &evidence);
        assert!(by_evidence.n_passes >= 2);
        assert_eq!(by_evidence.support, support, "{n_responses}");
    }
}

/// As for one response, in each of them; the residuals of many follow from how they change.
#[test]
fn a_column_that_no_response_correlates_with_is_taken_in_by_a_later_pass() {
    let mut x = gaussian(80, WIDE, 5);
    let (a, mut b) = (centred(&x.column(7).to_vec()), centred(&x.column(2_500).to_vec()));
    b.iter_mut().zip(&a).for_each(|(b, a)| *b = 0.5 * *b + a);
    x.column_mut(2_500).iter_mut().zip(&b).for_each(|(x, b)| *x = *b);
    let dot = |u: &[f64], v: &[f64]| u.iter().zip(v).map(|(u, v)| u * v).sum::<f64>();
    let slope = dot(&a, &b) / dot(&b, &b);
    for n_responses in [3, 40] {
        let (gain, noise) = (normal(n_responses, 7), gaussian(80, n_responses, 6));
        let y =
            Array2::from_shape_fn((80, n_responses), |(i, l)| gain[l] * (a[i] - slope * b[i]) + 0.02 * noise[[i, l]]);
        let squares: Vec<f64> = x
            .columns()
            .into_iter()
            .map(|x| y.columns().into_iter().map(|y| dot(&centred(&x.to_vec()), &y.to_vec()).powi(2)).sum())
            .collect();
        assert!(squares.iter().filter(|q| **q > squares[2_500]).count() > 1_500);
        let report = several(&x, &y, &Settings::default());
        assert_eq!(report.support, [7, 2_500], "{n_responses}");
    }
}

#[test]
fn noise_free_rows_of_a_wide_design_are_certified_with_their_exact_coefficients() {
    for (n_responses, seed) in [(3, 1), (40, 2)] {
        let x = gaussian(60, WIDE, seed + 20);
        let (y, support) = rows(&x, n_responses, 6, seed);
        let report = several(&x, &y, &Settings::default());
        assert!(report.certified && report.n_passes > 0, "{n_responses}");
        assert_eq!(report.support, support, "{n_responses}");
        let fitted = x.dot(&Array2::from_shape_fn((WIDE, n_responses), |(j, l)| report.coef[l * WIDE + j]));
        assert!(fitted.iter().zip(&y).all(|(a, b)| (a - b).abs() < 1e-9), "{n_responses}");
    }
}

#[test]
fn noise_in_several_responses_is_told_no_column_of_a_wide_design() {
    let chosen = (0..20).filter(|&seed| {
        let x = gaussian(50, WIDE, 80 + seed / 5);
        !several(&x, &gaussian(50, 4, 90 + seed), &Settings::default()).support.is_empty()
    });
    // The level is 4%: three of twenty are as rare as one in a hundred.
    assert!(chosen.count() < 3);
}
