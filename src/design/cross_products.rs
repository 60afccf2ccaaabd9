//! Means, norms and all products of the columns of a tall design, in one pass over its samples.

use super::Design;
use super::blocks::{height, read};
use super::moments::{CONSTANT, Moment, Moments, first_not_finite};
use crate::Result;
use crate::monitor::Monitor;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Mat, MatRef, Par};
use ndarray::{Array2, ArrayView1};
use pulp::Arch;

/// By how much entries may be larger than those of the first block before their products are taken anew, at a scale of
/// their own. Chosen by hand: sums of squares are far from the ends of float64.
const FAR: f64 = 1e30;

/// The power of two below a magnitude, or near it at the ends of float64: dividing by it costs no digit.
fn power_of_two(magnitude: f64) -> f64 {
    if !magnitude.is_finite() || magnitude == 0.0 {
        return 1.0;
    }
    // Its reciprocal is a normal number too.
    f64::from_bits(((magnitude.to_bits() >> 52) & 0x7ff).clamp(1, 2045) << 52)
}

/// Moments and products of the columns of a design, all divided by powers of two.
#[derive(Debug)]
pub(super) struct CrossProducts {
    divisors: Vec<f64>,
    /// Largest magnitudes.
    largest: Vec<f64>,
    /// Entries of the first sample.
    first: Vec<f64>,
    /// Near the means if centred, else 0.
    origin: Vec<f64>,
    /// Weighted means, less the origin; 0 unless centred.
    means: Vec<f64>,
    /// The lower triangle of the weighted products of all columns, centred if they are.
    pub gram: Mat<f64>,
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

impl CrossProducts {
    /// Those of a design whose samples are weighted by the squares of `roots`; `None` if its samples cannot be read a few
    /// at a time.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::Error::Interrupted).
    ///
    /// # Complexity
    /// `O(n_samples n_features^2)`; a block of samples is held at a time.
    pub fn new(design: &dyn Design, roots: &[f64], centred: bool, monitor: &Monitor<'_>) -> Result<Option<Self>> {
        let (n_samples, n) = design.shape();
        let mut first = Array2::zeros((height(n_samples, n), n));
        if !design.read_rows(0..first.nrows(), first.view_mut()) {
            return Ok(None);
        }
        let size = |column: ArrayView1<'_, f64>| column.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
        let mut divisors: Vec<f64> = first.columns().into_iter().map(|column| power_of_two(size(column))).collect();
        loop {
            let mean = |(column, d): (ArrayView1<'_, f64>, &f64)| column.iter().map(|v| v / d).sum::<f64>();
            let near = |each| if centred { mean(each) / first.nrows() as f64 } else { 0.0 };
            let origin = first.columns().into_iter().zip(&divisors).map(near).collect();
            let row = first.row(0).iter().zip(&divisors).map(|(v, d)| v / d).collect();
            let found = Self::at_scale(design, roots, centred, divisors, (row, origin), monitor)?;
            let is_near = |(m, d): (&f64, &f64)| *m == 0.0 || (1.0 / FAR..FAR).contains(&(m / d)) || !m.is_finite();
            if found.largest.iter().zip(&found.divisors).all(is_near) {
                return Ok(Some(found));
            }
            divisors = found.largest.iter().map(|&m| power_of_two(m)).collect();
        }
    }

    /// Blocks are centred by their own means; products of centred blocks add up, with one of the difference of the
    /// means, without cancellation.
    ///
    /// # References
    /// Chan, Golub and LeVeque, "Algorithms for computing the sample variance", The American Statistician 37, 1983.
    fn at_scale(
        design: &dyn Design,
        roots: &[f64],
        centred: bool,
        divisors: Vec<f64>,
        (first, origin): (Vec<f64>, Vec<f64>),
        monitor: &Monitor<'_>,
    ) -> Result<Self> {
        let (n_samples, n) = design.shape();
        let (arch, height) = (Arch::new(), height(n_samples, n));
        let reciprocals: Vec<f64> = divisors.iter().map(|d| 1.0 / d).collect();
        let (mut largest, mut means, mut weight) = (vec![0; n], vec![0.0; n], 0.0);
        let mut gram = Mat::zeros(n, n);
        let mut values = vec![0.0; (height + 1) * n];
        let (lower, full) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
        for start in (0..n_samples).step_by(height) {
            if start > 0 {
                monitor.look()?;
            }
            let rows = start..n_samples.min(start + height);
            let (count, roots) = (rows.len(), &roots[rows.clone()]);
            read(design, rows, &mut values[..count * n]);
            let mut block = Block { values: &mut values[..count * n], roots };
            let mut own = vec![0.0; n];
            arch.dispatch(|| {
                block.magnitudes(&mut largest);
                block.shift(&reciprocals, &origin);
            });
            let mut own_weight = 0.0;
            if centred {
                own_weight = roots.iter().map(|root| root * root).sum();
                arch.dispatch(|| block.sums(&mut own));
                own.iter_mut().for_each(|mean| *mean /= own_weight);
            }
            arch.dispatch(|| block.centre(&own));
            // One more row, of what the mean of this block is off that of all before it.
            let share = if weight > 0.0 { own_weight / (weight + own_weight) } else { 1.0 };
            let root = (weight * share).sqrt();
            for ((last, mean), own) in values[count * n..].iter_mut().zip(&mut means).zip(&own) {
                *last = root * (own - *mean);
                *mean += share * (own - *mean);
            }
            weight += own_weight;
            let x = MatRef::from_row_major_slice(&values[..(count + 1) * n], count + 1, n);
            triangular::matmul(gram.as_mut(), lower, Accum::Add, x.transpose(), full, x, full, 1.0, Par::Seq);
        }
        let largest = largest.into_iter().map(|bits| f64::from_bits(bits as u64)).collect();
        Ok(Self { divisors, largest, first, origin, means, gram })
    }

    /// What standardising the design takes, for samples with these roots of weights.
    pub fn moments(&self, design: &dyn Design, roots: &[f64], centred: bool) -> Moments {
        let size: f64 = roots.iter().map(|root| root * root).sum();
        let (root, first) = (size.sqrt(), roots.first().copied().unwrap_or(1.0));
        let moment = |j: usize| {
            let (divisor, mean) = (self.divisors[j], self.origin[j] + self.means[j]);
            if !centred {
                return Moment { divisor, mean, share: 0.0, square: self.gram[(j, j)] };
            }
            // What is left of the first sample and, where the mean was rounded, of all.
            let (left, sum) = (self.first[j] - mean, size * ((self.origin[j] - mean) + self.means[j]));
            let share = (sum / root + first * left) / (root + first);
            let rounding = CONSTANT * root * (self.largest[j] / divisor);
            let square = if self.gram[(j, j)] > rounding * rounding { self.gram[(j, j)] } else { 0.0 };
            Moment { divisor, mean, share, square }
        };
        let is_finite = self.largest.iter().all(|largest| largest.is_finite());
        let not_finite = if is_finite { None } else { first_not_finite(design) };
        Moments { of_columns: (0..self.divisors.len()).map(moment).collect(), not_finite }
    }
}
