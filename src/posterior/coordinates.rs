//! The problem where background and noise are both diagonal.

use super::tolerances::{BACKGROUND_RATIOS, CACHE, LEAST_NOISE, NO_BACKGROUND};
use crate::Result;
use crate::linalg::{dot, multiply_transposed};
use crate::problem::{Problem, Response};
use ndarray::{Array2, Axis};
use pulp::{Arch, Simd, WithSimd};
use std::collections::{HashMap, VecDeque};

/// Columns and responses in the eigenvectors of `X X^T`, scaled to a mean square of 1 over the degrees of freedom. There
/// background and noise have covariance `noise_var (ratio lambda + 1)`, with eigenvalues `lambda` of mean 1.
///
/// Columns stand by falling correlation with the responses, and signs are such that no entry of the first of these, and
/// no product with it, is negative: what is drawn does not depend on the order and the signs in which a caller has them.
pub(super) struct Coordinates {
    /// `lambda`, of the directions that columns reach.
    pub spectrum: Vec<f64>,
    /// A row for each column of the design.
    pub columns: Array2<f64>,
    /// The response, or the principal axes of several, one after the other.
    pub response: Vec<f64>,
    /// Squared norm of the part of the responses that no column reaches.
    pub off_range: f64,
    /// Degrees of freedom of one response.
    pub freedom: f64,
    /// Responses that the caller has; principal axes of them.
    pub n_responses: usize,
    pub n_axes: usize,
    /// What each column's variance is of that of the background.
    pub share: Vec<f64>,
    /// Share of the covariance of the background that is the chance of which columns stand for all.
    chance: f64,
    /// Columns that an effect may be at: more than there are rows of `columns` where the others have none.
    pub n_choices: usize,
    /// The problem's column in each row of `columns`.
    pub order: Vec<usize>,
    /// What each of them, and each axis, was multiplied by.
    signs: Vec<f64>,
    axis_signs: Vec<f64>,
}

impl Coordinates {
    pub fn new(problem: &Problem<'_>, response: &Response) -> Result<Self> {
        let spectral = problem.spectral()?;
        let background = problem.background();
        let (freedom, n) = (problem.freedom as f64, background.len() as f64);
        let (root, total) = (freedom.sqrt(), freedom * response.n_responses() as f64);
        let (rows, rank) = (problem.design.nrows().max(1), spectral.values.len());
        let axes = response.values.chunks_exact(rows).flat_map(|y| spectral.rotate(y));
        let mut scaled: Vec<f64> = axes.map(|y| y * total.sqrt()).collect();
        let n_axes = response.values.len() / rows;
        let off_range = (total - squared(&scaled)).max(0.0);
        let spectrum: Vec<f64> = spectral.values.iter().map(|v| v * freedom / n).collect();
        let n_columns = spectral.columns.nrows();
        let mut products = vec![0.0; n_columns * n_axes];
        multiply_transposed(spectral.columns.t(), &scaled, &mut products);
        let strength: Vec<f64> =
            (0..n_columns).map(|j| products.iter().skip(j).step_by(n_columns).map(|q| q * q).sum()).collect();
        let mut order: Vec<usize> = (0..n_columns).collect();
        order.sort_by(|&a, &b| strength[b].total_cmp(&strength[a]));
        let mut columns = spectral.columns.select(Axis(0), &order);
        let signs: Vec<f64> = order.iter().map(|&j| 1.0_f64.copysign(products[j])).collect();
        let of_direction: Vec<f64> = scaled.iter().take(rank).map(|y| 1.0_f64.copysign(*y)).collect();
        for (mut column, sign) in columns.outer_iter_mut().zip(&signs) {
            column.iter_mut().zip(&of_direction).for_each(|(x, direction)| *x *= root * sign * direction);
        }
        // An axis is known up to its sign: its product with the strongest column is positive.
        let strongest = order.first().copied().unwrap_or(0);
        let axis_signs: Vec<f64> = (0..n_axes)
            .map(|l| if l == 0 { 1.0 } else { (signs[0] * products[l * n_columns + strongest]).signum() })
            .collect();
        for (response, sign) in scaled.chunks_exact_mut(rank.max(1)).zip(&axis_signs) {
            response.iter_mut().zip(&of_direction).for_each(|(y, direction)| *y *= direction * sign);
        }
        let chance = if problem.whole().is_some() { chance(&spectrum, freedom, n) } else { 0.0 };
        let mut own = vec![0.0; order.len()];
        background.iter().for_each(|&j| own[j] = 1.0 / n);
        let share = order.iter().map(|&j| own[j]).collect();
        Ok(Self {
            spectrum,
            columns,
            response: scaled,
            off_range,
            freedom,
            n_responses: response.n_responses(),
            n_axes,
            share,
            chance,
            n_choices: problem.n_choices(),
            order,
            signs,
            axis_signs,
        })
    }

