//! What standardising a design takes: means and norms of its columns, in one pass.

use super::Design;
use crate::monitor::Monitor;
use crate::threads;
use ndarray::Array2;
use std::ops::Range;
use std::slice::{ChunksExact, ChunksExactMut};

/// Below this share of its size before centring, a column is constant: rounding of its mean.
pub const CONSTANT: f64 = 16.0 * f64::EPSILON;
/// Entries that are read at a time: a panel of columns stays in the second-level cache.
pub(super) const PANEL: usize = 1 << 16;
/// Sparse columns that one thread looks at, one after the other.
const SPARSE_AT_ONCE: usize = 1 << 12;
/// Panels that one thread looks at, one after the other: so many share the room that they are read into.
const PANELS_AT_ONCE: usize = 8;
/// Mean over standard deviation up to which a product with the columns as they lie may be corrected for their means: it
/// costs so many units of rounding. Chosen by hand.
const MODERATE_MEAN: f64 = 1e3;
/// Largest entries of a column, and their reciprocals, up to which products with it neither overflow nor vanish.
/// Chosen by hand, as a third of the exponents of float64.
const MODERATE_SCALE: f64 = 1e100;

/// From an entry of a column to its standardised value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Map {
    pub divisor: f64,
    pub mean: f64,
    pub share: f64,
    pub factor: f64,
}

impl Map {
    pub const IDENTITY: Self = Self { divisor: 1.0, mean: 0.0, share: 0.0, factor: 1.0 };

    #[inline(always)]
    pub fn apply(self, value: f64) -> f64 {
        ((value / self.divisor - self.mean) - self.share) * self.factor
    }

    /// Whether products with the column as it lies are accurate; `root` is that of the sum of all weights.
    pub fn is_moderate(self, root: f64) -> bool {
        (self.mean + self.share).abs() * root * self.factor < MODERATE_MEAN
            && (1.0 / MODERATE_SCALE..MODERATE_SCALE).contains(&self.divisor)
    }
}

/// What standardising a column takes: what it is divided by first, so that nothing overflows, and what it is then.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// Near its largest entry, or 1 if all are 0.
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
    /// Those of a design with the roots of the weights of its samples, none of them 0, in one pass. Worth nothing once
    /// the call is to end.
    ///
    /// # Complexity
    /// `O(n_samples n_features)` on the threads that are lent; a panel is read at a time. Of sparse columns, `O(1)` for each entry.
    pub fn of(design: &dyn Design, roots: &[f64], centred: bool, monitor: &Monitor<'_>) -> Self {
        if design.shape().1 > 0 && design.entries(0, &mut |_, _| ()) {
            return of_sparse(design, roots, centred, monitor);
        }
        let panels = of_panels(design, monitor, |_, panel| of_panel(panel, roots, centred));
        let is_finite = panels.iter().all(|(_, is_finite)| *is_finite);
        let not_finite = if is_finite { None } else { first_not_finite(design) };
        Self { of_columns: panels.into_iter().flat_map(|(moments, _)| moments).collect(), not_finite }
    }
}

/// As [`Moments::of`], for sparse columns.
fn of_sparse(design: &dyn Design, roots: &[f64], centred: bool, monitor: &Monitor<'_>) -> Moments {
    let n = design.shape().1;
    let of_group = |group: Range<usize>| -> Vec<(Moment, Option<(usize, usize)>)> {
        if group.start > 0 && monitor.look().is_err() {
            return Vec::new();
        }
        let mut column = SparseColumn::new(roots, centred);
        let each = group.map(|j| {
            column.read(design, j);
            (column.moment(), column.not_finite().map(|row| (row, j)))
        });
        each.collect()
    };
    let groups = (0..n).step_by(SPARSE_AT_ONCE).map(|start| start..n.min(start + SPARSE_AT_ONCE)).collect();
    let (of_columns, not_finite): (Vec<_>, Vec<_>) = threads::map(groups, of_group).into_iter().flatten().unzip();
    Moments { of_columns, not_finite: not_finite.into_iter().flatten().min() }
}

/// One sparse column after the other, for samples of these roots of weights; some of them may be 0.
struct SparseColumn<'r> {
    roots: &'r [f64],
    centred: bool,
    /// Weight and number of all samples, and the first one that has a weight.
    size: f64,
    used: usize,
    first: usize,
    /// Entries of the present column, and the rows in which some are held.
    values: Vec<f64>,
    rows: Vec<usize>,
    is_held: Vec<bool>,
}

impl<'r> SparseColumn<'r> {
    fn new(roots: &'r [f64], centred: bool) -> Self {
        Self {
            roots,
            centred,
            size: roots.iter().map(|root| root * root).sum(),
            used: roots.iter().filter(|root| **root != 0.0).count(),
            first: roots.iter().position(|root| *root != 0.0).unwrap_or(0),
            values: vec![0.0; roots.len()],
            rows: Vec::new(),
            is_held: vec![false; roots.len()],
        }
    }

