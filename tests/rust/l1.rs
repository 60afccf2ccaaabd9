//! Basis pursuit: certificates, agreement with planted solutions, determinism, degenerate and bad input.

use crate::common::{gaussian, norm, normal};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, concatenate, s};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use sparsevae::datasets::{DctRows, Design, Law, make_design, make_partial_dct_design, make_sparse_coef};
use sparsevae::l1::{CERTIFICATE, Equations, Request, Solution};
use sparsevae::monitor::{Monitor, Progress, Stage};
use sparsevae::{Error, Status};

fn solve_many(a: &Array2<f64>, b: ArrayView2<'_, f64>, request: Request) -> Vec<Solution> {
    Equations::new(a.view(), b.ncols()).unwrap().solve_many(b, request, &Monitor::default()).unwrap()
}

fn solve(a: &Array2<f64>, b: &Array1<f64>) -> Solution {
    solve_many(a, b.view().insert_axis(Axis(1)), Request::default()).remove(0)
}

fn dense(solution: &Solution, n: usize) -> Array1<f64> {
    let mut x = Array1::zeros(n);
    solution.support.iter().zip(&solution.values).for_each(|(&j, v)| x[j] = *v);
    x
}

fn largest(values: ArrayView1<'_, f64>) -> f64 {
    values.iter().fold(0.0, |most, v| v.abs().max(most))
}

fn one_norm(values: ArrayView1<'_, f64>) -> f64 {
    values.iter().map(|v| v.abs()).sum()
}

/// What makes a solution optimal, from the data alone: `A x = b`, `||A^T y||_inf <= 1`, `b^T y = ||x||_1`.
#[track_caller]
fn assert_optimal(a: &Array2<f64>, b: &Array1<f64>, found: &Solution, what: &str) {
    assert_eq!(found.status, Status::Optimal, "{what}: {found:?}");
    let x = dense(found, a.ncols());
    let y = Array1::from(found.dual.clone());
    // In units of the data, whatever their size.
    let unit = largest(b.view()).max(f64::MIN_POSITIVE);
    let left = (b - &a.dot(&x)).mapv(|v| v / unit).to_vec();
    assert!(norm(&left) <= 1e-9 * norm(&b.mapv(|v| v / unit).to_vec()), "{what}: misfit {}", norm(&left));
    let infeasibility = largest(a.t().dot(&y).view()) - 1.0;
    assert!(infeasibility <= CERTIFICATE, "{what}: dual infeasible by {infeasibility}");
    let (primal, dual) = (one_norm(x.view()), b.dot(&y));
    assert!((primal - dual).abs() <= CERTIFICATE * primal, "{what}: {primal} against {dual}");
    assert!(found.gap <= CERTIFICATE && found.infeasibility <= CERTIFICATE, "{what}: {found:?}");
    assert!(found.values.iter().all(|v| *v != 0.0) && found.support.is_sorted(), "{what}: {found:?}");
}

/// Columns of `of`, repeated and with other signs.
fn with_copies(of: &Array2<f64>, signs: &[f64]) -> Array2<f64> {
    let parts: Vec<Array2<f64>> = signs.iter().map(|sign| of * *sign).collect();
    concatenate(Axis(1), &parts.iter().map(|part| part.view()).collect::<Vec<_>>()).unwrap()
}

