//! MacKay's fixed point.

/// `w <- w q^2 / s`: the same stationary points as EM, in fewer steps, without the guarantee of descent.
pub(super) fn update(w: f64, q: f64, s: f64) -> f64 {
    if s > 0.0 { w * q * q / s } else { 0.0 }
}
