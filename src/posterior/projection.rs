//! A few columns in place of the average: which ones predict as it does.
//!
//! The average over supports is projected onto columns `A`: coefficients `b` on `A` minimise
//! `(b - m)^T C (b - m)`, for the mean coefficients `m`, background included (Piironen, Paasiniemi and Vehtari, 2020).
//! `C` is the covariance of new samples. The one seen has few dimensions where columns are many, and whatever is fitted
//! there is not what new samples have: `C` is its shrinkage towards the identity by Ledoit and Wolf (2004).

use super::coordinates::{Coordinates, most_probable, squared};
use super::draws::Draw;
use super::size::{Inclusion, choose};
use super::tolerances::{
    ALIKE, CANCELLED, JITTER, ONE_EFFECT, PATH_END, PATH_LENGTH, PROBABLE, SAME, SPANNED, UNEXPLAINED,
};
use crate::Result;
use crate::linalg::least_squares::symmetric_inverse;
use crate::monitor::Monitor;
use crate::problem::Problem;
use crate::settings::Sizes;
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use std::collections::BTreeSet;

/// Columns that stand for the average, by size.
pub(super) struct Projection {
    /// The best columns found of each size, from none on.
    pub columns: Vec<Vec<usize>>,
    /// What each of them leaves: mean squared difference of predictions on new samples, in units of the response.
    pub loss: Vec<f64>,
    /// The largest loss that is small beside the uncertainty of the average.
    pub tolerance: f64,
    /// The columns chosen.
    pub support: Vec<usize>,
    /// Coefficients of all columns, those of the others 0; axis after axis.
    pub coefficients: Vec<f64>,
}

/// The metric of new samples: `(1 - shrinkage) X^T X / freedom + shrinkage I`.
struct Metric<'a> {
    coordinates: &'a Coordinates,
    shrinkage: f64,
}

impl Metric<'_> {
    /// `C vectors`.
    fn multiply(&self, vectors: &[f64]) -> Vec<f64> {
        let seen = self.coordinates.multiply(vectors);
        let mut out = vec![0.0; vectors.len()];
        self.coordinates.multiply_transposed(&seen, &mut out);
        let share = (1.0 - self.shrinkage) / self.coordinates.freedom;
        out.iter_mut().zip(vectors).for_each(|(out, v)| *out = share * *out + self.shrinkage * v);
        out
    }

    /// The column `j` of `C`.
    fn column(&self, j: usize, out: &mut [f64]) {
        self.coordinates.multiply_transposed(self.coordinates.column(j), out);
        out.iter_mut().for_each(|v| *v *= (1.0 - self.shrinkage) / self.coordinates.freedom);
        out[j] += self.shrinkage;
    }

    /// Rows and columns `chosen` of `C`, kept from being singular.
    fn among(&self, chosen: &[usize]) -> Array2<f64> {
        let mut among = self.coordinates.correlation(chosen) * (1.0 - self.shrinkage);
        among.diag_mut().iter_mut().for_each(|v| *v += self.shrinkage + JITTER);
        among
    }
}

/// How far to shrink the covariance of columns of unit variance towards the identity (Ledoit and Wolf, 2004), by
/// the columns that stand for all. Where the
/// samples were compressed to fewer rows, their fourth moments are those of normal ones.
fn shrinkage(problem: &Problem<'_>, coordinates: &Coordinates) -> f64 {
    let background = problem.background();
    let (n, freedom) = (background.len() as f64, coordinates.freedom);
    // The spectrum has a mean of 1 over `freedom` directions; eigenvalues of the covariance sum to n.
    let square = coordinates.spectrum.iter().map(|v| (v * n / freedom).powi(2)).sum::<f64>();
    let excess = square - n;
    if excess <= 0.0 {
        return 1.0;
    }
    let design = &problem.design;
    let fourth = if design.nrows() == problem.n_samples {
        let of_row = |row: ArrayView1<'_, f64>| background.iter().map(|&j| row[j] * row[j]).sum::<f64>().powi(2);
        freedom * design.copied().axis_iter(Axis(0)).map(of_row).sum::<f64>()
    } else {
        n * n + 2.0 * square
    };
    ((fourth - square) / (freedom * excess)).clamp(0.0, 1.0)
}

