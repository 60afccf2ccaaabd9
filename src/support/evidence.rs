//! The criterion that chooses a support when data are noisy.
//!
//! It is the marginal energy of the support itself, `W_A = g sigma^2 (X_A^T X_A)^-1`, at the best `g` and `sigma^2`,
//! less twice the log prior of the support, uniform over sizes and over supports of one size.
//! Scale-free, with nothing to tune. Several responses share the support, `g` and `sigma^2`.

use super::tolerances::LEAST_RESIDUAL;
use libm::lgamma;

/// `ln (n choose k)`.
pub(crate) fn ln_choose(n: usize, k: usize) -> f64 {
    lgamma(n as f64 + 1.0) - lgamma(k as f64 + 1.0) - lgamma((n - k) as f64 + 1.0)
}

/// The criterion that weighs fit against size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Criterion {
    /// Marginal evidence of the support.
    Evidence,
    /// Extended BIC with weight 1 on the number of supports of a size (Chen and Chen, 2008), of at most `d / ln d` columns
    /// for `d` degrees of freedom, the size to which Fan and Lv (2008) screen.
    ExtendedBic,
}

/// What the criterion needs to know of a problem.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// Which criterion.
    pub kind: Criterion,
    /// Degrees of freedom of a response: samples, less one if it is centred.
    pub freedom: usize,
    /// Number of responses.
    pub n_responses: usize,
    /// Number of columns, or of groups of columns, to choose from.
    pub n_choices: usize,
    /// Squared norm of the responses.
    pub total: f64,
    /// Noise variance, if it is known.
    pub noise_var: Option<f64>,
}

impl Evidence {
    /// Samples, less one in `share` for a single response, and fewer for several: sizes up to which a support can be
    /// distinguished from noise.
    pub(crate) fn spare(&self, share: usize) -> usize {
        self.freedom - self.freedom.div_ceil(share * self.n_responses)
    }

    /// Twice the negative log evidence of `k` columns that leave the residual sum of squares `rss` (or the extended
    /// BIC), up to a constant; 0 for none.
    pub fn criterion(&self, k: usize, rss: f64) -> f64 {
        self.of_groups(k, k, rss)
    }

    /// As [`criterion`](Self::criterion), for `k` columns that make up `n_groups` groups.
    pub fn of_groups(&self, n_groups: usize, k: usize, rss: f64) -> f64 {
        if k == 0 {
            return 0.0;
        }
        let names = 2.0 * ln_choose(self.n_choices, n_groups);
        let responses = self.n_responses as f64;
        let size = responses * k as f64;
        if self.kind == Criterion::ExtendedBic {
            let freedom = self.freedom as f64;
            return match self.noise_var {
                Some(noise_var) => (rss - self.total) / noise_var + size * freedom.ln() + names,
                // Beyond, so little is left that its logarithm outweighs any penalty.
                None if k as f64 > freedom / freedom.ln().max(1.0) => f64::INFINITY,
                None => responses * freedom * (rss / self.total).max(LEAST_RESIDUAL).ln() + size * freedom.ln() + names,
            };
        }
        if let Some(noise_var) = self.noise_var {
            let fit = (self.total - rss) / noise_var;
            let g = (fit / size - 1.0).max(0.0);
            return size * g.ln_1p() - g / (1.0 + g) * fit + names;
        }
        if k + 1 >= self.freedom {
            return f64::INFINITY;
        }
        let (freedom, spare) = (responses * self.freedom as f64, responses * (self.freedom - k) as f64);
        let left = (rss / self.total).max(LEAST_RESIDUAL);
        let g = ((1.0 - left) / size * spare / left - 1.0).max(0.0);
        freedom * (g * left).ln_1p() - spare * g.ln_1p() + names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binomials_are_exact() {
        for (n, k, value) in [(5_usize, 2_usize, 10.0_f64), (30, 15, 155_117_520.0), (200, 1, 200.0), (7, 0, 1.0)] {
            assert!((ln_choose(n, k) - value.ln()).abs() < 1e-12 * (1.0 + value.ln()));
        }
    }

    #[test]
    fn extended_bic_ends_where_its_likelihood_degenerates() {
        let kind = Criterion::ExtendedBic;
        let evidence = Evidence { kind, freedom: 29, n_responses: 1, n_choices: 28, total: 1.0, noise_var: None };
        assert!(evidence.criterion(8, 0.3).is_finite());
        assert_eq!(evidence.criterion(9, 0.3), f64::INFINITY);
        assert!(Evidence { noise_var: Some(0.1), ..evidence }.criterion(20, 0.3).is_finite());
    }

    /// The closed form against a grid over g and sigma^2 of the marginal energy it stands for.
    #[test]
    fn criterion_is_the_profiled_marginal_energy() {
        let kind = Criterion::Evidence;
        let evidence = Evidence { kind, freedom: 50, n_responses: 1, n_choices: 80, total: 3.0, noise_var: None };
        let (k, rss) = (4, 0.4);
        let energy =
            |g: f64, noise: f64| rss / noise + (3.0 - rss) / (noise * (1.0 + g)) + 50.0 * noise.ln() + 4.0 * g.ln_1p();
        let null = 50.0 + 50.0 * (3.0_f64 / 50.0).ln();
        let mut best = f64::INFINITY;
        for i in 0..400 {
            for j in 0..400 {
                best = best.min(energy((i as f64 * 0.03).exp() - 1.0, 1e-3 * (j as f64 * 0.015).exp()));
            }
        }
        let closed = evidence.criterion(k, rss) - 2.0 * ln_choose(80, k);
        assert!((closed - (best - null)).abs() < 0.01, "{closed} {}", best - null);
    }
}
