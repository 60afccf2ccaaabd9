//! Checks of what the caller gave.

use crate::{Error, Result};
use ndarray::{Array2, ArrayView2};

/// Refuses an empty matrix.
///
/// # Errors
/// [`Error::Shape`], naming it.
pub fn check_shape(what: &'static str, rows: usize, columns: usize) -> Result<()> {
    if rows * columns > 0 {
        return Ok(());
    }
    Err(Error::Shape {
        what,
        expected: "(n_samples, n_features) with at least one of each".to_owned(),
        found: format!("{:?}", (rows, columns)),
    })
}

/// Refuses an empty matrix and one that holds NaN or infinity.
///
/// # Errors
/// [`Error::Shape`] or [`Error::NonFinite`], naming it.
pub fn check_matrix(what: &'static str, x: ArrayView2<'_, f64>) -> Result<()> {
    check_shape(what, x.nrows(), x.ncols())?;
    // Without a branch, the compiler looks at many values at once.
    if x.iter().fold(true, |finite, v| finite & v.is_finite()) {
        return Ok(());
    }
    match x.indexed_iter().find(|(_, v)| !v.is_finite()) {
        Some(((i, j), _)) => Err(Error::NonFinite { what, index: vec![i, j] }),
        None => Ok(()),
    }
}

/// Checks data in which NaN may stand for what is missing; a copy with zeros there.
///
/// # Errors
/// [`Error::Shape`] if there are no entries, [`Error::NonFinite`] for infinity, and for NaN unless `missing`;
/// [`Error::InvalidParameter`] if nothing is observed.
pub fn observed(x: ArrayView2<'_, f64>, missing: bool) -> Result<Array2<f64>> {
    let filled = if missing { x.mapv(|v| if v.is_nan() { 0.0 } else { v }) } else { x.to_owned() };
    check_matrix("X", filled.view())?;
    if missing && x.iter().all(|v| v.is_nan()) {
        return Err(Error::invalid("X", "missing in every entry", "observed in one at least"));
    }
    Ok(filled)
}

/// Refuses data at whose scale a result is beyond the range of float64; `what` names the data, `result` what is, in words.
///
/// # Errors
/// [`Error::Scales`], with the first such value.
pub fn check_results<'a>(
    what: &'static str,
    result: &'static str,
    values: impl IntoIterator<Item = &'a f64>,
) -> Result<()> {
    match values.into_iter().find(|v| !v.is_finite()) {
        Some(&value) => Err(Error::Scales { what, result, value }),
        None => Ok(()),
    }
}

fn shape(n_samples: usize, n_responses: usize) -> String {
    if n_responses == 1 { format!("({n_samples},)") } else { format!("({n_samples}, {n_responses})") }
}

/// Refuses responses, shape `(n_samples, n_responses)`, that do not match `n_samples` or are none.
///
/// # Errors
/// [`Error::Shape`], naming `y`.
pub fn check_response_shape(n_samples: usize, y: ArrayView2<'_, f64>) -> Result<()> {
    if y.nrows() == n_samples && y.ncols() > 0 {
        return Ok(());
    }
    Err(Error::Shape {
        what: "y",
        expected: format!("{}, one value per row of `X`", shape(n_samples, y.ncols().max(1))),
        found: shape(y.nrows(), y.ncols()),
    })
}

/// As [`check_response_shape`], and refuses NaN and infinity.
///
/// # Errors
/// [`Error::Shape`] or [`Error::NonFinite`], naming `y`.
pub fn check_response(n_samples: usize, y: ArrayView2<'_, f64>) -> Result<()> {
    check_response_shape(n_samples, y)?;
    // One response was a vector to the caller.
    match y.indexed_iter().find(|(_, v)| !v.is_finite()) {
        Some(((i, l), _)) => {
            Err(Error::NonFinite { what: "y", index: if y.ncols() > 1 { vec![i, l] } else { vec![i] } })
        }
        None => Ok(()),
    }
}