/// What is projected, in the units of [`Coordinates`].
pub(super) struct Average<'a> {
    /// Mean of all coefficients, axis after axis.
    pub mean: &'a [f64],
    /// Draws of them, which tell how uncertain it is.
    pub draws: &'a [Draw],
    /// Probability of each column.
    pub inclusion: Inclusion<'a>,
    /// Those that are not improbable.
    pub likely: Likely<'a>,
    /// The sign that each coefficient must have, 0 for any; empty where all may have any.
    pub sign: &'a [f64],
}

/// Columns, the most probable first, and their correlations.
#[derive(Clone, Copy)]
pub(super) struct Likely<'a> {
    pub columns: &'a [usize],
    pub correlation: ArrayView2<'a, f64>,
}

/// Projects an average onto columns. `start` are some that may be needed, `sizes` how many may be chosen.
pub(super) fn project(
    problem: &Problem<'_>,
    coordinates: &Coordinates,
    average: &Average<'_>,
    start: &[usize],
    sizes: Sizes,
    monitor: &Monitor<'_>,
) -> Result<Projection> {
    let Average { mean, draws, inclusion, likely, sign } = *average;
    let (n, responses) = (coordinates.n_columns(), coordinates.n_responses as f64);
    let metric = Metric { coordinates, shrinkage: shrinkage(problem, coordinates) };
    let alike = alike(inclusion.probability, likely, sign);
    let copies: Vec<usize> = alike.iter().filter(|(_, _, r)| r.abs() > SAME).map(|(from, _, _)| *from).collect();
    let mut mean = mean.to_vec();
    represent(&alike, &mut mean, n);
    let target = metric.multiply(&mean);
    let total: f64 = mean.iter().zip(&target).map(|(m, c)| m * c).sum();
    let tolerance = UNEXPLAINED * uncertainty(&metric, draws, &alike);
    let limit = (start.len() + PATH_LENGTH).max(sizes.least).min(coordinates.spectrum.len());
    let end = if sizes.least > 0 { 0.0 } else { PATH_END * tolerance };
    let mut path = forward(&metric, &target, total, (sign, &copies), (limit, end), monitor)?;
    let mut candidates: BTreeSet<usize> = start.iter().copied().collect();
    candidates.extend(path.last().map(|(columns, _)| columns.as_slice()).unwrap_or_default());
    candidates.extend(most_probable(inclusion.probability, PROBABLE));
    copies.iter().for_each(|from| _ = candidates.remove(from));
    let candidates: Vec<usize> = candidates.into_iter().collect();
    // The way back does not look at signs.
    let back = if sign.is_empty() { backward(&metric, &target, total, &candidates) } else { Vec::new() };
    for (columns, loss) in back {
        match path.get_mut(columns.len()) {
            Some(known) if loss < known.1 => *known = (columns, loss),
            _ => {}
        }
    }
    for (columns, loss) in path.iter_mut().filter(|(_, loss)| *loss < CANCELLED * total) {
        *loss = loss_without_cancellation(&metric, &mean, &target, columns).min(*loss);
    }
    let (columns, loss): (Vec<Vec<usize>>, Vec<f64>) = path.into_iter().unzip();
    let size = choose(&columns, &loss, tolerance, inclusion).max(sizes.least).min(sizes.most).min(loss.len() - 1);
    let (support, chosen) = on_columns(&metric, &target, columns[size].clone(), sign);
    let mut coefficients = vec![0.0; target.len()];
    for (all, chosen) in coefficients.chunks_exact_mut(n).zip(chosen.columns()) {
        support.iter().zip(chosen).for_each(|(&j, b)| all[j] = *b);
    }
    let loss = loss.into_iter().map(|loss| loss / responses).collect();
    Ok(Projection { columns, loss, tolerance: tolerance / responses, support, coefficients })
}

/// The coefficients of the columns `support`, a column for each axis; without the columns whose own would have a sign
/// that it must not have.
fn on_columns(metric: &Metric<'_>, target: &[f64], mut support: Vec<usize>, sign: &[f64]) -> (Vec<usize>, Array2<f64>) {
    let n = metric.coordinates.n_columns();
    loop {
        let right = Array2::from_shape_fn((support.len(), target.len() / n), |(i, l)| target[l * n + support[i]]);
        let inverse = symmetric_inverse(metric.among(&support).view());
        let coefficients = inverse.map_or_else(|| Array2::zeros(right.dim()), |inverse| inverse.dot(&right));
        let wrong = |i: &usize| sign.get(support[*i]).is_some_and(|sign| sign * coefficients[[*i, 0]] < 0.0);
        match (0..support.len())
            .filter(wrong)
            .max_by(|&a, &b| coefficients[[a, 0]].abs().total_cmp(&coefficients[[b, 0]].abs()))
        {
            Some(worst) => support.remove(worst),
            None => return (support, coefficients),
        };
    }
}

