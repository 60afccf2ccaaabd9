//! What a support explains in the caller's own numbers, before any change of units.

use super::tolerances::{MULTIPLES, REPEATED, SAME};
use super::{Problem, Response};
use crate::linalg::refined::refined;
use ndarray::{Array2, s};

/// Least squares on a support.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Refit {
    /// Coefficients in the caller's units, one for each column of the support, response after response.
    pub coefficients: Vec<f64>,
    /// Intercept of each response; 0 unless centred.
    pub intercept: Vec<f64>,
    /// The largest backward error over the responses: root mean square, over the samples, of the residual over the
    /// magnitudes that it is left of, intercept included.
    pub misfit: f64,
    /// Whether magnitudes of entries appear again.
    pub entries_repeat: bool,
    /// Whether coefficients are small multiples of each other.
    pub has_multiples: bool,
}

impl Problem<'_> {
    /// Fits the columns of a support, with an intercept if centred; `None` where they are linearly dependent.
    /// Where only rows stand for samples, nothing is fitted, and the misfit is infinite.
    ///
    /// # Complexity
    /// `O(n_samples k^2)` for each response.
    pub fn refit(&self, response: &Response, support: &[usize]) -> Option<Refit> {
        let Some(samples) = self.samples else {
            return Some(Refit { misfit: f64::INFINITY, ..Refit::default() });
        };
        let (k, dropped) = (support.len(), usize::from(self.centred));
        let mut columns = Array2::ones((self.n_samples, k + dropped));
        let own: Vec<usize> = support.iter().map(|&j| self.columns[j]).collect();
        samples.read(&own, columns.slice_mut(s![.., ..k]));
        let entries_repeat = repeat(columns.slice(s![.., ..k]).iter().copied());
        columns.outer_iter_mut().zip(&self.roots).for_each(|(mut row, root)| row *= *root);
        let mut refit = Refit { entries_repeat, ..Refit::default() };
        for y in response.given.columns() {
            let weighted: Vec<f64> = y.iter().zip(&self.roots).map(|(y, root)| y * root).collect();
            let fit = refined(columns.view(), &weighted)?;
            refit.misfit = refit.misfit.max(fit.misfit);
            refit.coefficients.extend(&fit.coefficients[..k]);
            refit.intercept.push(fit.coefficients.get(k).copied().unwrap_or(0.0));
        }
        refit.has_multiples = has_multiples(&refit.coefficients, k);
        Some(refit)
    }
}

/// Whether some column's coefficients are, for all responses, the same small multiple of another's.
fn has_multiples(coefficients: &[f64], k: usize) -> bool {
    let ratio = |i: usize, l: usize| {
        let mut ratios = coefficients.chunks_exact(k).map(|z| (z[i] / z[l]).abs());
        let first = ratios.next()?;
        ratios.all(|ratio| (ratio - first).abs() <= SAME * first).then_some(first)
    };
    let is_multiple = |ratio: f64| {
        (1..=MULTIPLES).any(|q| {
            let p = ratio * f64::from(q);
            p.round() >= 1.0 && p.round() <= f64::from(MULTIPLES) && (p - p.round()).abs() <= SAME * p
        })
    };
    (0..k).any(|i| (0..i).any(|l| ratio(i, l).is_some_and(is_multiple)))
}

/// Whether more than a few of the magnitudes that are not 0 appear again.
fn repeat(entries: impl Iterator<Item = f64>) -> bool {
    let mut sizes: Vec<f64> = entries.map(f64::abs).filter(|v| *v > 0.0).collect();
    sizes.sort_unstable_by(f64::total_cmp);
    let again = sizes.windows(2).filter(|pair| pair[1] - pair[0] <= SAME * pair[1]).count();
    again as f64 > REPEATED * sizes.len() as f64
}
