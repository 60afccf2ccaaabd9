//! Columns that Python reads when they are asked for, or that other processes hold, to which work is sent.

use super::arrays::{Block, InMemory};
use crate::design::{Design, Moment, Moments};
use crate::monitor::Monitor;
use crate::{Error, Result};
use ndarray::{Array2, ArrayViewMut2, Axis, s};
use numpy::{IntoPyArray, PyArray1, PyArrayMethods};
use pyo3::call::PyCallArgs;
use pyo3::prelude::*;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Columns of a block that are asked for at once, from which the whole block is read and kept.
const SWEEP: usize = 16;

/// Bytes of columns in other processes up to which a search that goes over them again and again takes them all into this
/// one (2 GiB). Chosen by hand.
const MOST_HELD: usize = 1 << 31;
/// Numbers that are known of each column: those of [`Moment`], and the first row that is not finite.
pub const MOMENTS: usize = 5;

/// What Python says of columns that it reads: an object with `shape`, `block_columns` and `read(start, stop)`.
#[derive(FromPyObject)]
struct Source {
    shape: (usize, usize),
    block_columns: usize,
    read: Py<PyAny>,
    /// Of columns in other processes, what works on them there: an object with `multiply(vectors)`, `moments(roots,
    /// centred)` and `gather(columns)`, iterators over parts of what they find.
    remote: Option<Py<PyAny>>,
}

/// Columns that are read on demand, a block of them kept, or all.
pub struct Columns {
    source: Source,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The blocks that are kept, by their numbers.
    blocks: BTreeMap<usize, Block>,
    /// Whether these are to be all, once they have been read.
    keeps_all: bool,
    /// What the first read that failed raised.
    error: Option<PyErr>,
}

impl Columns {
    /// What Python raised when it was last asked for columns.
    pub fn take_error(&self) -> Option<PyErr> {
        self.lock().error.take()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks Python for the columns from `start` to before `stop`.
    fn ask(&self, start: usize, stop: usize) -> PyResult<Block> {
        Python::attach(|py| {
            let matrix: InMemory<'_> = self.source.read.bind(py).call1((start, stop))?.extract()?;
            let block = matrix.copy().ok_or_else(|| Error::invalid("X", "read as no array", "read as arrays"))?;
            let wanted = (self.source.shape.0, stop - start);
            if block.shape() != wanted {
                let (expected, found) = (format!("{wanted:?}, as it says,"), format!("{:?}", block.shape()));
                return Err(Error::Shape { what: "X[:, start:stop]", expected, found }.into());
            }
            Ok(block)
        })
    }

    /// The block of this number, read unless it is the one that is kept.
    fn block<'s>(&self, state: &'s mut State, number: usize) -> PyResult<&'s Block> {
        if !state.blocks.contains_key(&number) {
            // What was kept goes before the next is read.
            if !state.keeps_all {
                state.blocks.clear();
            }
            let (width, n) = (self.source.block_columns, self.source.shape.1);
            let block = self.ask(number * width, n.min((number + 1) * width))?;
            state.blocks.insert(number, block);
        }
        state.blocks.get(&number).ok_or_else(|| Error::invalid("X", "not there", "read in blocks").into())
    }
}

impl<'py> FromPyObject<'_, 'py> for Columns {
    type Error = PyErr;

    fn extract(x: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self { source: x.extract()?, state: Mutex::default() })
    }
}

/// Columns of a call that can be ended: once it is to end, or a read has failed, there are zeros to read.
pub struct Watched<'a> {
    pub columns: &'a Columns,
    pub monitor: &'a Monitor<'a>,
}

impl Debug for Watched<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched").field("shape", &self.columns.source.shape).finish_non_exhaustive()
    }
}

