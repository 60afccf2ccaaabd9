//! `sparsevae.datasets`: names to enums, arrays out.

use super::run::run_serial;
use crate::datasets::{
    self, DctRows, Design, Law, LeadfieldSettings, LowRankSettings, RowScale, Sensors, SymmetricLaw,
};
use crate::monitor::Monitor;
use crate::{Error, Result};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(make_design, module)?)?;
    module.add_function(wrap_pyfunction!(make_sparse_coef, module)?)?;
    module.add_function(wrap_pyfunction!(sample_support, module)?)?;
    module.add_function(wrap_pyfunction!(add_noise, module)?)?;
    module.add_function(wrap_pyfunction!(make_row_sparse_coef, module)?)?;
    module.add_function(wrap_pyfunction!(add_response_noise, module)?)?;
    module.add_function(wrap_pyfunction!(make_meg_leadfield, module)?)?;
    module.add_function(wrap_pyfunction!(sarvas_field, module)?)?;
    module.add_function(wrap_pyfunction!(make_partial_dct_design, module)?)?;
    module.add_function(wrap_pyfunction!(make_sparse_components, module)?)?;
    module.add_function(wrap_pyfunction!(make_combinators, module)?)?;
    module.add_function(wrap_pyfunction!(make_low_rank_outliers, module)?)
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
    let make = |monitor: &Monitor<'_>| datasets::make_design(design, n_samples, n_features, unit_norm, seed, monitor);
    Ok(run_serial(py, None, make)?.into_pyarray(py))
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
    let make = |monitor: &Monitor<'_>| datasets::make_sparse_coef(n_features, n_nonzero, law, seed, monitor);
    Ok(run_serial(py, None, make)?.into_pyarray(py))
}

/// See [`datasets::sample_support`].
#[pyfunction]
fn sample_support<'py>(
    py: Python<'py>,
    n_features: usize,
    n_nonzero: usize,
    seed: u64,
) -> PyResult<Bound<'py, PyArray1<i64>>> {
    let sample = |monitor: &Monitor<'_>| datasets::sample_support(n_features, n_nonzero, seed, monitor);
    let support = run_serial(py, None, sample)?;
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
    let signal = signal.as_array();
    let noisy = run_serial(py, None, |monitor| datasets::add_noise(signal, snr_db, seed, monitor))?;
    Ok((noisy.y.into_pyarray(py), noisy.noise_var))
}

/// See [`datasets::make_row_sparse_coef`].
#[pyfunction]
#[pyo3(signature = (n_features, n_responses, n_nonzero, rank, row_scale, seed))]
fn make_row_sparse_coef<'py>(
    py: Python<'py>,
    n_features: usize,
    n_responses: usize,
    n_nonzero: usize,
    rank: Option<usize>,
    row_scale: &str,
    seed: u64,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let row_scale: RowScale = row_scale.parse()?;
    let make = |monitor: &Monitor<'_>| {
        datasets::make_row_sparse_coef(n_features, n_responses, n_nonzero, rank, row_scale, seed, monitor)
    };
    Ok(run_serial(py, None, make)?.into_pyarray(py))
}

/// See [`datasets::add_response_noise`]; returns the pair (Y, noise_var).
#[pyfunction]
fn add_response_noise<'py>(
    py: Python<'py>,
    signal: PyReadonlyArray2<'py, f64>,
    snr_db: f64,
    seed: u64,
) -> PyResult<(Bound<'py, PyArray2<f64>>, f64)> {
    let signal = signal.as_array();
    let noisy = run_serial(py, None, |monitor| datasets::add_response_noise(signal, snr_db, seed, monitor))?;
    Ok((noisy.y.into_pyarray(py), noisy.noise_var))
}

/// See [`datasets::make_meg_leadfield`]; magnetometers ignore the baseline.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "the flat signature that Python calls")]
fn make_meg_leadfield<'py>(
    py: Python<'py>,
    n_sensors: usize,
    n_sources: usize,
    sensors: &str,
    orientation: &str,
    region: &str,
    source_radius: f64,
    sensor_radius: f64,
    baseline: f64,
    unit_norm: bool,
    seed: u64,
) -> PyResult<Bound<'py, PyDict>> {
    let settings = LeadfieldSettings {
        n_sensors,
        n_sources,
        sensors: parse_sensors(sensors, baseline)?,
        orientation: orientation.parse()?,
        region: region.parse()?,
        source_radius,
        sensor_radius,
        unit_norm,
    };
    let made = run_serial(py, None, |monitor| datasets::make_meg_leadfield(&settings, seed, monitor))?;
    let coils: Vec<_> = made.coil_positions.into_iter().map(|coils| coils.into_pyarray(py)).collect();
    let out = PyDict::new(py);
    out.set_item("X", made.x.into_pyarray(py))?;
    out.set_item("column_norms", made.column_norms.into_pyarray(py))?;
    out.set_item("sensor_positions", made.sensor_positions.into_pyarray(py))?;
    out.set_item("sensor_orientations", made.sensor_orientations.into_pyarray(py))?;
    out.set_item("coil_positions", coils)?;
    out.set_item("source_positions", made.source_positions.into_pyarray(py))?;
    out.set_item("source_orientations", made.source_orientations.into_pyarray(py))?;
    Ok(out)
}

