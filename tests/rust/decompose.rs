//! Row spaces, nested least squares, posterior covariance, growing factors.

use crate::common::{assert_close, gaussian, invert, least_squares, norm, normal};
use ndarray::{Array1, Array2, Axis, aview1, s};
use sparsevae::linalg::growing_cholesky::GrowingCholesky;
use sparsevae::linalg::least_squares::{NestedLeastSquares, posterior_covariance};
use sparsevae::linalg::row_space::RowSpace;

/// A design `rows x cols` of rank `rank`.
fn of_rank(rows: usize, cols: usize, rank: usize, seed: u64) -> Array2<f64> {
    gaussian(rows, rank, seed).dot(&gaussian(rank, cols, seed + 1))
}

fn spaces() -> Vec<(Array2<f64>, usize, RowSpace)> {
    let shapes =
        [(5, 9, 5), (9, 5, 5), (6, 6, 6), (6, 10, 3), (10, 6, 3), (1, 7, 1), (7, 1, 1), (8, 8, 1), (40, 90, 40)];
    let mut spaces = Vec::new();
    for (seed, (rows, cols, rank)) in shapes.into_iter().enumerate() {
        let x = if rank == rows.min(cols) {
            gaussian(rows, cols, seed as u64)
        } else {
            of_rank(rows, cols, rank, seed as u64)
        };
        for space in [RowSpace::new(x.view()), RowSpace::by_svd(x.view())] {
            spaces.push((x.clone(), rank, space.unwrap()));
        }
    }
    spaces
}

#[test]
fn basis_has_orthonormal_rows_as_many_as_the_rank() {
    for (x, rank, space) in spaces() {
        assert_eq!(space.rank(), rank, "{:?}", x.dim());
        let gram = space.basis.dot(&space.basis.t());
        assert!((gram - Array2::<f64>::eye(rank)).iter().all(|v| v.abs() < 1e-12));
    }
}

#[test]
fn basis_spans_the_rows_of_the_design() {
    for (x, _, space) in spaces() {
        let projected = x.dot(&space.basis.t()).dot(&space.basis);
        assert!((&projected - &x).iter().all(|v| v.abs() < 1e-11 * norm(&x.iter().copied().collect::<Vec<_>>())));
    }
}

#[test]
fn whitening_takes_a_response_to_the_coordinates_of_the_basis() {
    for (x, _, space) in spaces() {
        // X z = C B z, so whitening X z gives B z.
        let z = normal(x.ncols(), 4);
        let (whitened, outside) = space.whiten(&x.dot(&aview1(&z)).to_vec());
        let expected = space.basis.dot(&aview1(&z));
        assert!(whitened.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-9), "{:?}", x.dim());
        assert!(outside < 1e-10);
    }
}

#[test]
fn what_no_column_reaches_is_outside() {
    let x = gaussian(9, 4, 1);
    let y = normal(9, 2);
    let (_, rss) = least_squares(&x, &[0, 1, 2, 3], &y);
    for (_, outside) in [RowSpace::new(x.view()).unwrap().whiten(&y), RowSpace::by_svd(x.view()).unwrap().rotate(&y)] {
        assert_close(outside, rss.sqrt(), 1e-12, "outside");
    }
}

#[test]
fn rotation_keeps_the_norm_of_the_response() {
    let x = gaussian(9, 4, 1);
    let y = normal(9, 2);
    let (inside, outside) = RowSpace::by_svd(x.view()).unwrap().rotate(&y);
    assert_close(norm(&inside).hypot(outside), norm(&y), 1e-13, "norm");
}

#[test]
fn spectrum_and_smallest_singular_value_agree_with_the_gram_matrix() {
    for (x, rank, space) in spaces() {
        let (singular, _) = space.spectrum().unwrap();
        assert_eq!(singular.len(), rank);
        assert!(singular.windows(2).all(|pair| pair[0] >= pair[1]));
        let square: f64 = x.iter().map(|v| v * v).sum();
        assert_close(singular.iter().map(|s| s * s).sum(), square, 1e-11, "sum of squares");
        if rank == x.nrows() {
            let log_det = invert(&x.dot(&x.t())).1;
            assert_close(singular.iter().map(|s| 2.0 * s.ln()).sum(), log_det, 1e-9, "log-determinant");
        }
        // Inverse iteration comes from above, which makes certificates stricter.
        let (found, exact) = (space.smallest_singular(), singular[rank - 1]);
        assert!(found > exact * (1.0 - 1e-9) && found < 2.0 * exact, "{found} {exact}");
    }
}

#[test]
fn nested_residuals_and_coefficients_are_those_of_least_squares() {
    let (x, y) = (gaussian(12, 30, 7), normal(12, 8));
    let chosen = [4, 17, 2, 29, 11, 8];
    let fit = NestedLeastSquares::new(x.select(Axis(1), &chosen).view(), &y);
    assert_close(fit.residual[0], norm(&y), 1e-13, "empty set");
    for k in 1..=chosen.len() {
        let (z, rss) = least_squares(&x, &chosen[..k], &y);
        assert_close(fit.residual[k], rss.sqrt(), 1e-10, "residual");
        fit.coefficients(k).iter().zip(&z).for_each(|(a, b)| assert_close(*a, *b, 1e-9, "coefficient"));
    }
}

