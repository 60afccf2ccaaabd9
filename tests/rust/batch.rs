//! Energies of many problems: derivatives in every argument against central differences, batches against single
//! problems.

use crate::common::{assert_close, gaussian, normal, positive, slope};
use ndarray::{Array2, ArrayD, ArrayViewD, Axis, IxDyn, stack};
use sparsevae::Error;
use sparsevae::energy::batch::{Batch, BatchEnergy, ElboEnergy, Evaluations, Plan, evaluate, evaluate_into};
use sparsevae::energy::elbo::{Elbo, Parameters};
use sparsevae::energy::{
    Marginal, Preconditioned, Responses, Separable, marginal_energy, preconditioned_energy, separable_energy,
};
use sparsevae::linalg::rotation::random_rotation;
use sparsevae::monitor::Monitor;
use std::sync::LazyLock;

const SHAPES: [(usize, usize, usize); 8] =
    [(1, 1, 1), (1, 6, 2), (6, 1, 1), (4, 9, 1), (9, 4, 3), (6, 6, 2), (13, 37, 9), (3, 140, 1)];

/// A single problem.
fn one() -> Plan<'static> {
    static UNWATCHED: LazyLock<Monitor<'static>> = LazyLock::new(Monitor::default);
    Plan { n_leading: 0, parallel: false, monitor: &UNWATCHED }
}

fn views<const N: usize>(arrays: &[ArrayD<f64>; N]) -> [ArrayViewD<'_, f64>; N] {
    arrays.each_ref().map(|array| array.view())
}

fn scalar(value: f64) -> ArrayD<f64> {
    ArrayD::from_elem(IxDyn(&[]), value)
}

fn vector(values: Vec<f64>) -> ArrayD<f64> {
    ArrayD::from_shape_vec(IxDyn(&[values.len()]), values).unwrap()
}

/// Prior variances, noise variance, design and responses; `deficient`: with a repeated column and row.
fn problem((d, n, responses): (usize, usize, usize), deficient: bool, seed: u64) -> [ArrayD<f64>; 4] {
    let mut x = gaussian(d, n, seed);
    if deficient {
        let (column, row) = (x.column(0).to_owned(), x.row(0).to_owned());
        x.column_mut(n - 1).assign(&column);
        x.row_mut(d - 1).assign(&row);
        x[[d - 1, n - 1]] = x[[0, n - 1]];
    }
    let y = gaussian(d, responses, seed + 50);
    let y = if responses == 1 { y.remove_axis(Axis(1)).into_dyn() } else { y.into_dyn() };
    [vector(positive(n, 0.1, 3.0, seed)), scalar(0.4), x.into_dyn(), y]
}

/// Encoder weights, encoder factor, decoder scale, noise variance, design and responses.
fn autoencoder((d, n, responses): (usize, usize, usize), seed: u64) -> [ArrayD<f64>; 6] {
    let [_, noise_var, x, y] = problem((d, n, responses), false, seed);
    let (weights, factor) = (gaussian(n, d, seed + 1), gaussian(n, n, seed + 2));
    [weights.into_dyn(), factor.into_dyn(), vector(normal(n, seed + 3)), noise_var, x, y]
}

fn value<E: BatchEnergy<N>, const N: usize>(energy: &E, at: &[ArrayD<f64>; N]) -> f64 {
    evaluate(energy, views(at), [false; N], &one()).unwrap().values[0]
}

