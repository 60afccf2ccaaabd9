//! Samples that came in blocks: what is left of them has their products, and the fit that they have.

use crate::common::{Planted, assert_close, gaussian, normal, positive};
use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate, s};
use sparsevae::design::{CompressedColumns, Design};
use sparsevae::linalg::summary::Summary;
use sparsevae::model::settings::{Noise, Settings};
use sparsevae::model::{affine_vae, fit, fit_summary};
use sparsevae::monitor::Monitor;
use sparsevae::settings::Settings as _;
use sparsevae::{Error, Status};

/// More than are put together at a time, for few columns.
const SAMPLES: usize = 20_000;

fn summed(x: &Array2<f64>, y: &[f64], weights: &[f64], height: usize) -> Summary {
    let mut summary = Summary::new(x.ncols(), 1).unwrap();
    let y = ArrayView2::from_shape((y.len(), 1), y).unwrap();
    for start in (0..x.nrows()).step_by(height) {
        let rows = start..x.nrows().min(start + height);
        let own = if weights.is_empty() { weights } else { &weights[rows.clone()] };
        summary.add(&x.slice(s![rows.clone(), ..]), y.slice(s![rows, ..]), own, &Monitor::default()).unwrap();
    }
    summary
}

/// Weighted means and the products about them, by two passes.
fn moments(all: &Array2<f64>, weights: &[f64]) -> (Array1<f64>, Array2<f64>) {
    let weights = Array1::from_vec(weights.to_vec());
    let mean = weights.dot(all) / weights.sum();
    let centred = all - &mean;
    (mean, (&centred * &weights.insert_axis(Axis(1))).t().dot(&centred))
}

#[test]
fn rows_have_the_products_of_all_samples_whatever_the_blocks() {
    let weights = positive(SAMPLES, 0.1, 10.0, 1);
    for share in [1.0, 1e-3] {
        let mut x = gaussian(SAMPLES, 6, 2);
        let first = x.column(0).to_owned();
        x.column_mut(1).zip_mut_with(&first, |v, f| *v = f + share * *v);
        x.column_mut(2).mapv_inplace(|v| v + 1e6);
        x.column_mut(3).slice_mut(s![..9_000]).fill(0.0);
        x.column_mut(3).mapv_inplace(|v| v * 1e-50);
        x.column_mut(4).mapv_inplace(|v| v * 1e50);
        let y = normal(SAMPLES, 3);
        let all = concatenate![Axis(1), x, Array2::from_shape_vec((SAMPLES, 1), y.clone()).unwrap()];
        let (mean, products) = moments(&all, &weights);
        for height in [1, 37, 12_000, SAMPLES] {
            let table = summed(&x, &y, &weights, height).table(&[0, 1, 2, 3, 4, 5], true, &Monitor::default()).unwrap();
            let rows = concatenate![Axis(1), table.x, table.y];
            let found = rows.t().dot(&rows);
            for ((i, j), value) in found.indexed_iter() {
                let scale = (products[[i, i]] * products[[j, j]]).sqrt();
                assert_close(value / scale, products[[i, j]] / scale, 1e-11, "product");
            }
            for (j, value) in table.x_means.iter().enumerate() {
                let scale = mean[j].abs().max((products[[j, j]] / SAMPLES as f64).sqrt());
                assert_close(value / scale, mean[j] / scale, 1e-11, "mean");
            }
        }
    }
}

#[test]
fn rows_about_zero_have_the_means_in_them() {
    let (x, y) = (gaussian(500, 3, 1) + 2.0, normal(500, 2));
    let table = summed(&x, &y, &[], 100).table(&[2, 0], false, &Monitor::default()).unwrap();
    let (found, expected) = (table.x.t().dot(&table.x), x.select(Axis(1), &[2, 0]));
    let expected = expected.t().dot(&expected);
    found.iter().zip(&expected).for_each(|(a, b)| assert_close(a / b, 1.0, 1e-12, "product"));
    assert!(table.x_means.iter().chain(&table.y_means).all(|mean| *mean == 0.0));
}

#[test]
fn constant_columns_leave_nothing() {
    let mut x = gaussian(9_000, 4, 1);
    x.column_mut(1).fill(0.1);
    x.column_mut(2).fill(1e9);
    let table = summed(&x, &normal(9_000, 2), &[], 700).table(&[0, 1, 2, 3], true, &Monitor::default()).unwrap();
    for (j, column) in table.x.columns().into_iter().enumerate() {
        assert_eq!(column.iter().all(|v| *v == 0.0), j == 1 || j == 2, "{j}");
    }
}

#[test]
fn a_fit_is_that_of_all_samples_and_never_certified() {
    let mut planted = Planted::new(gaussian(3_000, 15, 4), 4, 5);
    planted.x += 1e3;
    for (noise, status) in [(0.0, Status::Converged), (1.0, Status::Noisy)] {
        let noise = normal(3_000, 6).into_iter().map(|v| noise * v);
        let y: Vec<f64> = planted.y.iter().zip(noise).map(|(y, e)| y + e).collect();
        let settings = Settings::default();
        let expected = fit(planted.x.view(), &y, &settings, &Monitor::default()).unwrap();
        let columns: Vec<usize> = (0..15).collect();
        let found =
            fit_summary(&mut summed(&planted.x, &y, &[], 256), &columns, &settings, &Monitor::default()).unwrap();
        assert_eq!((&found.support, found.certified, found.status), (&expected.support, false, status));
        found.coef.iter().zip(&expected.coef).for_each(|(a, b)| assert_close(*a, *b, 1e-9, "coefficient"));
        assert_close(found.intercept[0], expected.intercept[0], 1e-6, "intercept");
        assert_close(found.noise_var / expected.noise_var, 1.0, 1e-8, "noise");
    }
}

