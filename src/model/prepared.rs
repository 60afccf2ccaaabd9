//! A design made ready once: centred, columns of norm 1, at most as many rows as columns. Many responses share it.

use crate::linalg::decompose::RowSpace;
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

/// Subtracts the mean of `values` and rotates the constant direction away: the first entry is then void.
fn centre(values: &mut [f64]) -> f64 {
    let size = values.len() as f64;
    let mean = values.iter().map(|v| v / size).sum::<f64>();
    // A second pass takes away what rounding left of the mean.
    values.iter_mut().for_each(|v| *v -= mean);
    let rest = values.iter().map(|v| v / size).sum::<f64>();
    values.iter_mut().for_each(|v| *v -= rest);
    // The reflection that takes the constant direction to the first axis, applied to what has mean 0.
    let first = values.first().copied().unwrap_or(0.0);
    let share = first / (size.sqrt() + size);
    values.iter_mut().for_each(|v| *v -= share * size.sqrt());
    mean + rest
}

/// Norm that neither overflows nor underflows, and the largest magnitude.
fn safe_norm(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = values.clone().fold(0.0_f64, |m, v| m.max(v.abs()));
    if largest == 0.0 { 0.0 } else { largest * values.map(|v| (v / largest).powi(2)).sum::<f64>().sqrt() }
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
        let (n_samples, n_features) = x.dim();
        let first = usize::from(centred);
        let (mut columns, mut norms) = (Vec::with_capacity(n_features), Vec::with_capacity(n_features));
        let mut means = vec![0.0; n_features];
        // Column by column in a transposed copy, then back to rows.
        let mut turned = Array2::zeros((n_features, n_samples));
        turned.assign(&x.t());
        for (j, mut column) in turned.outer_iter_mut().enumerate() {
            let Some(values) = column.as_slice_mut() else { continue };
            let before = values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
            if centred {
                means[j] = centre(values);
            }
            let norm = safe_norm(values[first..].iter().copied());
            if norm > CONSTANT * before * (n_samples as f64).sqrt() || (!centred && norm > 0.0) {
                values.iter_mut().for_each(|v| *v /= norm);
                columns.push(j);
                norms.push(norm);
            }
        }
        let mut design = Array2::zeros((n_samples - first, columns.len()));
        for (k, &j) in columns.iter().enumerate() {
            design.column_mut(k).assign(&turned.row(j).slice(ndarray::s![first..]));
        }
        drop(turned);
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
            freedom: n_samples - first,
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
        let mut values = y.to_vec();
        let before = values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        let mut mean = 0.0;
        if self.centred {
            mean = centre(&mut values);
            values.remove(0);
        }
        let norm = safe_norm(values.iter().copied());
        if norm == 0.0 || (self.centred && norm <= CONSTANT * before * (self.n_samples as f64).sqrt()) {
            return Ok(Response { values: vec![0.0; self.design.nrows()], outside: 0.0, mean, norm: 0.0 });
        }
        values.iter_mut().for_each(|v| *v /= norm);
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
