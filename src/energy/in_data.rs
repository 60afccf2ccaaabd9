//! Energies of the marginal covariance as functions of design and responses too. Letters: w is `prior_var`, gamma is
//! `noise_var`, d and n are the rows and columns of the design, L is the number of responses, A is `multipliers`
//! (docs/notation).

use super::interface::{Energy, Point, check};
use crate::linalg::multiply_transposed;
use crate::problem::Responses;
use crate::{Error, Result};
use ndarray::{ArrayView1, ArrayView2, ArrayViewD, ArrayViewMut2, Axis, Ix1, Ix2, s};

/// Room for the derivatives in those arguments in which they are wanted.
pub type Slopes<'a, const N: usize> = [Option<&'a mut [f64]>; N];

/// An energy `tr[Y Y^T Sigma^-1] + L C` with `Sigma = X diag(v) X^T + gamma I`, which can be differentiated in design
/// and responses.
///
/// With `A = Sigma^-1 Y` and `Q = X^T A` its derivative is `2 (L C' - A Q^T) diag(v)` in `X`, and `2 A` in `Y`; `C'` is
/// `Sigma^-1 X` where `C` is the log-determinant.
pub(super) trait InData: Energy {
    /// `A`, response after response.
    fn multipliers(&self, scratch: &Self::Scratch) -> Vec<f64>;

    /// The variance `v` of a column.
    fn variance(&self, at: Point<'_>, j: usize) -> f64 {
        at.prior_var[j]
    }

    /// Whether `s` costs a pass over the design that [`solve`](Self::solve) makes as well.
    const SOLVES_FOR_S: bool;

    /// Turns columns of the design, from column `first` on, into those of `C'`, and finds their `s`.
    fn solve(&self, at: Point<'_>, first: usize, columns: &mut [f64], s: &mut [f64], scratch: &Self::Scratch);
}

/// One problem of a batch.
pub(super) fn evaluate_one<E: InData>(energy: &E, problem: &Problem<'_>, mut slopes: Slopes<'_, 4>) -> Result<f64> {
    let wanted = slopes.each_mut().map(|slope| slope.as_deref_mut());
    let (value, _) = differentiate(energy, problem, wanted)?;
    finite(value, &slopes)
}

/// The arguments of one problem, checked.
pub(super) struct Problem<'a> {
    pub prior_var: Vec<f64>,
    pub noise_var: f64,
    pub x: ArrayView2<'a, f64>,
    /// Response after response.
    pub y: Vec<f64>,
    pub n_responses: usize,
}

impl<'a> Problem<'a> {
    pub fn new([prior_var, noise_var, x, y]: &[ArrayViewD<'a, f64>; 4]) -> Result<Self> {
        let x = x.clone().into_dimensionality::<Ix2>().map_err(|_| shape("X", "(n_samples, n_features)", x))?;
        let columns = if y.ndim() == 1 { y.clone().insert_axis(Axis(1)) } else { y.clone() };
        let wanted = "(n_samples,) or (n_samples, n_responses)";
        let y = columns.into_dimensionality::<Ix2>().map_err(|_| shape("y", wanted, y))?;
        let problem = Self {
            prior_var: vector("prior_var", "(n_features,)", prior_var)?.to_vec(),
            noise_var: number("noise_var", noise_var)?,
            x,
            y: y.t().iter().copied().collect(),
            n_responses: y.ncols(),
        };
        check(x, y, &problem.prior_var, problem.noise_var)?;
        Ok(problem)
    }

    /// The responses, of which nothing was taken away.
    pub fn responses(&self) -> Responses<'_> {
        Responses::new(&self.y, self.n_responses)
    }

    /// Where the energy is evaluated.
    pub fn at(&self) -> Point<'_> {
        Point { prior_var: &self.prior_var, noise_var: self.noise_var }
    }
}

pub(super) fn shape(what: &'static str, expected: &str, found: &ArrayViewD<'_, f64>) -> Error {
    Error::Shape { what, expected: expected.to_owned(), found: format!("{:?}", found.shape()) }
}

pub(super) fn vector<'a>(
    what: &'static str,
    expected: &str,
    values: &ArrayViewD<'a, f64>,
) -> Result<ArrayView1<'a, f64>> {
    values.clone().into_dimensionality::<Ix1>().map_err(|_| shape(what, expected, values))
}

pub(super) fn number(what: &'static str, value: &ArrayViewD<'_, f64>) -> Result<f64> {
    match value.first() {
        Some(number) if value.ndim() == 0 => Ok(*number),
        _ => Err(shape(what, "() for each problem", value)),
    }
}

/// Columns of the design that are solved for together: they stay in the second-level cache.
const BLOCK: usize = 128;

