//! Affine and robust autoencoders, and principal component pursuit, for Python.

use super::run;
use crate::baseline::robust_pca;
use crate::energy::{AffinePoint, affine_energy, affine_separable_energy};
use crate::model::affine_vae;
use crate::model::settings::names;
use crate::solver::Covariance;
use numpy::{IntoPyArray, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(fit_affine, module)?)?;
    module.add_function(wrap_pyfunction!(affine, module)?)?;
    module.add_function(wrap_pyfunction!(fit_robust_pca, module)?)
}

/// See [`affine_vae::fit`].
#[pyfunction]
fn fit_affine<'py>(
    py: Python<'py>,
    x: PyReadonlyArray2<'py, f64>,
    n_components: Option<usize>,
    noise_var: Option<f64>,
) -> PyResult<Bound<'py, PyDict>> {
    let x = x.as_array();
    let found = py.detach(|| affine_vae::fit(x, &affine_vae::Settings { n_components, noise_var }))?;
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
        Covariance::Full => affine_energy(x, point),
        Covariance::Diagonal => affine_separable_energy(x, point),
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
    let settings = robust_pca::Settings { outlier_weight, tol, max_iter };
    let found = run::run(py, progress.as_ref(), |hook| robust_pca::fit(x, missing, &settings, hook))?;
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
