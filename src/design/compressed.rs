//! Sparse columns, in the compressed form of SciPy: only what is not zero is held, and zeros cost nothing in products.

use super::dense::by_columns;
use super::{Design, Element, SPAN};
use crate::{Error, Result};
use ndarray::ArrayViewMut2;
use std::fmt::Debug;
use std::ops::Range;

/// A design by compressed columns: those of `T` with indices `I`, which are integers of any kind.
///
/// An entry that is given more than once is the sum of what is given; rows may stand in any order.
#[derive(Debug, Clone, Copy)]
pub struct CompressedColumns<'a, T, I> {
    shape: (usize, usize),
    starts: &'a [I],
    rows: &'a [I],
    values: &'a [T],
}

impl<'a, T: Element, I: Copy + Sync + Debug + TryInto<usize>> CompressedColumns<'a, T, I> {
    /// Column `j` has `values[starts[j]..starts[j + 1]]` at the same part of `rows`.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is no such part, or a row is beyond `shape`.
    ///
    /// # Complexity
    /// `O(n_features + values.len())`: everything is looked at once.
    pub fn new(shape: (usize, usize), starts: &'a [I], rows: &'a [I], values: &'a [T]) -> Result<Self> {
        let as_index = |index: I| index.try_into().unwrap_or(usize::MAX);
        let is_valid = rows.len() == values.len()
            && starts.len() == shape.1 + 1
            && starts.first().is_some_and(|&first| as_index(first) == 0)
            && starts.last().is_some_and(|&last| as_index(last) <= rows.len())
            && starts.windows(2).all(|pair| as_index(pair[0]) <= as_index(pair[1]))
            && rows.iter().all(|&row| as_index(row) < shape.0);
        if is_valid {
            return Ok(Self { shape, starts, rows, values });
        }
        Err(Error::Shape {
            what: "X",
            expected: "a matrix of compressed columns whose indices lie within it".to_owned(),
            found: format!("{shape:?} with other indices"),
        })
    }

    /// Rows and values of a column.
    fn column(&self, j: usize) -> impl Iterator<Item = (usize, f64)> {
        let at = |j: usize| self.starts[j].try_into().unwrap_or_default();
        let part = at(j)..at(j + 1);
        let rows = self.rows[part.clone()].iter().map(|&row| row.try_into().unwrap_or_default());
        rows.zip(self.values[part].iter().map(|value| value.to_f64()))
    }
}

impl<T: Element, I: Copy + Sync + Debug + TryInto<usize>> Design for CompressedColumns<'_, T, I> {
    fn shape(&self) -> (usize, usize) {
        self.shape
    }

    fn read(&self, columns: &[usize], mut out: ArrayViewMut2<'_, f64>) {
        out.fill(0.0);
        for (mut to, &j) in out.columns_mut().into_iter().zip(columns) {
            self.column(j).for_each(|(i, value)| to[i] += value);
        }
    }

    fn entries(&self, column: usize, each: &mut dyn FnMut(usize, f64)) -> bool {
        self.column(column).for_each(|(row, value)| each(row, value));
        true
    }

    fn multiply_transposed(&self, columns: Range<usize>, vectors: &[f64], out: &mut [f64]) {
        let rows = self.shape.0;
        let per_column = self.values.len() / self.shape.1.max(1);
        by_columns(per_column, columns.len(), out, |part, mut out| {
            for (l, vector) in vectors.chunks_exact(rows.max(1)).enumerate() {
                for (i, j) in (columns.start + part.start..columns.start + part.end).enumerate() {
                    out[(i, l)] = self.column(j).map(|(row, value)| value * vector[row]).sum();
                }
            }
        });
    }

    fn hold(&self) -> Result<()> {
        let (rows, n) = self.shape;
        let wanted = "small enough for a dense copy, over which this fit goes again and again; `VaeSlr` and \
                      `SimultaneousSparseVae` with `noise_var=\"auto\"` search wide sparse data as they are";
        let too_large = |_| Error::invalid("X", format!("a sparse matrix of shape ({rows}, {n})"), wanted);
        Vec::<f64>::new().try_reserve_exact(rows.saturating_mul(n)).map_err(too_large)
    }

    fn span(&self) -> usize {
        (SPAN / (self.values.len() / self.shape.1.max(1)).max(1)).max(1)
    }
}
