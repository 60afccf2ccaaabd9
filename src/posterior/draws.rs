//! Draws of all coefficients: those that are kept, and the background in each.

use super::coordinates::{Coordinates, Level};
use super::tolerances::DRAWN_AT_ONCE;
use ndarray::Array2;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Draws at even intervals of sweeps, however many sweeps there will be: where there is no room for another one, every
/// second is given up and the interval doubled.
pub(super) struct Draws {
    kept: Vec<Vec<f64>>,
    every: usize,
    room: usize,
}

impl Draws {
    /// A draw after each `every` sweeps, and at most `room` in all.
    pub fn new(every: usize, room: usize) -> Self {
        Self { kept: Vec::new(), every, room }
    }

    /// Whether one is taken after this sweep, counted from 0.
    pub fn wants(&self, sweep: usize) -> bool {
        (sweep + 1).is_multiple_of(self.every)
    }

    pub fn push(&mut self, draw: Vec<f64>) {
        self.kept.push(draw);
        if self.kept.len() > self.room {
            let mut place = 0;
            self.kept.retain(|_| {
                place += 1;
                place % 2 == 0
            });
            self.every *= 2;
        }
    }

    pub fn into_inner(self) -> Vec<Vec<f64>> {
        self.kept
    }
}

/// Draws of a background given what the effects leave.
pub(super) struct Background {
    /// Normal numbers of each column's share of variance, a row for each of the next draws, and `X` times them.
    normals: Array2<f64>,
    reached: Array2<f64>,
    /// How many of those rows were used.
    used: usize,
}

impl Background {
    pub fn new() -> Self {
        Self { normals: Array2::zeros((0, 0)), reached: Array2::zeros((0, 0)), used: 0 }
    }

    /// A draw `u` from its prior, moved by what its sum `X u + e` lacks of the residual (Matheron's rule), into `draw`,
    /// for one axis.
    pub fn draw(
        &mut self,
        coordinates: &Coordinates,
        level: &Level,
        noise_var: f64,
        residual: &[f64],
        rng: &mut ChaCha8Rng,
        draw: &mut [f64],
    ) {
        let share = &coordinates.share;
        let index = self.used % DRAWN_AT_ONCE;
        self.used += 1;
        if index == 0 {
            let shape = (DRAWN_AT_ONCE, share.len());
            self.normals = Array2::from_shape_fn(shape, |(_, j)| share[j].sqrt() * normal(rng));
            self.reached = self.normals.dot(&coordinates.columns);
        }
        if level.ratio == 0.0 {
            return;
        }
        let deviation = (level.ratio * noise_var).sqrt();
        let seen = self.reached.row(index);
        let lacking = seen.iter().zip(residual.iter().zip(&level.weights)).map(|(seen, (r, w))| {
            let noise = noise_var.sqrt() * normal(rng);
            level.ratio * w * (r - deviation * seen - noise)
        });
        coordinates.multiply_transposed(&lacking.collect::<Vec<f64>>(), draw);
        let own = share.iter().zip(self.normals.row(index));
        draw.iter_mut().zip(own).for_each(|(u, (share, z))| *u = share * *u + deviation * z);
    }
}

pub(super) fn normal(rng: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(rng)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_even_and_never_fewer_than_half_of_the_room() {
        for n_sweeps in [12, 40, 41, 240, 1000] {
            let mut draws = Draws::new(2, 12);
            for sweep in 0..n_sweeps {
                if draws.wants(sweep) {
                    draws.push(vec![sweep as f64]);
                }
            }
            let kept: Vec<f64> = draws.into_inner().into_iter().flatten().collect();
            assert!(kept.len() >= 6.min(n_sweeps / 2) && kept.len() <= 12, "{n_sweeps}: {kept:?}");
            assert!(kept.windows(2).all(|pair| pair[1] - pair[0] == kept[1] - kept[0]), "{n_sweeps}: {kept:?}");
        }
    }
}
