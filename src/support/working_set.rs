//! Least squares on a set of columns that grows, shrinks and exchanges its members, with the worth of every such move
//! at hand.

use super::tolerances::DEPENDENT;
use crate::design::Standardised;
use crate::linalg::multiply_transposed;
use ndarray::ArrayView2;
use pulp::Arch;

/// Lanes of the hand-blocked loops.
const LANES: usize = 8;

/// A set `A` of columns of a design with unit columns, and what follows from it for one response or more.
///
/// Adding a column costs one product with the design; dropping one, and the table of all exchanges, cost `O(|A| n)`,
/// the table for each response, in one product of matrices.
pub struct WorkingSet<'a> {
    design: &'a Standardised<'a>,
    arch: Arch,
    members: Vec<usize>,
    /// Their columns.
    columns: Vec<Vec<f64>>,
    /// Coefficients of the members, one per response.
    coefficients: Vec<Vec<f64>>,
    /// Rows `i`: coefficients of every column on member `i`, `(X_A^T X_A)^-1 X_A^T X`.
    projections: Vec<Vec<f64>>,
    /// `(X_A^T X_A)^-1`.
    inverse: Vec<Vec<f64>>,
    /// Squared distance of every column to the span of the set.
    distance: Vec<f64>,
    /// Product of every column with the residual, response after response.
    correlation: Vec<f64>,
    /// Sum over the responses of its square.
    power: Vec<f64>,
    /// `distance` where a column may join, infinity elsewhere.
    admissible: Vec<f64>,
    rss: f64,
    image: Vec<f64>,
    spare: Vec<Vec<f64>>,
}

/// The best exchange: position in the set, column to take its place, fall of the residual sum of squares.
pub struct Exchange {
    position: usize,
    column: usize,
    /// Fall of the residual sum of squares.
    pub gain: f64,
}

impl<'a> WorkingSet<'a> {
    /// The empty set. `design` has columns of norm 1, shape `(r, n)`; `total` is the squared norm of the responses, of which `response` (`r` values each, one after the other) is the part that columns can reach.
    pub fn new(design: &'a Standardised<'a>, response: &[f64], total: f64) -> Self {
        let (rows, n) = design.dim();
        let n_responses = response.len().checked_div(rows).unwrap_or(1).max(1);
        let mut set = Self {
            design,
            arch: Arch::new(),
            members: Vec::new(),
            columns: Vec::new(),
            coefficients: Vec::new(),
            projections: Vec::new(),
            inverse: Vec::new(),
            distance: vec![1.0; n],
            correlation: vec![0.0; n_responses * n],
            power: vec![0.0; n],
            admissible: vec![1.0; n],
            rss: total,
            image: vec![0.0; n],
            spare: Vec::new(),
        };
        design.multiply_transposed(response, &mut set.correlation);
        set.refresh_power();
        set
    }

    /// Columns in the set, in no order.
    pub fn members(&self) -> &[usize] {
        &self.members
    }

    /// Number of columns in the set.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Residual sum of squares.
    pub fn rss(&self) -> f64 {
        self.rss
    }

    /// The column whose joining lowers the residual sum of squares most, and by how much.
    pub fn best_addition(&self) -> Option<(usize, f64)> {
        let gain = |j: usize| self.power[j] / self.admissible[j];
        let best = (0..self.distance.len()).max_by(|&a, &b| gain(a).total_cmp(&gain(b)).then(b.cmp(&a)))?;
        (gain(best) > 0.0).then(|| (best, gain(best)))
    }

