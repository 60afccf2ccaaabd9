//! A subspace, its sparsest vector along a direction, and the sparse vectors found so far.

use super::tolerances::{INDEPENDENT, ROUNDING, path_length};
use crate::Result;
use crate::l1::gram::{Gram, Projection};
use crate::l1::homotopy::{End, Limits, follow};
use crate::linalg::multiply_transposed;
use crate::linalg::rotation::dual_basis;
use crate::monitor::{Monitor, Stage};
use ndarray::{Array1, Array2, ArrayView1};
use rayon::prelude::*;

/// A vector with few nonzeros, of norm 1.
#[derive(Debug, Clone, PartialEq)]
pub struct SparseVector {
    /// Indices of the nonzeros, ascending.
    pub support: Vec<usize>,
    /// The nonzeros.
    pub values: Vec<f64>,
}

impl SparseVector {
    /// The nonzeros of a vector.
    pub(super) fn from_dense(vector: ArrayView1<'_, f64>) -> Self {
        let active: Vec<usize> = (0..vector.len()).filter(|&j| vector[j] != 0.0).collect();
        let values: Vec<f64> = active.iter().map(|&j| vector[j]).collect();
        Self::new(&active, &values)
    }

    fn new(active: &[usize], values: &[f64]) -> Self {
        let largest = values.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
        let norm = values.iter().map(|v| v * v).sum::<f64>().sqrt();
        let entries = active.iter().zip(values).filter(|(_, v)| v.abs() > ROUNDING * largest);
        let mut entries: Vec<(usize, f64)> = entries.map(|(&j, v)| (j, v / norm)).collect();
        entries.sort_by_key(|&(j, _)| j);
        let (support, values) = entries.into_iter().unzip();
        Self { support, values }
    }
}

/// A subspace of `R^n`, and the sparsest linearly independent vectors of all that were found in it.
pub(super) struct Span {
    projection: Projection,
    tolerance: f64,
    /// Nonzeros beyond which a vector is of no use.
    most_nonzeros: usize,
    chosen: Vec<(SparseVector, Array1<f64>)>,
    /// Linear programs solved.
    pub n_programs: usize,
}

impl Span {
    /// `basis` has orthonormal rows, shape `(rank, n)`; programs may miss their equations by `tolerance`; programs give up
    /// well beyond `most_nonzeros`.
    pub fn new(basis: Array2<f64>, tolerance: f64, most_nonzeros: usize) -> Self {
        let n_programs = basis.ncols() / 2;
        let projection = Projection::new(basis, n_programs);
        Self { projection, tolerance, most_nonzeros, chosen: Vec::new(), n_programs: 0 }
    }

    /// The basis, shape `(rank, n)`.
    pub fn basis(&self) -> &Array2<f64> {
        self.projection.factor()
    }

    pub fn rank(&self) -> usize {
        self.basis().nrows()
    }

    /// Whether there are as many vectors as dimensions.
    pub fn is_complete(&self) -> bool {
        self.chosen.len() == self.rank()
    }

    /// Numbers of nonzeros of the chosen vectors, ascending.
    pub fn sizes(&self) -> Vec<usize> {
        self.chosen.iter().map(|(vector, _)| vector.support.len()).collect()
    }

    pub fn into_chosen(self) -> Vec<SparseVector> {
        self.chosen.into_iter().map(|(vector, _)| vector).collect()
    }

    /// One direction for each chosen vector, orthogonal to the other ones, and one for each dimension that is missing,
    /// orthogonal to all.
    pub fn duals(&self) -> Vec<Array1<f64>> {
        let vectors = Array2::from_shape_fn((self.rank(), self.chosen.len()), |(i, k)| self.chosen[k].1[i]);
        dual_basis(vectors.view()).rows().into_iter().map(|row| row.to_owned()).collect()
    }

    /// Solves `min ||s||_1` over the subspace subject to `direction^T s = 1`, for directions in coordinates of the
    /// basis, and chooses anew.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::Error::Interrupted) where `monitor` is stopped.
    pub fn run(&mut self, directions: Vec<Array1<f64>>, monitor: &Monitor<'_>) -> Result<()> {
        monitor.begin(Stage::Programs, directions.len());
        let found = directions.par_iter().map(|direction| {
            let vector = self.sparsest_along(direction, monitor)?;
            monitor.advance()?;
            Ok(vector.map(|vector| {
                let coordinates = self.coordinates(&vector);
                (vector, coordinates)
            }))
        });
        let found: Vec<Option<_>> = found.collect::<Result<_>>()?;
        self.n_programs += directions.len();
        self.choose(found.into_iter().flatten());
        Ok(())
    }

    /// Chooses anew among the chosen vectors and others of the subspace.
    pub fn offer(&mut self, vectors: impl Iterator<Item = SparseVector>) {
        let place = |vector: SparseVector| {
            let coordinates = self.coordinates(&vector);
            (vector, coordinates)
        };
        let found: Vec<_> = vectors.map(place).collect();
        self.choose(found.into_iter());
    }

    fn sparsest_along(&self, direction: &Array1<f64>, monitor: &Monitor<'_>) -> Result<Option<SparseVector>> {
        let norm = direction.dot(direction).sqrt();
        if norm <= ROUNDING {
            return Ok(None);
        }
        let (rank, n) = self.basis().dim();
        let mut unit = vec![0.0; n];
        multiply_transposed(self.basis().view(), &(direction / norm).to_vec(), &mut unit);
        let n_active = path_length(self.most_nonzeros).min(n - rank);
        let limits = Limits { n_active, n_steps: 3 * n_active, misfit: self.tolerance };
        let path = follow(Gram::Complement(&self.projection, &unit), &unit, limits, monitor)?;
        Ok((path.end == End::Solved).then(|| SparseVector::new(&path.active, &path.values)))
    }

    fn coordinates(&self, vector: &SparseVector) -> Array1<f64> {
        let entries = || vector.support.iter().zip(&vector.values);
        self.basis().rows().into_iter().map(|row| entries().map(|(&j, v)| row[j] * v).sum()).collect()
    }

    /// The greedy choice among the chosen and the new ones: the sparsest, and of equally sparse ones the first, that are
    /// linearly independent. Linear independence being a matroid, what was passed over before need not be seen again.
    ///
    /// # Complexity
    /// `O(c r^2)` for `c` vectors in `r` dimensions.
    fn choose(&mut self, found: impl Iterator<Item = (SparseVector, Array1<f64>)>) {
        let mut candidates = std::mem::take(&mut self.chosen);
        candidates.extend(found);
        candidates.sort_by_key(|(vector, _)| vector.support.len());
        let mut directions: Vec<Array1<f64>> = Vec::new();
        for (vector, coordinates) in candidates {
            if directions.len() == self.rank() {
                break;
            }
            let mut left = coordinates.clone();
            // Twice: the first pass leaves rounding of the size of what it took away.
            for _ in 0..2 {
                for direction in &directions {
                    let share = direction.dot(&left);
                    left.scaled_add(-share, direction);
                }
            }
            let distance = left.dot(&left).sqrt();
            if distance > INDEPENDENT {
                directions.push(left / distance);
                self.chosen.push((vector, coordinates));
            }
        }
        if self.is_complete() {
            self.most_nonzeros = self.sizes().last().copied().unwrap_or(self.most_nonzeros);
        }
    }
}