/// What some columns leave, by the difference of the predictions: as the difference of two sums of squares a small loss of
/// columns that are alike is rounding.
fn loss_without_cancellation(metric: &Metric<'_>, mean: &[f64], target: &[f64], columns: &[usize]) -> f64 {
    let Metric { coordinates, shrinkage } = metric;
    let (support, coefficients) = on_columns(metric, target, columns.to_vec(), &[]);
    let mut away = mean.to_vec();
    for (away, chosen) in away.chunks_exact_mut(coordinates.n_columns()).zip(coefficients.columns()) {
        support.iter().zip(chosen).for_each(|(&j, b)| away[j] -= b);
    }
    let seen = coordinates.multiply(&away);
    (1.0 - shrinkage) * squared(&seen) / coordinates.freedom + shrinkage * squared(&away)
}

/// Columns that share one effect with a more probable one that is nearly the same; that one, and their correlation. The
/// shrunk covariance would take the two for different, but new samples have both alike. Copies are one column, however many
/// effects are at them.
fn alike(inclusion: &[f64], likely: Likely<'_>, sign: &[f64]) -> Vec<(usize, usize, f64)> {
    let Likely { columns, correlation } = likely;
    let mut shared: Vec<f64> = columns.iter().map(|&j| inclusion[j]).collect();
    let mut represented = vec![false; columns.len()];
    let mut alike = Vec::new();
    for (a, &to) in columns.iter().enumerate() {
        for (b, &from) in columns.iter().enumerate().skip(a + 1) {
            let r = correlation[[a, b]];
            let is_copy = r.abs() > SAME && (sign.is_empty() || sign[from] * r.signum() == sign[to]);
            let is_alike = is_copy || r.abs() > ALIKE && shared[a] + inclusion[from] < ONE_EFFECT;
            if is_alike && !represented[a] && !represented[b] {
                represented[b] = true;
                shared[a] += inclusion[from];
                alike.push((from, to, r));
            }
        }
    }
    alike
}

/// Coefficients, axis after axis, with those of columns that are represented moved to the ones that represent them.
fn represent(alike: &[(usize, usize, f64)], coefficients: &mut [f64], n: usize) {
    for axis in coefficients.chunks_exact_mut(n) {
        for &(from, to, correlation) in alike {
            axis[to] += correlation * axis[from];
            axis[from] = 0.0;
        }
    }
}

/// Mean squared deviation, over the draws, of predictions from their mean, with columns that are alike represented; the
/// sum over axes.
fn uncertainty(metric: &Metric<'_>, draws: &[Draw], alike: &[(usize, usize, f64)]) -> f64 {
    let Metric { coordinates, shrinkage } = metric;
    let (n, rank) = (coordinates.n_columns(), coordinates.spectrum.len());
    let (coef, fit) = (mean(draws.iter().map(|draw| &draw.coef)), mean(draws.iter().map(|draw| &draw.fit)));
    let mut sum = 0.0;
    for draw in draws {
        let mut away: Vec<f64> = draw.coef.iter().zip(&coef).map(|(b, mean)| b - mean).collect();
        let mut seen: Vec<f64> = draw.fit.iter().zip(&fit).map(|(fit, mean)| fit - mean).collect();
        for (away, seen) in away.chunks_exact(n).zip(seen.chunks_exact_mut(rank.max(1))) {
            for &(from, to, correlation) in alike {
                let moved = coordinates.column(to).iter().zip(coordinates.column(from));
                let step = moved.map(|(to, other)| away[from] * (correlation * to - other));
                seen.iter_mut().zip(step).for_each(|(seen, step)| *seen += step);
            }
        }
        represent(alike, &mut away, n);
        sum += (1.0 - shrinkage) * squared(&seen) / coordinates.freedom + shrinkage * squared(&away);
    }
    sum / (draws.len() as f64 - 1.0).max(1.0)
}

