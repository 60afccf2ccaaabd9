//! The decoder of robust expectation maximisation.

use ndarray::Array1;

/// A result, or the row of a pivot that is not positive.
pub(super) type Factored<T> = std::result::Result<T, usize>;

/// The decoder, and the products of its columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoder {
    /// `W`, row after row.
    pub weights: Vec<f64>,
    /// `k`.
    pub n_components: usize,
    /// `w_ja w_jb` for all pairs of columns, one pair a row.
    pub(super) products: Vec<f64>,
}

impl Decoder {
    /// A decoder of the given columns.
    pub fn new(columns: &[Array1<f64>], n_features: usize) -> Self {
        let k = columns.len();
        let weights = (0..n_features).flat_map(|j| columns.iter().map(move |column| column[j])).collect();
        let pairs = (0..k).flat_map(|a| (0..=a).map(move |b| (a, b)));
        let products = pairs.flat_map(|(a, b)| columns[a].iter().zip(&columns[b]).map(|(u, v)| u * v)).collect();
        Self { weights, n_components: k, products }
    }

    pub(super) fn columns(&self) -> Vec<Array1<f64>> {
        let k = self.n_components;
        (0..k).map(|a| self.weights.iter().skip(a).step_by(k).copied().collect()).collect()
    }
}
