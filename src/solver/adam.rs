//! The papers' training: Adam on the evidence lower bound, one draw of the latent a step. Letters as in
//! [`energy::elbo`](crate::energy::elbo).

use crate::Result;
use crate::energy::elbo::{Conditioned, Elbo, Parameters, Sample, Slopes, triangle_row};
use crate::linalg::dot;
use crate::monitor::{Monitor, Progress, Stage};
use crate::solver::EncoderCovariance;
use crate::solver::descent::Groups;
use ndarray::Array2;
use pulp::{Arch, Simd, WithSimd};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Decay of the running mean of a derivative, and of its square: those of Kingma and Ba (2015).
const DECAY: (f64, f64) = (0.9, 0.999);
/// What keeps a step finite where the derivative was always 0; theirs too.
const EPSILON: f64 = 1e-8;
/// Standard deviations of the first decoder scales, encoder weights and entries of the encoder factor. Chosen by
/// hand.
const INITIAL: (f64, f64, f64) = (0.1, 0.01, 0.01);
/// A step leaves at least this share of the noise variance: Adam's steps are as large as the noise itself near the end,
/// and a variance below 0 would end the training. The share was chosen by hand.
const SHRINKAGE: f64 = 0.5;

/// How to train. [`Training::default`] has the paper's values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Training {
    /// Steps.
    pub n_steps: usize,
    /// Learning rate at the start.
    pub learning_rate: f64,
    /// Factor of the learning rate once the bound was first negative.
    pub learning_rate_drop: f64,
}

impl Default for Training {
    fn default() -> Self {
        Self { n_steps: 50_000, learning_rate: 1e-2, learning_rate_drop: 1e-2 }
    }
}

/// What the encoder and the decoder share, beyond the model.
#[derive(Debug, Clone)]
pub struct Structure<'a> {
    /// Responses that the data had before they were compressed to their principal axes: they weigh the log-determinant.
    pub n_responses: usize,
    /// The encoder covariance.
    pub covariance: EncoderCovariance,
    /// Columns that share one decoder scale.
    pub groups: Groups<'a>,
}

impl Default for Structure<'_> {
    fn default() -> Self {
        Self { n_responses: 1, covariance: EncoderCovariance::Full, groups: Groups::default() }
    }
}

/// Where the noise variance of a training comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Start {
    /// Its first value.
    pub noise_var: f64,
    /// The floor to which it may be trained; `None` keeps it.
    pub floor: Option<f64>,
}

/// What a training ended with.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The parameters.
    pub parameters: Parameters,
    /// Mean of the encoder, `W_z P y`, axis after axis.
    pub mean: Vec<f64>,
    /// The sampled bound at every step.
    pub energies: Vec<f64>,
    /// Whether the bound was ever negative, so that the learning rate dropped.
    pub settled: bool,
}

/// Running means of a block of parameters.
#[derive(Debug, Clone)]
struct Moments {
    first: Vec<f64>,
    second: Vec<f64>,
}

impl Moments {
    fn new(len: usize) -> Self {
        Self { first: vec![0.0; len], second: vec![0.0; len] }
    }
}

/// The rule of one step: the rate and the scale of the second moment, both corrected for the start at 0.
#[derive(Debug, Clone, Copy)]
struct Rule {
    rate: f64,
    root: f64,
}

impl Rule {
    fn at(step: usize, learning_rate: f64) -> Self {
        let t = i32::try_from(step + 1).unwrap_or(i32::MAX);
        Self { rate: learning_rate / (1.0 - DECAY.0.powi(t)), root: (1.0 - DECAY.1.powi(t)).sqrt().recip() }
    }

    #[inline(always)]
    fn update(self, value: &mut f64, first: &mut f64, second: &mut f64, derivative: f64) {
        *first = DECAY.0 * *first + (1.0 - DECAY.0) * derivative;
        *second = DECAY.1 * *second + (1.0 - DECAY.1) * derivative * derivative;
        *value -= self.rate * *first / (second.sqrt() * self.root + EPSILON);
    }
}

