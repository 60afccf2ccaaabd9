//! Least squares to the last digit: residuals without rounding, rows that weigh alike whatever their scale.

use super::decompose::Qr;
use faer::linalg::triangular_solve;
use faer::{Mat, MatMut, Par};
use ndarray::ArrayView2;

/// Solutions with the residual of the last: the first as good as a QR makes it, two that are mended.
const STEPS: usize = 3;

/// A least-squares fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Refined {
    /// One for each column.
    pub coefficients: Vec<f64>,
    /// The backward error: root mean square, over the rows, of the residual over the sum of the magnitudes of what it
    /// is left of, `|y_i| + sum_j |x_ij z_j|`.
    pub misfit: f64,
}

/// A sum that keeps what rounding takes from it.
#[derive(Clone, Copy, Default)]
struct Exact {
    high: f64,
    low: f64,
}

impl Exact {
    /// Takes in a product, without its rounding (Dekker; Ogita, Rump and Oishi's dot product in twice the precision).
    fn add(&mut self, a: f64, b: f64) {
        let product = a * b;
        let sum = self.high + product;
        let back = sum - self.high;
        self.low += (self.high - (sum - back)) + (product - back) + a.mul_add(b, -product);
        self.high = sum;
    }
}

/// The power of two next below the largest magnitude: dividing by it costs no digit.
fn scale<'v>(values: impl Iterator<Item = &'v f64>) -> f64 {
    let largest = values.fold(0.0_f64, |largest, v| largest.max(v.abs()));
    if largest > 0.0 && largest.is_finite() { 2.0_f64.powi(largest.log2().floor() as i32) } else { 1.0 }
}

/// Fits `y` on `columns`, shape `(n_rows, k)` with `k <= n_rows`; `None` where they are linearly dependent.
///
/// Twice: first with rows as they are, then each divided by its size, as rounding sees them.
///
/// # Complexity
/// `O(n_rows k^2)`.
///
/// # References
/// Golub and Wilkinson, "Note on the iterative refinement of least squares solution", Numerische Mathematik 9, 1966.
pub fn refined(columns: ArrayView2<'_, f64>, y: &[f64]) -> Option<Refined> {
    let (rows, k) = columns.dim();
    let of_column: Vec<f64> = columns.columns().into_iter().map(|column| scale(column.into_iter())).collect();
    let of_response = scale(y.iter());
    let entry = |i: usize, j: usize| columns[[i, j]] / of_column[j];
    let mut z = vec![0.0; k];
    let (mut sizes, mut residual) = (vec![1.0; rows], vec![0.0; rows]);
    for _ in 0..2 {
        let weights: Vec<f64> =
            sizes.iter().map(|size| if *size > 0.0 { 1.0 / scale([*size].iter()) } else { 0.0 }).collect();
        let qr = Qr::new(Mat::from_fn(rows, k, |i, j| entry(i, j) * weights[i]));
        z.fill(0.0);
        for step in 0..=STEPS {
            for (i, (residual, size)) in residual.iter_mut().zip(&mut sizes).enumerate() {
                let target = y[i] / of_response;
                let mut sum = Exact { high: target, low: 0.0 };
                *size = target.abs();
                for (j, z) in z.iter().enumerate() {
                    sum.add(-entry(i, j), *z);
                    *size += (entry(i, j) * z).abs();
                }
                *residual = sum.high + sum.low;
            }
            if step == STEPS {
                break;
            }
            let mut right: Vec<f64> = residual.iter().zip(&weights).map(|(r, w)| r * w).collect();
            qr.apply_transpose(MatMut::from_column_major_slice_mut(&mut right, rows, 1));
            right.truncate(k);
            triangular_solve::solve_upper_triangular_in_place(
                qr.r(),
                MatMut::from_column_major_slice_mut(&mut right, k, 1),
                Par::Seq,
            );
            z.iter_mut().zip(&right).for_each(|(z, step)| *z += step);
        }
    }
    let square = |(r, size): (&f64, &f64)| if *size > 0.0 { (r / size) * (r / size) } else { 0.0 };
    let misfit = (residual.iter().zip(&sizes).map(square).sum::<f64>() / rows.max(1) as f64).sqrt();
    let coefficients: Vec<f64> = z.iter().zip(&of_column).map(|(z, scale)| z / scale * of_response).collect();
    (misfit.is_finite() && coefficients.iter().all(|z| z.is_finite())).then_some(Refined { coefficients, misfit })
}
