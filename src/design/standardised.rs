//! A design as solvers see it: samples weighted, columns centred and of norm 1, by arithmetic on the columns that are
//! read, not by a copy.

use super::cross_products::CrossProducts;
use super::moments::{CONSTANT, Map, Moment, Moments, PANEL};
use super::{Design, multiply_transposed};
use crate::monitor::{Monitor, Progress, Stage};
use crate::{Error, Result};
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Mat, MatRef, Par};
use ndarray::{Array2, ArrayView2, s};
use std::ops::Range;
use std::sync::OnceLock;

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
    pub(super) source: Source<'a>,
    /// Roots of the weights of all samples.
    pub(super) roots: Vec<f64>,
    /// Rows that are dropped: the first one if centred.
    pub(super) dropped: usize,
    pub(super) columns: Vec<usize>,
    pub(super) maps: Vec<Map>,
    pub(super) means: Vec<f64>,
    pub(super) norms: Vec<f64>,
    /// Whether products with the columns as they lie are accurate.
    pub(super) moderate: bool,
    /// Products of all columns of the source, centred if these are, and divided as they: of a tall design.
    pub(super) products: Option<Mat<f64>>,
    pub(super) copy: OnceLock<Array2<f64>>,
}

#[derive(Debug)]
pub(super) enum Source<'a> {
    Borrowed(&'a dyn Design),
    Owned(Array2<f64>),
}

impl<'a> Standardised<'a> {
    /// Finds means and norms of all columns in one pass, and refuses values that are not finite; `centred` takes the
    /// mean of every column away. Nothing overflows: each column is first divided by its largest entry.
    ///
    /// `roots` are the roots of the weights of samples, none of them 0.
    ///
    /// # Errors
    /// [`Error::NonFinite`], naming `what`; [`Error::Interrupted`].
    ///
    /// # Complexity
    /// `O(n_samples n_features)` on the threads that are lent; the design is read once, a panel at a time.
    pub fn new(
        what: &'static str,
        design: &'a dyn Design,
        roots: &[f64],
        centred: bool,
        monitor: &Monitor<'_>,
    ) -> Result<Self> {
        let known = design.moments(roots, centred);
        let moments = known.unwrap_or_else(|| Moments::of(design, roots, centred, monitor));
        monitor.check()?;
        Self::by_moments(what, design, roots, centred, moments)
    }

    /// As [`new`](Self::new), for a design of more samples than features. If these can be read a few at a time, products
    /// of all columns are found on the way.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    ///
    /// # Complexity
    /// `O(n_samples n_features^2)`; the design is read once, a block of samples at a time.
    pub fn tall(
        what: &'static str,
        design: &'a dyn Design,
        roots: &[f64],
        centred: bool,
        monitor: &Monitor<'_>,
    ) -> Result<Self> {
        let Some(found) = CrossProducts::new(design, roots, centred, monitor)? else {
            return Self::new(what, design, roots, centred, monitor);
        };
        let moments = found.moments(design, roots, centred);
        Ok(Self { products: Some(found.gram), ..Self::by_moments(what, design, roots, centred, moments)? })
    }

    fn by_moments(
        what: &'static str,
        design: &'a dyn Design,
        roots: &[f64],
        centred: bool,
        Moments { of_columns, not_finite }: Moments,
    ) -> Result<Self> {
        let n = design.shape().1;
        let root = roots.iter().map(|root| root * root).sum::<f64>().sqrt();
        let constant = if centred { CONSTANT * root } else { 0.0 };
        if let Some((i, j)) = not_finite {
            return Err(Error::NonFinite { what, index: vec![i, j] });
        }
        let (mut columns, mut moderate) = (Vec::with_capacity(n), true);
        let (mut means, mut norms) = (Vec::with_capacity(n), Vec::with_capacity(n));
        let standardise = |(j, Moment { divisor, mean, share, square }): (usize, Moment)| {
            let norm = square.sqrt();
            means.push(mean * divisor);
            (norm > constant).then(|| {
                let map = Map { divisor, mean, share, factor: 1.0 / norm };
                columns.push(j);
                norms.push(norm * divisor);
                moderate &= map.is_moderate(root);
                map
            })
        };
        let maps = of_columns.into_iter().enumerate().filter_map(standardise).collect();
        Ok(Self {
            source: Source::Borrowed(design),
            roots: roots.to_vec(),
            dropped: usize::from(centred),
            columns,
            maps,
            means,
            norms,
            moderate,
            products: None,
            copy: OnceLock::new(),
        })
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
    pub(super) fn as_matrix(&self) -> Option<ArrayView2<'_, f64>> {
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
        let all: Vec<usize> = (0..self.ncols()).collect();
        for panel in all.chunks(self.panel_width()) {
            each(panel[0], self.gather(panel).view());
        }
    }

    fn panel_width(&self) -> usize {
        (PANEL / self.nrows().max(1)).clamp(16, 1 << 12)
    }

