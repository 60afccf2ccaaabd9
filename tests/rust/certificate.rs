//! A certificate is never wrong.

use crate::common::{Planted, fitted, gaussian, norm, normal, plain};
use ndarray::{Array2, Axis, aview1, s};
use rayon::prelude::*;
use sparsevae::FitReport;
use sparsevae::datasets::{Design, Law, make_sparse_coef};
use sparsevae::design::Standardised;
use sparsevae::linalg::least_squares::NestedLeastSquares;
use sparsevae::linalg::row_space::RowSpace;
use sparsevae::model::settings::{Noise, Settings};
use sparsevae::monitor::Monitor;
use sparsevae::support::certificate::{Certifier, Proof};

const DESIGNS: [Design; 4] = [
    Design::Gaussian,
    Design::RandomWalk,
    Design::Toeplitz { correlation: 0.98 },
    Design::Block { correlation: 0.9, block_size: 10 },
];

/// Default settings with few restarts, so that hopeless problems end soon.
fn brief() -> Settings {
    Settings { n_restarts: 4, ..plain() }
}

fn assert_right(report: &FitReport, planted: &Planted, what: &str) {
    assert_eq!(report.support, planted.support(), "{what}");
    for (found, z) in report.coef.iter().zip(&planted.z) {
        assert!((found - z).abs() < 1e-5 * norm(&planted.z.to_vec()), "{what}: {found} {z}");
    }
}

#[test]
fn no_certificate_is_wrong_on_noise_free_problems_of_every_design() {
    let shapes = [(100, 200, 12), (71, 100, 16), (40, 80, 40), (20, 25, 40)];
    let mut problems = Vec::new();
    for (rows, cols, count) in shapes {
        for design in DESIGNS {
            problems.extend((0..count).map(|seed| (rows, cols, design, seed)));
        }
    }
    let certified: usize = problems
        .into_par_iter()
        .map(|(rows, cols, design, seed)| {
            let kappa = [2, 10, 20, 30, 40, 50, 60][seed as usize % 7] * rows / 100;
            let planted = Planted::of(design, rows, cols, kappa.max(1), seed + 1000);
            let report = fitted(planted.x.view(), &planted.y, &brief());
            if report.certified {
                assert_right(&report, &planted, &format!("{design:?} {rows} x {cols}, {kappa}, seed {seed}"));
            }
            usize::from(report.certified)
        })
        .sum();
    assert!(certified > 250, "{certified} of 432 were certified");
}

#[test]
fn noisy_data_are_never_certified() {
    let mut problems = Vec::new();
    for (rows, cols) in [(40, 80), (30, 31), (30, 30), (31, 30), (60, 20), (12, 12), (5, 40), (3, 2), (2, 2)] {
        for design in DESIGNS {
            for snr_db in [30.0, 60.0, 90.0, 120.0] {
                problems.extend([false, true].map(|centred| (rows, cols, design, snr_db, centred)));
            }
        }
    }
    problems.into_par_iter().for_each(|(rows, cols, design, snr_db, fit_intercept)| {
        let planted = Planted::of(design, rows, cols, (rows.min(cols) / 4).max(1), rows as u64 + snr_db as u64);
        let y = planted.noisy(snr_db, 7);
        let report = fitted(planted.x.view(), &y, &Settings { fit_intercept, ..brief() });
        assert!(!report.certified, "{design:?} {rows} x {cols}, {snr_db} dB, intercept {fit_intercept}");
    });
}

#[test]
fn dense_responses_are_never_certified() {
    for (seed, (rows, cols)) in [(40, 80), (29, 30), (30, 30), (10, 11), (4, 4), (2, 9)].into_iter().enumerate() {
        let x = gaussian(rows, cols, seed as u64);
        for y in [normal(rows, 103), x.dot(&aview1(&normal(cols, 104))).to_vec()] {
            for noise in [Noise::Auto, Noise::Anneal] {
                let report = fitted(x.view(), &y, &Settings { noise, ..brief() });
                assert!(!report.certified, "{rows} x {cols}, {noise:?}");
            }
        }
    }
}

