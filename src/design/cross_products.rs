//! Means, norms and all products of the columns of a tall design, in one pass over its samples.

use super::Design;
use super::blocks::{height, read};
use super::centring::Centring;
use super::moments::{CONSTANT, Moment, Moments, first_not_finite};
use crate::Result;
use crate::monitor::Monitor;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Mat, MatRef, Par};

/// Moments and products of the columns of a design, all divided by powers of two.
#[derive(Debug)]
pub(super) struct CrossProducts {
    centring: Centring,
    /// Entries of the first sample, divided.
    first: Vec<f64>,
    /// The lower triangle of the weighted products of all columns, centred if they are.
    pub gram: Mat<f64>,
}

impl CrossProducts {
    /// Those of a design whose samples are weighted by the squares of `roots`; `None` if its samples cannot be read a few
    /// at a time.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::Error::Interrupted).
    ///
    /// # Complexity
    /// `O(n_samples n_features^2)`; a block of samples is held at a time.
    pub fn new(design: &dyn Design, roots: &[f64], centred: bool, monitor: &Monitor<'_>) -> Result<Option<Self>> {
        let (n_samples, n) = design.shape();
        let mut first = vec![0.0; height(n_samples, n) * n];
        if !read(design, 0..height(n_samples, n), &mut first) {
            return Ok(None);
        }
        let mut divisors = None;
        loop {
            let centring = Centring::about(&first, n, divisors, centred);
            let row = first.iter().zip(&centring.divisors).map(|(v, d)| v / d).collect();
            let found = Self::about(centring, design, roots, centred, row, monitor)?;
            divisors = found.centring.better_divisors();
            if divisors.is_none() {
                return Ok(Some(found));
            }
        }
    }

    fn about(
        mut centring: Centring,
        design: &dyn Design,
        roots: &[f64],
        centred: bool,
        first: Vec<f64>,
        monitor: &Monitor<'_>,
    ) -> Result<Self> {
        let (n_samples, n) = design.shape();
        let height = height(n_samples, n);
        let mut gram = Mat::zeros(n, n);
        let mut values = vec![0.0; (height + 1) * n];
        let (lower, full) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
        for start in (0..n_samples).step_by(height) {
            if start > 0 {
                monitor.look()?;
            }
            let rows = start..n_samples.min(start + height);
            let (count, roots) = (rows.len(), &roots[rows.clone()]);
            read(design, rows, &mut values[..count * n]);
            centring.look(&mut values[..count * n]);
            let values = &mut values[..(count + 1) * n];
            centring.take(values, roots, centred);
            let x = MatRef::from_row_major_slice(values, count + 1, n);
            triangular::matmul(gram.as_mut(), lower, Accum::Add, x.transpose(), full, x, full, 1.0, Par::Seq);
        }
        Ok(Self { centring, first, gram })
    }

    /// What standardising the design takes, for samples with these roots of weights.
    pub fn moments(&self, design: &dyn Design, roots: &[f64], centred: bool) -> Moments {
        let size: f64 = roots.iter().map(|root| root * root).sum();
        let (root, first) = (size.sqrt(), roots.first().copied().unwrap_or(1.0));
        let Centring { divisors, largest, origin, means, .. } = &self.centring;
        let moment = |j: usize| {
            let (divisor, mean) = (divisors[j], origin[j] + means[j]);
            if !centred {
                return Moment { divisor, mean, share: 0.0, square: self.gram[(j, j)] };
            }
            // What is left of the first sample and, where the mean was rounded, of all.
            let (left, sum) = (self.first[j] - mean, size * ((origin[j] - mean) + means[j]));
            let share = (sum / root + first * left) / (root + first);
            let rounding = CONSTANT * root * (largest[j] / divisor);
            let square = if self.gram[(j, j)] > rounding * rounding { self.gram[(j, j)] } else { 0.0 };
            Moment { divisor, mean, share, square }
        };
        let is_finite = largest.iter().all(|largest| largest.is_finite());
        let not_finite = if is_finite { None } else { first_not_finite(design) };
        Moments { of_columns: (0..divisors.len()).map(moment).collect(), not_finite }
    }
}
