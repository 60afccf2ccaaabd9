//! Random directions that show whether components are missing.

use crate::linalg::packed_spd::{Rows, add_product, multiply};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// How many there are.
const PROBES: usize = 8;

/// Vectors `H^-1/2 u` for directions `u`, side by side.
#[derive(Debug)]
pub(super) struct Probes {
    pub vectors: Vec<f64>,
    n_features: usize,
}

impl Probes {
    /// Random directions, the same ones for as many features; `scale` is the diagonal of `H^-1/2`.
    pub fn new(scale: &[f64]) -> Self {
        Self { vectors: scaled(random(scale.len()), scale), n_features: scale.len() }
    }

    /// Numbers that they consist of.
    pub fn len(&self) -> usize {
        self.vectors.len()
    }

    /// Adds `V^T V` times them, for some rows of `V`.
    pub fn add_image(&self, rows: &[f64], image: &mut [f64]) {
        let left = Rows::new(rows, self.n_features);
        let mut inner = vec![0.0; rows.len() / self.n_features * PROBES];
        multiply(left, Rows::new(&self.vectors, PROBES), &mut inner);
        add_product(left.t(), Rows::new(&inner, PROBES), image);
    }
}

pub(super) fn random(n_features: usize) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    (0..n_features * PROBES).map(|_| StandardNormal.sample(&mut rng)).collect()
}

pub(super) fn scaled(mut probes: Vec<f64>, scale: &[f64]) -> Vec<f64> {
    for (row, scale) in probes.chunks_exact_mut(PROBES).zip(scale) {
        row.iter_mut().for_each(|v| *v *= scale);
    }
    probes
}

pub(super) fn norms(probes: &[f64]) -> [f64; PROBES] {
    let mut norms = [0.0; PROBES];
    for row in probes.chunks_exact(PROBES) {
        norms.iter_mut().zip(row).for_each(|(norm, v)| *norm += v * v);
    }
    norms.map(f64::sqrt)
}
