//! Training on easy problems and recovery of hard ones: problems, levels, statuses, scales.

use crate::common::{gaussian, norm, normal};
use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate, stack};
use sparsevae::datasets::{Design, Law, SymmetricLaw, make_combinators, make_design, make_sparse_coef};
use sparsevae::factorization::Method;
use sparsevae::model::welper_recover::{Components, Recovery, WelperFit, WelperSettings, recover, train};
use sparsevae::monitor::Monitor;
use sparsevae::settings::Settings;
use sparsevae::{Error, Status};

const PLAIN: WelperSettings = WelperSettings {
    n_components: None,
    max_nonzero: None,
    all_levels: false,
    factorization: Method::ErSpud,
    tol: 1e-8,
    seed: 0,
};

/// A matrix, components of unit norm, and training problems that two of them solve.
struct Problems {
    a: Array2<f64>,
    x: Array2<f64>,
    b: Array2<f64>,
}

fn components(n: usize, p: usize, nonzeros: usize, seed: u64) -> Array2<f64> {
    let columns: Vec<Array1<f64>> = (0..p as u64)
        .map(|k| make_sparse_coef(n, nonzeros, Law::Uniform, 500 * seed + k, &Monitor::default()).unwrap())
        .map(|column| &column / norm(&column.to_vec()))
        .collect();
    stack(Axis(1), &columns.iter().map(|column| column.view()).collect::<Vec<_>>()).unwrap()
}

fn combined(a: Array2<f64>, x: Array2<f64>, q: usize, seed: u64) -> Problems {
    let z = make_combinators(x.ncols(), q, 2, true, SymmetricLaw::Gaussian, seed, &Monitor::default()).unwrap();
    Problems { b: a.dot(&x).dot(&z), a, x }
}

/// 60 x 100, 10 components of 8 nonzeros, 40 problems.
fn problems(design: Design, seed: u64) -> Problems {
    combined(
        make_design(design, 60, 100, true, seed, &Monitor::default()).unwrap(),
        components(100, 10, 8, seed),
        40,
        seed,
    )
}

fn trained(data: &Problems, settings: WelperSettings) -> WelperFit {
    train(data.a.view(), data.b.view(), &settings.check().unwrap(), &Monitor::default()).unwrap()
}

fn solved(
    data: &Problems,
    rank: usize,
    components: Components<'_>,
    b: &Array2<f64>,
    tol: f64,
    monitor: &Monitor<'_>,
) -> Result<Vec<Recovery>, Error> {
    let settings = WelperSettings { tol, ..PLAIN }.check()?;
    recover(data.a.view(), rank, &[components], b.view(), &settings, monitor)
}

fn recovered(data: &Problems, training: &WelperFit, b: &Array2<f64>, tol: f64) -> Vec<Recovery> {
    let level = &training.levels[0];
    let columns = level.factor.to_dense(data.a.ncols());
    let components = Components { columns: columns.view(), error: level.factor.error, max_nonzero: level.max_nonzero };
    solved(data, training.rank, components, b, tol, &Monitor::default()).unwrap()
}

/// Hard problems: sums of all components, with signs.
fn hard(data: &Problems, seed: u64) -> (Array2<f64>, Array2<f64>) {
    let p = data.x.ncols();
    let z = Array2::from_shape_vec((p, 3), normal(3 * p, seed)).unwrap().mapv(|v| v.signum() * (1.0 + v.abs()));
    let coef = data.x.dot(&z);
    let b = data.a.dot(&coef);
    (coef, b)
}

fn error(found: &Recovery, coef: &Array2<f64>, l: usize) -> f64 {
    norm(&(&found.coef - &coef.column(l)).to_vec()) / norm(&coef.column(l).to_vec())
}

