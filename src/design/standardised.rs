//! A design as solvers see it: samples weighted, columns centred and of norm 1, by arithmetic on the columns that are
//! read, not by a copy.

use super::moments::{Map, Moments};
use super::{Design, multiply_transposed};
use crate::monitor::Monitor;
use crate::{Error, Result};
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Mat, MatRef, Par};
use ndarray::{Array2, ArrayView2, s};
use std::slice::{ChunksExact, ChunksExactMut};
use std::sync::OnceLock;

/// Below this share of its size before centring, a column is constant: rounding of its mean.
pub const CONSTANT: f64 = 16.0 * f64::EPSILON;
/// Entries that are read at a time: a panel of columns stays in the second-level cache.
const PANEL: usize = 1 << 16;
/// Entries up to which a copy is kept once one was needed (64 MiB): all else is read from it then. Of larger designs what
/// was read is held no longer than it is used.
const KEPT: usize = 1 << 23;

/// Columns of norm 1, of those that are not constant, with what they were before.
///
/// Where columns are centred, there is one row less than samples: the reflection that takes the direction of an intercept
/// (constant but for weights) to the first axis leaves, of a centred column, its other entries less one number, so that
/// an entry is `((x / divisor - mean) - share) * factor * root` with four numbers for each column and one, the root of
/// its weight, for each sample.
#[derive(Debug)]
pub struct Standardised<'a> {
    source: Source<'a>,
    /// Roots of the weights of all samples.
    pub(super) roots: Vec<f64>,
    /// Rows that are dropped: the first one if centred.
    pub(super) dropped: usize,
    pub(super) columns: Vec<usize>,
    pub(super) maps: Vec<Map>,
    means: Vec<f64>,
    norms: Vec<f64>,
    /// Whether products with the columns as they lie are accurate.
    moderate: bool,
    /// Products of all columns of the source, centred if these are, and divided as they: of a tall design.
    pub(super) products: Option<Mat<f64>>,
    copy: OnceLock<Array2<f64>>,
}

#[derive(Debug)]
enum Source<'a> {
    Borrowed(&'a dyn Design),
    Owned(Array2<f64>),
}

/// The rows of a panel: of slices alone, unlike views, the compiler makes loops over many values at once.
fn rows(panel: &Array2<f64>) -> ChunksExact<'_, f64> {
    panel.as_slice().unwrap_or_default().chunks_exact(panel.ncols().max(1))
}

/// As [`rows`].
fn rows_mut(panel: &mut Array2<f64>) -> ChunksExactMut<'_, f64> {
    let width = panel.ncols().max(1);
    panel.as_slice_mut().unwrap_or_default().chunks_exact_mut(width)
}

/// Calls `each` with the first column and the values, row by row, of one panel after the other of the columns `of`.
fn read_panels(design: &dyn Design, of: &[usize], mut each: impl FnMut(usize, &mut Array2<f64>)) {
    let rows = design.shape().0;
    let width = (PANEL / rows.max(1)).clamp(16, 1 << 12).min(of.len());
    let mut panel = Array2::zeros((rows, width));
    for (i, columns) in of.chunks(width.max(1)).enumerate() {
        if columns.len() < panel.ncols() {
            panel = Array2::zeros((rows, columns.len()));
        }
        design.read(columns, panel.view_mut());
        each(i * width, &mut panel);
    }
}

/// The entry that is not finite, first in the order of rows.
fn first_not_finite(design: &dyn Design) -> Option<(usize, usize)> {
    let all: Vec<usize> = (0..design.shape().1).collect();
    let mut first: Option<(usize, usize)> = None;
    read_panels(design, &all, |start, panel| {
        let found = panel.indexed_iter().find(|(_, v)| !v.is_finite()).map(|((i, j), _)| (i, start + j));
        first = [first, found].into_iter().flatten().min();
    });
    first
}

