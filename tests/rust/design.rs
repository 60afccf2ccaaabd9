//! Kinds of designs, held to the same numbers as a dense array of float64.

use crate::common::{Planted, assert_close, fitted, gaussian, norm, normal, positive};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, ShapeBuilder, s};
use sparsevae::Error;
use sparsevae::design::{CompressedColumns, Design, Element, Moments};
use sparsevae::model::settings::{Settings, SupportRule};
use sparsevae::model::{fit, fit_many};
use sparsevae::monitor::Monitor;
use sparsevae::threads;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Whole numbers from -3 to 3, more than half of them 0.
fn counts(rows: usize, cols: usize, seed: u64) -> Array2<i8> {
    gaussian(rows, cols, seed).mapv(|v| (v * 1.2).trunc().clamp(-3.0, 3.0) as i8)
}

/// Starts, rows and values of the columns, and the shape.
type Compressed = ((usize, usize), Vec<i32>, Vec<i32>, Vec<i8>);

fn compressed(x: &Array2<i8>) -> Compressed {
    let (mut starts, mut rows, mut values) = (vec![0], Vec::new(), Vec::new());
    for column in x.columns() {
        // From the last row to the first: any order will do.
        for (i, &value) in column.iter().enumerate().rev().filter(|(_, value)| **value != 0) {
            rows.push(i as i32);
            values.push(value);
        }
        starts.push(rows.len() as i32);
    }
    (x.dim(), starts, rows, values)
}

fn assert_same(design: &dyn Design, dense: &Array2<f64>) {
    let (rows, n) = dense.dim();
    assert_eq!(design.shape(), (rows, n));
    for columns in [vec![], vec![n - 1], vec![1, 2, 3], vec![n - 1, 0, 2, 2]] {
        let mut out = Array2::from_elem((rows, columns.len()), f64::NAN);
        design.read(&columns, out.view_mut());
        assert_eq!(out, dense.select(ndarray::Axis(1), &columns));
    }
    for some in [0..rows, rows / 3..rows / 2 + 1, 0..0] {
        let mut out = Array2::from_elem((some.len(), n), f64::NAN);
        assert!(!design.read_rows(some.clone(), out.view_mut()) || out == dense.slice(s![some, ..]));
    }
    let scale = dense.iter().fold(1.0_f64, |largest, v| largest.max(v.abs()));
    // One vector and a few take different ways, and so do all columns and some.
    for (count, columns) in [(1, 0..n), (2, 0..n), (5, 0..n), (1, n / 3..n - 1), (4, n / 3..n - 1), (2, 1..1)] {
        let vectors = normal(count * rows, 5);
        let mut out = vec![f64::NAN; count * columns.len()];
        design.multiply_transposed(columns.clone(), &vectors, &mut out);
        for (l, vector) in vectors.chunks(rows).enumerate() {
            let expected = dense.slice(s![.., columns.clone()]).t().dot(&ndarray::aview1(vector)) / scale;
            let found = out[l * columns.len()..].iter().zip(&expected);
            found.for_each(|(found, e)| assert_close(found / scale, *e, 1e-13, "X^T v"));
        }
    }
}

/// In C order, in Fortran order, with strides, backwards and with rows that lie apart.
fn assert_layouts<T: Element + Clone + Default>(x: &Array2<T>) {
    let dense = x.mapv(Element::to_f64);
    let (rows, n) = x.dim();
    assert_same(&x.view(), &dense);
    let mut fortran = Array2::from_elem((rows, n).f(), T::default());
    fortran.assign(x);
    assert_same(&fortran.view(), &dense);
    let mut wide = Array2::from_elem((2 * rows, 2 * n), T::default());
    wide.slice_mut(s![..;2, ..;2]).assign(x);
    assert_same(&wide.slice(s![..;2, ..;2]), &dense);
    wide.slice_mut(s![..;2, ..n]).assign(x);
    assert_same(&wide.slice(s![..;2, ..n]), &dense);
    let backwards: ArrayView2<'_, T> = x.slice(s![..;-1, ..;-1]);
    assert_same(&backwards, &backwards.mapv(Element::to_f64));
}

