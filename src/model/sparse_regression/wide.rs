//! Wide designs: the search on a working set of columns, and passes over all others that say whether one was missed.
//!
//! A product of all columns with the responses picks the working set: those of largest correlation, and some from all
//! ranks of correlation, which stand for all where all count alike (the background, the covariance of new samples). Whatever the
//! search does on them, it counts all columns to choose from: a screen that forgot the others would take the largest of
//! many chance correlations for signals. A pass multiplies all columns with the residuals of supports along the path;
//! columns that would have joined come into the working set, until the best support stays.
//!
//! Where samples are many, it has fewer columns than these to begin with, and is compressed: of their products, a triangle
//! and a response of as many rows as there are columns.

use super::average::{add_average, costs_little, evenly, path_sizes};
use super::noisy::{Noisy, evidence};
use super::residuals::Residuals;
use super::settings::{Noise, Settings};
use super::strategy;
use super::tolerances::{
    BACKGROUND_COLUMNS, FEW_COLUMNS, HOPELESS, LEADING_COLUMNS, MISSED_AT_ONCE, MISSED_SHARE, MOST_PASSES, RESIDUALS,
    WIDE,
};
use crate::Result;
use crate::design::{Design, Standardised};
use crate::linalg::least_squares::NestedLeastSquares;
use crate::monitor::Monitor;
use crate::problem::{Problem, Response};
use crate::report::{FitReport, Status};
use crate::solver::EncoderCovariance;
use crate::support::search::Candidate;
use crate::support::tolerances::{EXCHANGE_MARGIN, MATTERS};
use ndarray::{Array2, ArrayView1, Axis, concatenate};
use std::ops::Range;

/// Searches a wide design by a working set, any other one as it is.
pub(super) fn search(
    problem: &Problem<'_>,
    response: &Response,
    settings: &Settings,
    monitor: &Monitor<'_>,
) -> Result<FitReport> {
    match by_working_set(problem, response, settings, monitor)? {
        Some(report) => Ok(report),
        None => {
            problem.design.hold()?;
            strategy::search(problem, response, settings, monitor)
        }
    }
}

/// The search by a working set; `None` where all columns are needed: for designs that are not wide, for groups, for data
/// that look free of noise but are not certified.
fn by_working_set(
    problem: &Problem<'_>,
    response: &Response,
    settings: &Settings,
    monitor: &Monitor<'_>,
) -> Result<Option<FitReport>> {
    let (rows, n) = problem.design.dim();
    let of_rows = |(times, least): (usize, usize)| (times * rows).max(least);
    let (mut leading, mut background) = (of_rows(LEADING_COLUMNS), of_rows(BACKGROUND_COLUMNS));
    // So many are for the noise-free search, and cost more than the posterior may.
    let is_narrow = !costs_little((rows, leading + background)) && n >= WIDE * rows && rows * rows * n > HOPELESS;
    if is_narrow {
        (leading, background) = FEW_COLUMNS;
    }
    let is_plain = settings.covariance == EncoderCovariance::Full && problem.groups.is_empty();
    let is_served = is_plain && settings.noise == Noise::Auto && settings.start.is_none();
    // Odds and signs are given for all columns, not for those of the working set.
    let is_served = is_served && settings.prior_odds.is_empty() && settings.positive.is_empty();
    if !is_served || n < WIDE * (leading + background) {
        return Ok(None);
    }
    let mut wide = Wide {
        problem,
        response,
        monitor,
        columns: Vec::new(),
        own: Standardised::as_it_is(Array2::zeros((rows, 0))),
        products: is_narrow.then(|| Array2::zeros((0, 0))),
        background: Vec::new(),
        squares: Vec::new(),
        steps: 0,
        passes: 0,
    };
    wide.screen(leading, background)?;
    let path = wide.grow(settings)?;
    let Some(mut found) = wide.run(settings, path)? else { return Ok(None) };
    if found.certified {
        // What is nearly a chosen column might do as well: the certificate must have seen it.
        match wide.take_near(&found.support)? {
            None if is_narrow => (found.certified, found.status) = (false, Status::Converged),
            None => return Ok(None),
            Some(true) => {
                let Some(again) = wide.run(settings, None)? else { return Ok(None) };
                found = again;
            }
            Some(false) => {}
        }
    }
    (found.n_iter, found.n_passes) = (found.n_iter + wide.steps, wide.passes);
    Ok(Some(found))
}

struct Wide<'a> {
    problem: &'a Problem<'a>,
    response: &'a Response,
    monitor: &'a Monitor<'a>,
    /// The working set, ascending.
    columns: Vec<usize>,
    /// A copy of it; sparse columns, of fewer than rows to begin with, where they lie.
    own: Standardised<'a>,
    /// Of one that has fewer columns than rows to begin with, the products of all of them.
    products: Option<Array2<f64>>,
    /// Those of it that stand for all, ascending.
    background: Vec<usize>,
    /// Of all columns, the sum over the responses of the squared product.
    squares: Vec<f64>,
    steps: usize,
    passes: usize,
}

