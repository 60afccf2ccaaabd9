//! Settings that were checked once: what every solver of this crate takes.
//!
//! A model's parameters are one plain struct, whose fields say purpose, default and range; [`Default`] is where its
//! defaults stand. [`Settings::check`] is the only way to a [`Checked`] one, and functions that take `&Checked<T>` need
//! not look again. What depends on the data, such as at most as many components as features, is checked beside them.

use crate::{Error, Result};
use std::fmt::Display;
use std::ops::Deref;

/// Parameters with ranges.
pub trait Settings: Sized {
    /// Refuses the first parameter that lies outside its range.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`].
    fn validate(&self) -> Result<()>;

    /// The same parameters, known to be in range.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`].
    fn check(self) -> Result<Checked<Self>> {
        self.validate()?;
        Ok(Checked(self))
    }
}

/// Parameters that lie in their ranges.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Checked<T>(T);

impl<T> Checked<T> {
    /// The parameters, to be changed and checked again.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Checked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Refuses `value` unless it is `in_range`; `allowed` says the range in words.
///
/// # Errors
/// [`Error::InvalidParameter`].
pub fn require(in_range: bool, name: &'static str, value: impl Display, allowed: &str) -> Result<()> {
    if in_range { Ok(()) } else { Err(Error::invalid(name, value, allowed)) }
}

/// How many columns may be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// The fewest.
    pub least: usize,
    /// The most.
    pub most: usize,
}

impl Sizes {
    /// Any number.
    pub const ANY: Self = Self { least: 0, most: usize::MAX };

    /// Whether `size` is such a number.
    pub fn allow(self, size: usize) -> bool {
        (self.least..=self.most).contains(&size)
    }
}
