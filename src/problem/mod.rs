//! What is asked: a design and responses, validated once, in the one system of units that solvers see.
//!
//! There columns and all responses together have norm 1, and there are at most as many rows as columns. [`Problem::new`]
//! and [`Problem::respond`] lead into those units; `scaling` leads back.

mod refit;
mod response;
mod responses;
mod scaling;
pub(crate) mod tolerances;
pub mod validate;

pub use refit::Refit;
pub use response::Response;
pub use responses::{OffRange, Responses};

use crate::design::{Design, Standardised};
use crate::linalg::compression::Compression;
use crate::linalg::row_space::RowSpace;
use crate::linalg::spectral::Spectral;
use crate::linalg::summary::Table;
use crate::monitor::Monitor;
use crate::{Error, Result};
use ndarray::ArrayView2;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

/// A design made ready once, for many responses.
#[derive(Debug)]
pub struct Problem<'a> {
    /// Columns of norm 1 that are not constant (of groups: norms whose mean square is 1), with at most as many rows as
    /// columns.
    pub design: Standardised<'a>,
    /// Index of each of them in the caller's design.
    pub columns: Vec<usize>,
    /// What each of them was divided by: its norm in the caller's units, after centring; in a group, the root mean
    /// square of the norms.
    pub norms: Vec<f64>,
    /// Mean of every column of the caller's design, weighted; zeros unless centred.
    pub means: Vec<f64>,
    /// The group of each column, where columns share prior variances; else empty.
    pub groups: Vec<usize>,
    /// Samples in the caller's design.
    pub n_samples: usize,
    /// Degrees of freedom of a response: samples, less one if centred.
    pub freedom: usize,
    /// Norm of the column of an intercept: the root of the number of samples, but for weights.
    pub constant_norm: f64,
    /// The samples, unless rows stand for them.
    samples: Option<&'a dyn Design>,
    /// Roots of the weights of samples, or of the rows that stand for them.
    roots: Vec<f64>,
    centred: bool,
    part: Option<Part<'a>>,
    /// How many columns these were chosen from beforehand.
    screened_from: Option<usize>,
    compression: Option<Compression<'a>>,
    row_space: OnceLock<RowSpace>,
    spectral: OnceLock<Spectral>,
}

/// What a sub-problem, on some columns of another problem, belongs to.
#[derive(Debug)]
struct Part<'a> {
    of: &'a Problem<'a>,
    /// Which of its columns stand for all where all count alike.
    background: Vec<usize>,
}

/// The same groups, numbered from 0 in the order in which they first appear.
pub(crate) fn renumber(groups: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut numbers = HashMap::new();
    groups
        .map(|group| {
            let next = numbers.len();
            *numbers.entry(group).or_insert(next)
        })
        .collect()
}

/// The root mean square of the norms of each column's group.
fn shared_norms(norms: &[f64], groups: &[usize]) -> Vec<f64> {
    let n_groups = groups.iter().max().map_or(0, |last| last + 1);
    let (mut largest, mut sums) = (vec![0.0_f64; n_groups], vec![(0.0, 0.0); n_groups]);
    norms.iter().zip(groups).for_each(|(&norm, &g)| largest[g] = largest[g].max(norm));
    for (norm, &g) in norms.iter().zip(groups) {
        sums[g].0 += (norm / largest[g]).powi(2);
        sums[g].1 += 1.0;
    }
    groups.iter().map(|&g| largest[g] * (sums[g].0 / sums[g].1).sqrt()).collect()
}

