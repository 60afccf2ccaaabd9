//! The Gram matrices that the homotopy walks on: a projection, or what it leaves and one direction more.

use crate::linalg::{multiply_transposed, outer_product};
use ndarray::Array2;

/// Matrices with more columns are never formed as a whole: 1 GiB.
const MOST_COLUMNS: usize = 11_585;
/// A path asks for about the dimension over this many columns.
const SHARE_ASKED: usize = 4;

/// The projection `P = F^T F` onto the span of the orthonormal rows of `F`, shape `(dimension, n)`.
#[derive(Debug)]
pub(crate) struct Projection {
    factor: Array2<f64>,
    formed: Option<Array2<f64>>,
}

impl Projection {
    /// Prepares for `n_paths` paths; `factor` is `F` in standard layout.
    ///
    /// # Complexity
    /// `O(n^2 dimension)` where paths are many, on rayon's current threads; else nothing.
    pub fn new(factor: Array2<f64>, n_paths: usize) -> Self {
        let (dimension, n) = factor.dim();
        let worth = n <= MOST_COLUMNS && n_paths.saturating_mul(dimension) / SHARE_ASKED > n;
        let formed = worth.then(|| outer_product(factor.view()));
        Self { factor, formed }
    }

    /// `F`.
    pub fn factor(&self) -> &Array2<f64> {
        &self.factor
    }

    fn column(&self, j: usize, out: &mut [f64]) {
        match &self.formed {
            Some(all) => out.iter_mut().zip(all.row(j)).for_each(|(to, from)| *to = *from),
            None => multiply_transposed(self.factor.view(), &self.factor.column(j).to_vec(), out),
        }
    }
}

/// A Gram matrix of orthonormal equations.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Gram<'a> {
    /// `P`.
    Range(&'a Projection),
    /// `I - P + q q^T`, for a unit vector `q` in the range of `P`.
    Complement(&'a Projection, &'a [f64]),
}

impl Gram<'_> {
    pub fn size(self) -> usize {
        match self {
            Self::Range(projection) | Self::Complement(projection, _) => projection.factor.ncols(),
        }
    }

    /// Writes one column.
    pub fn column(self, j: usize, out: &mut [f64]) {
        match self {
            Self::Range(projection) => projection.column(j, out),
            Self::Complement(projection, q) => {
                projection.column(j, out);
                out.iter_mut().zip(q).for_each(|(v, other)| *v = q[j] * other - *v);
                out[j] += 1.0;
            }
        }
    }
}