/// The mean of vectors of one length.
fn mean<'a>(vectors: impl ExactSizeIterator<Item = &'a Vec<f64>>) -> Vec<f64> {
    let share = 1.0 / vectors.len() as f64;
    vectors.fold(Vec::new(), |mut mean, vector| {
        mean.resize(vector.len(), 0.0);
        mean.iter_mut().zip(vector).for_each(|(mean, v)| *mean += share * v);
        mean
    })
}

/// The column that explains most joins, until as many as the limit have or no more than `end` is left; of one whose sign
/// is given, only if its gain has it. `copies` of other columns stay out.
fn forward(
    metric: &Metric<'_>,
    target: &[f64],
    total: f64,
    (sign, copies): (&[f64], &[usize]),
    (limit, end): (usize, f64),
    monitor: &Monitor<'_>,
) -> Result<Vec<(Vec<usize>, f64)>> {
    let n = metric.coordinates.n_columns();
    let (mut left, mut distance, mut product) = (total, vec![1.0; n], target.to_vec());
    copies.iter().for_each(|&j| distance[j] = 0.0);
    let mut directions: Vec<Vec<f64>> = Vec::new();
    let mut chosen = Vec::new();
    let mut path = vec![(Vec::new(), total)];
    let mut gain = vec![0.0; n];
    while chosen.len() < limit && left > end {
        monitor.check()?;
        gain.fill(0.0);
        for product in product.chunks_exact(n) {
            gain.iter_mut().zip(product).for_each(|(gain, p)| *gain += p * p);
        }
        gain.iter_mut().zip(&distance).for_each(|(gain, s)| *gain = if *s > SPANNED { *gain / s } else { 0.0 });
        gain.iter_mut()
            .zip(sign)
            .zip(&product)
            .filter(|((_, sign), p)| *sign * *p < 0.0)
            .for_each(|((gain, _), _)| *gain = 0.0);
        let Some(next) = (0..n).max_by(|&a, &b| gain[a].total_cmp(&gain[b]).then(b.cmp(&a))) else { break };
        if gain[next] <= 0.0 {
            break;
        }
        let mut direction = vec![0.0; n];
        metric.column(next, &mut direction);
        for known in &directions {
            let share = known[next];
            direction.iter_mut().zip(known).for_each(|(d, k)| *d -= share * k);
        }
        let root = distance[next].sqrt();
        direction.iter_mut().for_each(|d| *d /= root);
        for product in product.chunks_exact_mut(n) {
            let step = product[next] / root;
            product.iter_mut().zip(&direction).for_each(|(p, d)| *p -= step * d);
            left = (left - step * step).max(0.0);
        }
        distance.iter_mut().zip(&direction).for_each(|(s, d)| *s = (*s - d * d).max(0.0));
        distance[next] = 0.0;
        directions.push(direction);
        chosen.push(next);
        path.push((chosen.clone(), left));
    }
    Ok(path)
}

/// Of all `candidates`, the column that is missed least leaves, until none is left.
fn backward(metric: &Metric<'_>, target: &[f64], total: f64, candidates: &[usize]) -> Vec<(Vec<usize>, f64)> {
    let Some(mut inverse) = symmetric_inverse(metric.among(candidates).view()) else { return Vec::new() };
    let n = metric.coordinates.n_columns();
    let right = Array2::from_shape_fn((candidates.len(), target.len() / n), |(i, l)| target[l * n + candidates[i]]);
    let mut coefficients = inverse.dot(&right);
    let mut left = (total - (&coefficients * &right).sum()).max(0.0);
    let mut present: Vec<usize> = (0..candidates.len()).collect();
    let mut path = Vec::new();
    loop {
        path.push((present.iter().map(|&i| candidates[i]).collect(), left));
        let rise = |i: usize| coefficients.row(i).iter().map(|b| b * b).sum::<f64>() / inverse[[i, i]];
        let Some(place) = (0..present.len()).min_by(|&a, &b| rise(present[a]).total_cmp(&rise(present[b]))) else {
            return path;
        };
        let i = present.remove(place);
        left += rise(i);
        let (row, pivot, own) = (inverse.row(i).to_owned(), inverse[[i, i]], coefficients.row(i).to_owned());
        for &a in &present {
            let share = row[a] / pivot;
            coefficients.row_mut(a).scaled_add(-share, &own);
            inverse.row_mut(a).scaled_add(-share, &row);
        }
    }
}