impl<'a> Problem<'a> {
    /// Checks and standardises `x`, shape `(n_samples, n_features)`; `centred` takes the mean of every column away.
    /// `groups` is empty, or has the group of every feature, any number: columns of a group share a prior variance,
    /// so that one number scales them. `weights` is empty, or has a positive number for every sample: its noise has the
    /// variance of the model over that.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NonFinite`]; [`Error::NoDecomposition`] if a tall design cannot be compressed;
    /// [`Error::Interrupted`].
    ///
    /// # Complexity
    /// One pass over the design, of which nothing is copied; `O(n_samples n_features^2)` if it has more rows than columns.
    pub fn new(
        x: &'a dyn Design,
        centred: bool,
        groups: &[usize],
        weights: &[f64],
        monitor: &Monitor<'_>,
    ) -> Result<Self> {
        let (n_samples, n_features) = x.shape();
        validate::check_shape("X", n_samples, n_features)?;
        let roots = match weights {
            [] => vec![1.0; n_samples],
            weights if weights.len() == n_samples => weights.iter().map(|weight| weight.sqrt()).collect(),
            weights => {
                return Err(Error::Shape {
                    what: "sample_weight",
                    expected: format!("({n_samples},), one weight per row of `X`"),
                    found: format!("({},)", weights.len()),
                });
            }
        };
        if !groups.is_empty() && groups.len() != n_features {
            return Err(Error::Shape {
                what: "groups",
                expected: format!("({n_features},), one group per column of `X`"),
                found: format!("({},)", groups.len()),
            });
        }
        let standardise = if n_samples > n_features { Standardised::tall } else { Standardised::new };
        let mut design = standardise("X", x, &roots, centred, monitor)?;
        let (columns, means) = (design.columns().to_vec(), design.means().to_vec());
        let groups = if groups.is_empty() { Vec::new() } else { renumber(columns.iter().map(|&j| groups[j])) };
        if !groups.is_empty() {
            let shared = shared_norms(design.norms(), &groups);
            design.rescale(&shared);
        }
        let norms = design.norms().to_vec();
        let mut compression = None;
        if design.nrows() > design.ncols() && design.ncols() > 0 {
            let tall = Compression::new(design, monitor)?;
            design = Standardised::as_it_is(tall.compressed());
            compression = Some(tall);
        }
        Ok(Self {
            design,
            columns,
            norms,
            means,
            groups,
            n_samples,
            freedom: n_samples - usize::from(centred),
            constant_norm: roots.iter().map(|root| root * root).sum::<f64>().sqrt(),
            samples: Some(x),
            roots,
            centred,
            part: None,
            screened_from: None,
            compression,
            row_space: OnceLock::new(),
            spectral: OnceLock::new(),
        })
    }

    /// The same of rows that stand for samples, centred if these are. Nothing is certified of it.
    ///
    /// # Errors
    /// As [`new`](Self::new), and [`Error::Shape`] if there are no more samples than columns.
    ///
    /// # Complexity
    /// `O(n_features^3)`.
    pub fn of_table(table: &'a Table, centred: bool, groups: &[usize], monitor: &Monitor<'_>) -> Result<Self> {
        let (n_samples, n_features) = (table.n_samples, table.x.ncols());
        if n_samples <= n_features {
            return Err(Error::Shape {
                what: "X",
                expected: format!("more samples than columns, {},", n_features + 1),
                found: format!("{:?} in all blocks together", (n_samples, n_features)),
            });
        }
        Ok(Self {
            means: table.x_means.clone(),
            n_samples,
            freedom: n_samples - usize::from(centred),
            constant_norm: table.weight.sqrt(),
            samples: None,
            ..Self::new(&table.x, false, groups, &[], monitor)?
        })
    }

    /// Whether there are samples to look at, and not only rows that stand for them.
    pub fn has_samples(&self) -> bool {
        self.samples.is_some()
    }

    /// The problem on some of the columns, which ascend, with the `own` design of them, and their `products` if they are
    /// known. Reports are about all features, and whatever
    /// counts columns to choose from counts those of `self`; where all columns count alike, as in a dense background,
    /// those at the places `background` among the chosen stand for them.
    ///
    /// `self` must have no groups. Fewer columns than rows are compressed, as a tall design is: see
    /// [`respond_in_part`](Self::respond_in_part).
    ///
    /// # Errors
    /// [`Error::NoDecomposition`] if they cannot be compressed; [`Error::Interrupted`].
    ///
    /// # Complexity
    /// `O(n_features)`; of `n` columns to compress `O(n^3)`, beyond their products.
    pub fn part(
        &'a self,
        chosen: &[usize],
        mut own: Standardised<'a>,
        products: Option<ArrayView2<'_, f64>>,
        background: Vec<usize>,
        monitor: &Monitor<'_>,
    ) -> Result<Self> {
        let mut compression = None;
        if own.nrows() > own.ncols() {
            let tall = match products {
                Some(products) => Compression::of_products(own, products, monitor)?,
                None => Compression::new(own, monitor)?,
            };
            own = Standardised::as_it_is(tall.compressed());
            compression = Some(tall);
        }
        Ok(Self {
            design: own,
            columns: chosen.iter().map(|&j| self.columns[j]).collect(),
            norms: chosen.iter().map(|&j| self.norms[j]).collect(),
            means: self.means.clone(),
            groups: Vec::new(),
            roots: self.roots.clone(),
            part: Some(Part { of: self, background }),
            compression,
            row_space: OnceLock::new(),
            spectral: OnceLock::new(),
            ..*self
        })
    }

