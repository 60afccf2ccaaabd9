//! Arrays of any element and SciPy's compressed columns, while Python holds them.

use crate::design::{CompressedColumns, Design, Element};
use crate::{Error, Result};
use numpy::{PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use std::fmt::Debug;

/// Columns that were copied.
pub type Block = Box<dyn Design + Send>;

/// What holds a design in memory while Python does.
trait Held {
    /// The design where it lies.
    fn view(&self) -> Result<Box<dyn Design + '_>>;

    /// A copy of all of it, in its own elements, if it is an array.
    fn copy(&self) -> Option<Block> {
        None
    }
}

/// A matrix in memory.
pub struct InMemory<'py>(Box<dyn Held + 'py>);

impl InMemory<'_> {
    /// The matrix where it lies.
    ///
    /// # Errors
    /// [`Error::Shape`] if it is sparse and its indices are no indices of it.
    pub fn view(&self) -> Result<Box<dyn Design + '_>> {
        self.0.view()
    }

    /// A copy of all of it, in its own elements, if it is an array.
    pub fn copy(&self) -> Option<Block> {
        self.0.copy()
    }
}

impl<'py> FromPyObject<'_, 'py> for InMemory<'py> {
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
        Ok(Self(Box::new(x.extract::<PyReadonlyArray2<'py, f64>>()?)))
    }
}

impl<T: Element + numpy::Element + 'static> Held for PyReadonlyArray2<'_, T> {
    fn view(&self) -> Result<Box<dyn Design + '_>> {
        Ok(Box::new(self.as_array()))
    }

    fn copy(&self) -> Option<Block> {
        Some(Box::new(self.as_array().to_owned()))
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
    fn view(&self) -> Result<Box<dyn Design + '_>> {
        let not_dense = |_| Error::invalid("X", "of compressed columns with strides", "contiguous");
        let starts = self.indptr.as_slice().map_err(not_dense)?;
        let rows = self.indices.as_slice().map_err(not_dense)?;
        let values = self.data.as_slice().map_err(not_dense)?;
        Ok(Box::new(CompressedColumns::new(self.shape, starts, rows, values)?))
    }
}
