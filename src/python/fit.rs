//! Fits and energies for Python: views in, reports out.

use super::designs::Matrix;
use super::run;
use crate::model::settings::{DEFAULT_POWER, Noise, Settings, Start, names};
use crate::report::{PackedReport, Places, Posterior, Selection, Trained};
use crate::settings::Settings as _;
use crate::solver::adam::Training;
use crate::solver::propagation::draw_tilts;
use crate::{FitReport, model};
use numpy::{PyArray1, PyReadonlyArray1, PyReadonlyArray2, ToPyArray};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Prior variances, a row for each response, and steps done, as in [`Start`].
type Starts<'py> = (PyReadonlyArray2<'py, f64>, Vec<usize>);
type Floats<'py> = Bound<'py, PyArray1<f64>>;

/// `noise_var` as users give it: a word or a number.
#[derive(FromPyObject)]
enum NoiseVar {
    Number(f64),
    Word(String),
}

/// Keyword arguments of a fit, after the estimator has checked their types.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(super) struct Arguments<'py> {
    optimizer: String,
    noise_var: NoiseVar,
    power: Option<f64>,
    n_restarts: usize,
    max_iter: usize,
    tol: f64,
    n_steps: usize,
    learning_rate: f64,
    learning_rate_drop: f64,
    covariance: String,
    groups: Vec<usize>,
    sample_weight: Option<PyReadonlyArray1<'py, f64>>,
    start: Option<Starts<'py>>,
    support_rule: String,
    model_averaging: bool,
    n_nonzero: Option<usize>,
    max_nonzero: Option<usize>,
    prior_odds: Vec<f64>,
    n_choices: Option<usize>,
    positive: Vec<bool>,
    fit_intercept: bool,
    seed: u64,
    precision: f64,
}

impl Arguments<'_> {
    /// One for each response, or none.
    fn starts(&self) -> Vec<Start> {
        let Some((rows, steps)) = &self.start else { return Vec::new() };
        let each = rows.as_array().into_outer_iter().zip(steps);
        each.map(|(row, &steps)| Start { prior_var: row.to_vec(), steps }).collect()
    }

    pub(super) fn settings(self, start: Option<Start>) -> crate::Result<Settings> {
        Ok(Settings {
            optimizer: names::optimizer(&self.optimizer)?,
            noise: match self.noise_var {
                NoiseVar::Number(value) => Noise::Fixed(value),
                NoiseVar::Word(word) => names::noise(&word)?,
            },
            power: self.power,
            n_restarts: self.n_restarts,
            max_iter: self.max_iter,
            tol: self.tol,
            training: Training {
                n_steps: self.n_steps,
                learning_rate: self.learning_rate,
                learning_rate_drop: self.learning_rate_drop,
            },
            covariance: names::covariance(&self.covariance)?,
            groups: self.groups,
            sample_weight: self.sample_weight.map_or_else(Vec::new, |weights| weights.as_array().to_vec()),
            start,
            support_rule: names::support_rule(&self.support_rule)?,
            model_averaging: self.model_averaging,
            n_nonzero: self.n_nonzero,
            max_nonzero: self.max_nonzero,
            prior_odds: self.prior_odds,
            n_choices: self.n_choices,
            positive: self.positive,
            fit_intercept: self.fit_intercept,
            seed: self.seed,
            precision: self.precision,
        })
    }
}

