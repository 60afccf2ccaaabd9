//! Basis pursuit: of all solutions of linear equations those of least l1 norm, with the dual that proves it.

use super::gram::{Gram, Projection};
use super::homotopy::{End, Limits, follow};
use super::simplex;
use super::tolerances::{CERTIFICATE, MOST_NOISE, NO_CONTRIBUTION, STEPS};
use crate::linalg::least_squares::Vertex;
use crate::linalg::multiply_transposed;
use crate::linalg::row_space::RowSpace;
use crate::monitor::{Monitor, Stage};
use crate::problem::validate::check_matrix;
use crate::{Error, Result, Status};
use libm::scalbn;
use ndarray::{ArrayView, ArrayView1, ArrayView2, Dimension};
use rayon::prelude::*;

/// The solution for one right-hand side.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// Indices of the nonzero coefficients, ascending.
    pub support: Vec<usize>,
    /// The nonzero coefficients.
    pub values: Vec<f64>,
    /// One multiplier for each equation: `||A^T dual||_inf <= 1`, and `b^T dual` is the norm of the solution. Empty
    /// without a certificate.
    pub dual: Vec<f64>,
    /// By how much the norm of the solution exceeds `b^T dual`, as a share of it.
    pub gap: f64,
    /// `||A^T dual||_inf - 1`.
    pub infeasibility: f64,
    /// What no solution reproduces, as a share of the norm of the right-hand side.
    pub residual: f64,
    /// Error that the noise is expected to leave in the values, as a share of their norm; 0 without noise.
    pub noise_error: f64,
    /// Steps of the homotopy and of the simplex method.
    pub n_steps: usize,
    /// [`Status::Optimal`], [`Status::Approximate`], [`Status::Dense`] or [`Status::Unsolved`].
    pub status: Status,
}

/// What is asked of a solution.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Request {
    /// Norm of the white noise in the right-hand side, as a share of its norm; 0 for exact solutions with a certificate.
    pub tolerance: f64,
    /// Nonzeros at which it may give up.
    pub most_nonzeros: Option<usize>,
}

/// Exponent of the largest magnitude; 0 if there is nothing but zeros.
fn exponent<D: Dimension>(values: ArrayView<'_, f64, D>) -> i32 {
    let largest = values.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
    if largest > 0.0 { libm::ilogb(largest) } else { 0 }
}

/// Equations `A x = b`, prepared for many right-hand sides.
#[derive(Debug)]
pub struct Equations {
    space: RowSpace,
    projection: Projection,
    n_rows: usize,
    /// The equations are solved in units of `2^exponent`, which no square takes out of the range of float64.
    exponent: i32,
    /// Norm of unit white noise in orthonormal coordinates.
    noise_gain: f64,
}

impl Equations {
    /// Orthonormalises the rows of `a`, shape `(m, n)`, for about `n_solves` right-hand sides.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::NonFinite`], naming `A`; [`Error::NoDecomposition`].
    ///
    /// # Complexity
    /// `O(m^2 n)`, and `O(m n^2)` where many right-hand sides make it worth while, that on rayon's current threads.
    pub fn new(a: ArrayView2<'_, f64>, n_solves: usize) -> Result<Self> {
        check_matrix("A", a)?;
        let exponent = exponent(a);
        let space = RowSpace::new(a.mapv(|v| scalbn(v, -exponent)).view())?;
        let projection = Projection::new(space.basis.as_standard_layout().into_owned(), n_solves);
        let noise_gain = space.inverse_norm() / (a.nrows() as f64).sqrt();
        Ok(Self { space, projection, n_rows: a.nrows(), exponent, noise_gain })
    }

    /// Rank of `A`.
    pub fn rank(&self) -> usize {
        self.space.rank()
    }

    /// Solves for the right-hand sides, the columns of `b`, side by side on rayon's current threads.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::NonFinite`], naming `B`; [`Error::Interrupted`] where `monitor` is stopped.
    ///
    /// # Complexity
    /// For each right-hand side, one to three steps of `O(n k)` for each of the `k` nonzeros, and `O(m n)` for each
    /// column that becomes nonzero (unless that was paid for in [`new`](Self::new)); where ties force the simplex method
    /// to help, `O(m^2 n)`.
    pub fn solve_many(&self, b: ArrayView2<'_, f64>, request: Request, monitor: &Monitor<'_>) -> Result<Vec<Solution>> {
        if b.nrows() != self.n_rows || b.ncols() == 0 {
            return Err(Error::Shape {
                what: "B",
                expected: format!("({}, n_problems), one row for each of `A`", self.n_rows),
                found: format!("{:?}", b.dim()),
            });
        }
        if let Some(((i, l), _)) = b.indexed_iter().find(|(_, v)| !v.is_finite()) {
            return Err(Error::NonFinite { what: "B", index: vec![i, l] });
        }
        let columns: Vec<Vec<f64>> = b.columns().into_iter().map(|column| column.to_vec()).collect();
        monitor.begin(Stage::Problems, columns.len());
        let solve = |b: &Vec<f64>| {
            let solution = self.solve(b, request, monitor)?;
            monitor.advance()?;
            Ok(solution)
        };
        columns.par_iter().map(solve).collect()
    }