#[test]
fn hard_problems_are_recovered_from_easy_ones() {
    for design in [Design::Gaussian, Design::RandomWalk] {
        for factorization in [Method::ErSpud, Method::FourNorm] {
            for seed in 0..3 {
                let data = problems(design, seed);
                let training = trained(&data, WelperSettings { factorization, ..PLAIN });
                let what = format!("{design:?}, {factorization:?}, seed {seed}");
                let easy: Vec<usize> = (0..40).filter(|&l| training.problem_status[l] == Status::Easy).collect();
                assert!(easy.len() >= 36, "{what}: {} easy problems", easy.len());
                assert_eq!((training.levels.len(), training.rank), (1, 60), "{what}");
                let level = &training.levels[0];
                assert!(level.factor.is_complete() && level.factor.rank == 10, "{what}: {level:?}");
                assert_eq!(level.kept, easy);
                assert!(level.max_nonzero <= 16, "{what}");
                let (coef, b) = hard(&data, seed);
                for (l, found) in recovered(&data, &training, &b, 1e-8).iter().enumerate() {
                    assert_eq!(found.status, Status::Recovered, "{what}");
                    assert!(found.residual <= 1e-12 && error(found, &coef, l) < 1e-9, "{what}: {}", found.residual);
                    assert_eq!(found.combinator.len(), 10);
                }
            }
        }
    }
}

#[test]
fn every_training_problem_gets_the_status_that_fits() {
    let mut data = problems(Design::Gaussian, 0);
    // Twice the same equations: there are directions off the range of A.
    data.a = concatenate(Axis(0), &[data.a.view(), data.a.view()]).unwrap();
    let twice = concatenate(Axis(0), &[data.b.view(), data.b.view()]).unwrap();
    let hard = data.a.dot(&normal(100, 3).into_iter().collect::<Array1<f64>>());
    let off_range = Array1::from_shape_fn(120, |i| if i < 60 { 1.0 } else { -1.0 });
    data.b = concatenate(
        Axis(1),
        &[
            twice.view(),
            hard.view().insert_axis(Axis(1)),
            Array2::zeros((120, 1)).view(),
            off_range.view().insert_axis(Axis(1)),
            (&twice.column(0) + &(&off_range * 1e-6)).view().insert_axis(Axis(1)),
        ],
    )
    .unwrap();
    let training = trained(&data, PLAIN);
    assert_eq!(training.rank, 60);
    assert!(training.problem_status[..40].iter().all(|status| *status == Status::Easy));
    assert_eq!(training.problem_status[40..], [Status::Hard, Status::Zero, Status::Inconsistent, Status::Inconsistent]);
    assert_eq!(training.solutions.len(), 44);
    assert_eq!(training.levels[0].kept, (0..40).collect::<Vec<_>>());
    assert!((training.solutions[42].residual - 1.0).abs() < 1e-12);
    // What is off the range by less than the tolerance is noise.
    let tolerant = trained(&data, WelperSettings { tol: 1e-4, ..PLAIN });
    assert_eq!(tolerant.problem_status[42..], [Status::Inconsistent, Status::Easy]);
}

#[test]
fn a_bound_on_the_nonzeros_keeps_what_it_says_and_no_other_level_is_tried() {
    let data = problems(Design::Gaussian, 1);
    let sizes: Vec<usize> = trained(&data, PLAIN).solutions.iter().map(|s| s.support.len()).collect();
    for most in [1, 8, 14, 15, 16, 50] {
        let training = trained(&data, WelperSettings { max_nonzero: Some(most), ..PLAIN });
        let kept: Vec<usize> = (0..40).filter(|&l| sizes[l] <= most).collect();
        let easy: Vec<usize> = (0..40).filter(|&l| training.problem_status[l] == Status::Easy).collect();
        assert_eq!(easy, kept, "{most}");
        assert_eq!(training.levels.len(), usize::from(!kept.is_empty()), "{most}");
        if let Some(level) = training.levels.first() {
            assert_eq!(level.kept, kept);
            assert_eq!(level.max_nonzero, kept.iter().map(|&l| sizes[l]).max().unwrap());
        }
    }
}