pub(super) fn report<'py>(py: Python<'py>, report: &FitReport) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    out.set_item("coef", report.coef.to_pyarray(py))?;
    out.set_item("intercept", report.intercept.to_pyarray(py))?;
    out.set_item("support", indices(py, &report.support))?;
    out.set_item("prior_var", report.prior_var.to_pyarray(py))?;
    out.set_item("support_cov", report.support_cov.to_pyarray(py))?;
    out.set_item("coef_var", report.coef_var.to_pyarray(py))?;
    out.set_item("support_mean", report.support_mean.to_pyarray(py))?;
    out.set_item("noise_var", report.noise_var)?;
    out.set_item("response_noise_var", report.response_noise_var)?;
    out.set_item("energy", report.energy)?;
    out.set_item("energy_path", report.energy_path.to_pyarray(py))?;
    out.set_item("n_iter", report.n_iter)?;
    out.set_item("n_rounds", report.n_rounds)?;
    out.set_item("n_passes", report.n_passes)?;
    out.set_item("status", report.status.name())?;
    out.set_item("certified", report.certified)?;
    out.set_item("posterior_mean", report.posterior_mean.as_ref().map(|mean| mean.to_pyarray(py)))?;
    out.set_item("trained", report.trained.as_ref().map(|found| trained(py, found)).transpose()?)?;
    out.set_item("condition_number", report.condition_number)?;
    out.set_item("posterior", report.posterior.as_ref().map(|found| posterior(py, found)).transpose()?)?;
    Ok(out)
}

fn trained<'py>(py: Python<'py>, trained: &Trained) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    out.set_item("decoder_scale", trained.decoder_scale.to_pyarray(py))?;
    out.set_item("encoder_weights", trained.encoder_weights.to_pyarray(py))?;
    out.set_item("encoder_factor", trained.encoder_factor.to_pyarray(py))?;
    Ok(out)
}

/// Indices as NumPy wants them.
fn indices<'py>(py: Python<'py>, values: &[usize]) -> Bound<'py, PyArray1<i64>> {
    values.iter().map(|&j| j as i64).collect::<Vec<_>>().to_pyarray(py)
}

fn posterior<'py>(py: Python<'py>, posterior: &Posterior) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    out.set_item("inclusion_prob", posterior.inclusion_prob.to_pyarray(py))?;
    out.set_item("coef", posterior.coef.to_pyarray(py))?;
    out.set_item("intercept", posterior.intercept.to_pyarray(py))?;
    out.set_item("drawn", indices(py, &posterior.drawn))?;
    out.set_item("coef_draws", posterior.coef_draws.to_pyarray(py))?;
    out.set_item("intercept_draws", posterior.intercept_draws.to_pyarray(py))?;
    out.set_item("noise_var", posterior.noise_var)?;
    out.set_item("background_var", posterior.background_var)?;
    out.set_item("n_effects", posterior.n_effects)?;
    let Selection { columns, loss, tolerance } = &posterior.selection;
    let selection = PyDict::new(py);
    selection.set_item("columns", columns.iter().map(|columns| indices(py, columns)).collect::<Vec<_>>())?;
    selection.set_item("loss", loss.to_pyarray(py))?;
    selection.set_item("tolerance", tolerance)?;
    out.set_item("selection", selection)?;
    let Places { n_sweeps, features, correlation, column, probability, start, sweep, times } = &posterior.places;
    let places = PyDict::new(py);
    places.set_item("n_sweeps", n_sweeps)?;
    places.set_item("features", indices(py, features))?;
    places.set_item("correlation", correlation.to_pyarray(py))?;
    places.set_item("column", indices(py, column))?;
    places.set_item("probability", probability.to_pyarray(py))?;
    places.set_item("start", indices(py, start))?;
    places.set_item("sweep", indices(py, sweep))?;
    places.set_item("times", indices(py, times))?;
    out.set_item("places", places)?;
    Ok(out)
}

/// Whether one fit of a design of this shape is so much work that threads should share it.
#[pyfunction]
fn is_large(n_samples: usize, n_features: usize) -> bool {
    n_samples.saturating_mul(n_features) >= model::LARGE_DESIGN
}

/// Refuses arguments that a fit would refuse before it looks at the data.
#[pyfunction]
fn check(arguments: Arguments<'_>) -> PyResult<()> {
    Ok(arguments.settings(None)?.validate()?)
}

/// One response.
#[pyfunction]
fn fit<'py>(
    py: Python<'py>,
    x: Matrix<'py>,
    y: PyReadonlyArray1<'py, f64>,
    arguments: Arguments<'py>,
    n_threads: usize,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let start = arguments.starts().pop();
    let settings = arguments.settings(start)?;
    let (design, y) = (x.view()?, y.as_array().to_vec());
    let found = run::run_shared(py, n_threads, progress.as_ref(), |monitor| {
        design.with(monitor, |x| model::fit(x, &y, &settings, monitor))
    });
    report(py, &x.finish(found)?)
}

