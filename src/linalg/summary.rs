//! What samples leave once they are gone: how many there were, their means, and rows that have the products of all of them.

use super::compression::well_conditioned;
use super::row_blocks::RowTriangle;
use crate::design::blocks::{height, read};
use crate::design::centring::Centring;
use crate::design::{CONSTANT, Design, Rows};
use crate::monitor::Monitor;
use crate::{Error, Result};
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Mat, MatRef, Par};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, concatenate, s};
use std::ops::Range;

/// Times as many samples as columns that are held until the triangle knows of them. Chosen by hand: with fewer it is found
/// more often, with more there is more to hold.
const STACKED: usize = 4;

/// A table of samples of which blocks came one after the other: columns of a design, then responses.
///
/// Samples are held until there are a few times as many as columns. Then they and the triangle of all before them are
/// made one triangle, whose products are those of all samples about their means.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    n_features: usize,
    n_samples: usize,
    /// Of the samples that the triangle knows of.
    centring: Centring,
    /// The triangle of divided columns, zeros at first, and after it the samples that it does not know of; row by row.
    stack: Vec<f64>,
    /// Roots of the weights of the latter.
    roots: Vec<f64>,
}

/// Rows whose products are those of samples: about their means, or with one row more for these.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Of the design, shape `(n_rows, n_columns)`.
    pub x: Array2<f64>,
    /// Of the responses, shape `(n_rows, n_responses)`.
    pub y: Array2<f64>,
    /// Weighted means of all columns; zeros where they are in the rows.
    pub x_means: Vec<f64>,
    /// The same of the responses.
    pub y_means: Vec<f64>,
    /// Samples that the rows stand for.
    pub n_samples: usize,
    /// The sum of their weights.
    pub weight: f64,
}

/// What a summary is made of, to be kept somewhere else: numbers of columns and of samples, and the sum of weights; scale,
/// largest entry, origin and mean of each column, and the triangle, row by row.
pub type Parts = ((usize, usize, f64), [Vec<f64>; 5]);

impl Summary {
    /// Of no samples yet.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if there is no room for the products.
    pub fn new(n_features: usize, n_responses: usize) -> Result<Self> {
        let n = n_features + n_responses;
        // There is to be room for the samples that are held as well.
        let mut stack = super::zeros("X", n + room(n) + 1, n)?;
        stack.truncate(n * n);
        let centring = Centring::about(&[], n, None, false);
        Ok(Self { n_features, n_samples: 0, centring, stack, roots: Vec::new() })
    }

    /// Samples so far, without those of weight 0, and columns of the design.
    pub fn shape(&self) -> (usize, usize) {
        (self.n_samples, self.n_features)
    }

    /// The sum of the weights of all samples.
    pub fn weight(&self) -> f64 {
        self.centring.weight + self.roots.iter().map(|root| root * root).sum::<f64>()
    }

    /// Takes in a block of samples and responses, of shape `(n_rows, n_features)` and `(n_rows, n_responses)`; `weights` is
    /// empty, or has a number of at least 0 for each. All of it, or nothing if that fails.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NonFinite`], [`Error::InvalidParameter`] for a sum of weights that is not finite;
    /// [`Error::Interrupted`].
    ///
    /// # Complexity
    /// `O(n_rows n_columns^2)` in the mean of many blocks; of a dense design, `O(n_columns^2)` is held.
    pub fn add(
        &mut self,
        x: &dyn Design,
        y: ArrayView2<'_, f64>,
        weights: &[f64],
        monitor: &Monitor<'_>,
    ) -> Result<()> {
        let (rows, p) = (x.shape().0, self.n_features);
        let n_responses = self.width() - p;
        let weighed = if weights.is_empty() { 0 } else { rows };
        let shapes = [
            ("X", x.shape(), (rows, p)),
            ("y", y.dim(), (rows, n_responses)),
            ("sample_weight", (weights.len(), 1), (weighed, 1)),
        ];
        if let Some((what, found, wanted)) = shapes.into_iter().find(|(_, found, wanted)| found != wanted) {
            return Err(Error::Shape { what, expected: format!("{wanted:?}"), found: format!("{found:?}") });
        }
        if let Some(used) = Rows::used(x, weights) {
            let added = self.add_used(&used, used.of(y).view(), &used.of_weights(weights), monitor);
            return added.map_err(|error| used.counted_among_all(error));
        }
        self.add_used(x, y, weights, monitor)
    }

