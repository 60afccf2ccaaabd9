//! Threads for one large problem: parts of a loop side by side, where the caller has lent a pool of them.
//!
//! Nobody needs them where many problems run side by side, so they are there in [`lend`] alone. Parts do not depend on the
//! number of threads, and neither do results, to the last bit.

use rayon::prelude::*;
use std::cell::Cell;

thread_local! {
    static LENT: Cell<bool> = const { Cell::new(false) };
}

/// Takes back what was lent, however the work ended.
struct Return(bool);

impl Drop for Return {
    fn drop(&mut self) {
        LENT.set(self.0);
    }
}

/// Does `work`, whose large loops share rayon's current threads. All others stay on the thread that they are on.
pub fn lend<T>(work: impl FnOnce() -> T) -> T {
    let _back = Return(LENT.replace(true));
    work()
}

/// Results of `each` for the parts, in their order: side by side if threads are lent.
pub(crate) fn map<P: Send, T: Send>(parts: Vec<P>, each: impl Fn(P) -> T + Sync) -> Vec<T> {
    if parts.len() > 1 && LENT.get() && rayon::current_num_threads() > 1 {
        return parts.into_par_iter().map(&each).collect();
    }
    parts.into_iter().map(each).collect()
}
