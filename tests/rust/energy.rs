//! Energies: values against dense algebra, gradients against central differences.

use crate::common::{assert_close, covariance, gaussian, invert, normal, positive, slope};
use ndarray::{Array2, ArrayD, aview0, aview1, s};
use sparsevae::design::Standardised;
use sparsevae::energy::batch::Plan;
use sparsevae::energy::{
    Energy, Evaluation, Marginal, NAMES, Point, Responses, Separable, evaluate, evaluate_batch, gradient,
    marginal_energy, preconditioned_energy,
};
use sparsevae::linalg::blockwise::Blockwise;
use sparsevae::linalg::packed::Packed;
use sparsevae::monitor::Monitor;

const SHAPES: [(usize, usize); 7] = [(1, 1), (1, 6), (6, 1), (4, 9), (9, 4), (6, 6), (13, 37)];

struct Case {
    x: Array2<f64>,
    y: Vec<f64>,
    w: Vec<f64>,
    gamma: f64,
}

/// Points of every shape, of full rank and with a repeated column and row.
fn points() -> Vec<Case> {
    let mut points = Vec::new();
    for (seed, (d, n)) in SHAPES.into_iter().enumerate() {
        for (deficient, gamma) in [(false, 0.7), (true, 0.7), (false, 0.02)] {
            let mut x = gaussian(d, n, seed as u64);
            if deficient {
                let (column, row) = (x.column(0).to_owned(), x.row(0).to_owned());
                x.column_mut(n - 1).assign(&column);
                if d > 1 {
                    x.row_mut(d - 1).assign(&row);
                    x[[d - 1, n - 1]] = x[[0, n - 1]];
                }
            }
            points.push(Case { x, y: normal(d, 50 + seed as u64), w: positive(n, 0.1, 3.0, seed as u64), gamma });
        }
    }
    points
}

