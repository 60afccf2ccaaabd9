//! A trained encoder and decoder, on their way to the caller.

use crate::energy::elbo::{Parameters, triangle_row};
use crate::problem::{Problem, Response};
use crate::report::{FitReport, Trained};
use ndarray::Array2;

/// What a training ended with, of the columns that it had.
pub(super) struct Encoded {
    /// Posterior means in the solver's units, response after response.
    pub means: Vec<f64>,
    /// In the caller's units.
    pub parameters: Parameters,
}

impl Encoded {
    /// Puts means and parameters into a report, in the places of all features.
    pub fn report(self, problem: &Problem<'_>, response: &Response, report: &mut FitReport) {
        let (columns, n) = (&problem.columns, problem.means.len());
        let Parameters { decoder_scale, encoder_weights, encoder_factor, .. } = self.parameters;
        let mut trained = Trained {
            decoder_scale: vec![0.0; n],
            encoder_weights: Array2::zeros((n, encoder_weights.ncols())),
            encoder_factor: Array2::zeros((n, n)),
        };
        for (i, (&row, weights)) in columns.iter().zip(encoder_weights.outer_iter()).enumerate() {
            trained.decoder_scale[row] = decoder_scale[i];
            trained.encoder_weights.row_mut(row).assign(&weights);
            for (&column, value) in columns.iter().zip(&encoder_factor[triangle_row(i)]) {
                trained.encoder_factor[[row, column]] = *value;
            }
        }
        let all: Vec<usize> = (0..columns.len()).collect();
        report.posterior_mean = Some(problem.coef_to_caller(&all, &self.means, response).0);
        report.trained = Some(trained);
    }
}
