//! Assembly of the lower triangle of `X diag(w) X^T` (docs/notation: w is `prior_var`).

use super::packed::{NV, Packed};
use pulp::{Simd, WithSimd};

/// Columns of the design summed per pass: two panels of this length stay in the first-level cache.
pub(super) const PASS: usize = 128;

/// `sigma <- X diag(w) X^T`, lower triangle, column-major with leading dimension `design.leading()`.
pub(super) struct Gram<'a> {
    pub design: &'a Packed,
    pub w: &'a [f64],
    pub sigma: &'a mut [f64],
    /// Scratch of `PASS * block_rows` values.
    pub scaled: &'a mut [f64],
}

impl WithSimd for Gram<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F64_LANES {
            8 => self.run::<S, 8>(simd),
            4 => self.run::<S, 4>(simd),
            2 => self.run::<S, 6>(simd),
            _ => self.run::<S, 3>(simd),
        }
    }
}

impl Gram<'_> {
    #[inline(always)]
    fn run<S: Simd, const MR: usize>(self, simd: S) {
        let Self { design, w, sigma, scaled } = self;
        let (n, padded, width, leading) = (design.n_cols(), design.padded_rows, design.width(), design.leading());
        let lanes = S::F64_LANES;
        for start in (0..n).step_by(PASS) {
            let len = PASS.min(n - start);
            for j in (0..padded).step_by(MR) {
                let own = j / width;
                let panel = |p: usize| &design.rows[(p * n + start) * width..][..len * width];
                let scaled = &mut scaled[..len * MR];
                for ((to, from), &wk) in
                    scaled.chunks_exact_mut(MR).zip(panel(own).chunks_exact(width)).zip(&w[start..start + len])
                {
                    scale::<S>(simd, &from[j % width..][..MR], wk, to);
                }
                for p in own..padded.div_ceil(width) {
                    let first = if p == own { (j - p * width) / lanes } else { 0 };
                    let count = (padded - p * width).div_ceil(lanes).min(NV) - first;
                    let out = &mut sigma[j * leading + p * width + first * lanes..];
                    let add = start > 0;
                    // Calls, not a chosen function pointer: only an inlined tile keeps its vector instructions.
                    match (first, count) {
                        (0, 3) => tile::<S, MR, 0, 3>(simd, scaled, panel(p), out, leading, add),
                        (0, 2) => tile::<S, MR, 0, 2>(simd, scaled, panel(p), out, leading, add),
                        (0, _) => tile::<S, MR, 0, 1>(simd, scaled, panel(p), out, leading, add),
                        (1, 2) => tile::<S, MR, 1, 2>(simd, scaled, panel(p), out, leading, add),
                        (1, _) => tile::<S, MR, 1, 1>(simd, scaled, panel(p), out, leading, add),
                        _ => tile::<S, MR, 2, 1>(simd, scaled, panel(p), out, leading, add),
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn scale<S: Simd>(simd: S, from: &[f64], by: f64, to: &mut [f64]) {
    let (from, rest) = S::as_simd_f64s(from);
    let (to, to_rest) = S::as_mut_simd_f64s(to);
    for (t, &f) in to.iter_mut().zip(from) {
        *t = simd.mul_f64s(f, simd.splat_f64s(by));
    }
    for (t, &f) in to_rest.iter_mut().zip(rest) {
        *t = f * by;
    }
}

/// One tile: `MR` columns of `Sigma_x` by `COUNT` registers of rows, the sum over `len` columns of the design.
#[inline(always)]
fn tile<S: Simd, const MR: usize, const FIRST: usize, const COUNT: usize>(
    simd: S,
    scaled: &[f64],
    panel: &[f64],
    out: &mut [f64],
    leading: usize,
    add: bool,
) {
    let mut acc = [[simd.splat_f64s(0.0); COUNT]; MR];
    let panel = S::as_simd_f64s(panel).0.as_chunks::<NV>().0;
    for (a, b) in scaled.as_chunks::<MR>().0.iter().zip(panel) {
        for r in 0..MR {
            let a = simd.splat_f64s(a[r]);
            for v in 0..COUNT {
                acc[r][v] = simd.mul_add_f64s(a, b[FIRST + v], acc[r][v]);
            }
        }
    }
    for (column, acc) in out.chunks_mut(leading).zip(&acc) {
        let column = S::as_mut_simd_f64s(column).0;
        for (c, &a) in column.iter_mut().zip(acc) {
            *c = if add { simd.add_f64s(*c, a) } else { a };
        }
    }
}
