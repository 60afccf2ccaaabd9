//! The numerical kernel: `Sigma_x = X diag(w) X^T + gamma I` assembled, factorised and solved, and the few
//! decompositions around it.
//!
//! faer factorises; the two products, which cost `r^2 n` each, are register-tiled here (see [`mod@packed`]), because a
//! step on a design of 100 x 200 lasts 60 microseconds and a general product spends half of that on choosing and
//! packing.

mod decompose;
mod gram;
pub mod least_squares;
pub mod marginal;
pub mod packed;
pub mod row_space;
mod solve;