/// Designs of every kind: in general position, correlated, full of ties, of low rank.
fn designs(seed: u64) -> Vec<(&'static str, Array2<f64>)> {
    let (m, n) = (12 + seed as usize, 40);
    let plain = gaussian(m, n, seed);
    let walk = make_design(Design::RandomWalk, m, n, true, seed, &Monitor::default()).unwrap();
    let low = |rank: usize| gaussian(m, rank, seed).dot(&gaussian(rank, n, seed + 50));
    let mut scaled = plain.clone();
    for (j, mut column) in scaled.columns_mut().into_iter().enumerate() {
        column *= 10f64.powi(j as i32 % 9 - 4);
    }
    let mut gaps = plain.clone();
    gaps.slice_mut(s![.., ..;3]).fill(0.0);
    vec![
        (
            "low-frequency cosines",
            make_partial_dct_design(m, n, DctRows::Low, true, seed, &Monitor::default()).unwrap(),
        ),
        ("random cosines", make_partial_dct_design(m, n, DctRows::Random, true, seed, &Monitor::default()).unwrap()),
        ("duplicated columns", with_copies(&plain, &[1.0, 1.0])),
        ("negated columns", with_copies(&plain, &[1.0, -1.0])),
        ("duplicated and negated walks", with_copies(&walk, &[1.0, -1.0, 1.0])),
        ("random walks", walk),
        ("signs", plain.mapv(f64::signum)),
        ("integers", plain.mapv(|v| (2.0 * v).round())),
        ("few integers", plain.mapv(|v| (0.6 * v).round())),
        ("low rank", low(5)),
        ("rank 1", low(1)),
        ("equal columns", concatenate(Axis(1), &[plain.slice(s![.., ..1]); 7]).unwrap()),
        ("equal signs", Array2::ones((m, n))),
        ("identity", Array2::eye(m)),
        ("columns of many sizes", scaled),
        ("zero columns", gaps),
        ("one row", gaussian(1, n, seed)),
        ("one column", gaussian(m, 1, seed)),
        ("square", gaussian(m, m, seed)),
        ("more rows than columns", gaussian(2 * m, m, seed)),
        ("repeated rows", concatenate(Axis(0), &[plain.view(), plain.view()]).unwrap()),
        ("Gaussian", plain),
    ]
}

/// Right-hand sides in the range: Gaussian, sparse, of signs, a column itself, and zero.
fn sides(a: &Array2<f64>, seed: u64) -> Array2<f64> {
    let n = a.ncols();
    let few = |law, share: usize| make_sparse_coef(n, n.div_ceil(share), law, seed, &Monitor::default()).unwrap();
    let x = ndarray::stack![
        Axis(1),
        Array1::from(normal(n, seed + 1)),
        few(Law::Gaussian, 10),
        few(Law::Gaussian, 3).mapv(f64::signum) * few(Law::Gaussian, 3).mapv(|v| f64::from(v != 0.0)),
        Array1::from_shape_fn(n, |j| f64::from(j == n / 2)),
        Array1::from(normal(n, seed + 2)).mapv(f64::signum),
        Array1::zeros(n)
    ];
    a.dot(&x)
}

#[test]
fn every_solution_proves_that_it_is_optimal() {
    for seed in 0..6 {
        for (name, a) in designs(seed) {
            let b = sides(&a, seed);
            let found = solve_many(&a, b.view(), Request::default());
            for (l, solution) in found.iter().enumerate() {
                assert_optimal(&a, &b.column(l).to_owned(), solution, &format!("{name}, seed {seed}, problem {l}"));
            }
        }
    }
}

#[test]
fn many_right_hand_sides_that_share_a_formed_gram_matrix_are_as_alone() {
    for (name, a) in designs(3) {
        let one = sides(&a, 3);
        let many = concatenate(Axis(1), &[one.view(); 9]).unwrap();
        let found = solve_many(&a, many.view(), Request::default());
        for (l, solution) in found.iter().enumerate() {
            let b = many.column(l).to_owned();
            assert_optimal(&a, &b, solution, name);
            // The formed matrix has other rounding: the same norm, not the same bits, and of many solutions another.
            let alone = one_norm(dense(&solve(&a, &b), a.ncols()).view());
            let together = one_norm(dense(solution, a.ncols()).view());
            assert!((alone - together).abs() <= 1e-12 * alone, "{name}: {alone} alone, {together} together");
        }
    }
}

#[test]
fn bits_depend_neither_on_threads_nor_on_companions() {
    let a = make_design(Design::RandomWalk, 30, 80, true, 0, &Monitor::default()).unwrap();
    let b = a.dot(&gaussian(80, 40, 1));
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| solve_many(&a, b.view(), Request::default()))
    };
    let alone = run(1);
    assert_eq!(alone, run(2));
    assert_eq!(alone, run(5));
    // For the same preparation, a problem is solved as if it were alone.
    let equations = Equations::new(a.view(), b.ncols()).unwrap();
    for l in [0, 7, 39] {
        let single = equations.solve_many(b.slice(s![.., l..=l]), Request::default(), &Monitor::default()).unwrap();
        assert_eq!(single[0], alone[l]);
    }
}

