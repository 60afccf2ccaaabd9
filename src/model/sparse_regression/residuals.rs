//! Residuals along a path, and what all columns have in common with them: of each column, the sum over the responses of
//! its squared product with the residual.
//!
//! One response or few are multiplied as they are. Of many, products follow from how the residual changes from one
//! support to the next, `R' = R - sum_i q_i m_i^T` with few orthonormal `q_i`, by two products for
//! each, however many responses there are:
//! `||x^T (R - q m^T)||^2 = ||x^T R||^2 - 2 (x^T q) (x^T R m) + (x^T q)^2 ||m||^2`.

use super::tolerances::EXACT;
use crate::design::Standardised;
use crate::linalg::least_squares::NestedLeastSquares;
use ndarray::s;

/// What the product of all columns with one vector is for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Use {
    /// A residual, or the first of several of one support.
    First,
    /// Another one of that support.
    Other,
    /// A direction `q` that is taken away.
    Direction,
    /// `R m` of the direction before, and the squared norm of `m`.
    Image(f64),
}

/// The vectors that all columns are multiplied with.
pub(super) struct Residuals {
    /// One after the other.
    pub vectors: Vec<f64>,
    /// What each is for, and whether the residual of a support is complete with it.
    uses: Vec<(Use, bool)>,
}

/// What follows from the products with them, in turn.
pub(super) struct Reader<'a> {
    uses: std::slice::Iter<'a, (Use, bool)>,
    squares: Vec<f64>,
    along: Vec<f64>,
}

impl Residuals {
    /// Those of `values` (responses of as many values as rows, one after the other) on each of the `supports`.
    ///
    /// # Complexity
    /// `O(r k (k + l))` for each support of `k` columns, `r` rows and `l` responses.
    pub fn new(design: &Standardised<'_>, values: &[f64], supports: &[&[usize]]) -> Self {
        let rows = design.nrows();
        let n_responses = values.len() / rows;
        let before = std::iter::once(&[][..]).chain(supports.iter().copied());
        let changes: usize = before.zip(supports).map(|(a, b)| without(a, b).len() + without(b, a).len()).sum();
        let mut all = Self { vectors: Vec::new(), uses: Vec::new() };
        if n_responses * supports.len() <= 2 * changes {
            supports.iter().for_each(|support| all.push(design, values, support));
        } else {
            all.follow(design, values, supports);
        }
        all
    }

    /// The residual on one support.
    fn push(&mut self, design: &Standardised<'_>, values: &[f64], support: &[usize]) {
        let fit = NestedLeastSquares::new(design.gather(support).view(), values);
        let (basis, (_, rotated)) = (fit.basis(), fit.compressed());
        let (rows, k) = basis.dim();
        let n_responses = values.len() / rows;
        for l in 0..n_responses {
            let fitted = basis.dot(&ndarray::aview1(&rotated[l * k..(l + 1) * k]));
            self.vectors.extend(values[l * rows..].iter().zip(&fitted).map(|(y, fitted)| y - fitted));
            self.uses.push((if l == 0 { Use::First } else { Use::Other }, l + 1 == n_responses));
        }
    }

    /// The changes from one support to the next. Supports that leave rounding are passed over: it has no digits after sums
    /// that cancel.
    fn follow(&mut self, design: &Standardised<'_>, values: &[f64], supports: &[&[usize]]) {
        let rows = design.nrows();
        let total: f64 = values.iter().map(|v| v * v).sum();
        let (mut residual, mut present) = (values.to_vec(), &[][..]);
        for &support in supports {
            let common = without(present, &without(present, support));
            for (changed, sign) in [(without(present, support), -1.0), (without(support, present), 1.0)] {
                let ordered = [common.as_slice(), &changed].concat();
                let basis = NestedLeastSquares::new(design.gather(&ordered).view(), values).basis();
                for q in basis.slice(s![.., common.len()..]).columns() {
                    let along = |y: &[f64]| sign * q.iter().zip(y).map(|(q, y)| q * y).sum::<f64>();
                    let m: Vec<f64> = values.chunks_exact(rows).map(along).collect();
                    self.vectors.extend(q.iter());
                    self.uses.push((Use::Direction, false));
                    let mut image = vec![0.0; rows];
                    for (residual, m) in residual.chunks_exact_mut(rows).zip(&m) {
                        for ((residual, image), q) in residual.iter_mut().zip(&mut image).zip(&q) {
                            *image += m * *residual;
                            *residual -= m * q;
                        }
                    }
                    self.vectors.extend(image);
                    self.uses.push((Use::Image(m.iter().map(|m| m * m).sum()), false));
                }
            }
            let left: f64 = residual.iter().map(|v| v * v).sum();
            if let Some((_, is_complete)) = self.uses.last_mut() {
                *is_complete = left > EXACT * total;
            }
            present = support;
        }
    }

