//! Draws of all coefficients: those that are kept, and the background in each.

use super::coordinates::{Coordinates, Level};
use super::tolerances::DRAWN_AT_ONCE;
use crate::{Error, Result};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma, StandardNormal};

/// Draws at even intervals of sweeps, however many sweeps there will be: where there is no room for another one, every
/// second is given up and the interval doubled.
pub(super) struct Draws<T> {
    kept: Vec<T>,
    every: usize,
    room: usize,
}

impl<T> Draws<T> {
    /// A draw after each `every` sweeps, and at most `room` in all.
    pub fn new(every: usize, room: usize) -> Self {
        Self { kept: Vec::new(), every, room }
    }

    /// Whether one is taken after this sweep, counted from 0.
    pub fn wants(&self, sweep: usize) -> bool {
        (sweep + 1).is_multiple_of(self.every)
    }

    pub fn push(&mut self, draw: T) {
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

    pub fn into_inner(self) -> Vec<T> {
        self.kept
    }
}

/// A draw of all coefficients, background included, axis after axis; and what they fit.
pub(super) struct Draw {
    pub coef: Vec<f64>,
    pub fit: Vec<f64>,
}

/// Draws of a background given what the effects leave.
pub(super) struct Background {
    /// Normal numbers of each column's share of variance, one set after the other, and `X` times them.
    normals: Vec<f64>,
    reached: Vec<f64>,
    /// How many of those sets were used.
    used: usize,
}

impl Background {
    pub fn new() -> Self {
        Self { normals: Vec::new(), reached: Vec::new(), used: 0 }
    }

    /// Adds a draw `u` to `draw`: one from its prior, moved by what its sum `X u + e` lacks of the residual (Matheron's
    /// rule).
    pub fn draw(
        &mut self,
        coordinates: &Coordinates,
        level: &Level,
        noise_var: f64,
        residual: &[f64],
        rng: &mut ChaCha8Rng,
        draw: &mut Draw,
    ) {
        let (share, n, rank, axes) =
            (&coordinates.share, coordinates.n_columns(), level.weights.len(), coordinates.n_axes);
        // One response takes its numbers even so: for a seed all that follows stays as it was.
        if level.ratio == 0.0 && axes > 1 {
            return;
        }
        let first = self.used % (axes * DRAWN_AT_ONCE.div_ceil(axes));
        self.used += axes;
        if first == 0 {
            self.normals.clear();
            for _ in 0..axes * DRAWN_AT_ONCE.div_ceil(axes) {
                self.normals.extend(share.iter().map(|share| share.sqrt() * normal(rng)));
            }
            self.reached = coordinates.multiply(&self.normals);
        }
        if level.ratio == 0.0 {
            return;
        }
        let deviation = (level.ratio * noise_var).sqrt();
        let seen = &self.reached[first * rank..];
        let each = residual.iter().zip(level.weights.iter().cycle()).zip(seen);
        let lacking: Vec<f64> = each
            .map(|((r, w), seen)| {
                let noise = noise_var.sqrt() * normal(rng);
                level.ratio * w * (r - deviation * seen - noise)
            })
            .collect();
        let mut moved = vec![0.0; axes * n];
        coordinates.multiply_transposed(&lacking, &mut moved);
        let own = moved.iter().zip(share.iter().cycle()).zip(&self.normals[first * n..]);
        draw.coef.iter_mut().zip(own).for_each(|(b, ((u, share), z))| *b += share * u + deviation * z);
        // The eigenvectors are those of the background: `X diag(share) X^T` is the spectrum.
        let own = lacking.iter().zip(coordinates.spectrum.iter().cycle()).zip(seen);
        draw.fit.iter_mut().zip(own).for_each(|(fit, ((u, value), z))| *fit += value * u + deviation * z);
    }
}

pub(super) fn normal(rng: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(rng)
}

/// A draw of the gamma distribution of scale 1.
pub(super) fn gamma(rng: &mut ChaCha8Rng, shape: f64) -> Result<f64> {
    let law = Gamma::new(shape, 1.0).map_err(|error| Error::invalid("shape", error, "greater than 0"))?;
    Ok(law.sample(rng))
}

/// One of some places, whose probabilities have these logarithms but for a constant.
pub(super) fn one_of(rng: &mut ChaCha8Rng, logs: &[f64]) -> usize {
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = logs.iter().map(|log| (log - top).exp()).collect();
    let mut left = rng.random::<f64>() * weights.iter().sum::<f64>();
    let drawn = weights.iter().position(|weight| {
        left -= weight;
        left < 0.0
    });
    drawn.unwrap_or(logs.len() - 1)
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