fn assert_gradient(point: &Case, energy: impl Fn(&[f64], f64) -> Evaluation, what: &str) {
    let here = energy(&point.w, point.gamma);
    let norm = here.grad_prior_var.iter().map(|g| g * g).sum::<f64>().sqrt();
    for (j, &gradient) in here.grad_prior_var.iter().enumerate() {
        let along = |v: f64| {
            let mut w = point.w.clone();
            w[j] = v;
            energy(&w, point.gamma).value
        };
        let expected = slope(along, point.w[j]);
        let rounding = 1e-12 * here.value.abs() / point.w[j];
        let error = (gradient - expected).abs();
        assert!(error <= 1e-6 * norm.max(expected.abs()) + rounding, "{what}, w_{j}: {gradient} {expected}");
    }
    let expected = slope(|gamma| energy(&point.w, gamma).value, point.gamma);
    assert!((here.grad_noise_var - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{what}, gamma: {expected}");
}

/// A value that the parameter of any energy may have.
const PARAMETER: f64 = 0.4;

#[test]
fn gradient_of_every_energy_matches_central_differences() {
    for name in NAMES {
        for point in points() {
            let at =
                |w: &[f64], gamma, parameter| evaluate(name, point.x.view(), &point.y, w, gamma, parameter).unwrap();
            let title = format!("{name} {:?}", point.x.dim());
            assert_gradient(&point, |w, gamma| at(w, gamma, PARAMETER), &title);
            if let Some(gradient) = at(&point.w, point.gamma, PARAMETER).grad_parameter {
                let expected = slope(|parameter| at(&point.w, point.gamma, parameter).value, PARAMETER);
                assert!(
                    (gradient - expected).abs() <= 1e-6 * expected.abs().max(1.0),
                    "{title}: {gradient} {expected}"
                );
            }
        }
    }
}

fn flat(array: &ArrayD<f64>) -> Vec<f64> {
    array.iter().copied().collect()
}

/// The same energy by the packed and by the blockwise kernel, with value, derivatives in all `w_j`, and in gamma.
fn assert_kernels_agree<P: Energy, B: Energy>(packed: &P, blockwise: &B, at: Point<'_>, title: &str) {
    let (found, expected) = (gradient(blockwise, at).unwrap(), gradient(packed, at).unwrap());
    assert_close(found.value, expected.value, 1e-11, title);
    assert_close(found.grad_noise_var, expected.grad_noise_var, 1e-9, title);
    let scale = expected.grad_prior_var.iter().map(|g| g.abs()).fold(0.0, f64::max);
    for (found, expected) in found.grad_prior_var.iter().zip(&expected.grad_prior_var) {
        assert!((found - expected).abs() <= 1e-9 * scale, "{title}: {found} {expected}");
    }
    let mut scratch = packed.scratch();
    let (value, alone) = (packed.evaluate(at, &mut scratch).unwrap(), packed.value(at, &mut packed.scratch()).unwrap());
    assert_eq!(value, alone, "{title}: the value alone");
}

#[test]
fn every_implementation_of_an_energy_gives_the_same() {
    for case in points() {
        let (n_responses, at) = (3, Point { prior_var: &case.w, noise_var: case.gamma });
        let (d, n) = case.x.dim();
        let y = gaussian(d, n_responses, 5);
        let stacked: Vec<f64> = y.t().iter().copied().collect();
        let (responses, design) = (Responses::new(&stacked, n_responses), Standardised::as_it_is(case.x.clone()));
        let packed = Marginal { kernel: Packed::new(case.x.view()), responses };
        let blockwise = Marginal { kernel: Blockwise::new(&design, (0..n).collect()), responses };
        assert_kernels_agree(&packed, &blockwise, at, "marginal");
        assert_kernels_agree(&Separable::new(packed), &Separable::new(blockwise), at, "separable");
        for name in NAMES {
            // The preconditioned energy alone is for one response.
            let single = *name == "preconditioned";
            let y = if single { y.slice(s![.., ..1]).to_owned() } else { y.clone() };
            let stacked: Vec<f64> = y.t().iter().copied().collect();
            let one = evaluate(name, case.x.view(), &stacked, &case.w, case.gamma, PARAMETER).unwrap();
            let arguments = [
                aview1(&case.w).into_dyn(),
                aview0(&case.gamma).into_dyn(),
                case.x.view().into_dyn(),
                y.view().into_dyn(),
            ];
            let (mut in_w, mut in_gamma) = (ArrayD::zeros(vec![n]), ArrayD::zeros(vec![]));
            let buffers = [in_w.as_slice_mut(), in_gamma.as_slice_mut(), None, None];
            let monitor = Monitor::default();
            let plan = Plan { n_leading: 0, parallel: false, monitor: &monitor };
            let values = evaluate_batch(name, PARAMETER, arguments, buffers, &plan).unwrap();
            assert_close(values[0], one.value, 1e-10, name);
            assert_close(flat(&in_gamma)[0], one.grad_noise_var, 1e-8, name);
            let scale = one.grad_prior_var.iter().map(|g| g.abs()).fold(0.0, f64::max);
            for (found, expected) in flat(&in_w).iter().zip(&one.grad_prior_var) {
                assert!((found - expected).abs() <= 1e-8 * scale, "{name}: {found} {expected}");
            }
        }
    }
}

#[test]
fn columns_without_variance_have_the_slopes_that_a_covariance_of_all_samples_gives() {
    for case in points() {
        let (d, n) = case.x.dim();
        let w: Vec<f64> = case.w.iter().enumerate().map(|(j, w)| if j % 4 == 1 { *w } else { 0.0 }).collect();
        let y: Vec<f64> = gaussian(d, 2, 5).t().iter().copied().collect();
        let at = Point { prior_var: &w, noise_var: case.gamma };
        let marginal = Marginal { kernel: Packed::new(case.x.view()), responses: Responses::new(&y, 2) };
        for (name, expected) in
            [("marginal", gradient(&marginal, at)), ("separable", gradient(&Separable::new(marginal.clone()), at))]
        {
            let (found, expected) =
                (evaluate(name, case.x.view(), &y, &w, case.gamma, PARAMETER).unwrap(), expected.unwrap());
            let title = format!("{name} {d} x {n}");
            assert_close(found.value, expected.value, 1e-11, &title);
            assert_close(found.grad_noise_var, expected.grad_noise_var, 1e-9, &title);
            for (found, expected) in found.grad_prior_var.iter().zip(&expected.grad_prior_var) {
                assert_close(*found, *expected, 1e-9, &title);
            }
        }
    }
}

#[test]
fn an_unknown_energy_is_refused_with_the_known_ones() {
    let error = evaluate("total", gaussian(2, 3, 1).view(), &[1.0; 2], &[1.0; 3], 1.0, 0.0).unwrap_err().to_string();
    assert!(NAMES.iter().all(|name| error.contains(name)), "{error}");
}

#[test]
fn gradient_of_the_preconditioned_energy_matches_central_differences() {
    for point in points() {
        for power in [0.0, 0.25, 0.5, 1.0, 1.7] {
            let energy = |w: &[f64], gamma| preconditioned_energy(point.x.view(), &point.y, w, gamma, power).unwrap();
            assert_gradient(&point, energy, &format!("{:?}, power {power}", point.x.dim()));
        }
    }
}

#[test]
fn marginal_energy_is_its_formula() {
    for Case { x, y, w, gamma } in points() {
        let (inverse, log_det) = invert(&covariance(&x, &w, gamma));
        let expected = aview1(&y).dot(&inverse.dot(&aview1(&y))) + log_det;
        let found = marginal_energy(x.view(), &y, &w, gamma).unwrap().value;
        assert_close(found, expected, 1e-11, "energy");
    }
}

#[test]
fn preconditioned_energy_at_power_one_is_the_marginal_energy_of_preconditioned_data() {
    for Case { x, y, w, gamma } in points() {
        let p = invert(&covariance(&x, &vec![1.0; x.ncols()], gamma)).0;
        let (px, py) = (p.dot(&x), p.dot(&aview1(&y)).to_vec());
        let expected = marginal_energy(px.view(), &py, &w, gamma).unwrap().value;
        let found = preconditioned_energy(x.view(), &y, &w, gamma, 1.0).unwrap().value;
        assert_close(found, expected, 1e-10, "energy");
    }
}

#[test]
fn preconditioned_energy_at_power_zero_is_the_marginal_energy() {
    for Case { x, y, w, gamma } in points() {
        let plain = marginal_energy(x.view(), &y, &w, gamma).unwrap();
        let found = preconditioned_energy(x.view(), &y, &w, gamma, 0.0).unwrap();
        assert_close(found.value, plain.value, 1e-11, "energy");
        assert_close(found.grad_noise_var, plain.grad_noise_var, 1e-10, "slope");
    }
}

#[test]
fn energy_without_prior_variance_is_that_of_white_noise() {
    let (x, y) = (gaussian(5, 3, 1), normal(5, 2));
    let square: f64 = y.iter().map(|v| v * v).sum();
    let found = marginal_energy(x.view(), &y, &[0.0; 3], 0.3).unwrap();
    assert_close(found.value, square / 0.3 + 5.0 * 0.3_f64.ln(), 1e-13, "energy");
    assert_close(found.grad_noise_var, 5.0 / 0.3 - square / 0.09, 1e-13, "slope");
}