/// With 46 dimensions, a vector of 100 entries has 55 nonzeros by chance. A solution of 57, among them all entries that no
/// component has, is easy for 90 equations, and no sparse vector of the span explains it; without it, the components are
/// complete.
#[test]
fn lower_levels_are_tried_where_components_are_missing() {
    let data = combined(gaussian(90, 100, 2), components(100, 45, 8, 0), 180, 4);
    let (mut places, values) = ((0..100).collect::<Vec<usize>>(), normal(100, 5));
    places.sort_by_key(|&j| data.x.row(j).iter().any(|v| *v != 0.0));
    let mut thick = Array1::zeros(100);
    places[..57].iter().for_each(|&j| thick[j] = values[j]);
    let b = concatenate(Axis(1), &[data.b.view(), data.a.dot(&thick).insert_axis(Axis(1)).view()]).unwrap();
    let spoilt = Problems { b, ..data };
    let training = trained(&spoilt, PLAIN);
    assert_eq!(training.problem_status[180], Status::Easy);
    let found: Vec<_> = training.levels.iter().map(|level| (level.factor.n_found, level.factor.rank)).collect();
    assert_eq!(found, [(45, 45), (45, 46)]);
    assert!(training.levels[0].max_nonzero < 57 && training.levels[1].max_nonzero == 57);
    assert!(!training.levels[0].kept.contains(&180) && training.levels[1].kept.contains(&180));
    let (coef, b) = hard(&spoilt, 5);
    for (l, found) in recovered(&spoilt, &training, &b, 1e-8).iter().enumerate() {
        assert_eq!(found.status, Status::Recovered);
        assert!(error(found, &coef, l) < 1e-9);
    }
    // A bound that was given is kept: no other level.
    let bounded = trained(&spoilt, WelperSettings { max_nonzero: Some(81), ..PLAIN });
    assert_eq!((bounded.levels.len(), bounded.levels[0].factor.rank), (1, 46));
}

#[test]
fn hopeless_problems_give_no_level() {
    let a = gaussian(20, 60, 0);
    let training = train(a.view(), gaussian(20, 12, 1).view(), &PLAIN.check().unwrap(), &Monitor::default()).unwrap();
    assert!(training.problem_status.iter().all(|status| *status == Status::Hard));
    assert!(training.levels.is_empty() && training.solutions.len() == 12);
}

#[test]
fn a_right_hand_side_off_the_range_of_the_components_is_not_recovered() {
    let data = problems(Design::Gaussian, 3);
    let training = trained(&data, PLAIN);
    let b = concatenate(Axis(1), &[gaussian(60, 1, 4).view(), Array2::zeros((60, 1)).view()]).unwrap();
    let found = recovered(&data, &training, &b, 1e-8);
    assert_eq!(found[0].status, Status::Infeasible);
    assert!(found[0].residual > 0.5);
    let zero = (found[1].status, found[1].residual, norm(&found[1].coef.to_vec()));
    assert_eq!(zero, (Status::Recovered, 0.0, 0.0));
}

/// As many components as `A` has rank solve everything: that is no recovery, whether rows are many or not.
#[test]
fn a_combination_that_any_right_hand_side_has_is_dense() {
    let wide = gaussian(15, 60, 0);
    let repeated = concatenate(Axis(0), &[wide.view(), wide.view()]).unwrap();
    let of_low_rank = gaussian(40, 15, 1).dot(&gaussian(15, 60, 2));
    let x = components(60, 25, 4, 3);
    for a in [wide, repeated, of_low_rank] {
        for p in [15, 25] {
            let columns = x.select(Axis(1), &(0..p).collect::<Vec<_>>());
            let components = Components { columns: columns.view(), error: 0.0, max_nonzero: 15 };
            let b = stack![Axis(1), a.dot(&Array1::from(normal(60, 4))), a.dot(&columns).column(3)];
            let found =
                recover(a.view(), 15, &[components], b.view(), &PLAIN.check().unwrap(), &Monitor::default()).unwrap();
            assert_eq!(found[0].status, Status::Dense, "{:?}, {p} components", a.dim());
            assert_eq!(found[1].status, Status::Recovered, "{:?}, {p} components", a.dim());
        }
    }
}

