//! Everything that knows Python: array views in, plain structs out, errors converted. Built with the feature `python`.

mod affine;
mod batch;
mod datasets;
mod errors;
mod fit;
mod l1;
mod run;
mod welper_recover;

use pyo3::prelude::*;

/// The private extension module `sparsevae._core`.
#[pymodule(gil_used = false)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    affine::register(module)?;
    batch::register(module)?;
    datasets::register(module)?;
    fit::register(module)?;
    l1::register(module)?;
    welper_recover::register(module)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}
