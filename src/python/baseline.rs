//! The rivals but principal component pursuit, for Python.

use super::run;
use crate::baseline::basis_pursuit::{self, AugmentedSettings, ReweightedSettings};
use crate::baseline::equations::Equations;
use crate::baseline::group_pursuit::{self, GroupPursuitSettings};
use crate::baseline::probing::{self, ProbingSettings};
use crate::baseline::row_penalty::{self, Penalty, RowPenaltySettings};
use crate::baseline::sparse_bayes::{self, SparseBayes, SparseBayesSettings};
use crate::monitor::Monitor;
use crate::settings::Settings;
use crate::{Error, Result};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::{Mutex, PoisonError};

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(least_squares_equations, module)?)?;
    module.add_function(wrap_pyfunction!(fit_sparse_bayes, module)?)?;
    module.add_function(wrap_pyfunction!(fit_covariance_free, module)?)?;
    module.add_function(wrap_pyfunction!(fit_reweighted, module)?)?;
    module.add_function(wrap_pyfunction!(fit_augmented, module)?)?;
    module.add_function(wrap_pyfunction!(fit_group_pursuit, module)?)?;
    module.add_function(wrap_pyfunction!(fit_row_penalty, module)?)?;
    module.add_function(wrap_pyfunction!(baseline_defaults, module)?)
}

/// See [`Equations`].
#[pyfunction]
fn least_squares_equations<'py>(
    py: Python<'py>,
    x: PyReadonlyArray2<'py, f64>,
    y: PyReadonlyArray2<'py, f64>,
) -> PyResult<Bound<'py, PyDict>> {
    let (x, y) = (x.as_array(), y.as_array());
    let found = run::run_serial(py, None, |monitor| Equations::new(x, y, monitor))?;
    let out = PyDict::new(py);
    out.set_item("rows", found.rows.into_pyarray(py))?;
    out.set_item("target", found.target.into_pyarray(py))?;
    out.set_item("to_dual", found.to_dual.into_pyarray(py))?;
    out.set_item("residual", found.residual)?;
    Ok(out)
}

/// Keyword arguments of expectation maximisation.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct SparseBayesArguments {
    noise_var: Option<f64>,
    max_iter: usize,
    tol: f64,
    prune: f64,
}

impl From<SparseBayesArguments> for SparseBayesSettings {
    fn from(arguments: SparseBayesArguments) -> Self {
        let SparseBayesArguments { noise_var, max_iter, tol, prune } = arguments;
        Self { noise_var, max_iter, tol, prune }
    }
}

fn sparse_bayes_dict(py: Python<'_>, found: SparseBayes) -> PyResult<Bound<'_, PyDict>> {
    let out = PyDict::new(py);
    out.set_item("coef", found.coef.into_pyarray(py))?;
    out.set_item("prior_var", found.prior_var.into_pyarray(py))?;
    out.set_item("posterior_var", found.posterior_var.into_pyarray(py))?;
    out.set_item("noise_var", found.noise_var)?;
    out.set_item("n_iter", found.n_iter)?;
    out.set_item("step", found.step)?;
    out.set_item("status", found.status.name())?;
    Ok(out)
}

/// See [`sparse_bayes::fit`].
#[pyfunction]
fn fit_sparse_bayes<'py>(
    py: Python<'py>,
    x: PyReadonlyArray2<'py, f64>,
    y: PyReadonlyArray1<'py, f64>,
    arguments: SparseBayesArguments,
) -> PyResult<Bound<'py, PyDict>> {
    let (x, y, settings) = (x.as_array(), y.as_array(), SparseBayesSettings::from(arguments).check()?);
    let found = run::run_serial(py, None, |monitor| sparse_bayes::fit(x, y, &settings, monitor))?;
    sparse_bayes_dict(py, found)
}

/// See [`probing::fit`].
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "as many as the estimator has parameters")]
fn fit_covariance_free<'py>(
    py: Python<'py>,
    x: PyReadonlyArray2<'py, f64>,
    y: PyReadonlyArray1<'py, f64>,
    arguments: SparseBayesArguments,
    n_probes: usize,
    cg_max_iter: usize,
    cg_tol: f64,
    seed: u64,
) -> PyResult<Bound<'py, PyDict>> {
    let (x, y, settings) = (x.as_array(), y.as_array(), SparseBayesSettings::from(arguments).check()?);
    let probing = ProbingSettings { n_probes, cg_max_iter, cg_tol, seed }.check()?;
    let probed = run::run_serial(py, None, |monitor| probing::fit(x, y, &settings, &probing, monitor))?;
    let out = sparse_bayes_dict(py, probed.found)?;
    out.set_item("n_cg_iter", probed.n_cg_iter)?;
    out.set_item("n_unsolved", probed.n_unsolved)?;
    Ok(out)
}

