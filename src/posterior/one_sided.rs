//! Normal distributions on one side of 0, for coefficients whose sign is known.
//!
//! `Z` is normal with mean `t` and variance 1, given that it is positive.

use libm::erfc;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, Exp1, StandardNormal};
use std::f64::consts::{FRAC_1_SQRT_2, PI, SQRT_2};

/// Below this mean, tails are taken from their expansion: the functions of the library would soon be 0.
const FAR: f64 = -10.0;

/// `ln (2 P)`, with `P` the probability that a normal variable of mean `t` and variance 1 is positive.
pub(super) fn log_twice_share(t: f64) -> f64 {
    if t > FAR { erfc(-t * FRAC_1_SQRT_2).ln() } else { -t * t / 2.0 + (SQRT_2 / PI.sqrt() / inverse_mills(t)).ln() }
}

/// Mean of `Z`.
pub(super) fn mean(t: f64) -> f64 {
    t + inverse_mills(t)
}

/// Density over share: `exp(-t^2 / 2) / sqrt(2 pi) / P`.
fn inverse_mills(t: f64) -> f64 {
    if t > FAR {
        return SQRT_2 / PI.sqrt() * (-t * t / 2.0).exp() / erfc(-t * FRAC_1_SQRT_2);
    }
    // The continued fraction of the tail's ratio.
    let s = -t;
    s + 1.0 / (s + 2.0 / (s + 3.0 / (s + 4.0 / (s + 5.0 / s))))
}

/// A draw of `Z`, by rejection from a normal or an exponential distribution (Robert, 1995).
pub(super) fn draw(t: f64, rng: &mut impl Rng) -> f64 {
    if t >= 0.0 {
        loop {
            let z = t + Distribution::<f64>::sample(&StandardNormal, rng);
            if z > 0.0 {
                return z;
            }
        }
    }
    let rate = (-t + (t * t + 4.0).sqrt()) / 2.0;
    loop {
        let z = Distribution::<f64>::sample(&Exp1, rng) / rate;
        let away = z - t - rate;
        if rng.random::<f64>() <= (-away * away / 2.0).exp() {
            return z;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    /// Share and mean by summing the density.
    fn quadrature(t: f64) -> (f64, f64) {
        let (mut share, mut first) = (0.0, 0.0);
        let step = 1e-4;
        for i in 0..200_000 {
            let z = (f64::from(i) + 0.5) * step;
            let density = (-z * (z - 2.0 * t) / 2.0).exp() * step;
            share += density;
            first += z * density;
        }
        (share, first / share)
    }

    #[test]
    fn share_and_mean_agree_with_quadrature_near_and_far() {
        for t in [-30.0, -10.1, -9.9, -3.0, -0.5, 0.0, 0.7, 4.0] {
            let (share, first) = quadrature(t);
            let log = (2.0 * share / (2.0 * PI).sqrt()).ln() - t * t / 2.0;
            assert!((log_twice_share(t) - log).abs() < 1e-6, "{t}");
            assert!((mean(t) / first - 1.0).abs() < 1e-5, "{t}: {} for {first}", mean(t));
        }
    }

    #[test]
    fn draws_are_positive_and_have_the_mean() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for t in [-5.0, -0.5, 0.0, 2.0] {
            let draws: Vec<f64> = (0..100_000).map(|_| draw(t, &mut rng)).collect();
            let average = draws.iter().sum::<f64>() / draws.len() as f64;
            assert!(draws.iter().all(|z| *z > 0.0) && (average / mean(t) - 1.0).abs() < 0.02, "{t}");
        }
    }
}
