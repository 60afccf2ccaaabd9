//! Which columns are in: the recovery certificate for noise-free data; the evidence of a support, and the search for
//! the best, for noisy data.

pub mod certificate;
pub mod evidence;
pub mod group_search;
pub mod search;
pub(crate) mod tolerances;
pub(crate) mod working_set;
