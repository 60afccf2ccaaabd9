//! More samples than features: one pass of blocks of rows, and what it must not lose.

use crate::common::{assert_close, fitted, gaussian, least_squares, norm, normal, positive};
use ndarray::{Array1, Array2, Axis, aview1, s};
use sparsevae::Error;
use sparsevae::design::{CompressedColumns, Design, Rows, Standardised};
use sparsevae::linalg::compression::Compression;
use sparsevae::model::settings::Settings;
use sparsevae::monitor::Monitor;

/// As many samples as make several blocks of `N` columns, the last of them not full.
const SAMPLES: usize = 9_000;
const N: usize = 18;

fn standardised<'a>(x: &'a dyn Design, weights: &[f64], centred: bool) -> Standardised<'a> {
    let roots: Vec<f64> = weights.iter().map(|w| w.sqrt()).collect();
    Standardised::new("X", x, &roots, centred, &Monitor::default()).unwrap()
}

fn ones() -> Vec<f64> {
    vec![1.0; SAMPLES]
}

/// Columns that differ by `share` of their norm only, well-conditioned ones for 1.
fn conditioned(share: f64) -> Array2<f64> {
    let mut x = gaussian(SAMPLES, N, 7);
    let first = x.column(0).to_owned();
    x.columns_mut().into_iter().skip(1).for_each(|mut column| column.zip_mut_with(&first, |v, f| *v = f + share * *v));
    x
}

#[test]
fn means_and_norms_are_those_of_two_passes_where_columns_drift_or_lie_far_from_zero() {
    let mut x = gaussian(SAMPLES, N, 1);
    x.column_mut(1).iter_mut().for_each(|v| *v += 1e8);
    x.column_mut(2).indexed_iter_mut().for_each(|(i, v)| *v += if i > SAMPLES / 2 { 1e6 } else { 0.0 });
    x.column_mut(3).mapv_inplace(|v| v * 1e200);
    x.column_mut(4).mapv_inplace(|v| v * 1e-310);
    x.column_mut(5).slice_mut(s![..SAMPLES - 40]).fill(0.0);
    x.column_mut(6).slice_mut(s![SAMPLES - 40..]).mapv_inplace(|v| v * 1e160);
    x[[0, 7]] = 1e9;
    x.column_mut(8).fill(0.1);
    let weights = positive(SAMPLES, 0.2, 5.0, 2);
    let total: f64 = weights.iter().sum();
    let design = standardised(&x, &weights, true);
    assert!(!design.columns().contains(&8));
    for (&j, norm) in design.columns().iter().zip(design.norms()) {
        let largest = x.column(j).iter().fold(0.0_f64, |largest, v| largest.max(v.abs()));
        let scaled: Vec<f64> = x.column(j).iter().map(|v| v / largest).collect();
        let mean = scaled.iter().zip(&weights).map(|(v, w)| v * w).sum::<f64>() / total;
        let square: f64 = scaled.iter().zip(&weights).map(|(v, w)| w * (v - mean).powi(2)).sum();
        // Entries of 1e-310 have few digits.
        let tolerance = if j == 4 { 1e-3 } else { 1e-11 };
        assert_close(design.means()[j] / largest, mean, tolerance, "mean");
        assert_close(norm / largest / square.sqrt(), 1.0, if j == 1 { 1e-7 } else { tolerance }, "norm");
    }
}

#[test]
fn products_of_the_compressed_columns_are_those_of_all_samples() {
    for (centred, share) in [(true, 1.0), (false, 1.0), (true, 1e-4), (true, 1e-7)] {
        let (x, weights) = (conditioned(share), positive(SAMPLES, 0.2, 5.0, 3));
        let full = standardised(&x, &weights, centred).copied().to_owned();
        let small = Compression::new(standardised(&x, &weights, centred), &Monitor::default()).unwrap().compressed();
        assert_eq!(small.dim(), (N, N));
        let off = small.t().dot(&small) - full.t().dot(&full);
        assert!(off.iter().all(|v| v.abs() < 1e-13), "{share}");
        // What a triangle of rounded products would lose: lengths in the direction in which the design is short.
        let z: Array1<f64> = Array1::from_shape_fn(N, |j| if j == 1 { 1.0 } else { -f64::from(u8::from(j == 2)) });
        let (length, exact) = (norm(&small.dot(&z).to_vec()), norm(&full.dot(&z).to_vec()));
        assert_close(length / exact, 1.0, 1e-14 / share, "length");
    }
}

#[test]
fn a_design_that_is_not_of_full_rank_has_as_many_rows_as_its_rank() {
    let x = gaussian(SAMPLES, 11, 4).dot(&gaussian(11, N, 5));
    let tall = Compression::new(standardised(&x, &ones(), false), &Monitor::default()).unwrap();
    assert_eq!(tall.compressed().nrows(), 11);
    let (inside, outside) = tall.rotate(&x.column(3).to_vec(), &Monitor::default()).unwrap();
    assert_close(norm(&inside) / norm(&x.column(3).to_vec()), 1.0, 1e-12, "inside");
    assert!(outside < 1e-11 * norm(&inside));
}

