//! A tall design as no more rows than columns: `X = Q M`, by passes over its rows that keep neither `Q` nor a copy.

use super::coordinates::Coordinates;
use super::decompose::{cholesky, thin_svd};
use super::row_blocks::{RowTriangle, interruptible};
use super::row_space::{RANK_TOLERANCE, UNDOUBTED};
use crate::Result;
use crate::design::Standardised;
use crate::monitor::Monitor;
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use ndarray::{Array2, ArrayView2, aview1};

/// Smallest singular value of a design of unit columns down to which the Cholesky factor of its products is taken. Their
/// rounding, about 1e-15 for thousands of columns, weighs as much as its square is small: 1e-11. Chosen by hand.
const SMALLEST: f64 = 1e-2;
/// Share of a squared response below which what is left of it is found sample by sample. Above, the difference of two
/// squares has 11 digits at least.
const NEARLY_ALL: f64 = 1e-4;
/// Corrections of a response by what is left of it: each gains as many digits as the design has condition to spare.
const CORRECTIONS: usize = 3;

/// A tall design and its factor `M`, of no more rows than columns.
#[derive(Debug)]
pub struct Compression<'a> {
    design: Standardised<'a>,
    /// Those of `X^T = M^T Q^T`.
    coordinates: Coordinates,
}

impl<'a> Compression<'a> {
    /// Finds `M`: a triangle by Cholesky where the design is well conditioned, else by a QR of blocks of rows; where it has
    /// not full rank, from the singular values of that.
    ///
    /// # Errors
    /// [`Error::NoDecomposition`](crate::Error::NoDecomposition); [`Error::Interrupted`](crate::Error::Interrupted).
    ///
    /// # Complexity
    /// `O(n_rows n_cols^2)` time, `O(n_cols^2)` memory: the design is read a block of rows at a time, or copied where
    /// its rows cannot be read a few at a time and it is ill conditioned.
    pub fn new(mut design: Standardised<'a>, monitor: &Monitor<'_>) -> Result<Self> {
        let gram = design.take_gram(monitor)?;
        Self::by_gram(design, gram, monitor)
    }

    /// The same of a design whose `products` are known: `X^T X`, of which the lower triangle is read.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    ///
    /// # Complexity
    /// `O(n_cols^3)`, unless it is ill conditioned.
    pub fn of_products(design: Standardised<'a>, products: ArrayView2<'_, f64>, monitor: &Monitor<'_>) -> Result<Self> {
        let gram = Mat::from_fn(design.ncols(), design.ncols(), |i, j| products[[i, j]]);
        Self::by_gram(design, gram, monitor)
    }

    fn by_gram(design: Standardised<'a>, gram: Mat<f64>, monitor: &Monitor<'_>) -> Result<Self> {
        let coordinates = match well_conditioned(gram, monitor)? {
            Some(r) => Coordinates::Triangular(r),
            None => by_qr(&design, monitor)?,
        };
        Ok(Self { design, coordinates })
    }

    /// `M`, shape `(rank, n_cols)`.
    pub fn compressed(&self) -> Array2<f64> {
        match &self.coordinates {
            Coordinates::Triangular(r) => {
                Array2::from_shape_fn(r.shape(), |(i, j)| if i <= j { r[(i, j)] } else { 0.0 })
            }
            Coordinates::Singular { u, s } => Array2::from_shape_fn((s.len(), u.nrows()), |(i, j)| s[i] * u[(j, i)]),
        }
    }

    /// `Q^T y` of responses, one after the other, and the norm of what lies off the range of the design.
    ///
    /// By products with the design; where little is left of the responses, that is found sample by sample, and corrects
    /// what was found: noise-free data keep all of their digits.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::Error::Interrupted).
    ///
    /// # Complexity
    /// `O(n_rows n_cols)` for each response: one pass, and up to three where little is left.
    ///
    /// # References
    /// Björck, "Stability analysis of the method of seminormal equations", Linear Algebra and its Applications 88, 1987.
    pub fn rotate(&self, y: &[f64], monitor: &Monitor<'_>) -> Result<(Vec<f64>, f64)> {
        let (products, total) = self.pass(y, None, monitor)?;
        let mut rotated = self.coordinates.whiten(&products).0;
        let square = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>();
        let mut left = total - square(&rotated);
        for _ in 0..CORRECTIONS {
            if left > NEARLY_ALL * total {
                break;
            }
            let coefficients = self.coordinates.multipliers(&rotated);
            let (products, before) = self.pass(y, Some(&coefficients), monitor)?;
            let step = self.coordinates.whiten(&products).0;
            rotated.iter_mut().zip(&step).for_each(|(v, step)| *v += step);
            left = before - square(&step);
            if left > before / 2.0 {
                break;
            }
        }
        Ok((rotated, left.max(0.0).sqrt()))
    }

