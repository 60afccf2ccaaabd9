//! Sparse factorisation: planted components found again, by both methods, from any basis of their span.

use crate::common::{gaussian, norm, normal};
use ndarray::{Array1, Array2, Axis, concatenate, s, stack};
use sparsevae::Error;
use sparsevae::datasets::{Law, SymmetricLaw, make_combinators, make_sparse_coef};
use sparsevae::factorization::{Factorization, Method, SparseVector, factorize};
use sparsevae::linalg::rotation::{dual_basis, nearest_rotation, product, random_rotation};
use sparsevae::monitor::{Monitor, Progress, Stage};

const METHODS: [Method; 2] = [Method::ErSpud, Method::FourNorm];

fn factors(y: &Array2<f64>, method: Method, error: f64, seed: u64) -> Factorization {
    factorize(y.view(), error, method, seed, &Monitor::default()).unwrap()
}

fn dense(found: &[SparseVector], n: usize) -> Array2<f64> {
    let mut x = Array2::zeros((n, found.len()));
    for (mut column, vector) in x.columns_mut().into_iter().zip(found) {
        vector.support.iter().zip(&vector.values).for_each(|(&j, v)| column[j] = *v);
    }
    x
}

/// Components of as many nonzeros each, so that no combination is sparser (of Gaussian ones one entry now and then
/// outweighs the others, and the sparsest is not that of least l1 norm), and `q` mixtures of up to three of them.
fn planted(n: usize, p: usize, nonzeros: usize, q: usize, law: Law, seed: u64) -> (Array2<f64>, Array2<f64>) {
    let columns: Vec<_> = (0..p as u64)
        .map(|k| make_sparse_coef(n, nonzeros, law, 1000 * seed + k, &Monitor::default()).unwrap())
        .collect();
    let x = stack(Axis(1), &columns.iter().map(|column| column.view()).collect::<Vec<_>>()).unwrap();
    let z = make_combinators(p, q, 3.min(p), true, SymmetricLaw::Gaussian, seed + 1, &Monitor::default()).unwrap();
    let y = x.dot(&z);
    (x, y)
}

/// The largest distance of a column of `x`, scaled to norm 1, from its nearest among the found ones up to sign; every
/// found one being used once.
fn distance(x: &Array2<f64>, found: &[SparseVector]) -> f64 {
    let found = dense(found, x.nrows());
    let (mut used, mut worst) = (vec![false; found.ncols()], 0.0_f64);
    for column in x.columns() {
        let unit = &column / norm(&column.to_vec());
        let products = found.t().dot(&unit);
        let Some(k) =
            (0..used.len()).filter(|&k| !used[k]).max_by(|&i, &j| products[i].abs().total_cmp(&products[j].abs()))
        else {
            return f64::INFINITY;
        };
        used[k] = true;
        worst = worst.max(norm(&(&found.column(k) * products[k].signum() - &unit).to_vec()));
    }
    worst
}

#[test]
fn planted_components_are_found_up_to_sign_and_order() {
    for seed in 0..4 {
        for (n, p, nonzeros, law) in [
            (100, 8, 6, Law::Gaussian),
            (200, 20, 20, Law::Gaussian),
            (150, 12, 9, Law::Poisson),
            (150, 12, 9, Law::Uniform),
        ] {
            let (x, y) = planted(n, p, nonzeros, 4 * p, law, seed);
            for method in METHODS {
                let found = factors(&y, method, 0.0, seed);
                let what = format!("{n} x {p}, {law:?}, {method:?}, seed {seed}");
                assert_eq!((found.rank, found.components.len()), (p, p), "{what}");
                assert!(found.is_complete(), "{what}");
                let worst = distance(&x, &found.components);
                assert!(worst < 1e-9, "{what}: off by {worst}");
                assert!(found.n_programs < n / 2 + 5 * p, "{what}: {} programs", found.n_programs);
                let sizes: Vec<usize> = found.components.iter().map(|vector| vector.support.len()).collect();
                assert!(sizes.is_sorted(), "{what}: {sizes:?}");
                for vector in &found.components {
                    assert!(vector.support.is_sorted() && (norm(&vector.values) - 1.0).abs() < 1e-12, "{what}");
                    assert!(vector.values.iter().all(|v| *v != 0.0), "{what}");
                }
            }
        }
    }
}

