//! The problem where background and noise are both diagonal.

use super::tolerances::{BACKGROUND_RATIOS, CACHE};
use crate::Result;
use crate::linalg::spectral::Spectral;
use crate::linalg::{dot, multiply_transposed};
use crate::problem::{Problem, Response};
use ndarray::{Array2, Axis};
use pulp::{Arch, Simd, WithSimd};
use std::collections::{HashMap, VecDeque};

/// Columns and response in the eigenvectors of `X X^T`, scaled to a mean square of 1 over the degrees of freedom. There
/// background and noise have covariance `noise_var (ratio lambda + 1)`, with eigenvalues `lambda` of mean 1.
pub(super) struct Coordinates {
    /// `lambda`, of the directions that columns reach.
    pub spectrum: Vec<f64>,
    /// A row for each column of the design.
    pub columns: Array2<f64>,
    pub response: Vec<f64>,
    /// Squared norm of the part of the response that no column reaches.
    pub off_range: f64,
    pub freedom: f64,
}

impl Coordinates {
    pub fn new(problem: &Problem<'_>, response: &Response) -> Result<Self> {
        let spectral = Spectral::new(problem.design.copied())?;
        let (freedom, n) = (problem.freedom as f64, problem.design.ncols() as f64);
        let root = freedom.sqrt();
        let scaled: Vec<f64> = spectral.rotate(&response.values).into_iter().map(|y| y * root).collect();
        let off_range = (freedom - scaled.iter().map(|y| y * y).sum::<f64>()).max(0.0);
        let spectrum = spectral.values.iter().map(|v| v * freedom / n).collect();
        Ok(Self { spectrum, columns: spectral.columns * root, response: scaled, off_range, freedom })
    }

    pub fn n_columns(&self) -> usize {
        self.columns.nrows()
    }

    pub fn column(&self, j: usize) -> &[f64] {
        self.columns.index_axis(Axis(0), j).to_slice().unwrap_or_default()
    }

    /// `X^T vector`.
    pub fn multiply_transposed(&self, vector: &[f64], out: &mut [f64]) {
        multiply_transposed(self.columns.t(), vector, out);
    }

    /// Correlations of some columns, shape `(chosen.len(), chosen.len())`.
    pub fn correlation(&self, chosen: &[usize]) -> Array2<f64> {
        let columns = self.columns.select(Axis(0), chosen);
        columns.dot(&columns.t()) / self.freedom
    }
}

/// What follows from one ratio of background to noise.
pub(super) struct Level {
    /// The background's variance over that of the noise.
    pub ratio: f64,
    /// `1 / (ratio lambda + 1)`.
    pub weights: Vec<f64>,
    /// `sum ln (ratio lambda + 1)`.
    pub log_det: f64,
    /// `x_j^T diag(weights) x_j` of each column, once somebody asked.
    squares: Vec<f64>,
}

/// All ratios that are considered, and products of columns at them.
pub(super) struct Levels {
    pub all: Vec<Level>,
    rows: HashMap<(usize, usize), Vec<f64>>,
    order: VecDeque<(usize, usize)>,
    scratch: Vec<f64>,
}

impl Levels {
    pub fn new(coordinates: &Coordinates, with_background: bool) -> Self {
        let (low, high, count) = BACKGROUND_RATIOS;
        let step = (high / low).ln() / (count - 1) as f64;
        let positive = (0..count).map(|i| low * (step * i as f64).exp()).filter(|_| with_background);
        let all = std::iter::once(0.0).chain(positive).map(|ratio| Level {
            ratio,
            weights: coordinates.spectrum.iter().map(|v| 1.0 / (ratio * v + 1.0)).collect(),
            log_det: coordinates.spectrum.iter().map(|v| (ratio * v).ln_1p()).sum(),
            squares: Vec::new(),
        });
        let scratch = vec![0.0; coordinates.spectrum.len()];
        Self { all: all.collect(), rows: HashMap::new(), order: VecDeque::new(), scratch }
    }

    /// `x_j^T diag(weights) x_j` of each column.
    pub fn squares(&mut self, coordinates: &Coordinates, level: usize, arch: Arch) -> &[f64] {
        let level = &mut self.all[level];
        if level.squares.is_empty() {
            let columns = coordinates.columns.as_slice().unwrap_or_default();
            level.squares = arch.dispatch(WeightedSquares { columns, weights: &level.weights });
        }
        &level.squares
    }

    /// `X^T diag(weights) x_j`, kept for the columns that were asked for last.
    pub fn row(&mut self, coordinates: &Coordinates, level: usize, j: usize) -> &[f64] {
        let n = coordinates.n_columns();
        if !self.rows.contains_key(&(level, j)) {
            let full = self.order.len() >= (CACHE.0 / n).max(CACHE.1);
            let oldest = if full { self.order.pop_front() } else { None };
            let mut row = oldest.and_then(|oldest| self.rows.remove(&oldest)).unwrap_or_else(|| vec![0.0; n]);
            let column = coordinates.column(j).iter().zip(&self.all[level].weights);
            self.scratch.iter_mut().zip(column).for_each(|(to, (x, w))| *to = x * w);
            coordinates.multiply_transposed(&self.scratch, &mut row);
            self.order.push_back((level, j));
            self.rows.insert((level, j), row);
        }
        &self.rows[&(level, j)]
    }
}

struct WeightedSquares<'a> {
    columns: &'a [f64],
    weights: &'a [f64],
}

impl WithSimd for WeightedSquares<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f64> {
        let Self { columns, weights } = self;
        let mut scaled = vec![0.0; weights.len()];
        let each = columns.chunks_exact(weights.len().max(1)).map(|column| {
            scaled.iter_mut().zip(column.iter().zip(weights)).for_each(|(to, (x, w))| *to = x * w);
            dot(simd, &scaled, column)
        });
        each.collect()
    }
}
