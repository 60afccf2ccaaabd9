//! Sparse solutions of ill-conditioned linear problems, by minimising the energy of a linear variational autoencoder.

pub mod error;
#[cfg(feature = "python")]
mod python;

pub use error::{Error, Result};
