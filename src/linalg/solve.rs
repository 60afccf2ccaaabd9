//! `A = L^-1 X` panel by panel, never stored: only its column sums of squares (s) and its products with `b = L^-1 x`
//! (q), for one response x or several, leave.

use super::packed::{NV, Packed, block_rows};
use pulp::{Simd, WithSimd};

/// The factor `L` of `Sigma_x` as the solve reads it: blocks of rows, each column by column, negated; the diagonal
/// apart.
#[derive(Debug, Clone)]
pub(super) struct PackedFactor {
    negated: Vec<f64>,
    inverse_diagonal: Vec<f64>,
    block: usize,
}

impl PackedFactor {
    pub fn new(design: &Packed) -> Self {
        let (padded, block) = (design.padded_rows, block_rows(design.lanes));
        Self {
            negated: vec![0.0; padded * (padded + block) / 2],
            // The padding keeps a unit diagonal for good.
            inverse_diagonal: vec![1.0; padded],
            block,
        }
    }

    /// Copies the lower triangle of `n_rows` rows out of column-major `factor`.
    pub fn pack(&mut self, factor: &[f64], leading: usize, n_rows: usize) {
        let block = self.block;
        let mut blocks = self.negated.chunks_exact_mut(block);
        for first in (0..self.inverse_diagonal.len()).step_by(block) {
            for column in 0..first + block {
                let Some(to) = blocks.next() else { return };
                for (row, (t, f)) in (first..n_rows).zip(to.iter_mut().zip(&factor[column * leading + first..])) {
                    *t = if row > column { -f } else { 0.0 };
                }
            }
        }
        for (i, inverse) in self.inverse_diagonal[..n_rows].iter_mut().enumerate() {
            *inverse = 1.0 / factor[i * leading + i];
        }
    }

    /// `b <- L^-1 b`.
    pub fn solve_vector(&self, b: &mut [f64]) {
        let block = self.block;
        let mut columns = self.negated.chunks_exact(block);
        for first in (0..b.len()).step_by(block) {
            let (done, rest) = b.split_at_mut(first);
            let mine = &mut rest[..block];
            for (&x, column) in done.iter().zip(columns.by_ref()) {
                for (m, l) in mine.iter_mut().zip(column) {
                    *m += l * x;
                }
            }
            for r in 0..block {
                let Some(column) = columns.next() else { return };
                let x = mine[r] * self.inverse_diagonal[first + r];
                for (m, l) in mine[r + 1..].iter_mut().zip(&column[r + 1..]) {
                    *m += l * x;
                }
                mine[r] = x;
            }
        }
    }
}

/// Responses whose products with a panel are summed in one pass over it.
const TOGETHER: usize = 4;

/// Fills `s_j = ||A_j||^2` and `q_j = A_j . b`.
pub(super) struct Solve<'a> {
    pub design: &'a Packed,
    pub factor: &'a PackedFactor,
    /// Response after response, as `q`.
    pub b: &'a [f64],
    /// Scratch of `padded_rows * width` values.
    pub panel: &'a mut [f64],
    pub s: &'a mut [f64],
    pub q: &'a mut [f64],
}

impl WithSimd for Solve<'_> {
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

impl Solve<'_> {
    #[inline(always)]
    fn run<S: Simd, const MR: usize>(self, simd: S) {
        let Self { design, factor, b, panel, s, q } = self;
        let width = design.width();
        if design.padded_rows == 0 {
            return; // Nothing to sum: `s` and `q` stay 0.
        }
        let sources = design.cols.chunks_exact(design.padded_rows * width);
        let (b, others) = b.split_at(design.padded_rows);
        let (q, other_q) = q.split_at_mut(s.len());
        let stride = s.len();
        let sums = s.chunks_exact_mut(width).zip(q.chunks_exact_mut(width));
        for ((p, source), (s, q)) in sources.enumerate().zip(sums) {
            let mut to = Strided { values: &mut *other_q, first: p * width, stride };
            match (design.n_cols() - p * width).div_ceil(S::F64_LANES) {
                1 => {
                    solve_panel::<S, MR, 1>(simd, source, factor, b, panel, s, q);
                    multiply_panel::<S, 1>(simd, panel, others, design.padded_rows, &mut to);
                }
                2 => {
                    solve_panel::<S, MR, 2>(simd, source, factor, b, panel, s, q);
                    multiply_panel::<S, 2>(simd, panel, others, design.padded_rows, &mut to);
                }
                _ => {
                    solve_panel::<S, MR, 3>(simd, source, factor, b, panel, s, q);
                    multiply_panel::<S, 3>(simd, panel, others, design.padded_rows, &mut to);
                }
            }
        }
    }
}

/// One panel's place in the products of every response.
struct Strided<'a> {
    values: &'a mut [f64],
    first: usize,
    stride: usize,
}

