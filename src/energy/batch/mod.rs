//! Energies of many problems at once, with their derivatives in every argument: what automatic differentiation needs.

mod bound;
mod preconditioned;

pub use super::in_data::Slopes;
pub use bound::ElboEnergy;

use crate::monitor::Monitor;
use crate::{Error, Result};
use ndarray::{ArrayViewD, Axis};
use rayon::prelude::*;
use std::marker::PhantomData;

/// A function of `N` arrays, such as an energy of prior variances, noise variance, design and responses.
pub trait BatchEnergy<const N: usize>: Sync {
    /// The energy of one problem; fills each of `slopes` with the derivatives in that argument, row after row.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NonFinite`] and [`Error::InvalidParameter`] for what cannot be evaluated;
    /// [`Error::NotPositiveDefinite`] and [`Error::NoDecomposition`] where float64 does not suffice.
    fn evaluate(&self, arguments: [ArrayViewD<'_, f64>; N], slopes: Slopes<'_, N>) -> Result<f64>;
}

/// An [`Energy`](super::Energy) as a function of prior variances, noise variance, design and responses (`n_samples`
/// values, or a matrix with one column a response), at one value of its parameter.
#[derive(Debug)]
pub struct Batch<E> {
    parameter: f64,
    energy: PhantomData<fn() -> E>,
}

impl<E> Batch<E> {
    /// The energy at this value of its parameter; `NaN` for one that has none.
    pub fn new(parameter: f64) -> Self {
        Self { parameter, energy: PhantomData }
    }

    /// That value.
    pub fn parameter(&self) -> f64 {
        self.parameter
    }
}

/// The batch of an energy that is [`InData`]; one that has a batch of its own says so.
macro_rules! batch_in_data {
    ($energy:ident) => {
        impl batch::BatchEnergy<4> for batch::Batch<$energy<'_>> {
            fn evaluate(
                &self,
                arguments: [ndarray::ArrayViewD<'_, f64>; 4],
                slopes: batch::Slopes<'_, 4>,
            ) -> Result<f64> {
                let problem = in_data::Problem::new(&arguments)?;
                if let Some(compressed) = compressed::Compressed::new(problem.x, &problem.y) {
                    let (x, responses) = (compressed.design.view(), compressed.responses(problem.n_responses));
                    return compressed.evaluate(&$energy::for_data(x, responses, self.parameter())?, &problem, slopes);
                }
                in_data::evaluate_one(
                    &$energy::for_data(problem.x, problem.responses(), self.parameter())?,
                    &problem,
                    slopes,
                )
            }
        }
    };
    ($energy:ident own) => {};
}
pub(super) use batch_in_data;

/// Energies of a batch of problems.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluations<const N: usize> {
    /// One energy a problem; the last leading dimension runs fastest.
    pub values: Vec<f64>,
    /// The derivatives in each argument in which they were wanted, in the shape of that argument, row after row.
    pub slopes: [Option<Vec<f64>>; N],
}

/// How the problems of a batch are evaluated.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// Leading dimensions that count problems, the same in every argument.
    pub n_leading: usize,
    /// Whether rayon's current threads share the problems.
    pub parallel: bool,
    /// Asked before each problem whether to go on.
    pub monitor: &'a Monitor<'a>,
}

/// Evaluates an energy for each problem of a batch. The result does not depend on the number of threads.
///
/// # Errors
/// As [`evaluate_into`].
///
/// # Complexity
/// That of the energy for each problem.
pub fn evaluate<E: BatchEnergy<N>, const N: usize>(
    energy: &E,
    arguments: [ArrayViewD<'_, f64>; N],
    wanted: [bool; N],
    plan: &Plan<'_>,
) -> Result<Evaluations<N>> {
    let mut slopes: [Option<Vec<f64>>; N] = std::array::from_fn(|k| wanted[k].then(|| vec![0.0; arguments[k].len()]));
    let values = evaluate_into(energy, arguments, slopes.each_mut().map(Option::as_deref_mut), plan)?;
    Ok(Evaluations { values, slopes })
}

/// As [`evaluate`], into buffers of the caller: for each argument in which derivatives are wanted, as many values as
/// the argument has. Returns the energies.
///
/// # Errors
/// Those of the first problem that has one, with its place in the batch; [`Error::Shape`] where arguments count their
/// problems differently or a buffer has another size; [`Error::Interrupted`].
///
/// # Complexity
/// As [`evaluate`].
pub fn evaluate_into<E: BatchEnergy<N>, const N: usize>(
    energy: &E,
    arguments: [ArrayViewD<'_, f64>; N],
    slopes: Slopes<'_, N>,
    plan: &Plan<'_>,
) -> Result<Vec<f64>> {
    let leading: Vec<usize> = arguments[0].shape().iter().take(plan.n_leading).copied().collect();
    let count = leading.iter().product::<usize>();
    let mut buffers: Vec<Slopes<'_, N>> = (0..count).map(|_| [const { None }; N]).collect();
    for (k, (argument, whole)) in arguments.iter().zip(slopes).enumerate() {
        let found: Vec<usize> = argument.shape().iter().take(plan.n_leading).copied().collect();
        if found != leading {
            return Err(Error::Shape {
                what: "the leading dimensions of an argument",
                expected: format!("{leading:?}, one entry for each problem,"),
                found: format!("{found:?}"),
            });
        }
        let Some(whole) = whole else { continue };
        if whole.len() != argument.len() {
            return Err(Error::Shape {
                what: "the buffer for derivatives",
                expected: format!("({},)", argument.len()),
                found: format!("({},)", whole.len()),
            });
        }
        let size = whole.len().checked_div(count).unwrap_or(0).max(1);
        buffers.iter_mut().zip(whole.chunks_exact_mut(size)).for_each(|(buffer, part)| buffer[k] = Some(part));
    }
    let one = |(problem, buffer)| {
        plan.monitor.check()?;
        let place = unravel(problem, &leading);
        let parts = arguments.each_ref().map(|argument| part(argument, &place));
        energy.evaluate(parts, buffer).map_err(|error| placed(error, &place))
    };
    let values: Vec<Result<f64>> = match plan.parallel {
        true => buffers.into_par_iter().enumerate().map(one).collect(),
        false => buffers.into_iter().enumerate().map(one).collect(),
    };
    values.into_iter().collect()
}

/// The index of an entry in an array of this shape.
fn unravel(mut entry: usize, shape: &[usize]) -> Vec<usize> {
    let mut place = vec![0; shape.len()];
    for (to, size) in place.iter_mut().zip(shape).rev() {
        *to = entry % size;
        entry /= size;
    }
    place
}

fn part<'a>(argument: &ArrayViewD<'a, f64>, place: &[usize]) -> ArrayViewD<'a, f64> {
    place.iter().fold(argument.clone(), |view, &index| view.index_axis_move(Axis(0), index))
}

/// The error of one problem, with its place in the batch.
fn placed(error: Error, place: &[usize]) -> Error {
    match error {
        error if place.is_empty() => error,
        Error::NonFinite { what, index } => Error::NonFinite { what, index: [place, &index].concat() },
        Error::InvalidParameter { name, value, allowed } => {
            Error::InvalidParameter { name, value: format!("{value} in problem {place:?}"), allowed }
        }
        error => error,
    }
}
