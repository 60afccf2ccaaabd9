//! Wide designs: a working set of columns, and passes over all others.

use crate::common::{Planted, fitted, gaussian, normal};
use ndarray::{Array2, Axis};
use sparsevae::FitReport;
use sparsevae::model::settings::Settings;

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
