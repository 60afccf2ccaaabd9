//! Least squares to the last digit: residuals without rounding, rows that weigh alike whatever their scale.

use super::decompose::Qr;
use faer::linalg::triangular_solve;
use faer::{Mat, MatMut, Par};
use ndarray::ArrayView2;
use pulp::{Arch, Simd, WithSimd};

/// Solutions with the residual of the last: the first as good as a QR makes it, two that are mended.
const STEPS: usize = 3;
/// Rows whose sums stay in the first cache.
const BLOCK: usize = 512;

/// A least-squares fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Refined {
    /// One for each column.
    pub coefficients: Vec<f64>,
    /// The backward error: root mean square, over the rows, of the residual over the sum of the magnitudes of what it
    /// is left of, `|y_i| + sum_j |x_ij z_j|`.
    pub misfit: f64,
}

/// Sums for each row, and what rounding takes from them.
struct Sums {
    high: Vec<f64>,
    low: Vec<f64>,
    /// Of the magnitudes.
    size: Vec<f64>,
}

/// Subtracts `columns` times `z` from the sums.
struct Subtract<'a> {
    sums: &'a mut Sums,
    /// One after the other.
    columns: &'a [f64],
    z: &'a [f64],
}

impl WithSimd for Subtract<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { sums, columns, z } = self;
        let n_rows = sums.high.len();
        for start in (0..n_rows).step_by(BLOCK) {
            let rows = start..n_rows.min(start + BLOCK);
            for (column, z) in columns.chunks_exact(n_rows).zip(z) {
                let sums = (&mut sums.high[rows.clone()], &mut sums.low[rows.clone()], &mut sums.size[rows.clone()]);
                subtract(simd, sums, &column[rows.clone()], *z);
            }
        }
    }
}

/// Takes in products of `column` and `-z`, without their rounding (Dekker; Ogita, Rump and Oishi's dot product in twice
/// the precision).
#[inline(always)]
fn subtract<S: Simd>(simd: S, (high, low, size): (&mut [f64], &mut [f64], &mut [f64]), column: &[f64], z: f64) {
    let (high, high_tail) = S::as_mut_simd_f64s(high);
    let (low, low_tail) = S::as_mut_simd_f64s(low);
    let (size, size_tail) = S::as_mut_simd_f64s(size);
    let (column, column_tail) = S::as_simd_f64s(column);
    let factor = simd.splat_f64s(-z);
    for (((high, low), size), v) in high.iter_mut().zip(low).zip(size).zip(column) {
        let product = simd.mul_f64s(*v, factor);
        let sum = simd.add_f64s(*high, product);
        let back = simd.sub_f64s(sum, *high);
        let lost = simd.add_f64s(simd.sub_f64s(*high, simd.sub_f64s(sum, back)), simd.sub_f64s(product, back));
        let lost = simd.add_f64s(lost, simd.mul_add_f64s(*v, factor, simd.neg_f64s(product)));
        *low = simd.add_f64s(*low, lost);
        *high = sum;
        *size = simd.add_f64s(*size, simd.abs_f64s(product));
    }
    for (((high, low), size), v) in high_tail.iter_mut().zip(low_tail).zip(size_tail).zip(column_tail) {
        let product = v * -z;
        let sum = *high + product;
        let back = sum - *high;
        *low += (*high - (sum - back)) + (product - back) + v.mul_add(-z, -product);
        *high = sum;
        *size += product.abs();
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
    let scaled: Vec<f64> =
        columns.columns().into_iter().zip(&of_column).flat_map(|(v, scale)| v.map(|v| v / scale)).collect();
    let targets: Vec<f64> = y.iter().map(|y| y / of_response).collect();
    let mut z = vec![0.0; k];
    let mut sums = Sums { high: vec![0.0; rows], low: vec![0.0; rows], size: vec![1.0; rows] };
    for _ in 0..2 {
        let weights: Vec<f64> =
            sums.size.iter().map(|size| if *size > 0.0 { 1.0 / scale([*size].iter()) } else { 0.0 }).collect();
        let qr = Qr::new(Mat::from_fn(rows, k, |i, j| scaled[j * rows + i] * weights[i]));
        z.fill(0.0);
        for step in 0..=STEPS {
            sums.high.copy_from_slice(&targets);
            sums.low.fill(0.0);
            sums.size.iter_mut().zip(&targets).for_each(|(size, target)| *size = target.abs());
            if step > 0 {
                Arch::new().dispatch(Subtract { sums: &mut sums, columns: &scaled, z: &z });
            }
            if step == STEPS {
                break;
            }
            let residual = sums.high.iter().zip(&sums.low).map(|(high, low)| high + low);
            let mut right: Vec<f64> = residual.zip(&weights).map(|(r, w)| r * w).collect();
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
    let residual: Vec<f64> = sums.high.iter().zip(&sums.low).map(|(high, low)| high + low).collect();
    let misfit = (residual.iter().zip(&sums.size).map(square).sum::<f64>() / rows.max(1) as f64).sqrt();
    let coefficients: Vec<f64> = z.iter().zip(&of_column).map(|(z, scale)| z / scale * of_response).collect();
    (misfit.is_finite() && coefficients.iter().all(|z| z.is_finite())).then_some(Refined { coefficients, misfit })
}
