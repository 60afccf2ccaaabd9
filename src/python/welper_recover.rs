//! Recovery that learns from training problems, for Python.

use super::run;
use crate::factorization::Method;
use crate::model::welper_recover::{self as model, Components, Level, WelperSettings};
use crate::settings::{Checked, Settings};
use crate::{Error, Result, Status};
use ndarray::Array2;
use numpy::{IntoPyArray, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(train, module)?)?;
    module.add_function(wrap_pyfunction!(recover, module)?)?;
    module.add_function(wrap_pyfunction!(welper_defaults, module)?)
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

fn names(values: impl Iterator<Item = Status>) -> Vec<&'static str> {
    values.map(Status::name).collect()
}

/// Keyword arguments of a training.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Arguments {
    n_components: Option<usize>,
    max_nonzero: Option<usize>,
    all_levels: bool,
    factorization: String,
    tol: f64,
    seed: u64,
}

impl Arguments {
    fn check(self) -> Result<Checked<WelperSettings>> {
        let Self { n_components, max_nonzero, all_levels, factorization, tol, seed } = self;
        let factorization = method(&factorization)?;
        WelperSettings { n_components, max_nonzero, all_levels, factorization, tol, seed }.check()
    }
}

fn level_out<'py>(py: Python<'py>, level: &Level, n_features: usize) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    out.set_item("max_nonzero", level.max_nonzero)?;
    out.set_item("kept", indices(&level.kept).into_pyarray(py))?;
    out.set_item("rank", level.factor.rank)?;
    out.set_item("n_found", level.factor.n_found)?;
    out.set_item("n_programs", level.factor.n_programs)?;
    out.set_item("component_error", level.factor.error)?;
    out.set_item("components", level.factor.to_dense(n_features).into_pyarray(py))?;
    Ok(out)
}

/// See [`model::train`].
#[pyfunction]
fn train<'py>(
    py: Python<'py>,
    a: PyReadonlyArray2<'py, f64>,
    b: PyReadonlyArray2<'py, f64>,
    arguments: Arguments,
    n_threads: usize,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let (a, b, settings) = (a.as_array(), b.as_array(), arguments.check()?);
    let found = run::run_parallel(py, n_threads, progress.as_ref(), |monitor| model::train(a, b, &settings, monitor))?;
    let mut solutions = Array2::zeros((a.ncols(), b.ncols()));
    for (l, solution) in found.solutions.iter().enumerate() {
        solution.support.iter().zip(&solution.values).for_each(|(&j, v)| solutions[[j, l]] = *v);
    }
    let levels = found.levels.iter().map(|level| level_out(py, level, a.ncols())).collect::<PyResult<Vec<_>>>()?;
    let sizes: Vec<usize> = found.solutions.iter().map(|solution| solution.support.len()).collect();
    let out = PyDict::new(py);
    out.set_item("solutions", solutions.into_pyarray(py))?;
    out.set_item("n_nonzero", indices(&sizes).into_pyarray(py))?;
    out.set_item("problem_status", names(found.problem_status.into_iter()))?;
    out.set_item("levels", PyList::new(py, levels)?)?;
    out.set_item("combinators", found.combinators.into_pyarray(py))?;
    out.set_item("rank", found.rank)?;
    out.set_item("status", found.status.name())?;
    Ok(out)
}

/// See [`model::recover`]: components, their error and the bound on the nonzeros of each level; those without
/// components are left out.
#[pyfunction]
fn recover<'py>(
    py: Python<'py>,
    a: PyReadonlyArray2<'py, f64>,
    rank: usize,
    levels: Vec<(PyReadonlyArray2<'py, f64>, f64, usize)>,
    b: PyReadonlyArray2<'py, f64>,
    tol: f64,
    n_threads: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let (a, b, settings) = (a.as_array(), b.as_array(), WelperSettings { tol, ..Default::default() }.check()?);
    let mut components = Vec::with_capacity(levels.len());
    for (columns, error, max_nonzero) in &levels {
        let level = Components { columns: columns.as_array(), error: *error, max_nonzero: *max_nonzero };
        components.extend((!level.columns.is_empty()).then_some(level));
    }
    let found =
        run::run_parallel(py, n_threads, None, |monitor| model::recover(a, rank, &components, b, &settings, monitor))?;
    let n_components = found.first().map_or(0, |found| found.combinator.len());
    let coef = Array2::from_shape_fn((a.ncols(), found.len()), |(j, l)| found[l].coef[j]);
    let combinators = Array2::from_shape_fn((n_components, found.len()), |(k, l)| found[l].combinator[k]);
    let bounds: Vec<usize> = found.iter().map(|found| found.max_nonzero).collect();
    let out = PyDict::new(py);
    out.set_item("coef", coef.into_pyarray(py))?;
    out.set_item("combinators", combinators.into_pyarray(py))?;
    out.set_item("residual", found.iter().map(|found| found.residual).collect::<Vec<_>>().into_pyarray(py))?;
    out.set_item("status", names(found.iter().map(|found| found.status)))?;
    out.set_item("max_nonzero", indices(&bounds).into_pyarray(py))?;
    Ok(out)
}

/// The defaults of the parameters of `WelperRecover`, which stand in Rust alone.
#[pyfunction]
fn welper_defaults(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let WelperSettings { n_components, max_nonzero, all_levels, factorization, tol, seed } = Default::default();
    let out = PyDict::new(py);
    out.set_item("n_components", n_components)?;
    out.set_item("max_nonzero", max_nonzero)?;
    out.set_item("all_levels", all_levels)?;
    let name = ["er-spud", "l4"].into_iter().find(|name| method(name) == Ok(factorization));
    out.set_item("factorization", name)?;
    out.set_item("tol", tol)?;
    out.set_item("random_state", seed)?;
    Ok(out)
}