fn assert_derivatives<E: BatchEnergy<N>, const N: usize>(energy: &E, at: &[ArrayD<f64>; N], what: &str) {
    let found = evaluate(energy, views(at), [true; N], &one()).unwrap();
    assert_close(found.values[0], value(energy, at), 1e-14, what);
    for (k, slopes) in found.slopes.iter().enumerate() {
        let slopes = slopes.as_ref().unwrap();
        let norm = slopes.iter().map(|v| v * v).sum::<f64>().sqrt();
        // Every entry of the small ones, some of the large.
        for entry in (0..slopes.len()).step_by(slopes.len().div_ceil(60)) {
            let along = |v: f64| {
                let mut moved = at.clone();
                moved[k].as_slice_mut().unwrap()[entry] = v;
                value(energy, &moved)
            };
            let here = at[k].as_slice().unwrap()[entry];
            let expected = slope(along, here);
            let rounding = 1e-11 * found.values[0].abs() / here.abs();
            let error = (slopes[entry] - expected).abs();
            assert!(error <= 2e-6 * norm.max(1e-3) + rounding, "{what}, {k} {entry}: {} {expected}", slopes[entry]);
        }
        // What was not asked for changes nothing.
        let alone = evaluate(energy, views(at), std::array::from_fn(|other| other == k), &one()).unwrap();
        assert!(alone.slopes.iter().enumerate().all(|(other, slopes)| slopes.is_some() == (other == k)));
        for (alone, together) in alone.slopes[k].as_ref().unwrap().iter().zip(slopes) {
            assert!((alone - together).abs() <= 1e-9 * norm, "{what}, {k}: {alone} {together}");
        }
    }
}

#[test]
fn derivatives_of_the_marginal_energies_match_central_differences() {
    for (seed, shape) in (0..).zip(SHAPES) {
        for deficient in [false, true] {
            let at = problem(shape, deficient, seed);
            assert_derivatives(&Batch::<Marginal>::new(f64::NAN), &at, &format!("full {shape:?} {deficient}"));
            assert_derivatives(&Batch::<Separable>::new(f64::NAN), &at, &format!("diagonal {shape:?} {deficient}"));
        }
    }
}

#[test]
fn derivatives_of_the_preconditioned_energy_match_central_differences() {
    for (seed, shape) in (0..).zip(SHAPES) {
        for deficient in [false, true] {
            for power in [0.0, 0.25, 0.5, 1.0, 1.7] {
                let at = problem(shape, deficient, seed);
                assert_derivatives(
                    &Batch::<Preconditioned>::new(power),
                    &at,
                    &format!("{shape:?} {deficient} {power}"),
                );
            }
        }
    }
}

#[test]
fn derivatives_of_the_preconditioned_energy_hold_where_singular_values_are_equal() {
    let [prior_var, noise_var, _, y] = problem((5, 5, 2), false, 3);
    let at = [prior_var, noise_var, (2.0 * random_rotation(5, 1)).into_dyn(), y];
    assert_derivatives(&Batch::<Preconditioned>::new(0.7), &at, "equal singular values");
}

#[test]
fn derivatives_of_the_lower_bound_match_central_differences() {
    for (seed, shape) in (0..).zip(SHAPES) {
        assert_derivatives(&ElboEnergy, &autoencoder(shape, seed), &format!("{shape:?}"));
    }
}

#[test]
fn energies_are_those_of_single_functions() {
    for (seed, (d, n, responses)) in (0..).zip(SHAPES) {
        let [prior_var, noise_var, x, y] = problem((d, n, responses), false, seed);
        let at = [prior_var.view(), noise_var.view(), x.view(), y.view()];
        let matrix = x.view().into_shape_with_order((d, n)).unwrap();
        let columns = y.view().into_shape_with_order((d, responses)).unwrap();
        let flat: Vec<f64> = columns.t().iter().copied().collect();
        let (w, gamma) = (prior_var.as_slice().unwrap(), noise_var.sum());
        let agree = |found: Evaluations<4>, expected: sparsevae::energy::Evaluation, what: &str| {
            assert_close(found.values[0], expected.value, 1e-10, what);
            let slopes = found.slopes[0].as_ref().unwrap();
            slopes.iter().zip(&expected.grad_prior_var).for_each(|(a, b)| assert_close(*a, *b, 1e-8, what));
            assert_close(found.slopes[1].as_ref().unwrap()[0], expected.grad_noise_var, 1e-8, what);
        };
        agree(
            evaluate(&Batch::<Marginal>::new(f64::NAN), at.clone(), [true; 4], &one()).unwrap(),
            marginal_energy(matrix, &flat, w, gamma).unwrap(),
            "full",
        );
        let expected = separable_energy(matrix, &flat, w, gamma).unwrap();
        agree(
            evaluate(&Batch::<Separable>::new(f64::NAN), at.clone(), [true; 4], &one()).unwrap(),
            expected,
            "diagonal",
        );
        if responses == 1 {
            let expected = preconditioned_energy(matrix, &flat, w, gamma, 0.6).unwrap();
            agree(
                evaluate(&Batch::<Preconditioned>::new(0.6), at, [true; 4], &one()).unwrap(),
                expected,
                "preconditioned",
            );
        }
    }
}