/// A row of parameters with its moments.
struct Row<'a> {
    values: &'a mut [f64],
    first: &'a mut [f64],
    second: &'a mut [f64],
}

impl Row<'_> {
    /// Updates a row whose derivative is `scale direction + own values`; returns its inner product with `next` and the
    /// square of its norm, both after the update.
    #[inline(always)]
    fn update<S: Simd>(self, simd: S, rule: Rule, scale: f64, direction: &[f64], own: f64, next: &[f64]) -> (f64, f64) {
        let len = self.values.len();
        let (values, values_tail) = S::as_mut_simd_f64s(self.values);
        let (first, first_tail) = S::as_mut_simd_f64s(&mut self.first[..len]);
        let (second, second_tail) = S::as_mut_simd_f64s(&mut self.second[..len]);
        let (direction, direction_tail) = S::as_simd_f64s(&direction[..len]);
        let (next, next_tail) = S::as_simd_f64s(&next[..len]);

        let splat = |value: f64| simd.splat_f64s(value);
        let (scales, owns, rate, root, epsilon) =
            (splat(scale), splat(own), splat(rule.rate), splat(rule.root), splat(EPSILON));
        let (keep, gain) = (splat(DECAY.0), splat(1.0 - DECAY.0));
        let (keep_square, gain_square) = (splat(DECAY.1), splat(1.0 - DECAY.1));
        let (mut products, mut squares) = (splat(0.0), splat(0.0));
        for ((((value, first), second), direction), next) in
            values.iter_mut().zip(first).zip(second).zip(direction).zip(next)
        {
            let derivative = simd.mul_add_f64s(scales, *direction, simd.mul_f64s(owns, *value));
            *first = simd.mul_add_f64s(keep, *first, simd.mul_f64s(gain, derivative));
            let square = simd.mul_f64s(derivative, derivative);
            *second = simd.mul_add_f64s(keep_square, *second, simd.mul_f64s(gain_square, square));
            let divisor = simd.mul_add_f64s(simd.sqrt_f64s(*second), root, epsilon);
            *value = simd.sub_f64s(*value, simd.div_f64s(simd.mul_f64s(rate, *first), divisor));
            products = simd.mul_add_f64s(*value, *next, products);
            squares = simd.mul_add_f64s(*value, *value, squares);
        }
        let (mut product, mut square) = (simd.reduce_sum_f64s(products), simd.reduce_sum_f64s(squares));
        for ((((value, first), second), direction), next) in
            values_tail.iter_mut().zip(first_tail).zip(second_tail).zip(direction_tail).zip(next_tail)
        {
            rule.update(value, first, second, scale * direction + own * *value);
            product += *value * next;
            square += *value * *value;
        }
        (product, square)
    }
}

/// A training under way.
struct State<'a> {
    model: &'a Elbo,
    parameters: Parameters,
    /// Of the decoder scales, the encoder weights, the encoder factor and the noise variance.
    moments: [Moments; 4],
    conditioned: Conditioned,
    slopes: Slopes,
    sample: Sample,
    noise: Vec<f64>,
    /// Input and noise of the step before, which the derivatives belong to.
    previous: (Vec<f64>, Vec<f64>),
    /// Scratch for a row of a gradient.
    direction: Vec<f64>,
    structure: &'a Structure<'a>,
    rng: ChaCha8Rng,
}

fn draw(rng: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(rng)
}