fn parse_sensors(name: &str, baseline: f64) -> Result<Sensors> {
    match name {
        "magnetometer" => Ok(Sensors::Magnetometer),
        "axial_gradiometer" => Ok(Sensors::AxialGradiometer { baseline }),
        "planar_gradiometer" => Ok(Sensors::PlanarGradiometer { baseline }),
        _ => Err(Error::invalid("sensors", name, "one of magnetometer, axial_gradiometer, planar_gradiometer")),
    }
}

/// See [`datasets::sarvas_field`].
#[pyfunction]
fn sarvas_field<'py>(
    py: Python<'py>,
    source_positions: PyReadonlyArray2<'py, f64>,
    source_moments: PyReadonlyArray2<'py, f64>,
    sensor_positions: PyReadonlyArray2<'py, f64>,
    sensor_orientations: PyReadonlyArray2<'py, f64>,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let (positions, moments) = (source_positions.as_array(), source_moments.as_array());
    let (sensors, orientations) = (sensor_positions.as_array(), sensor_orientations.as_array());
    let make = |monitor: &Monitor<'_>| datasets::sarvas_field(positions, moments, sensors, orientations, monitor);
    Ok(run_serial(py, None, make)?.into_pyarray(py))
}

/// See [`datasets::make_partial_dct_design`].
#[pyfunction]
fn make_partial_dct_design<'py>(
    py: Python<'py>,
    n_samples: usize,
    n_features: usize,
    rows: &str,
    unit_norm: bool,
    seed: u64,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let rows: DctRows = rows.parse()?;
    let make = |monitor: &Monitor<'_>| {
        datasets::make_partial_dct_design(n_samples, n_features, rows, unit_norm, seed, monitor)
    };
    Ok(run_serial(py, None, make)?.into_pyarray(py))
}

/// See [`datasets::make_sparse_components`].
#[pyfunction]
fn make_sparse_components<'py>(
    py: Python<'py>,
    n_features: usize,
    n_components: usize,
    n_nonzero: f64,
    law: &str,
    seed: u64,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let law: SymmetricLaw = law.parse()?;
    let make = |monitor: &Monitor<'_>| {
        datasets::make_sparse_components(n_features, n_components, n_nonzero, law, seed, monitor)
    };
    Ok(run_serial(py, None, make)?.into_pyarray(py))
}

/// See [`datasets::make_combinators`].
#[pyfunction]
fn make_combinators<'py>(
    py: Python<'py>,
    n_components: usize,
    n_problems: usize,
    n_nonzero: usize,
    balanced: bool,
    law: &str,
    seed: u64,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let law: SymmetricLaw = law.parse()?;
    let make = |monitor: &Monitor<'_>| {
        datasets::make_combinators(n_components, n_problems, n_nonzero, balanced, law, seed, monitor)
    };
    Ok(run_serial(py, None, make)?.into_pyarray(py))
}

/// See [`datasets::make_low_rank_outliers`].
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "the flat signature that Python calls")]
fn make_low_rank_outliers<'py>(
    py: Python<'py>,
    n_samples: usize,
    n_features: usize,
    rank: usize,
    outlier_share: f64,
    magnitude: f64,
    missing_share: f64,
    seed: u64,
) -> PyResult<Bound<'py, PyDict>> {
    let settings = LowRankSettings { n_samples, n_features, rank, outlier_share, magnitude, missing_share };
    let made = run_serial(py, None, |monitor| datasets::make_low_rank_outliers(&settings, seed, monitor))?;
    let out = PyDict::new(py);
    out.set_item("X", made.x.into_pyarray(py))?;
    out.set_item("low_rank", made.low_rank.into_pyarray(py))?;
    out.set_item("outliers", made.outliers.into_pyarray(py))?;
    out.set_item("outlier_mask", made.outlier_mask.into_pyarray(py))?;
    out.set_item("missing_mask", made.missing_mask.into_pyarray(py))?;
    Ok(out)
}
