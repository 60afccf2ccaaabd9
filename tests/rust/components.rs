//! Components, combinators and partial cosine transforms: laws, exact sparsity, balance, determinism, ranges.

use ndarray::{Array2, Axis, s};
use sparsevae::Error;
use sparsevae::datasets::{
    DctRows, Design, SymmetricLaw, make_combinators, make_design, make_partial_dct_design, make_sparse_components,
};
use sparsevae::monitor::Monitor;

const LAWS: [SymmetricLaw; 3] = [SymmetricLaw::Gaussian, SymmetricLaw::Rademacher, SymmetricLaw::Uniform];

fn components(n_features: usize, n_components: usize, n_nonzero: f64, law: SymmetricLaw, seed: u64) -> Array2<f64> {
    make_sparse_components(n_features, n_components, n_nonzero, law, seed, &Monitor::default()).unwrap()
}

fn combinators(n_components: usize, n_problems: usize, n_nonzero: usize, balanced: bool, seed: u64) -> Array2<f64> {
    make_combinators(n_components, n_problems, n_nonzero, balanced, SymmetricLaw::Gaussian, seed, &Monitor::default())
        .unwrap()
}

/// How many entries of each column (axis 0) or row (axis 1) are nonzero.
fn counts(matrix: &Array2<f64>, axis: usize) -> Vec<usize> {
    let count = |lane: ndarray::ArrayView1<'_, f64>| lane.iter().filter(|&&value| value != 0.0).count();
    matrix.lanes(Axis(axis)).into_iter().map(count).collect()
}

#[test]
fn symmetric_laws_have_mean_0_variance_1_their_first_absolute_and_fourth_moments() {
    let n = 200_000;
    let expected = [(2.0 / std::f64::consts::PI).sqrt(), 1.0, 0.75_f64.sqrt()].into_iter().zip([3.0, 1.0, 1.8]);
    for (law, (absolute, fourth)) in LAWS.into_iter().zip(expected) {
        let values = components(n, 1, n as f64, law, 3);
        let mean = |power: fn(f64) -> f64| values.mapv(power).mean().unwrap();
        let close = |found: f64, expected: f64, variance: f64| {
            assert!(
                (found - expected).abs() <= 5.0 * (variance / n as f64).sqrt() + 1e-12,
                "{law:?} {found} {expected}"
            );
        };
        close(mean(|r| r), 0.0, 1.0);
        close(mean(f64::abs), absolute, 1.0 - absolute * absolute);
        close(mean(|r| r * r), 1.0, fourth - 1.0);
        close(mean(|r| r.powi(3)), 0.0, 15.0);
        close(mean(|r| r.powi(4)), fourth, 96.0);
        for t in [0.2, 0.6, 1.0, 1.4, 1.7, 2.2, 3.0] {
            let tail = values.iter().filter(|value| value.abs() > t).count() as f64 / n as f64;
            assert!(tail <= 2.0 * (-t * t / 2.0_f64).exp(), "{law:?}: {tail} above {t}");
        }
    }
}

#[test]
fn entries_are_nonzero_with_the_stated_probability_and_independently() {
    let (n_features, n_components) = (40, 5_000);
    for n_nonzero in [2.5, 13.0] {
        let found = components(n_features, n_components, n_nonzero, SymmetricLaw::Uniform, 5);
        let absent = (1.0 - n_nonzero / 40.0_f64).powi(40);
        let (mean, p) = (n_nonzero / (1.0 - absent), n_nonzero / 40.0);
        let mean_square = (40.0 * p * (1.0 - p) + n_nonzero * n_nonzero) / (1.0 - absent);
        let columns = counts(&found, 0);
        let total = columns.iter().sum::<usize>() as f64 / n_components as f64;
        let error = ((mean_square - mean * mean) / n_components as f64).sqrt();
        assert!((total - mean).abs() < 5.0 * error, "{total} nonzeros a column, expected {mean}");
        let square = columns.iter().map(|&count| (count * count) as f64).sum::<f64>() / n_components as f64;
        assert!((square / mean_square - 1.0).abs() < 0.05, "mean square {square}, expected {mean_square}");
        let expected = mean / 40.0;
        for (j, count) in counts(&found, 1).into_iter().enumerate() {
            let rate = count as f64 / n_components as f64;
            let error = (expected * (1.0 - expected) / n_components as f64).sqrt();
            assert!((rate - expected).abs() < 5.0 * error, "row {j}: {rate}, expected {expected}");
        }
    }
}

