//! What is done for one entry of the samples after the other, many side by side.

use pulp::{Arch, Simd, WithSimd};

/// Entries that are worked on side by side.
const LANES: usize = 16;
/// Mantissas whose product is in range: each is less than 2.
const IN_RANGE: usize = 1000;

const MANTISSA: u64 = (1 << 52) - 1;
const ONE: u64 = 1.0_f64.to_bits();

/// `out <- a b`, entry by entry.
pub(super) fn weigh(arch: Arch, a: &[f64], b: &[f64], out: &mut [f64]) {
    arch.dispatch(|| out.iter_mut().zip(a.iter().zip(b)).for_each(|(out, (a, b))| *out = a * b));
}

/// Adds rows, as long as `totals`, to it.
pub(super) fn add_rows(arch: Arch, rows: &[f64], totals: &mut [f64]) {
    arch.dispatch(|| {
        for row in rows.chunks_exact(totals.len()) {
            totals.iter_mut().zip(row).for_each(|(total, v)| *total += v);
        }
    });
}

/// `fitted <- p (x - fitted)`, for values `x` and their precisions `p`, and `next` from what is uncertain in `fitted` to
/// the next precisions, at most `1 / floor`; the sum of `x p (x - fitted) - log p`.
///
/// Of an entry of precision 0, which was not observed, nothing is known, and it adds nothing.
pub(super) fn settle(
    arch: Arch,
    (values, precision): (&[f64], &[f64]),
    fitted: &mut [f64],
    next: &mut [f64],
    floor: f64,
) -> f64 {
    let len = IN_RANGE * LANES;
    let inputs = values.chunks(len).zip(precision.chunks(len));
    let outputs = fitted.chunks_mut(len).zip(next.chunks_mut(len));
    let settle =
        |((values, precision), (fitted, next))| arch.dispatch(Settle { values, precision, fitted, next, floor });
    inputs.zip(outputs).map(settle).sum()
}

/// Some entries of [`settle`].
struct Settle<'a> {
    values: &'a [f64],
    precision: &'a [f64],
    fitted: &'a mut [f64],
    next: &'a mut [f64],
    floor: f64,
}

impl WithSimd for Settle<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let floor = self.floor;
        let mut sums = Sums::new();
        let (values, precision) = (self.values.as_chunks(), self.precision.as_chunks());
        let (fitted, next) = (self.fitted.as_chunks_mut(), self.next.as_chunks_mut());
        for ((x, p), (fit, next)) in values.0.iter().zip(precision.0).zip(fitted.0.iter_mut().zip(next.0)) {
            sums.add(x, p, fit, next, floor);
        }
        // The last few as if others followed that were not observed.
        let (mut fit, mut new) = (filled(fitted.1), filled(next.1));
        sums.add(&filled(values.1), &filled(precision.1), &mut fit, &mut new, floor);
        fitted.1.copy_from_slice(&fit[..fitted.1.len()]);
        next.1.copy_from_slice(&new[..next.1.len()]);
        sums.total()
    }
}

#[inline(always)]
fn filled(values: &[f64]) -> [f64; LANES] {
    std::array::from_fn(|l| values.get(l).copied().unwrap_or(0.0))
}

/// Sums over entries, of which the logarithm of `p` is that of a product of mantissas.
struct Sums {
    misfit: [f64; LANES],
    mantissas: [f64; LANES],
    exponents: [i64; LANES],
}

impl Sums {
    #[inline(always)]
    fn new() -> Self {
        Self { misfit: [0.0; LANES], mantissas: [1.0; LANES], exponents: [0; LANES] }
    }

    #[inline(always)]
    fn add(&mut self, x: &[f64; LANES], p: &[f64; LANES], fit: &mut [f64; LANES], next: &mut [f64; LANES], floor: f64) {
        for l in 0..LANES {
            let gap = x[l] - fit[l];
            fit[l] = p[l] * gap;
            self.misfit[l] += x[l] * fit[l];
            let square = gap * gap + if next[l] > 0.0 { next[l] } else { 0.0 };
            let inverse = 1.0 / if square > floor { square } else { floor };
            next[l] = if p[l] > 0.0 { inverse } else { 0.0 };
            let bits = if p[l] > 0.0 { p[l].to_bits() } else { ONE };
            self.exponents[l] += (bits >> 52) as i64 - (ONE >> 52) as i64;
            self.mantissas[l] *= f64::from_bits((bits & MANTISSA) | ONE);
        }
    }

    #[inline(always)]
    fn total(&self) -> f64 {
        let exponent = self.exponents.iter().sum::<i64>() as f64 * std::f64::consts::LN_2;
        self.misfit.iter().sum::<f64>() - self.mantissas.iter().map(|m| m.ln()).sum::<f64>() - exponent
    }
}
