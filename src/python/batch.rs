//! Energies of many problems with all their derivatives, for automatic differentiation in Python.

use super::run;
use crate::energy::batch::{
    ElboEnergy, Energy, MarginalEnergy, Plan, PreconditionedEnergy, SeparableEnergy, evaluate_into,
};
use crate::model::settings::names;
use crate::solver::Covariance;
use numpy::{IntoPyArray, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn};
use pyo3::prelude::*;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(marginal_batch, module)?)?;
    module.add_function(wrap_pyfunction!(preconditioned_batch, module)?)?;
    module.add_function(wrap_pyfunction!(elbo_batch, module)?)
}

type Arrays<'py, const N: usize> = [PyReadonlyArrayDyn<'py, f64>; N];
type Found<'py> = (Bound<'py, PyArrayDyn<f64>>, Vec<Option<Bound<'py, PyArrayDyn<f64>>>>);

/// Energies, and the derivatives in those arguments in which they are wanted, of prior variances, noise variances,
/// designs and responses with the same `n_leading` leading dimensions.
#[pyfunction]
fn marginal_batch<'py>(
    py: Python<'py>,
    arguments: Arrays<'py, 4>,
    covariance: &str,
    wanted: [bool; 4],
    n_leading: usize,
    n_threads: usize,
) -> PyResult<Found<'py>> {
    match names::covariance(covariance)? {
        Covariance::Full => run_batch(py, &MarginalEnergy, &arguments, wanted, n_leading, n_threads),
        Covariance::Diagonal => run_batch(py, &SeparableEnergy, &arguments, wanted, n_leading, n_threads),
    }
}

/// As [`marginal_batch`], of the preconditioned model.
#[pyfunction]
fn preconditioned_batch<'py>(
    py: Python<'py>,
    arguments: Arrays<'py, 4>,
    power: f64,
    wanted: [bool; 4],
    n_leading: usize,
    n_threads: usize,
) -> PyResult<Found<'py>> {
    run_batch(py, &PreconditionedEnergy { power }, &arguments, wanted, n_leading, n_threads)
}

/// As [`marginal_batch`], of the evidence lower bound in encoder weights, encoder factors, decoder scales, noise
/// variances, designs and responses.
#[pyfunction]
fn elbo_batch<'py>(
    py: Python<'py>,
    arguments: Arrays<'py, 6>,
    wanted: [bool; 6],
    n_leading: usize,
    n_threads: usize,
) -> PyResult<Found<'py>> {
    run_batch(py, &ElboEnergy, &arguments, wanted, n_leading, n_threads)
}

/// A batch runs on threads of its own, which no fork can have left behind; a single problem on this one.
fn run_batch<'py, E: Energy<N>, const N: usize>(
    py: Python<'py>,
    energy: &E,
    arguments: &Arrays<'py, N>,
    wanted: [bool; N],
    n_leading: usize,
    n_threads: usize,
) -> PyResult<Found<'py>> {
    let views = arguments.each_ref().map(|argument| argument.as_array());
    let leading: Vec<usize> = views[0].shape().iter().take(n_leading).copied().collect();
    // NumPy's own memory: it asks for huge pages, so that 160 MB are filled in 12 ms instead of 70.
    let room = |k: usize| wanted[k].then(|| PyArrayDyn::zeros(py, views[k].shape(), false));
    let slopes: [Option<Bound<'py, PyArrayDyn<f64>>>; N] = std::array::from_fn(room);
    let mut written = slopes.each_ref().map(|slope| slope.as_ref().map(|slope| slope.readwrite()));
    let rooms = written.each_mut().map(|slope| slope.as_mut().and_then(|slope| slope.as_slice_mut().ok()));
    let go = |rooms, parallel, stop: &(dyn Fn() -> bool + Sync)| {
        evaluate_into(energy, views.clone(), rooms, &Plan { n_leading, parallel, stop })
    };
    let values = if leading.iter().product::<usize>() > 1 {
        run::run_parallel(py, n_threads, None, |watch| go(rooms, true, &|| watch.is_stopped()))?
    } else {
        py.detach(|| go(rooms, false, &|| false))?
    };
    drop(written);
    Ok((values.into_pyarray(py).reshape(leading)?, slopes.to_vec()))
}