#[test]
fn no_component_is_zero_and_what_replaces_one_has_the_conditional_law() {
    let n_components = 20_000;
    // Most columns of the first draw are empty. Given one nonzero at least, its row is nearly uniform.
    let found = components(8, n_components, 0.05, SymmetricLaw::Rademacher, 7);
    let columns = counts(&found, 0);
    assert!(columns.iter().all(|&count| count >= 1));
    let p: f64 = 0.05 / 8.0;
    let any = 1.0 - (1.0 - p).powi(8);
    let singles = columns.iter().filter(|&&count| count == 1).count() as f64 / n_components as f64;
    let expected = 8.0 * p * (1.0 - p).powi(7) / any;
    assert!((singles - expected).abs() < 5.0 * (expected * (1.0 - expected) / n_components as f64).sqrt());
    for count in counts(&found, 1) {
        let (rate, expected) = (count as f64 / n_components as f64, p / any);
        assert!((rate - expected).abs() < 5.0 * (expected * (1.0 - expected) / n_components as f64).sqrt());
    }
    let tiny = components(8, 400, 1e-300, SymmetricLaw::Gaussian, 7);
    assert!(counts(&tiny, 0).iter().all(|&count| count == 1));
    assert!(counts(&tiny, 1).iter().all(|&count| count > 20));
}

#[test]
fn as_many_nonzeros_as_features_leave_no_zero() {
    for law in LAWS {
        assert!(components(30, 20, 30.0, law, 1).iter().all(|&value| value != 0.0), "{law:?}");
    }
}

#[test]
fn combinators_have_exactly_the_stated_number_of_nonzeros() {
    for balanced in [true, false] {
        for (n_components, n_problems, n_nonzero) in [(1, 3, 1), (7, 20, 7), (20, 80, 2), (11, 9, 4), (20, 1, 19)] {
            let found = combinators(n_components, n_problems, n_nonzero, balanced, 2);
            assert_eq!(found.dim(), (n_components, n_problems));
            assert!(counts(&found, 0).iter().all(|&count| count == n_nonzero), "{balanced} {n_components} {n_nonzero}");
        }
    }
}

#[test]
fn balanced_combinators_use_components_equally_often_after_every_column() {
    for seed in 0..5 {
        for n_components in [1, 2, 5, 12] {
            for n_nonzero in 1..=n_components {
                let found = combinators(n_components, 30, n_nonzero, true, seed);
                for n_problems in 1..=30 {
                    let used = counts(&found.slice(s![.., ..n_problems]).to_owned(), 1);
                    let (least, most) = (used.iter().min().unwrap(), used.iter().max().unwrap());
                    assert!(most - least <= 1, "{n_components} {n_nonzero} {n_problems}: {used:?}");
                }
            }
        }
    }
}

#[test]
fn every_pair_of_components_meets_as_often_in_a_column() {
    for balanced in [true, false] {
        let mut met = Array2::<f64>::zeros((5, 5));
        let n_draws = 4_000;
        for seed in 0..n_draws {
            // Five components, two a column: the third column takes from two decks.
            let found = combinators(5, 3, 2, balanced, seed).mapv(|value| f64::from(u8::from(value != 0.0)));
            met += &found.column(2).insert_axis(Axis(1)).dot(&found.column(2).insert_axis(Axis(0)));
        }
        for ((i, j), &count) in met.indexed_iter().filter(|((i, j), _)| i != j) {
            let error = (0.1 * 0.9 * n_draws as f64).sqrt();
            assert!((count - 0.1 * n_draws as f64).abs() < 5.0 * error, "{balanced} ({i}, {j}): {count}");
        }
    }
}

