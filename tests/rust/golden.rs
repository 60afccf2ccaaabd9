//! Golden cases written by an independent NumPy script, `tests/data/make_golden.py`.

use crate::common::assert_close;
use ndarray::Array2;
use serde_json::Value;
use sparsevae::energy::{Evaluation, Marginal, Responses, marginal_energy, preconditioned_energy};
use sparsevae::linalg::covariance::Covariance;
use sparsevae::linalg::packed::Packed;
use sparsevae::linalg::packed_covariance::PackedCovariance;
use sparsevae::report::IterInfo;
use sparsevae::solver::descent::{Descent, Groups, Next, Rule};
use std::ops::ControlFlow;

struct Case {
    x: Array2<f64>,
    y: Vec<f64>,
    w: Vec<f64>,
    gamma: f64,
    power: f64,
    expected: Value,
}

fn vector(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn cases() -> Vec<Case> {
    let file: Value = serde_json::from_str(include_str!("../data/golden.json")).unwrap();
    let cases: Vec<Case> = file["cases"].as_array().unwrap().iter().map(case).collect();
    assert!(cases.len() >= 20);
    cases
}

fn case(value: &Value) -> Case {
    let rows: Vec<Vec<f64>> = value["X"].as_array().unwrap().iter().map(vector).collect();
    let (d, n) = (rows.len(), rows[0].len());
    Case {
        x: Array2::from_shape_vec((d, n), rows.concat()).unwrap(),
        y: vector(&value["y"]),
        w: vector(&value["prior_var"]),
        gamma: value["noise_var"].as_f64().unwrap(),
        power: value["power"].as_f64().unwrap(),
        expected: value.clone(),
    }
}

fn assert_all_close(found: &[f64], expected: &Value, tolerance: f64, what: &str) {
    let expected = vector(expected);
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).for_each(|(f, e)| assert_close(*f, e, tolerance, what));
}

fn assert_evaluation(found: &Evaluation, expected: &Value, what: &str) {
    assert_close(found.value, expected["value"].as_f64().unwrap(), 1e-11, what);
    // The reference differentiates numerically.
    assert_all_close(&found.grad_prior_var, &expected["grad_prior_var"], 1e-7, what);
    assert_close(found.grad_noise_var, expected["grad_noise_var"].as_f64().unwrap(), 1e-7, what);
}

#[test]
fn marginal_energy_matches_the_reference() {
    for Case { x, y, w, gamma, expected, .. } in cases() {
        let found = marginal_energy(x.view(), &y, &w, gamma).unwrap();
        assert_evaluation(&found, &expected["marginal"], "marginal energy");
    }
}

#[test]
fn preconditioned_energy_matches_the_reference() {
    for Case { x, y, w, gamma, power, expected } in cases() {
        let found = preconditioned_energy(x.view(), &y, &w, gamma, power).unwrap();
        assert_evaluation(&found, &expected["preconditioned"], "preconditioned energy");
    }
}

#[test]
fn kernel_and_update_rules_match_the_reference() {
    for Case { x, y, w, gamma, expected, .. } in cases() {
        let steps = &expected["steps"];
        let packed = Packed::new(x.view());
        let mut kernel = PackedCovariance::new(&packed, 1);
        kernel.evaluate(&packed, &y, &w, gamma).unwrap();
        assert_all_close(kernel.each_q().next().unwrap(), &steps["q"], 1e-11, "q");
        assert_all_close(kernel.s(), &steps["s"], 1e-11, "s");
        for (rule, name) in [(Rule::Em, "em"), (Rule::Mm, "mm"), (Rule::MacKay, "mackay")] {
            let energy = Marginal { kernel: &packed, responses: Responses::new(&y, 1) };
            let groups = Groups::default();
            let mut descent = Descent::new(&energy, w.clone(), &groups);
            let before = IterInfo { round: 0, step: 0, energy: f64::NAN, noise_var: gamma };
            let noise = |_| gamma;
            let hook = &mut |_: &IterInfo| ControlFlow::Continue(());
            descent.run(rule, 2, noise, before, hook, |_, _| Ok(Next::Continue)).unwrap();
            assert_all_close(&descent.w, &steps[name], 1e-10, name);
        }
    }
}
