//! Core errors as Python exceptions. The classes live in `sparsevae.exceptions`.

use crate::Error;
use pyo3::PyErr;
use pyo3::exceptions::PyKeyboardInterrupt;

mod classes {
    pyo3::import_exception!(sparsevae.exceptions, NonFiniteError);
    pyo3::import_exception!(sparsevae.exceptions, NumericalError);
    pyo3::import_exception!(sparsevae.exceptions, ParameterError);
    pyo3::import_exception!(sparsevae.exceptions, ShapeError);
}

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Shape { .. } => classes::ShapeError::new_err(message),
            Error::NonFinite { .. } => classes::NonFiniteError::new_err(message),
            Error::InvalidParameter { .. } | Error::Scales { .. } => classes::ParameterError::new_err(message),
            Error::NotPositiveDefinite { .. } | Error::NoDecomposition { .. } => {
                classes::NumericalError::new_err(message)
            }
            Error::Interrupted { .. } => PyKeyboardInterrupt::new_err(message),
        }
    }
}
