//! Problems to test on, and plain dense algebra to test against.

use ndarray::{Array1, Array2, ArrayView2};
use sparsevae::FitReport;
use sparsevae::datasets::{Design, Law, make_design, make_sparse_coef};
use sparsevae::energy::elbo::Parameters;
use sparsevae::model::{fit, settings::Settings};
use sparsevae::monitor::Monitor;

/// A standard normal matrix.
pub fn gaussian(rows: usize, cols: usize, seed: u64) -> Array2<f64> {
    make_design(Design::Gaussian, rows, cols, false, seed, &Monitor::default()).unwrap()
}

/// A standard normal vector.
pub fn normal(len: usize, seed: u64) -> Vec<f64> {
    gaussian(len, 1, seed).into_raw_vec_and_offset().0
}

/// Values between `low` and `high`, log-uniform.
pub fn positive(len: usize, low: f64, high: f64, seed: u64) -> Vec<f64> {
    normal(len, seed).into_iter().map(|v| low * (high / low).powf(0.5 + 0.5 * v.sin())).collect()
}

/// An encoder and a decoder for a design of `d` rows and `n` columns.
pub fn parameters(d: usize, n: usize, seed: u64) -> Parameters {
    Parameters {
        decoder_scale: normal(n, seed + 1),
        encoder_weights: gaussian(n, d, seed + 2),
        encoder_factor: normal(n * (n + 1) / 2, seed + 3),
        noise_var: positive(1, 0.2, 2.0, seed + 4)[0],
    }
}

/// A noise-free problem with unit columns: design, sparse coefficients, response.
pub struct Planted {
    pub x: Array2<f64>,
    pub z: Array1<f64>,
    pub y: Vec<f64>,
}

impl Planted {
    pub fn new(x: Array2<f64>, n_nonzero: usize, seed: u64) -> Self {
        let z = make_sparse_coef(x.ncols(), n_nonzero, Law::Gaussian, seed, &Monitor::default()).unwrap();
        let y = x.dot(&z).to_vec();
        Self { x, z, y }
    }

    pub fn of(design: Design, rows: usize, cols: usize, n_nonzero: usize, seed: u64) -> Self {
        Self::new(make_design(design, rows, cols, true, seed, &Monitor::default()).unwrap(), n_nonzero, seed)
    }

    pub fn support(&self) -> Vec<usize> {
        (0..self.z.len()).filter(|&j| self.z[j] != 0.0).collect()
    }

    /// The response with white noise of this signal-to-noise ratio.
    pub fn noisy(&self, snr_db: f64, seed: u64) -> Vec<f64> {
        // Another stream than any design of a small seed.
        let noise = normal(self.y.len(), seed ^ 0x9e37_79b9);
        let scale = norm(&self.y) / norm(&noise) * 10f64.powf(-snr_db / 20.0);
        self.y.iter().zip(noise).map(|(y, e)| y + scale * e).collect()
    }
}

pub fn norm(v: &[f64]) -> f64 {
    v.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// Default settings without an intercept.
pub fn plain() -> Settings {
    Settings { fit_intercept: false, ..Settings::default() }
}

pub fn fitted(x: ArrayView2<'_, f64>, y: &[f64], settings: &Settings) -> FitReport {
    fit(x, y, settings, &Monitor::default()).unwrap()
}

/// Inverse and log-determinant (of the magnitude) by Gauss-Jordan elimination with partial pivoting.
pub fn invert(matrix: &Array2<f64>) -> (Array2<f64>, f64) {
    let n = matrix.nrows();
    let (mut a, mut inverse, mut log_det) = (matrix.clone(), Array2::eye(n), 0.0);
    for k in 0..n {
        let pivot = (k..n).max_by(|&i, &j| a[[i, k]].abs().total_cmp(&a[[j, k]].abs())).unwrap();
        for j in 0..n {
            a.swap([k, j], [pivot, j]);
            inverse.swap([k, j], [pivot, j]);
        }
        let scale = a[[k, k]];
        log_det += scale.abs().ln();
        a.row_mut(k).mapv_inplace(|v| v / scale);
        inverse.row_mut(k).mapv_inplace(|v| v / scale);
        for i in (0..n).filter(|&i| i != k) {
            let factor = a[[i, k]];
            let (row, other) = (a.row(k).to_owned(), inverse.row(k).to_owned());
            a.row_mut(i).scaled_add(-factor, &row);
            inverse.row_mut(i).scaled_add(-factor, &other);
        }
    }
    (inverse, log_det)
}

/// `X diag(w) X^T + gamma I`.
pub fn covariance(x: &Array2<f64>, w: &[f64], gamma: f64) -> Array2<f64> {
    (x * &ndarray::aview1(w)).dot(&x.t()) + Array2::<f64>::eye(x.nrows()) * gamma
}

/// Least squares on some columns by the normal equations: coefficients and residual sum of squares.
pub fn least_squares(x: &Array2<f64>, chosen: &[usize], y: &[f64]) -> (Vec<f64>, f64) {
    let a = x.select(ndarray::Axis(1), chosen);
    let y = ndarray::aview1(y);
    let z = invert(&a.t().dot(&a)).0.dot(&a.t().dot(&y));
    let left = &y - &a.dot(&z);
    (z.to_vec(), left.dot(&left))
}

#[track_caller]
pub fn assert_close(found: f64, expected: f64, tolerance: f64, what: &str) {
    let error = (found - expected).abs();
    assert!(error <= tolerance * (1.0 + expected.abs()), "{what}: {found}, expected {expected}");
}

/// Fourth-order central difference of `f` at `at`.
pub fn slope(f: impl Fn(f64) -> f64, at: f64) -> f64 {
    let h = 1e-3 * at;
    (8.0 * (f(at + h) - f(at - h)) - (f(at + 2.0 * h) - f(at - 2.0 * h))) / (12.0 * h)
}