    /// Responses of the problem that this one is a sub-problem of, in the rows of the sub-problem.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    ///
    /// # Complexity
    /// `O(n_rows n_cols)` for each response, if columns were compressed.
    pub fn respond_in_part<'r>(&self, response: &'r Response, monitor: &Monitor<'_>) -> Result<Cow<'r, Response>> {
        let Some(compression) = self.compression.as_ref().filter(|_| self.part.is_some()) else {
            return Ok(Cow::Borrowed(response));
        };
        let (values, norm) = compression.rotate(&response.values, monitor)?;
        let norm = norm.hypot(response.off_range.norm);
        Ok(Cow::Owned(Response {
            values,
            off_range: OffRange { directions: self.freedom - self.design.nrows(), norm },
            of_whole: Some(response.in_whole().to_vec()),
            ..response.clone()
        }))
    }

    /// Vectors in the rows of the problem that this one is a sub-problem of, one after the other, in the rows of the
    /// sub-problem.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    ///
    /// # Complexity
    /// As [`respond_in_part`](Self::respond_in_part).
    pub fn rotate_from_whole<'v>(&self, vectors: &'v [f64], monitor: &Monitor<'_>) -> Result<Cow<'v, [f64]>> {
        let Some(Part { of, .. }) = &self.part else { return Ok(Cow::Borrowed(vectors)) };
        let vectors = of.rotate_from_whole(vectors, monitor)?;
        Ok(match &self.compression {
            Some(compression) => Cow::Owned(compression.rotate(&vectors, monitor)?.0),
            None => vectors,
        })
    }

    /// The problem that this one is a sub-problem of, directly or through others.
    pub fn whole(&self) -> Option<&Problem<'a>> {
        self.part.as_ref().map(|part| part.of.whole().unwrap_or(part.of))
    }

    /// Whether this is a sub-problem of one with more rows, of which it has those that its columns reach.
    pub fn is_compressed_part(&self) -> bool {
        self.part.is_some() && self.compression.is_some()
    }

    /// Places of the columns that stand for all where all count alike.
    pub fn background(&self) -> Cow<'_, [usize]> {
        match &self.part {
            Some(part) => Cow::Borrowed(&part.background),
            None => Cow::Owned((0..self.design.ncols()).collect()),
        }
    }

    /// The same problem, whose columns the caller has chosen from `n_choices`.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if these are fewer than the features.
    pub fn screened_from(self, n_choices: Option<usize>) -> Result<Self> {
        if let Some(count) = n_choices.filter(|count| *count < self.means.len()) {
            let allowed = format!("at least the number of columns of `X`, {}", self.means.len());
            return Err(Error::invalid("n_choices", count, &allowed));
        }
        Ok(Self { screened_from: n_choices, ..self })
    }

    /// Whether the caller has left out columns.
    pub fn is_screened(&self) -> bool {
        self.screened_from.is_some_and(|count| count > self.means.len())
    }

    /// Columns to choose from, or groups of them; those that the caller has left out count.
    pub fn n_choices(&self) -> usize {
        if let Some(part) = &self.part {
            return part.of.n_choices();
        }
        let own = self.groups.iter().max().map_or(self.columns.len(), |last| last + 1);
        self.screened_from.unwrap_or(own)
    }

    /// Where the features `chosen` are among the columns; constant ones are not.
    pub fn places(&self, chosen: &[usize]) -> Vec<usize> {
        chosen.iter().filter_map(|j| self.columns.binary_search(j).ok()).collect()
    }

    /// The row space of the design, found at the first call and kept.
    ///
    /// # Errors
    /// [`Error::NoDecomposition`].
    pub fn row_space(&self) -> Result<&RowSpace> {
        if self.row_space.get().is_none() {
            let space = RowSpace::of(|| self.design.to_array())?;
            // Another thread may have been first; the values are the same.
            let _ = self.row_space.set(space);
        }
        self.row_space.get().ok_or(Error::NoDecomposition { what: "X" })
    }

    /// The design in the eigenvectors of `X X^T`, of the columns that stand for all, found at the first call and kept.
    ///
    /// # Errors
    /// [`Error::NoDecomposition`].
    pub fn spectral(&self) -> Result<&Spectral> {
        if self.spectral.get().is_none() {
            let background = self.part.as_ref().map(|part| self.design.gather(&part.background));
            let spectral = Spectral::new(self.design.copied(), background.as_ref().map(|b| b.view()))?;
            // As for the row space.
            let _ = self.spectral.set(spectral);
        }
        self.spectral.get().ok_or(Error::NoDecomposition { what: "X" })
    }
}