#[test]
fn elements_and_layouts_give_the_columns_and_products_of_float64() {
    for (rows, n) in [(1, 4), (20, 4), (37, 1100)] {
        let x = counts(rows, n, 1);
        assert_layouts(&x);
        assert_layouts(&x.mapv(|v| v > 0));
        assert_layouts(&x.mapv(|v| v.unsigned_abs()));
        assert_layouts(&x.mapv(|v| i16::from(v) * 1000));
        assert_layouts(&x.mapv(|v| u16::from(v.unsigned_abs()) * 10_000));
        assert_layouts(&x.mapv(|v| i32::from(v) * 1_000_000));
        assert_layouts(&x.mapv(|v| u32::from(v.unsigned_abs()) * 1_000_000_000));
        assert_layouts(&x.mapv(|v| i64::from(v) << 60));
        assert_layouts(&x.mapv(|v| u64::from(v.unsigned_abs()) << 61));
        assert_layouts(&x.mapv(|v| f32::from(v) / 3.0));
        assert_layouts(&x.mapv(|v| f64::from(v) / 3.0));
    }
}

#[test]
fn compressed_columns_are_those_of_the_dense_matrix() {
    let x = counts(20, 30, 2);
    let (shape, starts, rows, values) = compressed(&x);
    assert_same(&CompressedColumns::new(shape, &starts, &rows, &values).unwrap(), &x.mapv(f64::from));
    let wide = |indices: &[i32]| indices.iter().map(|&i| i64::from(i)).collect::<Vec<_>>();
    let (starts, rows) = (wide(&starts), wide(&rows));
    assert_same(&CompressedColumns::new(shape, &starts, &rows, &values).unwrap(), &x.mapv(f64::from));
}

/// Moments of sparse columns are computed from their entries: with few zeros, none and no entry as well.
#[test]
fn moments_of_compressed_columns_are_those_of_the_dense_matrix() {
    let mut x = counts(40, 9, 4);
    x.column_mut(2).fill(3);
    x.column_mut(3).fill(0);
    x.column_mut(4).mapv_inplace(|v| v + 10);
    x.column_mut(5).fill(2);
    x[[7, 5]] = 0;
    let dense = x.mapv(f64::from);
    let (shape, starts, rows, values) = compressed(&x);
    let sparse = CompressedColumns::new(shape, &starts, &rows, &values).unwrap();
    let roots = positive(40, 0.5, 2.0, 6);
    for roots in [vec![1.0; 40], roots] {
        for centred in [false, true] {
            let found = Moments::of(&sparse, &roots, centred, &Monitor::default());
            let expected = Moments::of(&dense, &roots, centred, &Monitor::default());
            assert_eq!(found.not_finite, None);
            for (found, e) in found.of_columns.iter().zip(&expected.of_columns) {
                assert_eq!(found.divisor, e.divisor);
                assert_close(found.mean, e.mean, 1e-14, "mean");
                assert_close(found.mean + found.share, e.mean + e.share, 1e-13, "share");
                assert_close(found.square, e.square, 1e-12, "square");
            }
        }
    }
}

#[test]
fn an_entry_of_sparse_columns_that_is_not_finite_is_named_with_its_row_and_column() {
    let (starts, rows) = ([0, 1, 3], [2, 3, 1]);
    let x = CompressedColumns::new((4, 2), &starts, &rows, &[1.0, f64::NAN, f64::INFINITY]).unwrap();
    let found = Moments::of(&x, &[1.0; 4], true, &Monitor::default());
    assert_eq!(found.not_finite, Some((1, 1)));
}

#[test]
fn entries_that_are_given_twice_are_summed() {
    let design = CompressedColumns::new((2, 4), &[0, 3, 3, 4, 4], &[1, 0, 1, 0], &[1.0, 2.0, 3.0, 4.0]).unwrap();
    assert_same(&design, &ndarray::array![[2.0, 0.0, 4.0, 0.0], [4.0, 0.0, 0.0, 0.0]]);
}

