//! The one gate for long calls: the interpreter released, signals checked, progress passed on, errors converted.

use crate::report::{Hook, IterInfo, Watch};
use crate::{Error, Result};
use pyo3::prelude::*;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// How often a running fit looks at the interpreter.
const LOOK: Duration = Duration::from_millis(50);

/// Runs `work` on this thread. Between two of its steps, every 50 ms, signals are checked and `progress` is called with
/// `(round, step, energy, noise_var)`.
pub fn run<T: Send>(
    py: Python<'_>,
    progress: Option<&Py<PyAny>>,
    work: impl FnOnce(&mut Hook<'_>) -> Result<T> + Send,
) -> PyResult<T> {
    let mut raised = None;
    let result = py.detach(|| {
        let mut last = Instant::now();
        work(&mut |info: &IterInfo| {
            if last.elapsed() < LOOK {
                return ControlFlow::Continue(());
            }
            last = Instant::now();
            let looked = Python::attach(|py| {
                py.check_signals()?;
                progress.map_or(Ok(()), |call| {
                    call.call1(py, (info.round, info.step, info.energy, info.noise_var)).map(drop)
                })
            });
            looked.map_or_else(
                |error| {
                    raised = Some(error);
                    ControlFlow::Break(())
                },
                ControlFlow::Continue,
            )
        })
    });
    match raised {
        Some(error) => Err(error),
        None => Ok(result?),
    }
}

/// Runs `work` on `n_threads` threads of its own (0: as many as there are cores), while this one checks signals and,
/// every 50 ms, calls `progress` with `(stage, done, total)`.
pub fn run_parallel<T: Send>(
    py: Python<'_>,
    n_threads: usize,
    progress: Option<&Py<PyAny>>,
    work: impl FnOnce(&Watch) -> Result<T> + Send,
) -> PyResult<T> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(n_threads)
        .build()
        .map_err(|error| Error::invalid("n_jobs", error, "a number of threads that this machine can start"))?;
    let watch = Watch::default();
    let mut raised = None;
    let result = py.detach(|| {
        std::thread::scope(|scope| {
            let caller = std::thread::current();
            let (pool, watch) = (&pool, &watch);
            let worker = scope.spawn(move || {
                let result = pool.install(|| work(watch));
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
                    let (stage, done, total) = watch.state();
                    let known = progress.filter(|_| wait == LOOK && total > 0);
                    known.map_or(Ok(()), |call| call.call1(py, (stage.name(), done, total)).map(drop))
                });
                if let Err(error) = looked {
                    raised = Some(error);
                    watch.stop();
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