    /// Ready for the products; `squares` are those of the responses themselves.
    pub fn reader(&self, squares: &[f64]) -> Reader<'_> {
        Reader { uses: self.uses.iter(), squares: squares.to_vec(), along: vec![0.0; squares.len()] }
    }
}

impl Reader<'_> {
    /// Takes the products of all columns with the next vector. The squares for a residual, once it is complete.
    pub fn next(&mut self, products: &[f64]) -> Option<&[f64]> {
        let (purpose, is_complete) = *self.uses.next()?;
        let each = self.squares.iter_mut().zip(products);
        match purpose {
            Use::First => each.for_each(|(square, q)| *square = q * q),
            Use::Other => each.for_each(|(square, q)| *square += q * q),
            Use::Direction => self.along.copy_from_slice(products),
            Use::Image(m) => each.zip(&self.along).for_each(|((square, q), a)| *square += a * (a * m - 2.0 * q)),
        }
        is_complete.then_some(self.squares.as_slice())
    }
}

/// Columns of `all` that are not among `others`.
fn without(all: &[usize], others: &[usize]) -> Vec<usize> {
    all.iter().copied().filter(|j| !others.contains(j)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    /// Squares for each support, of columns that are multiplied with the vectors of `residuals`.
    fn squares(design: &Standardised<'_>, residuals: &Residuals, responses: &[f64]) -> Vec<Vec<f64>> {
        let (rows, n) = design.dim();
        let products = |vector: &[f64]| {
            let mut out = vec![0.0; n];
            design.multiply_transposed(vector, &mut out);
            out
        };
        let mut own = vec![0.0; n];
        for response in responses.chunks_exact(rows) {
            own.iter_mut().zip(products(response)).for_each(|(sum, q)| *sum += q * q);
        }
        let mut reader = residuals.reader(&own);
        residuals.vectors.chunks_exact(rows).filter_map(|v| reader.next(&products(v)).map(<[f64]>::to_vec)).collect()
    }

    #[test]
    fn changes_of_a_residual_tell_what_the_residuals_themselves_do() {
        let (rows, n, n_responses) = (12, 30, 40);
        let value = |i: usize| ((i * i * 7 + i * 3) % 101) as f64 / 50.0 - 1.0;
        let design = Standardised::as_it_is(Array2::from_shape_fn((rows, n), |(i, j)| value(i * n + j)));
        let responses: Vec<f64> = (0..rows * n_responses).map(|i| value(i + 1_000)).collect();
        let supports: [&[usize]; 4] = [&[3], &[3, 8, 20], &[1, 8, 9, 20], &[1, 8, 9, 11, 20]];
        let followed = Residuals::new(&design, &responses, &supports);
        // Seven columns join or leave, each by two vectors.
        assert_eq!(followed.vectors.len(), 14 * rows);
        let mut direct = Residuals { vectors: Vec::new(), uses: Vec::new() };
        supports.iter().for_each(|support| direct.push(&design, &responses, support));
        let (followed, direct) = (squares(&design, &followed, &responses), squares(&design, &direct, &responses));
        assert_eq!(followed.len(), supports.len());
        for (a, b) in followed.iter().flatten().zip(direct.iter().flatten()) {
            assert!((a - b).abs() < 1e-10 * (1.0 + b), "{a} {b}");
        }
    }
}