#[test]
fn indices_beyond_the_matrix_are_refused() {
    for (starts, rows) in [
        ([0, 1, 2], [0, 2]),
        ([0, 1, 2], [0, -1]),
        ([0, 2, 1], [0, 1]),
        ([0, 1, 3], [0, 1]),
        ([1, 1, 2], [0, 1]),
        ([-1, 1, 2], [0, 1]),
    ] {
        let error = CompressedColumns::new((2, 2), &starts, &rows, &[1.0, 2.0]).unwrap_err();
        assert!(matches!(error, Error::Shape { what: "X", .. }), "{starts:?} {rows:?}");
    }
    assert!(CompressedColumns::new((2, 2), &[0, 1], &[0], &[1.0]).is_err());
    assert!(CompressedColumns::new((2, 1), &[0, 1], &[0, 1], &[1.0]).is_err());
}

#[test]
fn fits_of_every_kind_are_those_of_float64() {
    assert_fits_of_every_kind(60, 150);
    assert_fits_of_every_kind(800, 100);
}

fn assert_fits_of_every_kind(n_samples: usize, n_features: usize) {
    let x = counts(n_samples, n_features, 3);
    let dense = x.mapv(f64::from);
    let mut coef = vec![0.0; n_features];
    (coef[3], coef[50], coef[99]) = (1.0, -2.3456, 0.712345);
    let clean = dense.dot(&ndarray::aview1(&coef));
    let noisy = &clean + &(ndarray::Array1::from(normal(n_samples, 4)) * 0.3);
    let (shape, starts, rows, values) = compressed(&x);
    let columns = CompressedColumns::new(shape, &starts, &rows, &values).unwrap();
    let single = x.mapv(f32::from);
    let kinds: [&dyn Design; 3] = [&x.view(), &single.view(), &columns];
    let weights = positive(n_samples, 0.3, 3.0, 6);
    for (is_clean, sample_weight) in [(true, vec![]), (false, vec![]), (true, weights.clone()), (false, weights)] {
        for fit_intercept in [false, true] {
            let (y, constant) = (if is_clean { &clean } else { &noisy }, if fit_intercept { 2.0 } else { 0.0 });
            let y = (y + constant).to_vec();
            let settings = Settings { fit_intercept, sample_weight: sample_weight.clone(), ..Settings::default() };
            let expected = fitted(dense.view(), &y, &settings);
            assert_eq!(expected.certified, is_clean);
            for kind in kinds {
                let found = fit(kind, &y, &settings, &Monitor::default()).unwrap();
                assert_eq!(found.support, expected.support);
                assert_eq!(found.certified, expected.certified);
                found.coef.iter().zip(&expected.coef).for_each(|(a, b)| assert_close(*a, *b, 1e-10, "coef"));
                assert_close(found.intercept[0], expected.intercept[0], 1e-10, "intercept");
            }
        }
    }
}

/// Weights and a problem with noise, intercept 5 and columns that are not centred.
fn weighted() -> (Array2<f64>, Vec<f64>, Vec<f64>) {
    let x = gaussian(50, 20, 7) + 3.0;
    let y = (&x.column(2) - &x.column(11) * 2.0 + 5.0 + ndarray::Array1::from(normal(50, 8)) * 0.2).to_vec();
    (x, y, positive(50, 0.2, 5.0, 9))
}

#[test]
fn weights_scale_samples_by_their_roots() {
    let (x, y, weights) = weighted();
    let settings = Settings { support_rule: SupportRule::Posterior, fit_intercept: false, ..Settings::default() };
    let own = Settings { sample_weight: weights.clone(), ..settings.clone() };
    let mut scaled = x.clone();
    scaled.outer_iter_mut().zip(&weights).for_each(|(mut row, w)| row *= w.sqrt());
    let response: Vec<f64> = y.iter().zip(&weights).map(|(y, w)| y * w.sqrt()).collect();
    let (found, expected) = (fitted(x.view(), &y, &own), fitted(scaled.view(), &response, &settings));
    assert_eq!(found.support, expected.support);
    assert_close(found.energy, expected.energy, 1e-10, "energy");
    assert_close(found.noise_var, expected.noise_var, 1e-10, "noise variance");
    found.coef.iter().zip(&expected.coef).for_each(|(a, b)| assert_close(*a, *b, 1e-10, "coef"));
}

