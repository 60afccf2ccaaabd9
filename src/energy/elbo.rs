//! The evidence lower bound that the papers train, with a sampled latent. Letters: `w_x` is `decoder_scale`, `W_z` is
//! `encoder_weights`, `S` is `encoder_factor`, gamma is `noise_var`, p is `power`, mu is the mean of the encoder
//! (docs/notation).

use super::interface::Energy;
use super::preconditioned::Preconditioned;
use crate::Result;
use crate::linalg::dot;
use crate::problem::{OffRange, Responses};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use pulp::{Scalar, Simd};

/// Twice the negative evidence lower bound of a linear autoencoder, for one response
///
/// `||P y - P X diag(w_x) z||^2 / gamma + d ln gamma + ||S||_F^2 - ln |S S^T| + ||mu||^2 - n`
///
/// with `P = (X X^T + gamma I)^-p`, `mu = W_z P y` and a latent `z = mu + S e` for one standard normal draw `e`. Its
/// mean over `e` is no smaller than the marginal energy of the prior variances `w_x^2`, and equal to it at the optimal
/// encoder. Additive constants are those of that energy: eq. 13 less `n`.
///
/// For `L` responses it is the sum of their bounds. They may be given as fewer principal axes: each axis then has one
/// draw for several responses, larger by the root of their number, which leaves the mean of the bound what it was.
///
/// Inside, the residual is rotated by the left singular vectors of `X`, which leaves its norm alone and makes `P`
/// diagonal; the encoder sees `P y` unrotated, since Adam is not invariant under rotations.
///
/// # References
/// Pratihar and Mukhopadhyay (2025), "Be a Goldfish", eqs. 13 and 17.
#[derive(Debug, Clone)]
pub struct Elbo {
    /// The design, or its right singular vectors, one per row.
    rows: Array2<f64>,
    /// The same by columns.
    columns: Array2<f64>,
    /// The responses, or the coordinates of a single one in the left singular vectors over the singular values.
    response: Vec<f64>,
    /// Responses, before they were compressed to `response`.
    n_responses: f64,
    /// Principal axes of them in `response`.
    n_axes: usize,
    preconditioner: Option<Preconditioner>,
    n_inputs: usize,
    /// What no column reaches.
    off_range: OffRange,
}

#[derive(Debug, Clone)]
struct Preconditioner {
    power: f64,
    singular: Vec<f64>,
    /// Left singular vectors, one per column.
    vectors: Array2<f64>,
}

/// What is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// `w_x`, one per feature.
    pub decoder_scale: Vec<f64>,
    /// `W_z`, shape `(n_features, n_inputs)`.
    pub encoder_weights: Array2<f64>,
    /// `S`, lower triangular, row after row: entry `(i, j)` stands at `i (i + 1) / 2 + j`.
    pub encoder_factor: Vec<f64>,
    /// gamma.
    pub noise_var: f64,
}

/// Where row `i` of a lower triangle begins and ends.
pub fn triangle_row(i: usize) -> std::ops::Range<usize> {
    i * (i + 1) / 2..(i + 1) * (i + 2) / 2
}

/// Design and response as preconditioned at the noise variance.
#[derive(Debug, Clone)]
pub struct Conditioned {
    noise_var: f64,
    /// Factor of each row of the design.
    gain: Vec<f64>,
    /// Derivative of the logarithm of that factor in the noise variance.
    slope: Vec<f64>,
    target: Vec<f64>,
    /// `P y`, what the encoder sees; axis after axis.
    pub input: Array1<f64>,
    /// Its derivative in the noise variance.
    pub input_slope: Array1<f64>,
}

/// The latent of one draw, and the terms of the bound that need a pass over the parameters.
#[derive(Debug, Clone)]
pub struct Sample {
    /// `mu = W_z P y`; axis after axis, as the other vectors.
    pub mean: Vec<f64>,
    /// Derivative of `mu` in the noise variance.
    pub mean_slope: Vec<f64>,
    /// `S e`.
    pub deviation: Vec<f64>,
    /// `||S||_F^2`.
    pub square: f64,
    /// `ln |S S^T|`.
    pub log_det: f64,
}