impl<'a> State<'a> {
    /// The paper's initialisation. It draws every entry of a square encoder factor; the triangular one that is drawn
    /// here has the same law of `S S^T`, by the QR decomposition of a normal matrix.
    ///
    /// A diagonal factor is drawn as the diagonal of the square one; decoder scales of a group are the first one's.
    fn new(model: &'a Elbo, noise_var: f64, structure: &'a Structure<'a>, seed: u64) -> Self {
        let (n, d) = (model.n_features(), model.n_inputs());
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut normals =
            |len: usize, deviation: f64| -> Vec<f64> { (0..len).map(|_| deviation * draw(&mut rng)).collect() };
        let mut decoder_scale = normals(n, INITIAL.0);
        structure.groups.tie(&mut decoder_scale);
        let encoder_weights = Array2::from_shape_fn((n, d), |_| normals(1, INITIAL.1)[0]);
        let mut encoder_factor = normals(n * (n + 1) / 2, INITIAL.2);
        let diagonal = structure.covariance == EncoderCovariance::Diagonal;
        for i in 0..n {
            let row = triangle_row(i);
            let end = row.end - 1;
            if diagonal {
                encoder_factor[row.start..end].fill(0.0);
                encoder_factor[end] = encoder_factor[end].abs();
            } else {
                let square: f64 = normals(n - i, INITIAL.2).iter().map(|v| v * v).sum();
                encoder_factor[end] = square.sqrt();
            }
        }
        let noise = normals(model.n_axes() * n, model.draw_deviation());
        let parameters = Parameters { decoder_scale, encoder_weights, encoder_factor, noise_var };
        let conditioned = model.condition(noise_var);
        let sample = model.sample(&parameters, &conditioned, &noise);
        let moments = [n, n * d, n * (n + 1) / 2, 1].map(Moments::new);
        let previous = (conditioned.input.to_vec(), noise.clone());
        let (slopes, direction) = (model.slopes(), vec![0.0; n.max(d)]);
        Self { model, parameters, moments, conditioned, slopes, sample, noise, previous, direction, structure, rng }
    }
}

/// The gradient of row `i` of a matrix, as a factor and a vector: the sum over axes of `slopes[axis n + i]` times their
/// vectors of length `len`.
#[inline(always)]
fn gradient<'v>(
    slopes: &[f64],
    i: usize,
    n: usize,
    vectors: &'v [f64],
    len: usize,
    direction: &'v mut [f64],
) -> (f64, &'v [f64]) {
    if vectors.len() == len {
        return (slopes[i], vectors);
    }
    let direction = &mut direction[..len];
    direction.fill(0.0);
    for (vector, slope) in vectors.chunks_exact(len).zip(slopes[i..].iter().step_by(n)) {
        direction.iter_mut().zip(vector).for_each(|(to, v)| *to += slope * v);
    }
    (1.0, direction)
}

/// One step of all parameters, and the latent of the next draw with the same pass over memory.
struct Step<'s, 'a> {
    state: &'s mut State<'a>,
    rule: Rule,
    floor: Option<f64>,
}

