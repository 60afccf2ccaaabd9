//! Designs as Python has them: arrays of any element, SciPy's compressed columns, columns that are read on demand, and
//! those that lie in other processes, to which work is sent.

mod arrays;
mod on_demand;

pub use arrays::InMemory;

use crate::Result;
use crate::design::{Design, Moments};
use crate::monitor::Monitor;
use ndarray::Array2;
use numpy::{IntoPyArray, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use on_demand::{Columns, MOMENTS, Watched};
use pyo3::prelude::*;

/// A design that needs no interpreter, or one that asks Python for its columns.
pub enum View<'a> {
    InMemory(Box<dyn Design + 'a>),
    OnDemand(&'a Columns),
}

impl View<'_> {
    /// Calls `work` with the design. What Python raises stops `monitor`; see [`Matrix::finish`].
    pub fn with<T>(&self, monitor: &Monitor<'_>, work: impl FnOnce(&dyn Design) -> Result<T>) -> Result<T> {
        match self {
            Self::InMemory(design) => work(&**design),
            Self::OnDemand(columns) => work(&Watched { columns, monitor }),
        }
    }
}

/// The argument `X` of a fit.
pub enum Matrix<'py> {
    InMemory(InMemory<'py>),
    OnDemand(Columns),
}

impl Matrix<'_> {
    /// The design where it lies.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if it is sparse and its indices are no indices of it.
    pub fn view(&self) -> Result<View<'_>> {
        Ok(match self {
            Self::InMemory(matrix) => View::InMemory(matrix.view()?),
            Self::OnDemand(columns) => View::OnDemand(columns),
        })
    }

    /// The outcome of a fit, but what Python raised meanwhile if it did.
    pub fn finish<T>(&self, outcome: PyResult<T>) -> PyResult<T> {
        match self {
            Self::InMemory(_) => outcome,
            Self::OnDemand(columns) => columns.take_error().map_or(outcome, Err),
        }
    }
}

impl<'py> FromPyObject<'_, 'py> for Matrix<'py> {
    type Error = PyErr;

    fn extract(x: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(matrix) = x.extract() {
            return Ok(Self::InMemory(matrix));
        }
        Ok(Self::OnDemand(x.extract()?))
    }
}

/// Of a block of columns with the roots of the weights of its samples, what its columns are standardised by, a row for
/// each of these numbers, and the first row in which they are not finite: infinity if there is none.
#[pyfunction]
fn moments<'py>(
    py: Python<'py>,
    x: InMemory<'py>,
    roots: PyReadonlyArray1<'py, f64>,
    centred: bool,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let (design, roots, monitor) = (x.view()?, roots.as_array().to_vec(), Monitor::default());
    let found = py.detach(|| Moments::of(&*design, &roots, centred, &monitor));
    let mut out = Array2::from_elem((MOMENTS, found.of_columns.len()), f64::INFINITY);
    for (mut to, moment) in out.columns_mut().into_iter().zip(&found.of_columns) {
        (to[0], to[1], to[2], to[3]) = (moment.divisor, moment.mean, moment.share, moment.square);
    }
    if let Some((row, column)) = found.not_finite {
        out[[MOMENTS - 1, column]] = row as f64;
    }
    Ok(out.into_pyarray(py))
}

/// The product of the transpose of a block of columns with vectors, a row for each.
#[pyfunction]
fn multiply_transposed<'py>(
    py: Python<'py>,
    x: InMemory<'py>,
    vectors: PyReadonlyArray2<'py, f64>,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let design = x.view()?;
    let count = vectors.as_array().nrows();
    let vectors: Vec<f64> = vectors.as_array().iter().copied().collect();
    let found = py.detach(|| {
        let mut out = Array2::zeros((count, design.shape().1));
        design.multiply_transposed(0..design.shape().1, &vectors, out.as_slice_mut().unwrap_or_default());
        out
    });
    Ok(found.into_pyarray(py))
}

/// Adds what this file defines to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(moments, module)?)?;
    module.add_function(wrap_pyfunction!(multiply_transposed, module)?)
}
