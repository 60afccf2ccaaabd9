//! Everything that knows Python: array views in, plain structs out, errors converted. Built with the feature `python`.

mod errors;

use pyo3::prelude::*;

/// The private extension module `sparsevae._core`.
#[pymodule(gil_used = false)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}
