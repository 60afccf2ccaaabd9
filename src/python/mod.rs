//! Everything that knows Python: array views in, plain structs out, errors converted. Built with the feature `python`.

mod affine;
mod baseline;
mod batch;
mod datasets;
mod designs;
mod errors;
mod fit;
mod l1;
mod run;
mod summary;
mod welper_recover;

use numpy::PyArray1;
use pyo3::prelude::*;

/// The private extension module `sparsevae._core`.
#[pymodule(gil_used = false)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    // Found now: NumPy is imported at the first use, and an interrupt in an import cannot be passed on there.
    PyArray1::<f64>::zeros(module.py(), 0, false);
    affine::register(module)?;
    baseline::register(module)?;
    batch::register(module)?;
    datasets::register(module)?;
    designs::register(module)?;
    fit::register(module)?;
    l1::register(module)?;
    summary::register(module)?;
    welper_recover::register(module)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}
