//! Noisy data: the posterior over supports, as inclusion probabilities and a few columns that predict as its mean does.
//!
//!     cargo run --release --example posterior

use ndarray::Array2;
use sparsevae::Monitor;
use sparsevae::datasets::{Design, Law, make_design, make_sparse_coef};
use sparsevae::model::{fit, settings::Settings};
use std::io::{Write, stdout};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let monitor = Monitor::default();
    let x: Array2<f64> = make_design(Design::Toeplitz { correlation: 0.9 }, 200, 100, false, 0, &monitor)?;
    let truth = make_sparse_coef(100, 4, Law::Rayleigh, 0, &monitor)?;
    let noise: Array2<f64> = make_design(Design::Gaussian, 200, 1, false, 1, &monitor)?;
    let y = (x.dot(&truth) + noise.column(0)).to_vec();

    let report = fit(x.view(), &y, &Settings::default(), &monitor)?;

    let posterior = report.posterior.ok_or("data without noise have no posterior")?;
    let mut out = stdout();
    writeln!(out, "noise variance: {:.2}", report.noise_var)?;
    writeln!(out, "chosen: {:?}", report.support)?;
    for (column, prob) in posterior.inclusion_prob.iter().enumerate().filter(|(_, prob)| **prob > 0.1) {
        writeln!(out, "column {column:3}: probability {prob:.2}, true coefficient {:.2}", truth[column])?;
    }
    Ok(())
}
