//! The one gate for long calls: the interpreter released, signals checked, progress passed on, errors converted.

use crate::monitor::{Monitor, Progress};
use crate::{Error, Result, threads};
use pyo3::prelude::*;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a running fit looks at the interpreter.
const LOOK: Duration = Duration::from_millis(50);

/// Calls `progress` with `(stage, done, total, round, energy, noise_var)`.
fn tell(py: Python<'_>, progress: &Py<PyAny>, now: &Progress) -> PyResult<()> {
    let Progress { stage, done, total, round, energy, noise_var } = *now;
    progress.call1(py, (stage.name(), done, total, round, energy, noise_var)).map(drop)
}

/// Runs `work` as one problem, on this thread or on several that it may share: 0 for one a core.
pub fn run_shared<T: Send>(
    py: Python<'_>,
    n_threads: usize,
    progress: Option<&Py<PyAny>>,
    work: impl FnOnce(&Monitor<'_>) -> Result<T> + Send,
) -> PyResult<T> {
    if n_threads == 1 {
        return run_serial(py, progress, work);
    }
    run_parallel(py, n_threads, progress, |monitor| threads::lend(|| work(monitor)))
}

/// Runs `work` on this thread. Between two of its steps, every 50 ms, signals are checked and `progress` is called.
pub fn run_serial<T: Send>(
    py: Python<'_>,
    progress: Option<&Py<PyAny>>,
    work: impl FnOnce(&Monitor<'_>) -> Result<T> + Send,
) -> PyResult<T> {
    let looks = Mutex::new((Instant::now(), None));
    let look = |now: &Progress| {
        let mut looks = looks.lock().unwrap_or_else(PoisonError::into_inner);
        if looks.0.elapsed() < LOOK {
            return ControlFlow::Continue(());
        }
        looks.0 = Instant::now();
        let looked = Python::attach(|py| {
            py.check_signals()?;
            progress.map_or(Ok(()), |progress| tell(py, progress, now))
        });
        looked.map_or_else(
            |error| {
                looks.1 = Some(error);
                ControlFlow::Break(())
            },
            ControlFlow::Continue,
        )
    };
    let result = py.detach(|| work(&Monitor::new(&look)));
    match looks.into_inner().unwrap_or_else(PoisonError::into_inner).1 {
        Some(error) => Err(error),
        None => Ok(result?),
    }
}

/// Runs `work` on `n_threads` threads of its own (0: as many as there are cores), while this one checks signals and,
/// every 50 ms, tells `progress`.
pub fn run_parallel<T: Send>(
    py: Python<'_>,
    n_threads: usize,
    progress: Option<&Py<PyAny>>,
    work: impl FnOnce(&Monitor<'_>) -> Result<T> + Send,
) -> PyResult<T> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(n_threads)
        .build()
        .map_err(|error| Error::invalid("n_jobs", error, "a number of threads that this machine can start"))?;
    let monitor = Monitor::default();
    let mut raised = None;
    let result = py.detach(|| {
        std::thread::scope(|scope| {
            let caller = std::thread::current();
            let (pool, monitor) = (&pool, &monitor);
            let worker = scope.spawn(move || {
                let result = pool.install(|| work(monitor));
                caller.unpark();
                result
            });
            // Short waits first: the end of a call that ends at once is not to be missed.
            let mut wait = Duration::from_micros(100);
            while !worker.is_finished() {
                std::thread::park_timeout(wait);
                wait = (wait * 2).min(LOOK);
                if raised.is_some() {
                    continue;
                }
                let looked = Python::attach(|py| {
                    py.check_signals()?;
                    let now = monitor.progress();
                    let known = progress.filter(|_| wait == LOOK && now.done.max(now.total) > 0);
                    known.map_or(Ok(()), |progress| tell(py, progress, &now))
                });
                if let Err(error) = looked {
                    raised = Some(error);
                    monitor.stop();
                }
            }
            worker.join()
        })
    });
    match (raised, result) {
        (Some(error), _) => Err(error),
        (None, Ok(result)) => Ok(result?),
        (None, Err(panic)) => std::panic::resume_unwind(panic),
    }
}