    /// As `solve_many` for one right-hand side: in the units of the equations, and back.
    fn solve(&self, b: &[f64], request: Request, monitor: &Monitor<'_>) -> Result<Solution> {
        let exponent = exponent(ArrayView1::from(b));
        let b: Vec<f64> = b.iter().map(|&v| scalbn(v, -exponent)).collect();
        let mut found = self.solve_scaled(&b, request, monitor)?;
        found.values.iter_mut().for_each(|v| *v = scalbn(*v, exponent - self.exponent));
        found.dual.iter_mut().for_each(|v| *v = scalbn(*v, -self.exponent));
        // What float64 cannot hold proves nothing.
        if !found.values.iter().all(|v| v.is_normal()) || !found.dual.iter().all(|v| v.is_finite()) {
            found.status = Status::Unsolved;
        }
        Ok(found)
    }

    fn solve_scaled(&self, b: &[f64], request: Request, monitor: &Monitor<'_>) -> Result<Solution> {
        let norm = b.iter().map(|v| v * v).sum::<f64>().sqrt();
        let (z, off_range) = self.space.whiten(b);
        let basis = self.projection.factor().view();
        let (rank, n) = basis.dim();
        let mut correlations = vec![0.0; n];
        multiply_transposed(basis, &z, &mut correlations);
        let length = z.iter().map(|v| v * v).sum::<f64>().sqrt();
        let noise = request.tolerance * norm * self.noise_gain;
        let limits = Limits {
            n_active: request.most_nonzeros.map_or(rank, |most| most.min(rank)),
            n_steps: STEPS * (rank + STEPS),
            misfit: if length > 0.0 { (noise / length).clamp(NO_CONTRIBUTION, MOST_NOISE) } else { NO_CONTRIBUTION },
        };
        let path = follow(Gram::Range(&self.projection), &correlations, limits, monitor)?;
        let mut found = self.finish(&path.active, &path.signs, &z, noise);
        found.residual = if norm > 0.0 { off_range / norm } else { 0.0 };
        found.n_steps = path.n_steps;
        if path.end == End::Limit && limits.n_active < rank {
            found.status = Status::Dense;
        } else if path.end == End::Solved && request.tolerance > 0.0 {
            found.status = Status::Approximate;
        } else if !(path.end == End::Solved && found.status == Status::Optimal) {
            let solved = simplex::minimise(basis, &z, &path.active, limits.n_steps, monitor)?;
            let Some(last) = solved else { return Ok(Solution { status: Status::Unsolved, ..found }) };
            let (residual, n_steps) = (found.residual, path.n_steps + last.n_steps);
            found = Solution { residual, n_steps, ..self.finish(&last.basis, &last.signs, &z, noise) };
        }
        Ok(found)
    }

    /// Least squares on the active columns, and the certificate for their signs.
    fn finish(&self, active: &[usize], signs: &[f64], z: &[f64], noise: f64) -> Solution {
        let basis = self.projection.factor().view();
        let Vertex { coefficients: values, multipliers, inverse_norm } = Vertex::new(basis, active, z, signs);
        let mut costs = vec![0.0; basis.ncols()];
        multiply_transposed(basis, &multipliers, &mut costs);
        // A maximum that keeps NaN, and so fails the certificate.
        let infeasibility = costs.iter().map(|u| u.abs() - 1.0).fold(-1.0, |most, u| if u <= most { most } else { u });
        let norm: f64 = values.iter().map(|v| v.abs()).sum();
        let gap = norm - z.iter().zip(&multipliers).map(|(a, b)| a * b).sum::<f64>();
        let gap = if norm > 0.0 { gap.abs() / norm } else { 0.0 };
        // What a column contributes is its coefficient times its norm; in orthonormal equations that is at most 1.
        let negligible = NO_CONTRIBUTION * values.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
        let mut kept: Vec<(usize, f64)> =
            active.iter().copied().zip(values).filter(|(_, v)| v.abs() > negligible).collect();
        kept.sort_by_key(|&(j, _)| j);
        let length = kept.iter().map(|(_, v)| v * v).sum::<f64>().sqrt();
        let (support, values) = kept.into_iter().unzip();
        let certified = infeasibility <= CERTIFICATE && gap <= CERTIFICATE;
        Solution {
            support,
            values,
            dual: self.space.multipliers(&multipliers),
            gap,
            infeasibility,
            residual: 0.0,
            noise_error: if noise > 0.0 && length > 0.0 {
                noise * inverse_norm / ((z.len() as f64).sqrt() * length)
            } else {
                0.0
            },
            n_steps: 0,
            status: if certified { Status::Optimal } else { Status::Unsolved },
        }
    }
}