#[test]
fn sparse_solutions_in_general_position_are_found_exactly() {
    let random = |seed| make_partial_dct_design(40, 100, DctRows::Random, true, seed, &Monitor::default()).unwrap();
    for seed in 0..20 {
        for (name, a) in [("Gaussian", gaussian(40, 100, seed)), ("random cosines", random(seed))] {
            let planted = make_sparse_coef(100, 6, Law::Gaussian, seed + 100, &Monitor::default()).unwrap();
            let found = solve(&a, &a.dot(&planted));
            let support: Vec<usize> = (0..100).filter(|&j| planted[j] != 0.0).collect();
            assert_eq!(found.support, support, "{name}, seed {seed}");
            assert!(largest((dense(&found, 100) - &planted).view()) <= 1e-12 * largest(planted.view()), "{name}");
            assert!(found.n_steps >= 6 && found.n_steps <= 60, "{name}: {} steps", found.n_steps);
        }
    }
}

#[test]
fn scaled_data_have_the_scaled_solution_to_the_bit() {
    let a = gaussian(8, 20, 0);
    let b = a.dot(&make_sparse_coef(20, 3, Law::Gaussian, 1, &Monitor::default()).unwrap());
    let plain = solve(&a, &b);
    let power = |exponent: i32| 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2);
    for (of_a, of_b) in [(0, 700), (0, -700), (700, 0), (-700, 0), (1000, 1000), (-1000, -1000), (-500, 480), (3, -2)] {
        let found = solve(&(&a * power(of_a)), &(&b * power(of_b)));
        let what = format!("2^{of_a}, 2^{of_b}");
        assert_eq!((found.status, &found.support), (Status::Optimal, &plain.support), "{what}");
        let values: Vec<f64> = plain.values.iter().map(|v| v * power(of_b - of_a)).collect();
        assert_eq!(found.values, values, "{what}");
        let dual: Vec<f64> = plain.dual.iter().map(|v| v * power(-of_a)).collect();
        assert_eq!(found.dual, dual, "{what}");
        assert_eq!((found.gap, found.residual), (plain.gap, plain.residual), "{what}");
    }
}

#[test]
fn decimal_scales_down_to_1e_200_and_up_to_1e200_are_solved() {
    let a = gaussian(8, 20, 2);
    let b = a.dot(&make_sparse_coef(20, 3, Law::Gaussian, 3, &Monitor::default()).unwrap());
    for scale in [1e-200, 1e-160, 1e160, 1e200] {
        assert_optimal(&(&a * scale), &b, &solve(&(&a * scale), &b), &format!("A times {scale}"));
        assert_optimal(&a, &(&b * scale), &solve(&a, &(&b * scale)), &format!("b times {scale}"));
    }
    let mut one = a.clone();
    one.column_mut(5).mapv_inplace(|v| v * 1e-200);
    let b = one.dot(&Array1::from_shape_fn(20, |j| f64::from(j < 2)));
    assert_optimal(&one, &b, &solve(&one, &b), "one tiny column");
}

#[test]
fn solutions_beyond_float64_are_not_called_optimal() {
    let a = gaussian(8, 20, 4);
    let b = a.column(3).to_owned();
    for (of_a, of_b) in [(1e200, 1e-200), (1e-200, 1e200), (1e300, 1e-20), (1e-300, 1e20)] {
        let found = solve(&(&a * of_a), &(&b * of_b));
        assert_eq!(found.status, Status::Unsolved, "{of_a}, {of_b}: {found:?}");
    }
}

#[test]
fn what_lies_outside_the_range_is_measured_and_the_rest_solved() {
    let low = gaussian(15, 4, 0).dot(&gaussian(4, 30, 1));
    let equations = Equations::new(low.view(), 1).unwrap();
    assert_eq!(equations.rank(), 4);
    let b = Array1::from(normal(15, 2));
    let found = solve(&low, &b);
    // The projection onto the range, by the first four columns: they span it.
    let head = low.slice(s![.., ..4]).to_owned();
    let (z, squared) = crate::common::least_squares(&head, &[0, 1, 2, 3], &b.to_vec());
    let inside = head.dot(&Array1::from(z));
    assert!((found.residual - squared.sqrt() / norm(&b.to_vec())).abs() < 1e-9);
    let nearest = solve(&low, &inside);
    assert!(nearest.residual < 1e-12);
    assert!(largest((dense(&found, 30) - dense(&nearest, 30)).view()) < 1e-9);
    let none = solve(&Array2::zeros((3, 5)), &Array1::ones(3));
    assert_eq!((none.residual, none.support.len()), (1.0, 0));
}

