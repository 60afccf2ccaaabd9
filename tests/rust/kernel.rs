//! The kernel against dense algebra, in shapes that fill its panels badly.

use crate::common::{assert_close, covariance, gaussian, invert, norm, normal, positive};
use ndarray::{Array2, aview1, s};
use sparsevae::linalg::covariance::Covariance;
use sparsevae::linalg::packed::Packed;
use sparsevae::linalg::packed_covariance::PackedCovariance;

const SHAPES: [(usize, usize); 14] = [
    (1, 1),
    (1, 2),
    (1, 29),
    (29, 1),
    (2, 3),
    (7, 5),
    (8, 8),
    (13, 24),
    (24, 13),
    (25, 49),
    (37, 53),
    (53, 129),
    (97, 257),
    (130, 301),
];

fn assert_kernel(x: &Array2<f64>, y: &[f64], w: &[f64], ridge: f64, kernel: &mut PackedCovariance) {
    let (d, n) = x.dim();
    kernel.evaluate(&Packed::new(x.view()), y, w, ridge).unwrap();
    let (inverse, log_det) = invert(&covariance(x, w, ridge));
    let a = inverse.dot(&aview1(y));
    let q = x.t().dot(&a);
    assert_close(kernel.log_det(), log_det, 1e-11, "log-determinant");
    assert_close(kernel.quadratic(), aview1(y).dot(&a), 1e-11, "quadratic form");
    assert_eq!((kernel.each_q().next().unwrap().len(), kernel.s().len()), (n, n));
    let scale = norm(&q.to_vec());
    for j in 0..n {
        let column = x.column(j);
        let s = column.dot(&inverse.dot(&column));
        assert!(
            (kernel.each_q().next().unwrap()[j] - q[j]).abs() <= 1e-11 * scale,
            "q_{j} of {d} x {n}: {} {}",
            kernel.each_q().next().unwrap()[j],
            q[j]
        );
        assert!((kernel.s()[j] - s).abs() <= 1e-11 * s, "s_{j} of {d} x {n}: {} {s}", kernel.s()[j]);
    }
    let (product, diagonal) = (kernel.multipliers(), kernel.inverse_diagonal());
    for i in 0..d {
        assert!((product[i] - a[i]).abs() <= 1e-11 * norm(&a.to_vec()));
        assert_close(diagonal[i], inverse[[i, i]], 1e-11, "diagonal of the inverse");
    }
}

#[test]
fn kernel_matches_dense_algebra_in_odd_shapes() {
    for (seed, (d, n)) in SHAPES.into_iter().enumerate() {
        let seed = seed as u64;
        let (x, y) = (gaussian(d, n, seed), normal(d, 90 + seed));
        let mut kernel = PackedCovariance::new(&Packed::new(x.view()), 1);
        assert_kernel(&x, &y, &positive(n, 0.01, 10.0, seed), 0.3, &mut kernel);
    }
}

#[test]
fn kernel_forgets_its_last_evaluation() {
    let x = gaussian(37, 53, 1);
    let mut kernel = PackedCovariance::new(&Packed::new(x.view()), 1);
    for seed in 0..3 {
        assert_kernel(&x, &normal(37, seed), &positive(53, 0.01, 10.0, seed), 0.3 + seed as f64, &mut kernel);
    }
    let tiny = vec![1e-30; 53];
    assert!(kernel.evaluate(&Packed::new(x.view()), &normal(37, 5), &tiny, -1.0).is_err());
    assert_kernel(&x, &normal(37, 7), &positive(53, 0.01, 10.0, 8), 0.3, &mut kernel);
}

#[test]
fn packing_ignores_the_strides_of_the_design() {
    let wide = gaussian(30, 40, 3);
    let views = [wide.slice(s![..;2, ..;3]), wide.slice(s![..;-1, ..]), wide.t(), wide.slice(s![1.., ..;-2])];
    for view in views {
        let (d, n) = view.dim();
        let mut kernels = [view, view.to_owned().view()].map(|view| {
            let packed = Packed::new(view);
            let mut kernel = PackedCovariance::new(&packed, 1);
            kernel.evaluate(&packed, &normal(d, 4), &vec![1.0; n], 0.1).unwrap();
            (kernel.each_q().next().unwrap().to_vec(), kernel.s().to_vec())
        });
        let last = kernels[1].clone();
        assert_eq!(std::mem::take(&mut kernels[0]), last);
    }
}

#[test]
fn failed_pivot_is_the_row_that_is_not_positive() {
    let mut x = gaussian(9, 20, 6);
    let row = x.row(2).to_owned();
    x.row_mut(6).assign(&row);
    let packed = Packed::new(x.view());
    let failed = PackedCovariance::new(&packed, 1).evaluate(&packed, &[1.0; 9], &[1.0; 20], -1e-9).unwrap_err();
    assert_eq!(failed.0, 6);
}

#[test]
fn not_a_number_is_a_failed_pivot() {
    let x = gaussian(5, 8, 6);
    let packed = Packed::new(x.view());
    let mut kernel = PackedCovariance::new(&packed, 1);
    assert!(kernel.evaluate(&packed, &[1.0; 5], &[f64::NAN; 8], 1.0).is_err());
    assert!(kernel.evaluate(&packed, &[1.0; 5], &[1.0; 8], f64::NAN).is_err());
    assert!(kernel.evaluate(&packed, &[f64::NAN; 5], &[1.0; 8], 1.0).is_err());
}
