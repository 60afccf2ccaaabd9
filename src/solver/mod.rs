//! From an energy to a minimum: one loop, the update rules, the continuation.

pub mod adam;
pub mod driver;
mod em;
pub mod expectation_propagation;
mod mackay;
mod mm;
pub mod restart;
pub mod robust_em;
pub mod schedule;

pub use driver::{Covariance, Descent, Next, Rule, Structure};
pub use schedule::Schedule;
