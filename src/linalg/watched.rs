//! The kernel of packed columns, where one evaluation may take longer than a caller who wants to interrupt it waits.

use super::packed::Packed;
use super::packed_covariance::PackedCovariance;
use super::row_blocks::interruptible;
use crate::Result;
use crate::monitor::Monitor;
use ndarray::ArrayView2;
use std::sync::Arc;

/// Columns, responses, and the scratch of their covariance, which goes to another thread and back where it is large.
pub struct Watched {
    design: Arc<Packed>,
    responses: Arc<[f64]>,
    n_responses: usize,
    scratch: Option<PackedCovariance>,
}

impl Watched {
    /// Packs `x`, shape `(n_rows, n_cols)`, for the responses `y`, one value a row, response after response.
    ///
    /// # Complexity
    /// As [`Packed::new`].
    pub fn new(x: ArrayView2<'_, f64>, y: &[f64]) -> Self {
        let n_responses = y.len().checked_div(x.nrows()).unwrap_or(0).max(1);
        Self { design: Arc::new(Packed::new(x)), responses: y.into(), n_responses, scratch: None }
    }

    /// The covariance at `w`, one variance per column, and `ridge`, evaluated or, without `q` and `s`, factorised.
    ///
    /// # Errors
    /// [`Error::NotPositiveDefinite`](crate::Error::NotPositiveDefinite), naming `step`;
    /// [`Error::Interrupted`](crate::Error::Interrupted), once `monitor` is stopped.
    ///
    /// # Complexity
    /// As [`PackedCovariance::evaluate`].
    pub fn at(
        &mut self,
        w: &[f64],
        ridge: f64,
        evaluate: bool,
        step: usize,
        monitor: &Monitor<'_>,
    ) -> Result<&mut PackedCovariance> {
        let (design, y, w) = (Arc::clone(&self.design), Arc::clone(&self.responses), w.to_vec());
        let (rows, columns) = (design.n_rows() as f64, design.n_cols() as f64);
        // As much work as a decomposition of this size.
        let size = (rows * rows * columns).cbrt() as usize;
        let mut scratch = match self.scratch.take() {
            Some(scratch) => scratch,
            None => PackedCovariance::new(&design, self.n_responses),
        };
        let (scratch, outcome) = interruptible(size, monitor, move || {
            let outcome = match evaluate {
                true => scratch.evaluate(&design, &y, &w, ridge),
                false => scratch.factorise(&design, &y, &w, ridge),
            };
            (scratch, outcome)
        })?;
        outcome.map_err(|failed| failed.at(step))?;
        Ok(self.scratch.insert(scratch))
    }
}
