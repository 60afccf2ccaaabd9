//! Programs with an l1 norm, solved exactly.

mod basis_pursuit;
pub(crate) mod gram;
pub(crate) mod homotopy;
mod simplex;

pub use basis_pursuit::{CERTIFICATE, Equations, Outcome, Request, Solution};
