//! Progress of long calls, and their end on request.

use sparsevae::Error;
use sparsevae::monitor::{Monitor, Progress, Stage};
use std::ops::ControlFlow;
use std::sync::Mutex;

#[test]
fn an_observer_sees_every_step_and_its_break_ends_the_call() {
    let seen = Mutex::new(Vec::new());
    let observer = |progress: &Progress| {
        seen.lock().unwrap().push((progress.stage, progress.done, progress.energy));
        if progress.done == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let monitor = Monitor::new(&observer);
    let steps = (1..10).try_for_each(|step| {
        monitor.step(&Progress { energy: -(step as f64), ..Progress::new(Stage::Steps, step, 10) })
    });
    assert_eq!(steps, Err(Error::Interrupted { step: 3 }));
    assert_eq!(*seen.lock().unwrap(), [(Stage::Steps, 1, -1.0), (Stage::Steps, 2, -2.0), (Stage::Steps, 3, -3.0)]);
    assert!(monitor.is_stopped() && monitor.check().is_err());
}

#[test]
fn parts_that_are_done_side_by_side_are_counted() {
    let monitor = Monitor::default();
    assert_eq!(monitor.progress().total, 0);
    monitor.begin(Stage::Programs, 8);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..2).for_each(|_| monitor.advance().unwrap()));
        }
    });
    let Progress { stage, done, total, .. } = monitor.progress();
    assert_eq!((stage, done, total), (Stage::Programs, 8, 8));
}

#[test]
fn an_inner_call_ends_with_the_outer_one_and_is_not_counted() {
    let outer = Monitor::default();
    outer.begin(Stage::Problems, 2);
    let inner = outer.inner();
    inner.step(&Progress::new(Stage::Steps, 7, 9)).unwrap();
    outer.advance().unwrap();
    assert_eq!((outer.progress().done, outer.progress().total), (1, 2));
    outer.stop();
    assert_eq!(inner.check(), Err(Error::Interrupted { step: 7 }));
    let sibling = Monitor::default();
    sibling.inner().stop();
    assert!(!sibling.is_stopped());
}

#[test]
fn who_watches_from_another_thread_sees_all_of_the_last_step() {
    let monitor = Monitor::default();
    let last = Progress { energy: -2.5, noise_var: 0.1, ..Progress::of_round(3, 17) };
    monitor.step(&last).unwrap();
    assert_eq!(monitor.progress(), last);
}