#[test]
fn only_the_span_matters() {
    let (x, y) = planted(120, 10, 8, 10, Law::Uniform, 5);
    let mixing = gaussian(10, 10, 6);
    let repeated = concatenate(Axis(1), &[y.view(), y.view(), (&y * -2.0).view()]).unwrap();
    for method in METHODS {
        for (name, other) in
            [("mixed", y.dot(&mixing)), ("repeated", repeated.clone()), ("scaled", &y * 1e-150), ("large", &y * 1e150)]
        {
            let found = factors(&other, method, 0.0, 0);
            assert_eq!(found.rank, 10, "{name}, {method:?}");
            let worst = distance(&x, &found.components);
            assert!(worst < 1e-8, "{name}, {method:?}: off by {worst}");
        }
    }
}

/// Mixtures of two are in the span as well, and not sparse enough to be kept beside what they are a mixture of.
#[test]
fn mixtures_give_way_to_what_they_are_mixtures_of() {
    for seed in 0..6 {
        // Neighbours share two entries of ten: no mixture has a lower l1 norm.
        let values = normal(90, seed);
        let x = Array2::from_shape_fn((90, 9), |(i, k)| {
            if (8 * k..8 * k + 10).contains(&i) { 1.0 + 0.3 * values[i].sin() * (k as f64 + 1.0).cos() } else { 0.0 }
        });
        // Every response is a sum of two components: no component itself was seen.
        let pairs = Array2::from_shape_fn((9, 9), |(k, l)| f64::from(k == l || k == (l + 1) % 9));
        let y = x.dot(&pairs);
        for method in METHODS {
            let found = factors(&y, method, 0.0, seed);
            assert!(found.is_complete(), "{method:?}, seed {seed}");
            assert!(distance(&x, &found.components) < 1e-9, "{method:?}, seed {seed}");
        }
    }
}

#[test]
fn the_rank_is_that_of_the_data_and_columns_of_it_make_up_for_missing_dimensions() {
    let (x, _) = planted(100, 6, 6, 6, Law::Gaussian, 1);
    let thick = gaussian(100, 3, 2);
    for method in METHODS {
        // Sparse components beside directions that have no zeros: their span holds nothing else that is sparse.
        let y = concatenate(Axis(1), &[x.view(), thick.view()]).unwrap().dot(&gaussian(9, 15, 3));
        let found = factors(&y, method, 0.0, 0);
        assert_eq!(found.rank, 9, "{method:?}");
        assert_eq!((found.n_found, found.components.len()), (6, 9), "{method:?}");
        assert!(!found.is_complete(), "{method:?}");
        assert!(distance(&x, &found.components[..6]) < 1e-8, "{method:?}");
        let dense = factors(&thick, method, 0.0, 0);
        assert_eq!((dense.rank, dense.n_found, dense.is_complete()), (3, 0, false), "{method:?}");
    }
}

#[test]
fn results_depend_neither_on_threads_nor_on_a_second_run() {
    let (_, y) = planted(160, 16, 12, 40, Law::Gaussian, 2);
    for method in METHODS {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| factors(&y, method, 0.0, 7))
        };
        let alone = run(1);
        assert_eq!(alone, run(1));
        assert_eq!(alone, run(2));
        assert_eq!(alone, run(5));
    }
}

#[test]
fn errors_of_the_data_are_told_from_dimensions_and_bound_those_of_the_components() {
    for seed in 0..5 {
        let (x, y) = planted(150, 10, 8, 40, Law::Gaussian, seed);
        let noise = gaussian(150, 40, seed + 100);
        let size = 1e-6 * norm(y.as_slice().unwrap());
        let noisy = &y + &(&noise * (size / norm(noise.as_slice().unwrap())));
        for method in METHODS {
            let found = factors(&noisy, method, size, seed);
            assert_eq!((found.rank, found.components.len()), (10, 10), "{method:?}, seed {seed}");
            let worst = distance(&x, &found.components);
            assert!(worst > 1e-9 && worst < 30.0 * found.error, "{method:?}: off by {worst}, said {}", found.error);
            assert!(found.error < 1e-4, "{method:?}: {}", found.error);
            // With an error of 0, the noise is dimensions of its own.
            assert_eq!(factors(&noisy, method, 0.0, seed).rank, 40, "{method:?}");
        }
    }
}