#[test]
fn weights_leave_residuals_that_are_orthogonal_to_the_intercept_and_the_support() {
    let (x, y, weights) = weighted();
    let found = fitted(
        x.view(),
        &y,
        &Settings { support_rule: SupportRule::Posterior, sample_weight: weights.clone(), ..Settings::default() },
    );
    assert_eq!(found.support, [2, 11]);
    let left: Vec<f64> = (0..50)
        .map(|i| {
            let fit: f64 = x.row(i).iter().zip(&found.coef).map(|(x, b)| x * b).sum();
            weights[i] * (y[i] - fit - found.intercept[0])
        })
        .collect();
    assert_close(left.iter().sum::<f64>() / norm(&left), 0.0, 1e-9, "intercept");
    for j in [2, 11] {
        let product: f64 = x.column(j).iter().zip(&left).map(|(x, e)| x * e).sum();
        assert_close(product / norm(&left), 0.0, 1e-8, "column");
    }
}

#[test]
fn samples_of_weight_0_are_left_out_and_others_keep_their_numbers_in_errors() {
    let (mut x, y, mut weights) = weighted();
    weights[0] = 0.0;
    weights[30] = 0.0;
    x[[0, 4]] = f64::NAN;
    let settings = |weights: &[f64]| Settings { sample_weight: weights.to_vec(), ..Settings::default() };
    let found = fitted(x.view(), &y, &settings(&weights));
    let used: Vec<usize> = (0..50).filter(|i| *i != 0 && *i != 30).collect();
    let of = |values: &[f64]| used.iter().map(|&i| values[i]).collect::<Vec<f64>>();
    let rest = fitted(x.select(ndarray::Axis(0), &used).view(), &of(&y), &settings(&of(&weights)));
    assert_eq!(found, rest);
    x[[40, 6]] = f64::INFINITY;
    let error = fit(x.view(), &y, &settings(&weights), &Monitor::default()).unwrap_err();
    assert_eq!(error, Error::NonFinite { what: "X", index: vec![40, 6] });
}

#[test]
fn copies_of_a_sample_are_one_only_where_their_weights_agree() {
    let (x, y, weights) = weighted();
    let twice = ndarray::concatenate![ndarray::Axis(0), x, x];
    let both = |values: &[f64], factor: f64| -> Vec<f64> {
        values.iter().copied().chain(values.iter().map(|v| factor * v)).collect()
    };
    let settings = |weights: Vec<f64>| Settings { sample_weight: weights, ..Settings::default() };
    let once = fitted(x.view(), &y, &settings(weights.clone()));
    assert_eq!(fitted(twice.view(), &both(&y, 1.0), &settings(both(&weights, 1.0))), once);
    let other = fitted(twice.view(), &both(&y, 1.0), &settings(both(&weights, 2.0)));
    assert!(other.noise_var != once.noise_var);
}

#[test]
fn many_weighted_responses_are_each_as_alone() {
    let (x, y, mut weights) = weighted();
    weights[5] = 0.0;
    let settings = Settings { sample_weight: weights, ..Settings::default() };
    let both = Array2::from_shape_fn((50, 2), |(i, l)| if l == 0 { y[i] } else { y[49 - i] });
    let many = fit_many(x.view(), both.view(), &settings, &[], &Monitor::default()).unwrap();
    for (found, response) in many.iter().zip(both.columns()) {
        assert_eq!(*found, fitted(x.view(), &response.to_vec(), &settings).into());
    }
}

#[test]
fn weights_that_are_none_are_refused() {
    let (x, y, _) = weighted();
    for (weights, name) in [(vec![-1.0; 50], "sample_weight"), (vec![f64::NAN; 50], "sample_weight")] {
        let settings = Settings { sample_weight: weights, ..Settings::default() };
        match fit(x.view(), &y, &settings, &Monitor::default()) {
            Err(Error::InvalidParameter { name: found, .. }) => assert_eq!(found, name),
            other => panic!("{other:?}"),
        }
    }
    for length in [49, 51] {
        let settings = Settings { sample_weight: vec![1.0; length], ..Settings::default() };
        let error = fit(x.view(), &y, &settings, &Monitor::default()).unwrap_err();
        assert!(matches!(error, Error::Shape { what: "sample_weight", .. }), "{error}");
    }
}

