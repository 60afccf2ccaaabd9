//! Whatever goes in, an error or finite numbers come out; nothing panics.

mod baselines;
mod latent;
mod programs;
mod regression;

use ndarray::Array2;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// As many cases, the same ones in each run.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() }
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        10 => -3.0..3.0_f64,
        3 => (-3_i32..4).prop_map(f64::from),
        2 => Just(0.0),
        1 => prop::sample::select(vec![1e300, -1e300, 1e-300, 5e-324, -2e-310, 1e150, 1e-150, 1e8, -1e-8]),
    ]
}

/// As `value`, now and then with what no fit accepts.
fn wild() -> impl Strategy<Value = f64> {
    prop_oneof![
        60 => value(),
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN]),
    ]
}

/// A design and as many responses, now and then with a column twice and in units of their own.
fn data(responses: usize) -> impl Strategy<Value = (Array2<f64>, Array2<f64>)> {
    (1_usize..7, 1_usize..9, any::<bool>(), -200_i32..200).prop_flat_map(move |(rows, cols, copies, exponent)| {
        let scale = if exponent % 3 == 0 { 10f64.powi(exponent) } else { 1.0 };
        let entries = |cols| prop::collection::vec(wild(), rows * cols);
        (entries(cols), entries(responses)).prop_map(move |(x, y)| {
            let mut x = Array2::from_shape_vec((rows, cols), x).unwrap().mapv(|v| v * scale);
            if copies && cols > 1 {
                let first = x.column(0).to_owned();
                x.column_mut(cols - 1).assign(&first);
            }
            (x, Array2::from_shape_vec((rows, responses), y).unwrap())
        })
    })
}

fn finite<'a>(values: impl IntoIterator<Item = &'a f64>) -> bool {
    values.into_iter().all(|v| v.is_finite())
}
