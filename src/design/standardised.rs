//! A design as solvers see it: samples weighted, columns centred and of norm 1, by arithmetic on the columns that are
//! read, not by a copy.

use super::{Design, multiply_transposed};
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
/// Mean over standard deviation up to which a product with the columns as they lie may be corrected for their means: it
/// costs so many units of rounding. Chosen by hand.
const MODERATE_MEAN: f64 = 1e3;
/// Largest entries of a column, and their reciprocals, up to which products with it neither overflow nor vanish.
/// Chosen by hand, as a third of the exponents of float64.
const MODERATE_SCALE: f64 = 1e100;

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
    roots: Vec<f64>,
    /// Rows that are dropped: the first one if centred.
    dropped: usize,
    columns: Vec<usize>,
    maps: Vec<Map>,
    means: Vec<f64>,
    norms: Vec<f64>,
    /// Whether products with the columns as they lie are accurate.
    moderate: bool,
    copy: OnceLock<Array2<f64>>,
}

#[derive(Debug)]
enum Source<'a> {
    Borrowed(&'a dyn Design),
    Owned(Array2<f64>),
}

/// What standardising a column takes: what it is divided by first, so that nothing overflows, and what it is then.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// Its largest entry, or 1 if all are 0.
    pub divisor: f64,
    /// Its weighted mean; 0 unless centred.
    pub mean: f64,
    /// What the reflection that takes away the direction of an intercept takes from all of its entries; 0 unless centred.
    pub share: f64,
    /// Its squared norm, in the rows that are kept.
    pub square: f64,
}

/// What standardising a design takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// That of every column; whatever it may be where entries are not finite.
    pub of_columns: Vec<Moment>,
    /// Row and column of the entry that is not finite, first in the order of rows.
    pub not_finite: Option<(usize, usize)>,
}

impl Moments {
    /// Those of a design with the roots of the weights of its samples, none of them 0, in one pass.
    ///
    /// # Complexity
    /// `O(n_samples n_features)`; a panel is read at a time.
    pub fn of(design: &dyn Design, roots: &[f64], centred: bool) -> Self {
        let n = design.shape().1;
        let dropped = usize::from(centred);
        let size: f64 = roots.iter().map(|root| root * root).sum();
        let (root, first) = (size.sqrt(), roots.first().copied().unwrap_or(1.0));
        let all: Vec<usize> = (0..n).collect();
        let (mut of_columns, mut finite) = (Vec::with_capacity(n), true);
        read_panels(design, &all, |_, panel| {
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
            of_columns.extend((0..width).map(|j| Moment {
                divisor: divisor[j],
                mean: mean[j],
                share: shares[j],
                square: squares[j],
            }));
        });
        let not_finite = if finite { None } else { first_not_finite(design) };
        Self { of_columns, not_finite }
    }
}

/// From an entry of a column to its standardised value.
#[derive(Debug, Clone, Copy)]
struct Map {
    divisor: f64,
    mean: f64,
    share: f64,
    factor: f64,
}

impl Map {
    const IDENTITY: Self = Self { divisor: 1.0, mean: 0.0, share: 0.0, factor: 1.0 };

    #[inline(always)]
    fn apply(self, value: f64) -> f64 {
        ((value / self.divisor - self.mean) - self.share) * self.factor
    }
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
    /// # Complexity
    /// `O(n_samples n_features)`; the design is read once, a panel at a time.
    pub fn new(what: &'static str, design: &'a dyn Design, roots: &[f64], centred: bool) -> Result<Self> {
        let n = design.shape().1;
        let dropped = usize::from(centred);
        let root = roots.iter().map(|root| root * root).sum::<f64>().sqrt();
        let constant = if centred { CONSTANT * root } else { 0.0 };
        let Moments { of_columns, not_finite } =
            design.moments(roots, centred).unwrap_or_else(|| Moments::of(design, roots, centred));
        if let Some((i, j)) = not_finite {
            return Err(Error::NonFinite { what, index: vec![i, j] });
        }
        let (mut columns, mut moderate) = (Vec::with_capacity(n), true);
        let (mut means, mut norms) = (Vec::with_capacity(n), Vec::with_capacity(n));
        let standardise = |(j, Moment { divisor, mean, share, square }): (usize, Moment)| {
            let norm = square.sqrt();
            means.push(mean * divisor);
            (norm > constant).then(|| {
                columns.push(j);
                norms.push(norm * divisor);
                moderate &= (mean + share).abs() * root / norm < MODERATE_MEAN
                    && (1.0 / MODERATE_SCALE..MODERATE_SCALE).contains(&divisor);
                Map { divisor, mean, share, factor: 1.0 / norm }
            })
        };
        let maps = of_columns.into_iter().enumerate().filter_map(standardise).collect();
        let (source, roots) = (Source::Borrowed(design), roots.to_vec());
        Ok(Self { source, roots, dropped, columns, maps, means, norms, moderate, copy: OnceLock::new() })
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

    fn source(&self) -> &dyn Design {
        match &self.source {
            Source::Borrowed(design) => *design,
            Source::Owned(matrix) => matrix,
        }
    }

    /// As [`Design::is_remote`].
    pub fn is_remote(&self) -> bool {
        self.as_matrix().is_none() && self.source().is_remote()
    }

    /// As [`Design::hold`].
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if it is too large for that.
    pub fn hold(&self) -> Result<()> {
        if self.as_matrix().is_some() { Ok(()) } else { self.source().hold() }
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
