//! Update rules, schedule and restart plan.

use crate::common::{assert_close, gaussian, normal};
use ndarray::Array2;
use sparsevae::energy::{Energy, Marginal, Responses, marginal_energy};
use sparsevae::linalg::packed::Packed;
use sparsevae::monitor::{Monitor, Progress};
use sparsevae::solver::descent::{Descent, Groups, Next, Rule, Schedule, restart};
use std::ops::ControlFlow;

/// Prior variances and energies after `len` evaluations at fixed noise.
fn descend(x: &Array2<f64>, y: &[f64], rule: Rule, noise: f64, len: usize) -> (Vec<f64>, Vec<f64>) {
    let packed = Packed::new(x.view());
    let energy = Marginal { kernel: &packed, responses: Responses::new(y, 1) };
    let groups = Groups::default();
    let mut descent = Descent::new(&energy, vec![1.0; x.ncols()], &groups);
    let stopped = descent
        .run(rule, len, |_| noise, Progress::of_round(0, 0), &Monitor::default(), |_, _| Ok(Next::Continue))
        .unwrap();
    assert!(!stopped);
    (descent.w, descent.energies)
}

const WHITE: f64 = 0.1;

#[test]
fn em_and_mm_strictly_descend_at_fixed_noise() {
    for (d, n) in [(5, 12), (12, 5), (8, 8), (1, 3), (20, 40)] {
        for rule in [Rule::Em, Rule::Mm] {
            let (_, energies) = descend(&gaussian(d, n, 3), &normal(d, 4), rule, WHITE, 40);
            for pair in energies.windows(2) {
                assert!(pair[1] < pair[0] || (pair[0] - pair[1]).abs() < 1e-10, "{rule:?} {d} x {n}: {pair:?}");
            }
            assert!(energies[39] < energies[0]);
        }
    }
}

#[test]
fn all_rules_reach_a_stationary_point_and_the_same_one_where_it_is_unique() {
    // More samples than columns, close to orthogonal: the energy separates and has one minimum.
    let (x, y) = (gaussian(100, 4, 5), normal(100, 6));
    let y: Vec<f64> = y.iter().zip(x.outer_iter()).map(|(e, row)| 0.3 * e + row[0] - 2.0 * row[2]).collect();
    let minima = [Rule::Em, Rule::Mm, Rule::MacKay].map(|rule| descend(&x, &y, rule, WHITE, 3000).0);
    for w in &minima {
        let gradient = marginal_energy(x.view(), &y, w, 0.1).unwrap().grad_prior_var;
        for (w, g) in w.iter().zip(&gradient) {
            // Inside, or at zero with an energy that would rise.
            assert!((w * g).abs() < 1e-2 && *g > -1e-2, "w {w}, gradient {g}");
        }
        for (a, b) in w.iter().zip(&minima[2]) {
            assert!((a - b).abs() < 1e-3, "{minima:?}");
        }
    }
}

#[test]
fn posterior_means_and_energy_belong_to_the_present_prior() {
    let (x, y) = (gaussian(6, 9, 1), normal(6, 2));
    let packed = Packed::new(x.view());
    let energy = Marginal { kernel: &packed, responses: Responses::new(&y, 1) };
    let groups = Groups::default();
    let mut descent = Descent::new(&energy, vec![0.5; 9], &groups);
    descent.evaluate(WHITE).unwrap();
    let expected = marginal_energy(x.view(), &y, &[0.5; 9], WHITE).unwrap();
    assert_close(descent.energies[0], expected.value, 1e-12, "energy");
    let q = energy.q_squared(&descent.scratch)[3].sqrt();
    assert_close(descent.norms()[3], 0.5 * q, 1e-15, "mean");
}

#[test]
fn a_zero_column_gets_no_prior_variance() {
    let mut x = gaussian(6, 4, 1);
    x.column_mut(1).fill(0.0);
    for rule in [Rule::Mm, Rule::MacKay] {
        assert_eq!(descend(&x, &normal(6, 2), rule, WHITE, 3).0[1], 0.0);
    }
    let (w, _) = descend(&x, &normal(6, 2), Rule::Em, WHITE, 3);
    assert_eq!(w[1], 1.0, "EM leaves the prior where the data say nothing");
}

#[test]
fn schedule_falls_geometrically_from_start_to_end() {
    let schedule = Schedule { start: 1e-1, end: 1e-9, len: 5 };
    for (step, expected) in [1e-1, 1e-3, 1e-5, 1e-7, 1e-9, 1e-9].into_iter().enumerate() {
        assert!((schedule.at(step) / expected - 1.0).abs() < 1e-12);
    }
    assert_eq!(Schedule { len: 1, ..schedule }.at(0), 1e-9);
}

#[test]
fn restart_plan_begins_fresh_at_its_power_and_goes_over_the_others() {
    let plan = restart::plan(1.0, 500);
    assert_eq!(plan.iter().filter(|round| round.fresh).map(|r| r.power).collect::<Vec<_>>(), [1.0, 0.5, 0.25, 0.0]);
    assert!(plan[0].fresh);
    assert_eq!(restart::plan(0.5, 0), plan[5..6]);
    assert_eq!(restart::plan(0.5, usize::MAX).len(), 15);
}

#[test]
fn restart_holds_back_the_weaker_half_of_the_active_set() {
    let u = [0.1, -9.0, 3.0, 0.0, 8.0, -2.0];
    assert_eq!(restart::away_from(&u, 5), [1.0, 1.0, 0.01, 1.0, 1.0, 0.01]);
    assert_eq!(restart::strongest_first(&u), [1, 4, 2, 5, 0, 3]);
    assert_eq!(restart::away_from(&[], 0), Vec::<f64>::new());
}

#[test]
fn an_observer_that_breaks_interrupts_at_its_step() {
    let (x, y) = (gaussian(6, 9, 1), normal(6, 2));
    let packed = Packed::new(x.view());
    let energy = Marginal { kernel: &packed, responses: Responses::new(&y, 1) };
    let groups = Groups::default();
    let mut descent = Descent::new(&energy, vec![1.0; 9], &groups);
    let observer = |now: &Progress| if now.done == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let result = descent.run(
        Rule::Em,
        10,
        |_| WHITE,
        Progress::of_round(0, 0),
        &Monitor::new(&observer),
        |_, _| Ok(Next::Continue),
    );
    assert_eq!(result, Err(sparsevae::Error::Interrupted { step: 3 }));
}
