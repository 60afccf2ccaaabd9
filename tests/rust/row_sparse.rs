//! Row-sparse coefficients and noise on many responses: rank, norms, support, ratio, ranges.

use ndarray::{Array1, Array2, Axis, aview2};
use sparsevae::Error;
use sparsevae::datasets::{
    Design, JEFFREYS_RANGE, Law, RowScale, add_noise, add_response_noise, make_design, make_row_sparse_coef,
    make_sparse_coef, sample_support,
};
use sparsevae::monitor::Monitor;

const SCALES: [RowScale; 3] = [RowScale::None, RowScale::Unit, RowScale::Jeffreys];

fn coef(n_responses: usize, n_nonzero: usize, rank: Option<usize>, row_scale: RowScale, seed: u64) -> Array2<f64> {
    make_row_sparse_coef(40, n_responses, n_nonzero, rank, row_scale, seed, &Monitor::default()).unwrap()
}

fn norms(matrix: &Array2<f64>) -> Array1<f64> {
    matrix.map_axis(Axis(0), |column| column.dot(&column).sqrt())
}

/// Rank by Gram-Schmidt on the columns, each taken relative to its own norm.
fn rank_of(matrix: &Array2<f64>) -> usize {
    let mut basis: Vec<Array1<f64>> = Vec::new();
    for column in matrix.columns().into_iter().filter(|column| column.iter().any(|&value| value != 0.0)) {
        let mut rest = &column / column.dot(&column).sqrt();
        for _ in 0..2 {
            for direction in &basis {
                let along = rest.dot(direction);
                rest.scaled_add(-along, direction);
            }
        }
        let left = rest.dot(&rest).sqrt();
        if left > 1e-9 {
            basis.push(rest / left);
        }
    }
    basis.len()
}

#[test]
fn nonzero_columns_are_the_sampled_support_and_have_no_zero() {
    for row_scale in SCALES {
        for (n_nonzero, rank) in [(0, Some(3)), (1, None), (12, Some(5)), (40, None)] {
            let found = coef(7, n_nonzero, rank, row_scale, 4);
            let support = sample_support(40, n_nonzero, 4, &Monitor::default()).unwrap();
            for (j, column) in found.columns().into_iter().enumerate() {
                assert!(column.iter().all(|&value| (value != 0.0) == support.contains(&j)), "{row_scale:?} {j}");
            }
        }
    }
}

#[test]
fn rank_is_the_stated_one_or_the_largest_possible() {
    for row_scale in SCALES {
        for (n_responses, n_nonzero, rank) in [(20, 15, 5), (20, 3, 5), (6, 15, 6), (20, 15, 1)] {
            let expected = rank.min(n_nonzero).min(n_responses);
            assert_eq!(rank_of(&coef(n_responses, n_nonzero, Some(rank), row_scale, 2)), expected, "{row_scale:?}");
        }
        for (n_responses, n_nonzero) in [(20, 15), (6, 15), (1, 4)] {
            assert_eq!(rank_of(&coef(n_responses, n_nonzero, None, row_scale, 2)), n_responses.min(n_nonzero));
        }
    }
}

#[test]
fn row_norms_are_unit_or_log_uniform_on_the_stated_range() {
    let unit = make_row_sparse_coef(5_000, 3, 5_000, Some(2), RowScale::Unit, 6, &Monitor::default()).unwrap();
    assert!(norms(&unit).iter().all(|norm| (norm - 1.0).abs() < 1e-12));
    let scaled = make_row_sparse_coef(5_000, 3, 5_000, Some(2), RowScale::Jeffreys, 6, &Monitor::default()).unwrap();
    let mut places: Vec<f64> =
        norms(&scaled).iter().map(|norm| 0.5 - norm.ln() / (2.0 * JEFFREYS_RANGE.ln())).collect();
    places.sort_by(f64::total_cmp);
    assert!(places[0] > -1e-12 && places[4_999] < 1.0 + 1e-12);
    let gap = |(k, place): (usize, &f64)| (place - (k as f64 + 0.5) / 5_000.0).abs();
    let distance = places.iter().enumerate().map(gap).fold(0.0, f64::max);
    assert!(distance < 1.95 / 5_000.0_f64.sqrt(), "Kolmogorov-Smirnov distance {distance}");
}

#[test]
fn scales_change_norms_and_nothing_else() {
    let [raw, unit, jeffreys] = SCALES.map(|row_scale| coef(9, 12, Some(4), row_scale, 5));
    for j in sample_support(40, 12, 5, &Monitor::default()).unwrap() {
        for other in [&raw, &jeffreys] {
            let column = other.column(j);
            let gap = &column / column.dot(&column).sqrt() - unit.column(j);
            assert!(gap.iter().all(|value| value.abs() < 1e-14));
        }
    }
}