/// Entries -1 and 1, orthogonal columns: Sylvester's construction.
fn hadamard(doublings: u32) -> Array2<f64> {
    let n = 1_usize << doublings;
    Array2::from_shape_fn((n, n), |(i, j)| if (i & j).count_ones() % 2 == 0 { 1.0 } else { -1.0 })
}

/// More columns tie than the path follows. In 40 steps it finds 40 nonzeros at most: the others come from the simplex
/// method.
#[test]
fn ties_that_block_the_path_are_resolved_by_the_simplex_method() {
    let square = hadamard(6);
    let partial = square.slice(s![..56, ..]).to_owned();
    let doubled = with_copies(&square, &[1.0, -1.0]);
    let both = concatenate(Axis(1), &[square.view(), Array2::eye(64).view()]).unwrap();
    let identity = with_copies(&Array2::eye(64), &[1.0, 1.0, -1.0]);
    for (name, a, proved) in [
        ("Hadamard", square, true),
        ("doubled", doubled, true),
        ("with identity", both, true),
        ("identity", identity, true),
        ("partial", partial, false),
    ] {
        for seed in 0..4 {
            let signs: Vec<f64> = normal(50, seed).into_iter().map(f64::signum).collect();
            let planted = concatenate(Axis(0), &[Array1::from(signs).view(), Array1::zeros(a.ncols() - 50).view()]);
            let planted = planted.unwrap();
            let b = a.dot(&planted);
            let found = solve(&a, &b);
            assert_optimal(&a, &b, &found, name);
            let norm = one_norm(dense(&found, a.ncols()).view());
            // Orthogonal columns: their multiples are a dual that proves it.
            assert!(!proved || (norm - 50.0).abs() < 1e-9, "{name}: {norm}");
            assert!(!proved || found.support.len() > found.n_steps, "{name}: {found:?}");
        }
    }
}

#[test]
fn a_bound_on_the_nonzeros_gives_up_at_once_and_without_it_the_same_problem_is_solved() {
    let a = gaussian(20, 50, 0);
    let b = Array2::from_shape_vec((20, 1), normal(20, 1)).unwrap();
    let bounded = Request { most_nonzeros: Some(5), ..Request::default() };
    let found = solve_many(&a, b.view(), bounded).remove(0);
    assert_eq!(found.status, Status::Dense);
    assert!(found.n_steps <= 15 && found.support.len() <= 5, "{found:?}");
    let free = solve_many(&a, b.view(), Request::default()).remove(0);
    assert_eq!((free.status, free.support.len()), (Status::Optimal, 20));
}

#[test]
fn a_tolerance_finds_the_sparse_solution_under_noise() {
    let a = gaussian(40, 100, 0);
    let planted = make_sparse_coef(100, 5, Law::Uniform, 1, &Monitor::default()).unwrap();
    let clean = a.dot(&planted);
    let noise = Array1::from(normal(40, 2));
    let noise = &noise * (1e-6 * norm(&clean.to_vec()) / norm(&noise.to_vec()));
    let b = (&clean + &noise).insert_axis(Axis(1));
    let found = solve_many(&a, b.view(), Request { tolerance: 5e-6, most_nonzeros: None }).remove(0);
    assert_eq!((found.status, found.support.len()), (Status::Approximate, 5));
    let error = norm(&(dense(&found, 100) - &planted).to_vec()) / norm(&planted.to_vec());
    assert!(error < found.noise_error && found.noise_error < 20.0 * error, "{error}, {}", found.noise_error);
    let exact = solve_many(&a, b.view(), Request::default()).remove(0);
    assert_eq!((exact.status, exact.support.len()), (Status::Optimal, 40));
}