/// The bound at one draw and its derivatives, those of matrices as factors: in `W_z` it is `mean input^T`, in `S` it is
/// the lower triangle of `latent e^T` plus `2 S` less `2 / S_ii` on the diagonal (times the number of responses).
#[derive(Debug, Clone)]
pub struct Slopes {
    /// The bound.
    pub value: f64,
    /// In each decoder scale.
    pub decoder_scale: Vec<f64>,
    /// In each entry of `mu`.
    pub mean: Vec<f64>,
    /// In each entry of `S e`.
    pub latent: Vec<f64>,
    /// In the noise variance.
    pub noise_var: f64,
    residual: Vec<f64>,
    active: Vec<f64>,
}

impl Elbo {
    /// Makes the model ready: `x` of shape `(rows, n_features)`; `power` is that of the preconditioner, if there is one,
    /// which is for one response.
    ///
    /// # Errors
    /// [`Error::NoDecomposition`](crate::Error::NoDecomposition) if the singular value decomposition that the
    /// preconditioner needs fails; [`Error::InvalidParameter`](crate::Error::InvalidParameter) for several preconditioned
    /// responses.
    ///
    /// # Complexity
    /// A copy of the design, or one singular value decomposition.
    pub fn new(x: ArrayView2<'_, f64>, responses: Responses<'_>, power: Option<f64>) -> Result<Self> {
        if let Some(power) = power {
            return Ok(Self::of_preconditioned(x, &Preconditioned::new(x, responses, power)?));
        }
        let n_axes = responses.n_axes(x.nrows());
        let rows = x.as_standard_layout().into_owned();
        Ok(Self::with_rows(rows, responses.values.to_vec(), responses, n_axes, x.nrows(), None))
    }

    /// The bound of a preconditioned model that is decomposed already, of the design `x`.
    ///
    /// # Complexity
    /// `O(rows n_features rank)`.
    pub fn of_preconditioned(x: ArrayView2<'_, f64>, model: &Preconditioned<'_>) -> Self {
        let (basis, whitened) = model.decomposition();
        let mut vectors = x.dot(&basis.t());
        vectors.columns_mut().into_iter().zip(model.singular()).for_each(|(mut u, s)| u /= *s);
        let preconditioner = Preconditioner { power: model.power(), singular: model.singular().to_vec(), vectors };
        let responses = *model.responses();
        Self::with_rows(basis.clone(), whitened.to_vec(), responses, 1, x.nrows(), Some(preconditioner))
    }

    fn with_rows(
        rows: Array2<f64>,
        response: Vec<f64>,
        responses: Responses<'_>,
        n_axes: usize,
        n_inputs: usize,
        preconditioner: Option<Preconditioner>,
    ) -> Self {
        let columns = rows.t().as_standard_layout().into_owned();
        let (n_responses, off_range) = (responses.n_responses as f64, responses.off_range);
        Self { rows, columns, response, n_responses, n_axes, preconditioner, n_inputs, off_range }
    }

    /// Features of the design.
    pub fn n_features(&self) -> usize {
        self.rows.ncols()
    }

    /// Entries of what the encoder sees.
    pub fn n_inputs(&self) -> usize {
        self.n_inputs
    }

    /// Axes of the responses: each has a latent of its own.
    pub fn n_axes(&self) -> usize {
        self.n_axes
    }

    /// Standard deviation of a draw.
    pub fn draw_deviation(&self) -> f64 {
        (self.n_responses / self.n_axes as f64).sqrt()
    }

    /// Design and response at this noise variance.
    pub fn condition(&self, noise_var: f64) -> Conditioned {
        let r = self.rows.nrows();
        let mut conditioned = Conditioned {
            noise_var,
            gain: vec![1.0; r],
            slope: vec![0.0; r],
            target: self.response.clone(),
            input: Array1::zeros(self.n_axes * self.n_inputs),
            input_slope: Array1::zeros(self.n_axes * self.n_inputs),
        };
        if self.preconditioner.is_none() {
            conditioned.input.iter_mut().zip(&self.response).for_each(|(to, y)| *to = *y);
        }
        self.recondition(&mut conditioned, noise_var);
        conditioned
    }

