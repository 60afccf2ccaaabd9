//! ER-SPUD with two columns: a program for each pair of rows.

use super::span::Span;
use super::tolerances::LEAST_PAIRS;
use crate::Result;
use crate::monitor::Monitor;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Solves `min ||s||_1` over the span subject to `s_i + s_j = 1`, for disjoint random pairs `(i, j)`, until there are as
/// many sparse vectors as dimensions, or no rows left.
pub(super) fn search(span: &mut Span, seed: u64, monitor: &Monitor<'_>) -> Result<()> {
    let mut rows: Vec<usize> = (0..span.basis().ncols()).collect();
    rows.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let pairs: Vec<&[usize]> = rows.chunks_exact(2).collect();
    for some in pairs.chunks(span.rank().max(LEAST_PAIRS)) {
        let basis = span.basis();
        let sums = some.iter().map(|pair| &basis.column(pair[0]) + &basis.column(pair[1])).collect();
        span.run(sums, monitor)?;
        if span.is_complete() {
            break;
        }
    }
    Ok(())
}
