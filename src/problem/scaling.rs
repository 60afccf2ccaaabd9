//! Between the solver's units and the caller's: all ways that numbers take.
//!
//! A coefficient `z` in the solver's units is `z unit` in the caller's, with `unit = ||y|| / ||x_j||`; variances take its
//! square, and a noise variance that of `||y||`.

use super::{Problem, Response};
use crate::{Error, Result};
use ndarray::Array2;
use std::collections::HashMap;

impl Problem<'_> {
    /// What one unit of a column's coefficient is in the caller's units.
    pub fn unit(&self, response: &Response, j: usize) -> f64 {
        response.norm / self.norms[j]
    }

    /// Prior variances of all features, in the caller's units, as the solver sees those of the columns.
    ///
    /// # Errors
    /// [`Error::Shape`] if their number is not that of the features; [`Error::InvalidParameter`] if they differ in a
    /// group.
    pub fn prior_var_to_solver(&self, prior_var: &[f64], response: &Response) -> Result<Vec<f64>> {
        if prior_var.len() != self.means.len() {
            return Err(Error::Shape {
                what: "prior_var_init",
                expected: format!("({},), one value per column of `X`", self.means.len()),
                found: format!("({},)", prior_var.len()),
            });
        }
        let mut first = HashMap::new();
        for (&j, &group) in self.columns.iter().zip(&self.groups) {
            if *first.entry(group).or_insert(prior_var[j]) != prior_var[j] {
                let allowed = "the same for all columns of a group";
                return Err(Error::invalid("prior_var_init", format!("{} at column {j}", prior_var[j]), allowed));
            }
        }
        let scaled = |(j, &column): (usize, &usize)| {
            let unit = self.unit(response, j);
            prior_var[column] / unit / unit
        };
        Ok(self.columns.iter().enumerate().map(scaled).collect())
    }

    /// Prior variances of some columns as those of all features, 0 elsewhere.
    pub fn prior_var_to_caller(&self, chosen: impl IntoIterator<Item = (usize, f64)>, response: &Response) -> Vec<f64> {
        let mut all = vec![0.0; self.means.len()];
        for (j, w) in chosen {
            let unit = self.unit(response, j);
            all[self.columns[j]] = w * unit * unit;
        }
        all
    }

    /// Coefficients of some columns, as many for each principal axis, as those of all features for each of the caller's
    /// responses; with the intercept of each.
    pub fn coef_to_caller(&self, support: &[usize], z: &[f64], response: &Response) -> (Vec<f64>, Vec<f64>) {
        let n_features = self.means.len();
        let mut coef = vec![0.0; n_features * response.n_given()];
        let mut intercept = response.means.clone();
        let z = response.rotate_back(z, support.len());
        for (l, intercept) in intercept.iter_mut().enumerate() {
            for (&j, &z) in support.iter().zip(&z[l * support.len()..]) {
                let (unit, column) = (self.unit(response, j), self.columns[j]);
                coef[l * n_features + column] = z * unit;
                *intercept -= z * unit * self.means[column];
            }
        }
        (coef, intercept)
    }

    /// Coefficients of some columns in the caller's units, response after response, as those of all features.
    pub fn to_features(&self, support: &[usize], z: &[f64], n_responses: usize) -> Vec<f64> {
        let n_features = self.means.len();
        let mut coef = vec![0.0; n_responses * n_features];
        for (coef, z) in coef.chunks_exact_mut(n_features).zip(z.chunks_exact(support.len().max(1))) {
            support.iter().zip(z).for_each(|(&j, z)| coef[self.columns[j]] = *z);
        }
        coef
    }

    /// What the change of units adds to an energy in the solver's units: the responses were divided by their norm.
    pub fn energy_shift(&self, response: &Response) -> f64 {
        2.0 * (self.freedom * response.n_responses()) as f64 * response.norm.ln()
    }

    /// A copy of the design, and the responses, in the caller's units: what eq. 17 adds the noise variance to are
    /// eigenvalues of `X X^T` there, and the papers' training knows no other units.
    pub fn in_caller_units(&self, response: &Response) -> (Array2<f64>, Response) {
        let mut design = self.design.copied().to_owned();
        design.columns_mut().into_iter().zip(&self.norms).for_each(|(mut column, norm)| column *= *norm);
        let mut scaled = response.clone();
        scaled.values.iter_mut().for_each(|v| *v *= response.norm);
        scaled.off_range.norm *= response.norm;
        (design, scaled)
    }
}