/// See [`basis_pursuit::reweighted`].
#[pyfunction]
fn fit_reweighted<'py>(
    py: Python<'py>,
    x: PyReadonlyArray2<'py, f64>,
    y: PyReadonlyArray1<'py, f64>,
    epsilon: f64,
    max_iter: usize,
    tol: f64,
    rounding: f64,
) -> PyResult<Bound<'py, PyDict>> {
    let (x, y) = (x.as_array(), y.as_array());
    let settings = ReweightedSettings { epsilon, max_iter, tol, rounding }.check()?;
    let found = run::run_parallel(py, 1, None, |monitor| basis_pursuit::reweighted(x, y, &settings, monitor))?;
    let out = PyDict::new(py);
    out.set_item("coef", found.coef.into_pyarray(py))?;
    out.set_item("weights", found.weights.into_pyarray(py))?;
    out.set_item("residual", found.residual)?;
    out.set_item("rank", found.rank)?;
    out.set_item("n_iter", found.n_iter)?;
    out.set_item("step", found.step)?;
    out.set_item("status", found.status.name())?;
    Ok(out)
}

/// See [`basis_pursuit::augmented`].
#[pyfunction]
fn fit_augmented<'py>(
    py: Python<'py>,
    x: PyReadonlyArray2<'py, f64>,
    y: PyReadonlyArray1<'py, f64>,
    covariance: Option<PyReadonlyArray2<'py, f64>>,
    n_nonzero: usize,
    threshold: f64,
    rounding: f64,
) -> PyResult<Bound<'py, PyDict>> {
    let (x, y, covariance) = (x.as_array(), y.as_array(), covariance.as_ref().map(|given| given.as_array()));
    let settings = AugmentedSettings { n_nonzero, threshold, rounding }.check()?;
    let found =
        run::run_parallel(py, 1, None, |monitor| basis_pursuit::augmented(x, y, covariance, &settings, monitor))?;
    let out = PyDict::new(py);
    out.set_item("coef", found.coef.into_pyarray(py))?;
    let chosen: Vec<i64> = found.peeling.chosen.iter().map(|&j| j as i64).collect();
    out.set_item("chosen", chosen.into_pyarray(py))?;
    out.set_item("n_small", found.peeling.n_small)?;
    out.set_item("rounds", found.peeling.rounds)?;
    out.set_item("residual", found.residual)?;
    out.set_item("rank", found.rank)?;
    out.set_item("unpenalised", found.unpenalised)?;
    out.set_item("status", found.status.name())?;
    Ok(out)
}

/// See [`group_pursuit::fit`].
#[pyfunction]
fn fit_group_pursuit<'py>(
    py: Python<'py>,
    x: PyReadonlyArray2<'py, f64>,
    y: PyReadonlyArray2<'py, f64>,
    tolerance: f64,
    max_iter: usize,
    tol: f64,
    rounding: f64,
) -> PyResult<Bound<'py, PyDict>> {
    let (x, y) = (x.as_array(), y.as_array());
    let settings = GroupPursuitSettings { tolerance, max_iter, tol, rounding }.check()?;
    let found = run::run_serial(py, None, |monitor| group_pursuit::fit(x, y, &settings, monitor))?;
    let out = PyDict::new(py);
    out.set_item("coef", found.coef.into_pyarray(py))?;
    out.set_item("dual", found.dual.into_pyarray(py))?;
    out.set_item("gap", found.gap)?;
    out.set_item("residual", found.residual)?;
    out.set_item("rank", found.rank)?;
    out.set_item("n_iter", found.n_iter)?;
    out.set_item("status", found.status.name())?;
    Ok(out)
}

/// A penalty by name, by its power, or as a function of squared row norms.
#[derive(FromPyObject)]
enum PenaltyArgument {
    Power(f64),
    Named(String),
    Function(Py<PyAny>),
}

impl PenaltyArgument {
    /// Calls `work` with the penalty. What a function raises ends the work, and is kept in `raised`.
    fn with<T>(
        &self,
        raised: &Mutex<Option<PyErr>>,
        monitor: &Monitor<'_>,
        work: impl FnOnce(Penalty<'_>) -> Result<T>,
    ) -> Result<T> {
        match self {
            Self::Power(p) => work(Penalty::Power(*p)),
            Self::Named(name) if name == "log" => work(Penalty::Log),
            Self::Named(name) => {
                Err(Error::invalid("penalty", name, "\"log\", a number greater than 0 and at most 1, or a function"))
            }
            Self::Function(function) => work(Penalty::Given(&|squares| {
                Python::attach(|py| call(py, function, squares)).map_err(|error| {
                    *raised.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    Error::Interrupted { step: monitor.progress().done }
                })
            })),
        }
    }
}

fn call(py: Python<'_>, function: &Py<PyAny>, squares: &[f64]) -> PyResult<(Vec<f64>, Vec<f64>)> {
    let found = function.call1(py, (PyArray1::from_slice(py, squares),))?;
    let (values, slopes): (PyReadonlyArray1<'_, f64>, PyReadonlyArray1<'_, f64>) = found.extract(py)?;
    Ok((values.as_array().to_vec(), slopes.as_array().to_vec()))
}

/// Keyword arguments of the descent of an autoencoder.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct RowPenaltyArguments {
    noise_var: f64,
    weight: f64,
    unit: f64,
    max_iter: usize,
    tol: f64,
    rounding: f64,
}

