//! Seeded test problems: designs, leadfields, sparse coefficients, components and their combinators, low-rank
//! matrices with outliers, noise at a stated level.
//!
//! Every draw takes its seed as an argument. One ChaCha stream serves one column of one kind of draw, so a result
//! depends neither on the number of threads nor on what else is drawn from the same seed, and the first columns of a
//! design do not change when more are asked for. The last argument of all is the monitor that can stop them.

mod components;
mod dct;
mod design;
mod leadfield;
mod low_rank;
mod row_sparse;
mod sarvas;
mod signal;

pub use components::{SymmetricLaw, make_combinators, make_sparse_components};
pub use dct::{DctRows, make_partial_dct_design};
pub use design::{Design, make_design};
pub use leadfield::{Leadfield, LeadfieldSettings, Orientation, Region, Sensors, make_meg_leadfield};
pub use low_rank::{LowRankOutliers, LowRankSettings, make_low_rank_outliers};
pub use row_sparse::{JEFFREYS_RANGE, NoisyResponses, RowScale, add_response_noise, make_row_sparse_coef};
pub use sarvas::sarvas_field;
pub use signal::{Law, NoisySignal, add_noise, make_sparse_coef, sample_support};

use crate::monitor::Monitor;
use crate::{Error, Result};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What a stream of random numbers is drawn for; streams of different purposes never overlap.
#[derive(Clone, Copy)]
enum Purpose {
    /// The independent normals behind one column of a design.
    Column = 0,
    /// The factor that the columns of one block share.
    Block = 1,
    /// Which coefficients are nonzero.
    Support = 2,
    /// The values of the nonzero coefficients.
    Coefficient = 3,
    /// Additive noise.
    Noise = 4,
    /// What one factor of row-sparse coefficients gives to each feature.
    FeatureFactor = 5,
    /// What one factor of row-sparse coefficients gives to each response.
    ResponseFactor = 6,
    /// The norms of the rows of row-sparse coefficients.
    RowNorm = 7,
    /// The directions of current dipoles.
    Direction = 8,
    /// Which entries of a component are nonzero.
    ComponentSupport = 9,
    /// The values of the nonzero entries of a component.
    ComponentValue = 10,
    /// The order in which balanced combinators take the components.
    CombinatorDeck = 11,
    /// Which entries of a combinator are nonzero.
    CombinatorSupport = 12,
    /// The values of the nonzero entries of a combinator.
    CombinatorValue = 13,
    /// Which rows of a transform a design keeps.
    Frequency = 14,
    /// What a sample gives to each dimension of a low-rank matrix.
    SampleFactor = 15,
    /// What a column gives to each dimension of a low-rank matrix.
    ColumnFactor = 16,
    /// Which entries of a sample are outliers.
    OutlierPlace = 17,
    /// The values of outliers.
    OutlierValue = 18,
    /// Which entries of a sample are missing.
    MissingPlace = 19,
}

/// The generator of stream `index` for `purpose` under `seed`.
fn stream(seed: u64, purpose: Purpose, index: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(((purpose as u64) << 56) | index as u64);
    rng
}

/// Values between two looks at the monitor: less than a millisecond, by far, of the fastest draws.
const LOOK: usize = 1 << 14;

/// Calls `draw` for each value in turn, unless the call is to end.
fn fill<T>(values: impl IntoIterator<Item = T>, monitor: &Monitor<'_>, mut draw: impl FnMut(T)) -> Result<()> {
    for (i, value) in values.into_iter().enumerate() {
        if i % LOOK == 0 {
            monitor.advance()?;
        }
        draw(value);
    }
    Ok(())
}

/// A zero matrix, or an error where a size is zero or the matrix too large to allocate; sizes come with their names.
fn zeros(rows: (&'static str, usize), columns: (&'static str, usize)) -> Result<Array2<f64>> {
    for (name, size) in [rows, columns] {
        if size == 0 {
            return Err(Error::invalid(name, 0, "at least 1"));
        }
    }
    let (name, size) = if rows.1 > columns.1 { rows } else { columns };
    let len = rows.1.checked_mul(columns.1).ok_or_else(|| too_large(name, size))?;
    // Asked for once to see whether it can be had, then as zeros of the system, which no page is touched for.
    drop(reserve::<f64>(name, size, len)?);
    Array2::from_shape_vec((rows.1, columns.1), vec![0.0; len]).map_err(|_| too_large(name, size))
}

/// Room for `len` values, or an error that names the size that asks for it.
fn reserve<T>(name: &'static str, size: usize, len: usize) -> Result<Vec<T>> {
    let mut room = Vec::new();
    room.try_reserve_exact(len).map_err(|_| too_large(name, size))?;
    Ok(room)
}

fn too_large(name: &'static str, size: usize) -> Error {
    Error::invalid(name, size, "small enough for the result to fit in memory")
}

/// Refuses a matrix that holds NaN or infinity.
fn check_finite(what: &'static str, matrix: ArrayView2<'_, f64>) -> Result<()> {
    match matrix.indexed_iter().find(|(_, value)| !value.is_finite()) {
        Some(((i, j), _)) => Err(Error::NonFinite { what, index: vec![i, j] }),
        None => Ok(()),
    }
}

/// The Euclidean norm of each column.
fn column_norms(matrix: &Array2<f64>, monitor: &Monitor<'_>) -> Result<Array1<f64>> {
    let norm = |column: ArrayView1<'_, f64>| monitor.advance().map(|()| column.dot(&column).sqrt());
    matrix.columns().into_iter().map(norm).collect()
}

/// Divides each column by its norm.
fn divide(matrix: &mut Array2<f64>, norms: &Array1<f64>, monitor: &Monitor<'_>) -> Result<()> {
    matrix.rows_mut().into_iter().try_for_each(|mut row| {
        row /= norms;
        monitor.advance()
    })
}
