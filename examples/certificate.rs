//! A badly conditioned problem without noise: fit it, and ask for the proof that the solution is the sparsest.
//!
//!     cargo run --release --example certificate

use ndarray::Array2;
use sparsevae::datasets::{Design, Law, make_design, make_sparse_coef};
use sparsevae::model::{fit, settings::Settings};
use sparsevae::{Monitor, Status};
use std::io::{Write, stdout};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let monitor = Monitor::default();
    let x: Array2<f64> = make_design(Design::RandomWalk, 100, 200, true, 0, &monitor)?;
    let truth = make_sparse_coef(200, 40, Law::Gaussian, 0, &monitor)?;
    let y = x.dot(&truth).to_vec();

    let report = fit(x.view(), &y, &Settings::default(), &monitor)?;

    let planted: Vec<usize> = (0..truth.len()).filter(|&j| truth[j] != 0.0).collect();
    let mut out = stdout();
    writeln!(out, "status: {}, after {} rounds", report.status.name(), report.n_rounds)?;
    writeln!(out, "certified: {}, columns: {}", report.certified, report.support.len())?;
    writeln!(out, "the planted ones: {}", report.support == planted)?;
    if report.status != Status::Certified {
        return Err("no certificate".into());
    }
    Ok(())
}
