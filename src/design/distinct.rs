//! Samples that say something new: a sample that repeats another one, response included, has the same noise in it.

use super::Design;
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
    /// The first of each set of samples that agree in every column and every response, if there are fewer than samples.
    ///
    /// # Complexity
    /// `O(n_samples n_responses)`, and a pass over the design if samples agree in the responses and the first columns.
    pub fn distinct(design: &'a dyn Design, y: ArrayView2<'_, f64>) -> Option<Self> {
        let (rows, n) = design.shape();
        if y.nrows() != rows {
            return None;
        }
        let mut classes = vec![0; rows];
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
        let all = self.design.shape().0;
        let mut lifted = vec![0.0; vectors.len() / self.kept.len().max(1) * all];
        for (to, vector) in lifted.chunks_exact_mut(all.max(1)).zip(vectors.chunks_exact(self.kept.len().max(1))) {
            self.kept.iter().zip(vector).for_each(|(&i, v)| to[i] = *v);
        }
        self.design.multiply_transposed(&lifted, out);
    }
}
