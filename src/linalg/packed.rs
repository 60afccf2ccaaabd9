//! A design packed for the kernel: two copies in panels, one along the rows and one along the columns.
//!
//! With `L` lanes in a vector register, a panel is `NV * L` rows (or columns) wide and stored contiguously:
//! `rows[panel][column][NV * L]` feeds the assembly of `Sigma_x`, `cols[panel][row][NV * L]` the triangular solve.
//! Padding is zero, so it adds nothing to sums.

use ndarray::{ArrayView2, Axis};
use pulp::{Arch, Simd, WithSimd};

/// Vector registers across a panel.
pub(super) const NV: usize = 3;

/// Rows of `Sigma_x` handled together: as many accumulators of `NV` registers as the instruction set can hold.
///
/// It divides the width of a panel and is a multiple of `lanes`, or a panel wide.
pub(super) const fn block_rows(lanes: usize) -> usize {
    match lanes {
        8 => 8,
        4 => 4,
        _ => NV * lanes,
    }
}

struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F64_LANES
    }
}

/// A design `(n_rows, n_cols)`, packed once and read at every step.
#[derive(Debug, Clone)]
pub struct Packed {
    pub(super) arch: Arch,
    pub(super) lanes: usize,
    /// Rows, rounded up to whole blocks.
    pub(super) padded_rows: usize,
    pub(super) rows: Vec<f64>,
    pub(super) cols: Vec<f64>,
    n_rows: usize,
    n_cols: usize,
}

impl Packed {
    /// Packs `x`, of shape `(n_rows, n_cols)`.
    ///
    /// # Complexity
    /// `O(n_rows n_cols)` time, twice that in memory.
    pub fn new(x: ArrayView2<'_, f64>) -> Self {
        let (n_rows, n_cols) = x.dim();
        let arch = Arch::new();
        let lanes = arch.dispatch(Lanes);
        let width = NV * lanes;
        let block = block_rows(lanes);
        let padded_rows = n_rows.div_ceil(block) * block;
        let mut rows = vec![0.0; padded_rows.div_ceil(width) * width * n_cols];
        let mut cols = vec![0.0; n_cols.div_ceil(width) * width * padded_rows];
        for (i, row) in x.outer_iter().enumerate() {
            let (panel, lane) = (i / width, i % width);
            let to_rows = &mut rows[panel * width * n_cols..][..width * n_cols];
            row.iter().zip(to_rows.chunks_exact_mut(width)).for_each(|(&value, slot)| slot[lane] = value);
            for (panel, values) in row.axis_chunks_iter(Axis(0), width).enumerate() {
                let to_cols = &mut cols[(panel * padded_rows + i) * width..][..values.len()];
                to_cols.iter_mut().zip(values).for_each(|(to, value)| *to = *value);
            }
        }
        Self { arch, lanes, padded_rows, rows, cols, n_rows, n_cols }
    }

    /// Squared norm of each column.
    pub fn squares(&self) -> Vec<f64> {
        let width = self.width();
        let mut squares = vec![0.0; self.n_cols.div_ceil(width) * width];
        let panels = self.cols.chunks_exact((self.padded_rows * width).max(1));
        for (sums, panel) in squares.chunks_exact_mut(width).zip(panels) {
            for row in panel.chunks_exact(width) {
                sums.iter_mut().zip(row).for_each(|(sum, v)| *sum += v * v);
            }
        }
        squares.truncate(self.n_cols);
        squares
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of columns.
    pub fn n_cols(&self) -> usize {
        self.n_cols
    }

    /// Width of a panel.
    pub(super) fn width(&self) -> usize {
        NV * self.lanes
    }

    /// Leading dimension of `Sigma_x`: whole row panels.
    pub(super) fn leading(&self) -> usize {
        self.padded_rows.div_ceil(self.width()) * self.width()
    }
}
