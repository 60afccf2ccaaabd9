//! Random designs, from well to badly conditioned.

use super::{Purpose, column_norms, divide, fill, stream, zeros};
use crate::monitor::Monitor;
use crate::{Error, Result};
use ndarray::{Array1, Array2, ArrayViewMut1, Axis, Zip};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// The law of the rows of a design; rows are independent and have mean zero.
///
/// With E the expectation over rows, a row r has the covariance C(i, j) = E\[r_i r_j\]:
///
/// | kind | C(i, j), columns counted from 1 |
/// |---|---|
/// | `Gaussian` | 1 if i = j, else 0 |
/// | `RandomWalk` | min(i, j) |
/// | `Toeplitz` | correlation^\|i - j\| |
/// | `Block` | 1 if i = j, else `correlation` within a block and 0 between blocks |
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Design {
    /// Independent standard normal entries.
    Gaussian,
    /// Each row is a Gaussian random walk across the columns.
    RandomWalk,
    /// Each row is a stationary autoregression of order one across the columns.
    Toeplitz {
        /// Correlation of neighbouring columns, strictly between -1 and 1.
        correlation: f64,
    },
    /// Consecutive columns form equicorrelated blocks; blocks are independent.
    Block {
        /// Correlation of two columns of one block, at least 0 and less than 1.
        correlation: f64,
        /// Columns of a block; the last block may be smaller.
        block_size: usize,
    },
}

impl Design {
    fn check(self) -> Result<()> {
        match self {
            Self::Gaussian | Self::RandomWalk => Ok(()),
            Self::Toeplitz { correlation } if -1.0 < correlation && correlation < 1.0 => Ok(()),
            Self::Toeplitz { correlation } => {
                Err(Error::invalid("correlation", correlation, "strictly between -1 and 1"))
            }
            Self::Block { block_size: 0, .. } => Err(Error::invalid("block_size", 0, "at least 1")),
            Self::Block { correlation, .. } if (0.0..1.0).contains(&correlation) => Ok(()),
            Self::Block { correlation, .. } => {
                Err(Error::invalid("correlation", correlation, "at least 0 and less than 1"))
            }
        }
    }
}

/// A random design of shape (`n_samples`, `n_features`) in row-major order.
///
/// With independent standard normals g_j (one vector per column) and f_b (one per block), column x_j is
///
/// - `Gaussian`: g_j
/// - `RandomWalk`: x_(j-1) + g_j, from x_0 = 0
/// - `Toeplitz`: c x_(j-1) + sqrt(1 - c^2) g_j, from x_1 = g_1, with c the correlation
/// - `Block`: sqrt(c) f_b + sqrt(1 - c) g_j, for column j of block b
///
/// and, with `unit_norm`, x_j / ||x_j||_2. The normals of a column come from a stream of their own.
///
/// # Errors
/// [`Error::InvalidParameter`] if a size is zero, the design does not fit in memory, or a parameter of `design` lies
/// outside its range; [`Error::Interrupted`] where the caller asks to stop.
///
/// # Complexity
/// O(`n_samples` x `n_features`) time, one vector of `n_samples` besides the result.
///
/// # References
/// Pratihar and Mukhopadhyay, ICML 2025, sec. 5.1 (Gaussian) and sec. 5.2, eq. 19 (random walk).
pub fn make_design(
    design: Design,
    n_samples: usize,
    n_features: usize,
    unit_norm: bool,
    seed: u64,
    monitor: &Monitor<'_>,
) -> Result<Array2<f64>> {
    design.check()?;
    let mut x = zeros(("n_samples", n_samples), ("n_features", n_features))?;
    let mut previous = Array1::<f64>::zeros(n_samples);
    for (j, mut column) in x.axis_iter_mut(Axis(1)).enumerate() {
        fill_normal(&mut column, stream(seed, Purpose::Column, j), monitor)?;
        match design {
            Design::Gaussian => {}
            Design::RandomWalk => {
                column += &previous;
                previous.assign(&column);
            }
            Design::Toeplitz { correlation } => {
                if j > 0 {
                    mix(&mut column, &previous, correlation, (1.0 - correlation * correlation).sqrt());
                }
                previous.assign(&column);
            }
            Design::Block { correlation, block_size } => {
                if j % block_size == 0 {
                    fill_normal(&mut previous.view_mut(), stream(seed, Purpose::Block, j / block_size), monitor)?;
                }
                mix(&mut column, &previous, correlation.sqrt(), (1.0 - correlation).sqrt());
            }
        }
    }
    if unit_norm {
        let norms = column_norms(&x, monitor)?;
        divide(&mut x, &norms, monitor)?;
    }
    Ok(x)
}

fn fill_normal(column: &mut ArrayViewMut1<'_, f64>, mut rng: ChaCha8Rng, monitor: &Monitor<'_>) -> Result<()> {
    fill(column, monitor, |value| *value = StandardNormal.sample(&mut rng))
}

/// `column` <- `a` * `shared` + `b` * `column`.
fn mix(column: &mut ArrayViewMut1<'_, f64>, shared: &Array1<f64>, a: f64, b: f64) {
    Zip::from(column).and(shared).for_each(|value, &other| *value = a * other + b * *value);
}
