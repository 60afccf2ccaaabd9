//! What a caller chooses, checked once.

use crate::settings::{Sizes, require};
use crate::solver::EncoderCovariance;
use crate::solver::adam::Training;
use crate::solver::descent::Rule;
use crate::support::evidence::Criterion;
use crate::{Error, Result};

/// The optimiser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Optimizer {
    /// Whichever finds the sparsest solution fastest: expectation propagation for noise-free data, the support path for
    /// noisy data, annealed EM where these leave a doubt.
    Auto,
    /// Descent on the energy by one update rule.
    Rule(Rule),
    /// The papers' training: the evidence lower bound by stochastic gradients.
    Adam,
}

/// What is known of the noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Noise {
    /// Nothing: it is found out whether there is any.
    Auto,
    /// There is none.
    Anneal,
    /// It is learned with the energy.
    Learn,
    /// Its variance.
    Fixed(f64),
}

/// How columns are chosen when no certificate settles it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SupportRule {
    /// Those that stand for the average over supports, where that is sampled (see [`Settings::support_rule`]).
    Projection,
    /// By a criterion, searched over nested sets of columns.
    Criterion(Criterion),
    /// Those whose posterior mean is more than three posterior standard deviations from 0.
    Posterior,
}

/// What another search has found, to go on from.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    /// Prior variances, one per feature in the caller's units: a descent at a given or learned noise variance begins
    /// there; else the columns in their order are the first to be tried by the certificate.
    pub prior_var: Vec<f64>,
    /// Update steps that it took, counted as this search's own.
    pub steps: usize,
}

/// Everything a caller can choose. [`Settings::default`] is where all defaults stand.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The optimiser.
    pub optimizer: Optimizer,
    /// The noise.
    pub noise: Noise,
    /// The power of the preconditioner; `None` for the plain model.
    pub power: Option<f64>,
    /// Rounds after the first, at most.
    pub n_restarts: usize,
    /// Update steps over all rounds, at most.
    pub max_iter: usize,
    /// A descent at fixed noise has converged once no prior variance moves by more than this share of the largest.
    pub tol: f64,
    /// How Adam trains.
    pub training: Training,
    /// The encoder covariance.
    pub covariance: EncoderCovariance,
    /// The group of every feature, where columns share prior variances; else empty.
    pub groups: Vec<usize>,
    /// The weight of every sample, whose noise has the variance of the model over that; one of weight 0 is left out. Empty
    /// where all are alike.
    pub sample_weight: Vec<f64>,
    /// Where the search starts; else chosen by the data.
    pub start: Option<Start>,
    /// How columns are chosen. [`SupportRule::Projection`] serves all but groups, the diagonal covariance, noise that is
    /// learned and designs that are too large; for these the evidence takes its place.
    pub support_rule: SupportRule,
    /// Whether the model has an intercept.
    pub fit_intercept: bool,
    /// Whether to average over supports as well.
    pub model_averaging: bool,
    /// How many columns are chosen, where so many explain anything.
    pub n_nonzero: Option<usize>,
    /// How many columns are chosen at most.
    pub max_nonzero: Option<usize>,
    /// Prior odds of each feature that it has an effect, up to a factor; empty where they are the same. They
    /// count in the posterior over supports: with [`SupportRule::Projection`], or averages.
    pub prior_odds: Vec<f64>,
    /// How many columns those of the design were chosen from before; `None` where nothing was left out.
    pub n_choices: Option<usize>,
    /// Whether the coefficient of a feature cannot be negative; empty where all can. For one response, and the same rule.
    pub positive: Vec<bool>,
    /// Seed of the restarts.
    pub seed: u64,
    /// Unit roundoff of the data as the caller holds them.
    pub precision: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            optimizer: Optimizer::Auto,
            noise: Noise::Auto,
            power: None,
            n_restarts: 500,
            max_iter: 8000,
            tol: 1e-6,
            training: Training::default(),
            covariance: EncoderCovariance::Full,
            groups: Vec::new(),
            sample_weight: Vec::new(),
            start: None,
            support_rule: SupportRule::Projection,
            fit_intercept: true,
            model_averaging: false,
            n_nonzero: None,
            max_nonzero: None,
            prior_odds: Vec::new(),
            n_choices: None,
            positive: Vec::new(),
            seed: 0,
            precision: f64::EPSILON / 2.0,
        }
    }
}

