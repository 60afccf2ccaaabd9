//! Blocks of samples that come one after the other, for Python.

use super::affine::fitted as affine;
use super::designs::Matrix;
use super::fit::{Arguments, report};
use super::run;
use crate::linalg::summary;
use crate::model::affine_vae::{self, AffineVaeSettings};
use crate::model::fit_summary as fit;
use crate::settings::Settings;
use numpy::{PyReadonlyArray1, PyReadonlyArray2, ToPyArray};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// What blocks of samples leave once they are gone.
#[pyclass(module = "sparsevae._core")]
struct Summary(summary::Summary);

#[pymethods]
impl Summary {
    #[new]
    fn new(n_features: usize, n_responses: usize) -> PyResult<Self> {
        Ok(Self(summary::Summary::new(n_features, n_responses)?))
    }

    /// Samples so far, without those of weight 0, and columns.
    #[getter]
    fn shape(&self) -> (usize, usize) {
        self.0.shape()
    }

    /// The sum of the weights.
    #[getter]
    fn weight(&self) -> f64 {
        self.0.weight()
    }

    /// Takes in a block of samples, with their responses and weights.
    fn add(
        &mut self,
        py: Python<'_>,
        x: Matrix<'_>,
        y: PyReadonlyArray2<'_, f64>,
        weights: Option<PyReadonlyArray1<'_, f64>>,
    ) -> PyResult<()> {
        let (design, y) = (x.view()?, y.as_array());
        let weights = weights.map_or_else(Vec::new, |weights| weights.as_array().to_vec());
        let summary = &mut self.0;
        let done = run::run_serial(py, None, |monitor| design.with(monitor, |x| summary.add(x, y, &weights, monitor)));
        x.finish(done)
    }

    /// Whether there is something to explain.
    fn varies(&mut self, py: Python<'_>, fit_intercept: bool) -> PyResult<bool> {
        let summary = &mut self.0;
        run::run_serial(py, None, |monitor| summary.varies(fit_intercept, monitor))
    }

    /// What a pickle has.
    fn __reduce__<'py>(&mut self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let summary = &mut self.0;
        let (sizes, columns) = run::run_serial(py, None, |monitor| summary.parts(monitor))?;
        let arrays: Vec<_> = columns.iter().map(|values| values.to_pyarray(py)).collect();
        let restore = py.get_type::<Self>().getattr("restore")?;
        Ok((restore, (sizes, PyTuple::new(py, arrays)?).into_pyobject(py)?))
    }

    /// The summary that `__reduce__` has taken apart.
    #[staticmethod]
    fn restore(sizes: (usize, usize, f64), columns: [PyReadonlyArray1<'_, f64>; 5]) -> PyResult<Self> {
        Ok(Self(summary::Summary::of_parts((sizes, columns.map(|values| values.as_array().to_vec())))?))
    }
}

/// One response, of some columns.
#[pyfunction]
fn fit_summary<'py>(
    py: Python<'py>,
    mut x: PyRefMut<'py, Summary>,
    columns: PyReadonlyArray1<'py, i64>,
    arguments: Arguments<'py>,
    n_threads: usize,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let settings = arguments.settings(None)?;
    let columns: Vec<usize> = columns.as_array().iter().map(|&j| j as usize).collect();
    let summary = &mut x.0;
    let found =
        run::run_shared(py, n_threads, progress.as_ref(), |monitor| fit(summary, &columns, &settings, monitor))?;
    report(py, &found)
}

/// See [`affine_vae::fit`].
#[pyfunction]
fn fit_affine_summary<'py>(
    py: Python<'py>,
    mut x: PyRefMut<'py, Summary>,
    n_components: Option<usize>,
    noise_var: Option<f64>,
) -> PyResult<Bound<'py, PyDict>> {
    let settings = AffineVaeSettings { n_components, noise_var }.check()?;
    let summary = &mut x.0;
    affine(py, run::run_parallel(py, 1, None, |monitor| affine_vae::fit_summary(summary, &settings, monitor))?)
}

/// Adds what this file defines to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Summary>()?;
    module.add_function(wrap_pyfunction!(fit_affine_summary, module)?)?;
    module.add_function(wrap_pyfunction!(fit_summary, module)?)
}