/// More than one part of columns for each thread, and some left over.
#[test]
fn products_are_the_same_bits_on_any_number_of_threads() {
    let (rows, n) = (300, 9_001);
    let dense = gaussian(rows, n, 11);
    let small = dense.mapv(|v| (v * 20.0) as i8);
    let fortran = dense.t().as_standard_layout().reversed_axes().to_owned();
    let kinds: [&dyn Design; 4] = [&dense, &small, &fortran, &dense.slice(s![..;2, ..])];
    for design in kinds {
        let vectors = normal(4 * design.shape().0, 12);
        let products = || {
            let mut out = vec![f64::NAN; 4 * n];
            design.multiply_transposed(0..n, &vectors, &mut out);
            out
        };
        let alone = products();
        for n_threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            assert_eq!(pool.install(|| threads::lend(products)), alone);
        }
    }
}

#[test]
fn fits_that_share_threads_are_the_same_bits() {
    let planted = Planted::new(gaussian(80, 6_000, 13), 5, 14);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    for db in [30.0, 5.0] {
        let y = planted.noisy(db, 15);
        let alone = fitted(planted.x.view(), &y, &Settings::default());
        let shared = pool.install(|| threads::lend(|| fitted(planted.x.view(), &y, &Settings::default())));
        assert_eq!((shared.support, shared.coef, shared.energy), (alone.support, alone.coef, alone.energy));
    }
}

/// Columns whose moments are found where they lie.
#[derive(Debug)]
struct Elsewhere {
    values: Array2<f64>,
    columns_read: AtomicUsize,
}

impl Design for Elsewhere {
    fn shape(&self) -> (usize, usize) {
        self.values.dim()
    }

    fn read(&self, columns: &[usize], out: ArrayViewMut2<'_, f64>) {
        self.columns_read.fetch_add(columns.len(), Ordering::Relaxed);
        self.values.read(columns, out);
    }

    fn multiply_transposed(&self, columns: Range<usize>, vectors: &[f64], out: &mut [f64]) {
        self.values.view().multiply_transposed(columns, vectors, out);
    }

    fn moments(&self, roots: &[f64], centred: bool) -> Option<Moments> {
        let used: Vec<usize> = (0..roots.len()).filter(|&i| roots[i] > 0.0).collect();
        let own: Vec<f64> = used.iter().map(|&i| roots[i]).collect();
        let mut found = Moments::of(&self.values.select(Axis(0), &used), &own, centred, &Monitor::default());
        found.not_finite = found.not_finite.map(|(i, j)| (used[i], j));
        Some(found)
    }

    fn span(&self) -> usize {
        self.values.ncols()
    }
}

#[test]
fn columns_that_know_their_moments_are_not_read_for_them() {
    let mut values = counts(60, 4_000, 3).mapv(f64::from);
    let y: Vec<f64> = (0..60).map(|i| values[[i, 7]] - 2.0 * values[[i, 70]] + (i as f64).sin() / 5.0).collect();
    let weights: Vec<f64> = (0..60).map(|i| if i % 20 == 0 { 0.0 } else { 1.0 + i as f64 }).collect();
    let settings = Settings { sample_weight: weights, ..Settings::default() };
    let dense = fitted(values.view(), &y, &settings);
    let elsewhere = Elsewhere { values: values.clone(), columns_read: AtomicUsize::new(0) };
    let found = fit(&elsewhere, &y, &settings, &Monitor::default()).unwrap();
    assert_eq!((&found.support, &found.coef, found.n_passes), (&dense.support, &dense.coef, dense.n_passes));
    assert!(found.n_passes >= 2 && elsewhere.columns_read.into_inner() < 3_000);
    // Row 20 has weight 0.
    values[[20, 5]] = f64::NAN;
    values[[21, 3_000]] = f64::INFINITY;
    let elsewhere = Elsewhere { values, columns_read: AtomicUsize::new(0) };
    let error = fit(&elsewhere, &y, &settings, &Monitor::default()).unwrap_err();
    assert_eq!(error, Error::NonFinite { what: "X", index: vec![21, 3_000] });
}
