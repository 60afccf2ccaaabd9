//! `sparsevae.datasets`: names to enums, arrays out.

use crate::datasets::{self, Design, Law};
use crate::{Error, Result};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray1};
use pyo3::prelude::*;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(make_design, module)?)?;
    module.add_function(wrap_pyfunction!(make_sparse_coef, module)?)?;
    module.add_function(wrap_pyfunction!(sample_support, module)?)?;
    module.add_function(wrap_pyfunction!(add_noise, module)?)
}

/// See [`datasets::make_design`]; kinds without a correlation or blocks ignore those arguments.
#[pyfunction]
#[pyo3(signature = (kind, n_samples, n_features, correlation, block_size, unit_norm, seed))]
#[expect(clippy::too_many_arguments, reason = "the flat signature that Python calls")]
fn make_design<'py>(
    py: Python<'py>,
    kind: &str,
    n_samples: usize,
    n_features: usize,
    correlation: f64,
    block_size: usize,
    unit_norm: bool,
    seed: u64,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let design = parse_design(kind, correlation, block_size)?;
    let x = py.detach(|| datasets::make_design(design, n_samples, n_features, unit_norm, seed))?;
    Ok(x.into_pyarray(py))
}

fn parse_design(kind: &str, correlation: f64, block_size: usize) -> Result<Design> {
    match kind {
        "gaussian" => Ok(Design::Gaussian),
        "random_walk" => Ok(Design::RandomWalk),
        "toeplitz" => Ok(Design::Toeplitz { correlation }),
        "block" => Ok(Design::Block { correlation, block_size }),
        _ => Err(Error::invalid("design", kind, "one of gaussian, random_walk, toeplitz, block")),
    }
}

/// See [`datasets::make_sparse_coef`].
#[pyfunction]
fn make_sparse_coef<'py>(
    py: Python<'py>,
    n_features: usize,
    n_nonzero: usize,
    law: &str,
    seed: u64,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let law: Law = law.parse()?;
    Ok(datasets::make_sparse_coef(n_features, n_nonzero, law, seed)?.into_pyarray(py))
}

/// See [`datasets::sample_support`].
#[pyfunction]
fn sample_support<'py>(
    py: Python<'py>,
    n_features: usize,
    n_nonzero: usize,
    seed: u64,
) -> PyResult<Bound<'py, PyArray1<i64>>> {
    let support = datasets::sample_support(n_features, n_nonzero, seed)?;
    Ok(support.into_iter().map(|index| index as i64).collect::<Vec<_>>().into_pyarray(py))
}

/// See [`datasets::add_noise`]; returns the pair (y, noise_var).
#[pyfunction]
fn add_noise<'py>(
    py: Python<'py>,
    signal: PyReadonlyArray1<'py, f64>,
    snr_db: f64,
    seed: u64,
) -> PyResult<(Bound<'py, PyArray1<f64>>, f64)> {
    let noisy = datasets::add_noise(signal.as_array(), snr_db, seed)?;
    Ok((noisy.y.into_pyarray(py), noisy.noise_var))
}