#[test]
fn one_response_has_the_gaussian_coefficients_of_the_same_seed() {
    let found = coef(1, 9, None, RowScale::None, 3);
    assert_eq!(found.row(0), make_sparse_coef(40, 9, Law::Gaussian, 3, &Monitor::default()).unwrap());
}

#[test]
fn first_responses_do_not_depend_on_how_many_follow() {
    for rank in [None, Some(2)] {
        let (few, many) = (coef(3, 8, rank, RowScale::None, 1), coef(11, 8, rank, RowScale::None, 1));
        assert_eq!(few, many.slice(ndarray::s![..3, ..]), "{rank:?}");
    }
}

#[test]
fn same_seed_gives_the_same_bits_and_another_seed_does_not() {
    for rank in [None, Some(2)] {
        for row_scale in SCALES {
            assert_eq!(coef(5, 8, rank, row_scale, 1), coef(5, 8, rank, row_scale, 1));
            assert_ne!(coef(5, 8, rank, row_scale, 1), coef(5, 8, rank, row_scale, 2));
        }
    }
}

#[test]
fn noise_has_the_stated_ratio_to_the_mean_square_of_all_entries() {
    let signal = make_design(Design::Gaussian, 3_000, 4, false, 2, &Monitor::default()).unwrap() * 3.0 + 5.0;
    for snr_db in [-10.0, 20.0, 80.0] {
        let noisy = add_response_noise(signal.view(), snr_db, 1, &Monitor::default()).unwrap();
        let power = signal.iter().map(|value| value * value).sum::<f64>() / signal.len() as f64;
        assert!((10.0 * (power / noisy.noise_var).log10() - snr_db).abs() < 1e-10);
        let noise = &noisy.y - &signal;
        assert!((noise.var(0.0) / noisy.noise_var - 1.0).abs() < 0.06);
        for (i, j) in [(0, 1), (1, 2), (0, 3)] {
            let correlation = noise.column(i).dot(&noise.column(j)) / (3_000.0 * noisy.noise_var);
            assert!(correlation.abs() < 5.0 / 3_000.0_f64.sqrt());
        }
    }
}

#[test]
fn one_response_has_the_noise_of_the_same_seed() {
    let signal = Array1::from_iter((0..30).map(f64::from));
    let one = add_noise(signal.view(), 0.0, 8, &Monitor::default()).unwrap();
    let many = add_response_noise(signal.view().insert_axis(Axis(1)), 0.0, 8, &Monitor::default()).unwrap();
    let gap = (&one.y - &signal) / one.noise_var.sqrt() - (&many.y.column(0) - &signal) / many.noise_var.sqrt();
    assert!(gap.iter().all(|value| value.abs() < 1e-12));
}

#[test]
fn parameters_out_of_range_are_named() {
    let name_of = |n_features, n_responses, n_nonzero, rank| match make_row_sparse_coef(
        n_features,
        n_responses,
        n_nonzero,
        rank,
        RowScale::Unit,
        0,
        &Monitor::default(),
    ) {
        Err(Error::InvalidParameter { name, .. }) => name,
        other => panic!("expected InvalidParameter, found {other:?}"),
    };
    assert_eq!(name_of(0, 3, 0, None), "n_features");
    assert_eq!(name_of(4, 0, 2, None), "n_responses");
    assert_eq!(name_of(usize::MAX, 2, 1, None), "n_features");
    assert_eq!(name_of(4, 3, 5, None), "n_nonzero");
    for rank in [0, 4, usize::MAX] {
        assert_eq!(name_of(4, 3, 2, Some(rank)), "rank");
    }
    assert!(matches!("jeffrey".parse::<RowScale>(), Err(Error::InvalidParameter { name: "row_scale", .. })));
}

#[test]
fn noise_refuses_signals_without_a_ratio() {
    let bad = add_response_noise(aview2(&[[1.0, 2.0], [f64::NAN, 1.0]]), 10.0, 0, &Monitor::default());
    assert!(matches!(bad, Err(Error::NonFinite { what: "signal", index }) if index == [1, 0]));
    for signal in [aview2(&[[0.0, 0.0]]), aview2(&[[1e300, -1e300]])] {
        let found = add_response_noise(signal, 10.0, 0, &Monitor::default());
        assert!(matches!(found, Err(Error::InvalidParameter { name: "mean(signal^2)", .. })), "{signal:?}");
    }
    for snr_db in [f64::NAN, f64::INFINITY, 1e9] {
        let found = add_response_noise(aview2(&[[1.0, 2.0]]), snr_db, 0, &Monitor::default());
        assert!(matches!(found, Err(Error::InvalidParameter { name: "snr_db", .. })), "{snr_db}");
    }
}