#[test]
fn least_squares_on_the_nonzeros_frees_a_solution_of_the_errors_of_components() {
    let data = problems(Design::Gaussian, 4);
    let (coef, b) = hard(&data, 1);
    // Components with wrong values at the right places; one in four of their nonzeros is used by the problem.
    let few = data.x.select(Axis(1), &[0, 1]);
    let blurred = &few + &(&few * &gaussian(100, 2, 5) * 1e-7);
    let coef = concatenate(Axis(1), &[few.dot(&gaussian(2, 1, 6)).view(), coef.view()]).unwrap();
    let b = concatenate(Axis(1), &[data.a.dot(&coef.column(0)).view().insert_axis(Axis(1)), b.view()]).unwrap();
    let components = Components { columns: blurred.view(), error: 1e-6, max_nonzero: 8 };
    let found = solved(&data, 60, components, &b, 1e-8, &Monitor::default()).unwrap();
    assert_eq!(found[0].status, Status::Recovered);
    assert!(error(&found[0], &coef, 0) < 1e-12, "{}", error(&found[0], &coef, 0));
    assert!(found[1..].iter().all(|found| found.status == Status::Infeasible));
    // Columns of A that are linearly dependent cannot tell values apart: nothing is polished.
    let low = gaussian(60, 12, 7).dot(&gaussian(12, 100, 8));
    let b = low.dot(&coef.slice(ndarray::s![.., ..1]));
    let found = recover(low.view(), 12, &[components], b.view(), &PLAIN.check().unwrap(), &Monitor::default()).unwrap();
    assert_eq!(found[0].status, Status::Infeasible);
    assert!(found[0].residual < 1e-5);
}

#[test]
fn members_that_cancel_leave_exact_zeros() {
    let data = problems(Design::Gaussian, 10);
    let mut mixed = data.x.clone();
    for k in 1..10 {
        let column = &data.x.column(k) + &(&data.x.column(k - 1) * 0.3);
        mixed.column_mut(k).assign(&(&column / norm(&column.to_vec())));
    }
    let components = Components { columns: mixed.view(), error: 0.0, max_nonzero: 8 };
    let found = solved(&data, 60, components, &data.a.dot(&data.x), 1e-8, &Monitor::default()).unwrap();
    for (k, found) in found.iter().enumerate() {
        assert!(found.status == Status::Recovered && error(found, &data.x, k) < 1e-12);
        let nonzero = |v: &f64| *v != 0.0;
        assert_eq!(found.coef.map(nonzero), data.x.column(k).map(nonzero), "component {k}");
    }
}

#[test]
fn noise_is_recovered_with_the_matching_tolerance_and_never_called_right_without() {
    let data = problems(Design::Gaussian, 5);
    let (coef, b) = hard(&data, 2);
    let blur = |b: &Array2<f64>, seed| {
        let noise = gaussian(b.nrows(), b.ncols(), seed);
        b + &(&noise * (1e-6 * norm(b.as_slice().unwrap()) / norm(noise.as_slice().unwrap())))
    };
    let noisy = Problems { b: blur(&data.b, 10), a: data.a.clone(), x: data.x.clone() };
    for tolerance in [1e-8, 1e-6, 1e-5, 1e-4] {
        let training = trained(&noisy, WelperSettings { tol: tolerance, ..PLAIN });
        assert!(tolerance != 1e-5 || training.levels[0].factor.is_complete());
        if training.levels.is_empty() || training.levels[0].factor.components.is_empty() {
            continue;
        }
        let found = recovered(&noisy, &training, &blur(&b, 11), tolerance);
        for (l, found) in found.iter().enumerate() {
            let right = error(found, &coef, l) < 1e-4;
            assert!(right || found.status != Status::Recovered, "{tolerance}: {}", error(found, &coef, l));
            assert!(tolerance != 1e-5 || found.status == Status::Recovered, "{}", found.residual);
        }
    }
}

