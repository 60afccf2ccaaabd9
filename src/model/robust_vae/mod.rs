//! The autoencoder that separates outliers from a low-rank signal: an affine decoder without offset, and a free noise
//! variance for every entry.

mod settings;
mod tolerances;

pub use settings::RobustVaeSettings;

use crate::design::{Design, read_samples};
use crate::linalg::affine::ThinSvd;
use crate::linalg::row_blocks::{Axes, RowGram};
use crate::linalg::zeros;
use crate::monitor::{Monitor, Progress, Stage};
use crate::problem::validate::{check_results, check_shape};
use crate::settings::Checked;
use crate::solver::robust_em::{RobustEm, Samples};
use crate::{Error, Result, Status};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut2, Axis};
use tolerances::{AT_ONCE, CLEAR, GAP, HOLD, NEGLIGIBLE, PRINCIPAL, noise, outlying};

/// Rows whose products are summed at a time.
const BLOCK: usize = 512;
/// Entries of other samples that are encoded at a time, 2 MiB.
const ENTRIES: usize = 1 << 18;

/// `X = L + S`.
#[derive(Debug, Clone, PartialEq)]
pub struct RobustFit {
    /// `L`, of the shape of the data; what is missing is filled in.
    pub low_rank: Array2<f64>,
    /// Variance of each entry about `L`; NaN where it is missing.
    pub outlier_var: Array2<f64>,
    /// Which entries are outliers: a variance that noise of the floor's variance is not expected to reach anywhere.
    pub outlier_mask: Array2<bool>,
    /// `W^T`, shape `(rank, n_features)`, orthogonal rows in falling order.
    pub components: Array2<f64>,
    /// What the features were divided by: the root mean square of the observed entries, if features are not scaled.
    pub units: Array1<f64>,
    /// The energy at each step, per observed entry, the data divided by `units`.
    pub energy_path: Vec<f64>,
    /// Steps.
    pub n_iter: usize,
    /// [`Status::Converged`] or [`Status::IterationLimit`].
    pub status: Status,
}