impl Wide<'_> {
    /// The columns of largest correlation with the responses, and a sample of all: one from the middle of each of as many
    /// ranges of ranks as are wanted, so that it holds no more that look like the responses than all columns do.
    fn screen(&mut self, leading: usize, background: usize) -> Result<()> {
        let n = self.problem.design.ncols();
        let mut squares = vec![0.0; n];
        let response = self.response;
        self.pass(&response.values, |columns, products| add_squares(&mut squares[columns], products))?;
        self.squares = squares;
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_unstable_by(|&a, &b| self.squares[b].total_cmp(&self.squares[a]).then(a.cmp(&b)));
        self.background = evenly(&order, background);
        self.background.sort_unstable();
        order.truncate(leading);
        order.extend(&self.background);
        self.take(order);
        Ok(())
    }

    /// The problem on the working set.
    fn part(&self) -> Result<Problem<'_>> {
        let places = self.background.iter().filter_map(|j| self.columns.binary_search(j).ok()).collect();
        let products = self.products.as_ref().map(|products| products.view());
        let sparse = products.and_then(|_| self.problem.design.sparse_part(&self.columns));
        let own = sparse.unwrap_or_else(|| Standardised::as_it_is(self.own.to_array()));
        self.problem.part(&self.columns, own, products, places, self.monitor)
    }

    /// Takes in the columns that residuals along the path ask for, until the best support stays. Returns the path, if it
    /// is that on the working set as it is.
    fn grow(&mut self, settings: &Settings) -> Result<Option<Vec<Candidate>>> {
        let mut last: Option<Vec<usize>> = None;
        while self.passes < MOST_PASSES {
            let mut steps = 0;
            let (path, support, residuals) = {
                let part = self.part()?;
                let response = &*part.respond_in_part(self.response, self.monitor)?;
                let evidence = evidence(&part, response, settings, None);
                let path = Noisy { problem: &part, response, evidence, sizes: path_sizes(&part, settings) }
                    .path(&mut steps, self.monitor)?;
                let best = path.iter().min_by(|a, b| a.criterion.total_cmp(&b.criterion));
                let support = best.map_or_else(Vec::new, |best| best.support.clone());
                let asked: Vec<&[usize]> = asked(&path, support.len()).map(|c| c.support.as_slice()).collect();
                let residuals = Residuals::new(&self.own, &self.response.values, &asked);
                let support: Vec<usize> = support.into_iter().map(|i| self.columns[i]).collect();
                (path, support, residuals)
            };
            self.steps += steps;
            if last.as_ref() == Some(&support) || !self.take_missed(&residuals)? {
                return Ok(Some(path));
            }
            last = Some(support);
        }
        Ok(None)
    }

    /// Takes in columns whose product with a residual is not far below the largest in the working set; whether there
    /// are any.
    fn take_missed(&mut self, residuals: &Residuals) -> Result<bool> {
        let (rows, width) = self.own.dim();
        let own: Vec<f64> = self.columns.iter().map(|&j| self.squares[j]).collect();
        let mut inside = vec![0.0; residuals.vectors.len() / rows * width];
        self.own.multiply_transposed(&residuals.vectors, &mut inside);
        let mut reader = residuals.reader(&own);
        let largest: Vec<f64> =
            inside.chunks_exact(width).filter_map(|products| reader.next(products).map(largest_of)).collect();
        let mut missed = vec![Vec::new(); largest.len()];
        let mut held = vec![false; self.problem.design.ncols()];
        self.columns.iter().for_each(|&j| held[j] = true);
        self.passes += 1;
        self.problem.design.products(&residuals.vectors, self.monitor, |columns, products| {
            let mut reader = residuals.reader(&self.squares[columns.clone()]);
            let mut of_support = missed.iter_mut().zip(&largest);
            for products in products.chunks_exact(columns.len()) {
                let Some(squares) = reader.next(products) else { continue };
                let Some((missed, largest)) = of_support.next() else { return };
                let found = columns.clone().zip(squares.iter().copied());
                missed.extend(found.filter(|(j, q)| !held[*j] && *q > MISSED_SHARE * MISSED_SHARE * largest));
                missed.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                missed.truncate(MISSED_AT_ONCE);
            }
        })?;
        Ok(self.take(missed.into_iter().flatten().map(|(j, _)| j).collect()))
    }

    /// One pass over all columns: `each` gets their products with the vectors, as [`Standardised::products`] says.
    ///
    /// [`Standardised::products`]: crate::design::Standardised::products
    fn pass(&mut self, vectors: &[f64], each: impl FnMut(Range<usize>, &mut [f64])) -> Result<()> {
        self.passes += 1;
        self.problem.design.products(vectors, self.monitor, each)
    }

    fn take(&mut self, mut columns: Vec<usize>) -> bool {
        columns.sort_unstable();
        columns.dedup();
        columns.retain(|j| self.columns.binary_search(j).is_err());
        if columns.is_empty() {
            return false;
        }
        let all = [self.columns.as_slice(), &columns].concat();
        let mut order: Vec<usize> = (0..all.len()).collect();
        order.sort_unstable_by_key(|&i| all[i]);
        self.columns = order.iter().map(|&i| all[i]).collect();
        let new: Vec<usize> = (0..all.len()).filter(|&i| order[i] >= all.len() - columns.len()).collect();
        let sparse = self.products.as_ref().and_then(|_| self.problem.design.sparse_part(&self.columns));
        self.own = sparse.unwrap_or_else(|| {
            let both = concatenate![Axis(1), self.own.copied(), self.problem.design.gather(&columns)];
            let mut copy = Array2::zeros(both.raw_dim());
            both.read(&order, copy.view_mut());
            Standardised::as_it_is(copy)
        });
        if let Some(products) = &mut self.products {
            *products = extended(products, &order, &new, &self.own);
        }
        true
    }

    /// The search on the working set.
    fn run(&self, settings: &Settings, path: Option<Vec<Candidate>>) -> Result<Option<FitReport>> {
        let part = self.part()?;
        let response = &*part.respond_in_part(self.response, self.monitor)?;
        let Some(mut report) = strategy::run(&part, response, settings, path, self.monitor)? else {
            return Ok(None);
        };
        add_average(&mut report, &part, response, settings, self.monitor)?;
        Ok(Some(report))
    }

    /// Takes in the columns so near to the span of the features `support` that one might take the place of another: of
    /// a certified support, whose columns each explain [`MATTERS`] times the rounding, no other column can. Whether
    /// there are any; `None` where that would be too many.
    ///
    /// With `x_j = X_S a + e`, `j` in the place of `i` leaves `|z_i| ||e|| / |a_i|`, and `1 / |a_i|` is no less than the
    /// distance of `i` to the others. In coordinates with orthonormal rows all this changes by the condition number of
    /// the design at most.
    fn take_near(&mut self, support: &[usize]) -> Result<Option<bool>> {
        let (vectors, limit) = {
            let part = self.part()?;
            let smallest = part.row_space()?.smallest_singular();
            // The squared singular values sum to the number of columns, and none is above any row sum of the products.
            let largest = match &self.products {
                Some(products) => {
                    let sum = |row: ArrayView1<'_, f64>| row.iter().map(|v| v.abs()).sum::<f64>();
                    products.outer_iter().map(sum).fold(0.0, f64::max)
                }
                None => self.columns.len() as f64,
            };
            let condition = largest.sqrt() / smallest;
            let fit = NestedLeastSquares::new(self.own.gather(&part.places(support)).view(), &self.response.values);
            (fit.basis().t().iter().copied().collect::<Vec<f64>>(), EXCHANGE_MARGIN / MATTERS * condition)
        };
        if limit >= 1.0 {
            return Ok(None);
        }
        let mut reached = vec![0.0; self.problem.design.ncols()];
        self.pass(&vectors, |columns, products| add_squares(&mut reached[columns], products))?;
        let near: Vec<usize> = (0..reached.len()).filter(|&j| 1.0 - reached[j] <= limit * limit).collect();
        Ok((near.len() <= self.columns.len()).then(|| self.take(near)))
    }
}

