//! Facts about the core, one module a subject.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod datasets;
