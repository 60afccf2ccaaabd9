//! Blocks of rows about the means of their columns, one after the other, so that their products add up.

use pulp::Arch;

/// By how much entries may be larger than those of the first block before their products are taken at another scale.
/// Chosen by hand: sums of squares are far from the ends of float64.
const FAR: f64 = 1e30;

/// The power of two below a magnitude, or near it at the ends of float64: dividing by it costs no digit.
fn power_of_two(magnitude: f64) -> f64 {
    if !magnitude.is_finite() || magnitude == 0.0 {
        return 1.0;
    }
    // Its reciprocal is a normal number too.
    f64::from_bits(((magnitude.to_bits() >> 52) & 0x7ff).clamp(1, 2045) << 52)
}

/// Means, weight and scale of the columns of all rows so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Centring {
    /// Powers of two that columns are divided by.
    pub divisors: Vec<f64>,
    /// Largest magnitudes.
    pub largest: Vec<f64>,
    /// Near the means of the first rows if centred, else 0; of divided columns.
    pub origin: Vec<f64>,
    /// Weighted means, less the origin; 0 unless centred.
    pub means: Vec<f64>,
    /// The sum of all weights; 0 unless centred.
    pub weight: f64,
}

/// Loops over a block of rows; inlined into functions that know the vector registers of the machine.
struct Block<'b> {
    values: &'b mut [f64],
    roots: &'b [f64],
}

impl Block<'_> {
    fn rows(&mut self, n: usize) -> impl Iterator<Item = &mut [f64]> {
        self.values.chunks_exact_mut(n.max(1))
    }

    /// Takes the bits of the largest magnitudes, in whose order what is not finite comes last.
    #[inline(always)]
    fn magnitudes(&mut self, largest: &mut [i64]) {
        for row in self.rows(largest.len()) {
            largest.iter_mut().zip(row).for_each(|(largest, v)| {
                let bits = v.abs().to_bits() as i64;
                *largest = if bits > *largest { bits } else { *largest };
            });
        }
    }

    /// `x <- x / divisor - origin`.
    #[inline(always)]
    fn shift(&mut self, reciprocals: &[f64], origin: &[f64]) {
        for row in self.rows(origin.len()) {
            row.iter_mut().zip(reciprocals.iter().zip(origin)).for_each(|(v, (scale, o))| *v = *v * scale - o);
        }
    }

    /// Weighted sums.
    #[inline(always)]
    fn sums(&mut self, sums: &mut [f64]) {
        let roots = self.roots;
        for (row, root) in self.rows(sums.len()).zip(roots) {
            sums.iter_mut().zip(row).for_each(|(sum, v)| *sum += root * root * *v);
        }
    }

    /// `x <- (x - mean) root`.
    #[inline(always)]
    fn centre(&mut self, means: &[f64]) {
        let roots = self.roots;
        for (row, root) in self.rows(means.len()).zip(roots) {
            row.iter_mut().zip(means).for_each(|(v, mean)| *v = (*v - mean) * root);
        }
    }
}

impl Centring {
    /// Of no rows yet, at the scale and about the means of the first ones, row by row; `divisors` where they are known.
    pub fn about(rows: &[f64], n: usize, divisors: Option<Vec<f64>>, centred: bool) -> Self {
        let mut largest = vec![0.0_f64; n];
        let each = || rows.chunks_exact(n.max(1));
        each().for_each(|row| largest.iter_mut().zip(row).for_each(|(most, v)| *most = most.max(v.abs())));
        let divisors = divisors.unwrap_or_else(|| largest.into_iter().map(power_of_two).collect());
        let mut origin = vec![0.0; n];
        if centred {
            let count = each().len() as f64;
            let add = |row: &[f64]| {
                origin.iter_mut().zip(row.iter().zip(&divisors)).for_each(|(sum, (v, d))| *sum += v / d);
            };
            each().for_each(add);
            origin.iter_mut().for_each(|sum| *sum /= count);
        }
        Self { divisors, largest: vec![0.0; n], origin, means: vec![0.0; n], weight: 0.0 }
    }

    /// Divisors that suit all rows so far, where these do not.
    pub fn better_divisors(&self) -> Option<Vec<f64>> {
        let is_near = |(m, d): (&f64, &f64)| *m == 0.0 || (1.0 / FAR..FAR).contains(&(m / d)) || !m.is_finite();
        let all_near = self.largest.iter().zip(&self.divisors).all(is_near);
        (!all_near).then(|| self.largest.iter().map(|&m| power_of_two(m)).collect())
    }

    /// Changes divisors that do not suit all rows so far; by what rows of divided columns are to be multiplied then.
    pub fn rescale(&mut self) -> Option<Vec<f64>> {
        let better = self.better_divisors()?;
        let divisors = std::mem::replace(&mut self.divisors, better);
        let factors: Vec<f64> = divisors.iter().zip(&self.divisors).map(|(old, new)| old / new).collect();
        for values in [&mut self.origin, &mut self.means] {
            values.iter_mut().zip(&factors).for_each(|(v, factor)| *v *= factor);
        }
        Some(factors)
    }

    /// Takes in the magnitudes of rows, one after the other.
    pub fn look(&mut self, rows: &mut [f64]) {
        let mut bits: Vec<i64> = self.largest.iter().map(|most| most.to_bits() as i64).collect();
        let mut block = Block { values: rows, roots: &[] };
        Arch::new().dispatch(|| block.magnitudes(&mut bits));
        self.largest = bits.into_iter().map(|bits| f64::from_bits(bits as u64)).collect();
    }

    /// Takes in rows that were looked at, whose roots of weights are `roots`, and changes them to rows about their own
    /// means. One row more, which the last of `values` is for, is what these means are off those of all rows before, so that
    /// products add up without cancellation.
    ///
    /// # References
    /// Chan, Golub and LeVeque, "Algorithms for computing the sample variance", The American Statistician 37, 1983.
    pub fn take(&mut self, values: &mut [f64], roots: &[f64], centred: bool) {
        let (arch, n) = (Arch::new(), self.means.len());
        let reciprocals: Vec<f64> = self.divisors.iter().map(|d| 1.0 / d).collect();
        let (rows, last) = values.split_at_mut(roots.len() * n);
        let mut block = Block { values: rows, roots };
        arch.dispatch(|| block.shift(&reciprocals, &self.origin));
        let (mut own, mut own_weight) = (vec![0.0; n], 0.0);
        if centred {
            own_weight = roots.iter().map(|root| root * root).sum();
            arch.dispatch(|| block.sums(&mut own));
            own.iter_mut().for_each(|mean| *mean /= own_weight);
        }
        arch.dispatch(|| block.centre(&own));
        let share = if self.weight > 0.0 { own_weight / (self.weight + own_weight) } else { 1.0 };
        let root = (self.weight * share).sqrt();
        for ((last, mean), own) in last.iter_mut().zip(&mut self.means).zip(&own) {
            *last = root * (own - *mean);
            *mean += share * (own - *mean);
        }
        self.weight += own_weight;
    }
}
