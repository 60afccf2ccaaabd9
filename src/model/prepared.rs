//! A design made ready once: centred, columns of norm 1, at most as many rows as columns. Many responses share it.

use super::settings::Start;
use crate::linalg::principal::PrincipalAxes;
use crate::linalg::row_space::RowSpace;
use crate::problem::{check_matrix, check_response};
use crate::{Error, Result};
use ndarray::{Array2, ArrayView2, Axis};
use std::collections::HashMap;
use std::sync::OnceLock;

/// Below this share of its size before centring, a column (or a response) is constant.
const CONSTANT: f64 = 16.0 * f64::EPSILON;

/// A design and the way from its units to the solver's.
#[derive(Debug)]
pub struct Prepared {
    /// Columns of norm 1 that are not constant; shape `(rows, columns.len())` with `rows <= columns.len()` if it could
    /// be compressed.
    pub design: Array2<f64>,
    /// Index of each of them in the caller's design.
    pub columns: Vec<usize>,
    /// What each of them was divided by: its norm in the caller's units, after centring; in a group, the root mean
    /// square of the norms.
    pub norms: Vec<f64>,
    /// The group of each of them, where columns share prior variances; else empty.
    pub groups: Vec<usize>,
    /// Mean of every column of the caller's design; zeros unless centred.
    pub means: Vec<f64>,
    /// Samples in the caller's design.
    pub n_samples: usize,
    /// Samples, less one if centred.
    pub freedom: usize,
    centred: bool,
    compression: Option<RowSpace>,
    row_space: OnceLock<RowSpace>,
}

/// One or more responses in the solver's units: their norm, over all samples and responses, is 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// One value per row of the design, response after response, where several are replaced by their principal axes.
    pub values: Vec<f64>,
    /// From responses to principal axes, shape `(n_responses, rank)`; `None` for one response.
    pub rotation: Option<Array2<f64>>,
    /// Norm of the part that no column reaches, lost in compression.
    pub outside: f64,
    /// Mean of each response in the caller's units; 0 unless centred.
    pub means: Vec<f64>,
    /// Norm in the caller's units, after centring; 0 for constant responses.
    pub norm: f64,
}