/// The default power of the preconditioner.
pub const DEFAULT_POWER: f64 = 0.5;

impl Settings {
    /// How many columns may be chosen.
    pub fn sizes(&self) -> Sizes {
        match (self.n_nonzero, self.max_nonzero) {
            (Some(size), _) => Sizes { least: size, most: size },
            (None, most) => Sizes { most: most.unwrap_or(usize::MAX), ..Sizes::ANY },
        }
    }

    fn validate_choice(&self) -> Result<()> {
        let is_plain = self.covariance == EncoderCovariance::Full && self.groups.is_empty();
        let refused = "false for groups and for a diagonal covariance";
        require(is_plain || !self.model_averaging, "model_averaging", true, refused)?;
        for (name, value) in [("n_nonzero", self.n_nonzero), ("max_nonzero", self.max_nonzero)] {
            let Some(value) = value else { continue };
            require(is_plain, name, value, "None for groups and for a diagonal covariance")?;
            require(self.support_rule != SupportRule::Posterior, name, value, "None with support_rule=\"posterior\"")?;
            require(
                self.n_nonzero.is_none() || self.max_nonzero.is_none(),
                name,
                value,
                "None where the other is given",
            )?;
        }
        if let Some(value) = self.n_choices {
            require(is_plain, "n_choices", value, "None for groups and for a diagonal covariance")?;
        }
        if let Some(value) = self.prior_odds.iter().find(|odds| !(odds.is_finite() && **odds > 0.0)) {
            return Err(Error::invalid("prior_odds", value, "finite and greater than 0, in every entry"));
        }
        let sampled =
            "given only with optimizer=\"auto\", support_rule=\"projection\" and noise_var=\"auto\" or a number";
        let is_served = is_plain
            && self.support_rule == SupportRule::Projection
            && self.optimizer == Optimizer::Auto
            && (self.noise == Noise::Auto || self.power.is_none() && matches!(self.noise, Noise::Fixed(_)));
        require(self.prior_odds.is_empty() || is_served, "prior_odds", "given", sampled)?;
        require(self.positive.is_empty() || is_served, "positive", "given", sampled)
    }
}

impl crate::settings::Settings for Settings {
    fn validate(&self) -> Result<()> {
        self.validate_choice()?;
        if let Noise::Fixed(value) = self.noise
            && !(value.is_finite() && value > 0.0)
        {
            return Err(Error::invalid(
                "noise_var",
                value,
                "\"auto\", \"anneal\", \"learn\" or a finite number greater than 0",
            ));
        }
        if let Some(power) = self.power
            && !(power.is_finite() && (0.0..=2.0).contains(&power))
        {
            return Err(Error::invalid("power", power, "between 0 and 2"));
        }
        if let Some(power) = self.power
            && (self.covariance == EncoderCovariance::Diagonal || !self.groups.is_empty())
        {
            return Err(Error::invalid("power", power, "None for groups and for a diagonal covariance"));
        }
        if let Some(weight) = self.sample_weight.iter().find(|weight| !(weight.is_finite() && **weight >= 0.0)) {
            return Err(Error::invalid("sample_weight", weight, "finite and not negative, in every entry"));
        }
        if let Some(start) = &self.start {
            if self.optimizer == Optimizer::Adam {
                return Err(Error::invalid("prior_var_init", "given", "None with optimizer=\"adam\""));
            }
            if let Some(value) = start.prior_var.iter().find(|w| !(w.is_finite() && **w >= 0.0)) {
                return Err(Error::invalid("prior_var_init", value, "finite and not negative, in every entry"));
            }
        }
        if self.max_iter == 0 {
            return Err(Error::invalid("max_iter", 0, "at least 1"));
        }
        if !(self.tol.is_finite() && self.tol >= 0.0) {
            return Err(Error::invalid("tol", self.tol, "finite and not negative"));
        }
        if self.optimizer == Optimizer::Adam && self.noise == Noise::Anneal {
            let allowed =
                "\"auto\", \"learn\" or a finite number greater than 0 with optimizer=\"adam\", which trains it";
            return Err(Error::invalid("noise_var", "\"anneal\"", allowed));
        }
        let Training { n_steps, learning_rate, learning_rate_drop } = self.training;
        if n_steps == 0 {
            return Err(Error::invalid("n_steps", 0, "at least 1"));
        }
        if !(learning_rate.is_finite() && learning_rate > 0.0) {
            return Err(Error::invalid("learning_rate", learning_rate, "finite and greater than 0"));
        }
        if !(learning_rate_drop > 0.0 && learning_rate_drop <= 1.0) {
            return Err(Error::invalid("learning_rate_drop", learning_rate_drop, "greater than 0 and at most 1"));
        }
        if !(self.precision > 0.0 && self.precision < 1e-2) {
            return Err(Error::invalid("precision", self.precision, "between 0 and 0.01"));
        }
        Ok(())
    }
}

