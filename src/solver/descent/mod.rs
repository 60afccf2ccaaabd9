//! Descent on an energy in its prior variances: one loop for every energy, update rule and schedule.

mod groups;
pub mod restart;
mod rules;
mod run;
mod schedule;

pub use groups::Groups;
pub use rules::Rule;
pub use run::{Descent, Next};
pub use schedule::Schedule;
