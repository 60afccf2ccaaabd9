//! Many small positive definite matrices, and the products that assemble them: lower triangles, row after row.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

/// Number of entries of the lower triangle of a `size x size` matrix.
pub fn packed_len(size: usize) -> usize {
    size * (size + 1) / 2
}

/// `matrix <- its Cholesky factor`; the row of the first pivot that is not positive, if there is one.
pub fn factor(matrix: &mut [f64], size: usize) -> Result<(), usize> {
    for i in 0..size {
        let (above, rest) = matrix.split_at_mut(packed_len(i));
        let row = &mut rest[..=i];
        for j in 0..i {
            let other = &above[packed_len(j)..][..=j];
            let sum: f64 = row[..j].iter().zip(other).map(|(a, b)| a * b).sum();
            row[j] = (row[j] - sum) / other[j];
        }
        let pivot = row[i] - row[..i].iter().map(|v| v * v).sum::<f64>();
        // NaN is no pivot.
        if !(pivot > 0.0 && pivot.is_finite()) {
            return Err(i);
        }
        row[i] = pivot.sqrt();
    }
    Ok(())
}

/// Logarithm of the determinant of `L L^T`.
pub fn log_det(lower: &[f64], size: usize) -> f64 {
    (0..size).map(|i| 2.0 * lower[packed_len(i + 1) - 1].ln()).sum()
}

/// `b <- (L L^T)^-1 b`.
pub fn solve(lower: &[f64], b: &mut [f64]) {
    for i in 0..b.len() {
        let row = &lower[packed_len(i)..][..=i];
        let sum: f64 = row[..i].iter().zip(b.iter()).map(|(l, b)| l * b).sum();
        b[i] = (b[i] - sum) / row[i];
    }
    solve_transposed(lower, b);
}

/// `b <- L^-T b`.
pub fn solve_transposed(lower: &[f64], b: &mut [f64]) {
    for i in (0..b.len()).rev() {
        let row = &lower[packed_len(i)..][..=i];
        b[i] /= row[i];
        let value = b[i];
        b[..i].iter_mut().zip(row).for_each(|(b, l)| *b -= l * value);
    }
}

/// `lower <- (L L^T)^-1`, its lower triangle; `scratch` has as many entries.
pub fn invert(lower: &mut [f64], size: usize, scratch: &mut [f64]) {
    // Rows of L^-1, each from those above it.
    for i in 0..size {
        let (done, rest) = scratch.split_at_mut(packed_len(i));
        let (row, l) = (&mut rest[..=i], &lower[packed_len(i)..][..=i]);
        row.fill(0.0);
        row[i] = 1.0;
        for (j, &l) in l[..i].iter().enumerate() {
            let other = &done[packed_len(j)..][..=j];
            row.iter_mut().zip(other).for_each(|(to, v)| *to -= l * v);
        }
        let pivot = l[i];
        row.iter_mut().for_each(|v| *v /= pivot);
    }
    // L^-T L^-1, one outer product for each row of L^-1.
    lower.fill(0.0);
    for i in 0..size {
        let row = &scratch[packed_len(i)..][..=i];
        for (a, &v) in row.iter().enumerate() {
            let to = &mut lower[packed_len(a)..][..=a];
            to.iter_mut().zip(row).for_each(|(to, b)| *to += v * b);
        }
    }
}

/// A matrix stored row after row, perhaps to be read transposed.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    values: &'a [f64],
    n_cols: usize,
    first: usize,
    width: usize,
    transposed: bool,
}

impl<'a> Rows<'a> {
    /// Rows of `n_cols` values.
    pub fn new(values: &'a [f64], n_cols: usize) -> Self {
        Self { values, n_cols, first: 0, width: n_cols, transposed: false }
    }

    /// `width` of the columns, from `first` on.
    pub fn columns(self, first: usize, width: usize) -> Self {
        Self { first, width, ..self }
    }

    /// The transpose.
    pub fn t(self) -> Self {
        Self { transposed: !self.transposed, ..self }
    }

    fn view(&self) -> MatRef<'a, f64> {
        let n_rows = self.values.len().checked_div(self.n_cols).unwrap_or(0);
        let view = MatRef::from_row_major_slice(self.values, n_rows, self.n_cols).subcols(self.first, self.width);
        if self.transposed { view.transpose() } else { view }
    }
}

/// `out <- a b`, row after row, on this thread alone.
pub fn multiply(a: Rows<'_>, b: Rows<'_>, out: &mut [f64]) {
    product(a, b, Accum::Replace, out);
}

/// `out <- out + a b`, row after row, on this thread alone.
pub fn add_product(a: Rows<'_>, b: Rows<'_>, out: &mut [f64]) {
    product(a, b, Accum::Add, out);
}

fn product(a: Rows<'_>, b: Rows<'_>, accumulate: Accum, out: &mut [f64]) {
    let (a, b) = (a.view(), b.view());
    let to = MatMut::from_row_major_slice_mut(out, a.nrows(), b.ncols());
    matmul(to, accumulate, a, b, 1.0, Par::Seq);
}
