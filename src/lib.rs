//! Sparse solutions of ill-conditioned linear problems, by minimising the energy of a linear variational autoencoder.

pub mod baseline;
pub mod datasets;
pub mod design;
pub mod energy;
pub mod error;
pub mod factorization;
pub mod l1;
pub mod linalg;
pub mod model;
pub mod monitor;
pub mod posterior;
pub mod problem;
#[cfg(feature = "python")]
mod python;
pub mod report;
pub mod settings;
pub mod solver;
pub mod support;
pub mod threads;

pub use error::{Error, Result};
pub use monitor::{Monitor, Progress, Stage};
pub use report::{FitReport, PackedReport, Status};