#[test]
fn degenerate_data_have_defined_factors() {
    for method in METHODS {
        let column = Array2::from_shape_vec((5, 1), vec![0.0, 3.0, 0.0, -4.0, 0.0]).unwrap();
        let found = factors(&column, method, 0.0, 0);
        assert_eq!((found.rank, found.components.len()), (1, 1), "{method:?}");
        assert_eq!(found.components[0].support, [1, 3], "{method:?}");
        assert!((found.components[0].values[1].abs() - 0.8).abs() < 1e-12, "{method:?}");

        let none = factors(&Array2::zeros((6, 3)), method, 0.0, 0);
        assert_eq!((none.rank, none.components.len(), none.is_complete()), (0, 0, false), "{method:?}");
        let swallowed = factors(&gaussian(6, 3, 0), method, 1e3, 0);
        assert_eq!(swallowed.rank, 0, "{method:?}");

        // The whole space has no vector that is sparser than chance: columns of the data make up for all of them.
        let full = factors(&gaussian(5, 8, 1), method, 0.0, 0);
        assert_eq!(
            (full.rank, full.n_found, full.components.len(), full.is_complete()),
            (5, 0, 5, false),
            "{method:?}"
        );

        for (rows, columns) in [(1, 1), (1, 4), (2, 1), (3, 2)] {
            let found = factors(&Array2::ones((rows, columns)), method, 0.0, 0);
            assert_eq!(found.rank, 1, "{method:?}, {rows} x {columns}");
        }
    }
}

#[test]
fn rows_of_zeros_change_nothing_but_places() {
    let (x, y) = planted(80, 8, 6, 24, Law::Gaussian, 3);
    let mut padded = Array2::zeros((160, 24));
    padded.slice_mut(s![..;2, ..]).assign(&y);
    let mut wide = Array2::zeros((160, 8));
    wide.slice_mut(s![..;2, ..]).assign(&x);
    for method in METHODS {
        assert!(distance(&wide, &factors(&padded, method, 0.0, 0).components) < 1e-9, "{method:?}");
    }
}

#[test]
fn a_monitor_stops_a_factorisation_and_sees_its_progress() {
    let (_, y) = planted(100, 10, 8, 30, Law::Gaussian, 4);
    for method in METHODS {
        let monitor = Monitor::default();
        let found = factorize(y.view(), 0.0, method, 0, &monitor).unwrap();
        let Progress { stage, done, total, .. } = monitor.progress();
        assert!(stage == Stage::Programs && done == total && total == found.rank, "{method:?}: {done} of {total}");
        let stopped = Monitor::default();
        stopped.stop();
        let result = factorize(y.view(), 0.0, method, 0, &stopped);
        assert!(matches!(result, Err(Error::Interrupted { .. })), "{method:?}: {result:?}");
    }
}

#[test]
fn rotations_are_orthogonal_and_the_nearest_ones() {
    for size in [1, 2, 7, 30] {
        let turn = random_rotation(size, 3);
        let gap = |a: &Array2<f64>| norm((a.dot(&a.t()) - Array2::<f64>::eye(size)).as_slice().unwrap());
        assert!(gap(&turn) < 1e-12 * (size as f64), "{size}");
        assert_eq!(turn, random_rotation(size, 3));
        assert!(turn != random_rotation(size, 4) || size == 1);
        let matrix = gaussian(size, size, 5);
        let nearest = nearest_rotation(matrix.view()).unwrap();
        assert!(gap(&nearest) < 1e-12 * (size as f64), "{size}");
        // It is nearest where `Q^T M` is symmetric and positive semidefinite.
        let polar = nearest.t().dot(&matrix);
        assert!((&polar - &polar.t()).iter().all(|v| v.abs() < 1e-12 * (size as f64)), "{size}");
        let probe = Array1::from(normal(size, 6));
        assert!(probe.dot(&polar.dot(&probe)) > 0.0, "{size}");
    }
    let (a, b) = (gaussian(7, 5, 0), gaussian(5, 11, 1));
    assert!((product(a.view(), b.view()) - a.dot(&b)).iter().all(|v| v.abs() < 1e-13));
}

#[test]
fn a_dual_basis_has_products_of_one_with_its_own_vector_and_zero_with_others() {
    for (size, count) in [(1, 1), (6, 6), (9, 4), (5, 0)] {
        let vectors = gaussian(size, size, 2).slice_move(s![.., ..count]);
        let dual = dual_basis(vectors.view());
        assert_eq!(dual.dim(), (size, size));
        let products = dual.dot(&vectors);
        let expected = Array2::from_shape_fn((size, count), |(i, k)| f64::from(i == k));
        assert!((products - expected).iter().all(|v| v.abs() < 1e-12), "{size}, {count}");
        let rest = dual.slice(s![count.., ..]);
        let eye = Array2::<f64>::eye(size - count);
        assert!((rest.dot(&rest.t()) - eye).iter().all(|v| v.abs() < 1e-12), "{size}, {count}");
    }
}