    fn add_used(
        &mut self,
        x: &dyn Design,
        y: ArrayView2<'_, f64>,
        weights: &[f64],
        monitor: &Monitor<'_>,
    ) -> Result<()> {
        let (rows, n) = x.shape();
        if rows > 0 && !read(x, 0..1, &mut vec![0.0; n]) {
            let mut copy = Array2::zeros((rows, n));
            x.read(&(0..n).collect::<Vec<usize>>(), copy.view_mut());
            return self.add_used(&copy.view(), y, weights, monitor);
        }
        let room = room(self.width());
        if self.roots.len() + rows <= room {
            return self.append(x, y, weights, 0..rows);
        }
        let (mut next, mut start) = (self.clone(), 0);
        while start < rows {
            monitor.look()?;
            let stop = rows.min(start + room - next.roots.len());
            next.append(x, y, weights, start..stop)?;
            if next.roots.len() == room {
                next = next.settled(monitor)?;
            }
            start = stop;
        }
        *self = next;
        Ok(())
    }

    fn width(&self) -> usize {
        self.centring.means.len()
    }

    /// Adds some samples to those that the triangle does not know of, or nothing.
    fn append(&mut self, x: &dyn Design, y: ArrayView2<'_, f64>, weights: &[f64], rows: Range<usize>) -> Result<()> {
        let (n, p, filled) = (self.width(), self.n_features, self.stack.len());
        // All that there will be, a row for means included: to grow is to copy.
        self.stack.reserve_exact((n + room(n) + 1) * n - filled);
        self.stack.resize(filled + rows.len() * n, 0.0);
        if let Some(bad) = self.read(x, y, rows.clone()) {
            self.stack.truncate(filled);
            let (i, j) = (rows.start + bad / n, bad % n);
            let (what, index) = match j {
                j if j < p => ("X", vec![i, j]),
                _ if n == p + 1 => ("y", vec![i]),
                _ => ("y", vec![i, j - p]),
            };
            return Err(Error::NonFinite { what, index });
        }
        let roots = rows.clone().map(|i| weights.get(i).map_or(1.0, |weight| weight.sqrt()));
        self.roots.extend(roots);
        let weight = self.weight();
        if !weight.is_finite() {
            self.roots.truncate(self.roots.len() - rows.len());
            self.stack.truncate(filled);
            return Err(Error::invalid("sample_weight", weight, "of a finite sum over all blocks"));
        }
        self.n_samples += rows.len();
        Ok(())
    }

    /// Reads some samples into the end of the stack; the place of the first value among them that is not finite.
    fn read(&mut self, x: &dyn Design, y: ArrayView2<'_, f64>, rows: Range<usize>) -> Option<usize> {
        let (n, p) = (self.width(), self.n_features);
        let start = self.stack.len() - rows.len() * n;
        let values = &mut self.stack[start..];
        if let Ok(mut block) = ArrayViewMut2::from_shape((rows.len(), n), values) {
            x.read_rows(rows.clone(), block.slice_mut(s![.., ..p]));
            block.slice_mut(s![.., p..]).assign(&y.slice(s![rows, ..]));
        }
        // Without a branch, the compiler looks at many values at once.
        let all_finite = self.stack[start..].iter().fold(true, |finite, v| finite & v.is_finite());
        if all_finite { None } else { self.stack[start..].iter().position(|v| !v.is_finite()) }
    }

    /// Makes the triangle know of all samples.
    fn settled(mut self, monitor: &Monitor<'_>) -> Result<Self> {
        if self.roots.is_empty() {
            return Ok(self);
        }
        let (n, centring) = (self.width(), &mut self.centring);
        let rows = self.roots.len() * n;
        self.stack.reserve_exact(n);
        self.stack.resize(n * n + rows + n, 0.0);
        let (triangle, block) = self.stack.split_at_mut(n * n);
        if centring.weight == 0.0 {
            *centring = Centring::about(&block[..height(self.roots.len(), n) * n], n, None, true);
        }
        centring.look(&mut block[..rows]);
        if let Some(factors) = centring.rescale() {
            for row in triangle.chunks_exact_mut(n) {
                row.iter_mut().zip(&factors).for_each(|(v, factor)| *v *= factor);
            }
        }
        centring.take(block, &self.roots, true);
        // Below this norm a divided column is constant: what is left of it is rounding of its mean.
        let rounding = |(most, divisor): (&f64, &f64)| CONSTANT * centring.weight.sqrt() * (most / divisor);
        let rounding: Vec<f64> = centring.largest.iter().zip(&centring.divisors).map(rounding).collect();
        let triangle = upper(&self.stack, &rounding, monitor)?;
        self.stack.truncate(n * n);
        self.stack.chunks_exact_mut(n).enumerate().for_each(|(i, row)| {
            row.iter_mut().enumerate().for_each(|(j, v)| *v = if i <= j { triangle[(i, j)] } else { 0.0 });
        });
        self.roots.clear();
        Ok(self)
    }

    /// The same, or no change if that fails.
    fn settle(&mut self, monitor: &Monitor<'_>) -> Result<()> {
        if !self.roots.is_empty() {
            *self = self.clone().settled(monitor)?;
        }
        Ok(())
    }

