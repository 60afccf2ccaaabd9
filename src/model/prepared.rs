//! A design made ready once: centred, columns of norm 1, at most as many rows as columns. Many responses share it.

use crate::linalg::row_space::RowSpace;
use crate::problem::{check_design, check_response};
use crate::{Error, Result};
use ndarray::{Array2, ArrayView2, Axis};
use std::sync::OnceLock;

/// Below this share of its size before centring, a column (or a response) is constant.
const CONSTANT: f64 = 16.0 * f64::EPSILON;

/// A design and the way from its units to the solver's.
#[derive(Debug)]
pub struct Prepared {
    /// Columns of norm 1 that are not constant; shape `(rows, columns.len())` with `rows <= columns.len()` if it could
    /// be compressed.
    pub design: Array2<f64>,
    /// Index of each of them in the caller's design.
    pub columns: Vec<usize>,
    /// Norm of each of them in the caller's units, after centring.
    pub norms: Vec<f64>,
    /// Mean of every column of the caller's design; zeros unless centred.
    pub means: Vec<f64>,
    /// Samples in the caller's design.
    pub n_samples: usize,
    /// Samples, less one if centred.
    pub freedom: usize,
    centred: bool,
    compression: Option<RowSpace>,
    row_space: OnceLock<RowSpace>,
}

/// A response in the solver's units: its norm, over all samples, is 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// One value per row of the design.
    pub values: Vec<f64>,
    /// Norm of the part that no column reaches, lost in compression.
    pub outside: f64,
    /// Mean in the caller's units; 0 unless centred.
    pub mean: f64,
    /// Norm in the caller's units, after centring; 0 for a constant response.
    pub norm: f64,
}

/// Columns of norm 1, and what they were before.
struct Standardised {
    /// One row less than there were samples if centred: the constant direction is rotated away. Constant columns are
    /// zero.
    rows: Array2<f64>,
    means: Vec<f64>,
    /// Norms after centring; 0 for a constant column.
    norms: Vec<f64>,
}

/// Centres (if asked to) and scales columns, row by row and without overflow: each column is first divided by its
/// largest entry.
fn standardise(x: ArrayView2<'_, f64>, centred: bool) -> Standardised {
    let (size, n) = (x.nrows() as f64, x.ncols());
    let (mut largest, mut means) = (vec![0.0_f64; n], vec![0.0; n]);
    for row in x.outer_iter() {
        largest.iter_mut().zip(row).for_each(|(m, v)| *m = if v.abs() > *m { v.abs() } else { *m });
    }
    let divisor: Vec<f64> = largest.iter().map(|&m| if m > 0.0 { m } else { 1.0 }).collect();
    if centred {
        for row in x.outer_iter() {
            means.iter_mut().zip(row.iter().zip(&divisor)).for_each(|(m, (v, d))| *m += v / d);
        }
        means.iter_mut().for_each(|m| *m /= size);
    }
    let mut rows = Array2::zeros((x.nrows(), n));
    let mut sums = vec![0.0; n];
    for (mut to, row) in rows.outer_iter_mut().zip(x.outer_iter()) {
        for ((t, sum), ((v, d), m)) in to.iter_mut().zip(&mut sums).zip(row.iter().zip(&divisor).zip(&means)) {
            *t = v / d - m;
            *sum += *t;
        }
    }
    let first = usize::from(centred);
    if centred {
        // The reflection that takes the constant direction to the first axis; that axis is dropped, and all means with
        // it.
        let root = size.sqrt();
        let shares: Vec<f64> = rows.row(0).iter().zip(&sums).map(|(t, sum)| (sum / root + t) / (root + 1.0)).collect();
        for mut row in rows.outer_iter_mut().skip(1) {
            row.iter_mut().zip(&shares).for_each(|(t, share)| *t -= share);
        }
    }
    let mut squares = vec![0.0; n];
    for row in rows.outer_iter().skip(first) {
        squares.iter_mut().zip(row).for_each(|(sum, t)| *sum += t * t);
    }
    let constant = if centred { CONSTANT * size.sqrt() } else { 0.0 };
    let norms: Vec<f64> =
        squares.iter().map(|s| s.sqrt()).map(|norm| if norm > constant { norm } else { 0.0 }).collect();
    let factors: Vec<f64> = norms.iter().map(|&norm| if norm > 0.0 { 1.0 / norm } else { 0.0 }).collect();
    for mut row in rows.outer_iter_mut().skip(first) {
        row.iter_mut().zip(&factors).for_each(|(t, f)| *t *= f);
    }
    rows.slice_collapse(ndarray::s![first.., ..]);
    let unit = |values: Vec<f64>| values.iter().zip(&divisor).map(|(v, d)| v * d).collect();
    Standardised { rows, means: unit(means), norms: unit(norms) }
}

impl Prepared {
    /// Checks and standardises `x`, shape `(n_samples, n_features)`; `centred` takes the mean of every column away.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NonFinite`]; [`Error::NoDecomposition`] if a tall design cannot be compressed.
    ///
    /// # Complexity
    /// One copy of the design; an SVD if it has more rows than columns.
    pub fn new(x: ArrayView2<'_, f64>, centred: bool) -> Result<Self> {
        check_design(x)?;
        let n_samples = x.nrows();
        let Standardised { rows: mut design, means, mut norms } = standardise(x.as_standard_layout().view(), centred);
        let columns: Vec<usize> = (0..norms.len()).filter(|&j| norms[j] > 0.0).collect();
        if columns.len() < norms.len() {
            design = design.select(Axis(1), &columns);
            norms.retain(|&norm| norm > 0.0);
        }
        let compression = if design.nrows() > design.ncols() && design.ncols() > 0 {
            let space = RowSpace::by_svd(design.view())?;
            let (singular, _) = space.spectrum()?;
            design = space.basis.clone();
            design.axis_iter_mut(Axis(0)).zip(&singular).for_each(|(mut row, s)| row *= *s);
            Some(space)
        } else {
            None
        };
        Ok(Self {
            design,
            columns,
            norms,
            means,
            n_samples,
            freedom: n_samples - usize::from(centred),
            centred,
            compression,
            row_space: OnceLock::new(),
        })
    }

    /// Checks and standardises a response.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NonFinite`].
    pub fn respond(&self, y: &[f64]) -> Result<Response> {
        check_response(self.n_samples, y)?;
        let column = ndarray::aview1(y).insert_axis(Axis(1));
        let Standardised { rows, means, norms } = standardise(column, self.centred);
        let (mut values, mean, norm) = (rows.into_iter().collect::<Vec<f64>>(), means[0], norms[0]);
        if norm == 0.0 {
            return Ok(Response { values: vec![0.0; self.design.nrows()], outside: 0.0, mean, norm });
        }
        let mut outside = 0.0;
        if let Some(space) = &self.compression {
            (values, outside) = space.rotate(&values);
        } else if self.columns.is_empty() {
            (values, outside) = (Vec::new(), 1.0);
        }
        Ok(Response { values, outside, mean, norm })
    }

    /// The row space of the design, found at the first call.
    ///
    /// # Errors
    /// [`Error::NoDecomposition`].
    pub fn row_space(&self) -> Result<&RowSpace> {
        if self.row_space.get().is_none() {
            let space = RowSpace::new(self.design.view())?;
            // Another thread may have been first; the values are the same.
            let _ = self.row_space.set(space);
        }
        self.row_space.get().ok_or(Error::NoDecomposition { what: "X" })
    }
}
