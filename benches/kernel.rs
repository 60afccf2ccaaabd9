//! Times of the core's parts: a step of the kernel, default fits, the certificate, the support path, the papers'
//! training, basis pursuit and what is learned from it.
//!
//! `cargo bench` takes about a minute. Ratios to NumPy and to other packages come from `benches/peers`.

use criterion::{BenchmarkId, Criterion, Throughput};
use ndarray::{Array1, Array2};
use sparsevae::Result;
use sparsevae::datasets::{
    Design, Law, SymmetricLaw, add_noise, make_combinators, make_design, make_sparse_coef, make_sparse_components,
};
use sparsevae::design::Standardised;
use sparsevae::energy::Responses;
use sparsevae::energy::elbo::Elbo;
use sparsevae::factorization::Method;
use sparsevae::l1::{Equations, Request};
use sparsevae::linalg::row_space::RowSpace;
use sparsevae::linalg::{packed::Packed, packed_covariance::PackedCovariance};
use sparsevae::model::welper_recover::{self, WelperSettings};
use sparsevae::model::{fit, settings::Settings};
use sparsevae::monitor::Monitor;
use sparsevae::settings::Settings as _;
use sparsevae::solver::adam::{Start, Structure, Training, train};
use sparsevae::support::certificate::Certifier;
use sparsevae::support::evidence::{Criterion as SupportCriterion, Evidence};
use sparsevae::support::search::Search;
use std::hint::black_box;
use std::time::Duration;

/// Columns of norm 1, coefficients, and the response without noise.
fn problem(design: Design, shape: (usize, usize), n_nonzero: usize) -> Result<(Array2<f64>, Array1<f64>, Vec<f64>)> {
    let x = make_design(design, shape.0, shape.1, true, 0, &Monitor::default())?;
    let coef = make_sparse_coef(shape.1, n_nonzero, Law::Gaussian, 0, &Monitor::default())?;
    let y = x.dot(&coef).to_vec();
    Ok((x, coef, y))
}

/// One evaluation of `Sigma_x`, `q` and `s`; throughput counts `2 r^2 n + r^3 / 3` operations.
fn kernel_step(criterion: &mut Criterion) -> Result<()> {
    let mut group = criterion.benchmark_group("kernel_step");
    for (r, n) in [(71, 100), (100, 200), (200, 5000)] {
        let (x, _, y) = problem(Design::Gaussian, (r, n), 20)?;
        let packed = Packed::new(x.view());
        let mut marginal = PackedCovariance::new(&packed, 1);
        let w = vec![0.1; n];
        marginal.evaluate(&packed, &y, &w, 1e-3).map_err(|pivot| pivot.at(0))?;
        group.throughput(Throughput::Elements((2 * r * r * n + r * r * r / 3) as u64));
        group.bench_function(BenchmarkId::from_parameter(format!("{r}x{n}")), |b| {
            b.iter(|| marginal.evaluate(&packed, &y, black_box(&w), 1e-3).is_ok());
        });
    }
    group.finish();
    Ok(())
}

/// Noise-free problems with 20 nonzero coefficients, default settings.
fn default_fit(criterion: &mut Criterion) -> Result<()> {
    let mut group = criterion.benchmark_group("default_fit_20_nonzero");
    for (name, design, shape) in [
        ("gaussian_100x200", Design::Gaussian, (100, 200)),
        ("random_walk_100x200", Design::RandomWalk, (100, 200)),
        ("random_walk_71x100", Design::RandomWalk, (71, 100)),
    ] {
        let (x, _, y) = problem(design, shape, 20)?;
        let settings = Settings::default();
        let run = || fit(x.view(), black_box(&y), &settings, &Monitor::default());
        run()?;
        group.bench_function(name, |b| b.iter(|| run().is_ok()));
    }
    group.finish();
    Ok(())
}

/// The check of one candidate: all columns scored, the true ones ahead.
fn certificate(criterion: &mut Criterion) -> Result<()> {
    let (x, coef, y) = problem(Design::RandomWalk, (100, 200), 20)?;
    let norm = y.iter().map(|v| v * v).sum::<f64>().sqrt();
    let y: Vec<f64> = y.iter().map(|v| v / norm).collect();
    let space = RowSpace::new(x.view())?;
    let (response, _) = space.whiten(&y);
    let design = Standardised::as_it_is(x.clone());
    let certifier = Certifier {
        design: &design,
        values: &y,
        basis: space.basis.view(),
        response: &response,
        spread: &[response.iter().map(|v| v * v).sum::<f64>().sqrt()],
        response_size: 1.0,
        column_sizes: &vec![x.column(0).dot(&x.column(0)).sqrt(); x.ncols()],
        smallest_singular: space.smallest_singular(),
        precision: f64::EPSILON / 2.0,
    };
    let score: Vec<f64> = coef.iter().map(|z| z.abs() + 1e-6).collect();
    criterion.bench_function("certificate_random_walk_100x200", |b| {
        b.iter(|| certifier.exact(black_box(&score)).is_some());
    });
    Ok(())
}