#[test]
fn constant_responses_are_not_certified_either() {
    let x = gaussian(100, 3, 1);
    for noise in [Noise::Auto, Noise::Anneal, Noise::Fixed(1.0)] {
        let settings = Settings { noise, ..Settings::default() };
        let summary = &mut summed(&x, &[0.1; 100], &[], 30);
        let found = fit_summary(summary, &[0, 1, 2], &settings, &Monitor::default()).unwrap();
        assert_eq!((found.certified, found.status, found.support.len()), (false, Status::Converged, 0));
        assert!(
            !summary.varies(true, &Monitor::default()).unwrap() && summary.varies(false, &Monitor::default()).unwrap()
        );
    }
}

#[test]
fn affine_models_are_those_of_all_samples() {
    for n in [4_000, 10, 4] {
        let x = gaussian(n, 3, 1).dot(&gaussian(3, 10, 2)) + gaussian(n, 10, 3) * 0.1;
        let settings = affine_vae::AffineVaeSettings { n_components: Some(2), noise_var: None }.check().unwrap();
        let mut summary = Summary::new(10, 0).unwrap();
        for block in x.axis_chunks_iter(Axis(0), 3) {
            summary.add(&block, Array2::zeros((block.nrows(), 0)).view(), &[], &Monitor::default()).unwrap();
        }
        let expected = affine_vae::fit(&x.view(), &settings, &Monitor::default()).unwrap();
        let found = affine_vae::fit_summary(&mut summary, &settings, &Monitor::default()).unwrap();
        found.components.iter().zip(&expected.components).for_each(|(a, b)| assert_close(*a, *b, 1e-11, "component"));
        assert_close(found.noise_var, expected.noise_var, 1e-12, "noise");
        assert_close(found.energy, expected.energy, 1e-9, "energy");
    }
}

#[test]
fn blocks_are_taken_in_whole_or_not_at_all() {
    let (x, y) = (gaussian(40_000, 3, 1), normal(40_000, 2));
    let mut summary = summed(&x.slice(s![..10, ..]).to_owned(), &y[..10], &[], 10);
    let before = summary.clone();
    let mut bad = x.clone();
    bad[[39_999, 1]] = f64::NAN;
    let ys = ArrayView2::from_shape((40_000, 1), &y).unwrap();
    let stopped = Monitor::default();
    stopped.stop();
    for (found, wanted) in [
        (
            summary.add(&bad.view(), ys, &[], &Monitor::default()),
            "`X` has a NaN or an infinite value at index [39999, 1]",
        ),
        (summary.add(&x.view(), ys.slice(s![1.., ..]), &[], &Monitor::default()), "`y` has shape"),
        (summary.add(&x.slice(s![.., 1..]), ys, &[], &Monitor::default()), "`X` has shape"),
        (summary.add(&x.view(), ys, &[1.0], &Monitor::default()), "`sample_weight` has shape"),
        (summary.add(&x.view(), ys, &[1e306; 40_000], &Monitor::default()), "`sample_weight` is inf"),
        (summary.add(&x.view(), ys, &[], &stopped), "interrupted"),
    ] {
        let message = found.unwrap_err().to_string();
        assert!(message.contains(wanted), "{message}");
    }
    assert_eq!(summary, before);
    let parts = summary.parts(&Monitor::default()).unwrap();
    assert_eq!(Summary::of_parts(parts.clone()).unwrap(), summary);
    let ((p, n, weight), columns) = parts;
    assert!(matches!(Summary::of_parts(((p + 9, n, weight), columns)), Err(Error::Shape { .. })));
}

#[test]
fn too_few_samples_say_how_many_are_wanted() {
    let summary = &mut summed(&gaussian(4, 4, 1), &normal(4, 2), &[], 2);
    let error = fit_summary(summary, &[0, 1, 2, 3], &Settings::default(), &Monitor::default()).unwrap_err();
    assert!(error.to_string().contains("more samples than columns, 5,"), "{error}");
    assert!(fit_summary(summary, &[0, 3], &Settings::default(), &Monitor::default()).is_ok());
}

#[test]
fn columns_that_cannot_be_read_by_samples_are_copied() {
    let starts = [0_usize, 2, 3];
    let rows = [0_usize, 2, 1];
    let values = [1.0, 2.0, 3.0];
    let sparse = CompressedColumns::new((3, 2), &starts, &rows, &values).unwrap();
    let mut dense = Array2::zeros((3, 2));
    sparse.read(&[0, 1], dense.view_mut());
    let (mut one, mut other) = (Summary::new(2, 0).unwrap(), Summary::new(2, 0).unwrap());
    let none = Array2::zeros((3, 0));
    one.add(&sparse, none.view(), &[], &Monitor::default()).unwrap();
    other.add(&dense.view(), none.view(), &[], &Monitor::default()).unwrap();
    assert_eq!(one, other);
}
