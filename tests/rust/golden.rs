//! Golden cases written by an independent NumPy script, `tests/data/make_golden.py`: one a line, each of one kind.

use crate::common::assert_close;
use ndarray::{Array1, Array2};
use serde_json::Value;
use sparsevae::Result;
use sparsevae::design::Standardised;
use sparsevae::energy::elbo::{Elbo, Parameters};
use sparsevae::energy::{
    AffineEvaluation, AffinePoint, Evaluation, Marginal, Responses, affine_energy, affine_separable_energy,
    marginal_energy, preconditioned_energy, separable_energy,
};
use sparsevae::linalg::covariance::Covariance;
use sparsevae::linalg::packed::Packed;
use sparsevae::linalg::packed_covariance::PackedCovariance;
use sparsevae::monitor::{Monitor, Progress};
use sparsevae::solver::descent::{Descent, Groups, Next, Rule};
use sparsevae::solver::propagation::ExpectationPropagation;
use sparsevae::support::certificate::{Certifier, Proof};

/// Tolerance of derivatives, which the script takes numerically.
const NUMERICAL: f64 = 1e-7;

/// The cases of one kind; there is at least one.
fn cases(kind: &str) -> Vec<Value> {
    let lines = include_str!("../data/golden.jsonl").lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let cases: Vec<Value> = lines.filter(|case| case["kind"] == kind).collect();
    assert!(!cases.is_empty(), "no golden case of kind {kind}");
    cases
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

/// Numbers in the order of their nested lists.
fn vector(value: &Value) -> Vec<f64> {
    value.as_array().map_or_else(|| vec![number(value)], |values| values.iter().flat_map(vector).collect())
}

fn matrix(value: &Value) -> Array2<f64> {
    let (rows, entries) = (value.as_array().unwrap().len(), vector(value));
    Array2::from_shape_vec((rows, entries.len() / rows), entries).unwrap()
}

fn assert_all_close<'a>(found: impl IntoIterator<Item = &'a f64>, expected: &Value, tolerance: f64, what: &str) {
    let (found, expected): (Vec<&f64>, _) = (found.into_iter().collect(), vector(expected));
    assert_eq!(found.len(), expected.len(), "{what}");
    found.into_iter().zip(expected).for_each(|(f, e)| assert_close(*f, e, tolerance, what));
}

fn assert_evaluation(found: Result<Evaluation>, expected: &Value, what: &str) {
    let found = found.unwrap();
    assert_close(found.value, number(&expected["value"]), 1e-11, what);
    assert_all_close(&found.grad_prior_var, &expected["grad_prior_var"], NUMERICAL, what);
    assert_close(found.grad_noise_var, number(&expected["grad_noise_var"]), NUMERICAL, what);
}

#[test]
fn energies_match_the_reference() {
    for case in cases("energy") {
        let (x, y, w) = (matrix(&case["X"]), vector(&case["y"]), vector(&case["prior_var"]));
        let gamma = number(&case["noise_var"]);
        assert_evaluation(marginal_energy(x.view(), &y, &w, gamma), &case["marginal"], "marginal");
        assert_evaluation(separable_energy(x.view(), &y, &w, gamma), &case["separable"], "separable");
        if let Some(power) = case["power"].as_f64() {
            let found = preconditioned_energy(x.view(), &y, &w, gamma, power);
            assert_evaluation(found, &case["preconditioned"], "preconditioned");
        }
    }
}

#[test]
fn kernel_and_update_rules_match_the_reference() {
    for case in cases("energy") {
        let (x, y, w) = (matrix(&case["X"]), vector(&case["y"]), vector(&case["prior_var"]));
        let (gamma, steps, n_responses) = (number(&case["noise_var"]), &case["steps"], y.len() / x.nrows());
        let packed = Packed::new(x.view());
        let mut kernel = PackedCovariance::new(&packed, n_responses);
        kernel.evaluate(&packed, &y, &w, gamma).unwrap();
        assert_all_close(kernel.each_q().flatten(), &steps["q"], 1e-11, "q");
        assert_all_close(kernel.s(), &steps["s"], 1e-11, "s");
        for (rule, name) in [(Rule::Em, "em"), (Rule::Mm, "mm"), (Rule::MacKay, "mackay")] {
            let energy = Marginal { kernel: &packed, responses: Responses::new(&y, n_responses) };
            let groups = Groups::default();
            let mut descent = Descent::new(&energy, w.clone(), &groups);
            let before = Progress::of_round(0, 0);
            let noise = |_| gamma;
            descent.run(rule, 2, noise, before, &Monitor::default(), |_, _| Ok(Next::Continue)).unwrap();
            assert_all_close(&descent.w, &steps[name], 1e-10, name);
        }
    }
}

