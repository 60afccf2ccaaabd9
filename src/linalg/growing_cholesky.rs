//! A Cholesky factor that gains and loses rows, for active sets that change one member at a time.

use super::dot;
use pulp::{Arch, Simd, WithSimd};

/// The lower triangular `L` with `L L^T = G` for a symmetric positive definite `G` that grows and shrinks.
#[derive(Debug, Clone, Default)]
pub struct GrowingCholesky {
    rows: Vec<Vec<f64>>,
    arch: Arch,
}

impl GrowingCholesky {
    /// Appends a row to `G`: its entries with those before, then its diagonal. False, and nothing changes, if less than
    /// `tolerance` of the diagonal is independent of the rows before.
    ///
    /// # Complexity
    /// `O(k^2)`.
    pub fn push(&mut self, mut row: Vec<f64>, tolerance: f64) -> bool {
        let Some(diagonal) = row.pop() else { return false };
        self.arch.dispatch(Forward { rows: &self.rows, right: &mut row });
        let left = diagonal - row.iter().map(|v| v * v).sum::<f64>();
        // Not `<=`: a NaN must not pass.
        let independent = left > tolerance * diagonal;
        if independent {
            row.push(left.sqrt());
            self.rows.push(row);
        }
        independent
    }

    /// Deletes a row and column of `G`.
    ///
    /// # Complexity
    /// `O((k - place)^2)`.
    pub fn remove(&mut self, place: usize) {
        self.rows.remove(place);
        for j in place..self.rows.len() {
            // The row ends one place right of the diagonal: turn the two columns so that it ends on it.
            let (a, b) = (self.rows[j][j], self.rows[j][j + 1]);
            let length = a.hypot(b);
            let (cos, sin) = (a / length, b / length);
            for row in &mut self.rows[j..] {
                let (a, b) = (row[j], row[j + 1]);
                row[j] = cos * a + sin * b;
                row[j + 1] = cos * b - sin * a;
            }
            self.rows[j].truncate(j + 1);
        }
    }

    /// `right <- G^-1 right`.
    ///
    /// # Complexity
    /// `O(k^2)`.
    pub fn solve(&self, right: &mut [f64]) {
        self.arch.dispatch(Forward { rows: &self.rows, right });
        self.arch.dispatch(Backward { rows: &self.rows, right });
    }
}

/// `right <- L^-1 right`.
struct Forward<'a> {
    rows: &'a [Vec<f64>],
    right: &'a mut [f64],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (i, row) in self.rows.iter().enumerate() {
            self.right[i] = (self.right[i] - dot(simd, &self.right[..i], &row[..i])) / row[i];
        }
    }
}

/// `right <- L^-T right`.
struct Backward<'a> {
    rows: &'a [Vec<f64>],
    right: &'a mut [f64],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (i, row) in self.rows.iter().enumerate().rev() {
            let value = self.right[i] / row[i];
            self.right[i] = value;
            for (other, entry) in self.right[..i].iter_mut().zip(row) {
                *other -= value * entry;
            }
        }
    }
}