/// Minimises `sum_i x_i^T C_i^-1 x_i + log |C_i|`, `C_i = W W^T + D_i`, over `W` and diagonal `D_i >= alpha` for the
/// rows `x_i` of `x`, by expectation maximisation while `alpha` falls to `floor` times the mean square of `x`. NaN
/// stands for what is missing, and is refused unless `missing`.
///
/// A dimension costs as much as outliers in as many entries as there are rows. Of more columns than rows the energy is
/// that of the columns: few rows make dimensions so cheap that they are taken for outliers.
///
/// A plain iteration on the full `W W^T` costs `n_features^3` a sample; here `W` keeps only the columns that matter at
/// the present `alpha`, and those that begin to matter as it falls are looked for (see [`RobustEm::entering`]).
///
/// # Errors
/// [`Error::Shape`], [`Error::NonFinite`]; [`Error::InvalidParameter`] for more components than features and where
/// nothing is observed; [`Error::Scales`] where a result is beyond the range of float64; [`Error::NotPositiveDefinite`]
/// and [`Error::NoDecomposition`] where float64 does not suffice;
/// [`Error::Interrupted`] where the caller asks to stop.
///
/// # Complexity
/// A step costs `O(n_samples n_features k^2)` for `k` present components, and `O(n_samples n_features min(n_samples,
/// n_features))` more where components enter; memory for `3 n_samples n_features + min(n_samples, n_features) k^2`
/// numbers. On rayon's current threads; the same bits for any number of them.
///
/// # References
/// Dai, Wang, Aston, Hua and Wipf, "Hidden Talents of the Variational Autoencoder", eq. 11, Theorem 4.
pub fn fit(
    x: &dyn Design,
    missing: bool,
    settings: &Checked<RobustVaeSettings>,
    monitor: &Monitor<'_>,
) -> Result<RobustFit> {
    let (rows, columns) = x.shape();
    check_shape("X", rows, columns)?;
    if let Some(count) = settings.n_components.filter(|&count| count > columns) {
        let allowed = format!("None or from 1 to the number of features, {columns}");
        return Err(Error::invalid("n_components", count, &allowed));
    }
    let wide = columns > rows;
    let turn = |a: Array2<f64>| if wide { a.reversed_axes() } else { a };
    // What the iteration works on lies row after row.
    let (long, short) = (rows.max(columns), rows.min(columns));
    let mut values = Array2::from_shape_vec((long, short), zeros("X", long, short)?).unwrap_or_default();
    let mut scaled = if wide { values.view_mut().reversed_axes() } else { values.view_mut() };
    x.read(&(0..columns).collect::<Vec<usize>>(), scaled.view_mut());
    check_entries(scaled.view(), missing, 0)?;
    let n_observed = scaled.iter().filter(|v| !v.is_nan()).count() as f64;
    if n_observed == 0.0 {
        return Err(Error::invalid("X", "missing in every entry", "observed in one at least"));
    }
    let units = units(scaled.view_mut(), n_observed, settings.scale_features);
    let (n, d) = values.dim();
    let samples = Samples::new(values.into_raw_vec_and_offset().0, d);
    let most = settings.n_components.unwrap_or(usize::MAX).min(d);
    let at_once = ((AT_ONCE * (d as f64).sqrt()) as usize).max(1);
    let mut principal = RowGram::new("X", d)?;
    for rows in samples.values.chunks(BLOCK * d) {
        principal.add(rows, monitor)?;
    }
    let share = d as f64 / n_observed;
    let Axes { values, vectors } = principal.axes("X", monitor)?;
    // Where few axes stand out, and far, the others are noise, or can wait until the floor has fallen to them.
    let above = |limit: f64| values.iter().take_while(|&&value| value > limit).count();
    let standing = above(noise(d as f64 / n as f64) * values[d / 2]);
    let stands_apart = standing > 0 && values[standing - 1] > GAP * values[standing.min(d - 1)];
    let is_clear = stands_apart && standing <= at_once / CLEAR;
    let n_principal = above(PRINCIPAL / share).min(if is_clear { standing } else { at_once }).min(most);
    let principal = values.iter().zip(vectors.outer_iter()).take(n_principal);
    let columns: Vec<_> = principal.map(|(value, vector)| &vector * (value * share).sqrt()).collect();
    let mut em = RobustEm::new(&samples, &columns, 1.0)?;
    let (energy_path, status) = anneal(&mut em, (n_observed, most, at_once), is_clear, settings, monitor)?;
    let n_iter = energy_path.len();
    em.expectation(settings.floor, n_iter, false, monitor)?;
    let (weights, means) = (components(&em, d), latent(&em, n));
    let precision = std::mem::take(&mut em.posterior.precision);
    drop(em);
    drop(samples);
    let precision = turn(Array2::from_shape_vec((n, d), precision).unwrap_or_default());
    let cut = outlying(n_observed) * settings.floor;
    let outlier_mask = precision.mapv(|p| p > 0.0 && p * cut < 1.0);
    let outlier_var = precision.mapv_into(|p| if p > 0.0 { 1.0 / p } else { f64::NAN }) * &units * &units;
    check_results("entries of `X`", "the variance of an outlier", outlier_var.iter().filter(|v| !v.is_nan()))?;
    let low_rank = turn(means.dot(&weights)) * &units;
    let components = if wide { exchange(&weights, &means)? } else { weights } * &units;
    check_results("entries of `X`", "a component or an entry", low_rank.iter().chain(&components))?;
    Ok(RobustFit { low_rank, outlier_var, outlier_mask, components, units, energy_path, n_iter, status })
}

/// Refuses infinity, and NaN unless `missing`, in rows of which `first` is the first.
fn check_entries(x: ArrayView2<'_, f64>, missing: bool, first: usize) -> Result<()> {
    let is_bad = |v: &f64| !(v.is_finite() || missing && v.is_nan());
    if !x.iter().any(is_bad) {
        return Ok(());
    }
    let bad = x.indexed_iter().find(|(_, v)| is_bad(v));
    bad.map_or(Ok(()), |((i, j), _)| Err(Error::NonFinite { what: "X", index: vec![first + i, j] }))
}

/// The components of the rows, where `means weights` is the low-rank part of the columns: `weights` has orthogonal rows.
fn exchange(weights: &Array2<f64>, means: &Array2<f64>) -> Result<Array2<f64>> {
    let norms = weights.map_axis(Axis(1), |row| row.dot(&row).sqrt());
    let svd = ThinSvd::new((means * &norms).view(), "components_")?;
    let singular = Array1::from(svd.singular) / (weights.ncols() as f64).sqrt();
    Ok((svd.left * &singular).reversed_axes().as_standard_layout().into_owned())
}

/// Divides each feature by what is returned: the root mean square of all that is observed, 1 for zeros; before that,
/// where features are to be scaled, the median size of what differs from zero in the feature, which outliers do not move
/// far.
fn units(mut x: ArrayViewMut2<'_, f64>, n_observed: f64, scale_features: bool) -> Array1<f64> {
    let mut units = Array1::ones(x.ncols());
    if scale_features {
        for (unit, mut column) in units.iter_mut().zip(x.columns_mut()) {
            let mut sizes: Vec<f64> = column.iter().map(|v| v.abs()).filter(|&v| v > 0.0).collect();
            if !sizes.is_empty() {
                let middle = sizes.len() / 2;
                *unit = *sizes.select_nth_unstable_by(middle, f64::total_cmp).1;
            }
            column /= *unit;
        }
    }
    let size = root_mean_square(x.view(), n_observed);
    x /= size;
    units * size
}