#[test]
fn nested_least_squares_of_no_column_and_of_as_many_as_rows() {
    let (x, y) = (gaussian(5, 9, 7), normal(5, 8));
    let none = NestedLeastSquares::new(x.select(Axis(1), &[]).view(), &y);
    assert_eq!(none.coefficients(0), Vec::<f64>::new());
    assert_close(none.residual[0], norm(&y), 1e-14, "residual");
    let all = NestedLeastSquares::new(x.select(Axis(1), &[0, 1, 2, 3, 4]).view(), &y);
    assert_eq!(all.residual[5], 0.0);
}

#[test]
fn projection_splits_every_column_along_the_chosen() {
    let (x, y) = (gaussian(10, 15, 3), normal(10, 4));
    let chosen = [3, 9, 14];
    let (a, distance) = NestedLeastSquares::new(x.select(Axis(1), &chosen).view(), &y).project(x.view());
    for (j, distance) in distance.iter().enumerate() {
        let (z, rss) = least_squares(&x, &chosen, &x.column(j).to_vec());
        assert!((distance - rss.abs().sqrt()).abs() < 1e-7, "column {j}");
        a.slice(s![.., j]).iter().zip(&z).for_each(|(a, b)| assert_close(*a, *b, 1e-9, "coefficient"));
    }
}

#[test]
fn posterior_covariance_is_the_inverse_of_its_precision() {
    let x = gaussian(10, 15, 3);
    let chosen = [3, 9, 14];
    let a = x.select(ndarray::Axis(1), &chosen);
    let precision = a.t().dot(&a) / 0.3 + Array2::from_diag(&aview1(&[2.0, 0.5, 1.0]).mapv(|w: f64| 1.0 / w));
    let found = posterior_covariance(x.select(Axis(1), &chosen).view(), &[2.0, 0.5, 1.0], 0.3).unwrap();
    assert!((found.dot(&precision) - Array2::<f64>::eye(3)).iter().all(|v| v.abs() < 1e-12));
    assert!(
        posterior_covariance(x.select(Axis(1), &[3, 3]).view(), &[f64::INFINITY; 2], 0.3)
            .is_none_or(|c| c[[0, 0]] > 1e10)
    );
    assert_eq!(posterior_covariance(x.select(Axis(1), &[]).view(), &[], 0.3).unwrap().dim(), (0, 0));
}

/// The symmetric positive definite matrix of some columns, and its solution from scratch.
fn gram_of(x: &Array2<f64>, chosen: &[usize]) -> Array2<f64> {
    let columns = x.select(Axis(1), chosen);
    columns.t().dot(&columns)
}

#[test]
fn a_growing_factor_solves_as_a_fresh_one_after_any_changes() {
    let x = gaussian(30, 25, 0);
    let (mut factor, mut members) = (GrowingCholesky::default(), Vec::<usize>::new());
    let changes = normal(120, 1);
    for (step, change) in changes.iter().enumerate() {
        if *change < -0.3 && !members.is_empty() {
            let place = step % members.len();
            factor.remove(place);
            members.remove(place);
        } else if let Some(next) = (0..25).map(|j| (j * 7 + step) % 25).find(|j| !members.contains(j)) {
            members.push(next);
            let row = gram_of(&x, &members).row(members.len() - 1).to_vec();
            assert!(factor.push(row, 1e-13));
        }
        let right = normal(members.len().max(1), 200 + step as u64)[..members.len()].to_vec();
        let mut solved = right.clone();
        factor.solve(&mut solved);
        let back = gram_of(&x, &members).dot(&Array1::from(solved));
        assert!(norm(&(back - Array1::from(right)).to_vec()) < 1e-9, "step {step}, {} members", members.len());
    }
    assert!(members.len() > 5);
}

#[test]
fn a_growing_factor_refuses_dependent_rows_and_nan_and_stays_as_it_was() {
    let mut x = gaussian(10, 4, 3);
    let sum = &x.column(0) - &(&x.column(1) * 2.0);
    x.column_mut(2).assign(&sum);
    let mut factor = GrowingCholesky::default();
    assert!(!factor.push(vec![], 1e-13) && !factor.push(vec![0.0], 1e-13) && !factor.push(vec![-1.0], 1e-13));
    assert!(!factor.push(vec![f64::NAN], 1e-13));
    assert!(factor.push(gram_of(&x, &[0]).row(0).to_vec(), 1e-13));
    assert!(factor.push(gram_of(&x, &[0, 1]).row(1).to_vec(), 1e-13));
    assert!(!factor.push(gram_of(&x, &[0, 1, 2]).row(2).to_vec(), 1e-13));
    assert!(!factor.push(gram_of(&x, &[0, 1, 0]).row(2).to_vec(), 1e-13));
    assert!(factor.push(gram_of(&x, &[0, 1, 3]).row(2).to_vec(), 1e-13));
    let mut right = vec![1.0, -2.0, 0.5];
    factor.solve(&mut right);
    let back = gram_of(&x, &[0, 1, 3]).dot(&Array1::from(right));
    assert!(norm(&(back - aview1(&[1.0, -2.0, 0.5])).to_vec()) < 1e-12);
}