impl<'a> Standardised<'a> {
    /// Finds means and norms of all columns in one pass, and refuses values that are not finite; `centred` takes the
    /// mean of every column away. Nothing overflows: each column is first divided by its largest entry.
    ///
    /// `roots` are the roots of the weights of samples, none of them 0.
    ///
    /// # Errors
    /// [`Error::NonFinite`], naming `what`.
    ///
    /// [`Error::Interrupted`].
    ///
    /// # Complexity
    /// `O(n_samples n_features)`; the design is read once, a panel at a time. `O(n_samples n_features^2)` where there are
    /// more samples than features and they can be read a few at a time: products of all columns are found on the way.
    pub fn new(
        what: &'static str,
        design: &'a dyn Design,
        roots: &[f64],
        centred: bool,
        monitor: &Monitor<'_>,
    ) -> Result<Self> {
        let (n_samples, n) = design.shape();
        let dropped = usize::from(centred);
        let size: f64 = roots.iter().map(|root| root * root).sum();
        let (root, first) = (size.sqrt(), roots.first().copied().unwrap_or(1.0));
        let constant = if centred { CONSTANT * root } else { 0.0 };
        let moments = if n_samples > n { Moments::new(design, roots, centred, monitor)? } else { None };
        if let Some(moments) = moments {
            let finite = moments.largest.iter().all(|largest| largest.is_finite());
            if !finite && let Some((i, j)) = first_not_finite(design) {
                return Err(Error::NonFinite { what, index: vec![i, j] });
            }
            let maps: Vec<Map> = (0..n).map(|j| moments.map(j, first, size, centred)).collect();
            let is_kept = |&j: &usize| moments.norm(j) > constant * (moments.largest[j] / moments.divisors[j]);
            let columns: Vec<usize> = (0..n).filter(is_kept).collect();
            return Ok(Self {
                source: Source::Borrowed(design),
                roots: roots.to_vec(),
                dropped,
                maps: columns.iter().map(|&j| maps[j]).collect(),
                means: maps.iter().map(|map| map.mean * map.divisor).collect(),
                norms: columns.iter().map(|&j| moments.norm(j) * moments.divisors[j]).collect(),
                moderate: columns.iter().all(|&j| maps[j].is_moderate(root)),
                columns,
                products: Some(moments.gram),
                copy: OnceLock::new(),
            });
        }
        let all: Vec<usize> = (0..n).collect();
        let (mut columns, mut maps) = (Vec::with_capacity(n), Vec::with_capacity(n));
        let (mut means, mut norms) = (Vec::with_capacity(n), Vec::with_capacity(n));
        let (mut finite, mut moderate) = (true, true);
        read_panels(design, &all, |start, panel| {
            if monitor.is_stopped() {
                return;
            }
            let width = panel.ncols();
            let (mut largest, mut mean, mut sums) = (vec![0.0_f64; width], vec![0.0; width], vec![0.0; width]);
            for row in rows(panel) {
                largest.iter_mut().zip(row).for_each(|(m, v)| *m = if v.abs() > *m { v.abs() } else { *m });
                finite &= row.iter().fold(true, |finite, v| finite & v.is_finite());
            }
            let divisor: Vec<f64> = largest.iter().map(|&m| if m > 0.0 { m } else { 1.0 }).collect();
            if centred {
                for (row, root) in rows(panel).zip(roots) {
                    mean.iter_mut().zip(row.iter().zip(&divisor)).for_each(|(m, (v, d))| *m += root * root * (v / d));
                }
                mean.iter_mut().for_each(|m| *m /= size);
            }
            for (row, root) in rows_mut(panel).zip(roots) {
                for ((t, sum), (d, m)) in row.iter_mut().zip(&mut sums).zip(divisor.iter().zip(&mean)) {
                    *t = *t / d - m;
                    *sum += root * root * *t;
                }
            }
            let reflected = |t: &f64, sum: &f64| if centred { (sum / root + first * t) / (root + first) } else { 0.0 };
            let shares: Vec<f64> = panel.row(0).iter().zip(&sums).map(|(t, sum)| reflected(t, sum)).collect();
            let mut squares = vec![0.0; width];
            for (row, root) in rows(panel).zip(roots).skip(dropped) {
                squares.iter_mut().zip(row.iter().zip(&shares)).for_each(|(sum, (t, share))| {
                    let left = (t - share) * root;
                    *sum += left * left;
                });
            }
            for j in 0..width {
                let norm = squares[j].sqrt();
                means.push(mean[j] * divisor[j]);
                if norm > constant {
                    columns.push(start + j);
                    norms.push(norm * divisor[j]);
                    let map = Map { divisor: divisor[j], mean: mean[j], share: shares[j], factor: 1.0 / norm };
                    moderate &= map.is_moderate(root);
                    maps.push(map);
                }
            }
        });
        if !finite && let Some((i, j)) = first_not_finite(design) {
            return Err(Error::NonFinite { what, index: vec![i, j] });
        }
        monitor.check()?;
        let (source, roots, products) = (Source::Borrowed(design), roots.to_vec(), None);
        Ok(Self { source, roots, dropped, columns, maps, means, norms, moderate, products, copy: OnceLock::new() })
    }