/// The energy of one problem with the derivatives that are wanted; and its memory, in which they were found.
///
/// # Complexity
/// `d^2 n + d^3 / 3` floating-point operations; as many again for the derivative in `w`, and `2 d^2 n` for those in `X`
/// and `w` together.
pub(super) fn differentiate<E: InData>(
    energy: &E,
    problem: &Problem<'_>,
    [to_prior_var, to_noise_var, to_x, to_y]: Slopes<'_, 4>,
) -> Result<(f64, E::Scratch)> {
    let (at, (d, n), count) = (problem.at(), problem.x.dim(), problem.n_responses);
    let responses = count as f64;
    let mut scratch = energy.scratch();
    // s and q with the energy, unless a pass for the derivative in the design makes them on its way.
    let with_factors = to_prior_var.is_some() && (to_x.is_none() || !E::SOLVES_FOR_S);
    let found = if with_factors { energy.evaluate(at, &mut scratch) } else { energy.value(at, &mut scratch) };
    let value = found.map_err(|pivot| pivot.at(0))?;
    let needed = to_x.is_some() || to_y.is_some();
    let multipliers = if needed { energy.multipliers(&scratch) } else { Vec::new() };
    if let Some(to) = to_y {
        let columns = multipliers.chunks_exact(d).enumerate();
        columns.for_each(|(l, a)| (0..d).for_each(|i| to[i * count + l] = 2.0 * a[i]));
    }
    if let Some(to) = to_noise_var {
        to[0] = energy.slope_in_noise(at, &scratch);
    }
    let mut factors = None;
    if let Some(to) = to_x {
        let (mut s, mut q) = (vec![0.0; n], vec![0.0; count * n]);
        multiply_transposed(problem.x, &multipliers, &mut q);
        slope_in_design(energy, problem, &scratch, (&multipliers, &q), &mut s, to);
        factors = Some((s, q));
    }
    if let Some(to) = to_prior_var {
        match factors {
            Some((s, q)) if !with_factors => {
                to.iter_mut().zip(&s).for_each(|(to, s)| *to = responses * s);
                q.chunks_exact(n).for_each(|q| to.iter_mut().zip(q).for_each(|(to, q)| *to -= q * q));
            }
            _ => {
                let factors = energy.s(&scratch).iter().zip(energy.q_squared(&scratch));
                to.iter_mut().zip(factors).for_each(|(to, (s, q))| *to = responses * s - q);
            }
        }
    }
    Ok((value, scratch))
}

/// `to <- 2 (L C' - A Q^T) diag(v)`, and `s`.
fn slope_in_design<E: InData>(
    energy: &E,
    problem: &Problem<'_>,
    scratch: &E::Scratch,
    (multipliers, q): (&[f64], &[f64]),
    s: &mut [f64],
    to: &mut [f64],
) {
    let ((d, n), responses, at) = (problem.x.dim(), problem.n_responses as f64, problem.at());
    let Ok(mut to) = ArrayViewMut2::from_shape((d, n), to) else { return };
    let mut block = vec![0.0; BLOCK.min(n) * d];
    for first in (0..n).step_by(BLOCK) {
        let last = (first + BLOCK).min(n);
        let columns = &mut block[..(last - first) * d];
        if let Ok(mut columns) = ArrayViewMut2::from_shape((last - first, d), columns) {
            columns.assign(&problem.x.slice(s![.., first..last]).t());
        }
        energy.solve(at, first, columns, &mut s[first..last], scratch);
        for (j, column) in (first..).zip(columns.chunks_exact_mut(d)) {
            column.iter_mut().for_each(|v| *v *= responses);
            for (a, q) in multipliers.chunks_exact(d).zip(q.chunks_exact(n)) {
                column.iter_mut().zip(a).for_each(|(v, a)| *v -= a * q[j]);
            }
            let scale = 2.0 * energy.variance(at, j);
            column.iter_mut().for_each(|v| *v *= scale);
        }
        if let Ok(columns) = ArrayView2::from_shape((last - first, d), columns) {
            to.slice_mut(s![.., first..last]).assign(&columns.t());
        }
    }
}

/// Refuses an energy or a derivative beyond the range of float64.
pub(super) fn finite<const N: usize>(value: f64, slopes: &Slopes<'_, N>) -> Result<f64> {
    let all = |values: &[f64]| values.iter().fold(true, |ok, v| ok & v.is_finite());
    if value.is_finite() && slopes.iter().flatten().all(|slopes| all(slopes)) {
        return Ok(value);
    }
    Err(Error::scales("`X`, `y` and the parameters", f64::INFINITY))
}
