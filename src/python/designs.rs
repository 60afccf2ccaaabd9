//! Designs as Python has them: arrays of any element, SciPy's compressed columns, and columns that are read on demand.

use crate::design::{CompressedColumns, Design, Element, Entries};
use crate::monitor::Monitor;
use crate::{Error, Result};
use ndarray::{ArrayViewMut2, Axis, s};
use numpy::{PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use std::fmt::Debug;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Columns of a block that are asked for at once, from which the whole block is read and kept.
const SWEEP: usize = 16;

/// Columns that were read.
type Block = Box<dyn Design + Send>;

/// What holds a design while Python does.
trait Held {
    /// The design where it lies.
    fn view(&self) -> Result<View<'_>>;

    /// A copy of all of it, in its own elements, if it is an array.
    fn copy(&self) -> Option<Block> {
        None
    }

    /// What Python raised when it was last asked for columns.
    fn take_error(&self) -> Option<PyErr> {
        None
    }
}

/// A design that needs no interpreter, or one that asks Python for its columns.
pub enum View<'a> {
    InMemory(Box<dyn Design + 'a>),
    OnDemand(&'a Columns),
}

impl View<'_> {
    /// Calls `work` with the design. What Python raises stops `monitor`; see [`Matrix::finish`].
    pub fn with<T>(&self, monitor: &Monitor<'_>, work: impl FnOnce(&dyn Design) -> Result<T>) -> Result<T> {
        match self {
            Self::InMemory(design) => work(&**design),
            Self::OnDemand(columns) => work(&Watched { columns, monitor }),
        }
    }
}

/// The argument `X` of a fit.
pub struct Matrix<'py>(Box<dyn Held + 'py>);

impl Matrix<'_> {
    /// The design where it lies.
    ///
    /// # Errors
    /// [`Error::Shape`] if it is sparse and its indices are no indices of it.
    pub fn view(&self) -> Result<View<'_>> {
        self.0.view()
    }

    /// The outcome of a fit, but what Python raised meanwhile if it did.
    pub fn finish<T>(&self, outcome: PyResult<T>) -> PyResult<T> {
        self.0.take_error().map_or(outcome, Err)
    }
}

impl<'py> FromPyObject<'_, 'py> for Matrix<'py> {
    type Error = PyErr;

    fn extract(x: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        macro_rules! first_of {
            ($($type:ty),+) => {$(
                if let Ok(held) = x.extract::<PyReadonlyArray2<'py, $type>>() {
                    return Ok(Self(Box::new(held)));
                }
                if let Ok(held) = x.extract::<Compressed<'py, $type, i32>>() {
                    return Ok(Self(Box::new(held)));
                }
                if let Ok(held) = x.extract::<Compressed<'py, $type, i64>>() {
                    return Ok(Self(Box::new(held)));
                }
            )+};
        }
        first_of!(f64, f32, i8, u8, bool, i16, i32, i64, u16, u32, u64);
        Ok(Self(Box::new(x.extract::<Columns>()?)))
    }
}

impl<T: Element + numpy::Element + 'static> Held for PyReadonlyArray2<'_, T> {
    fn view(&self) -> Result<View<'_>> {
        Ok(View::InMemory(Box::new(self.as_array())))
    }

    fn copy(&self) -> Option<Block> {
        Some(Box::new(self.as_array().to_owned()))
    }
}

/// What holds an array while Python does.
trait HeldEntries {
    fn view(&self) -> Box<dyn Entries + '_>;
}

impl<T: Element + numpy::Element + 'static> HeldEntries for PyReadonlyArray2<'_, T> {
    fn view(&self) -> Box<dyn Entries + '_> {
        Box::new(self.as_array())
    }
}

/// An array of any element that is read as it lies.
pub struct Dense<'py>(Box<dyn HeldEntries + 'py>);

impl Dense<'_> {
    /// The array where it lies.
    pub fn view(&self) -> Box<dyn Entries + '_> {
        self.0.view()
    }
}

impl<'py> FromPyObject<'_, 'py> for Dense<'py> {
    type Error = PyErr;