#[test]
fn badly_conditioned_square_designs_are_certified_rightly_or_not_at_all() {
    let mut certified = 0;
    for seed in 0..60 {
        let rows = 6 + seed as usize % 20;
        // Singular values down to 1e-12 of the largest.
        let weakest = 10f64.powi(-(seed as i32 % 13));
        let space = RowSpace::new(gaussian(rows, rows, seed).view()).unwrap();
        let other = RowSpace::new(gaussian(rows, rows, seed + 500).view()).unwrap();
        let singular = |i: usize| weakest.powf(i as f64 / (rows - 1) as f64);
        let scaled = Array2::from_shape_fn((rows, rows), |(i, j)| singular(i) * space.basis[[i, j]]);
        let x = other.basis.t().dot(&scaled);
        for n_nonzero in [1, rows / 3, rows - 1, rows] {
            let mut planted = Planted::new(x.clone(), n_nonzero, seed);
            // Equal coefficients: a threshold relative to their sum must not swallow them all.
            planted.z.mapv_inplace(|z| if z == 0.0 { 0.0 } else { 1.0 });
            planted.y = x.dot(&planted.z).to_vec();
            let report = fitted(x.view(), &planted.y, &brief());
            if report.certified {
                certified += 1;
                assert_eq!(report.support, planted.support(), "{rows} x {rows}, {weakest:e}, {n_nonzero}, seed {seed}");
            }
        }
    }
    assert!(certified > 50, "{certified}");
}

#[test]
fn a_chosen_column_with_a_copy_is_never_certified() {
    for seed in 0..20 {
        for (factor, nudge) in [(1.0, 0.0), (-2.0, 0.0), (1e-9, 0.0), (1.0, 1e-14)] {
            let mut planted = Planted::of(Design::Gaussian, 30, 60, 4, seed);
            let (support, free) = (planted.support(), planted.z.iter().position(|z| *z == 0.0).unwrap());
            let copy = &planted.x.column(support[1]) * factor + &aview1(&normal(30, seed)) * nudge;
            planted.x.column_mut(free).assign(&copy);
            let report = fitted(planted.x.view(), &planted.y, &brief());
            assert!(!report.certified, "seed {seed}, factor {factor}, nudge {nudge}");
        }
    }
}

#[test]
fn copies_among_the_other_columns_do_no_harm() {
    let mut planted = Planted::of(Design::Gaussian, 30, 60, 4, 3);
    let free: Vec<usize> = (0..60).filter(|&j| planted.z[j] == 0.0).collect();
    let column = planted.x.column(free[0]).to_owned();
    planted.x.column_mut(free[1]).assign(&column);
    let report = fitted(planted.x.view(), &planted.y, &plain());
    assert!(report.certified);
    assert_right(&report, &planted, "copy among the others");
}

/// All subsets of `0..n` of size `k`.
fn subsets(n: usize, k: usize) -> Vec<Vec<usize>> {
    if k == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for last in k - 1..n {
        for mut head in subsets(last, k - 1) {
            head.push(last);
            all.push(head);
        }
    }
    all
}

/// Whether a support other than `chosen`, and no larger, solves the problem exactly.
fn has_rival(x: &Array2<f64>, y: &[f64], chosen: &[usize]) -> bool {
    subsets(x.ncols(), chosen.len()).into_iter().filter(|other| other != chosen).any(|other| {
        NestedLeastSquares::new(x.select(Axis(1), &other).view(), y).residual[other.len()] < 1e-9 * norm(y)
    })
}

#[test]
fn certified_solutions_of_small_structured_designs_have_no_rival() {
    let mut certified = 0;
    for seed in 0..400 {
        let (rows, cols) = (4 + seed as usize % 4, 9);
        // Entries -1, 0, 1: many dependent subsets, repeated columns, low ranks.
        let x = gaussian(rows, cols, seed).mapv(|v| if v.abs() < 0.6 { 0.0 } else { v.signum() });
        let z = make_sparse_coef(cols, 1 + seed as usize % 3, Law::Gaussian, seed, &Monitor::default()).unwrap();
        let y = x.dot(&z).to_vec();
        let report = fitted(x.view(), &y, &brief());
        if report.certified && norm(&y) > 0.0 {
            certified += 1;
            assert!(!has_rival(&x, &y, &report.support), "seed {seed}: {:?} of {x:?}", report.support);
        }
    }
    assert!(certified > 50, "{certified}");
}

#[test]
fn indicator_columns_that_add_up_to_the_same_are_not_certified_with_a_rival() {
    // Two groupings of the same samples, in full: the columns of each add up to one.
    let rows = 24;
    let mut x = Array2::zeros((rows, 26));
    for i in 0..rows {
        x[[i, i % 4]] = 1.0;
        x[[i, 4 + i % 3]] = 1.0;
    }
    x.slice_mut(s![.., 7..]).assign(&gaussian(rows, 19, 1));
    for seed in 0..20 {
        let mut z = vec![0.0; 26];
        (0..3).for_each(|j| z[j] = normal(3, seed)[j]);
        z[10] = 1.0;
        let y = x.dot(&aview1(&z)).to_vec();
        let report = fitted(x.view(), &y, &brief());
        if report.certified {
            assert_eq!(report.support, [0, 1, 2, 10], "seed {seed}");
        }
    }
}

