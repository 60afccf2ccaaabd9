//! Samples that say something: one of weight 0 does not, and one that repeats another, response included, has the same
//! noise in it.

use super::{Design, Moments};
use crate::{Error, Result};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};
use std::collections::HashMap;

/// Columns that are compared first; few designs have samples that agree in all of them.
const FIRST: usize = 64;
/// Entries that are compared at a time after them.
const PANEL: usize = 1 << 16;

/// A design of which some rows are kept.
#[derive(Debug)]
pub struct Rows<'a> {
    design: &'a dyn Design,
    kept: Vec<usize>,
}

impl<'a> Rows<'a> {
    /// Those whose weight is not 0, if some are.
    pub fn used(design: &'a dyn Design, weights: &[f64]) -> Option<Self> {
        let kept: Vec<usize> = (0..weights.len()).filter(|&i| weights[i] != 0.0).collect();
        (kept.len() < weights.len() && weights.len() == design.shape().0).then_some(Self { design, kept })
    }

    /// The first of each set of samples that agree in every column, every response and their weight, of which there are
    /// none or one for each sample; `None` if that is all of them.
    ///
    /// # Complexity
    /// `O(n_samples n_responses)`, and a pass over the design if samples agree in the responses and the first columns.
    pub fn distinct(design: &'a dyn Design, y: ArrayView2<'_, f64>, weights: &[f64]) -> Option<Self> {
        let (rows, n) = design.shape();
        if y.nrows() != rows || !(weights.is_empty() || weights.len() == rows) {
            return None;
        }
        let mut classes = vec![0; rows];
        if !weights.is_empty() {
            refine(&mut classes, ArrayView2::from_shape((rows, 1), weights).ok()?);
        }
        let mut first = 0;
        let mut values = y.to_owned();
        loop {
            // What is not finite is refused later, with its index among all samples.
            if refine(&mut classes, values.view()) == rows || values.iter().any(|v| !v.is_finite()) {
                return None;
            }
            if first == n {
                break;
            }
            let width = if first == 0 { FIRST } else { (PANEL / rows.max(1)).max(FIRST) };
            let columns: Vec<usize> = (first..n.min(first + width)).collect();
            values = Array2::zeros((rows, columns.len()));
            design.read(&columns, values.view_mut());
            first += columns.len();
        }
        let mut kept: Vec<usize> = Vec::new();
        // Classes are numbered in the order in which they first appear.
        for (i, &class) in classes.iter().enumerate() {
            if class == kept.len() {
                kept.push(i);
            }
        }
        // Copies of a single sample are all there is.
        (kept.len() > 1).then_some(Self { design, kept })
    }

    /// The same rows of the responses.
    pub fn of(&self, y: ArrayView2<'_, f64>) -> Array2<f64> {
        y.select(Axis(0), &self.kept)
    }

    /// The same of the weights, if there are any.
    pub fn of_weights(&self, weights: &[f64]) -> Vec<f64> {
        self.kept.iter().filter_map(|&i| weights.get(i).copied()).collect()
    }

    /// Vectors of a value for each sample, one after the other, with zeros for the rows that are left out.
    fn lift(&self, vectors: &[f64]) -> Vec<f64> {
        let (all, own) = (self.design.shape().0, self.kept.len().max(1));
        let mut lifted = vec![0.0; vectors.len() / own * all];
        for (to, vector) in lifted.chunks_exact_mut(all.max(1)).zip(vectors.chunks_exact(own)) {
            self.kept.iter().zip(vector).for_each(|(&i, v)| to[i] = *v);
        }
        lifted
    }

    /// An error with the row that it names as the caller counts them.
    pub fn counted_among_all(&self, mut error: Error) -> Error {
        if let Error::NonFinite { index, .. } = &mut error
            && let Some(row) = index.first_mut()
        {
            *row = self.kept.get(*row).copied().unwrap_or(*row);
        }
        error
    }
}

/// Splits classes of samples where they differ in `values`; returns how many there are.
fn refine(classes: &mut [usize], values: ArrayView2<'_, f64>) -> usize {
    let mut numbers = HashMap::new();
    for (class, row) in classes.iter_mut().zip(values.outer_iter()) {
        // -0 and 0 are the same number.
        let bits: Vec<u64> = row.iter().map(|v| (v + 0.0).to_bits()).collect();
        let next = numbers.len();
        *class = *numbers.entry((*class, bits)).or_insert(next);
    }
    numbers.len()
}

impl Design for Rows<'_> {
    fn shape(&self) -> (usize, usize) {
        (self.kept.len(), self.design.shape().1)
    }

    fn read(&self, columns: &[usize], mut out: ArrayViewMut2<'_, f64>) {
        let mut all = Array2::zeros((self.design.shape().0, columns.len()));
        self.design.read(columns, all.view_mut());
        for (mut to, &i) in out.outer_iter_mut().zip(&self.kept) {
            to.assign(&all.row(i));
        }
    }

    fn multiply_transposed(&self, vectors: &[f64], out: &mut [f64]) {
        self.design.multiply_transposed(&self.lift(vectors), out);
    }

    fn moments(&self, roots: &[f64], centred: bool) -> Option<Moments> {
        let mut found = self.design.moments(&self.lift(roots), centred)?;
        if let Some((row, _)) = &mut found.not_finite {
            *row = self.kept.binary_search(row).unwrap_or(*row);
        }
        Some(found)
    }

    fn is_remote(&self) -> bool {
        self.design.is_remote()
    }

    fn hold(&self) -> Result<()> {
        self.design.hold()
    }
}
