//! Designs, coefficients and noise: moments against theory, determinism, ranges.

use ndarray::{Array1, Array2, Axis, s};
use sparsevae::Error;
use sparsevae::datasets::{
    DctRows, Design, Law, LeadfieldSettings, LowRankSettings, Orientation, Region, RowScale, Sensors, SymmetricLaw,
    add_noise, add_response_noise, make_combinators, make_design, make_low_rank_outliers, make_meg_leadfield,
    make_partial_dct_design, make_row_sparse_coef, make_sparse_coef, make_sparse_components, sample_support,
    sarvas_field,
};
use sparsevae::monitor::Monitor;

const DESIGNS: [Design; 4] = [
    Design::Gaussian,
    Design::RandomWalk,
    Design::Toeplitz { correlation: 0.7 },
    Design::Block { correlation: 0.6, block_size: 3 },
];
const LAWS: [Law; 5] = [Law::Gaussian, Law::Rayleigh, Law::ChiSquared, Law::Uniform, Law::Poisson];

fn design(kind: Design, n_samples: usize, n_features: usize, unit_norm: bool, seed: u64) -> Array2<f64> {
    make_design(kind, n_samples, n_features, unit_norm, seed, &Monitor::default()).unwrap()
}

/// Second moments over 40,000 rows against the stated covariance, within five standard errors.
fn assert_covariance(kind: Design, covariance: impl Fn(usize, usize) -> f64) {
    let (n_samples, n_features) = (40_000, 7);
    let x = design(kind, n_samples, n_features, false, 11);
    let moments = x.t().dot(&x) / n_samples as f64;
    for ((i, j), &found) in moments.indexed_iter() {
        let (expected, scale) = (covariance(i, j), covariance(i, i) * covariance(j, j));
        let error = ((scale + covariance(i, j).powi(2)) / n_samples as f64).sqrt();
        assert!((found - expected).abs() < 5.0 * error, "{kind:?} ({i}, {j}): {found}, expected {expected}");
    }
    for (j, mean) in x.mean_axis(Axis(0)).unwrap().iter().enumerate() {
        assert!(mean.abs() < 5.0 * (covariance(j, j) / n_samples as f64).sqrt(), "{kind:?} column {j}: mean {mean}");
    }
}

#[test]
fn gaussian_design_has_identity_covariance() {
    assert_covariance(Design::Gaussian, |i, j| f64::from(u8::from(i == j)));
}

#[test]
fn random_walk_design_has_covariance_min_i_j() {
    assert_covariance(Design::RandomWalk, |i, j| (1 + i.min(j)) as f64);
}

#[test]
fn toeplitz_design_has_geometric_correlations() {
    for correlation in [0.95, -0.5, 0.0] {
        assert_covariance(Design::Toeplitz { correlation }, |i, j| correlation.powi(i.abs_diff(j) as i32));
    }
}

#[test]
fn block_design_has_equal_correlation_inside_blocks_only() {
    assert_covariance(Design::Block { correlation: 0.6, block_size: 3 }, |i, j| match (i == j, i / 3 == j / 3) {
        (true, _) => 1.0,
        (false, true) => 0.6,
        (false, false) => 0.0,
    });
}

#[test]
fn random_walk_steps_are_the_gaussian_design_of_the_same_seed() {
    let (walk, steps) = (design(Design::RandomWalk, 5, 8, false, 3), design(Design::Gaussian, 5, 8, false, 3));
    let differences = &walk.slice(s![.., 1..]) - &walk.slice(s![.., ..-1]);
    assert!((&differences - &steps.slice(s![.., 1..])).iter().all(|d| d.abs() < 1e-12));
}

#[test]
fn columns_have_unit_norm_on_request() {
    for kind in DESIGNS {
        for column in design(kind, 13, 9, true, 5).columns() {
            assert!((column.dot(&column) - 1.0).abs() < 1e-12, "{kind:?}");
        }
    }
}

#[test]
fn same_seed_gives_the_same_bits_and_another_seed_does_not() {
    for kind in DESIGNS {
        assert_eq!(design(kind, 6, 10, true, 42), design(kind, 6, 10, true, 42));
        assert_ne!(design(kind, 6, 10, true, 42), design(kind, 6, 10, true, 43));
    }
    for law in LAWS {
        assert_eq!(
            make_sparse_coef(30, 9, law, 1, &Monitor::default()),
            make_sparse_coef(30, 9, law, 1, &Monitor::default())
        );
        assert_ne!(
            make_sparse_coef(30, 9, law, 1, &Monitor::default()),
            make_sparse_coef(30, 9, law, 2, &Monitor::default())
        );
    }
}

