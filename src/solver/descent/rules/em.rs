//! Expectation maximisation (docs/notation: u is the posterior mean, s the sparsity factor of a column).

/// `w <- u^2 + w - w^2 s`: the posterior second moment. Never increases the energy at fixed noise.
pub(super) fn update(w: f64, q: f64, s: f64) -> f64 {
    let u = w * q;
    (u * u + w * (1.0 - w * s)).max(0.0)
}
