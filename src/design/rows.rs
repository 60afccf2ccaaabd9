//! Samples that say something: one of weight 0 does not, and one that repeats another, response included, has the same
//! noise in it.

use super::blocks::{height, read};
use super::{Design, Moments};
use crate::{Error, Result};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};
use std::collections::HashMap;
use std::ops::Range;

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
    /// `O(n_samples n_responses + n_samples log n_samples)`, a pass over the design if samples agree in the responses, and
    /// another one if they agree in all.
    pub fn distinct(design: &'a dyn Design, y: ArrayView2<'_, f64>, weights: &[f64]) -> Option<Self> {
        let (rows, n) = design.shape();
        if y.nrows() != rows || !(weights.is_empty() || weights.len() == rows) {
            return None;
        }
        if all_differ(design, y, weights) {
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

/// A number that depends on all bits of another one and of a value.
fn mixed(key: u64, value: f64) -> u64 {
    // -0 and 0 are the same number. Of small integers the low bits are all 0: the product brings the high ones down.
    let product = u128::from(key ^ (value + 0.0).to_bits()) * u128::from(0x9e37_79b9_7f4a_7c15_u64);
    (product >> 64) as u64 ^ product as u64
}

/// Keys that stand more than once, ascending.
fn repeated(mut keys: Vec<u64>) -> Vec<u64> {
    keys.sort_unstable();
    keys.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect()
}

/// Whether all samples differ for sure, by one number for each: such numbers may agree by chance, but not differ.
fn all_differ(design: &dyn Design, y: ArrayView2<'_, f64>, weights: &[f64]) -> bool {
    let (rows, n) = design.shape();
    let mut keys = vec![0; rows];
    keys.iter_mut().zip(weights).for_each(|(key, weight)| *key = mixed(*key, *weight));
    for response in y.columns() {
        keys.iter_mut().zip(response).for_each(|(key, v)| *key = mixed(*key, *v));
    }
    let again = repeated(keys.clone());
    let Some(height) = (!again.is_empty()).then(|| height(rows, n)) else { return true };
    let mut values = vec![0.0; height * n];
    let mut left = Vec::new();
    for (i, keys) in keys.chunks(height).enumerate() {
        let is_open = |key: &u64| again.binary_search(key).is_ok();
        let open: Vec<usize> = (0..keys.len()).filter(|&k| is_open(&keys[k])).collect();
        if open.is_empty() {
            continue;
        }
        if !read(design, i * height..i * height + keys.len(), &mut values[..keys.len() * n]) {
            return false;
        }
        left.extend(open.iter().map(|&k| values[k * n..][..n].iter().fold(keys[k], |key, v| mixed(key, *v))));
    }
    repeated(left).is_empty()
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

    fn read_rows(&self, rows: Range<usize>, mut out: ArrayViewMut2<'_, f64>) -> bool {
        let mut done = 0;
        self.kept[rows].chunk_by(|a, b| b - a == 1).all(|run| {
            let to = out.slice_mut(s![done..done + run.len(), ..]);
            done += run.len();
            self.design.read_rows(run[0]..run[0] + run.len(), to)
        })
    }

    fn entries(&self, column: usize, each: &mut dyn FnMut(usize, f64)) -> bool {
        self.design.entries(column, &mut |row, value| {
            if let Ok(place) = self.kept.binary_search(&row) {
                each(place, value);
            }
        })
    }

    fn multiply_transposed(&self, columns: Range<usize>, vectors: &[f64], out: &mut [f64]) {
        self.design.multiply_transposed(columns, &self.lift(vectors), out);
    }

    fn span(&self) -> usize {
        self.design.span()
    }

    fn is_shared(&self) -> bool {
        self.design.is_shared()
    }

    fn moments(&self, roots: &[f64], centred: bool) -> Option<Moments> {
        let mut found = self.design.moments(&self.lift(roots), centred)?;
        if let Some((row, _)) = &mut found.not_finite {
            *row = self.kept.binary_search(row).unwrap_or(*row);
        }
        Some(found)
    }

    fn hold(&self) -> Result<()> {
        self.design.hold()
    }
}