/// The root mean square of the observed entries, which no square takes out of the range of float64; 1 for zeros.
fn root_mean_square(x: ArrayView2<'_, f64>, n_observed: f64) -> f64 {
    // The larger of two numbers is not NaN unless both are.
    let largest = x.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
    let square = |v: &f64| if v.is_nan() { 0.0 } else { (v / largest).powi(2) };
    let relative = x.iter().map(square).sum::<f64>() / n_observed;
    if largest > 0.0 { largest * relative.sqrt() } else { 1.0 }
}

/// Takes steps while the floor falls, and until the energy settles; the energy per observed entry at each of them. There
/// are at most `most` components, of which `at_once` are taken in together; none is at the first step if the start
/// `is_clear`.
fn anneal(
    em: &mut RobustEm<'_>,
    (n_observed, most, at_once): (f64, usize, usize),
    is_clear: bool,
    settings: &RobustVaeSettings,
    monitor: &Monitor<'_>,
) -> Result<(Vec<f64>, Status)> {
    let mut energy_path: Vec<f64> = Vec::new();
    for step in 0..settings.max_iter {
        let floor = settings.floor_at(step);
        let room = if step < settings.n_anneal { most.saturating_sub(em.decoder.n_components).min(at_once) } else { 0 };
        let seeking = room > 0 && !(is_clear && step == 0);
        let mut energy = em.expectation(floor, step, seeking, monitor)? / n_observed;
        if seeking {
            let entering = em.entering(room, monitor)?;
            if !entering.is_empty() {
                em.append(entering);
                energy = em.expectation(floor, step, false, monitor)? / n_observed;
            }
        }
        let before = energy_path.last().copied().unwrap_or(f64::INFINITY);
        check_results("`X` and `floor`", "the energy", [&energy])?;
        energy_path.push(energy);
        if step > settings.n_anneal && (before - energy).abs() <= settings.tol {
            return Ok((energy_path, Status::Converged));
        }
        em.maximise(NEGLIGIBLE * floor, step, monitor)?;
        monitor.step(&Progress { energy, ..Progress::new(Stage::Steps, step + 1, settings.max_iter) })?;
    }
    Ok((energy_path, Status::IterationLimit))
}

fn components(em: &RobustEm<'_>, n_features: usize) -> Array2<f64> {
    let shape = (n_features, em.decoder.n_components);
    Array2::from_shape_vec(shape, em.decoder.weights.clone())
        .unwrap_or_default()
        .reversed_axes()
        .as_standard_layout()
        .into_owned()
}

fn latent(em: &RobustEm<'_>, n_samples: usize) -> Array2<f64> {
    Array2::from_shape_vec((n_samples, em.decoder.n_components), em.posterior.latent.clone()).unwrap_or_default()
}

/// The means of the latent variables of other samples, shape `(n_samples, rank)`, under a decoder that is known: the
/// same iteration, in which the noise variances alone are free.
///
/// `components` has shape `(rank, n_features)`, `units` are those of the fit.
///
/// # Errors
/// As [`fit`]; samples in which nothing is observed have latent variables of zero.
///
/// # Complexity
/// `n_anneal + 51` steps of `O(n_samples n_features rank^2)`; memory for `5 * 2^18` numbers beside the result.
pub fn encode(
    x: &dyn Design,
    missing: bool,
    (components, units): (ArrayView2<'_, f64>, ArrayView1<'_, f64>),
    settings: &Checked<RobustVaeSettings>,
    monitor: &Monitor<'_>,
) -> Result<Array2<f64>> {
    let (n, d) = x.shape();
    check_shape("X", n, d)?;
    let columns: Vec<Array1<f64>> = components.rows().into_iter().map(|row| &row / &units).collect();
    let mut found = Array2::zeros((n, components.nrows()));
    let rows = (ENTRIES / d).max(1);
    for (block, mut to) in found.axis_chunks_iter_mut(Axis(0), rows).enumerate() {
        let mut values = Array2::zeros((to.nrows(), d));
        read_samples(x, block * rows..block * rows + values.nrows(), values.view_mut())?;
        check_entries(values.view(), missing, block * rows)?;
        values /= &units;
        let samples = Samples::new(values.into_raw_vec_and_offset().0, d);
        let mut em = RobustEm::new(&samples, &columns, 1.0)?;
        // The steps of one sample must not depend on those of others.
        for step in 0..settings.n_anneal + HOLD + 1 {
            em.settle(settings.floor_at(step), step, monitor)?;
        }
        let means = latent(&em, to.nrows());
        to.assign(&means);
    }
    Ok(found)
}
