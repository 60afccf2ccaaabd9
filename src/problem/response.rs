//! Responses in the solver's units.

use super::validate::check_response_shape;
use super::{OffRange, Problem, Responses};
use crate::design::Standardised;
use crate::linalg::principal::PrincipalAxes;
use crate::monitor::Monitor;
use crate::{Error, Result};
use ndarray::{Array2, ArrayView2, Axis};
use std::collections::HashMap;

/// Principal axes of the responses below this share of the strongest, in units of the precision of the data and of the
/// root of the size, are rounding. Chosen by hand.
const RANK_ROUNDING: f64 = 16.0;

/// One or more responses whose norm, over all samples and responses, is 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// One value per row of the design, response after response, where several are replaced by their principal axes.
    pub values: Vec<f64>,
    /// As the caller gave them, shape `(n_samples, n_responses)`.
    pub given: Array2<f64>,
    /// From responses to principal axes, shape `(n_responses, rank)`; `None` for one response.
    pub rotation: Option<Array2<f64>>,
    /// The part that no column reaches, lost in compression.
    pub off_range: OffRange,
    /// For a sub-problem whose columns were compressed: the values in the rows of the whole problem.
    pub of_whole: Option<Vec<f64>>,
    /// How many of them differ.
    pub n_distinct: usize,
    /// Mean of each response in the caller's units; 0 unless centred.
    pub means: Vec<f64>,
    /// Norm in the caller's units of those that differ, after centring; 0 for constant responses.
    pub norm: f64,
}

impl Response {
    /// Responses that the caller gave.
    pub fn n_given(&self) -> usize {
        self.means.len()
    }

    /// Responses that differ: a copy of another one says nothing new.
    pub fn n_responses(&self) -> usize {
        self.n_distinct
    }

    /// The values in the rows of the whole problem.
    pub fn in_whole(&self) -> &[f64] {
        self.of_whole.as_deref().unwrap_or(&self.values)
    }

    /// The responses as energies see them.
    pub fn responses(&self) -> Responses<'_> {
        Responses { values: &self.values, n_responses: self.n_responses(), off_range: self.off_range }
    }

    /// Coefficients of the caller's responses from those of the principal axes: `k` each, response after response.
    pub fn rotate_back(&self, z: &[f64], k: usize) -> Vec<f64> {
        let Some(rotation) = &self.rotation else { return z.to_vec() };
        let mut all = vec![0.0; k * rotation.nrows()];
        for (to, row) in all.chunks_exact_mut(k.max(1)).zip(rotation.outer_iter()) {
            for (z, &share) in z.chunks_exact(k.max(1)).zip(row) {
                to.iter_mut().zip(z).for_each(|(to, z)| *to += share * z);
            }
        }
        all
    }
}

impl Problem<'_> {
    /// Checks and standardises the responses `y`, shape `(n_samples, n_responses)`; more than one is replaced by the
    /// principal axes of those that differ, whose number is their rank to within `precision`, the unit roundoff of the
    /// data.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NonFinite`]; [`Error::NoDecomposition`]; [`Error::Interrupted`].
    ///
    /// # Complexity
    /// `O(n_samples n_responses)` for one response, an SVD for more; passes over a design of more rows than columns.
    pub fn respond(&self, y: ArrayView2<'_, f64>, precision: f64, monitor: &Monitor<'_>) -> Result<Response> {
        let n_given = y.ncols();
        check_response_shape(self.roots.len(), y)?;
        let (first, place) = distinct(y);
        let n_responses = first.len();
        let given = y.to_owned();
        // Copied only where some repeat others.
        let differing = (n_responses < n_given).then(|| y.select(Axis(1), &first));
        let y = differing.as_ref().map_or(y, |differing| differing.view());
        let standardised =
            Standardised::new("y", &y, &self.roots, self.centred, monitor).map_err(|error| match error {
                // One response was a vector to the caller.
                Error::NonFinite { what, index } if n_given == 1 => Error::NonFinite { what, index: vec![index[0]] },
                Error::NonFinite { what, index } => Error::NonFinite { what, index: vec![index[0], first[index[1]]] },
                error => error,
            })?;
        let (own, size) = (standardised.norms(), standardised.nrows());
        let means = place.iter().map(|&l| standardised.means()[l]).collect();
        let off_range = OffRange { directions: self.freedom - self.design.nrows(), norm: 0.0 };
        let largest = own.iter().copied().fold(0.0, f64::max);
        if largest == 0.0 {
            let (values, rotation) =
                (vec![0.0; self.design.nrows()], (n_given > 1).then(|| Array2::zeros((n_given, 1))));
            let n_distinct = n_responses;
            return Ok(Response { values, given, rotation, off_range, of_whole: None, n_distinct, means, norm: 0.0 });
        }
        let norm = largest * own.iter().map(|n| (n / largest) * (n / largest)).sum::<f64>().sqrt();
        if !norm.is_finite() {
            return Err(Error::invalid("y", format!("so large that its norm is {norm}"), "rescaled to below 1e300"));
        }
        let columns = standardised.copied();
        let mut values = vec![0.0; n_responses * size];
        for ((&l, column), own) in standardised.columns().iter().zip(columns.columns()).zip(own) {
            let share = if n_responses > 1 { own / norm } else { 1.0 };
            values[l * size..][..size].iter_mut().zip(column).for_each(|(to, v)| *to = v * share);
        }
        let mut rotation = (n_given > 1).then(|| Array2::ones((n_given, 1)));
        if n_responses > 1 {
            let tolerance = RANK_ROUNDING * precision * (size.max(n_responses) as f64).sqrt();
            let axes = PrincipalAxes::new(&values, size, tolerance)?;
            values = axes.values(size);
            rotation = Some(axes.rotation.select(Axis(0), &place));
        }
        let mut norm_off_range = 0.0;
        if let Some(compression) = &self.compression {
            (values, norm_off_range) = compression.rotate(&values, monitor)?;
        } else if self.columns.is_empty() {
            (values, norm_off_range) = (Vec::new(), 1.0);
        }
        let off_range = OffRange { norm: norm_off_range, ..off_range };
        let n_distinct = n_responses;
        Ok(Response { values, given, rotation, off_range, of_whole: None, n_distinct, means, norm })
    }
}

/// The responses that repeat no other one before them, ascending, and the place among these of each.
fn distinct(y: ArrayView2<'_, f64>) -> (Vec<usize>, Vec<usize>) {
    if y.ncols() == 1 {
        return (vec![0], vec![0]);
    }
    let (mut first, mut numbers, mut place) = (Vec::new(), HashMap::new(), Vec::new());
    for (l, response) in y.columns().into_iter().enumerate() {
        // -0 and 0 are the same number.
        let bits: Vec<u64> = response.iter().map(|v| (v + 0.0).to_bits()).collect();
        place.push(*numbers.entry(bits).or_insert_with(|| {
            first.push(l);
            first.len() - 1
        }));
    }
    (first, place)
}
