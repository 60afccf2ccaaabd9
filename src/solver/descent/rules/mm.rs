//! Majorisation by the convex bound on the log-determinant.

/// `w <- w |q| / sqrt(s)`: the minimum of the bound. Never increases the energy at fixed noise.
pub(super) fn update(w: f64, q: f64, s: f64) -> f64 {
    if s > 0.0 { w * q.abs() / s.sqrt() } else { 0.0 }
}
