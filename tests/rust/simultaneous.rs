//! Several responses: the kernel, the energies, the descents and the fits.

use crate::common::{
    assert_close, covariance, fitted, gaussian, invert, least_squares, norm, normal, parameters, plain, positive, slope,
};
use ndarray::{Array2, ArrayView2, Axis, aview1};
use sparsevae::datasets::{Design, Law, RowScale, make_design, make_row_sparse_coef, make_sparse_coef};
use sparsevae::design::Standardised;
use sparsevae::energy::elbo::{Elbo, Parameters};
use sparsevae::energy::{Energy, Marginal, OffRange, Responses, Separable, marginal_energy, separable_energy};
use sparsevae::linalg::blockwise::Blockwise;
use sparsevae::linalg::covariance::{Covariance, Kernel};
use sparsevae::linalg::least_squares::{NestedLeastSquares, independent, least_norm, row_norms};
use sparsevae::linalg::packed::Packed;
use sparsevae::linalg::packed_covariance::PackedCovariance;
use sparsevae::linalg::principal::PrincipalAxes;
use sparsevae::model::fit_simultaneous;
use sparsevae::model::settings::{Noise, Optimizer, Settings, Start};
use sparsevae::monitor::{Monitor, Progress};
use sparsevae::solver::EncoderCovariance;
use sparsevae::solver::descent::{Descent, Groups, Next, Rule};
use sparsevae::{Error, FitReport, Status};

/// Responses one after the other, as the core holds them.
fn flat(y: &Array2<f64>) -> Vec<f64> {
    y.t().iter().copied().collect()
}

fn fit(x: ArrayView2<'_, f64>, y: &Array2<f64>, settings: &Settings) -> FitReport {
    fit_simultaneous(x, y.view(), settings, &Monitor::default()).unwrap()
}

struct RowSparse {
    x: Array2<f64>,
    y: Array2<f64>,
    support: Vec<usize>,
}

fn row_sparse(design: Design, (d, n): (usize, usize), n_responses: usize, n_nonzero: usize, seed: u64) -> RowSparse {
    let x = make_design(design, d, n, true, seed, &Monitor::default()).unwrap();
    let coef =
        make_row_sparse_coef(n, n_responses, n_nonzero, Some(3), RowScale::Unit, seed, &Monitor::default()).unwrap();
    let support = (0..n).filter(|&j| coef.column(j).iter().any(|z| *z != 0.0)).collect();
    RowSparse { y: x.dot(&coef.t()), x, support }
}