    /// The member whose leaving raises the residual sum of squares least (its position), and by how much.
    pub fn best_removal(&self) -> Option<(usize, f64)> {
        let rise = |i: usize| squared(&self.coefficients[i]) / self.inverse[i][i];
        (0..self.len()).map(|i| (i, rise(i))).min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// The exchange of one member for one other column that lowers the residual sum of squares most.
    pub fn best_exchange(&self) -> Option<Exchange> {
        let mut best: Option<(usize, f64)> = None;
        let (mut power, shared) = (self.power.clone(), self.shared());
        for i in 0..self.len() {
            let scale = 1.0 / self.inverse[i][i];
            let loss = squared(&self.coefficients[i]) * scale;
            self.power_without(i, &shared, &mut power);
            let (admissible, projection) = (&self.admissible, &self.projections[i]);
            let most = self.arch.dispatch(|| most_gained(&power, admissible, projection, scale));
            if most - loss > best.map_or(0.0, |(_, gain)| gain) {
                best = Some((i, most - loss));
            }
        }
        let (position, gain) = best?;
        let scale = 1.0 / self.inverse[position][position];
        self.power_without(position, &shared, &mut power);
        let gained = |j: usize| gained(power[j], self.admissible[j], self.projections[position][j], scale);
        let column = (0..self.distance.len()).max_by(|&a, &b| gained(a).total_cmp(&gained(b)).then(b.cmp(&a)))?;
        Some(Exchange { position, column, gain })
    }

    /// Of each column, what it would bring: the fall of the residual sum of squares by its joining, less `price`, or by its
    /// taking the place of a member, less what that one brings; infinity for members.
    pub fn worth(&self, price: f64) -> Vec<f64> {
        let mut worth: Vec<f64> = self.power.iter().zip(&self.admissible).map(|(q, d)| q / d - price).collect();
        let (mut power, shared) = (self.power.clone(), self.shared());
        for i in 0..self.len() {
            let scale = 1.0 / self.inverse[i][i];
            let loss = squared(&self.coefficients[i]) * scale;
            self.power_without(i, &shared, &mut power);
            let columns = power.iter().zip(&self.distance).zip(&self.projections[i]);
            for (worth, ((power, distance), p)) in worth.iter_mut().zip(columns) {
                // A copy of the member is in its span, but not without it.
                let distance = distance.max(0.0) + scale * p * p;
                if distance > DEPENDENT {
                    *worth = worth.max(power / distance - loss);
                }
            }
        }
        self.members.iter().for_each(|&j| worth[j] = f64::INFINITY);
        worth
    }

    /// Exchanges while that lowers the residual sum of squares by more than `share` of it, at most `limit` times.
    pub fn exchange_all(&mut self, share: f64, limit: usize) {
        for _ in 0..limit {
            match self.best_exchange() {
                Some(Exchange { position, column, gain }) if gain > share * self.rss => {
                    self.drop(position);
                    self.add(column);
                }
                _ => return,
            }
        }
    }

    /// Whether column `j` is neither in the set nor in its span.
    pub fn admits(&self, j: usize) -> bool {
        self.admissible[j].is_finite()
    }

    /// Takes column `j` in; it must be admissible.
    pub fn add(&mut self, j: usize) {
        let c: Vec<f64> = self.projections.iter().map(|p| p[j]).collect();
        let column: Vec<f64> = self.design.gather(&[j]).into_iter().collect();
        let mut left = column.clone();
        for (member, c) in self.columns.iter().zip(&c) {
            left.iter_mut().zip(member).for_each(|(left, x)| *left -= c * x);
        }
        let squared = left.iter().map(|e| e * e).sum::<f64>();
        self.design.multiply_transposed(&left, &mut self.image);
        let n = self.distance.len();
        let z: Vec<f64> = self.correlation.iter().skip(j).step_by(n).map(|b| b / squared).collect();

        let mut new = self.spare.pop().unwrap_or_else(|| vec![0.0; self.distance.len()]);
        let Self { arch, projections, distance, correlation, image, .. } = self;
        arch.dispatch(|| {
            for ((new, &t), d) in new.iter_mut().zip(image.iter()).zip(distance.iter_mut()) {
                *new = t / squared;
                *d -= t * *new;
            }
            for (correlation, z) in correlation.chunks_exact_mut(n).zip(&z) {
                correlation.iter_mut().zip(image.iter()).for_each(|(b, t)| *b -= z * t);
            }
            for (old, &c) in projections.iter_mut().zip(&c) {
                old.iter_mut().zip(&new).for_each(|(o, n)| *o -= c * n);
            }
        });
        for (k, row) in self.inverse.iter_mut().enumerate() {
            row.iter_mut().zip(&c).for_each(|(v, cl)| *v += c[k] * cl / squared);
            row.push(-c[k] / squared);
        }
        let mut last: Vec<f64> = c.iter().map(|c| -c / squared).collect();
        last.push(1.0 / squared);
        self.inverse.push(last);
        for (old, c) in self.coefficients.iter_mut().zip(&c) {
            old.iter_mut().zip(&z).for_each(|(old, z)| *old -= c * z);
        }
        self.projections.push(new);
        self.members.push(j);
        self.columns.push(column);
        self.rss = (self.rss - self::squared(&z) * squared).max(0.0);
        self.coefficients.push(z);
        self.refresh_admissible();
        self.refresh_power();
    }

    /// Lets the member at `position` go; the last member takes its position.
    pub fn drop(&mut self, position: usize) {
        let gone = self.projections.swap_remove(position);
        let mut row = self.inverse.swap_remove(position);
        let corner = row.swap_remove(position);
        let z = self.coefficients.swap_remove(position);
        self.members.swap_remove(position);
        self.columns.swap_remove(position);
        for (k, inverse) in self.inverse.iter_mut().enumerate() {
            inverse.swap_remove(position);
            inverse.iter_mut().zip(&row).for_each(|(v, r)| *v -= row[k] * r / corner);
        }
        let n = self.distance.len();
        let Self { arch, projections, distance, correlation, .. } = self;
        arch.dispatch(|| {
            for (&g, d) in gone.iter().zip(distance.iter_mut()) {
                *d += g * (g / corner);
            }
            for (correlation, z) in correlation.chunks_exact_mut(n).zip(&z) {
                correlation.iter_mut().zip(&gone).for_each(|(b, g)| *b += z * (g / corner));
            }
            for (old, &r) in projections.iter_mut().zip(&row) {
                let f = r / corner;
                old.iter_mut().zip(&gone).for_each(|(o, g)| *o -= f * g);
            }
        });
        for (old, r) in self.coefficients.iter_mut().zip(&row) {
            old.iter_mut().zip(&z).for_each(|(old, z)| *old -= r / corner * z);
        }
        self.rss += squared(&z) / corner;
        self.spare.push(gone);
        self.refresh_admissible();
        self.refresh_power();
    }

    /// Sums over the responses of what members have for coefficients times the products of every column with the
    /// residual, member after member; nothing for one response, whose sums are single products.
    fn shared(&self) -> Vec<f64> {
        let n = self.distance.len();
        let n_responses = self.correlation.len() / n.max(1);
        if n_responses == 1 {
            return Vec::new();
        }
        let mut shared = vec![0.0; self.len() * n];
        if let Ok(correlation) = ArrayView2::from_shape((n_responses, n), &self.correlation) {
            multiply_transposed(correlation, &self.coefficients.concat(), &mut shared);
        }
        shared
    }

    /// What `power` would be with the member at `position` gone: a sum over responses of squares of sums.
    fn power_without(&self, position: usize, shared: &[f64], power: &mut [f64]) {
        let scale = 1.0 / self.inverse[position][position];
        let (projection, z) = (&self.projections[position], &self.coefficients[position]);
        if let [z] = z[..] {
            let shift = z * scale;
            self.arch.dispatch(|| {
                for ((power, b), p) in power.iter_mut().zip(&self.correlation).zip(projection) {
                    let u = b + shift * p;
                    *power = u * u;
                }
            });
            return;
        }
        let (twice, square) = (2.0 * scale, scale * scale * squared(z));
        let shared = &shared[position * power.len()..];
        self.arch.dispatch(|| {
            for ((power, own), (t, p)) in power.iter_mut().zip(&self.power).zip(shared.iter().zip(projection)) {
                *power = (own + p * (twice * t + square * p)).max(0.0);
            }
        });
    }

    fn refresh_power(&mut self) {
        let Self { arch, power, correlation, .. } = self;
        arch.dispatch(|| {
            power.fill(0.0);
            for correlation in correlation.chunks_exact(power.len().max(1)) {
                power.iter_mut().zip(correlation).for_each(|(power, b)| *power += b * b);
            }
        });
    }

    fn refresh_admissible(&mut self) {
        for (a, &d) in self.admissible.iter_mut().zip(&self.distance) {
            *a = if d > DEPENDENT { d } else { f64::INFINITY };
        }
        for &j in &self.members {
            self.admissible[j] = f64::INFINITY;
        }
    }
}

fn squared(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum()
}

/// Fall of the residual sum of squares by column `j` once one member has left, which gave it the power `power`.
#[inline(always)]
fn gained(power: f64, admissible: f64, projection: f64, scale: f64) -> f64 {
    power / (admissible + scale * projection * projection)
}

#[inline(always)]
fn most_gained(power: &[f64], admissible: &[f64], projection: &[f64], scale: f64) -> f64 {
    let (c, c_rest) = power.as_chunks::<LANES>();
    let (a, a_rest) = admissible.as_chunks::<LANES>();
    let (p, p_rest) = projection.as_chunks::<LANES>();
    // Independent lanes: a single running maximum would be one long chain.
    let mut most = [0.0_f64; LANES];
    for ((c, a), p) in c.iter().zip(a).zip(p) {
        for l in 0..LANES {
            let v = gained(c[l], a[l], p[l], scale);
            most[l] = if v > most[l] { v } else { most[l] };
        }
    }
    let rest = c_rest.iter().zip(a_rest).zip(p_rest).map(|((&c, &a), &p)| gained(c, a, p, scale));
    rest.chain(most).fold(0.0, f64::max)
}
