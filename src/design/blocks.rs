//! Blocks of samples, as they are read of a tall design.

use super::Design;
use ndarray::ArrayViewMut2;
use std::ops::Range;

/// Entries of a block: it stays in the second-level cache.
const BLOCK: usize = 1 << 16;
/// Rows of a block at least: products of fewer do not run at full speed.
const LEAST_ROWS: usize = 256;

/// Rows of a block of a design of `n` columns.
pub(crate) fn height(n_rows: usize, n: usize) -> usize {
    (BLOCK / n.max(1)).max(LEAST_ROWS).min(n_rows)
}

/// Reads some samples, row by row, into as many values as they have.
pub(crate) fn read(design: &dyn Design, rows: Range<usize>, values: &mut [f64]) -> bool {
    let shape = (rows.len(), design.shape().1);
    ArrayViewMut2::from_shape(shape, values).is_ok_and(|out| design.read_rows(rows, out))
}