    /// As [`condition`](Self::condition), in place.
    ///
    /// # Complexity
    /// `O(rows^2)` with a preconditioner, nothing without.
    pub fn recondition(&self, conditioned: &mut Conditioned, noise_var: f64) {
        conditioned.noise_var = noise_var;
        let Some(Preconditioner { power, singular, vectors }) = &self.preconditioner else { return };
        for (i, s) in singular.iter().enumerate() {
            conditioned.gain[i] = s * (s * s + noise_var).powf(-power);
            conditioned.slope[i] = -power / (s * s + noise_var);
            conditioned.target[i] = conditioned.gain[i] * self.response[i];
        }
        for (k, u) in vectors.outer_iter().enumerate() {
            let (mut input, mut slope) = (0.0, 0.0);
            for ((u, target), e) in u.iter().zip(&conditioned.target).zip(&conditioned.slope) {
                input += u * target;
                slope += u * target * e;
            }
            (conditioned.input[k], conditioned.input_slope[k]) = (input, slope);
        }
    }

    /// The latent of the draw `noise`.
    ///
    /// # Complexity
    /// `O(n_axes n_features (n_features + n_inputs))`.
    pub fn sample(&self, parameters: &Parameters, conditioned: &Conditioned, noise: &[f64]) -> Sample {
        let factor = &parameters.encoder_factor;
        let draw = ArrayView1::from(noise);
        let row = |i: usize| ArrayView1::from(&factor[triangle_row(i)]);
        let n = self.n_features();
        let encode = |inputs: &Array1<f64>| -> Vec<f64> {
            let each = inputs.exact_chunks(self.n_inputs);
            each.into_iter().flat_map(|input| parameters.encoder_weights.dot(&input).to_vec()).collect()
        };
        let deviation = |axis: usize, i: usize| row(i).dot(&draw.slice(ndarray::s![axis * n..=axis * n + i]));
        Sample {
            mean: encode(&conditioned.input),
            mean_slope: encode(&conditioned.input_slope),
            deviation: (0..self.n_axes * n).map(|k| deviation(k / n, k % n)).collect(),
            square: factor.iter().map(|s| s * s).sum(),
            log_det: (0..n).map(|i| 2.0 * row(i)[i].abs().ln()).sum(),
        }
    }

    /// Room for derivatives.
    pub fn slopes(&self) -> Slopes {
        let n = self.n_features();
        Slopes {
            value: 0.0,
            decoder_scale: vec![0.0; n],
            mean: vec![0.0; self.n_axes * n],
            latent: vec![0.0; self.n_axes * n],
            noise_var: 0.0,
            residual: vec![0.0; self.rows.nrows()],
            active: vec![0.0; n],
        }
    }