/// Names of the options, as Python shows them; the first of each list is the default.
pub mod names {
    use super::{Noise, Optimizer, SupportRule};
    use crate::solver::EncoderCovariance;
    use crate::solver::descent::Rule;
    use crate::support::evidence::Criterion;
    use crate::{Error, Result};

    /// Optimisers: the default, the update rules, and training.
    pub fn optimizers() -> Vec<(&'static str, Optimizer)> {
        let rules = Rule::ALL.iter().map(|(name, rule)| (*name, Optimizer::Rule(*rule)));
        std::iter::once(("auto", Optimizer::Auto)).chain(rules).chain([("adam", Optimizer::Adam)]).collect()
    }
    /// Encoder covariances.
    pub const COVARIANCES: [(&str, EncoderCovariance); 2] =
        [("full", EncoderCovariance::Full), ("diagonal", EncoderCovariance::Diagonal)];
    /// Noises.
    pub const NOISES: [(&str, Noise); 3] = [("auto", Noise::Auto), ("anneal", Noise::Anneal), ("learn", Noise::Learn)];
    /// Support rules.
    pub const SUPPORT_RULES: [(&str, SupportRule); 4] = [
        ("projection", SupportRule::Projection),
        ("evidence", SupportRule::Criterion(Criterion::Evidence)),
        ("ebic", SupportRule::Criterion(Criterion::ExtendedBic)),
        ("posterior", SupportRule::Posterior),
    ];

    fn find<T: Copy>(options: &[(&'static str, T)], name: &'static str, value: &str, also: &str) -> Result<T> {
        options.iter().find(|(option, _)| *option == value).map(|(_, option)| *option).ok_or_else(|| {
            let list: Vec<String> = options.iter().map(|(option, _)| format!("{option:?}")).collect();
            Error::invalid(name, format!("{value:?}"), &format!("one of {}{also}", list.join(", ")))
        })
    }

    /// The optimiser of this name.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`], as for the others.
    pub fn optimizer(value: &str) -> Result<Optimizer> {
        find(&optimizers(), "optimizer", value, "")
    }

    /// The covariance of this name.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`].
    pub fn covariance(value: &str) -> Result<EncoderCovariance> {
        find(&COVARIANCES, "covariance", value, "")
    }

    /// The noise of this name.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`].
    pub fn noise(value: &str) -> Result<Noise> {
        find(&NOISES, "noise_var", value, ", or a number greater than 0")
    }

    /// The support rule of this name.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`].
    pub fn support_rule(value: &str) -> Result<SupportRule> {
        find(&SUPPORT_RULES, "support_rule", value, "")
    }
}