    /// `out <- X^T vectors`: vectors of as many values as rows, one after the other.
    ///
    /// # Complexity
    /// `O(rows columns)` for each vector.
    pub fn multiply_transposed(&self, vectors: &[f64], out: &mut [f64]) {
        let n = self.ncols();
        if let Some(matrix) = self.as_matrix() {
            return multiply_transposed(matrix, vectors, out);
        }
        if 2 * n < self.source().shape().1
            && let Some(products) = self.products_by_entries(vectors)
        {
            return out.copy_from_slice(&products);
        }
        let (lifted, mut part) = (self.lifted(vectors), Vec::new());
        for columns in self.spans() {
            self.multiply_span(columns.clone(), vectors, &lifted, &mut part);
            for (to, part) in out.chunks_exact_mut(n).zip(part.chunks_exact(columns.len())) {
                to[columns.clone()].copy_from_slice(part);
            }
        }
    }

    /// Calls `each` with one span of columns after the other and their products with the vectors, those with the first
    /// vector first; says meanwhile how far it is.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    ///
    /// # Complexity
    /// As [`multiply_transposed`](Self::multiply_transposed); each column is read once, and products of one span are held.
    pub fn products(
        &self,
        vectors: &[f64],
        monitor: &Monitor<'_>,
        mut each: impl FnMut(Range<usize>, &mut [f64]),
    ) -> Result<()> {
        let (lifted, mut part) = (self.lifted(vectors), Vec::new());
        for columns in self.spans() {
            self.multiply_span(columns.clone(), vectors, &lifted, &mut part);
            let done = columns.end;
            each(columns, &mut part);
            monitor.step(&Progress::new(Stage::Columns, done, self.ncols()))?;
        }
        Ok(())
    }

    /// The columns in spans that are multiplied at a time.
    fn spans(&self) -> impl Iterator<Item = Range<usize>> {
        let (n_features, span) = (self.source().shape().1, self.source().span());
        let place = move |j: usize| self.columns.partition_point(|&column| column < j);
        let spans = (0..n_features).step_by(span).map(move |start| place(start)..place(start.saturating_add(span)));
        spans.filter(|columns| !columns.is_empty())
    }

    /// Vectors that give with the columns as they lie what `vectors` give with weighted and centred ones, but for a
    /// multiple of their sums.
    fn lifted(&self, vectors: &[f64]) -> Vec<f64> {
        let (rows, n_samples) = (self.nrows(), self.roots.len());
        let mut lifted = vec![0.0; vectors.len() / rows.max(1) * n_samples];
        for (to, vector) in lifted.chunks_exact_mut(n_samples).zip(vectors.chunks_exact(rows)) {
            let each = to.iter_mut().zip(&self.roots).skip(self.dropped).zip(vector);
            each.for_each(|((to, root), v)| *to = root * v);
        }
        lifted
    }

    /// `out <- X[:, columns]^T vectors`, made as long as it must be.
    fn multiply_span(&self, columns: Range<usize>, vectors: &[f64], lifted: &[f64], out: &mut Vec<f64>) {
        let (n_samples, width) = (self.roots.len(), columns.len());
        let count = lifted.len() / n_samples;
        out.resize(count * width, 0.0);
        if !self.moderate {
            return self.multiply_span_accurately(columns, vectors, out);
        }
        // (x / d - c) f r times v, with c the mean and what the reflection takes away, is (x (r v) / d - c sum r v) f.
        let own = &self.columns[columns.clone()];
        let (first, last) = (own[0], own[width - 1]);
        let span = last + 1 - first;
        let mut products;
        let wanted = if span == width {
            self.source().multiply_transposed(first..last + 1, lifted, out);
            None
        } else {
            products = vec![0.0; count * span];
            self.source().multiply_transposed(first..last + 1, lifted, &mut products);
            Some(products.as_slice())
        };
        for (l, (out, vector)) in out.chunks_exact_mut(width).zip(lifted.chunks_exact(n_samples)).enumerate() {
            let sum: f64 = vector.iter().sum();
            for ((to, map), &j) in out.iter_mut().zip(&self.maps[columns.clone()]).zip(own) {
                let product = wanted.map_or(*to, |products| products[l * span + j - first]);
                *to = (product / map.divisor - (map.mean + map.share) * sum) * map.factor;
            }
        }
    }

    /// As [`multiply_span`](Self::multiply_span), where a correction for means would cost digits: with columns that are
    /// standardised first, a panel of them at a time.
    fn multiply_span_accurately(&self, columns: Range<usize>, vectors: &[f64], out: &mut [f64]) {
        let (start, width) = (columns.start, columns.len());
        for panel in columns.collect::<Vec<usize>>().chunks(self.panel_width()) {
            let mut part = vec![0.0; out.len() / width * panel.len()];
            multiply_transposed(self.gather(panel).view(), vectors, &mut part);
            for (to, part) in out.chunks_exact_mut(width).zip(part.chunks_exact(panel.len())) {
                to[panel[0] - start..][..part.len()].copy_from_slice(part);
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