impl Response {
    /// Responses that the caller gave.
    pub fn n_responses(&self) -> usize {
        self.means.len()
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

/// Principal axes of the responses below this share of the strongest, in units of the precision of the data and of the
/// root of the size, are rounding.
const RANK_ROUNDING: f64 = 16.0;

/// Columns of norm 1, and what they were before.
struct Standardised {
    /// One row less than there were samples if centred: the constant direction is rotated away. Constant columns are
    /// zero.
    rows: Array2<f64>,
    means: Vec<f64>,
    /// Norms after centring; 0 for a constant column.
    norms: Vec<f64>,
}

/// Centres (if asked to) and scales columns, row by row and without overflow: each column is first divided by its
/// largest entry.
fn standardise(x: ArrayView2<'_, f64>, centred: bool) -> Standardised {
    let (size, n) = (x.nrows() as f64, x.ncols());
    let (mut largest, mut means) = (vec![0.0_f64; n], vec![0.0; n]);
    for row in x.outer_iter() {
        largest.iter_mut().zip(row).for_each(|(m, v)| *m = if v.abs() > *m { v.abs() } else { *m });
    }
    let divisor: Vec<f64> = largest.iter().map(|&m| if m > 0.0 { m } else { 1.0 }).collect();
    if centred {
        for row in x.outer_iter() {
            means.iter_mut().zip(row.iter().zip(&divisor)).for_each(|(m, (v, d))| *m += v / d);
        }
        means.iter_mut().for_each(|m| *m /= size);
    }
    let mut rows = Array2::zeros((x.nrows(), n));
    let mut sums = vec![0.0; n];
    for (mut to, row) in rows.outer_iter_mut().zip(x.outer_iter()) {
        for ((t, sum), ((v, d), m)) in to.iter_mut().zip(&mut sums).zip(row.iter().zip(&divisor).zip(&means)) {
            *t = v / d - m;
            *sum += *t;
        }
    }
    let first = usize::from(centred);
    if centred {
        // The reflection that takes the constant direction to the first axis; that axis is dropped, and all means with
        // it.
        let root = size.sqrt();
        let shares: Vec<f64> = rows.row(0).iter().zip(&sums).map(|(t, sum)| (sum / root + t) / (root + 1.0)).collect();
        for mut row in rows.outer_iter_mut().skip(1) {
            row.iter_mut().zip(&shares).for_each(|(t, share)| *t -= share);
        }
    }
    let mut squares = vec![0.0; n];
    for row in rows.outer_iter().skip(first) {
        squares.iter_mut().zip(row).for_each(|(sum, t)| *sum += t * t);
    }
    let constant = if centred { CONSTANT * size.sqrt() } else { 0.0 };
    let norms: Vec<f64> =
        squares.iter().map(|s| s.sqrt()).map(|norm| if norm > constant { norm } else { 0.0 }).collect();
    let factors: Vec<f64> = norms.iter().map(|&norm| if norm > 0.0 { 1.0 / norm } else { 0.0 }).collect();
    for mut row in rows.outer_iter_mut().skip(first) {
        row.iter_mut().zip(&factors).for_each(|(t, f)| *t *= f);
    }
    rows.slice_collapse(ndarray::s![first.., ..]);
    let unit = |values: Vec<f64>| values.iter().zip(&divisor).map(|(v, d)| v * d).collect();
    Standardised { rows, means: unit(means), norms: unit(norms) }
}

/// The same groups, numbered from 0 in the order in which they first appear.
pub(super) fn renumber(groups: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut numbers = HashMap::new();
    groups
        .map(|group| {
            let next = numbers.len();
            *numbers.entry(group).or_insert(next)
        })
        .collect()
}

/// The root mean square of the norms of each column's group.
fn shared_norms(norms: &[f64], groups: &[usize]) -> Vec<f64> {
    let n_groups = groups.iter().max().map_or(0, |last| last + 1);
    let (mut largest, mut sums) = (vec![0.0_f64; n_groups], vec![(0.0, 0.0); n_groups]);
    norms.iter().zip(groups).for_each(|(&norm, &g)| largest[g] = largest[g].max(norm));
    for (norm, &g) in norms.iter().zip(groups) {
        sums[g].0 += (norm / largest[g]).powi(2);
        sums[g].1 += 1.0;
    }
    groups.iter().map(|&g| largest[g] * (sums[g].0 / sums[g].1).sqrt()).collect()
}

impl Prepared {
    /// Checks and standardises `x`, shape `(n_samples, n_features)`; `centred` takes the mean of every column away.
    /// `groups` is empty, or has the group of every feature, any number: columns of a group share a prior variance,
    /// so that one number scales them.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NonFinite`]; [`Error::NoDecomposition`] if a tall design cannot be compressed.
    ///
    /// # Complexity
    /// One copy of the design; an SVD if it has more rows than columns.
    pub fn new(x: ArrayView2<'_, f64>, centred: bool, groups: &[usize]) -> Result<Self> {
        check_matrix("X", x)?;
        if !groups.is_empty() && groups.len() != x.ncols() {
            return Err(Error::Shape {
                what: "groups",
                expected: format!("({},), one group per column of `X`", x.ncols()),
                found: format!("({},)", groups.len()),
            });
        }
        let n_samples = x.nrows();
        let Standardised { rows: mut design, means, mut norms } = standardise(x.as_standard_layout().view(), centred);
        let columns: Vec<usize> = (0..norms.len()).filter(|&j| norms[j] > 0.0).collect();
        if columns.len() < norms.len() {
            design = design.select(Axis(1), &columns);
            norms.retain(|&norm| norm > 0.0);
        }
        let groups = if groups.is_empty() { Vec::new() } else { renumber(columns.iter().map(|&j| groups[j])) };
        if !groups.is_empty() {
            let shared = shared_norms(&norms, &groups);
            let own = std::mem::replace(&mut norms, shared);
            for (mut column, (own, shared)) in design.columns_mut().into_iter().zip(own.iter().zip(&norms)) {
                column *= own / shared;
            }
        }
        let compression = if design.nrows() > design.ncols() && design.ncols() > 0 {
            let space = RowSpace::by_svd(design.view())?;
            let (singular, _) = space.spectrum()?;
            design = space.basis.clone();
            design.axis_iter_mut(Axis(0)).zip(&singular).for_each(|(mut row, s)| row *= *s);
            Some(space)
        } else {
            None
        };
        Ok(Self {
            design,
            columns,
            norms,
            means,
            groups,
            n_samples,
            freedom: n_samples - usize::from(centred),
            centred,
            compression,
            row_space: OnceLock::new(),
        })
    }

    /// Checks and standardises the responses `y`, shape `(n_samples, n_responses)`; more than one is replaced by the
    /// principal axes of all, whose number is their rank to within `precision`, the unit roundoff of the data.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NonFinite`]; [`Error::NoDecomposition`].
    ///
    /// # Complexity
    /// `O(n_samples n_responses)` for one response, an SVD for more.
    pub fn respond(&self, y: ArrayView2<'_, f64>, precision: f64) -> Result<Response> {
        check_response(self.n_samples, y)?;
        let n_responses = y.ncols();
        let Standardised { rows, means, norms } = standardise(y, self.centred);
        let largest = norms.iter().copied().fold(0.0, f64::max);
        if largest == 0.0 {
            let (values, rotation) =
                (vec![0.0; self.design.nrows()], (n_responses > 1).then(|| Array2::zeros((n_responses, 1))));
            return Ok(Response { values, rotation, outside: 0.0, means, norm: 0.0 });
        }
        let norm = largest * norms.iter().map(|n| (n / largest) * (n / largest)).sum::<f64>().sqrt();
        if !norm.is_finite() {
            return Err(Error::invalid("y", format!("so large that its norm is {norm}"), "rescaled to below 1e300"));
        }
        let size = rows.nrows();
        let mut values: Vec<f64> = rows.columns().into_iter().flat_map(|column| column.to_vec()).collect();
        let mut rotation = None;
        if n_responses > 1 {
            for (response, own) in values.chunks_exact_mut(size).zip(&norms) {
                response.iter_mut().for_each(|v| *v *= own / norm);
            }
            let tolerance = RANK_ROUNDING * precision * (size.max(n_responses) as f64).sqrt();
            let axes = PrincipalAxes::new(&values, size, tolerance)?;
            values = axes.values(size);
            rotation = Some(axes.rotation);
        }
        let mut outside = 0.0;
        if let Some(space) = &self.compression {
            (values, outside) = space.rotate(&values);
        } else if self.columns.is_empty() {
            (values, outside) = (Vec::new(), 1.0);
        }
        Ok(Response { values, rotation, outside, means, norm })
    }

    /// Prior variances in the caller's units as the solver sees them.
    ///
    /// # Errors
    /// [`Error::Shape`] if their number is not that of the features; [`Error::InvalidParameter`] if they differ in a
    /// group.
    pub(super) fn start(&self, start: &Start, response: &Response) -> Result<Vec<f64>> {
        let w = &start.prior_var;
        if w.len() != self.means.len() {
            return Err(Error::Shape {
                what: "prior_var_init",
                expected: format!("({},), one value per column of `X`", self.means.len()),
                found: format!("({},)", w.len()),
            });
        }
        let mut first = HashMap::new();
        for (&j, &group) in self.columns.iter().zip(&self.groups) {
            if *first.entry(group).or_insert(w[j]) != w[j] {
                let allowed = "the same for all columns of a group";
                return Err(Error::invalid("prior_var_init", format!("{} at column {j}", w[j]), allowed));
            }
        }
        let unit = |norm: f64| response.norm / norm;
        Ok(self.columns.iter().zip(&self.norms).map(|(&j, &norm)| w[j] / unit(norm) / unit(norm)).collect())
    }

    /// Columns to choose from, or groups of them.
    pub fn n_choices(&self) -> usize {
        self.groups.iter().max().map_or(self.columns.len(), |last| last + 1)
    }

    /// The row space of the design, found at the first call.
    ///
    /// # Errors
    /// [`Error::NoDecomposition`].
    pub fn row_space(&self) -> Result<&RowSpace> {
        if self.row_space.get().is_none() {
            let space = RowSpace::new(self.design.view())?;
            // Another thread may have been first; the values are the same.
            let _ = self.row_space.set(space);
        }
        self.row_space.get().ok_or(Error::NoDecomposition { what: "X" })
    }
}