#[test]
fn what_no_column_reaches_is_told_from_what_one_does_down_to_rounding() {
    for (share, noise) in [(1.0, 1.0), (1.0, 1e-4), (1.0, 1e-13), (1e-3, 1.0), (1e-3, 1e-9), (1e-7, 1e-9)] {
        let x = conditioned(share);
        let tall = Compression::new(standardised(&x, &ones(), false), &Monitor::default()).unwrap();
        let full = standardised(&x, &ones(), false).copied().to_owned();
        let all: Vec<usize> = (0..N).collect();
        let (_, rss) = least_squares(&conditioned(1.0), &all, &normal(SAMPLES, 9));
        let z = normal(N, 8);
        let clean = full.dot(&aview1(&z));
        // Noise that no column reaches, whatever their condition: the same columns span the same.
        let (_, rotated) = {
            let plain = Compression::new(standardised(&x, &ones(), false), &Monitor::default()).unwrap();
            plain.rotate(&normal(SAMPLES, 9), &Monitor::default()).unwrap()
        };
        assert_close(rotated / rss.sqrt(), 1.0, 1e-9, "outside of noise alone");
        let y: Vec<f64> = clean.iter().zip(normal(SAMPLES, 9)).map(|(v, e)| v + noise * e).collect();
        let (inside, outside) = tall.rotate(&y, &Monitor::default()).unwrap();
        assert_close(outside / (noise * rss.sqrt()), 1.0, if noise < 1e-12 { 1e-2 } else { 1e-6 }, "outside");
        // Of what is inside, products with the columns are those of the response.
        let products = tall.compressed().t().dot(&aview1(&inside)) - full.t().dot(&aview1(&y));
        assert!(products.iter().all(|v| v.abs() < 1e-13 * norm(&y)), "{share} {noise}");
    }
}

#[test]
fn responses_together_are_what_they_are_alone() {
    let x = conditioned(1.0);
    let tall = Compression::new(standardised(&x, &ones(), true), &Monitor::default()).unwrap();
    let y = normal(3 * (SAMPLES - 1), 11);
    let (together, outside) = tall.rotate(&y, &Monitor::default()).unwrap();
    let mut square = 0.0;
    for (y, together) in y.chunks(SAMPLES - 1).zip(together.chunks(N)) {
        let (alone, outside) = tall.rotate(y, &Monitor::default()).unwrap();
        alone.iter().zip(together).for_each(|(a, b)| assert_close(*a, *b, 1e-12, "rotated"));
        square += outside * outside;
    }
    assert_close(outside / square.sqrt(), 1.0, 1e-12, "outside");
}

#[test]
fn columns_without_rows_of_their_own_are_compressed_alike() {
    for share in [1.0, 1e-4] {
        let x = conditioned(share);
        let starts: Vec<usize> = (0..=N).map(|j| j * SAMPLES).collect();
        let rows: Vec<usize> = (0..N).flat_map(|_| 0..SAMPLES).collect();
        let values: Vec<f64> = x.t().iter().copied().collect();
        let columns = CompressedColumns::new(x.dim(), &starts, &rows, &values).unwrap();
        let y = normal(SAMPLES - 1, 12);
        let of = |design: &dyn Design| {
            let tall = Compression::new(standardised(design, &ones(), true), &Monitor::default()).unwrap();
            let (inside, outside) = tall.rotate(&y, &Monitor::default()).unwrap();
            (tall.compressed().t().dot(&aview1(&inside)), outside)
        };
        let ((dense, of_dense), (sparse, of_sparse)) = (of(&x), of(&columns));
        assert!((dense - sparse).iter().all(|v| v.abs() < 1e-10));
        assert_close(of_dense / of_sparse, 1.0, 1e-12, "outside");
    }
}

#[test]
fn a_call_that_is_to_end_ends_between_two_blocks() {
    let x = conditioned(1.0);
    let monitor = Monitor::default();
    let design = standardised(&x, &ones(), true);
    monitor.stop();
    assert!(matches!(Standardised::new("X", &x, &ones(), true, &monitor).unwrap_err(), Error::Interrupted { .. }));
    assert!(matches!(design.row_blocks(&monitor, |_, _| Ok(())).unwrap_err(), Error::Interrupted { .. }));
}

#[test]
fn samples_that_agree_in_the_response_alone_are_all_kept() {
    // Whole numbers: their bits differ in few places.
    let x = gaussian(SAMPLES, N, 13).mapv(|v| (3.0 * v).round() as i8);
    let y = Array2::from_shape_fn((SAMPLES, 1), |(i, _)| (i % 3) as f64);
    assert!(Rows::distinct(&x, y.view(), &[]).is_none());
    let twice = x.select(Axis(0), &(0..2 * SAMPLES).map(|i| i % SAMPLES).collect::<Vec<_>>());
    let both = y.select(Axis(0), &(0..2 * SAMPLES).map(|i| i % SAMPLES).collect::<Vec<_>>());
    let kept = Rows::distinct(&twice, both.view(), &[]).unwrap();
    assert_eq!(kept.shape(), (SAMPLES, N));
    let mut out = Array2::zeros((5, N));
    assert!(kept.read_rows(SAMPLES - 5..SAMPLES, out.view_mut()));
    assert_eq!(out, x.slice(s![SAMPLES - 5.., ..]).mapv(f64::from));
}

#[test]
fn noise_free_data_are_certified_with_all_of_their_digits() {
    let support = [2, 9, 15];
    for (share, offset, noise, certified) in [
        (1.0, 0.0, 0.0, true),
        (1.0, 1e6, 0.0, true),
        (1e-3, 0.0, 0.0, true),
        (1.0, 0.0, 1e-13, false),
        (1.0, 0.0, 1e-6, false),
    ] {
        let x = conditioned(share) + offset;
        let z = [1.3, -0.7, 2.1];
        let y: Vec<f64> = x
            .outer_iter()
            .zip(normal(SAMPLES, 14))
            .map(|(row, e)| support.iter().zip(z).map(|(&j, z)| row[j] * z).sum::<f64>() + noise * e)
            .collect();
        let found = fitted(x.view(), &y, &Settings::default());
        assert_eq!((found.certified, &found.support[..]), (certified, &support[..]), "{share} {offset} {noise}");
        for (&j, z) in support.iter().zip(z) {
            assert_close(found.coef[j], z, 1e-9_f64.max(noise), "coefficient");
        }
    }
}
