//! Programs with an l1 norm, solved exactly.

mod basis_pursuit;
pub(crate) mod gram;
pub(crate) mod homotopy;
mod simplex;
mod tolerances;

pub use basis_pursuit::{Equations, Request, Solution};
pub use tolerances::CERTIFICATE;