    fn extract(x: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        macro_rules! first_of {
            ($($type:ty),+) => {$(
                if let Ok(held) = x.extract::<PyReadonlyArray2<'py, $type>>() {
                    return Ok(Self(Box::new(held)));
                }
            )+};
        }
        first_of!(f32, i8, u8, bool, i16, i32, i64, u16, u32, u64);
        Ok(Self(Box::new(x.extract::<PyReadonlyArray2<'py, f64>>()?)))
    }
}

/// A `csc_array` or `csc_matrix` of SciPy.
#[derive(FromPyObject)]
struct Compressed<'py, T: numpy::Element, I: numpy::Element> {
    shape: (usize, usize),
    indptr: PyReadonlyArray1<'py, I>,
    indices: PyReadonlyArray1<'py, I>,
    data: PyReadonlyArray1<'py, T>,
}

impl<T, I> Held for Compressed<'_, T, I>
where
    T: Element + numpy::Element,
    I: Copy + Sync + Debug + TryInto<usize> + numpy::Element,
{
    fn view(&self) -> Result<View<'_>> {
        let not_dense = |_| Error::invalid("X", "of compressed columns with strides", "contiguous");
        let starts = self.indptr.as_slice().map_err(not_dense)?;
        let rows = self.indices.as_slice().map_err(not_dense)?;
        let values = self.data.as_slice().map_err(not_dense)?;
        Ok(View::InMemory(Box::new(CompressedColumns::new(self.shape, starts, rows, values)?)))
    }
}

/// What Python says of columns that it reads: an object with `shape`, `block_columns` and `read(start, stop)`.
#[derive(FromPyObject)]
struct Source {
    shape: (usize, usize),
    block_columns: usize,
    read: Py<PyAny>,
}

/// Columns that are read on demand, a block of them kept.
pub struct Columns {
    source: Source,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The number of the block that is kept, and its columns.
    block: Option<(usize, Block)>,
    /// What the first read that failed raised.
    error: Option<PyErr>,
}

impl Held for Columns {
    fn view(&self) -> Result<View<'_>> {
        Ok(View::OnDemand(self))
    }

    fn take_error(&self) -> Option<PyErr> {
        self.lock().error.take()
    }
}

impl Columns {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks Python for the columns from `start` to before `stop`.
    fn ask(&self, start: usize, stop: usize) -> PyResult<Block> {
        Python::attach(|py| {
            let matrix: Matrix<'_> = self.source.read.bind(py).call1((start, stop))?.extract()?;
            let block = matrix.0.copy().ok_or_else(|| Error::invalid("X", "read as no array", "read as arrays"))?;
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
        let width = self.source.block_columns;
        let kept = match state.block.take() {
            Some(kept) if kept.0 == number => kept,
            // What was kept goes before the next is read: there is one at a time.
            before => {
                drop(before);
                (number, self.ask(number * width, self.source.shape.1.min((number + 1) * width))?)
            }
        };
        Ok(&state.block.insert(kept).1)
    }
}

impl<'py> FromPyObject<'_, 'py> for Columns {
    type Error = PyErr;

    fn extract(x: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self { source: x.extract()?, state: Mutex::default() })
    }
}

/// Columns of a call that can be ended: once it is to end, or a read has failed, there are zeros to read.
struct Watched<'a> {
    columns: &'a Columns,
    monitor: &'a Monitor<'a>,
}

impl Debug for Watched<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched").field("shape", &self.columns.source.shape).finish_non_exhaustive()
    }
}

impl Watched<'_> {
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
}

impl Design for Watched<'_> {
    fn shape(&self) -> (usize, usize) {
        self.columns.source.shape
    }

    fn read(&self, columns: &[usize], mut out: ArrayViewMut2<'_, f64>) {
        out.fill(0.0);
        let (width, mut done) = (self.columns.source.block_columns, 0);
        for chosen in columns.chunk_by(|a, b| a / width == b / width) {
            let mut to = out.slice_mut(s![.., done..done + chosen.len()]);
            done += chosen.len();
            if chosen.len() >= SWEEP {
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

    fn is_shared(&self) -> bool {
        // One block is kept at a time.
        false
    }
}