/// The support path at 30 dB.
fn support_path(criterion: &mut Criterion) -> Result<()> {
    let (n_samples, n_features) = (200, 5000);
    let (x, _, y) = problem(Design::Gaussian, (n_samples, n_features), 20)?;
    let y = add_noise(Array1::from(y).view(), 30.0, 0, &Monitor::default())?.y.to_vec();
    let evidence = Evidence {
        kind: SupportCriterion::Evidence,
        freedom: n_samples,
        n_responses: 1,
        n_choices: n_features,
        total: y.iter().map(|v| v * v).sum(),
        noise_var: None,
    };
    let design = Standardised::as_it_is(x.clone());
    let search = Search { design: &design, response: &y, evidence };
    criterion.bench_function("support_path_200x5000_30dB", |b| {
        b.iter(|| search.path(|| Ok(())));
    });
    Ok(())
}

/// A thousand steps of the papers' training; throughput counts steps.
fn training(criterion: &mut Criterion) -> Result<()> {
    let mut group = criterion.benchmark_group("training_1000_steps");
    let (x, _, y) = problem(Design::RandomWalk, (100, 200), 20)?;
    let training = Training { n_steps: 1000, ..Training::default() };
    let start = Start { noise_var: 0.1, floor: Some(1e-10) };
    for (name, power) in [("plain_100x200", None), ("preconditioned_100x200", Some(1.0))] {
        let model = Elbo::new(x.view(), Responses::new(&y, 1), power)?;
        group.throughput(Throughput::Elements(training.n_steps as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                train(&model, black_box(&training), start, &Structure::default(), 0, &Monitor::default()).is_ok()
            });
        });
    }
    group.finish();
    Ok(())
}

/// Training problems of 120 x 200, 80 of them, solutions of two out of 20 components of about 20 nonzeros.
fn training_problems(design: Design) -> Result<(Array2<f64>, Array2<f64>)> {
    let a = make_design(design, 120, 200, true, 0, &Monitor::default())?;
    let components = make_sparse_components(200, 20, 20.0, SymmetricLaw::Gaussian, 0, &Monitor::default())?;
    let combinators = make_combinators(20, 80, 2, true, SymmetricLaw::Gaussian, 0, &Monitor::default())?;
    let b = a.dot(&components.dot(&combinators));
    Ok((a, b))
}

/// All right-hand sides, the orthonormalisation included; throughput counts right-hand sides.
fn basis_pursuit(criterion: &mut Criterion) -> Result<()> {
    let mut group = criterion.benchmark_group("basis_pursuit_80_of_120x200");
    for (name, design) in [("gaussian", Design::Gaussian), ("random_walk", Design::RandomWalk)] {
        let (a, b) = training_problems(design)?;
        let run =
            || Equations::new(a.view(), 80)?.solve_many(black_box(b.view()), Request::default(), &Monitor::default());
        run()?;
        group.throughput(Throughput::Elements(80));
        group.bench_function(name, |b| b.iter(|| run().is_ok()));
    }
    group.finish();
    Ok(())
}

/// Basis pursuits and the factorisation of their solutions.
fn train_welper_recover(criterion: &mut Criterion) -> Result<()> {
    let mut group = criterion.benchmark_group("train_welper_recover_80_of_120x200");
    for (name, design) in [("gaussian", Design::Gaussian), ("random_walk", Design::RandomWalk)] {
        let (a, b) = training_problems(design)?;
        for (method, factorization) in [("er_spud", Method::ErSpud), ("l4", Method::FourNorm)] {
            let settings = WelperSettings { factorization, ..WelperSettings::default() }.check()?;
            let run = || welper_recover::train(a.view(), black_box(b.view()), &settings, &Monitor::default());
            run()?;
            group.bench_function(BenchmarkId::new(name, method), |b| b.iter(|| run().is_ok()));
        }
    }
    group.finish();
    Ok(())
}

fn main() -> Result<()> {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    kernel_step(&mut criterion)?;
    default_fit(&mut criterion)?;
    certificate(&mut criterion)?;
    support_path(&mut criterion)?;
    training(&mut criterion)?;
    basis_pursuit(&mut criterion)?;
    train_welper_recover(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}