#[test]
fn affine_energies_match_the_reference() {
    for case in cases("affine") {
        let (x, components) = (matrix(&case["X"]), matrix(&case["components"]));
        let mean = Array1::from(vector(&case["mean"]));
        let noise_var = number(&case["noise_var"]);
        let point = AffinePoint { components: components.view(), mean: mean.view(), noise_var };
        let check = |found: Result<AffineEvaluation>, what: &str| {
            let (found, expected) = (found.unwrap(), &case[what]);
            assert_close(found.value, number(&expected["value"]), 1e-11, what);
            assert_all_close(&found.grad_components, &expected["grad_components"], NUMERICAL, what);
            assert_close(found.grad_noise_var, number(&expected["grad_noise_var"]), NUMERICAL, what);
        };
        check(affine_energy(x.view(), point), "full");
        check(affine_separable_energy(x.view(), point), "separable");
    }
}

#[test]
fn evidence_lower_bound_matches_the_reference() {
    for case in cases("bound") {
        let (x, y, draw) = (matrix(&case["X"]), vector(&case["y"]), vector(&case["draw"]));
        let (power, parameters) = (case["power"].as_f64(), &case["parameters"]);
        let at = Parameters {
            decoder_scale: vector(&parameters["decoder_scale"]),
            encoder_weights: matrix(&parameters["encoder_weights"]),
            encoder_factor: vector(&parameters["encoder_factor"]),
            noise_var: number(&parameters["noise_var"]),
        };
        let n_responses = y.len() / x.nrows();
        let model = Elbo::new(x.view(), Responses::new(&y, n_responses), power).unwrap();
        let (value, gradient) = model.gradient(&at, &draw);
        assert_close(value, number(&case["value"]), 1e-10, "bound at a draw");
        assert_close(model.expected(&at), number(&case["mean"]), 1e-10, "mean of the bound");
        let expected = &case["gradient"];
        assert_all_close(&gradient.decoder_scale, &expected["decoder_scale"], NUMERICAL, "decoder scale");
        assert_all_close(&gradient.encoder_weights, &expected["encoder_weights"], NUMERICAL, "encoder weights");
        assert_all_close(&gradient.encoder_factor, &expected["encoder_factor"], NUMERICAL, "encoder factor");
        assert_close(gradient.noise_var, number(&expected["noise_var"]), NUMERICAL, "noise variance");
    }
}

#[test]
fn a_round_of_expectation_propagation_matches_the_reference() {
    for case in cases("propagation") {
        let (basis, responses) = (matrix(&case["basis"]), vector(&case["responses"]));
        let packed = Packed::new(basis.view());
        let mut propagation = ExpectationPropagation::new(basis.view(), &packed, &responses, 0);
        let mut norms = Vec::new();
        let len = case["energies"].as_array().unwrap().len();
        let attempt = |means: &[f64]| {
            norms.extend_from_slice(means);
            None::<()>
        };
        assert!(propagation.round(0, len, &mut 0, &Monitor::default(), attempt).unwrap().is_none());
        assert_all_close(&propagation.energies, &case["energies"], 1e-8, "energies of the steps");
        assert_all_close(&norms, &case["norms"], 1e-8, "norms of the posterior means");
    }
}

#[test]
fn certificates_match_the_reference() {
    for case in cases("certificate") {
        let title = case["title"].as_str().unwrap();
        let (basis, response, spread) = (matrix(&case["basis"]), vector(&case["response"]), vector(&case["spread"]));
        let (design, values) = (Standardised::as_it_is(matrix(&case["design"])), vector(&case["values"]));
        let certifier = Certifier {
            design: &design,
            values: &values,
            basis: basis.view(),
            response: &response,
            spread: &spread,
            response_size: number(&case["response_norm"]),
            column_sizes: &vec![1.0; design.ncols()],
            smallest_singular: number(&case["smallest_singular"]),
            precision: number(&case["precision"]),
            n_choices: design.ncols(),
        };
        let (found, expected) = (certifier.exact(&vector(&case["score"])), &case["expected"]);
        assert_eq!(found.is_some(), !expected.is_null(), "{title}");
        let Some(found) = found else { continue };
        let support: Vec<f64> = found.solution.support.iter().map(|&j| j as f64).collect();
        assert_eq!(support, vector(&expected["support"]), "{title}");
        assert_all_close(&found.solution.coefficients, &expected["coefficients"], 1e-10, title);
        assert_eq!(found.proof == Proof::Exact, expected["proved"].as_bool().unwrap(), "{title}");
    }
}
