//! The distribution of the column of one effect, given all the others.

use pulp::Arch;

/// Values that are summed side by side, in an order that no machine changes.
const LANES: usize = 8;

/// Where one effect may be: at any column, or nowhere. Weights are not normalised.
pub(super) struct Conditional {
    /// One for each column.
    pub weights: Vec<f64>,
    /// Of no column.
    pub none: f64,
    /// Sum of all.
    pub total: f64,
}

impl Conditional {
    pub fn new(n: usize) -> Self {
        Self { weights: vec![0.0; n], none: 1.0, total: 1.0 }
    }

    /// `weights_j <- offset_j + scale_j squares_j`, the logarithms of what they will be.
    pub fn tabulate(&mut self, arch: Arch, offset: &[f64], scale: &[f64], squares: &[f64]) {
        arch.dispatch(|| {
            let terms = offset.iter().zip(scale.iter().zip(squares));
            self.weights
                .iter_mut()
                .zip(terms)
                .for_each(|(out, (offset, (scale, square)))| *out = offset + scale * square);
        });
    }

    /// `weights_j <- exp(weights_j)` beside `exp(log_none)`, all over the largest.
    pub fn normalise(&mut self, arch: Arch, log_none: f64) {
        let Self { weights, none, total } = self;
        arch.dispatch(|| {
            let top = largest(weights).max(log_none);
            *none = (log_none - top).exp();
            *total = *none + exponentials(weights, top);
        });
    }

    /// Writes the columns of a probability above `least` into `columns`, ascending; `false`, and only some of them are
    /// there, where they are more than `most`.
    pub fn likely(&self, arch: Arch, least: f64, most: usize, columns: &mut Vec<usize>) -> bool {
        let Self { weights, total, .. } = self;
        let share = 1.0 / total;
        columns.clear();
        arch.dispatch(|| {
            for (c, chunk) in weights.chunks(LANES).enumerate() {
                if chunk.iter().fold(false, |any, weight| any | (weight * share > least)) {
                    let likely = chunk.iter().enumerate().filter(|(_, weight)| **weight * share > least);
                    columns.extend(likely.map(|(l, _)| c * LANES + l));
                    if columns.len() > most {
                        return false;
                    }
                }
            }
            true
        })
    }

    /// The column at `u`, between 0 and 1, of the distribution; `None` for none.
    pub fn at(&self, u: f64) -> Option<usize> {
        let mut left = u * self.total - self.none;
        if left < 0.0 {
            return None;
        }
        let mut last = None;
        for (j, &weight) in self.weights.iter().enumerate() {
            left -= weight;
            if weight > 0.0 {
                last = Some(j);
            }
            if left < 0.0 {
                return last;
            }
        }
        last
    }
}

#[inline(always)]
fn largest(values: &[f64]) -> f64 {
    let mut top = [f64::NEG_INFINITY; LANES];
    let chunks = values.chunks_exact(LANES);
    chunks.remainder().iter().for_each(|value| top[0] = top[0].max(*value));
    for chunk in chunks {
        for l in 0..LANES {
            top[l] = top[l].max(chunk[l]);
        }
    }
    top.into_iter().fold(f64::NEG_INFINITY, f64::max)
}

#[inline(always)]
fn exponentials(values: &mut [f64], top: f64) -> f64 {
    let mut sums = [0.0; LANES];
    let mut chunks = values.chunks_exact_mut(LANES);
    for chunk in &mut chunks {
        for l in 0..LANES {
            chunk[l] = exp_of_negative(chunk[l] - top);
            sums[l] += chunk[l];
        }
    }
    for value in chunks.into_remainder() {
        *value = exp_of_negative(*value - top);
        sums[0] += *value;
    }
    sums.into_iter().sum()
}

/// `exp(x)` for `x <= 0`, to 1e-11 of it and 0 below exp(-700): arithmetic alone, so that loops over it are vectorised.
#[inline(always)]
fn exp_of_negative(x: f64) -> f64 {
    /// `1.5 * 2^52`: adding it rounds to a whole number, which then stands in the lowest bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let bounded = x.max(-700.0);
    let shifted = bounded * std::f64::consts::LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let r = (bounded - whole * LN_2_HIGH) - whole * LN_2_LOW;
    let mut series = 1.0 / 3_628_800.0;
    for c in [362_880.0, 40_320.0, 5_040.0, 720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0] {
        series = series * r + 1.0 / c;
    }
    let value = f64::from_bits(series.to_bits().wrapping_add(shifted.to_bits() << 52));
    if x < -700.0 { 0.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_agree_with_those_of_the_library() {
        for i in 0..100_000 {
            let x = -f64::from(i) * 0.007;
            assert!((exp_of_negative(x) / x.exp() - 1.0).abs() < 1e-11, "{x}");
        }
        assert!(exp_of_negative(-701.0) == 0.0 && exp_of_negative(f64::NEG_INFINITY) == 0.0);
    }

    #[test]
    fn a_draw_follows_the_weights() {
        let mut conditional = Conditional::new(3);
        let (offset, scale) = ([2.0_f64.ln(), 0.0, 0.0], [1.0; 3]);
        conditional.tabulate(Arch::new(), &offset, &scale, &[0.0, 0.0, 3.0_f64.ln()]);
        conditional.normalise(Arch::new(), 4.0_f64.ln());
        let drawn: Vec<_> = (0..10).map(|i| conditional.at((f64::from(i) + 0.5) / 10.0)).collect();
        let (a, b, c) = (Some(0), Some(1), Some(2));
        assert_eq!(drawn, [None, None, None, None, a, a, b, c, c, c]);
    }

    #[test]
    fn likely_columns_are_those_above_a_probability() {
        let mut conditional = Conditional::new(20);
        let logs: Vec<f64> = (0..20).map(|j| if j % 7 == 3 { 0.0 } else { -30.0 }).collect();
        conditional.tabulate(Arch::new(), &logs, &[0.0; 20], &[0.0; 20]);
        conditional.normalise(Arch::new(), -30.0);
        let mut columns = vec![5];
        assert!(conditional.likely(Arch::new(), 1e-3, 3, &mut columns));
        assert_eq!(columns, [3, 10, 17]);
        assert!(!conditional.likely(Arch::new(), 1e-20, 10, &mut columns));
    }
}