    /// The bound and its derivatives at one draw.
    ///
    /// # Complexity
    /// `O(n_axes rows n_features)`, no allocation.
    #[inline(always)]
    pub fn differentiate<S: Simd>(
        &self,
        simd: S,
        decoder_scale: &[f64],
        conditioned: &Conditioned,
        sample: &Sample,
        to: &mut Slopes,
    ) {
        let gamma = conditioned.noise_var;
        let (r, n) = self.rows.dim();
        let (mut misfit, mut through_gain) = (0.0, 0.0);
        let (mut mean_square, mut through_mean) = (0.0, 0.0);
        to.decoder_scale.fill(0.0);
        for axis in 0..self.n_axes {
            let (mean, deviation) = (&sample.mean[axis * n..][..n], &sample.deviation[axis * n..][..n]);
            let mean_slope = &sample.mean_slope[axis * n..][..n];
            let target = &conditioned.target[axis * r..][..r];
            for (j, v) in to.active.iter_mut().enumerate() {
                *v = decoder_scale[j] * (mean[j] + deviation[j]);
            }
            for (i, row) in self.rows.outer_iter().enumerate() {
                let fitted = row.as_slice().map_or(0.0, |row| dot(simd, row, &to.active));
                let residual = target[i] - conditioned.gain[i] * fitted;
                misfit += residual * residual;
                through_gain += residual * residual * conditioned.slope[i];
                to.residual[i] = 2.0 / gamma * residual * conditioned.gain[i];
            }
            for (j, column) in self.columns.outer_iter().enumerate() {
                let pull = -column.as_slice().map_or(0.0, |column| dot(simd, column, &to.residual));
                let here = axis * n + j;
                to.decoder_scale[j] += pull * (mean[j] + deviation[j]);
                to.latent[here] = pull * decoder_scale[j];
                to.mean[here] = to.latent[here] + 2.0 * mean[j];
                mean_square += mean[j] * mean[j];
                through_mean += to.mean[here] * mean_slope[j];
            }
        }
        let freedom = self.n_responses * (r + self.off_range.directions) as f64;
        let power = self.preconditioner.as_ref().map_or(0.0, |p| p.power);
        let off_range = self.off_range.norm * self.off_range.norm * gamma.powf(-2.0 * power - 1.0);
        to.value = misfit / gamma
            + freedom * gamma.ln()
            + off_range
            + self.n_responses * (sample.square - sample.log_det - n as f64)
            + mean_square;
        to.noise_var =
            (freedom - misfit / gamma + 2.0 * through_gain - (2.0 * power + 1.0) * off_range) / gamma + through_mean;
    }

    /// The bound at the draw `noise` and its gradient, written out.
    ///
    /// # Complexity
    /// As [`sample`](Self::sample).
    pub fn gradient(&self, parameters: &Parameters, noise: &[f64]) -> (f64, Parameters) {
        let conditioned = self.condition(parameters.noise_var);
        let sample = self.sample(parameters, &conditioned, noise);
        let mut slopes = self.slopes();
        self.differentiate(Scalar::new(), &parameters.decoder_scale, &conditioned, &sample, &mut slopes);
        let n = self.n_features();
        let own = 2.0 * self.n_responses;
        let mut factor: Vec<f64> = parameters.encoder_factor.iter().map(|s| own * s).collect();
        let mut weights = Array2::zeros(parameters.encoder_weights.dim());
        for i in 0..n {
            let row = &mut factor[triangle_row(i)];
            row[i] -= own * own / row[i];
            let mut weights = weights.row_mut(i);
            for axis in 0..self.n_axes {
                let (latent, noise) = (slopes.latent[axis * n + i], &noise[axis * n..]);
                row.iter_mut().zip(noise).for_each(|(to, e)| *to += latent * e);
                let input = conditioned.input.slice(ndarray::s![axis * self.n_inputs..(axis + 1) * self.n_inputs]);
                weights.scaled_add(slopes.mean[axis * n + i], &input);
            }
        }
        let gradient = Parameters {
            decoder_scale: slopes.decoder_scale,
            encoder_weights: weights,
            encoder_factor: factor,
            noise_var: slopes.noise_var,
        };
        (slopes.value, gradient)
    }

    /// The mean of the bound over draws, in closed form.
    ///
    /// # Complexity
    /// `O(rows n_features^2)`.
    pub fn expected(&self, parameters: &Parameters) -> f64 {
        let n = self.n_features();
        let conditioned = self.condition(parameters.noise_var);
        let sample = self.sample(parameters, &conditioned, &vec![0.0; self.n_axes * n]);
        let mut slopes = self.slopes();
        self.differentiate(Scalar::new(), &parameters.decoder_scale, &conditioned, &sample, &mut slopes);
        let mut factor = Array2::zeros((n, n));
        for (i, (mut row, scale)) in factor.outer_iter_mut().zip(&parameters.decoder_scale).enumerate() {
            let values = &parameters.encoder_factor[triangle_row(i)];
            row.iter_mut().zip(values).for_each(|(to, s)| *to = scale * s);
        }
        let mut spread = self.rows.dot(&factor);
        spread.outer_iter_mut().zip(&conditioned.gain).for_each(|(mut row, gain)| row *= *gain);
        slopes.value + self.n_responses * spread.iter().map(|v| v * v).sum::<f64>() / parameters.noise_var
    }
}
