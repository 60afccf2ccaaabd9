//! Seeded test problems: designs, sparse coefficients, noise at a stated level.
//!
//! Every draw takes its seed as an argument. One ChaCha stream serves one column of one kind of draw, so a result
//! depends neither on the number of threads nor on what else is drawn from the same seed, and the first columns of a
//! design do not change when more are asked for.

mod design;
mod signal;

pub use design::{Design, make_design};
pub use signal::{Law, NoisySignal, add_noise, make_sparse_coef, sample_support};

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
}

/// The generator of stream `index` for `purpose` under `seed`.
fn stream(seed: u64, purpose: Purpose, index: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(((purpose as u64) << 56) | index as u64);
    rng
}