impl WithSimd for Step<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { state, rule, floor } = self;
        let State {
            model,
            parameters,
            moments,
            conditioned,
            slopes,
            sample,
            noise,
            previous,
            direction,
            structure,
            rng,
        } = state;
        model.differentiate(simd, &parameters.decoder_scale, conditioned, sample, slopes);
        if !structure.groups.is_empty() {
            structure.groups.add_up(&mut slopes.decoder_scale);
        }
        let [scale, weights, factor, variance] = moments;
        for (j, value) in parameters.decoder_scale.iter_mut().enumerate() {
            rule.update(value, &mut scale.first[j], &mut scale.second[j], slopes.decoder_scale[j]);
        }
        previous.0.iter_mut().zip(&conditioned.input).for_each(|(to, v)| *to = *v);
        previous.1.copy_from_slice(noise);
        if let Some(floor) = floor {
            let least = (SHRINKAGE * parameters.noise_var).max(floor);
            let value = &mut parameters.noise_var;
            rule.update(value, &mut variance.first[0], &mut variance.second[0], slopes.noise_var);
            *value = value.max(least);
            model.recondition(conditioned, *value);
        }
        let deviation = model.draw_deviation();
        noise.iter_mut().for_each(|e| *e = deviation * draw(rng));

        let (n, d) = (model.n_features(), model.n_inputs());
        let own = 2.0 * structure.n_responses as f64;
        let diagonal = structure.covariance == EncoderCovariance::Diagonal;
        let (Some(input), Some(input_slope)) = (conditioned.input.as_slice(), conditioned.input_slope.as_slice())
        else {
            return;
        };
        (sample.square, sample.log_det) = (0.0, 0.0);
        for (i, mut values) in parameters.encoder_weights.outer_iter_mut().enumerate() {
            let Some(values) = values.as_slice_mut() else { return };
            let row = i * d..(i + 1) * d;
            let (first, second) = (&mut weights.first[row.clone()], &mut weights.second[row]);
            let block = Row { values: &mut *values, first, second };
            let (scale, along) = gradient(&slopes.mean, i, n, &previous.0, d, direction);
            (sample.mean[i], _) = block.update(simd, rule, scale, along, 0.0, input);
            sample.mean_slope[i] = dot(simd, values, &input_slope[..d]);
            for (axis, input) in input.chunks_exact(d).enumerate().skip(1) {
                sample.mean[axis * n + i] = dot(simd, values, input);
            }

            let mut row = triangle_row(i);
            row.end -= 1;
            let end = row.end;
            let before = parameters.encoder_factor[end];
            let (mut product, mut square) = (0.0, 0.0);
            let (scale, along) = gradient(&slopes.latent, i, n, &previous.1, n, direction);
            let derivative = scale * along[i] + own * before - own / before;
            if !diagonal {
                let (first, second) = (&mut factor.first[row.clone()], &mut factor.second[row.clone()]);
                let block = Row { values: &mut parameters.encoder_factor[row.clone()], first, second };
                (product, square) = block.update(simd, rule, scale, along, own, noise);
            }
            let value = &mut parameters.encoder_factor[end];
            rule.update(value, &mut factor.first[end], &mut factor.second[end], derivative);
            let value = *value;
            sample.deviation[i] = product + value * noise[i];
            for (axis, noise) in noise.chunks_exact(n).enumerate().skip(1) {
                let product =
                    if diagonal { 0.0 } else { dot(simd, &parameters.encoder_factor[row.clone()], &noise[..i]) };
                sample.deviation[axis * n + i] = product + value * noise[i];
            }
            sample.square += square + value * value;
            sample.log_det += 2.0 * value.abs().ln();
        }
    }
}

/// Trains for `training.n_steps` steps.
///
/// # Errors
/// [`Error::Interrupted`](crate::Error::Interrupted) where the monitor was stopped.
///
/// # Complexity
/// `O(n_axes n_features (n_features + rows))` a step, in `3 n_features (n_features / 2 + rows)` numbers.
///
/// # References
/// Pratihar and Mukhopadhyay (2025), "Be a Goldfish", sec. 5, and the code published with it.
pub fn train(
    model: &Elbo,
    training: &Training,
    start: Start,
    structure: &Structure<'_>,
    seed: u64,
    monitor: &Monitor<'_>,
) -> Result<Trained> {
    let arch = Arch::new();
    let mut state = State::new(model, start.noise_var, structure, seed);
    let mut energies = Vec::new();
    let (mut learning_rate, mut settled) = (training.learning_rate, false);
    for step in 0..training.n_steps {
        let noise_var = state.parameters.noise_var;
        arch.dispatch(Step { state: &mut state, rule: Rule::at(step, learning_rate), floor: start.floor });
        let energy = state.slopes.value;
        energies.push(energy);
        if !settled && energy < 0.0 {
            settled = true;
            learning_rate *= training.learning_rate_drop;
        }
        monitor.step(&Progress { energy, noise_var, ..Progress::new(Stage::Steps, step + 1, training.n_steps) })?;
    }
    Ok(Trained { parameters: state.parameters, mean: state.sample.mean, energies, settled })
}
