//! What is asked: a borrowed design and response, validated once.

use crate::{Error, Result};
use ndarray::ArrayView2;

/// Refuses an empty design and one that holds NaN or infinity.
///
/// # Errors
/// [`Error::Shape`] or [`Error::NonFinite`], naming `X`.
pub fn check_design(x: ArrayView2<'_, f64>) -> Result<()> {
    if x.is_empty() {
        return Err(Error::Shape {
            what: "X",
            expected: "(n_samples, n_features) with at least one of each".to_owned(),
            found: format!("{:?}", x.dim()),
        });
    }
    match x.indexed_iter().find(|(_, v)| !v.is_finite()) {
        Some(((i, j), _)) => Err(Error::NonFinite { what: "X", index: vec![i, j] }),
        None => Ok(()),
    }
}

/// Refuses a response that does not match `n_samples`, and one that holds NaN or infinity.
///
/// # Errors
/// [`Error::Shape`] or [`Error::NonFinite`], naming `y`.
pub fn check_response(n_samples: usize, y: &[f64]) -> Result<()> {
    if y.len() != n_samples {
        return Err(Error::Shape {
            what: "y",
            expected: format!("({n_samples},), one value per row of `X`"),
            found: format!("({},)", y.len()),
        });
    }
    match y.iter().position(|v| !v.is_finite()) {
        Some(i) => Err(Error::NonFinite { what: "y", index: vec![i] }),
        None => Ok(()),
    }
}
