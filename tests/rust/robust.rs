//! The robust autoencoder and the small factors behind it: dense algebra, any number of threads, interruption.

use crate::common::{assert_close, gaussian, invert, norm};
use ndarray::Array2;
use sparsevae::linalg::packed_spd::{factor, invert as invert_packed, log_det, packed_len, solve};
use sparsevae::model::robust_vae::{RobustFit, RobustVaeSettings, fit};
use sparsevae::monitor::Monitor;
use sparsevae::settings::Settings;
use sparsevae::solver::robust_em::{RobustEm, Samples};
use sparsevae::{Error, Status};

/// Rank 3, a tenth of the entries replaced.
fn corrupted(n: usize, d: usize, seed: u64) -> (Array2<f64>, Array2<f64>) {
    let truth = gaussian(n, 3, seed).dot(&gaussian(3, d, seed + 1));
    let (place, value) = (gaussian(n, d, seed + 2), gaussian(n, d, seed + 3));
    let x = Array2::from_shape_fn((n, d), |i| if place[i] > 1.28 { 3.0 * value[i] } else { truth[i] });
    (x, truth)
}

fn fitted(x: &Array2<f64>, n_threads: usize) -> RobustFit {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
    pool.install(|| fit(&x.view(), false, &RobustVaeSettings::default().check().unwrap(), &Monitor::default())).unwrap()
}

#[test]
fn packed_factors_agree_with_dense_algebra() {
    for size in [1, 2, 5, 17] {
        let root = gaussian(size, size + 3, size as u64);
        let matrix = root.dot(&root.t());
        let (inverse, expected) = invert(&matrix);
        let packed = |m: &Array2<f64>| (0..size).flat_map(|i| (0..=i).map(move |j| (i, j))).map(|i| m[i]).collect();
        let mut lower: Vec<f64> = packed(&matrix);
        factor(&mut lower, size).unwrap();
        assert_close(log_det(&lower, size), expected, 1e-10, "log-determinant");
        let mut b = vec![1.0; size];
        solve(&lower, &mut b);
        b.iter().zip(inverse.rows()).for_each(|(b, row)| assert_close(*b, row.sum(), 1e-8, "solution"));
        invert_packed(&mut lower, size, &mut vec![0.0; packed_len(size)]);
        let expected: Vec<f64> = packed(&inverse);
        lower.iter().zip(&expected).for_each(|(a, b)| assert_close(*a, *b, 1e-8, "inverse"));
    }
    assert_eq!(factor(&mut [1.0, 2.0, 1.0], 2), Err(1));
    assert_eq!(factor(&mut [f64::NAN], 1), Err(0));
}

#[test]
fn the_energy_of_a_step_is_that_of_dense_algebra_and_falls_at_a_fixed_floor() {
    let (mut x, _) = corrupted(40, 9, 1);
    x[[3, 2]] = f64::NAN;
    let samples = Samples::new(x.iter().copied().collect(), x.ncols());
    let columns: Vec<_> = gaussian(2, 9, 5).rows().into_iter().map(|row| row.to_owned()).collect();
    let mut em = RobustEm::new(&samples, &columns, 0.7).unwrap();
    let dense = |w: &[f64], k: usize, precision: &[f64]| {
        let w = Array2::from_shape_vec((9, k), w.to_vec()).unwrap();
        let energy = |i: usize| {
            let seen: Vec<usize> = (0..9).filter(|&j| precision[i * 9 + j] > 0.0).collect();
            let w = w.select(ndarray::Axis(0), &seen);
            let mut c = w.dot(&w.t());
            seen.iter().enumerate().for_each(|(a, &j)| c[[a, a]] += 1.0 / precision[i * 9 + j]);
            let (inverse, log_det) = invert(&c);
            let row = ndarray::Array1::from_iter(seen.iter().map(|&j| x[[i, j]]));
            row.dot(&inverse.dot(&row)) + log_det
        };
        (0..40).map(energy).sum::<f64>()
    };
    let mut last = f64::INFINITY;
    for step in 0..30 {
        let expected = dense(&em.decoder.weights, em.decoder.n_components, &em.posterior.precision);
        let found = em.expectation(1e-3, step, false, &Monitor::default()).unwrap();
        assert_close(found, expected, 1e-9, "energy");
        assert!(found <= last + 1e-9, "step {step}: {found} after {last}");
        last = found;
        em.maximise(0.0, step, &Monitor::default()).unwrap();
    }
}

#[test]
fn a_column_is_born_at_the_closed_form_of_equal_noise() {
    let x = gaussian(80, 6, 2).dot(&Array2::from_diag(&ndarray::arr1(&[3.0, 2.0, 1.0, 0.5, 0.4, 0.3])));
    let samples = Samples::new(x.iter().copied().collect(), x.ncols());
    let mut em = RobustEm::new(&samples, &[], 0.5).unwrap();
    em.expectation(0.5, 0, true, &Monitor::default()).unwrap();
    let entering = em.entering(6, &Monitor::default()).unwrap();
    let settings = sparsevae::model::affine_vae::AffineVaeSettings { n_components: None, noise_var: Some(0.5) };
    // Without an offset: the mirrored samples have none.
    let mirrored = ndarray::concatenate![ndarray::Axis(0), x, -&x];
    let affine =
        sparsevae::model::affine_vae::fit(&mirrored.view(), &settings.check().unwrap(), &Monitor::default()).unwrap();
    assert_eq!(entering.len(), affine.n_active);
    for (born, row) in entering.iter().zip(affine.components.rows()) {
        assert_close(born.dot(&row).abs(), row.dot(&row), 1e-9, "column");
    }
}

#[test]
fn a_direction_that_would_lower_the_energy_is_found_among_many_that_would_not() {
    for (share, n_expected) in [(0.5, 0), (0.98, 0), (1.02, 1), (3.0, 1)] {
        // Columns of the identity, so that the eigenvalues are known: one is `share`, all others .1.
        let size = 700;
        let x = Array2::from_shape_fn((size, size), |(i, j)| match (i == j, i == 5) {
            (false, _) => 0.0,
            (true, false) => (0.1 * size as f64).sqrt(),
            (true, true) => (share * size as f64).sqrt(),
        });
        let samples = Samples::new(x.iter().copied().collect(), size);
        let mut em = RobustEm::new(&samples, &[], 1.0).unwrap();
        em.expectation(1e-3, 0, true, &Monitor::default()).unwrap();
        let entering = em.entering(6, &Monitor::default()).unwrap();
        assert_eq!(entering.len(), n_expected, "{share}");
        for column in entering {
            assert_close(column[5].abs(), (share - 1.0_f64).sqrt(), 1e-9, "column");
        }
    }
}

#[test]
fn low_rank_and_outliers_are_separated_with_the_same_bits_on_any_number_of_threads() {
    let (x, truth) = corrupted(100, 30, 4);
    let alone = fitted(&x, 1);
    assert_eq!((alone.components.nrows(), alone.status), (3, Status::Converged));
    let left = norm(&(&alone.low_rank - &truth).into_raw_vec_and_offset().0);
    assert!(left < 1e-5 * norm(&truth.into_raw_vec_and_offset().0), "{left}");
    for n_threads in [2, 3] {
        assert_eq!(fitted(&x, n_threads), alone);
    }
}

#[test]
fn a_stop_is_an_interruption() {
    let (x, _) = corrupted(20, 10, 1);
    let monitor = Monitor::default();
    monitor.stop();
    let found = fit(&x.view(), false, &RobustVaeSettings::default().check().unwrap(), &monitor);
    assert!(matches!(found, Err(Error::Interrupted { step: 0 })));
}