#[test]
fn scales_of_the_data_change_no_outcome() {
    let data = problems(Design::Gaussian, 6);
    let (coef, b) = hard(&data, 3);
    let mut uneven = data.b.clone();
    for (l, mut column) in uneven.columns_mut().into_iter().enumerate() {
        column *= 10f64.powi(9 * (l as i32 % 5) - 18);
    }
    let small = &data.b * 1e-200;
    for (of_a, of_b, train_b) in [
        (1.0, 1.0, &uneven),
        (1.0, 1e-200, &small),
        (1e200, 1e200, &data.b),
        (1e-200, 1e-150, &data.b),
        (1e150, 1.0, &data.b),
    ] {
        let scaled =
            Problems { a: &data.a * of_a, b: train_b * if of_a == 1.0 { 1.0 } else { of_b }, x: data.x.clone() };
        let training = trained(&scaled, PLAIN);
        let what = format!("{of_a}, {of_b}");
        assert!(
            training.problem_status.iter().all(|status| matches!(status, Status::Easy | Status::Learned)),
            "{what}"
        );
        assert!(training.levels[0].factor.is_complete() && training.levels[0].factor.rank == 10, "{what}");
        for (l, found) in recovered(&scaled, &training, &(&b * of_b), 1e-8).iter().enumerate() {
            assert_eq!(found.status, Status::Recovered, "{what}: {}", found.residual);
            let unit = Recovery { coef: &found.coef / of_b * of_a, ..found.clone() };
            assert!(error(&unit, &coef, l) < 1e-9, "{what}: {}", error(&unit, &coef, l));
        }
    }
}

#[test]
fn training_and_recovery_depend_on_no_number_of_threads() {
    let data = problems(Design::RandomWalk, 7);
    let (_, b) = hard(&data, 4);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let training = trained(&data, PLAIN);
            let found = recovered(&data, &training, &b, 1e-8);
            (training, found)
        })
    };
    let alone = run(1);
    assert_eq!(alone, run(2));
    assert_eq!(alone, run(4));
}

#[test]
fn bad_input_is_refused_by_name() {
    let data = problems(Design::Gaussian, 8);
    let put = |matrix: &Array2<f64>| {
        let mut matrix = matrix.clone();
        matrix[[1, 2]] = f64::NAN;
        matrix
    };
    let name = |error: Error| match error {
        Error::Shape { what, .. } | Error::NonFinite { what, .. } => what,
        Error::InvalidParameter { name, .. } => name,
        other => panic!("{other}"),
    };
    let learn = |a: &Array2<f64>, b: &Array2<f64>, settings: WelperSettings| {
        name(settings.check().and_then(|s| train(a.view(), b.view(), &s, &Monitor::default())).unwrap_err())
    };
    assert_eq!(learn(&put(&data.a), &data.b, PLAIN), "A");
    assert_eq!(learn(&data.a, &put(&data.b), PLAIN), "B");
    assert_eq!(learn(&data.a, &data.b.slice(ndarray::s![1.., ..]).to_owned(), PLAIN), "B");
    assert_eq!(learn(&data.a, &data.b, WelperSettings { max_nonzero: Some(0), ..PLAIN }), "max_nonzero");
    assert_eq!(learn(&data.a, &data.b, WelperSettings { n_components: Some(0), ..PLAIN }), "n_components");
    for tolerance in [0.0, 1.0, -1e-3, f64::NAN, f64::INFINITY] {
        assert_eq!(learn(&data.a, &data.b, WelperSettings { tol: tolerance, ..PLAIN }), "tol");
    }
    let solve = |a: &Array2<f64>, columns: ArrayView2<'_, f64>, b: &Array2<f64>, tolerance: f64| {
        let components = Components { columns, error: 0.0, max_nonzero: 8 };
        let settings = WelperSettings { tol: tolerance, ..PLAIN }.check();
        name(
            settings.and_then(|s| recover(a.view(), 60, &[components], b.view(), &s, &Monitor::default())).unwrap_err(),
        )
    };
    assert_eq!(solve(&put(&data.a), data.x.view(), &data.b, 1e-8), "A");
    assert_eq!(solve(&data.a, put(&data.x).view(), &data.b, 1e-8), "components_");
    assert_eq!(solve(&data.a, data.x.slice(ndarray::s![1.., ..]), &data.b, 1e-8), "components_");
    assert_eq!(solve(&data.a, data.x.slice(ndarray::s![.., ..0]), &data.b, 1e-8), "components_");
    assert_eq!(solve(&data.a, data.x.view(), &put(&data.b), 1e-8), "B");
    assert_eq!(solve(&data.a, data.x.view(), &data.x, 1e-8), "B");
    assert_eq!(solve(&data.a, data.x.view(), &data.b, 0.0), "tol");
}

