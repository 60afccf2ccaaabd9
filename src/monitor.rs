//! How a long call says how far it is, and how it is asked to end: one [`Monitor`] for all of them.

use crate::{Error, Result};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// How long [`Monitor::leave`] waits, at most, before it looks whether the call is to end.
const LOOK: Duration = Duration::from_millis(20);

/// What a long call is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Problems that the caller gave.
    Problems,
    /// Steps of an iteration.
    Steps,
    /// Linear programs.
    Programs,
    /// Columns of a design, in one pass over all of them.
    Columns,
}

impl Stage {
    const ALL: [Self; 4] = [Self::Problems, Self::Steps, Self::Programs, Self::Columns];

    /// The name that Python shows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Problems => "problems",
            Self::Steps => "steps",
            Self::Programs => "linear programs",
            Self::Columns => "columns",
        }
    }
}

/// How far a long call is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// What it is busy with.
    pub stage: Stage,
    /// Parts of the stage that are done; of steps, those of all rounds.
    pub done: usize,
    /// Parts of the stage, at most.
    pub total: usize,
    /// Round of a search: 0 is the first attempt, each restart adds one.
    pub round: usize,
    /// What an iteration minimises, at this step and in the solver's own scaling; NaN for other stages.
    pub energy: f64,
    /// Noise variance at this step, relative to the scale of the problem; NaN where there is none.
    pub noise_var: f64,
}

impl Progress {
    /// `done` of `total` parts, of which no more is to be said.
    pub fn new(stage: Stage, done: usize, total: usize) -> Self {
        Self { stage, done, total, round: 0, energy: f64::NAN, noise_var: f64::NAN }
    }

    /// A step in a round of a search, counted over all rounds, of which nobody knows how many there will be.
    pub fn of_round(round: usize, step: usize) -> Self {
        Self { round, ..Self::new(Stage::Steps, step, 0) }
    }
}

/// What a monitor calls at each step, on the thread that took it: `Break` ends the call.
pub type Observer<'a> = dyn Fn(&Progress) -> ControlFlow<()> + Sync + 'a;

/// What a long call and its caller share, on any number of threads: how far the call is, and whether it is to end.
///
/// A loop calls [`step`](Self::step) or, where its parts are done side by side, [`begin`](Self::begin) and
/// [`advance`](Self::advance); what is too short to be reported calls [`look`](Self::look), or [`check`](Self::check) where the observer
/// need not be asked. All of them return
/// [`Error::Interrupted`] once the caller has called [`stop`](Self::stop) or the observer has answered `Break`, and cost
/// a few nanoseconds. [`Monitor::default`] is for a caller who watches from another thread, or not at all.
#[derive(Default)]
pub struct Monitor<'a> {
    observer: Option<&'a Observer<'a>>,
    parent: Option<&'a Monitor<'a>>,
    stopped: AtomicBool,
    stage: AtomicUsize,
    done: AtomicUsize,
    total: AtomicUsize,
    round: AtomicUsize,
    /// Bits of the energy and of the noise variance.
    numbers: [AtomicU64; 2],
}

impl<'a> Monitor<'a> {
    /// Calls `observer` at each step.
    pub fn new(observer: &'a Observer<'a>) -> Self {
        Self { observer: Some(observer), ..Self::default() }
    }

    /// For one of several calls inside this one: it ends with this one, but its steps are not seen.
    pub fn inner(&'a self) -> Self {
        Self { parent: Some(self), ..Self::default() }
    }

    /// Asks the call to end.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether the call is to end.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed) || self.parent.is_some_and(Monitor::is_stopped)
    }

    /// Ends the call if it is to end.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn check(&self) -> Result<()> {
        if self.is_stopped() { Err(Error::Interrupted { step: self.done.load(Ordering::Relaxed) }) } else { Ok(()) }
    }

    /// Calls `work`, which knows no monitor, on a thread of its own. Where the call is to end before it, that thread is left
    /// to itself and its result is dropped.
    ///
    /// # Errors
    /// [`Error::Interrupted`]; [`Error::InvalidParameter`] where no thread can be started.
    pub fn leave<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let worker = std::thread::Builder::new()
            .spawn(work)
            .map_err(|error| Error::invalid("n_jobs", error, "a number of threads that this machine can start"))?;
        let mut wait = Duration::from_micros(100);
        while !worker.is_finished() {
            std::thread::sleep(wait);
            wait = (wait * 2).min(LOOK);
            self.look()?;
        }
        worker.join().or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Begins a stage of `total` parts.
    pub fn begin(&self, stage: Stage, total: usize) {
        self.record(&Progress::new(stage, 0, total));
    }

    /// Counts a part that is done.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn advance(&self) -> Result<()> {
        self.done.fetch_add(1, Ordering::Relaxed);
        self.observe(&self.progress())
    }

    /// Says what the last step of an iteration has led to.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn step(&self, progress: &Progress) -> Result<()> {
        self.record(progress);
        self.observe(progress)
    }

    /// Lets the observer look at the call between two parts that are not counted.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn look(&self) -> Result<()> {
        self.observe(&self.progress())
    }

    /// How far the call is; `total` is 0 before the first stage, and where nobody knows how much there is to do.
    pub fn progress(&self) -> Progress {
        let read = |number: &AtomicUsize| number.load(Ordering::Relaxed);
        let stage = Stage::ALL.get(read(&self.stage)).copied().unwrap_or(Stage::Problems);
        let total = read(&self.total);
        let [energy, noise_var] = self.numbers.each_ref().map(|bits| f64::from_bits(bits.load(Ordering::Relaxed)));
        let done = if total > 0 { read(&self.done).min(total) } else { read(&self.done) };
        // Between two stages the numbers of one may be seen beside those of the other.
        Progress { stage, done, total, round: read(&self.round), energy, noise_var }
    }

    fn record(&self, progress: &Progress) {
        self.done.store(progress.done, Ordering::Relaxed);
        self.total.store(progress.total, Ordering::Relaxed);
        self.stage.store(progress.stage as usize, Ordering::Relaxed);
        self.round.store(progress.round, Ordering::Relaxed);
        for (bits, number) in self.numbers.iter().zip([progress.energy, progress.noise_var]) {
            bits.store(number.to_bits(), Ordering::Relaxed);
        }
    }

    fn observe(&self, progress: &Progress) -> Result<()> {
        if self.observer.is_some_and(|observer| observer(progress).is_break()) {
            self.stop();
        }
        self.check()
    }
}
