//! A tall design is read a block of samples at a time, once standardised as well.

use super::blocks::{height, read};
use super::moments::Map;
use super::standardised::Standardised;
use crate::Result;
use crate::monitor::Monitor;
use faer::Mat;
use pulp::Arch;

/// Entries of columns that are multiplied with all others at a time, where samples cannot be read a few at a time (16 MiB).
/// With fewer a file is read more often.
const MULTIPLIED: usize = 1 << 21;

impl Standardised<'_> {
    /// Whether samples can be read a few at a time.
    pub fn reads_rows(&self) -> bool {
        read(self.source(), 0..1, &mut vec![0.0; self.source().shape().1])
    }

    /// Calls `each` with the first row and the values, row by row, of one block of rows after the other. Of a design whose
    /// samples cannot be read a few at a time, a copy is made.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::Error::Interrupted), and those of `each`.
    ///
    /// # Complexity
    /// `O(rows columns)`; a block is held at a time.
    pub fn row_blocks(&self, monitor: &Monitor<'_>, mut each: impl FnMut(usize, &[f64]) -> Result<()>) -> Result<()> {
        let ((rows, n), all) = (self.dim(), self.source().shape().1);
        let height = height(rows, all);
        let mut values = vec![0.0; height * all];
        for start in (0..rows).step_by(height) {
            monitor.look()?;
            let count = height.min(rows - start);
            let first = start + self.dropped;
            if !read(self.source(), first..first + count, &mut values[..count * all]) {
                break;
            }
            let (maps, roots) = (&self.maps, &self.roots[first..first + count]);
            if n == all {
                Arch::new().dispatch(|| standardise(&mut values, maps, roots));
            } else {
                for (i, root) in roots.iter().enumerate() {
                    for (k, (&j, map)) in self.columns.iter().zip(maps).enumerate() {
                        values[i * n + k] = map.apply(values[i * all + j]) * root;
                    }
                }
            }
            each(start, &values[..count * n])?;
            if start + count == rows {
                return Ok(());
            }
        }
        let copy = self.to_array();
        let values = copy.as_slice().unwrap_or_default();
        for (i, block) in values.chunks((height * n).max(1)).enumerate() {
            monitor.look()?;
            each(i * height, block)?;
        }
        Ok(())
    }

    /// The lower triangle of the products of all columns: found when they were read, and given away, or by products with
    /// panels of columns, where samples cannot be read a few at a time.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::Error::Interrupted).
    ///
    /// # Complexity
    /// `O(rows columns^2)` at most; a panel of columns is held at a time.
    pub(crate) fn take_gram(&mut self, monitor: &Monitor<'_>) -> Result<Mat<f64>> {
        let n = self.ncols();
        if let Some(raw) = self.products.take() {
            let mut gram =
                if n == raw.ncols() { raw } else { Mat::from_fn(n, n, |i, j| raw[(self.columns[i], self.columns[j])]) };
            for (j, map) in self.maps.iter().enumerate() {
                let column = gram.col_mut(j).iter_mut().zip(&self.maps);
                column.for_each(|(v, other)| *v *= map.factor * other.factor);
            }
            return Ok(gram);
        }
        let mut gram = Mat::zeros(n, n);
        let all: Vec<usize> = (0..n).collect();
        for panel in all.chunks((MULTIPLIED / self.nrows().max(1)).max(1)) {
            monitor.look()?;
            let vectors: Vec<f64> = self.gather(panel).t().iter().copied().collect();
            let mut products = vec![0.0; n * panel.len()];
            self.multiply_transposed(&vectors, &mut products);
            for (&k, products) in panel.iter().zip(products.chunks_exact(n)) {
                gram.col_mut(k).iter_mut().zip(products).for_each(|(to, product)| *to = *product);
            }
        }
        Ok(gram)
    }
}

#[inline(always)]
fn standardise(values: &mut [f64], maps: &[Map], roots: &[f64]) {
    for (row, root) in values.chunks_exact_mut(maps.len().max(1)).zip(roots) {
        row.iter_mut().zip(maps).for_each(|(v, map)| *v = map.apply(*v) * root);
    }
}