#[test]
fn results_do_not_depend_on_threads() {
    let serial: Vec<_> = (0..8).map(|seed| design(Design::RandomWalk, 20, 30, true, seed)).collect();
    let draw = |seed| std::thread::spawn(move || design(Design::RandomWalk, 20, 30, true, seed));
    let parallel: Vec<_> = (0..8).map(draw).collect::<Vec<_>>().into_iter().map(|t| t.join().unwrap()).collect();
    assert_eq!(serial, parallel);
}

#[test]
fn first_columns_do_not_depend_on_how_many_follow() {
    for kind in DESIGNS {
        let (few, many) = (design(kind, 6, 4, true, 8), design(kind, 6, 12, true, 8));
        assert_eq!(few, many.slice(s![.., ..4]));
    }
}

#[test]
fn coefficients_and_noise_do_not_repeat_the_design_of_the_same_seed() {
    let x = design(Design::Gaussian, 12, 12, false, 7);
    let z = make_sparse_coef(12, 12, Law::Gaussian, 7, &Monitor::default()).unwrap();
    let signal = Array1::from_iter((0..12).map(f64::from));
    let noisy = add_noise(signal.view(), 0.0, 7, &Monitor::default()).unwrap();
    let noise = (&noisy.y - &signal) / noisy.noise_var.sqrt();
    let shared = |a: f64, b: f64| (a - b).abs() < 1e-9;
    assert!(!z.iter().any(|&a| x.iter().any(|&b| shared(a, b))));
    assert!(!noise.iter().any(|&a| x.iter().chain(&z).any(|&b| shared(a, b))));
}

#[test]
fn laws_have_their_mean_and_variance() {
    let (pi, n) = (std::f64::consts::PI, 100_000);
    let truncated = 1.0 / (1.0 - (-1.0_f64).exp());
    let expected = [
        (Law::Gaussian, 0.0, 1.0),
        (Law::Rayleigh, (pi / 2.0).sqrt(), 2.0 - pi / 2.0),
        (Law::ChiSquared, 2.0, 4.0),
        (Law::Uniform, 0.5, 1.0 / 12.0),
        (Law::Poisson, truncated, 2.0 * truncated - truncated * truncated),
    ];
    for (law, mean, variance) in expected {
        let z = make_sparse_coef(n, n, law, 9, &Monitor::default()).unwrap();
        let found = z.mean().unwrap();
        assert!((found - mean).abs() < 5.0 * (variance / n as f64).sqrt(), "{law:?}: mean {found}, expected {mean}");
        let found = z.var(0.0);
        assert!((found / variance - 1.0).abs() < 0.05, "{law:?}: variance {found}, expected {variance}");
    }
}

#[test]
fn poisson_coefficients_are_positive_integers() {
    let z = make_sparse_coef(5_000, 5_000, Law::Poisson, 0, &Monitor::default()).unwrap();
    assert!(z.iter().all(|&value| value >= 1.0 && value.fract() == 0.0));
}

#[test]
fn exactly_n_nonzero_coefficients_are_nonzero() {
    for law in LAWS {
        for n_nonzero in [0, 1, 20, 50] {
            let z = make_sparse_coef(50, n_nonzero, law, 4, &Monitor::default()).unwrap();
            let support: Vec<usize> = z.indexed_iter().filter(|(_, v)| **v != 0.0).map(|(j, _)| j).collect();
            assert_eq!(support, sample_support(50, n_nonzero, 4, &Monitor::default()).unwrap(), "{law:?}");
            assert_eq!(support.len(), n_nonzero);
        }
    }
}

#[test]
fn every_index_is_as_likely_to_be_in_the_support() {
    let (n_features, n_nonzero, n_draws) = (10, 3, 20_000);
    let mut counts = [0_u32; 10];
    for seed in 0..n_draws {
        for j in sample_support(n_features, n_nonzero, seed, &Monitor::default()).unwrap() {
            counts[j] += 1;
        }
    }
    let (expected, error) = (0.3 * n_draws as f64, (0.3 * 0.7 * n_draws as f64).sqrt());
    assert!(counts.iter().all(|&count| (f64::from(count) - expected).abs() < 5.0 * error), "{counts:?}");
}

#[test]
fn noise_has_the_stated_signal_to_noise_ratio() {
    let signal = design(Design::Gaussian, 20_000, 1, false, 2).column(0).mapv(|value| 3.0 + 10.0 * value);
    for snr_db in [-10.0, 0.0, 30.0, 80.0] {
        let noisy = add_noise(signal.view(), snr_db, 1, &Monitor::default()).unwrap();
        let stated = 10.0 * (signal.var(0.0) / noisy.noise_var).log10();
        assert!((stated - snr_db).abs() < 1e-10);
        let drawn = (&noisy.y - &signal).var(0.0);
        assert!((drawn / noisy.noise_var - 1.0).abs() < 0.05, "{snr_db} dB: {drawn}, not {}", noisy.noise_var);
    }
}

