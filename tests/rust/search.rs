//! The search of noisy supports, against least squares from scratch.

use crate::common::{Planted, assert_close, gaussian, least_squares, normal};
use ndarray::{Array2, Axis};
use sparsevae::Error;
use sparsevae::datasets::Design;
use sparsevae::design::Standardised;
use sparsevae::settings::Sizes;
use sparsevae::support::evidence::{Criterion, Evidence};
use sparsevae::support::search::Search;

fn unit_columns(mut x: Array2<f64>) -> Array2<f64> {
    for mut column in x.axis_iter_mut(Axis(1)) {
        let norm = column.dot(&column).sqrt();
        column /= norm;
    }
    x
}

fn evidence(kind: Criterion, d: usize, n: usize, y: &[f64]) -> Evidence {
    Evidence { kind, freedom: d, n_responses: 1, n_choices: n, total: y.iter().map(|v| v * v).sum(), noise_var: None }
}

#[test]
fn every_candidate_of_the_path_has_the_residual_of_least_squares() {
    for (d, n) in [(20, 40), (40, 12), (30, 30), (5, 200), (2, 3), (1, 5)] {
        for kind in [Criterion::Evidence, Criterion::ExtendedBic] {
            let (x, y) = (unit_columns(gaussian(d, n, 1)), normal(d, 2));
            let design = Standardised::as_it_is(x.to_owned());
            let search =
                Search { design: &design, response: &y, evidence: evidence(kind, d, n, &y), sizes: Sizes::ANY };
            let path = search.path(|| Ok(())).unwrap();
            assert!(path[0].support.is_empty());
            for candidate in &path {
                assert!(candidate.support.windows(2).all(|pair| pair[0] < pair[1]));
                let (_, rss) = least_squares(&x, &candidate.support, &y);
                assert_close(candidate.rss, rss, 1e-8, "residual sum of squares");
                let criterion = search.evidence.criterion(candidate.support.len(), candidate.rss);
                assert_eq!(candidate.criterion, criterion);
            }
        }
    }
}

#[test]
fn no_single_exchange_improves_a_candidate() {
    let (x, y) = (unit_columns(gaussian(25, 40, 5)), normal(25, 6));
    let design = Standardised::as_it_is(x.to_owned());
    let search = Search {
        design: &design,
        response: &y,
        evidence: evidence(Criterion::Evidence, 25, 40, &y),
        sizes: Sizes::ANY,
    };
    let candidate = search.local(&[3, 5, 8, 13], || Ok(())).unwrap();
    for i in 0..candidate.support.len() {
        for j in (0..40).filter(|j| !candidate.support.contains(j)) {
            let mut other = candidate.support.clone();
            other[i] = j;
            assert!(least_squares(&x, &other, &y).1 > candidate.rss * (1.0 - 2e-6));
        }
    }
}

#[test]
fn clear_signals_in_noise_are_found() {
    for seed in 0..5 {
        let planted = Planted::of(Design::Gaussian, 80, 160, 0, seed);
        let mut z = vec![0.0; 160];
        [7, 70, 111, 150].into_iter().for_each(|j| z[j] = if j % 2 == 0 { 1.0 } else { -2.0 });
        let y: Vec<f64> =
            planted.x.dot(&ndarray::aview1(&z)).iter().zip(normal(80, seed + 100)).map(|(y, e)| y + 0.02 * e).collect();
        for kind in [Criterion::Evidence, Criterion::ExtendedBic] {
            let design = Standardised::as_it_is(planted.x.to_owned());
            let search =
                Search { design: &design, response: &y, evidence: evidence(kind, 80, 160, &y), sizes: Sizes::ANY };
            let path = search.path(|| Ok(())).unwrap();
            let best = path.iter().min_by(|a, b| a.criterion.total_cmp(&b.criterion)).unwrap();
            assert_eq!(best.support, [7, 70, 111, 150]);
            assert_eq!(search.local(&[1, 2], || Ok(())).unwrap().support, [7, 70, 111, 150]);
        }
    }
}

#[test]
fn dependent_columns_never_join_the_same_set() {
    let mut x = gaussian(12, 20, 5);
    for (copy, original) in [(10, 0), (11, 1), (12, 2)] {
        let column = x.column(original).to_owned();
        x.column_mut(copy).assign(&(column * -1.0));
    }
    let x = unit_columns(x);
    let y = normal(12, 6);
    let design = Standardised::as_it_is(x.to_owned());
    let search = Search {
        design: &design,
        response: &y,
        evidence: evidence(Criterion::Evidence, 12, 20, &y),
        sizes: Sizes::ANY,
    };
    for candidate in search.path(|| Ok(())).unwrap() {
        for j in 0..3 {
            assert!(!(candidate.support.contains(&j) && candidate.support.contains(&(j + 10))));
        }
    }
    assert!(!search.local(&[0, 10], || Ok(())).unwrap().support.ends_with(&[0, 10]));
}

#[test]
fn a_search_ends_with_the_error_of_its_step() {
    let (x, y) = (unit_columns(gaussian(25, 40, 5)), normal(25, 6));
    let design = Standardised::as_it_is(x.to_owned());
    let search = Search {
        design: &design,
        response: &y,
        evidence: evidence(Criterion::Evidence, 25, 40, &y),
        sizes: Sizes::ANY,
    };
    let interrupted = || Err(Error::Interrupted { step: 1 });
    assert_eq!(search.path(interrupted), Err(Error::Interrupted { step: 1 }));
    assert_eq!(search.local(&[4], interrupted), Err(Error::Interrupted { step: 1 }));
}

#[test]
fn criteria_are_zero_for_no_column_and_infinite_beyond_the_data() {
    for kind in [Criterion::Evidence, Criterion::ExtendedBic] {
        let unknown = Evidence { kind, freedom: 10, n_responses: 1, n_choices: 30, total: 2.0, noise_var: None };
        assert_eq!(unknown.criterion(0, 2.0), 0.0);
        assert_eq!(unknown.criterion(9, 0.1), f64::INFINITY);
        assert!(unknown.criterion(2, 1e-9) < unknown.criterion(2, 1e-3));
        assert!(unknown.criterion(3, 1e-3) > unknown.criterion(2, 1e-3));
        assert!(unknown.criterion(1, 2.0) > 0.0, "a column that explains nothing costs");
        let known = Evidence { noise_var: Some(1e-2), ..unknown };
        assert!(known.criterion(2, 0.02) < known.criterion(2, 0.2));
        assert!(known.criterion(29, 0.0).is_finite());
    }
}