impl Watched<'_> {
    /// Whether work is sent to where the columns are.
    fn is_remote(&self) -> bool {
        self.columns.source.remote.is_some() && !self.columns.lock().keeps_all
    }

    /// Calls `read` unless the call is to end; keeps what Python raises there, and ends the call.
    fn try_read(&self, read: impl FnOnce(&mut State) -> PyResult<()>) {
        let mut state = self.columns.lock();
        if self.monitor.is_stopped() {
            return;
        }
        if let Err(error) = read(&mut state) {
            state.error.get_or_insert(error);
            self.monitor.stop();
        }
    }

    /// Calls a method of what works elsewhere, and puts the parts that come, `(row, column, array)`, where they belong in
    /// `out`. Where none comes for a while None does, so that the call can end.
    fn collect<A>(&self, method: &str, arguments: impl FnOnce(Python<'_>) -> PyResult<A>, out: ArrayViewMut2<'_, f64>)
    where
        A: for<'py> PyCallArgs<'py>,
    {
        let Some(remote) = self.columns.source.remote.as_ref().filter(|_| !self.monitor.is_stopped()) else { return };
        let found = Python::attach(|py| {
            let parts = remote.bind(py).call_method1(method, arguments(py)?)?;
            let outcome = self.place(&parts, out);
            // What is still to be done need not be done.
            parts.call_method0("close")?;
            outcome
        });
        if let Err(error) = found {
            self.columns.lock().error.get_or_insert(error);
            self.monitor.stop();
        }
    }

    fn place(&self, parts: &Bound<'_, PyAny>, mut out: ArrayViewMut2<'_, f64>) -> PyResult<()> {
        for part in parts.try_iter()? {
            let part = part?;
            if self.monitor.is_stopped() {
                break;
            }
            let Some((row, column, values)) = part.extract::<Option<(usize, usize, InMemory<'_>)>>()? else { continue };
            let values = values.view()?;
            let (rows, columns) = values.shape();
            if row + rows > out.nrows() || column + columns > out.ncols() {
                let (expected, found) = (format!("{:?}, as it says,", self.shape()), "a part beyond it".to_owned());
                return Err(Error::Shape { what: "X", expected, found }.into());
            }
            let all: Vec<usize> = (0..columns).collect();
            values.read(&all, out.slice_mut(s![row..row + rows, column..column + columns]));
        }
        Ok(())
    }

    /// Columns that lie elsewhere, each of which comes once.
    fn gather(&self, columns: &[usize], out: ArrayViewMut2<'_, f64>) {
        let indices = |columns: &[usize]| columns.iter().map(|&j| j as i64).collect::<Vec<_>>();
        if columns.is_sorted_by(|a, b| a < b) {
            return self.collect("gather", |py| Ok((indices(columns).into_pyarray(py).unbind(),)), out);
        }
        let mut ascending = columns.to_vec();
        ascending.sort_unstable();
        ascending.dedup();
        let mut gathered = Array2::zeros((out.nrows(), ascending.len()));
        self.gather(&ascending, gathered.view_mut());
        let places: Vec<usize> = columns.iter().filter_map(|j| ascending.binary_search(j).ok()).collect();
        gathered.read(&places, out);
    }
}

impl Design for Watched<'_> {
    fn shape(&self) -> (usize, usize) {
        self.columns.source.shape
    }

    fn read(&self, columns: &[usize], mut out: ArrayViewMut2<'_, f64>) {
        out.fill(0.0);
        // Others than all of a range are few of many.
        if self.is_remote() && !(columns.len() >= SWEEP && columns.windows(2).all(|pair| pair[1] == pair[0] + 1)) {
            return self.gather(columns, out);
        }
        let (width, mut done) = (self.columns.source.block_columns, 0);
        for chosen in columns.chunk_by(|a, b| a / width == b / width) {
            let mut to = out.slice_mut(s![.., done..done + chosen.len()]);
            done += chosen.len();
            if chosen.len() >= SWEEP || self.columns.lock().keeps_all {
                let own: Vec<usize> = chosen.iter().map(|j| j % width).collect();
                self.try_read(|state| {
                    self.columns.block(state, chosen[0] / width)?.read(&own, to);
                    Ok(())
                });
                continue;
            }
            for (&j, to) in chosen.iter().zip(to.axis_chunks_iter_mut(Axis(1), 1)) {
                self.try_read(|_| {
                    self.columns.ask(j, j + 1)?.read(&[0], to);
                    Ok(())
                });
            }
        }
    }

    fn multiply_transposed(&self, columns: Range<usize>, vectors: &[f64], out: &mut [f64]) {
        let (n, width) = (columns.len(), self.columns.source.block_columns);
        let count = out.len().checked_div(n).unwrap_or(0);
        out.fill(0.0);
        if self.is_remote() {
            let (count, n_features) = (vectors.len() / self.shape().0.max(1), self.shape().1);
            let shape = [count, self.shape().0];
            let rows = |py: Python<'_>| Ok((PyArray1::from_slice(py, vectors).reshape(shape)?.unbind(),));
            if n == n_features {
                let Ok(out) = ArrayViewMut2::from_shape((count, n), out) else { return };
                return self.collect("multiply", rows, out);
            }
            // Columns at both ends that are constant come as well.
            let mut all = Array2::zeros((count, n_features));
            self.collect("multiply", rows, all.view_mut());
            out.iter_mut().zip(all.slice(s![.., columns])).for_each(|(to, product)| *to = *product);
            return;
        }
        for number in columns.start / width..columns.end.div_ceil(width) {
            self.try_read(|state| {
                let block = self.columns.block(state, number)?;
                let first = number * width;
                let own = columns.start.max(first) - first..columns.end.min(first + block.shape().1) - first;
                let mut part = vec![0.0; count * own.len()];
                block.multiply_transposed(own.clone(), vectors, &mut part);
                for (to, part) in out.chunks_exact_mut(n).zip(part.chunks_exact(own.len())) {
                    to[first + own.start - columns.start..][..part.len()].copy_from_slice(part);
                }
                Ok(())
            });
        }
    }

    fn span(&self) -> usize {
        if self.is_remote() {
            // One pass sends all vectors at once.
            return self.shape().1;
        }
        self.columns.source.block_columns
    }

    fn is_shared(&self) -> bool {
        // One block is kept at a time.
        false
    }

    fn moments(&self, roots: &[f64], centred: bool) -> Option<Moments> {
        if !self.is_remote() {
            return None;
        }
        let mut found = Array2::zeros((MOMENTS, self.shape().1));
        found.row_mut(MOMENTS - 1).fill(f64::INFINITY);
        let weights = |py: Python<'_>| Ok((PyArray1::from_slice(py, roots).unbind(), centred));
        self.collect("moments", weights, found.view_mut());
        let numbers = found.columns().into_iter();
        let of_columns = numbers.map(|m| Moment { divisor: m[0], mean: m[1], share: m[2], square: m[3] }).collect();
        let bad = found.row(MOMENTS - 1).into_iter().enumerate().filter(|(_, row)| row.is_finite());
        let not_finite = bad.map(|(j, row)| (*row as usize, j)).min();
        Some(Moments { of_columns, not_finite })
    }

    fn hold(&self) -> Result<()> {
        let Some(remote) = &self.columns.source.remote else { return Ok(()) };
        let size = |py: Python<'_>| remote.bind(py).getattr("nbytes")?.extract();
        let bytes = Python::attach(size).unwrap_or(usize::MAX);
        if bytes > MOST_HELD {
            let (found, most) = (bytes as f64 / f64::from(1 << 30), MOST_HELD >> 30);
            let allowed = format!(
                "at most {most} GiB for a fit that goes over all of it again and again in this process; `VaeSlr` and `SimultaneousSparseVae` with `noise_var=\"auto\"` search wide data in few passes"
            );
            return Err(Error::invalid("X", format!("a dask array of {found:.1} GiB"), &allowed));
        }
        self.columns.lock().keeps_all = true;
        Ok(())
    }
}