#[test]
fn kernel_serves_every_response_as_if_alone() {
    for (seed, (d, n, responses)) in
        [(1, 1, 2), (1, 7, 3), (13, 24, 4), (24, 13, 5), (37, 53, 6), (25, 131, 9), (40, 90, 23)]
            .into_iter()
            .enumerate()
    {
        let (x, y) = (gaussian(d, n, seed as u64), gaussian(d, responses, 70 + seed as u64));
        let w = positive(n, 0.01, 10.0, seed as u64);
        let packed = Packed::new(x.view());
        let mut kernel = PackedCovariance::new(&packed, responses);
        kernel.evaluate(&packed, &flat(&y), &w, 0.3).unwrap();
        let (mut alone, mut quadratic) = (PackedCovariance::new(&packed, 1), 0.0);
        for (l, q) in kernel.each_q().enumerate() {
            alone.evaluate(&packed, &y.column(l).to_vec(), &w, 0.3).unwrap();
            quadratic += alone.quadratic();
            let own = alone.each_q().next().unwrap();
            let scale = norm(own);
            assert!(q.iter().zip(own).all(|(a, b)| (a - b).abs() <= 1e-12 * scale), "{d} x {n}, response {l}");
            assert_eq!(alone.s(), kernel.s());
        }
        assert_close(kernel.quadratic(), quadratic, 1e-12, "quadratic form");
        let dense = invert(&covariance(&x, &w, 0.3)).0.dot(&y);
        let product = kernel.multipliers();
        let error = product.iter().zip(flat(&dense)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(error <= 1e-10 * norm(&product), "{d} x {n}: {error}");
    }
}

#[test]
fn energies_of_several_responses_add_up_and_their_gradients_match_central_differences() {
    for (seed, (d, n)) in [(1, 1), (4, 9), (9, 4), (13, 21)].into_iter().enumerate() {
        let (x, y) = (gaussian(d, n, seed as u64), gaussian(d, 3, 30 + seed as u64));
        let (w, gamma) = (positive(n, 0.1, 3.0, seed as u64), 0.4);
        for energy in [marginal_energy, separable_energy] {
            let whole = energy(x.view(), &flat(&y), &w, gamma).unwrap();
            let each = |l: usize| energy(x.view(), &y.column(l).to_vec(), &w, gamma).unwrap();
            assert_close(whole.value, (0..3).map(|l| each(l).value).sum(), 1e-12, "sum");
            let at = |w: &[f64], gamma| energy(x.view(), &flat(&y), w, gamma).unwrap().value;
            for j in 0..n {
                let moved = |v: f64| at(&(0..n).map(|k| if k == j { v } else { w[k] }).collect::<Vec<_>>(), gamma);
                assert_close(whole.grad_prior_var[j], slope(moved, w[j]), 1e-6, "prior variance");
            }
            assert_close(whole.grad_noise_var, slope(|gamma| at(&w, gamma), gamma), 1e-6, "noise variance");
        }
    }
}

#[test]
fn separable_energy_bounds_the_marginal_one_and_meets_it_for_orthogonal_columns() {
    let (x, y) = (gaussian(8, 14, 1), gaussian(8, 2, 2));
    let w = positive(14, 0.1, 3.0, 3);
    let (full, separable) =
        (marginal_energy(x.view(), &flat(&y), &w, 0.1), separable_energy(x.view(), &flat(&y), &w, 0.1));
    assert!(separable.unwrap().value > full.unwrap().value + 1.0);
    let orthogonal = Array2::from_diag(&aview1(&[2.0, 0.5, 3.0]));
    let (y, w) = (gaussian(3, 2, 4), [0.3, 0.0, 2.0]);
    let (full, separable) = (
        marginal_energy(orthogonal.view(), &flat(&y), &w, 0.1).unwrap(),
        separable_energy(orthogonal.view(), &flat(&y), &w, 0.1).unwrap(),
    );
    assert_close(separable.value, full.value, 1e-13, "value");
    assert_close(separable.grad_noise_var, full.grad_noise_var, 1e-12, "slope");
}

fn descend<E: Energy>(energy: &E, rule: Rule, groups: &[usize]) -> (Vec<f64>, Vec<f64>) {
    let groups = Groups::new(groups);
    let mut descent = Descent::new(energy, vec![1.0; energy.n_columns()], &groups);
    let before = Progress::of_round(0, 0);
    descent.run(rule, 60, |_| 0.1, before, &Monitor::default(), |_, _| Ok(Next::Continue)).unwrap();
    (descent.w, descent.energies)
}

#[test]
fn em_and_mm_descend_on_the_energy_of_each_structure() {
    let groups: Vec<usize> = (0..12).map(|j| j / 5).collect();
    for covariance in [EncoderCovariance::Full, EncoderCovariance::Diagonal] {
        for groups in [&[], groups.as_slice()] {
            for rule in [Rule::Em, Rule::Mm] {
                let (x, y) = (gaussian(6, 12, 3), gaussian(6, 4, 4));
                let responses = flat(&y);
                let marginal = Marginal { kernel: Packed::new(x.view()), responses: Responses::new(&responses, 4) };
                let (w, energies) = match covariance {
                    EncoderCovariance::Full => descend(&marginal, rule, groups),
                    EncoderCovariance::Diagonal => descend(&Separable::new(marginal), rule, groups),
                };
                for pair in energies.windows(2) {
                    assert!(pair[1] < pair[0] + 1e-9, "{covariance:?} {groups:?} {rule:?}: {pair:?}");
                }
                assert!(energies[59] < energies[0] - 0.1);
                for (a, b) in groups.iter().zip(&w) {
                    assert_eq!(w[groups.iter().position(|g| g == a).unwrap()], *b, "one variance a group");
                }
                // The last energy is that of the variances which the last update made of the ones before it.
                let energy = match covariance {
                    EncoderCovariance::Full => marginal_energy,
                    EncoderCovariance::Diagonal => separable_energy,
                };
                assert_close(energies[59], energy(x.view(), &flat(&y), &w, 0.1).unwrap().value, 1e-9, "energy");
            }
        }
    }
}

#[test]
fn least_squares_of_several_responses_is_each_alone() {
    let (x, y) = (gaussian(9, 20, 1), gaussian(9, 3, 2));
    let chosen = [4, 17, 2, 9];
    let fit = NestedLeastSquares::new(x.select(Axis(1), &chosen).view(), &flat(&y));
    let z = fit.coefficients(4);
    let mut square = 0.0;
    for l in 0..3 {
        let (alone, rss) = least_squares(&x, &chosen, &y.column(l).to_vec());
        square += rss;
        assert!(z[4 * l..][..4].iter().zip(alone).all(|(a, b)| (a - b).abs() < 1e-11));
    }
    assert_close(fit.residual[4], square.sqrt(), 1e-12, "residual");
    assert_close(fit.residual[0], norm(&flat(&y)), 1e-12, "nothing chosen");
    assert_eq!(row_norms(&[3.0, 1.0, 4.0, 0.0], 2), [5.0, 1.0]);
    assert_eq!(row_norms(&[-3.0, 1.0], 2), [3.0, 1.0]);
}

#[test]
fn dependent_columns_are_seen_and_fitted_with_least_norm() {
    let mut x = gaussian(8, 5, 1);
    let twice = &x.column(0) * 2.0;
    x.column_mut(1).assign(&twice);
    let sum = &x.column(2) + &x.column(0);
    x.column_mut(4).assign(&sum);
    assert_eq!(independent(x.select(Axis(1), &[0, 1, 2, 4, 3]).view(), 1e-10), [0, 2, 4]);
    let y = x.dot(&gaussian(5, 2, 3));
    let z = least_norm(x.select(Axis(1), &[0, 1]).view(), &flat(&y), 1e-10).unwrap();
    // Of all splits between a column and its double, the shortest puts twice as much on the double.
    assert_close(z[1], 2.0 * z[0], 1e-11, "first response");
    assert_close(z[3], 2.0 * z[2], 1e-11, "second response");
    let (alone, _) = least_squares(&x, &[0], &y.column(0).to_vec());
    assert_close(z[0] + 2.0 * z[1], alone[0], 1e-11, "fit");
}

#[test]
fn principal_axes_hold_the_responses_and_their_rank() {
    let y = gaussian(7, 3, 1).dot(&gaussian(3, 10, 2));
    let axes = PrincipalAxes::new(&flat(&y), 7, 1e-12).unwrap();
    assert_eq!((axes.singular.len(), axes.rotation.dim()), (3, (10, 3)));
    assert!(axes.singular.windows(2).all(|pair| pair[0] >= pair[1]));
    let values = Array2::from_shape_vec((3, 7), axes.values(7)).unwrap();
    let back = axes.rotation.dot(&values);
    assert!((&back.t() - &y).iter().all(|error| error.abs() < 1e-12));
}

#[test]
fn the_blockwise_kernel_is_the_packed_one_without_packing() {
    let (x, y) = (gaussian(20, 1300, 1), gaussian(20, 3, 2));
    let mut w = vec![0.0; 1300];
    let active: Vec<usize> = (0..1300).step_by(7).collect();
    active.iter().zip(positive(active.len(), 0.1, 2.0, 3)).for_each(|(&j, v)| w[j] = v);
    let packed = Packed::new(x.view());
    let mut kernel = PackedCovariance::new(&packed, 3);
    kernel.evaluate(&packed, &flat(&y), &w, 0.2).unwrap();
    let of: Vec<usize> = (0..1300).rev().collect();
    let design = Standardised::as_it_is(x.clone());
    let blockwise = Blockwise::new(&design, of.clone());
    let mut found = blockwise.covariance(3);
    let chosen: Vec<f64> = of.iter().map(|&j| w[j]).collect();
    blockwise.evaluate(&flat(&y), &chosen, 0.2, &mut found).unwrap();
    assert_close(found.log_det(), kernel.log_det(), 1e-11, "log-determinant");
    assert_close(found.quadratic(), kernel.quadratic(), 1e-11, "quadratic form");
    let mut q_squared = vec![0.0; of.len()];
    found.add_q_squared(&mut q_squared);
    for (k, &j) in of.iter().enumerate() {
        assert_close(found.s()[k], kernel.s()[j], 1e-10, "s");
        assert_close(q_squared[k], kernel.each_q().map(|q| q[j] * q[j]).sum(), 1e-10, "q");
    }
}

#[test]
fn bound_of_several_responses_has_the_gradient_and_the_mean_of_its_formula() {
    let (d, n, axes, responses) = (4, 6, 2, 5);
    let (x, y) = (gaussian(d, n, 1), gaussian(d, axes, 2));
    let (values, off_range) = (flat(&y), OffRange { directions: 1, norm: 0.3 });
    let model = Elbo::new(x.view(), Responses { off_range, ..Responses::new(&values, responses) }, None).unwrap();
    let (at, noise) = (Parameters { noise_var: 0.7, ..parameters(d, n, 5) }, normal(axes * n, 6));
    let (_, gradient) = model.gradient(&at, &noise);
    let check = |derivative: f64, start: f64, set: &dyn Fn(&mut Parameters, f64)| {
        let along = |v: f64| {
            let mut moved = at.clone();
            set(&mut moved, v);
            model.gradient(&moved, &noise).0
        };
        assert_close(derivative, slope(along, start), 1e-6, "derivative");
    };
    for j in 0..n {
        check(gradient.decoder_scale[j], at.decoder_scale[j], &|p, v| p.decoder_scale[j] = v);
        for k in 0..d {
            let derivative = gradient.encoder_weights[[j, k]];
            check(derivative, at.encoder_weights[[j, k]], &|p, v| p.encoder_weights[[j, k]] = v);
        }
    }
    for k in 0..at.encoder_factor.len() {
        check(gradient.encoder_factor[k], at.encoder_factor[k], &|p, v| p.encoder_factor[k] = v);
    }
    check(gradient.noise_var, at.noise_var, &|p, v| p.noise_var = v);

    // The mean of a quadratic function over draws of the model's deviation.
    let deviation = model.draw_deviation();
    let value = |k: usize, size: f64| {
        let mut noise = vec![0.0; axes * n];
        noise[k] = size;
        model.gradient(&at, &noise).0
    };
    let centre = value(0, 0.0);
    let mean = (0..axes * n).map(|k| (value(k, deviation) + value(k, -deviation)) / 2.0 - centre).sum::<f64>();
    assert_close(model.expected(&at), centre + mean, 1e-10, "mean");
}

#[test]
fn principal_axes_leave_the_bound_what_it_was() {
    let (x, y) = (gaussian(5, 7, 1), gaussian(5, 2, 2).dot(&gaussian(2, 9, 3)));
    let axes = PrincipalAxes::new(&flat(&y), 5, 1e-12).unwrap();
    let whole = Elbo::new(x.view(), Responses::new(&flat(&y), 9), None).unwrap();
    let short = Elbo::new(x.view(), Responses::new(&axes.values(5), 9), None).unwrap();
    assert_eq!((whole.n_axes(), short.n_axes()), (9, 2));
    let at = Parameters { noise_var: 0.7, ..parameters(5, 7, 4) };
    assert_close(short.expected(&at), whole.expected(&at), 1e-11, "bound");
}

#[test]
fn one_response_is_fitted_as_a_single_one_to_the_bit() {
    for (design, n_nonzero, noise) in
        [(Design::Gaussian, 12, 0.0), (Design::RandomWalk, 8, 0.0), (Design::Gaussian, 4, 0.05)]
    {
        let x = make_design(design, 30, 60, true, 5, &Monitor::default()).unwrap();
        let y = x.dot(&make_sparse_coef(60, n_nonzero, Law::Gaussian, 5, &Monitor::default()).unwrap())
            + &aview1(&normal(30, 8)) * noise;
        let column = y.clone().insert_axis(Axis(1));
        assert_eq!(fit(x.view(), &column, &plain()), fitted(x.view(), &y.to_vec(), &plain()));
    }
}

#[test]
fn shared_supports_are_certified_and_a_certificate_is_never_wrong() {
    let (mut certified, mut tried) = (0_u32, 0_u32);
    for (design, least) in [(Design::Gaussian, 0.9), (Design::RandomWalk, 0.9)] {
        for n_nonzero in [3, 10, 18, 24] {
            for seed in 0..4 {
                let RowSparse { x, y, support } = row_sparse(design, (30, 60), 8, n_nonzero, seed);
                for optimizer in [Optimizer::Auto, Optimizer::Rule(Rule::Em)] {
                    let settings = Settings { optimizer, max_iter: 2000, ..plain() };
                    let report = fit(x.view(), &y, &settings);
                    assert!(!report.certified || report.support == support, "{design:?} {n_nonzero} {seed}");
                    if optimizer == Optimizer::Auto {
                        tried += 1;
                        certified += u32::from(report.certified);
                    }
                }
            }
        }
        assert!(f64::from(certified) >= least * f64::from(tried), "{certified} of {tried}");
    }
}

#[test]
fn supports_of_at_least_as_many_columns_as_rows_are_never_certified() {
    for seed in 0..6 {
        for n_nonzero in [6, 7, 9] {
            let RowSparse { x, y, .. } = row_sparse(Design::Gaussian, (6, 14), 3, n_nonzero, seed);
            let report = fit(x.view(), &y, &Settings { max_iter: 500, ..plain() });
            assert!(!report.certified, "{n_nonzero} nonzero of 14 columns, 6 rows");
        }
    }
}

#[test]
fn descent_on_the_columns_that_matter_ends_where_the_whole_one_does() {
    for seed in 0..4 {
        let RowSparse { x, y, .. } = row_sparse(Design::Toeplitz { correlation: 0.9 }, (25, 400), 6, 5, seed);
        let y = y + gaussian(25, 6, 40 + seed) * 0.02;
        let settings = Settings { noise: Noise::Fixed(4e-4), max_iter: 50_000, tol: 1e-8, ..plain() };
        let (auto, whole) = (
            fit(x.view(), &y, &settings),
            fit(x.view(), &y, &Settings { optimizer: Optimizer::Rule(Rule::Mm), ..settings.clone() }),
        );
        assert_eq!(auto.status, Status::Converged);
        assert!(auto.energy <= whole.energy + 1e-3, "{} {}", auto.energy, whole.energy);
        assert_eq!(auto.support, whole.support);
        let energy = marginal_energy(x.view(), &flat(&y), &auto.prior_var, 4e-4).unwrap();
        assert_close(auto.energy, energy.value, 1e-6, "energy");
        // No column left out would lower it.
        let scale = energy.grad_prior_var.iter().fold(0.0_f64, |most, g| most.max(g.abs()));
        assert!(energy.grad_prior_var.iter().all(|g| *g > -2e-3 * scale), "{:?}", energy.grad_prior_var);
    }
}

#[test]
fn large_designs_take_their_first_steps_block_by_block_to_the_same_end() {
    let RowSparse { x, y, support } = row_sparse(Design::Gaussian, (110, 10_000), 3, 4, 1);
    let y = y + gaussian(110, 3, 9) * 0.01;
    let groups: Vec<usize> = (0..10_000).map(|j| j / 2).collect();
    let settings = Settings { noise: Noise::Fixed(1e-4), groups, ..plain() };
    let report = fit(x.view(), &y, &settings);
    assert_eq!(report.status, Status::Converged);
    assert!(report.energy_path.windows(2).filter(|pair| pair[1] > pair[0] + 1e-3).count() < 3, "columns leave");
    for j in support {
        assert!(report.support.contains(&(j - j % 2)) && report.support.contains(&(j - j % 2 + 1)));
    }
    let unequal = report.prior_var.chunks(2).zip(x.axis_chunks_iter(Axis(1), 2)).any(|(pair, _)| pair[0] != pair[1]);
    assert!(!unequal, "one variance a group");
}

#[test]
fn bad_structures_are_refused() {
    let (x, y) = (gaussian(4, 6, 1), gaussian(4, 2, 2));
    let error = |settings: &Settings| fit_simultaneous(x.view(), y.view(), settings, &Monitor::default()).unwrap_err();
    assert!(matches!(error(&Settings { groups: vec![0; 5], ..plain() }), Error::Shape { what: "groups", .. }));
    let fixed = Settings { noise: Noise::Fixed(0.1), ..plain() };
    let start = |values: Vec<f64>| Settings { start: Some(Start { prior_var: values, steps: 0 }), ..fixed.clone() };
    assert!(matches!(error(&start(vec![1.0; 5])), Error::Shape { what: "prior_var_init", .. }));
    assert!(matches!(error(&start(vec![-1.0; 6])), Error::InvalidParameter { name: "prior_var_init", .. }));
    let uneven = Settings { groups: vec![0, 0, 1, 1, 2, 2], ..start(vec![1.0, 2.0, 1.0, 1.0, 1.0, 1.0]) };
    assert!(matches!(error(&uneven), Error::InvalidParameter { name: "prior_var_init", .. }));
    let trained = Settings { optimizer: Optimizer::Adam, ..start(vec![1.0; 6]) };
    assert!(matches!(error(&trained), Error::InvalidParameter { name: "prior_var_init", .. }));
    let none = Array2::<f64>::zeros((4, 0));
    let empty = fit_simultaneous(x.view(), none.view(), &plain(), &Monitor::default());
    assert!(matches!(empty, Err(Error::Shape { what: "y", .. })));
    let preconditioned = Settings { power: Some(0.5), optimizer: Optimizer::Adam, ..plain() };
    assert!(matches!(error(&preconditioned), Error::InvalidParameter { name: "power", .. }));
}
