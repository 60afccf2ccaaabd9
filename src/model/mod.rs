//! The systems that users fit.

pub mod affine_vae;
pub mod robust_vae;
pub mod sparse_regression;
pub mod welper_recover;

pub use sparse_regression::{LARGE_DESIGN, fit, fit_many, fit_problem, fit_simultaneous, fit_summary, settings};