#[test]
fn a_monitor_stops_training_and_recovery() {
    let data = problems(Design::Gaussian, 9);
    let monitor = Monitor::default();
    monitor.stop();
    let stopped = train(data.a.view(), data.b.view(), &PLAIN.check().unwrap(), &monitor).map(drop);
    assert!(matches!(stopped, Err(Error::Interrupted { .. })));
    let components = Components { columns: data.x.view(), error: 0.0, max_nonzero: 8 };
    let stopped = solved(&data, 60, components, &data.b, 1e-8, &monitor).map(drop);
    assert!(matches!(stopped, Err(Error::Interrupted { .. })));
}

#[test]
fn the_status_says_whether_the_components_are_as_many_as_expected() {
    let data = problems(Design::Gaussian, 11);
    for (n_components, status, n_kept) in [
        (None, Status::Complete, 10),
        (Some(10), Status::Complete, 10),
        (Some(12), Status::TooFew, 10),
        (Some(7), Status::TooMany, 7),
    ] {
        let training = trained(&data, WelperSettings { n_components, ..PLAIN });
        assert_eq!(training.status, status, "{n_components:?}");
        let level = &training.levels[0];
        assert_eq!(level.factor.components.len(), n_kept, "{n_components:?}");
        assert_eq!(training.combinators.dim(), (n_kept, level.kept.len()), "{n_components:?}");
        if n_kept == 10 {
            let columns = level.factor.to_dense(100).dot(&training.combinators);
            for (column, &l) in columns.columns().into_iter().zip(&level.kept) {
                let solution = &training.solutions[l];
                let mut left = column.to_vec();
                solution.support.iter().zip(&solution.values).for_each(|(&j, v)| left[j] -= v);
                assert!(norm(&left) < 1e-9 * norm(&solution.values), "{n_components:?}, problem {l}");
            }
        }
    }
    let hopeless = gaussian(20, 60, 0);
    let none = Problems { b: gaussian(20, 12, 1), x: Array2::zeros((60, 0)), a: hopeless };
    assert_eq!(trained(&none, PLAIN).status, Status::NoEasyProblems);
}

/// The first level has two of the components, the second two mixtures of these and a third.
#[test]
fn of_several_levels_the_sparsest_solution_is_taken() {
    let data = problems(Design::Gaussian, 12);
    let mixed = stack![
        Axis(1),
        &data.x.column(0) + &data.x.column(1),
        &data.x.column(0) - &data.x.column(1),
        data.x.column(2).to_owned()
    ];
    let pairs = stack![Axis(1), data.x.column(0), data.x.column(1)];
    let levels = [
        Components { columns: pairs.view(), error: 0.0, max_nonzero: 8 },
        Components { columns: mixed.view(), error: 0.0, max_nonzero: 16 },
    ];
    let b = stack![Axis(1), data.a.dot(&data.x.column(1)), data.a.dot(&data.x.column(2)), Array1::zeros(60)];
    let settings = PLAIN.check().unwrap();
    let found = recover(data.a.view(), 60, &levels, b.view(), &settings, &Monitor::default()).unwrap();
    assert_eq!(found.iter().map(|found| found.max_nonzero).collect::<Vec<_>>(), [8, 16, 8]);
    assert!(found.iter().all(|found| found.status == Status::Recovered && found.combinator.len() == 3));
    assert_eq!(found[0].combinator[2], 0.0);
    let none = recover(data.a.view(), 60, &[], b.view(), &settings, &Monitor::default()).unwrap();
    assert!(none.iter().all(|found| found.status == Status::Infeasible && found.coef.iter().all(|v| *v == 0.0)));
    assert_eq!(none.iter().map(|found| found.residual).collect::<Vec<_>>(), [1.0, 1.0, 0.0]);
}