    /// A matrix whose columns are standardised already, or are to be taken as they are.
    pub fn as_it_is(matrix: Array2<f64>) -> Self {
        let (rows, n) = matrix.dim();
        Self {
            source: Source::Owned(matrix),
            roots: vec![1.0; rows],
            dropped: 0,
            columns: (0..n).collect(),
            maps: vec![Map::IDENTITY; n],
            means: vec![0.0; n],
            norms: vec![1.0; n],
            moderate: true,
            products: None,
            copy: OnceLock::new(),
        }
    }

    /// Divides each column by another number than its norm.
    pub fn rescale(&mut self, norms: &[f64]) {
        for ((map, own), norm) in self.maps.iter_mut().zip(&mut self.norms).zip(norms) {
            map.factor *= *own / norm;
            *own = *norm;
        }
        self.copy = OnceLock::new();
    }

    pub(super) fn source(&self) -> &dyn Design {
        match &self.source {
            Source::Borrowed(design) => *design,
            Source::Owned(matrix) => matrix,
        }
    }

    /// Rows (samples, less one if centred) and columns that are not constant.
    pub fn dim(&self) -> (usize, usize) {
        (self.roots.len() - self.dropped, self.columns.len())
    }

    /// Number of rows: samples, less one if centred.
    pub fn nrows(&self) -> usize {
        self.dim().0
    }

    /// Number of columns that are not constant.
    pub fn ncols(&self) -> usize {
        self.columns.len()
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.nrows() * self.ncols()
    }

    /// Whether all columns are constant.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Index of each column in the design that it comes from.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Mean of every column of that design, constant ones included; zeros unless centred.
    pub fn means(&self) -> &[f64] {
        &self.means
    }

    /// What each column was divided by.
    pub fn norms(&self) -> &[f64] {
        &self.norms
    }

    /// A copy of some columns, shape `(rows, chosen.len())`.
    ///
    /// # Complexity
    /// `O(rows chosen.len())`.
    pub fn gather(&self, chosen: &[usize]) -> Array2<f64> {
        if let Some(copy) = self.as_matrix() {
            let mut out = Array2::zeros((copy.nrows(), chosen.len()));
            copy.read(chosen, out.view_mut());
            return out;
        }
        let columns: Vec<usize> = chosen.iter().map(|&j| self.columns[j]).collect();
        let maps: Vec<Map> = chosen.iter().map(|&j| self.maps[j]).collect();
        let mut out = Array2::zeros((self.roots.len(), chosen.len()));
        self.source().read(&columns, out.view_mut());
        out.slice_collapse(s![self.dropped.., ..]);
        for (row, root) in out.outer_iter_mut().zip(&self.roots[self.dropped..]) {
            row.into_iter().zip(&maps).for_each(|(v, map)| *v = map.apply(*v) * root);
        }
        out
    }