#[test]
fn first_columns_do_not_depend_on_how_many_follow() {
    let (few, many) = (components(50, 4, 6.5, LAWS[0], 8), components(50, 30, 6.5, LAWS[0], 8));
    assert_eq!(few, many.slice(s![.., ..4]));
    for balanced in [true, false] {
        let (few, many) = (combinators(9, 5, 4, balanced, 8), combinators(9, 40, 4, balanced, 8));
        assert_eq!(few, many.slice(s![.., ..5]), "{balanced}");
    }
}

#[test]
fn same_seed_gives_the_same_bits_and_another_seed_does_not() {
    for law in LAWS {
        assert_eq!(components(30, 5, 4.0, law, 1), components(30, 5, 4.0, law, 1));
        assert_ne!(components(30, 5, 4.0, law, 1), components(30, 5, 4.0, law, 2));
    }
    for balanced in [true, false] {
        assert_eq!(combinators(9, 20, 4, balanced, 1), combinators(9, 20, 4, balanced, 1));
        assert_ne!(combinators(9, 20, 4, balanced, 1), combinators(9, 20, 4, balanced, 2));
    }
    let dct = |seed| make_partial_dct_design(10, 40, DctRows::Random, true, seed, &Monitor::default()).unwrap();
    assert_eq!(dct(1), dct(1));
    assert_ne!(dct(1), dct(2));
}

#[test]
fn the_law_changes_values_and_balance_changes_supports_and_nothing_else() {
    let [gaussian, rademacher, uniform] = LAWS.map(|law| components(60, 8, 7.0, law, 4).mapv(|value| value != 0.0));
    assert_eq!(gaussian, rademacher);
    assert_eq!(gaussian, uniform);
    let values = |balanced| -> Vec<Vec<f64>> {
        let found = combinators(9, 12, 3, balanced, 4);
        found.columns().into_iter().map(|z| z.iter().copied().filter(|&value| value != 0.0).collect()).collect()
    };
    assert_eq!(values(true), values(false));
}

#[test]
fn draws_of_different_kinds_share_no_number() {
    let x = make_design(Design::Gaussian, 12, 12, false, 7, &Monitor::default()).unwrap();
    let c = components(12, 12, 12.0, SymmetricLaw::Gaussian, 7);
    let z = combinators(12, 12, 12, true, 7);
    let shared = |a: &Array2<f64>, b: &Array2<f64>| a.iter().any(|a| b.iter().any(|b| (a - b).abs() < 1e-12));
    assert!(!shared(&x, &c) && !shared(&x, &z) && !shared(&c, &z));
}