/// Responses, the columns of `y`, that share their support.
#[pyfunction]
fn fit_simultaneous<'py>(
    py: Python<'py>,
    x: Matrix<'py>,
    y: PyReadonlyArray2<'py, f64>,
    arguments: Arguments<'py>,
    n_threads: usize,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let start = arguments.starts().pop();
    let settings = arguments.settings(start)?;
    let (design, y) = (x.view()?, y.as_array());
    let found = run::run_shared(py, n_threads, progress.as_ref(), |monitor| {
        design.with(monitor, |x| model::fit_simultaneous(x, y, &settings, monitor))
    });
    report(py, &x.finish(found)?)
}

/// Reports that become objects of Python one by one.
#[pyclass(module = "sparsevae._core")]
struct Reports(std::vec::IntoIter<PackedReport>);

#[pymethods]
impl Reports {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&mut self, py: Python<'py>) -> Option<PyResult<Bound<'py, PyDict>>> {
        self.0.next().map(|packed| report(py, &packed.into()))
    }
}

/// Independent responses, the columns of `y`.
#[pyfunction]
fn fit_many<'py>(
    py: Python<'py>,
    x: Matrix<'py>,
    y: PyReadonlyArray2<'py, f64>,
    arguments: Arguments<'py>,
    n_threads: usize,
) -> PyResult<Reports> {
    let starts = arguments.starts();
    let settings = arguments.settings(None)?;
    let (design, y) = (x.view()?, y.as_array());
    let found = run::run_parallel(py, n_threads, None, |monitor| {
        design.with(monitor, |x| model::fit_many(x, y, &settings, &starts, monitor))
    });
    Ok(Reports(x.finish(found)?.into_iter()))
}

/// Value, gradient in the prior variances, derivatives in the noise variance and in the parameter, of the energy of this
/// name for the columns of `y`.
#[pyfunction]
fn energy<'py>(
    py: Python<'py>,
    x: PyReadonlyArray2<'py, f64>,
    y: PyReadonlyArray2<'py, f64>,
    prior_var: PyReadonlyArray1<'py, f64>,
    noise_var: f64,
    name: &str,
    parameter: f64,
) -> PyResult<(f64, Floats<'py>, f64, Option<f64>)> {
    let (x, y, w) = (x.as_array(), y.as_array().t().iter().copied().collect::<Vec<_>>(), prior_var.as_array().to_vec());
    let found = py.detach(|| crate::energy::evaluate(name, x, &y, &w, noise_var, parameter))?;
    Ok((found.value, found.grad_prior_var.to_pyarray(py), found.grad_noise_var, found.grad_parameter))
}

/// The defaults of the estimators' parameters, which stand in Rust alone.
#[pyfunction]
fn defaults(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let settings = Settings::default();
    let out = PyDict::new(py);
    out.set_item("power", DEFAULT_POWER)?;
    out.set_item("n_restarts", settings.n_restarts)?;
    out.set_item("max_iter", settings.max_iter)?;
    out.set_item("tol", settings.tol)?;
    out.set_item("n_steps", settings.training.n_steps)?;
    out.set_item("learning_rate", settings.training.learning_rate)?;
    out.set_item("learning_rate_drop", settings.training.learning_rate_drop)?;
    out.set_item("model_averaging", settings.model_averaging)?;
    out.set_item("fit_intercept", settings.fit_intercept)?;
    out.set_item("optimizer", names::optimizers().first().map(|(name, _)| *name))?;
    out.set_item("noise_var", names::NOISES.map(|(name, _)| name).first())?;
    out.set_item("covariance", names::COVARIANCES.map(|(name, _)| name).first())?;
    out.set_item("support_rule", names::SUPPORT_RULES.map(|(name, _)| name).first())?;
    Ok(out)
}