    /// The matrix itself, where there is one: what was given as it is, or the copy that was asked for.
    fn as_matrix(&self) -> Option<ArrayView2<'_, f64>> {
        match &self.source {
            Source::Owned(matrix) => Some(matrix.view()),
            Source::Borrowed(_) => self.copy.get().map(|copy| copy.view()),
        }
    }

    /// A copy of all columns, made at the first call and kept: for small designs, and for what cannot do without.
    ///
    /// # Complexity
    /// `O(rows columns)` time and memory, once.
    pub fn copied(&self) -> ArrayView2<'_, f64> {
        match &self.source {
            Source::Owned(matrix) => matrix.view(),
            Source::Borrowed(_) => {
                self.copy.get_or_init(|| self.gather(&(0..self.ncols()).collect::<Vec<usize>>())).view()
            }
        }
    }

    /// A copy of all columns for the caller to change.
    ///
    /// # Complexity
    /// `O(rows columns)` time and memory; twice the memory for a small design, of which another copy is kept.
    pub fn to_array(&self) -> Array2<f64> {
        if self.len() <= KEPT {
            return self.copied().to_owned();
        }
        self.gather(&(0..self.ncols()).collect::<Vec<usize>>())
    }

    /// Calls `each` with the first column and the columns of one panel after the other.
    ///
    /// # Complexity
    /// `O(rows columns)`; a panel is held at a time.
    pub fn panels(&self, mut each: impl FnMut(usize, ArrayView2<'_, f64>)) {
        let width = (PANEL / self.nrows().max(1)).clamp(16, 1 << 12);
        let all: Vec<usize> = (0..self.ncols()).collect();
        for panel in all.chunks(width) {
            each(panel[0], self.gather(panel).view());
        }
    }

    /// `out <- X^T vectors`: vectors of as many values as rows, one after the other.
    ///
    /// # Complexity
    /// `O(rows columns)` for each vector.
    pub fn multiply_transposed(&self, vectors: &[f64], out: &mut [f64]) {
        let (rows, n) = self.dim();
        if let Some(matrix) = self.as_matrix() {
            return multiply_transposed(matrix, vectors, out);
        }
        let width = out.len().checked_div(n).unwrap_or(0);
        if !self.moderate {
            return self.panels(|first, panel| {
                let mut part = vec![0.0; width * panel.ncols()];
                multiply_transposed(panel, vectors, &mut part);
                for (to, part) in out.chunks_exact_mut(n).zip(part.chunks_exact(panel.ncols())) {
                    to[first..first + part.len()].copy_from_slice(part);
                }
            });
        }
        // (x / d - c) f r times v, with c the mean and what the reflection takes away, is (x (r v) / d - c sum r v) f.
        let n_samples = self.roots.len();
        let mut lifted = vec![0.0; width * n_samples];
        for (to, vector) in lifted.chunks_exact_mut(n_samples).zip(vectors.chunks_exact(rows)) {
            let each = to.iter_mut().zip(&self.roots).skip(self.dropped).zip(vector);
            each.for_each(|((to, root), v)| *to = root * v);
        }
        let n_features = self.source().shape().1;
        let mut products = vec![0.0; width * n_features];
        self.source().multiply_transposed(&lifted, &mut products);
        let each = products.chunks_exact(n_features).zip(lifted.chunks_exact(n_samples));
        for (out, (products, vector)) in out.chunks_exact_mut(n).zip(each) {
            let sum: f64 = vector.iter().sum();
            for ((to, map), &j) in out.iter_mut().zip(&self.maps).zip(&self.columns) {
                *to = (products[j] / map.divisor - (map.mean + map.share) * sum) * map.factor;
            }
        }
    }

    /// The lower triangle of `X_A diag(weights) X_A^T`, of some columns with weights that are not negative.
    ///
    /// # Complexity
    /// `O(rows^2 chosen.len())`; a panel is held at a time.
    pub(crate) fn weighted_gram(&self, chosen: &[usize], weights: &[f64]) -> Mat<f64> {
        let rows = self.nrows();
        let mut gram = Mat::zeros(rows, rows);
        let (lower, full) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
        let width = (PANEL / rows.max(1)).clamp(64, 1 << 12);
        for (chosen, weights) in chosen.chunks(width).zip(weights.chunks(width)) {
            let mut panel = self.gather(chosen);
            let roots: Vec<f64> = weights.iter().map(|w| w.sqrt()).collect();
            panel.outer_iter_mut().for_each(|row| row.into_iter().zip(&roots).for_each(|(v, root)| *v *= root));
            // A row was dropped in front, and what is left is dense.
            let Some(values) = panel.as_slice() else { continue };
            let x = MatRef::from_row_major_slice(values, rows, chosen.len());
            triangular::matmul(gram.as_mut(), lower, Accum::Add, x, full, x.transpose(), full, 1.0, Par::Seq);
        }
        gram
    }
}
