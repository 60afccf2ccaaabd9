//! Sparse factorisation: `Y = X Z` with sparse columns of `X`, from the span of `Y` alone.
//!
//! A vector in general position in an `r`-dimensional subspace of `R^n` has at most `r - 1` zeros. One with more is not
//! there by chance: it is a column of `X`, or a combination of a few.

mod er_spud;
mod four_norm;
mod span;
mod tolerances;

pub use span::SparseVector;

use crate::Result;
use crate::linalg::least_squares::independent;
use crate::linalg::principal::PrincipalAxes;
use crate::linalg::rotation::product;
use crate::monitor::Monitor;
use crate::problem::validate::check_results;
use ndarray::{Array2, ArrayView2, Axis};
use span::Span;
use tolerances::{INDEPENDENT, MOST_ROUNDS, RANK, TILTS};

/// How columns are looked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Method {
    /// A linear program for each pair of rows: ER-SPUD with two columns, Welper's Algorithm 4.
    #[default]
    ErSpud,
    /// An orthonormal basis of the span of largest 4-norm, then a linear program for each of its members.
    FourNorm,
}

/// The factor `X`, as far as it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Factorization {
    /// Linearly independent columns, sparsest first, as many as the span of `Y` has dimensions: where fewer were found,
    /// columns of `Y` make up for the others.
    pub components: Vec<SparseVector>,
    /// Dimension of the span of `Y`.
    pub rank: usize,
    /// Linearly independent sparse vectors that programs found.
    pub n_found: usize,
    /// Linear programs solved.
    pub n_programs: usize,
    /// Error of a component that the error of `Y` may cause, as a share of its norm.
    pub error: f64,
}

impl Factorization {
    /// Whether as many sparse vectors were found as the span has dimensions, at least one.
    pub fn is_complete(&self) -> bool {
        self.rank > 0 && self.n_found == self.rank
    }

    /// The components as columns of `n` entries.
    pub fn to_dense(&self, n: usize) -> Array2<f64> {
        let mut columns = Array2::zeros((n, self.components.len()));
        for (mut column, component) in columns.columns_mut().into_iter().zip(&self.components) {
            component.support.iter().zip(&component.values).for_each(|(&j, v)| column[j] = *v);
        }
        columns
    }
}

/// Nonzeros of the densest of the sparsest linearly independent columns of `y`, at most as many as vectors in general
/// position do not have: no column of `X` that is worth while has more.
fn most_nonzeros(basis: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> usize {
    let (rank, n) = basis.dim();
    let mut coordinates = product(basis, y);
    for mut column in coordinates.columns_mut() {
        let norm = column.dot(&column).sqrt();
        column.mapv_inplace(|v| v / norm);
    }
    let size = |l: usize| y.column(l).iter().filter(|&&v| v != 0.0).count();
    let mut order: Vec<usize> = (0..y.ncols()).collect();
    order.sort_by_key(|&l| size(l));
    let last =
        independent(coordinates.select(Axis(1), &order).view(), INDEPENDENT).last().map_or(n, |&i| size(order[i]));
    last.min(n - rank)
}

/// Factorises `y`, shape `(n, q)`, with an error of Frobenius norm `error`: smaller singular values count as zero. `seed` is
/// that of the pairs of rows, or of the first basis.
///
/// Of all vectors that were found the sparsest that are linearly independent are kept. Then, until nothing gets sparser, a
/// program for each of them looks for the sparsest vector that has a share of it and any share of the others: a mixture
/// gives way to what it is a mixture of; and for each dimension that is missing, one orthogonal to those that were found.
///
/// # Errors
/// [`Error::Scales`](crate::Error::Scales) where a result is beyond the range of float64;
/// [`Error::NoDecomposition`](crate::Error::NoDecomposition) if a singular value decomposition does not converge;
/// [`Error::Interrupted`](crate::Error::Interrupted) where `monitor` is stopped.
///
/// # Complexity
/// With `r` the rank of `y` and `k` nonzeros in a column: a few times `r` programs, for [`Method::ErSpud`] up to `n / 2`
/// more, each of about `2 k` steps of `O(n k)` and `O(n r)` for each nonzero; for [`Method::FourNorm`] some tens of steps
/// of `O(n r^2 + r^3)` before them. Programs run side by side on rayon's current threads; the result does not depend on
/// how many there are.
///
/// # References
/// Welper, "Non-convex compressed sensing with training data", Algorithm 4; Spielman, Wang and Wright, "Exact recovery of
/// sparsely-used dictionaries", COLT 2012; Zhai et al., "Complete dictionary learning via l4-norm maximization over the
/// orthogonal group", JMLR 21(165), 2020.
pub fn factorize(
    y: ArrayView2<'_, f64>,
    error: f64,
    method: Method,
    seed: u64,
    monitor: &Monitor<'_>,
) -> Result<Factorization> {
    let columns: Vec<f64> = y.columns().into_iter().flatten().copied().collect();
    let axes = PrincipalAxes::new(&columns, y.nrows(), RANK)?;
    let noise = axes.singular.first().map_or(0.0, |largest| error.max(RANK * largest));
    let rank = axes.singular.partition_point(|&s| s > noise);
    let smallest = axes.singular[..rank].last().copied().unwrap_or(1.0);
    // One direction's share of the error tilts the span by its size over the smallest extent.
    let error = noise / ((y.ncols() as f64).sqrt() * smallest);
    let basis = axes.directions[..rank * y.nrows()].to_vec();
    let basis = Array2::from_shape_vec((rank, y.nrows()), basis).unwrap_or_default();
    let most = most_nonzeros(basis.view(), y);
    let mut span = Span::new(basis, TILTS * error, most);
    match method {
        Method::ErSpud => er_spud::search(&mut span, seed, monitor)?,
        Method::FourNorm => four_norm::search(&mut span, seed, monitor)?,
    }
    for _ in 0..MOST_ROUNDS {
        let before = span.sizes();
        span.run(span.duals(), monitor)?;
        if span.sizes() == before {
            break;
        }
    }
    let (n_found, n_programs) = (span.sizes().len(), span.n_programs);
    // A column of `Y` that is sparser than one that was found is no better: it is the more of a mixture.
    if !span.is_complete() {
        span.offer(y.columns().into_iter().map(SparseVector::from_dense));
    }
    let components = span.into_chosen();
    check_results(
        "entries of `Y`",
        "a component",
        components.iter().flat_map(|component| &component.values).chain([&error]),
    )?;
    Ok(Factorization { components, rank, n_found, n_programs, error })
}