#[test]
fn bad_input_is_refused_by_name() {
    let a = gaussian(4, 6, 0);
    let name = |result: Result<(), Error>| match result.unwrap_err() {
        Error::Shape { what, .. } => (what, "shape", vec![]),
        Error::NonFinite { what, index } => (what, "finite", index),
        other => panic!("{other}"),
    };
    let put = |matrix: &Array2<f64>, value| {
        let mut matrix = matrix.clone();
        matrix[[1, 2]] = value;
        matrix
    };
    let new = |a: &Array2<f64>| name(Equations::new(a.view(), 1).map(drop));
    assert_eq!(new(&Array2::zeros((0, 3))).1, "shape");
    assert_eq!(new(&Array2::zeros((3, 0))).0, "A");
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(new(&put(&a, value)), ("A", "finite", vec![1, 2]));
        let b = put(&gaussian(4, 3, 1), value);
        let solved = Equations::new(a.view(), 3).unwrap().solve_many(b.view(), Request::default(), &Monitor::default());
        assert_eq!(name(solved.map(drop)), ("B", "finite", vec![1, 2]));
    }
    for shape in [(3, 2), (5, 2), (4, 0)] {
        let b = Array2::zeros(shape);
        let solved = Equations::new(a.view(), 1).unwrap().solve_many(b.view(), Request::default(), &Monitor::default());
        assert_eq!(name(solved.map(drop)), ("B", "shape", vec![]));
    }
}

#[test]
fn a_monitor_counts_problems_and_stops_them() {
    let a = gaussian(30, 80, 0);
    let b = a.dot(&gaussian(80, 7, 1));
    let equations = Equations::new(a.view(), 7).unwrap();
    let monitor = Monitor::default();
    equations.solve_many(b.view(), Request::default(), &monitor).unwrap();
    let Progress { stage, done, total, .. } = monitor.progress();
    assert_eq!((stage, done, total), (Stage::Problems, 7, 7));
    monitor.stop();
    let stopped = equations.solve_many(b.view(), Request::default(), &monitor);
    assert!(matches!(stopped, Err(Error::Interrupted { .. })), "{stopped:?}");
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        10 => -3.0..3.0_f64,
        6 => (-2_i32..3).prop_map(f64::from),
        1 => prop::sample::select(vec![1e300, -1e300, 1e-300, 5e-324, f64::MAX, 1e150, 1e-150, 1e8, -1e-8]),
    ]
}

fn wild() -> impl Strategy<Value = f64> {
    prop_oneof![100 => value(), 1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY])]
}

fn equations() -> impl Strategy<Value = (Array2<f64>, Array2<f64>)> {
    (1_usize..7, 1_usize..12, 1_usize..4).prop_flat_map(|(m, n, q)| {
        (prop::collection::vec(wild(), m * n), prop::collection::vec(wild(), m * q)).prop_map(move |(a, b)| {
            (Array2::from_shape_vec((m, n), a).unwrap(), Array2::from_shape_vec((m, q), b).unwrap())
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_goes_in_an_error_or_a_true_outcome_comes_out((a, b) in equations(), tolerance in 0.0..0.5_f64, most in prop::option::of(0_usize..6)) {
        let request = Request { tolerance: if tolerance < 0.3 { 0.0 } else { tolerance }, most_nonzeros: most };
        let solved = Equations::new(a.view(), b.ncols()).and_then(|e| e.solve_many(b.view(), request, &Monitor::default()));
        if let Ok(found) = solved {
            prop_assert!(a.iter().chain(&b).all(|v| v.is_finite()));
            for solution in found.iter().filter(|found| found.status == Status::Optimal) {
                prop_assert!(solution.values.iter().chain(&solution.dual).all(|v| v.is_finite()), "{solution:?}");
                prop_assert!(solution.gap <= CERTIFICATE && solution.infeasibility <= CERTIFICATE, "{solution:?}");
            }
        }
    }

    #[test]
    fn tame_problems_are_all_solved(
        (a, x) in (1_usize..6, 1_usize..10).prop_flat_map(|(m, n)| {
            let entry = || prop_oneof![-1.0..1.0_f64, (-2_i32..3).prop_map(f64::from)];
            (prop::collection::vec(entry(), m * n), prop::collection::vec(entry(), n))
                .prop_map(move |(a, x)| (Array2::from_shape_vec((m, n), a).unwrap(), Array1::from(x)))
        }),
    ) {
        let b = a.dot(&x);
        let found = solve(&a, &b);
        prop_assert_eq!(found.status, Status::Optimal, "{:?}", found);
        prop_assert!(found.residual <= 1e-9);
        let solution = dense(&found, a.ncols());
        prop_assert!(one_norm(solution.view()) <= one_norm(x.view()) * (1.0 + 1e-9));
        prop_assert!(largest((&b - &a.dot(&solution)).view()) <= 1e-9 * (1.0 + one_norm(x.view())));
    }
}