/// Products of `V` registers of solved columns with every response of `b`, `rows` values each.
#[inline(always)]
fn multiply_panel<S: Simd, const V: usize>(simd: S, panel: &[f64], b: &[f64], rows: usize, to: &mut Strided<'_>) {
    let panel = S::as_simd_f64s(panel).0.as_chunks::<V>().0;
    for (group, b) in b.chunks(TOGETHER * rows).enumerate() {
        let mut sums = [[simd.splat_f64s(0.0); V]; TOGETHER];
        let count = b.len() / rows;
        if count == TOGETHER {
            let (b0, rest) = b.split_at(rows);
            let (b1, rest) = rest.split_at(rows);
            let (b2, b3) = rest.split_at(rows);
            for ((((a, &x0), &x1), &x2), &x3) in panel.iter().zip(b0).zip(b1).zip(b2).zip(b3) {
                for (sum, x) in sums.iter_mut().zip([x0, x1, x2, x3]) {
                    let x = simd.splat_f64s(x);
                    for v in 0..V {
                        sum[v] = simd.mul_add_f64s(a[v], x, sum[v]);
                    }
                }
            }
        } else {
            for (sum, b) in sums.iter_mut().zip(b.chunks_exact(rows)) {
                for (a, &x) in panel.iter().zip(b) {
                    let x = simd.splat_f64s(x);
                    for v in 0..V {
                        sum[v] = simd.mul_add_f64s(a[v], x, sum[v]);
                    }
                }
            }
        }
        for (l, sum) in sums.iter().enumerate().take(count) {
            let q = &mut to.values[(group * TOGETHER + l) * to.stride + to.first..][..V * S::F64_LANES];
            S::as_mut_simd_f64s(q).0.copy_from_slice(sum);
        }
    }
}

/// Forward substitution on `V` registers of columns, `MR` rows at a time.
#[inline(always)]
fn solve_panel<S: Simd, const MR: usize, const V: usize>(
    simd: S,
    source: &[f64],
    factor: &PackedFactor,
    b: &[f64],
    panel: &mut [f64],
    s: &mut [f64],
    q: &mut [f64],
) {
    let zero = simd.splat_f64s(0.0);
    let (mut sum_s, mut sum_q) = ([zero; V], [zero; V]);
    let source = S::as_simd_f64s(source).0.as_chunks::<NV>().0.as_chunks::<MR>().0;
    let panel = S::as_mut_simd_f64s(panel).0.as_chunks_mut::<V>().0;
    let inverse = factor.inverse_diagonal.as_chunks::<MR>().0;
    let mut negated = factor.negated.as_chunks::<MR>().0;
    for (block, ((source, inverse), b)) in source.iter().zip(inverse).zip(b.as_chunks::<MR>().0).enumerate() {
        let first = block * MR;
        let (below, rest) = negated.split_at(first);
        let (diagonal, rest) = rest.split_at(MR);
        negated = rest;
        let (done, mine) = panel.split_at_mut(first);

        let mut acc = [[zero; V]; MR];
        for (l, a) in below.iter().zip(done.iter()) {
            for r in 0..MR {
                let l = simd.splat_f64s(l[r]);
                for v in 0..V {
                    acc[r][v] = simd.mul_add_f64s(l, a[v], acc[r][v]);
                }
            }
        }

        let Some(diagonal) = diagonal.first_chunk::<MR>() else { return };
        let Some(mine) = mine.first_chunk_mut::<MR>() else { return };
        for v in 0..V {
            let mut x = [zero; MR];
            for r in 0..MR {
                x[r] = simd.add_f64s(source[r][v], acc[r][v]);
            }
            // Written out, so that `x` stays in registers: the loop over a triangle is not unrolled otherwise.
            macro_rules! substitute {
                ($($row:literal)*) => { $(
                    if $row < MR {
                        x[$row] = simd.mul_f64s(x[$row], simd.splat_f64s(inverse[$row]));
                        mine[$row][v] = x[$row];
                        sum_s[v] = simd.mul_add_f64s(x[$row], x[$row], sum_s[v]);
                        sum_q[v] = simd.mul_add_f64s(x[$row], simd.splat_f64s(b[$row]), sum_q[v]);
                        for t in $row + 1..MR {
                            x[t] = simd.mul_add_f64s(x[$row], simd.splat_f64s(diagonal[$row][t]), x[t]);
                        }
                    }
                )* };
            }
            substitute!(0 1 2 3 4 5 6 7);
        }
    }
    for (to, sum) in [(s, sum_s), (q, sum_q)] {
        for (t, &x) in S::as_mut_simd_f64s(to).0.iter_mut().zip(&sum) {
            *t = x;
        }
    }
}