    /// Where the problem's columns `chosen` stand, ascending.
    pub fn places(&self, chosen: &[usize]) -> Vec<usize> {
        self.order.iter().enumerate().filter(|(_, j)| chosen.contains(j)).map(|(place, _)| place).collect()
    }

    /// Values of the problem's columns, from those of these.
    pub fn to_problem(&self, values: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; values.len()];
        self.order.iter().zip(values).for_each(|(&j, value)| out[j] = *value);
        out
    }

    /// The same of coefficients, axis after axis, which change signs with their columns; and their unit.
    pub fn coefficients_to_problem(&self, coefficients: &[f64]) -> Vec<f64> {
        // Responses have a mean square of 1 here, and a norm of 1 in all there.
        let unit = 1.0 / (self.n_responses as f64).sqrt();
        let mut out = vec![0.0; coefficients.len()];
        let n = self.n_columns().max(1);
        let axes = out.chunks_exact_mut(n).zip(coefficients.chunks_exact(n)).zip(&self.axis_signs);
        for ((out, axis), axis_sign) in axes {
            let signed = axis.iter().zip(&self.signs).map(|(b, sign)| b * sign * axis_sign * unit);
            self.order.iter().zip(signed).for_each(|(&j, b)| out[j] = b);
        }
        out
    }

    /// The sign that the coefficients of columns have here if `positive` columns of the problem have a positive one; 0
    /// for the others.
    pub fn signs_of(&self, positive: impl Fn(usize) -> bool) -> Vec<f64> {
        self.order.iter().zip(&self.signs).map(|(&j, sign)| if positive(j) { *sign } else { 0.0 }).collect()
    }

    /// What the smallest noise leaves of all responses.
    pub fn least(&self) -> f64 {
        self.freedom * self.n_responses as f64 * LEAST_NOISE
    }

    pub fn n_columns(&self) -> usize {
        self.columns.nrows()
    }

    pub fn column(&self, j: usize) -> &[f64] {
        self.columns.index_axis(Axis(0), j).to_slice().unwrap_or_default()
    }

    /// `X^T vectors`, vectors one after the other.
    pub fn multiply_transposed(&self, vectors: &[f64], out: &mut [f64]) {
        multiply_transposed(self.columns.t(), vectors, out);
    }

    /// `X vectors`, for vectors with an entry for each column.
    pub fn multiply(&self, vectors: &[f64]) -> Vec<f64> {
        let (n, rank) = self.columns.dim();
        let mut out = vec![0.0; vectors.len() / n.max(1) * rank];
        multiply_transposed(self.columns.view(), vectors, &mut out);
        out
    }

    /// Correlations of some columns, shape `(chosen.len(), chosen.len())`.
    pub fn correlation(&self, chosen: &[usize]) -> Array2<f64> {
        let columns = self.columns.select(Axis(0), chosen);
        columns.dot(&columns.t()) / self.freedom
    }
}

/// How far to shrink the covariance that a sample of columns gives to a background towards the identity (Ledoit and Wolf,
/// 2004, with columns in the place of samples): the spectrum of few columns is wide by chance, and noise that looks like it
/// would be taken for a background.
fn chance(spectrum: &[f64], freedom: f64, n_columns: f64) -> f64 {
    let square = squared(spectrum) / freedom;
    let excess = n_columns * (square - 1.0);
    if excess > 0.0 { ((freedom - square) / excess).clamp(0.0, 1.0) } else { 1.0 }
}

/// Squared norm.
pub(super) fn squared(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum()
}

/// Columns of an inclusion probability above the first number, the most probable first, as many as the second at most.
pub(super) fn most_probable(inclusion: &[f64], (least, most): (f64, usize)) -> Vec<usize> {
    let mut columns: Vec<usize> = (0..inclusion.len()).filter(|&j| inclusion[j] > least).collect();
    columns.sort_by(|&a, &b| inclusion[b].total_cmp(&inclusion[a]).then(a.cmp(&b)));
    columns.truncate(most);
    columns
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
        // That share of the background is white: noise, of which no column knows.
        let told = |ratio: f64| ratio * (1.0 - coordinates.chance) / (1.0 + ratio * coordinates.chance);
        let told = positive.map(told).filter(|ratio| *ratio > 0.0);
        let all = std::iter::once(0.0).chain(told).map(|ratio| Level {
            ratio,
            weights: coordinates.spectrum.iter().map(|v| 1.0 / (ratio * v + 1.0)).collect(),
            log_det: coordinates.spectrum.iter().map(|v| (ratio * v).ln_1p()).sum(),
            squares: Vec::new(),
        });
        let scratch = vec![0.0; coordinates.spectrum.len()];
        Self { all: all.collect(), rows: HashMap::new(), order: VecDeque::new(), scratch }
    }

    /// Logarithm of the prior probability of a level, but for a constant.
    pub fn log_prior(&self, level: &Level) -> f64 {
        let others = (self.all.len() - 1) as f64;
        if level.ratio == 0.0 { (NO_BACKGROUND / (1.0 - NO_BACKGROUND) * others).ln() } else { 0.0 }
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