#[test]
fn data_rounded_to_float32_are_certified_when_their_precision_is_stated() {
    let round = |v: f64| f64::from(v as f32);
    let mut certified = 0;
    for seed in 0..40 {
        for design in DESIGNS {
            let mut planted = Planted::of(design, 60, 100, 2 + seed as usize % 12, seed);
            planted.x.mapv_inplace(round);
            planted.y = planted.x.dot(&planted.z).mapv(round).to_vec();
            let single = Settings { precision: f64::from(f32::EPSILON) / 2.0, ..brief() };
            let report = fitted(planted.x.view(), &planted.y, &single);
            if report.certified {
                certified += 1;
                assert_eq!(report.support, planted.support(), "{design:?}, seed {seed}");
            }
            let report = fitted(planted.x.view(), &planted.y, &brief());
            assert!(!report.certified, "rounding is noise to float64: {design:?}, seed {seed}");
        }
    }
    assert!(certified > 30, "{certified}");
}

#[test]
fn float32_precision_does_not_certify_noise() {
    for seed in 0..60 {
        let planted = Planted::of(DESIGNS[seed as usize % 4], 40, 80, 5, seed);
        let y = planted.noisy(30.0 + (seed % 3) as f64 * 25.0, seed);
        let single = Settings { precision: f64::from(f32::EPSILON) / 2.0, ..brief() };
        assert!(!fitted(planted.x.view(), &y, &single).certified, "seed {seed}");
    }
}

#[test]
fn certificate_needs_fewer_columns_than_the_rank() {
    let x = gaussian(6, 14, 2);
    let space = RowSpace::new(x.view()).unwrap();
    let design = Standardised::as_it_is(x.clone());
    for n_nonzero in 1..=6 {
        let planted = Planted::new(x.clone(), n_nonzero, 9);
        let (response, _) = space.whiten(&planted.y);
        let certifier = Certifier {
            design: &design,
            values: &planted.y,
            basis: space.basis.view(),
            response: &response,
            spread: &[norm(&response)],
            response_size: norm(&planted.y),
            column_sizes: &[norm(&x.column(0).to_vec()); 14],
            smallest_singular: space.smallest_singular(),
            precision: f64::EPSILON / 2.0,
            n_choices: 14,
        };
        let truth: Vec<f64> = planted.z.iter().map(|z| z.abs()).collect();
        match certifier.exact(&truth) {
            Some(found) => {
                assert!(n_nonzero < 6);
                assert_eq!(found.solution.support, planted.support());
                // One row to spare is not enough to rule an accident out on this design.
                assert_eq!(found.proof, if n_nonzero < 5 { Proof::Exact } else { Proof::None });
            }
            None => assert_eq!(n_nonzero, 6),
        }
        assert_eq!(certifier.exact(&[0.0; 14]), None, "no column, no solution");
        assert_eq!(certifier.exact(&[f64::NAN; 14]), None);
    }
}

#[test]
fn certificate_finds_the_nonzeros_among_the_columns_it_is_given() {
    let planted = Planted::of(Design::Gaussian, 30, 60, 5, 4);
    let space = RowSpace::new(planted.x.view()).unwrap();
    let design = Standardised::as_it_is(planted.x.clone());
    let (response, _) = space.whiten(&planted.y);
    let certifier = Certifier {
        design: &design,
        values: &planted.y,
        basis: space.basis.view(),
        response: &response,
        spread: &[norm(&response)],
        response_size: norm(&planted.y),
        column_sizes: &[norm(&planted.x.column(0).to_vec()); 60],
        smallest_singular: space.smallest_singular(),
        precision: f64::EPSILON / 2.0,
        n_choices: 60,
    };
    // Every score at least as large on the support: 24 columns too many.
    let score: Vec<f64> = planted.z.iter().map(|z| if *z == 0.0 { 0.5 } else { 1.0 }).collect();
    let found = certifier.exact(&score).unwrap();
    assert_eq!((found.proof, found.solution.support), (Proof::Exact, planted.support()));
    let without: Vec<f64> = (0..60).map(|j| if j == planted.support()[0] { 0.0 } else { score[j] }).collect();
    assert_eq!(certifier.exact(&without), None);
}

#[test]
fn zero_response_is_certified_as_empty() {
    let x = gaussian(5, 9, 1);
    let report = fitted(x.view(), &[0.0; 5], &plain());
    assert!(report.certified && report.support.is_empty());
    let constant = fitted(x.view(), &[3.7; 5], &Settings::default());
    assert!(constant.certified && constant.support.is_empty());
    assert!((constant.intercept[0] - 3.7).abs() < 1e-12);
    assert_eq!(x.sum_axis(Axis(0)).len(), constant.coef.len());
}