#[test]
fn parameters_out_of_range_are_named() {
    let name_of = |result: sparsevae::Result<Array2<f64>>| match result {
        Err(Error::InvalidParameter { name, .. }) => name,
        other => panic!("expected InvalidParameter, found {other:?}"),
    };
    let make = |kind| make_design(kind, 3, 4, true, 0, &Monitor::default());
    assert_eq!(name_of(make_design(Design::Gaussian, 0, 4, true, 0, &Monitor::default())), "n_samples");
    assert_eq!(name_of(make_design(Design::Gaussian, 3, 0, true, 0, &Monitor::default())), "n_features");
    assert_eq!(name_of(make_design(Design::Gaussian, usize::MAX, 2, true, 0, &Monitor::default())), "n_samples");
    assert_eq!(name_of(make_design(Design::Gaussian, usize::MAX / 16, 1, true, 0, &Monitor::default())), "n_samples");
    for correlation in [-1.0, 1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(name_of(make(Design::Toeplitz { correlation })), "correlation");
    }
    for correlation in [-0.1, 1.0, f64::NAN] {
        assert_eq!(name_of(make(Design::Block { correlation, block_size: 2 })), "correlation");
    }
    assert_eq!(name_of(make(Design::Block { correlation: 0.5, block_size: 0 })), "block_size");
    assert!(matches!(
        make_sparse_coef(4, 5, Law::Gaussian, 0, &Monitor::default()),
        Err(Error::InvalidParameter { name: "n_nonzero", .. })
    ));
    assert!(matches!("cauchy".parse::<Law>(), Err(Error::InvalidParameter { name: "law", .. })));
}

#[test]
fn a_stop_ends_every_generator() {
    let monitor = Monitor::default();
    monitor.stop();
    let signal = Array2::from_shape_fn((3, 2), |(i, j)| (i + 2 * j) as f64);
    let leadfield = LeadfieldSettings {
        n_sensors: 3,
        n_sources: 4,
        sensors: Sensors::Magnetometer,
        orientation: Orientation::Free,
        region: Region::Patch,
        source_radius: 0.07,
        sensor_radius: 0.1,
        unit_norm: true,
    };
    let low_rank = LowRankSettings {
        n_samples: 3,
        n_features: 4,
        rank: 2,
        outlier_share: 0.1,
        magnitude: 1.0,
        missing_share: 0.0,
    };
    let (place, far) = (Array2::from_elem((1, 3), 0.01), Array2::from_elem((1, 3), 1.0));
    let sarvas = |monitor| sarvas_field(place.view(), far.view(), far.view(), far.view(), monitor).map(drop);
    let law = SymmetricLaw::Gaussian;
    for found in [
        make_design(Design::Gaussian, 3, 4, true, 0, &monitor).map(drop),
        make_sparse_coef(4, 2, Law::Gaussian, 0, &monitor).map(drop),
        sample_support(4, 2, 0, &monitor).map(drop),
        add_noise(signal.column(0), 10.0, 0, &monitor).map(drop),
        add_response_noise(signal.view(), 10.0, 0, &monitor).map(drop),
        make_row_sparse_coef(4, 3, 2, None, RowScale::Unit, 0, &monitor).map(drop),
        make_partial_dct_design(3, 4, DctRows::Low, true, 0, &monitor).map(drop),
        make_sparse_components(4, 3, 2.0, law, 0, &monitor).map(drop),
        make_combinators(4, 3, 2, true, law, 0, &monitor).map(drop),
        make_low_rank_outliers(&low_rank, 0, &monitor).map(drop),
        make_meg_leadfield(&leadfield, 0, &monitor).map(drop),
        sarvas(&monitor),
    ] {
        assert!(matches!(found, Err(Error::Interrupted { .. })), "{found:?}");
    }
}

#[test]
fn noise_refuses_signals_without_a_ratio() {
    let add = |signal: &[f64], snr_db| add_noise(ndarray::aview1(signal), snr_db, 0, &Monitor::default());
    assert!(matches!(add(&[1.0, f64::NAN], 10.0), Err(Error::NonFinite { what: "signal", index }) if index == [1]));
    for signal in [&[2.0, 2.0][..], &[1.0], &[], &[1e300, -1e300]] {
        assert!(matches!(add(signal, 10.0), Err(Error::InvalidParameter { name: "Var(signal)", .. })), "{signal:?}");
    }
    for snr_db in [f64::NAN, f64::INFINITY, 1e9, -1e9] {
        assert!(matches!(add(&[1.0, 2.0], snr_db), Err(Error::InvalidParameter { name: "snr_db", .. })), "{snr_db}");
    }
}
