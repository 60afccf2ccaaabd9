//! Affine and robust autoencoders, and principal component pursuit, for Python.

use super::designs::InMemory;
use super::run;
use crate::Result;
use crate::baseline::robust_pca::{self, RobustPcaSettings};
use crate::energy::{AffinePoint, affine_energy, affine_separable_energy};
use crate::model::affine_vae::{self, AffineFit, AffineVaeSettings};
use crate::model::robust_vae::{self, RobustVaeSettings};
use crate::model::settings::names;
use crate::settings::{Checked, Settings};
use crate::solver::EncoderCovariance;
use numpy::{IntoPyArray, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(fit_affine, module)?)?;
    module.add_function(wrap_pyfunction!(affine, module)?)?;
    module.add_function(wrap_pyfunction!(fit_robust_pca, module)?)?;
    module.add_function(wrap_pyfunction!(fit_robust, module)?)?;
    module.add_function(wrap_pyfunction!(encode_robust, module)?)?;
    module.add_function(wrap_pyfunction!(robust_defaults, module)?)
}

/// See [`affine_vae::fit`].
#[pyfunction]
fn fit_affine<'py>(
    py: Python<'py>,
    x: InMemory<'py>,
    n_components: Option<usize>,
    noise_var: Option<f64>,
) -> PyResult<Bound<'py, PyDict>> {
    let x = x.view()?;
    let settings = AffineVaeSettings { n_components, noise_var }.check()?;
    fitted(py, run::run_parallel(py, 1, None, |monitor| affine_vae::fit(&*x, &settings, monitor))?)
}

pub(super) fn fitted(py: Python<'_>, found: AffineFit) -> PyResult<Bound<'_, PyDict>> {
    let out = PyDict::new(py);
    out.set_item("components", found.components.into_pyarray(py))?;
    out.set_item("mean", found.mean.into_pyarray(py))?;
    out.set_item("noise_var", found.noise_var)?;
    out.set_item("explained_variance", found.explained_variance.into_pyarray(py))?;
    out.set_item("n_active", found.n_active)?;
    out.set_item("energy", found.energy)?;
    out.set_item("status", found.status.name())?;
    Ok(out)
}

/// Value, gradient in the components, derivative in the noise variance, of the affine energy of this covariance.
#[pyfunction]
fn affine<'py>(
    py: Python<'py>,
    x: PyReadonlyArray2<'py, f64>,
    components: PyReadonlyArray2<'py, f64>,
    mean: PyReadonlyArray1<'py, f64>,
    noise_var: f64,
    covariance: &str,
) -> PyResult<(f64, Bound<'py, PyArray2<f64>>, f64)> {
    let covariance = names::covariance(covariance)?;
    let x = x.as_array();
    let point = AffinePoint { components: components.as_array(), mean: mean.as_array(), noise_var };
    let found = py.detach(|| match covariance {
        EncoderCovariance::Full => affine_energy(x, point),
        EncoderCovariance::Diagonal => affine_separable_energy(x, point),
    })?;
    Ok((found.value, found.grad_components.into_pyarray(py), found.grad_noise_var))
}

/// See [`robust_pca::fit`].
#[pyfunction]
fn fit_robust_pca<'py>(
    py: Python<'py>,
    x: PyReadonlyArray2<'py, f64>,
    missing: bool,
    outlier_weight: Option<f64>,
    tol: f64,
    max_iter: usize,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let x = x.as_array();
    let settings = RobustPcaSettings { outlier_weight, tol, max_iter }.check()?;
    let found = run::run_serial(py, progress.as_ref(), |monitor| robust_pca::fit(x, missing, &settings, monitor))?;
    let out = PyDict::new(py);
    out.set_item("low_rank", found.low_rank.into_pyarray(py))?;
    out.set_item("outliers", found.outliers.into_pyarray(py))?;
    out.set_item("singular", found.singular.into_pyarray(py))?;
    out.set_item("components", found.components.into_pyarray(py))?;
    out.set_item("n_iter", found.n_iter)?;
    out.set_item("residual", found.residual)?;
    out.set_item("status", found.status.name())?;
    Ok(out)
}

/// Keyword arguments of a robust fit.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct RobustArguments {
    n_components: Option<usize>,
    floor: f64,
    scale_features: bool,
    n_anneal: usize,
    max_iter: usize,
    tol: f64,
}

impl RobustArguments {
    fn check(self) -> Result<Checked<RobustVaeSettings>> {
        let Self { n_components, floor, scale_features, n_anneal, max_iter, tol } = self;
        RobustVaeSettings { n_components, floor, scale_features, n_anneal, max_iter, tol }.check()
    }
}

/// See [`robust_vae::fit`].
#[pyfunction]
fn fit_robust<'py>(
    py: Python<'py>,
    x: InMemory<'py>,
    missing: bool,
    arguments: RobustArguments,
    n_threads: usize,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let (x, settings) = (x.view()?, arguments.check()?);
    let found = run::run_parallel(py, n_threads, progress.as_ref(), |monitor| {
        robust_vae::fit(&*x, missing, &settings, monitor)
    })?;
    let out = PyDict::new(py);
    out.set_item("low_rank", found.low_rank.into_pyarray(py))?;
    out.set_item("outlier_var", found.outlier_var.into_pyarray(py))?;
    out.set_item("outlier_mask", found.outlier_mask.into_pyarray(py))?;
    out.set_item("components", found.components.into_pyarray(py))?;
    out.set_item("units", found.units.into_pyarray(py))?;
    out.set_item("energy_path", found.energy_path.into_pyarray(py))?;
    out.set_item("n_iter", found.n_iter)?;
    out.set_item("status", found.status.name())?;
    Ok(out)
}

/// See [`robust_vae::encode`].
#[pyfunction]
fn encode_robust<'py>(
    py: Python<'py>,
    x: InMemory<'py>,
    missing: bool,
    components: PyReadonlyArray2<'py, f64>,
    units: PyReadonlyArray1<'py, f64>,
    arguments: RobustArguments,
    n_threads: usize,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let (x, settings, decoder) = (x.view()?, arguments.check()?, (components.as_array(), units.as_array()));
    let latent = run::run_parallel(py, n_threads, None, |monitor| {
        robust_vae::encode(&*x, missing, decoder, &settings, monitor)
    })?;
    Ok(latent.into_pyarray(py))
}

/// The defaults of the parameters of `RobustVae` and `RobustPca`, which stand in Rust alone.
#[pyfunction]
fn robust_defaults(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let RobustVaeSettings { n_components, floor, scale_features, n_anneal, max_iter, tol } = Default::default();
    let vae = PyDict::new(py);
    vae.set_item("n_components", n_components)?;
    vae.set_item("floor", floor)?;
    vae.set_item("scale_features", scale_features)?;
    vae.set_item("n_anneal", n_anneal)?;
    vae.set_item("max_iter", max_iter)?;
    vae.set_item("tol", tol)?;
    let RobustPcaSettings { outlier_weight, tol, max_iter } = Default::default();
    let pca = PyDict::new(py);
    pca.set_item("outlier_weight", outlier_weight)?;
    pca.set_item("tol", tol)?;
    pca.set_item("max_iter", max_iter)?;
    let out = PyDict::new(py);
    out.set_item("robust_vae", vae)?;
    out.set_item("robust_pca", pca)?;
    Ok(out)
}
