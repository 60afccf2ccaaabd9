//! Energies: values against dense algebra, gradients against central differences.

use crate::common::{assert_close, covariance, gaussian, invert, normal, positive, slope};
use ndarray::{Array2, aview1};
use sparsevae::energy::{Evaluation, marginal_energy, preconditioned_energy};

const SHAPES: [(usize, usize); 7] = [(1, 1), (1, 6), (6, 1), (4, 9), (9, 4), (6, 6), (13, 37)];

struct Point {
    x: Array2<f64>,
    y: Vec<f64>,
    w: Vec<f64>,
    gamma: f64,
}

/// Points of every shape, of full rank and with a repeated column and row.
fn points() -> Vec<Point> {
    let mut points = Vec::new();
    for (seed, (d, n)) in SHAPES.into_iter().enumerate() {
        for (deficient, gamma) in [(false, 0.7), (true, 0.7), (false, 0.02)] {
            let mut x = gaussian(d, n, seed as u64);
            if deficient {
                let (column, row) = (x.column(0).to_owned(), x.row(0).to_owned());
                x.column_mut(n - 1).assign(&column);
                if d > 1 {
                    x.row_mut(d - 1).assign(&row);
                    x[[d - 1, n - 1]] = x[[0, n - 1]];
                }
            }
            points.push(Point { x, y: normal(d, 50 + seed as u64), w: positive(n, 0.1, 3.0, seed as u64), gamma });
        }
    }
    points
}

fn assert_gradient(point: &Point, energy: impl Fn(&[f64], f64) -> Evaluation, what: &str) {
    let here = energy(&point.w, point.gamma);
    let norm = here.grad_prior_var.iter().map(|g| g * g).sum::<f64>().sqrt();
    for (j, &gradient) in here.grad_prior_var.iter().enumerate() {
        let along = |v: f64| {
            let mut w = point.w.clone();
            w[j] = v;
            energy(&w, point.gamma).value
        };
        let expected = slope(along, point.w[j]);
        let rounding = 1e-12 * here.value.abs() / point.w[j];
        let error = (gradient - expected).abs();
        assert!(error <= 1e-6 * norm.max(expected.abs()) + rounding, "{what}, w_{j}: {gradient} {expected}");
    }
    let expected = slope(|gamma| energy(&point.w, gamma).value, point.gamma);
    assert!((here.grad_noise_var - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{what}, gamma: {expected}");
}

#[test]
fn gradient_of_the_marginal_energy_matches_central_differences() {
    for point in points() {
        let energy = |w: &[f64], gamma| marginal_energy(point.x.view(), &point.y, w, gamma).unwrap();
        assert_gradient(&point, energy, &format!("{:?}", point.x.dim()));
    }
}

#[test]
fn gradient_of_the_preconditioned_energy_matches_central_differences() {
    for point in points() {
        for power in [0.0, 0.25, 0.5, 1.0, 1.7] {
            let energy = |w: &[f64], gamma| preconditioned_energy(point.x.view(), &point.y, w, gamma, power).unwrap();
            assert_gradient(&point, energy, &format!("{:?}, power {power}", point.x.dim()));
        }
    }
}

#[test]
fn marginal_energy_is_its_formula() {
    for Point { x, y, w, gamma } in points() {
        let (inverse, log_det) = invert(&covariance(&x, &w, gamma));
        let expected = aview1(&y).dot(&inverse.dot(&aview1(&y))) + log_det;
        let found = marginal_energy(x.view(), &y, &w, gamma).unwrap().value;
        assert_close(found, expected, 1e-11, "energy");
    }
}

#[test]
fn preconditioned_energy_at_power_one_is_the_marginal_energy_of_preconditioned_data() {
    for Point { x, y, w, gamma } in points() {
        let p = invert(&covariance(&x, &vec![1.0; x.ncols()], gamma)).0;
        let (px, py) = (p.dot(&x), p.dot(&aview1(&y)).to_vec());
        let expected = marginal_energy(px.view(), &py, &w, gamma).unwrap().value;
        let found = preconditioned_energy(x.view(), &y, &w, gamma, 1.0).unwrap().value;
        assert_close(found, expected, 1e-10, "energy");
    }
}

#[test]
fn preconditioned_energy_at_power_zero_is_the_marginal_energy() {
    for Point { x, y, w, gamma } in points() {
        let plain = marginal_energy(x.view(), &y, &w, gamma).unwrap();
        let found = preconditioned_energy(x.view(), &y, &w, gamma, 0.0).unwrap();
        assert_close(found.value, plain.value, 1e-11, "energy");
        assert_close(found.grad_noise_var, plain.grad_noise_var, 1e-10, "slope");
    }
}

#[test]
fn energy_without_prior_variance_is_that_of_white_noise() {
    let (x, y) = (gaussian(5, 3, 1), normal(5, 2));
    let square: f64 = y.iter().map(|v| v * v).sum();
    let found = marginal_energy(x.view(), &y, &[0.0; 3], 0.3).unwrap();
    assert_close(found.value, square / 0.3 + 5.0 * 0.3_f64.ln(), 1e-13, "energy");
    assert_close(found.grad_noise_var, 5.0 / 0.3 - square / 0.09, 1e-13, "slope");
}