#[test]
fn lower_bound_is_that_of_the_training_in_the_mean() {
    let (d, n) = (5, 8);
    let at = autoencoder((d, n, 1), 4);
    let [weights, factor, scale, noise_var, x, y] = views(&at);
    let x = x.into_shape_with_order((d, n)).unwrap();
    let model = Elbo::new(x, Responses::new(y.as_slice().unwrap(), 1), None).unwrap();
    let factor = factor.into_shape_with_order((n, n)).unwrap();
    let parameters = Parameters {
        decoder_scale: scale.iter().copied().collect(),
        encoder_weights: weights.into_shape_with_order((n, d)).unwrap().to_owned(),
        encoder_factor: (0..n).flat_map(|i| (0..=i).map(move |j| factor[[i, j]])).collect(),
        noise_var: noise_var.sum(),
    };
    assert_close(value(&ElboEnergy, &at), model.expected(&parameters), 1e-12, "bound");
}

#[test]
fn lower_bound_at_the_best_encoder_is_the_marginal_energy() {
    let (d, n) = (4, 6);
    let [prior_var, noise_var, x, y] = problem((d, n, 2), false, 7);
    let (design, gamma) = (x.view().into_shape_with_order((d, n)).unwrap(), noise_var.sum());
    let scale = prior_var.mapv(f64::sqrt);
    let decoder = &design * &scale.view().into_shape_with_order((1, n)).unwrap();
    // The covariance of the encoder is (V X^T X V / gamma + I)^-1 = F F^T; W = covariance V X^T / gamma.
    let precision = decoder.t().dot(&decoder) / gamma + Array2::<f64>::eye(n);
    let covariance = crate::common::invert(&precision).0;
    let mut factor = Array2::<f64>::zeros((n, n));
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| factor[[i, k]] * factor[[j, k]]).sum();
            let rest = covariance[[i, j]] - known;
            factor[[i, j]] = if i == j { rest.sqrt() } else { rest / factor[[j, j]] };
        }
    }
    let weights = covariance.dot(&decoder.t()) / gamma;
    let expected = value(&Batch::<Marginal>::new(f64::NAN), &[prior_var, noise_var.clone(), x.clone(), y.clone()]);
    let at = [weights.into_dyn(), factor.into_dyn(), scale.into_dyn(), noise_var, x, y];
    assert_close(value(&ElboEnergy, &at), expected, 1e-12, "bound");
    let slopes = evaluate(&ElboEnergy, views(&at), [true, true, false, false, false, false], &one()).unwrap().slopes;
    assert!(slopes.iter().flatten().flatten().all(|v| v.abs() < 1e-10));
}

fn stacked<const N: usize>(problems: &[[ArrayD<f64>; N]]) -> [ArrayD<f64>; N] {
    std::array::from_fn(|k| {
        let parts: Vec<_> = problems.iter().map(|problem| problem[k].view()).collect();
        let whole = stack(Axis(0), &parts).unwrap();
        let shape = [&[2, problems.len() / 2], &whole.shape()[1..]].concat();
        whole.into_shape_with_order(IxDyn(&shape)).unwrap()
    })
}

fn assert_batch<E: BatchEnergy<N>, const N: usize>(energy: &E, problems: &[[ArrayD<f64>; N]]) {
    let whole = stacked(problems);
    let go = |parallel| {
        let monitor = Monitor::default();
        let plan = Plan { n_leading: 2, parallel, monitor: &monitor };
        evaluate(energy, views(&whole), [true; N], &plan).unwrap()
    };
    let found = go(false);
    assert_eq!(found, go(true));
    assert_eq!(found.values.len(), problems.len());
    for (p, problem) in problems.iter().enumerate() {
        let alone = evaluate(energy, views(problem), [true; N], &one()).unwrap();
        assert_eq!(found.values[p], alone.values[0]);
        for (found, alone) in found.slopes.iter().flatten().zip(alone.slopes.iter().flatten()) {
            assert_eq!(&found[p * alone.len()..][..alone.len()], alone.as_slice());
        }
    }
}

