//! Responses as energies see them.

/// What no column reaches, where it was taken away before: directions that the samples have beyond the rows of the
/// design, and the norm of the responses there.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct OffRange {
    /// Number of directions.
    pub directions: usize,
    /// Norm of the responses in them.
    pub norm: f64,
}

impl OffRange {
    /// Their part of an energy, for `n_responses` responses: there Sigma is gamma.
    pub fn energy(self, n_responses: usize, noise_var: f64) -> f64 {
        (n_responses * self.directions) as f64 * noise_var.ln() + self.norm * self.norm / noise_var
    }

    /// Its derivative in gamma.
    pub fn slope(self, n_responses: usize, noise_var: f64) -> f64 {
        ((n_responses * self.directions) as f64 - self.norm * self.norm / noise_var) / noise_var
    }
}

/// One response or more, as columns of a design explain them.
#[derive(Debug, Clone, Copy)]
pub struct Responses<'a> {
    /// One value per row of the design; several responses, or the principal axes that stand for them, one after the
    /// other.
    pub values: &'a [f64],
    /// Responses that there were before they were compressed to their principal axes: they weigh the log-determinant.
    pub n_responses: usize,
    /// What was taken away before.
    pub off_range: OffRange,
}

impl<'a> Responses<'a> {
    /// Responses of which nothing was taken away.
    pub fn new(values: &'a [f64], n_responses: usize) -> Self {
        Self { values, n_responses, off_range: OffRange::default() }
    }

    /// Principal axes (or responses) in `values`, for a design of so many rows.
    pub fn n_axes(&self, rows: usize) -> usize {
        self.values.len().checked_div(rows).unwrap_or(1).max(1)
    }

    /// Squared norm of all responses.
    pub fn square(&self) -> f64 {
        self.values.iter().map(|v| v * v).sum::<f64>() + self.off_range.norm * self.off_range.norm
    }
}