/// See [`row_penalty::fit`]. A function for `penalty` maps squared row norms to values and slopes, float64 arrays of
/// their shape.
#[pyfunction]
fn fit_row_penalty<'py>(
    py: Python<'py>,
    x: PyReadonlyArray2<'py, f64>,
    y: PyReadonlyArray2<'py, f64>,
    penalty: PenaltyArgument,
    arguments: RowPenaltyArguments,
) -> PyResult<Bound<'py, PyDict>> {
    let (x, y, raised) = (x.as_array(), y.as_array(), Mutex::new(None));
    let RowPenaltyArguments { noise_var, weight, unit, max_iter, tol, rounding } = arguments;
    let settings = RowPenaltySettings { noise_var, weight, unit, max_iter, tol, rounding }.check()?;
    let outcome = run::run_serial(py, None, |monitor| {
        penalty.with(&raised, monitor, |penalty| row_penalty::fit(x, y, penalty, &settings, monitor))
    });
    let found = match raised.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => return Err(error),
        None => outcome?,
    };
    let out = PyDict::new(py);
    out.set_item("coef", found.coef.into_pyarray(py))?;
    out.set_item("prior_var", found.prior_var.into_pyarray(py))?;
    out.set_item("path", found.path.into_pyarray(py))?;
    out.set_item("residual", found.residual)?;
    out.set_item("rank", found.rank)?;
    out.set_item("n_iter", found.n_iter)?;
    out.set_item("length", found.length)?;
    out.set_item("smoothing", found.smoothing)?;
    out.set_item("status", found.status.name())?;
    Ok(out)
}

/// The defaults of the parameters of the rivals, which stand in Rust alone; those that Python passes in other units, or
/// by itself, are left out.
#[pyfunction]
fn baseline_defaults(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let (out, entry) = (PyDict::new(py), || PyDict::new(py));
    let SparseBayesSettings { max_iter, tol, prune, .. } = Default::default();
    let exact = entry();
    exact.set_item("max_iter", max_iter)?;
    exact.set_item("tol", tol)?;
    exact.set_item("prune", prune)?;
    out.set_item("SparseBayesianLearning", exact)?;
    let ProbingSettings { n_probes, cg_max_iter, cg_tol, seed } = Default::default();
    let free = entry();
    free.set_item("n_probes", n_probes)?;
    free.set_item("cg_max_iter", cg_max_iter)?;
    free.set_item("cg_tol", cg_tol)?;
    free.set_item("random_state", seed)?;
    out.set_item("CovarianceFreeEm", free)?;
    let ReweightedSettings { epsilon, max_iter, tol, .. } = Default::default();
    let reweighted = entry();
    reweighted.set_item("epsilon", epsilon)?;
    reweighted.set_item("max_iter", max_iter)?;
    reweighted.set_item("tol", tol)?;
    out.set_item("ReweightedBasisPursuit", reweighted)?;
    let AugmentedSettings { n_nonzero, threshold, .. } = Default::default();
    let augmented = entry();
    augmented.set_item("n_nonzero", n_nonzero)?;
    augmented.set_item("threshold", threshold)?;
    out.set_item("AugmentedBasisPursuit", augmented)?;
    let GroupPursuitSettings { tolerance, max_iter, tol, .. } = Default::default();
    let group = entry();
    group.set_item("tolerance", tolerance)?;
    group.set_item("max_iter", max_iter)?;
    group.set_item("tol", tol)?;
    out.set_item("GroupBasisPursuit", group)?;
    let RowPenaltySettings { noise_var, weight, max_iter, tol, .. } = Default::default();
    let autoencoder = entry();
    autoencoder.set_item("noise_var", noise_var)?;
    autoencoder.set_item("weight", weight)?;
    autoencoder.set_item("max_iter", max_iter)?;
    autoencoder.set_item("tol", tol)?;
    out.set_item("ConcaveAutoencoder", autoencoder)?;
    Ok(out)
}