/// Adds to the sum of each column the squares of its products with one vector after the other.
fn add_squares(sums: &mut [f64], products: &[f64]) {
    for products in products.chunks_exact(sums.len()) {
        sums.iter_mut().zip(products).for_each(|(sum, q)| *sum += q * q);
    }
}

/// The products of all columns of `own`, of which `new` are new, from those of the others; `order` tells where each was
/// in these, or after them.
fn extended(products: &Array2<f64>, order: &[usize], new: &[usize], own: &Standardised<'_>) -> Array2<f64> {
    let n = order.len();
    let mut all = Array2::from_shape_fn((n, n), |(i, j)| products.get((order[i], order[j])).copied().unwrap_or(0.0));
    let with_new = own.sparse_products(new).unwrap_or_else(|| {
        let vectors: Vec<f64> = own.gather(new).t().iter().copied().collect();
        let mut with_new = Array2::zeros((new.len(), n));
        own.multiply_transposed(&vectors, with_new.as_slice_mut().unwrap_or_default());
        with_new.reversed_axes()
    });
    for (&j, column) in new.iter().zip(with_new.columns()) {
        all.column_mut(j).assign(&column);
        all.row_mut(j).assign(&column);
    }
    all
}

fn largest_of(squares: &[f64]) -> f64 {
    squares.iter().copied().fold(0.0, f64::max)
}

/// The supports of a path whose residuals are looked at: that of the best size, and others evenly.
fn asked(path: &[Candidate], best: usize) -> impl Iterator<Item = &Candidate> {
    let last = path.len().saturating_sub(1);
    let step = last.div_ceil(RESIDUALS).max(1);
    (0..=last)
        .filter(move |i| *i > 0 && ((last - i).is_multiple_of(step) || path[*i].support.len() == best))
        .filter_map(|i| path.get(i))
}
