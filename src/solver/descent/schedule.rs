//! Continuation: the noise that the energy starts with and the floor that it ends at.

/// A geometric fall from `start` to `end` in `len` steps, both relative to the scale of the problem.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// First value.
    pub start: f64,
    /// Last value.
    pub end: f64,
    /// Number of steps.
    pub len: usize,
}

impl Schedule {
    /// The value at `step`, counted from 0.
    pub fn at(&self, step: usize) -> f64 {
        let share = if self.len > 1 { step as f64 / (self.len - 1) as f64 } else { 1.0 };
        self.start * (self.end / self.start).powf(share.min(1.0))
    }
}
