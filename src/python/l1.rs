//! Basis pursuit for Python.

use super::run;
use crate::l1::{Equations, Request};
use ndarray::Array2;
use numpy::{IntoPyArray, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(basis_pursuit, module)?)
}

/// See [`Equations::solve_many`]: one solution for each column of `b`, on `n_threads` threads (0: all).
#[pyfunction]
fn basis_pursuit<'py>(
    py: Python<'py>,
    a: PyReadonlyArray2<'py, f64>,
    b: PyReadonlyArray2<'py, f64>,
    n_threads: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let (a, b) = (a.as_array(), b.as_array());
    let request = Request::default();
    let found = run::run_parallel(py, n_threads, None, |monitor| {
        Equations::new(a, b.ncols())?.solve_many(b, request, monitor)
    })?;
    let mut coef = Array2::zeros((a.ncols(), found.len()));
    let mut dual = Array2::zeros((a.nrows(), found.len()));
    for (l, solution) in found.iter().enumerate() {
        solution.support.iter().zip(&solution.values).for_each(|(&j, v)| coef[[j, l]] = *v);
        solution.dual.iter().enumerate().for_each(|(i, v)| dual[[i, l]] = *v);
    }
    let numbers = |get: fn(&crate::l1::Solution) -> f64| found.iter().map(get).collect::<Vec<f64>>().into_pyarray(py);
    let out = PyDict::new(py);
    out.set_item("coef", coef.into_pyarray(py))?;
    out.set_item("dual", dual.into_pyarray(py))?;
    out.set_item("gap", numbers(|s| s.gap))?;
    out.set_item("infeasibility", numbers(|s| s.infeasibility))?;
    out.set_item("residual", numbers(|s| s.residual))?;
    out.set_item("n_iter", found.iter().map(|s| s.n_steps as i64).collect::<Vec<_>>().into_pyarray(py))?;
    out.set_item("status", found.iter().map(|s| s.status.name()).collect::<Vec<_>>())?;
    Ok(out)
}