    /// What `coefficients` (none: 0) leave of responses: its products with all columns, and its squared norm.
    fn pass(&self, y: &[f64], coefficients: Option<&[f64]>, monitor: &Monitor<'_>) -> Result<(Vec<f64>, f64)> {
        let (rows, n) = self.design.dim();
        if !self.design.reads_rows() {
            return self.pass_by_columns(y, coefficients, monitor);
        }
        let n_responses = y.len().checked_div(rows).unwrap_or(0);
        let y = MatRef::from_column_major_slice(y, rows, n_responses);
        let mut products = vec![0.0; n * n_responses];
        let mut square = 0.0;
        self.design.row_blocks(monitor, |first, values| {
            let x = MatRef::from_row_major_slice(values, values.len() / n, n);
            let mut left = y.subrows(first, x.nrows()).to_owned();
            if let Some(z) = coefficients {
                let z = MatRef::from_column_major_slice(z, n, n_responses);
                matmul(left.as_mut(), Accum::Add, x, z, -1.0, Par::Seq);
            }
            square += left.squared_norm_l2();
            let to = MatMut::from_column_major_slice_mut(&mut products, n, n_responses);
            matmul(to, Accum::Add, x.transpose(), left.as_ref(), 1.0, Par::Seq);
            Ok(())
        })?;
        Ok((products, square))
    }

    /// As [`pass`](Self::pass), where samples cannot be read a few at a time: a pass by panels of columns for what is
    /// left, another one for the products.
    fn pass_by_columns(
        &self,
        y: &[f64],
        coefficients: Option<&[f64]>,
        monitor: &Monitor<'_>,
    ) -> Result<(Vec<f64>, f64)> {
        let (rows, n) = self.design.dim();
        let mut left = y.to_vec();
        if let Some(z) = coefficients {
            self.design.panels(|first, panel| {
                for (left, z) in left.chunks_exact_mut(rows).zip(z.chunks_exact(n)) {
                    let explained = panel.dot(&aview1(&z[first..first + panel.ncols()]));
                    left.iter_mut().zip(&explained).for_each(|(left, v)| *left -= v);
                }
            });
        }
        monitor.look()?;
        let mut products = vec![0.0; y.len() / rows * n];
        self.design.multiply_transposed(&left, &mut products);
        Ok((products, left.iter().map(|v| v * v).sum()))
    }
}

/// The transposed Cholesky factor of the products of columns of norm 1, if these are well conditioned; the lower triangle is
/// read.
///
/// # Errors
/// [`Error::Interrupted`](crate::Error::Interrupted).
///
/// # Complexity
/// `O(n_cols^3)`.
pub(super) fn well_conditioned(gram: Mat<f64>, monitor: &Monitor<'_>) -> Result<Option<Mat<f64>>> {
    let lower = interruptible(gram.nrows(), monitor, move || cholesky(gram))?;
    let Some(lower) = lower else { return Ok(None) };
    let factor = Coordinates::Triangular(lower.transpose().to_owned());
    let is_clear = factor.smallest_singular() > SMALLEST;
    Ok(if let Coordinates::Triangular(r) = factor { Some(r).filter(|_| is_clear) } else { None })
}

/// By a QR of blocks of rows, in which nothing is squared.
fn by_qr(design: &Standardised<'_>, monitor: &Monitor<'_>) -> Result<Coordinates> {
    let (rows, n) = design.dim();
    let mut triangle = RowTriangle::new(n, rows);
    design.row_blocks(monitor, |_, values| triangle.add(values, monitor))?;
    let r = triangle.upper(monitor)?;
    let triangular = Coordinates::Triangular(r.clone());
    // The squares of the singular values sum to the number of columns.
    if triangular.smallest_singular() > UNDOUBTED * RANK_TOLERANCE * (n as f64).sqrt() {
        return Ok(triangular);
    }
    let svd = interruptible(n, monitor, move || thin_svd(r.as_ref(), "X"))??;
    let largest = svd.s.first().copied().unwrap_or(0.0);
    let rank = svd.s.iter().take_while(|&&s| s > RANK_TOLERANCE * largest).count();
    Ok(Coordinates::Singular { u: svd.v.subcols(0, rank).to_owned(), s: svd.s[..rank].to_vec() })
}