/// The constants that decide in noise-free fits, for those on other devices: see where they stand in Rust.
#[pyfunction]
fn tolerances(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    use crate::model::sparse_regression::tolerances as fit;
    use crate::problem::tolerances as ties;
    use crate::support::tolerances as certificate;
    let out = PyDict::new(py);
    for (name, value) in [
        ("constant", crate::design::CONSTANT),
        ("anneal_start", fit::ANNEAL.start),
        ("anneal_end", fit::ANNEAL.end),
        ("below_spectrum", fit::BELOW_SPECTRUM),
        ("lowest", fit::LOWEST),
        ("unit", fit::UNIT),
        ("dependent", fit::DEPENDENT),
        ("noise_free_floor", fit::NOISE_FREE_FLOOR),
        ("rounding", certificate::ROUNDING),
        ("matters", certificate::MATTERS),
        ("multiples", f64::from(ties::MULTIPLES)),
        ("same", ties::SAME),
        ("repeated", ties::REPEATED),
        ("exchange_margin", certificate::EXCHANGE_MARGIN),
        ("accident", certificate::ACCIDENT),
    ] {
        out.set_item(name, value)?;
    }
    out.set_item("anneal_steps", fit::ANNEAL.len)?;
    out.set_item("anneal_look", fit::ANNEAL_LOOK)?;
    Ok(out)
}

/// The plan of expectation propagation for one response and the constants of its steps, for those on other devices.
#[pyfunction]
fn propagation_plan(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    use crate::solver::propagation::tolerances as at;
    let out = PyDict::new(py);
    out.set_item("slabs", at::SINGLE.slabs.iter().map(|slabs| slabs.to_vec()).collect::<Vec<_>>())?;
    out.set_item("damping", at::SINGLE.damping.to_vec())?;
    for (name, value) in [
        ("crowded", at::SINGLE.crowded),
        ("runaway", at::SINGLE.runaway),
        ("tail", at::SINGLE.tail),
        ("expected", at::EXPECTED),
        ("densest", at::DENSEST),
        ("most_dense", at::MOST_DENSE),
        ("rounding", at::ROUNDING),
        ("sharpest", at::SHARPEST),
        ("widest_cavity", at::WIDEST_CAVITY),
        ("weakest_site", at::WEAKEST_SITE),
        ("least_share", at::LEAST_SHARE),
        ("least_weight", at::LEAST_WEIGHT),
        ("least_count", at::LEAST_COUNT),
        ("narrowest_slab", at::NARROWEST_SLAB),
    ] {
        out.set_item(name, value)?;
    }
    for (name, value) in
        [("len", at::SINGLE.len), ("decided", at::DECIDED), ("early", at::EARLY), ("unconditional", at::UNCONDITIONAL)]
    {
        out.set_item(name, value)?;
    }
    Ok(out)
}

/// What a round of expectation propagation adds to the prior log-odds of `n_cols` columns.
#[pyfunction]
fn propagation_tilts(py: Python<'_>, seed: u64, number: usize, n_cols: usize) -> Floats<'_> {
    let mut tilts = vec![0.0; n_cols];
    draw_tilts(seed, number, &mut tilts);
    PyArray1::from_vec(py, tilts)
}

/// Adds what this file defines to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Reports>()?;
    module.add_function(wrap_pyfunction!(check, module)?)?;
    module.add_function(wrap_pyfunction!(is_large, module)?)?;
    module.add_function(wrap_pyfunction!(fit, module)?)?;
    module.add_function(wrap_pyfunction!(fit_simultaneous, module)?)?;
    module.add_function(wrap_pyfunction!(fit_many, module)?)?;
    module.add_function(wrap_pyfunction!(energy, module)?)?;
    module.add_function(wrap_pyfunction!(tolerances, module)?)?;
    module.add_function(wrap_pyfunction!(propagation_plan, module)?)?;
    module.add_function(wrap_pyfunction!(propagation_tilts, module)?)?;
    module.add_function(wrap_pyfunction!(defaults, module)?)
}