    fn read(&mut self, design: &dyn Design, j: usize) {
        let Self { roots, values, rows, is_held, .. } = self;
        for i in rows.drain(..) {
            (values[i], is_held[i]) = (0.0, false);
        }
        design.entries(j, &mut |i, value| {
            if roots[i] == 0.0 {
                return;
            }
            if !is_held[i] {
                is_held[i] = true;
                rows.push(i);
            }
            values[i] += value;
        });
    }

    fn not_finite(&self) -> Option<usize> {
        self.rows.iter().copied().filter(|&i| !self.values[i].is_finite()).min()
    }

    fn moment(&self) -> Moment {
        let Self { roots, values, rows, .. } = self;
        let largest = rows.iter().fold(0.0, |largest: f64, &i| largest.max(values[i].abs()));
        let divisor = if largest > 0.0 { largest } else { 1.0 };
        let weight = |i: usize| roots[i] * roots[i];
        let held = |each: &dyn Fn(usize) -> f64| rows.iter().map(|&i| each(i)).sum::<f64>();
        if !self.centred {
            let square = held(&|i| weight(i) * (values[i] / divisor).powi(2));
            return Moment { divisor, mean: 0.0, share: 0.0, square };
        }
        // The weight of zeros, as a sum where they are few: nothing cancels then.
        let zeros = match 2 * rows.len() > self.used {
            true => (0..roots.len()).filter(|&i| !self.is_held[i]).map(weight).sum(),
            false => self.size - held(&weight),
        };
        let mean = held(&|i| weight(i) * (values[i] / divisor)) / self.size;
        let left = |i: usize| values[i] / divisor - mean;
        let sum = held(&|i| weight(i) * left(i)) - zeros * mean;
        let (root, first) = (self.size.sqrt(), roots.get(self.first).copied().unwrap_or(1.0));
        let share = (sum / root + first * left(self.first)) / (root + first);
        let square = held(&|i| if i == self.first { 0.0 } else { weight(i) * (left(i) - share).powi(2) });
        let zeros = if self.is_held[self.first] { zeros } else { (zeros - weight(self.first)).max(0.0) };
        Moment { divisor, mean, share, square: square + zeros * (mean + share).powi(2) }
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

/// Results of `each` for the first column and the values, row by row, of every panel of columns; in order.
/// Nothing of panels after the end of the call, once it is to end.
fn of_panels<T: Send>(
    design: &dyn Design,
    monitor: &Monitor<'_>,
    each: impl Fn(usize, &mut Array2<f64>) -> T + Sync,
) -> Vec<T> {
    let (rows, n) = design.shape();
    let width = (PANEL / rows.max(1)).clamp(16, 1 << 12).min(n.max(1));
    let of_group = |group: Range<usize>| -> Vec<T> {
        let mut panel = Array2::zeros((rows, width));
        let starts = group.clone().step_by(width).take_while(|&start| start == 0 || monitor.look().is_ok());
        let each = starts.map(|start| {
            let columns: Vec<usize> = (start..group.end.min(start + width)).collect();
            if columns.len() < panel.ncols() {
                panel = Array2::zeros((rows, columns.len()));
            }
            design.read(&columns, panel.view_mut());
            each(start, &mut panel)
        });
        each.collect()
    };
    if !design.is_shared() {
        return of_group(0..n);
    }
    let group = width * PANELS_AT_ONCE;
    let groups = (0..n).step_by(group).map(|start| start..n.min(start + group)).collect();
    threads::map(groups, of_group).into_iter().flatten().collect()
}

/// The entry that is not finite, first in the order of rows.
pub(super) fn first_not_finite(design: &dyn Design) -> Option<(usize, usize)> {
    let of_panel = |start: usize, panel: &mut Array2<f64>| {
        panel.indexed_iter().find(|(_, v)| !v.is_finite()).map(|((i, j), _)| (i, start + j))
    };
    of_panels(design, &Monitor::default(), of_panel).into_iter().flatten().min()
}

/// Those of the columns of a panel, whose values are changed, for samples of these roots of weights; and whether all
/// entries are finite.
fn of_panel(panel: &mut Array2<f64>, roots: &[f64], centred: bool) -> (Vec<Moment>, bool) {
    let size: f64 = roots.iter().map(|root| root * root).sum();
    let (root, first) = (size.sqrt(), roots.first().copied().unwrap_or(1.0));
    let width = panel.ncols();
    let (mut largest, mut mean, mut sums) = (vec![0.0_f64; width], vec![0.0; width], vec![0.0; width]);
    let mut is_finite = true;
    for row in rows(panel) {
        largest.iter_mut().zip(row).for_each(|(m, v)| *m = if v.abs() > *m { v.abs() } else { *m });
        is_finite &= row.iter().fold(true, |finite, v| finite & v.is_finite());
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
    for (row, root) in rows(panel).zip(roots).skip(usize::from(centred)) {
        squares.iter_mut().zip(row.iter().zip(&shares)).for_each(|(sum, (t, share))| {
            let left = (t - share) * root;
            *sum += left * left;
        });
    }
    let moment = |j: usize| Moment { divisor: divisor[j], mean: mean[j], share: shares[j], square: squares[j] };
    ((0..width).map(moment).collect(), is_finite)
}