    /// Rows that stand for all samples, of some columns of the design.
    ///
    /// # Errors
    /// [`Error::Scales`] where products are beyond the range of float64; [`Error::Interrupted`].
    ///
    /// # Complexity
    /// `O(n_columns^3)`.
    pub fn table(&mut self, columns: &[usize], centred: bool, monitor: &Monitor<'_>) -> Result<Table> {
        self.settle(monitor)?;
        let (n, p, Centring { divisors, origin, means, .. }) = (self.width(), self.n_features, &self.centring);
        let mut means: Vec<f64> = (0..n).map(|j| (origin[j] + means[j]) * divisors[j]).collect();
        let mut rows = Array2::from_shape_fn((n, n), |(i, j)| self.stack[i * n + j] * divisors[j]);
        if !centred {
            let root = self.weight().sqrt();
            let last = Array2::from_shape_fn((1, n), |(_, j)| root * means[j]);
            rows = concatenate![Axis(0), rows, last];
            means.fill(0.0);
        }
        if let Some(&value) = rows.iter().find(|v| !v.is_finite()) {
            return Err(Error::Scales { what: "`X` and `y`", result: "the norm of a column", value });
        }
        Ok(Table {
            x: rows.select(Axis(1), columns),
            y: rows.slice(s![.., p..]).to_owned(),
            x_means: columns.iter().map(|&j| means[j]).collect(),
            y_means: means[p..].to_vec(),
            n_samples: self.n_samples,
            weight: self.weight(),
        })
    }

    /// Whether there is something to explain in the responses.
    ///
    /// # Errors
    /// As [`table`](Self::table).
    pub fn varies(&mut self, centred: bool, monitor: &Monitor<'_>) -> Result<bool> {
        Ok(self.table(&[], centred, monitor)?.y.iter().any(|v| *v != 0.0))
    }

    /// All that is known of the samples.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn parts(&mut self, monitor: &Monitor<'_>) -> Result<Parts> {
        self.settle(monitor)?;
        let Centring { divisors, largest, origin, means, weight } = self.centring.clone();
        Ok(((self.n_features, self.n_samples, weight), [divisors, largest, origin, means, self.stack.clone()]))
    }

    /// The summary that these are the parts of.
    ///
    /// # Errors
    /// [`Error::Shape`] if they are of none.
    pub fn of_parts(parts: Parts) -> Result<Self> {
        let ((n_features, n_samples, weight), [divisors, largest, origin, means, stack]) = parts;
        let n = means.len();
        let lengths = [divisors.len(), largest.len(), origin.len(), stack.len() / n.max(1)];
        if n_features > n || stack.len() != n * n || lengths.iter().any(|length| *length != n) {
            let expected = "the parts of one state".to_owned();
            return Err(Error::Shape { what: "state", expected, found: format!("{lengths:?}") });
        }
        let centring = Centring { divisors, largest, origin, means, weight };
        Ok(Self { n_features, n_samples, centring, stack, roots: Vec::new() })
    }
}

/// Samples of `n` columns that are held at most.
fn room(n: usize) -> usize {
    (STACKED * n).max(height(usize::MAX, n))
}

/// The triangle of rows, one after the other: by a Cholesky factor of their products where it is well conditioned, once columns
/// have norm 1, else by a QR. Columns of a norm below `rounding` are zero in it.
fn upper(rows: &[f64], rounding: &[f64], monitor: &Monitor<'_>) -> Result<Mat<f64>> {
    let n = rounding.len();
    let x = MatRef::from_row_major_slice(rows, rows.len() / n, n);
    let mut gram = Mat::zeros(n, n);
    let (lower, full) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
    triangular::matmul(gram.as_mut(), lower, Accum::Replace, x.transpose(), full, x, full, 1.0, Par::Seq);
    let norm = |j: usize| Some(gram[(j, j)].sqrt()).filter(|norm| *norm > rounding[j]).unwrap_or(0.0);
    let norms: Vec<f64> = (0..n).map(norm).collect();
    let scaled = Mat::from_fn(n, n, |i, j| match norms[i] * norms[j] {
        0.0 => f64::from(u8::from(i == j)),
        _ => gram[(i.max(j), i.min(j))] / norms[i] / norms[j],
    });
    if let Some(r) = well_conditioned(scaled, monitor)? {
        return Ok(Mat::from_fn(n, n, |i, j| if i <= j { r[(i, j)] * norms[j] } else { 0.0 }));
    }
    let mut triangle = RowTriangle::new(n, rows.len() / n);
    triangle.add(rows, monitor)?;
    let mut r = triangle.upper(monitor)?;
    r.col_iter_mut().zip(&norms).filter(|(_, norm)| **norm == 0.0).for_each(|(mut column, _)| column.fill(0.0));
    Ok(r)
}
