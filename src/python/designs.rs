//! Designs as Python has them: arrays of any element, SciPy's compressed columns, columns that are read on demand, and
//! those that lie in other processes, to which work is sent.

use crate::design::{CompressedColumns, Design, Element, Entries, Moment, Moments};
use crate::monitor::Monitor;
use crate::{Error, Result};
use ndarray::{Array2, ArrayViewMut2, Axis, s};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
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
/// Numbers that [`moments`] has for each column: those of [`Moment`], and the first row that is not finite.
const MOMENTS: usize = 5;

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
            let Some((row, column, values)) = part.extract::<Option<(usize, usize, Matrix<'_>)>>()? else { continue };
            values.view()?.with(self.monitor, |values| {
                let (rows, columns) = values.shape();
                if row + rows > out.nrows() || column + columns > out.ncols() {
                    let (expected, found) = (format!("{:?}, as it says,", self.shape()), "a part beyond it".to_owned());
                    return Err(Error::Shape { what: "X", expected, found });
                }
                let all: Vec<usize> = (0..columns).collect();
                values.read(&all, out.slice_mut(s![row..row + rows, column..column + columns]));
                Ok(())
            })?;
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
            let allowed =
                format!("at most {most} GiB for a fit that goes over all of it again and again in this process");
            return Err(Error::invalid("X", format!("a dask array of {found:.1} GiB"), &allowed));
        }
        self.columns.lock().keeps_all = true;
        Ok(())
    }
}

/// Of a block of columns with the roots of the weights of its samples, what its columns are standardised by, a row for
/// each of these numbers, and the first row in which they are not finite: infinity if there is none.
#[pyfunction]
fn moments<'py>(
    py: Python<'py>,
    x: Matrix<'py>,
    roots: PyReadonlyArray1<'py, f64>,
    centred: bool,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let (design, roots, monitor) = (x.view()?, roots.as_array().to_vec(), Monitor::default());
    let found = py.detach(|| design.with(&monitor, |x| Ok(Moments::of(x, &roots, centred, &monitor))))?;
    let mut out = Array2::from_elem((MOMENTS, found.of_columns.len()), f64::INFINITY);
    for (mut to, moment) in out.columns_mut().into_iter().zip(&found.of_columns) {
        (to[0], to[1], to[2], to[3]) = (moment.divisor, moment.mean, moment.share, moment.square);
    }
    if let Some((row, column)) = found.not_finite {
        out[[MOMENTS - 1, column]] = row as f64;
    }
    Ok(out.into_pyarray(py))
}

/// The product of the transpose of a block of columns with vectors, a row for each.
#[pyfunction]
fn multiply_transposed<'py>(
    py: Python<'py>,
    x: Matrix<'py>,
    vectors: PyReadonlyArray2<'py, f64>,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let (design, monitor) = (x.view()?, Monitor::default());
    let count = vectors.as_array().nrows();
    let vectors: Vec<f64> = vectors.as_array().iter().copied().collect();
    let found = py.detach(|| {
        design.with(&monitor, |x| {
            let mut out = Array2::zeros((count, x.shape().1));
            x.multiply_transposed(0..x.shape().1, &vectors, out.as_slice_mut().unwrap_or_default());
            Ok(out)
        })
    })?;
    Ok(found.into_pyarray(py))
}

/// Adds what this file defines to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(moments, module)?)?;
    module.add_function(wrap_pyfunction!(multiply_transposed, module)?)
}
