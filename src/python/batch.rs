//! Energies of many problems with all their derivatives, for automatic differentiation in Python.

use super::run;
use crate::Result;
use crate::energy::batch::{ElboEnergy, Plan, Slopes, evaluate_into};
use crate::energy::evaluate_batch;
use crate::monitor::Monitor;
use ndarray::ArrayViewD;
use numpy::{IntoPyArray, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn};
use pyo3::prelude::*;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(energy_batch, module)?)?;
    module.add_function(wrap_pyfunction!(elbo_batch, module)?)
}

type Arrays<'py, const N: usize> = [PyReadonlyArrayDyn<'py, f64>; N];
type Found<'py> = (Bound<'py, PyArrayDyn<f64>>, Vec<Option<Bound<'py, PyArrayDyn<f64>>>>);

/// Energies of a name, and the derivatives in those arguments in which they are wanted, of prior variances, noise
/// variances, designs and responses with the same `n_leading` leading dimensions.
#[pyfunction]
fn energy_batch<'py>(
    py: Python<'py>,
    arguments: Arrays<'py, 4>,
    name: &str,
    parameter: f64,
    wanted: [bool; 4],
    n_leading: usize,
    n_threads: usize,
) -> PyResult<Found<'py>> {
    let evaluate = |views: [ArrayViewD<'_, f64>; 4], buffers: Slopes<'_, 4>, plan: &Plan<'_>| {
        evaluate_batch(name, parameter, views, buffers, plan)
    };
    run_batch(py, evaluate, &arguments, wanted, n_leading, n_threads)
}

/// As [`energy_batch`], of the evidence lower bound in encoder weights, encoder factors, decoder scales, noise
/// variances, designs and responses.
#[pyfunction]
fn elbo_batch<'py>(
    py: Python<'py>,
    arguments: Arrays<'py, 6>,
    wanted: [bool; 6],
    n_leading: usize,
    n_threads: usize,
) -> PyResult<Found<'py>> {
    let evaluate = |views: [ArrayViewD<'_, f64>; 6], buffers: Slopes<'_, 6>, plan: &Plan<'_>| {
        evaluate_into(&ElboEnergy, views, buffers, plan)
    };
    run_batch(py, evaluate, &arguments, wanted, n_leading, n_threads)
}

/// A batch runs on threads of its own, which no fork can have left behind; a single problem on this one.
fn run_batch<'py, const N: usize>(
    py: Python<'py>,
    evaluate: impl Fn([ArrayViewD<'_, f64>; N], Slopes<'_, N>, &Plan<'_>) -> Result<Vec<f64>> + Sync,
    arguments: &Arrays<'py, N>,
    wanted: [bool; N],
    n_leading: usize,
    n_threads: usize,
) -> PyResult<Found<'py>> {
    let views = arguments.each_ref().map(|argument| argument.as_array());
    let leading: Vec<usize> = views[0].shape().iter().take(n_leading).copied().collect();
    // NumPy's own memory: it asks for huge pages, so that 160 MB are filled in 12 ms instead of 70.
    let buffer = |k: usize| wanted[k].then(|| PyArrayDyn::zeros(py, views[k].shape(), false));
    let slopes: [Option<Bound<'py, PyArrayDyn<f64>>>; N] = std::array::from_fn(buffer);
    let mut written = slopes.each_ref().map(|slope| slope.as_ref().map(|slope| slope.readwrite()));
    let buffers = written.each_mut().map(|slope| slope.as_mut().and_then(|slope| slope.as_slice_mut().ok()));
    let go = |buffers, parallel, monitor: &Monitor<'_>| {
        evaluate(views.clone(), buffers, &Plan { n_leading, parallel, monitor })
    };
    let values = if leading.iter().product::<usize>() > 1 {
        run::run_parallel(py, n_threads, None, |monitor| go(buffers, true, monitor))?
    } else {
        py.detach(|| go(buffers, false, &Monitor::default()))?
    };
    drop(written);
    Ok((values.into_pyarray(py).reshape(leading)?, slopes.to_vec()))
}