#[test]
fn batch_has_what_single_problems_have() {
    let problems: Vec<_> = (0..6).map(|seed| problem((4, 7, 2), false, seed)).collect();
    assert_batch(&Batch::<Marginal>::new(f64::NAN), &problems);
    assert_batch(&Batch::<Separable>::new(f64::NAN), &problems);
    assert_batch(&Batch::<Preconditioned>::new(0.5), &problems);
    assert_batch(&ElboEnergy, &(0..6).map(|seed| autoencoder((4, 7, 2), seed)).collect::<Vec<_>>());
}

#[test]
fn first_problem_that_fails_is_named() {
    let mut problems: Vec<_> = (0..6).map(|seed| problem((4, 7, 1), false, seed)).collect();
    problems[5][2][[1, 2]] = f64::NAN;
    problems[4][3][[3]] = f64::INFINITY;
    let failure = |problems: &[[ArrayD<f64>; 4]]| {
        let monitor = Monitor::default();
        let plan = Plan { n_leading: 2, parallel: true, monitor: &monitor };
        evaluate(&Batch::<Marginal>::new(f64::NAN), views(&stacked(problems)), [false; 4], &plan).unwrap_err()
    };
    assert_eq!(failure(&problems), Error::NonFinite { what: "y", index: vec![1, 1, 3] });
    problems[2][1] = scalar(-1.0);
    assert_eq!(
        failure(&problems).to_string(),
        "`noise_var` is -1 in problem [0, 2], but it must be finite and greater than 0"
    );
}

#[test]
fn arguments_that_do_not_match_are_refused() {
    let [prior_var, noise_var, x, y] = problem((4, 7, 1), false, 0);
    let go = |at: [&ArrayD<f64>; 4], n_leading| {
        let monitor = Monitor::default();
        let plan = Plan { n_leading, parallel: false, monitor: &monitor };
        evaluate(&Batch::<Marginal>::new(f64::NAN), at.map(|array| array.view()), [true; 4], &plan)
            .unwrap_err()
            .to_string()
    };
    let short = vector(vec![1.0; 6]);
    assert!(go([&short, &noise_var, &x, &y], 0).starts_with("`prior_var` has shape (6,)"));
    assert!(go([&prior_var, &noise_var, &x, &short], 0).starts_with("`y` has shape (6,)"));
    assert!(go([&prior_var, &noise_var, &y, &y], 0).starts_with("`X` has shape [4]"));
    assert!(go([&prior_var, &prior_var, &x, &y], 0).starts_with("`noise_var` has shape [7]"));
    assert!(go([&prior_var, &noise_var, &x, &y], 1).contains("leading dimensions"));
}

#[test]
fn room_of_another_size_is_refused() {
    let (at, mut short) = (problem((4, 7, 1), false, 0), [0.0; 6]);
    let error =
        evaluate_into(&Batch::<Marginal>::new(f64::NAN), views(&at), [Some(&mut short), None, None, None], &one())
            .unwrap_err();
    assert_eq!(error.to_string(), "`the buffer for derivatives` has shape (6,), but (7,) is needed");
}

#[test]
fn encoder_factor_needs_a_nonzero_diagonal() {
    let mut at = autoencoder((3, 4, 1), 0);
    at[1][[2, 2]] = 0.0;
    let error = evaluate(&ElboEnergy, views(&at), [false; 6], &one()).unwrap_err();
    assert!(error.to_string().starts_with("`encoder_factor` is 0 on its diagonal"));
}

#[test]
fn evaluation_that_is_stopped_says_so() {
    let at = problem((4, 7, 1), false, 0);
    let monitor = Monitor::default();
    monitor.stop();
    let plan = Plan { n_leading: 0, parallel: false, monitor: &monitor };
    assert_eq!(
        evaluate(&Batch::<Marginal>::new(f64::NAN), views(&at), [true; 4], &plan).unwrap_err(),
        Error::Interrupted { step: 0 }
    );
}