#[test]
fn rows_of_the_cosine_transform_are_orthonormal_and_of_increasing_frequency() {
    for (n_samples, n_features) in [(1, 1), (5, 9), (16, 16), (37, 100)] {
        for rows in [DctRows::Random, DctRows::Low] {
            let x = make_partial_dct_design(n_samples, n_features, rows, false, 6, &Monitor::default()).unwrap();
            let gap = x.dot(&x.t()) - Array2::<f64>::eye(n_samples);
            assert!(gap.iter().all(|value| value.abs() < 1e-13), "{rows:?} {n_samples} {n_features}");
            // A row of frequency k changes its sign k times; a cosine that vanishes does not count.
            let changes = |row: ndarray::ArrayView1<'_, f64>| {
                let signs: Vec<bool> = row.iter().filter(|&&value| value != 0.0).map(|&value| value > 0.0).collect();
                signs.windows(2).filter(|pair| pair[0] != pair[1]).count()
            };
            let frequencies: Vec<usize> = x.rows().into_iter().map(changes).collect();
            assert!(frequencies.windows(2).all(|pair| pair[0] < pair[1]));
            if rows == DctRows::Low {
                assert_eq!(frequencies, (0..n_samples).collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn columns_of_a_partial_transform_have_unit_norm_on_request() {
    for rows in [DctRows::Random, DctRows::Low] {
        let x = make_partial_dct_design(12, 45, rows, true, 3, &Monitor::default()).unwrap();
        assert!(x.columns().into_iter().all(|column| (column.dot(&column) - 1.0).abs() < 1e-12));
    }
}

#[test]
fn every_row_of_the_transform_is_as_likely() {
    let n_draws = 6_000;
    let mut hits = Array2::<f64>::zeros((6, 1));
    let full = make_partial_dct_design(6, 6, DctRows::Low, false, 0, &Monitor::default()).unwrap();
    for seed in 0..n_draws {
        let x = make_partial_dct_design(2, 6, DctRows::Random, false, seed, &Monitor::default()).unwrap();
        hits += &full.dot(&x.t()).mapv(|value| value.abs().round()).sum_axis(Axis(1)).insert_axis(Axis(1));
    }
    let (expected, error) = (n_draws as f64 / 3.0, (n_draws as f64 * 2.0 / 9.0).sqrt());
    assert!(hits.iter().all(|count| (count - expected).abs() < 5.0 * error), "{hits}");
}

#[test]
fn a_column_without_a_direction_is_an_error() {
    // Frequency 1 of a transform of size 3 is zero in the middle.
    let made: Vec<_> =
        (0..20).map(|seed| make_partial_dct_design(1, 3, DctRows::Random, true, seed, &Monitor::default())).collect();
    assert!(made.iter().any(Result::is_ok));
    assert!(made.iter().any(Result::is_err));
    for result in made.into_iter().filter(Result::is_err) {
        let Err(Error::InvalidParameter { name, allowed, .. }) = result else { panic!("{result:?}") };
        assert!(name == "unit_norm" && allowed.ends_with("column 1"), "{allowed}");
    }
}

#[test]
fn parameters_out_of_range_are_named() {
    let name_of = |result: sparsevae::Result<Array2<f64>>| match result {
        Err(Error::InvalidParameter { name, .. }) => name,
        other => panic!("expected InvalidParameter, found {other:?}"),
    };
    let components = |n, p, s| name_of(make_sparse_components(n, p, s, SymmetricLaw::Gaussian, 0, &Monitor::default()));
    assert_eq!(components(0, 3, 1.0), "n_features");
    assert_eq!(components(3, 0, 1.0), "n_components");
    assert_eq!(components(usize::MAX, 2, 1.0), "n_features");
    for n_nonzero in [0.0, -1.0, 3.1, f64::NAN, f64::INFINITY, f64::from_bits(1)] {
        assert_eq!(components(3, 4, n_nonzero), "n_nonzero");
    }
    let combinators =
        |p, q, k| name_of(make_combinators(p, q, k, true, SymmetricLaw::Gaussian, 0, &Monitor::default()));
    assert_eq!(combinators(0, 4, 1), "n_components");
    assert_eq!(combinators(3, 0, 1), "n_problems");
    assert_eq!(combinators(3, 4, 0), "n_nonzero");
    assert_eq!(combinators(3, 4, 4), "n_nonzero");
    let dct = |m, n| name_of(make_partial_dct_design(m, n, DctRows::Low, true, 0, &Monitor::default()));
    assert_eq!(dct(0, 4), "n_samples");
    assert_eq!(dct(3, 0), "n_features");
    assert_eq!(dct(5, 4), "n_samples");
    assert!(matches!("cauchy".parse::<SymmetricLaw>(), Err(Error::InvalidParameter { name: "law", .. })));
    assert!(matches!("high".parse::<DctRows>(), Err(Error::InvalidParameter { name: "rows", .. })));
}
