//! Facts about the core, one module a subject.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod affine;
mod baseline;
mod batch;
mod certificate;
mod common;
mod components;
mod datasets;
mod decompose;
mod design;
mod elbo;
mod energy;
mod errors;
mod factorization;
mod fuzz;
mod golden;
mod invariance;
mod kernel;
mod l1;
mod leadfield;
mod model;
mod monitor;
mod posterior;
mod robust;
mod row_sparse;
mod rules;
mod search;
mod simultaneous;
mod structure;
mod summary;
mod tall;
mod welper_recover;
mod wide;
