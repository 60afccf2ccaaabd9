//! Few of many sparse columns, once standardised: where they lie, by their entries alone.

use super::moments::Map;
use super::standardised::{Source, Standardised};
use ndarray::{Array1, Array2, ArrayView2, Axis};
use std::sync::OnceLock;

/// Columns that are multiplied with all others at a time: as many as a vector or two of the machine hold.
const PANEL: usize = 16;

impl Standardised<'_> {
    /// Some of the columns where they lie, without a copy, if they are sparse and products with them as they lie are
    /// accurate.
    pub fn sparse_part(&self, chosen: &[usize]) -> Option<Standardised<'_>> {
        let is_sparse = |&j: &usize| self.source().entries(self.columns[j], &mut |_, _| ());
        let serves = self.moderate && self.as_matrix().is_none() && chosen.first().is_some_and(is_sparse);
        serves.then(|| Standardised {
            source: Source::Borrowed(self.source()),
            roots: self.roots.clone(),
            dropped: self.dropped,
            columns: chosen.iter().map(|&j| self.columns[j]).collect(),
            maps: chosen.iter().map(|&j| self.maps[j]).collect(),
            means: self.means.clone(),
            norms: chosen.iter().map(|&j| self.norms[j]).collect(),
            moderate: true,
            products: None,
            copy: OnceLock::new(),
        })
    }

    /// `X^T X[:, chosen]`, from the entries of sparse columns; `None` where columns are not sparse, or that would cost
    /// digits.
    ///
    /// # Complexity
    /// `O(chosen.len())` for each entry of the columns; a few of the others are held at a time.
    pub fn sparse_products(&self, chosen: &[usize]) -> Option<Array2<f64>> {
        let mut out = Array2::zeros((self.ncols(), chosen.len()));
        for (panel, mut out) in chosen.chunks(PANEL).zip(out.axis_chunks_iter_mut(Axis(1), PANEL)) {
            out.assign(&self.by_entries(self.gather(panel).view())?);
        }
        Some(out)
    }

    /// As [`multiply_transposed`](Self::multiply_transposed), one sparse column after the other.
    pub(super) fn products_by_entries(&self, vectors: &[f64]) -> Option<Vec<f64>> {
        let rows = self.nrows();
        let vectors = ArrayView2::from_shape((vectors.len() / rows.max(1), rows), vectors).ok()?;
        Some(self.by_entries(vectors.t().as_standard_layout().view())?.t().iter().copied().collect())
    }

    /// `X^T vectors`, for vectors as the columns of a matrix.
    fn by_entries(&self, vectors: ArrayView2<'_, f64>) -> Option<Array2<f64>> {
        if !self.moderate || self.as_matrix().is_some() {
            return None;
        }
        // As in products of a span of columns: (x / d - c) f r times v is (x (r v) / d - c sum r v) f.
        let roots = &self.roots[self.dropped..];
        let mut sums = Array1::<f64>::zeros(vectors.ncols());
        vectors.outer_iter().zip(roots).for_each(|(row, root)| sums.scaled_add(*root, &row));
        let mut out = Array2::<f64>::zeros((self.ncols(), vectors.ncols()));
        for ((mut to, &j), map) in out.outer_iter_mut().zip(&self.columns).zip(&self.maps) {
            let is_sparse = self.source().entries(j, &mut |i, value| {
                if let Some(row) = i.checked_sub(self.dropped) {
                    to.scaled_add(value * roots[row], &vectors.row(row));
                }
            });
            if !is_sparse {
                return None;
            }
            let Map { divisor, mean, share, factor } = *map;
            to.zip_mut_with(&sums, |to, sum| *to = (*to / divisor - (mean + share) * sum) * factor);
        }
        Some(out)
    }
}
