//! Recovery that learns from training problems, for Python.

use super::run;
use crate::factorization::Method;
use crate::model::welper_recover::{self as model, Components, Settings};
use crate::{Error, Result};
use ndarray::Array2;
use numpy::{IntoPyArray, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(train, module)?)?;
    module.add_function(wrap_pyfunction!(recover, module)?)
}

fn method(name: &str) -> Result<Method> {
    match name {
        "er-spud" => Ok(Method::ErSpud),
        "l4" => Ok(Method::FourNorm),
        _ => Err(Error::invalid("factorization", format!("{name:?}"), "\"er-spud\" or \"l4\"")),
    }
}

fn indices(values: &[usize]) -> Vec<i64> {
    values.iter().map(|&l| l as i64).collect()
}

/// See [`model::train`].
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "the flat signature that Python calls")]
fn train<'py>(
    py: Python<'py>,
    a: PyReadonlyArray2<'py, f64>,
    b: PyReadonlyArray2<'py, f64>,
    most_nonzeros: Option<usize>,
    factorization: &str,
    tolerance: f64,
    seed: u64,
    n_threads: usize,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let (a, b) = (a.as_array(), b.as_array());
    let settings = Settings { most_nonzeros, factorization: method(factorization)?, tolerance, seed };
    let found = run::run_parallel(py, n_threads, progress.as_ref(), |monitor| model::train(a, b, &settings, monitor))?;
    let mut solutions = Array2::zeros((a.ncols(), b.ncols()));
    for (l, solution) in found.solutions.iter().enumerate() {
        solution.support.iter().zip(&solution.values).for_each(|(&j, v)| solutions[[j, l]] = *v);
    }
    let levels = PyList::empty(py);
    for level in &found.levels {
        let mut components = Array2::zeros((a.ncols(), level.factor.components.len()));
        for (k, component) in level.factor.components.iter().enumerate() {
            component.support.iter().zip(&component.values).for_each(|(&j, v)| components[[j, k]] = *v);
        }
        let out = PyDict::new(py);
        out.set_item("max_nonzero", level.most_nonzeros)?;
        out.set_item("kept", indices(&level.kept).into_pyarray(py))?;
        out.set_item("rank", level.factor.rank)?;
        out.set_item("n_found", level.factor.n_found)?;
        out.set_item("n_programs", level.factor.n_programs)?;
        out.set_item("component_error", level.factor.error)?;
        out.set_item("components", components.into_pyarray(py))?;
        levels.append(out)?;
    }
    let sizes: Vec<usize> = found.solutions.iter().map(|solution| solution.support.len()).collect();
    let out = PyDict::new(py);
    out.set_item("solutions", solutions.into_pyarray(py))?;
    out.set_item("n_nonzero", indices(&sizes).into_pyarray(py))?;
    out.set_item("lessons", found.lessons.iter().map(|lesson| lesson.name()).collect::<Vec<_>>())?;
    out.set_item("levels", levels)?;
    out.set_item("rank", found.rank)?;
    Ok(out)
}

/// See [`model::recover`].
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "the flat signature that Python calls")]
fn recover<'py>(
    py: Python<'py>,
    a: PyReadonlyArray2<'py, f64>,
    components: PyReadonlyArray2<'py, f64>,
    component_error: f64,
    rank: usize,
    b: PyReadonlyArray2<'py, f64>,
    tolerance: f64,
    n_threads: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let (a, columns, b) = (a.as_array(), components.as_array(), b.as_array());
    let components = Components { columns, error: component_error, rank };
    let found = run::run_parallel(py, n_threads, None, |monitor| model::recover(a, components, b, tolerance, monitor))?;
    let coef = Array2::from_shape_fn((columns.nrows(), found.len()), |(j, l)| found[l].coef[j]);
    let combinators = Array2::from_shape_fn((columns.ncols(), found.len()), |(k, l)| found[l].combinator[k]);
    let out = PyDict::new(py);
    out.set_item("coef", coef.into_pyarray(py))?;
    out.set_item("combinators", combinators.into_pyarray(py))?;
    out.set_item("residual", found.iter().map(|found| found.residual).collect::<Vec<_>>().into_pyarray(py))?;
    out.set_item("status", found.iter().map(|found| found.finding.name()).collect::<Vec<_>>())?;
    Ok(out)
}
