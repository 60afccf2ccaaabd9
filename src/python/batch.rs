//! Energies of many problems with all their derivatives, for automatic differentiation in Python.

use super::run;
use crate::energy::batch::{ElboEnergy, Energy, Evaluations, MarginalEnergy, Plan, PreconditionedEnergy, evaluate};
use crate::model::settings::names;
use crate::{Error, Result};
use ndarray::{ArrayD, ArrayViewD, IxDyn};
use numpy::{IntoPyArray, PyArrayDyn, PyReadonlyArrayDyn};
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
    let energy = MarginalEnergy { covariance: names::covariance(covariance)? };
    run_batch(py, &energy, &arguments, wanted, n_leading, n_threads)
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
    let shapes = views.each_ref().map(|view| view.shape().to_vec());
    let go = |views: [ArrayViewD<'_, f64>; N], parallel, stop: &(dyn Fn() -> bool + Sync)| {
        evaluate(energy, views, &Plan { n_leading, wanted, parallel, stop })
    };
    let found = if leading.iter().product::<usize>() > 1 {
        run::run_parallel(py, n_threads, None, |watch| go(views, true, &|| watch.is_stopped()))?
    } else {
        py.detach(|| go(views, false, &|| false))?
    };
    let Evaluations { values, slopes } = found;
    let slopes = shapes.into_iter().zip(slopes).map(|(shape, slope)| match slope {
        None => Ok(None),
        Some(slope) => Ok(Some(array(shape, slope)?.into_pyarray(py))),
    });
    Ok((array(leading, values)?.into_pyarray(py), slopes.collect::<Result<_>>()?))
}

fn array(shape: Vec<usize>, values: Vec<f64>) -> Result<ArrayD<f64>> {
    let found = values.len();
    ArrayD::from_shape_vec(IxDyn(&shape), values).map_err(|_| Error::Shape {
        what: "the result",
        expected: format!("{shape:?}"),
        found: format!("({found},)"),
    })
}
