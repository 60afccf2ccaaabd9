"""The papers' linear models as modules, to be trained inside any PyTorch loop."""

import math
from typing import Self

import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from .. import _core
from .._input.interchange import to_numpy
from .._input.parameters import check_type
from ..exceptions import ParameterError, ShapeError
from ..regression.vae_slr import VaeSlr
from ._tensors import check_tensor
from .energies import elbo_energy

__all__ = ["LinearVae", "SparseDecoder"]


class SparseDecoder(nn.Module):
    r"""The papers' decoder, :math:`X\, \mathrm{diag}(w_x) z`.

    Parameters
    ----------
    X : Tensor of shape (n_samples, n_features)
        Design; kept as a buffer. Its dtype and device are the module's.
    scale : float, default=0.1
        First value of every entry of `decoder_scale`.

    Attributes
    ----------
    decoder_scale : Parameter of shape (n_features,)
        :math:`w_x`; its square is the prior variance.

    Raises
    ------
    DataTypeError, ShapeError
        If `X` is no dense matrix of float32 or float64.
    ParameterError
        If `scale` is no number.

    References
    ----------
    Pratihar and Mukhopadhyay (2025), "Be a Goldfish", sec. 4.

    Examples
    --------
    >>> import torch
    >>> from sparsevae.torch import SparseDecoder
    >>> decoder = SparseDecoder(torch.eye(2), scale=0.5)
    >>> decoder(torch.tensor([2.0, 4.0])).tolist()
    [1.0, 2.0]
    """

    X: Tensor

    def __init__(self, X: Tensor, *, scale: float = 0.1) -> None:
        super().__init__()
        design = check_tensor("X", X)
        if design.ndim != 2:
            raise ShapeError(f"`X` has shape {tuple(design.shape)}, but (n_samples, n_features) is needed")
        check_type("scale", scale, (int, float), "a number")
        self.register_buffer("X", design.detach().clone())
        self.decoder_scale = nn.Parameter(torch.full_like(design[0], scale))

    @property
    def prior_var(self) -> Tensor:
        """Prior variances, shape (n_features,)."""
        return self.decoder_scale.square()

    def forward(self, z: Tensor) -> Tensor:
        """Decode.

        Parameters
        ----------
        z : Tensor of shape (n_features,) or (..., n_features, n_responses)
            Latent variables.

        Returns
        -------
        Tensor of shape (n_samples,) or (..., n_samples, n_responses)
            Mean of the responses.
        """
        return (self.X * self.decoder_scale) @ z


class LinearVae(nn.Module):
    r"""The papers' linear autoencoder with one decoder, encoder and noise variance.

    The decoder is :math:`N(X\, \mathrm{diag}(w_x) z, \gamma I)`, the encoder :math:`N(W y, S S^T)`.

    Parameters
    ----------
    X : Tensor of shape (n_samples, n_features)
        Design; kept as a buffer. Its dtype and device are the module's.
    noise_var : float, default=0.1
        First value of :math:`\gamma`, in squared units of the response.
    intercept : float, default=0.0
        What is taken from every response first.

    Attributes
    ----------
    decoder : SparseDecoder
        With the parameter `decoder_scale`, :math:`w_x`; 0.1 at the start.
    encoder_weights : Parameter of shape (n_features, n_samples)
        :math:`W`; 0 at the start.
    encoder_factor : Parameter of shape (n_features, n_features)
        :math:`S`, of which the lower triangle counts; the identity at the start.
    log_noise_var : Parameter of shape ()
        :math:`\log \gamma`.

    Raises
    ------
    DataTypeError, ShapeError, ParameterError
        If `X` is no dense matrix of float32 or float64, or a number is out of its range.

    Notes
    -----
    The paper draws the latent; here the bound is its mean over draws, so training needs no sampling. One step costs
    ``O(n_samples * n_features**2)``.

    References
    ----------
    Pratihar and Mukhopadhyay (2025), "Be a Goldfish", sec. 4, eqs. 13, 14, 21 and 23.

    Examples
    --------
    >>> import torch
    >>> from sparsevae.torch import LinearVae
    >>> model = LinearVae(torch.eye(2, dtype=torch.float64))
    >>> optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    >>> for _ in range(1000):
    ...     optimizer.zero_grad()
    ...     loss = -model.elbo(torch.tensor([3.0, 0.0], dtype=torch.float64))
    ...     loss.backward()
    ...     optimizer.step()
    >>> [round(value, 1) for value in model.recover(torch.tensor([3.0, 0.0], dtype=torch.float64)).tolist()]
    [3.0, 0.0]
    """

    intercept: Tensor

    def __init__(self, X: Tensor, *, noise_var: float = 0.1, intercept: float = 0.0) -> None:
        super().__init__()
        self.decoder = SparseDecoder(X)
        check_type("noise_var", noise_var, (int, float), "a number greater than 0")
        check_type("intercept", intercept, (int, float), "a number")
        if not 0.0 < noise_var < math.inf:
            raise ParameterError(f"`noise_var` is {noise_var!r}, but it must be finite and greater than 0")
        design = self.decoder.X
        self.register_buffer("intercept", design.new_tensor(intercept))
        self.encoder_weights = nn.Parameter(torch.zeros_like(design.mT, memory_format=torch.contiguous_format))
        size = design.shape[1]
        self.encoder_factor = nn.Parameter(torch.eye(size, dtype=design.dtype, device=design.device))
        self.log_noise_var = nn.Parameter(design.new_tensor(math.log(noise_var)))

    @property
    def noise_var(self) -> Tensor:
        r"""The noise variance, :math:`\gamma`."""
        return self.log_noise_var.exp()

    def energy(self, y: Tensor) -> Tensor:
        """Evaluate :func:`elbo_energy` at the module's parameters.

        Parameters
        ----------
        y : Tensor of shape (n_samples,) or (..., n_samples, n_responses)
            Responses.

        Returns
        -------
        Tensor of shape (...)
            Twice the negative bound, less a constant; one number for all responses of a matrix.

        Raises
        ------
        DataTypeError, ShapeError, NonFiniteError, ParameterError
            As in :func:`elbo_energy`.
        """
        design, scale = self.decoder.X, self.decoder.decoder_scale
        left = check_tensor("y", y) - self.intercept
        return elbo_energy(self.encoder_weights, self.encoder_factor, scale, self.noise_var, design, left)

    def elbo(self, y: Tensor) -> Tensor:
        """Evaluate the evidence lower bound, in nats: what training makes large.

        Parameters
        ----------
        y : Tensor of shape (n_samples,) or (..., n_samples, n_responses)
            Responses.

        Returns
        -------
        Tensor of shape (...)
            The bound; one number for all responses of a matrix.

        Raises
        ------
        DataTypeError, ShapeError, NonFiniteError, ParameterError
            As in :func:`elbo_energy`.
        """
        energy = self.energy(y)
        observations = y.shape[0] if y.ndim == 1 else y.shape[-2] * y.shape[-1]
        return -0.5 * (energy + observations * math.log(2.0 * math.pi))

    def recover(self, y: Tensor) -> Tensor:
        r"""Compute the coefficients that the encoder expects, :math:`\mathrm{diag}(w_x) W y`.

        Parameters
        ----------
        y : Tensor of shape (n_samples,) or (..., n_samples, n_responses)
            Responses.

        Returns
        -------
        Tensor of shape (n_features,) or (..., n_features, n_responses)
            Coefficients, in units of `y` over units of the column.
        """
        return (self.decoder.decoder_scale[:, None] * self.encoder_weights) @ (y - self.intercept)

    def forward(self, y: Tensor) -> Tensor:
        """Encode and decode: the response that the recovered coefficients stand for.

        Parameters
        ----------
        y : Tensor of shape (n_samples,) or (..., n_samples, n_responses)
            Responses.

        Returns
        -------
        Tensor
            Of the shape of `y`.
        """
        fitted: Tensor = self.decoder(self.encoder_weights @ (y - self.intercept))
        return fitted + self.intercept

    @torch.no_grad()
    def set_best_encoder(self) -> Self:
        r"""Set the encoder to the best one for decoder and noise variance.

        Returns
        -------
        self
            The module.

        Notes
        -----
        :math:`S S^T = (D^T D / \gamma + I)^{-1}` and :math:`W = S S^T D^T / \gamma` with
        :math:`D = X\, \mathrm{diag}(w_x)`, by a QR decomposition in float64: the bound is then the evidence.
        """
        design, scale, size = self.decoder.X, self.decoder.decoder_scale, self.decoder.X.shape[1]
        decoder = (design.double() * scale.double()) / self.noise_var.double().sqrt()
        eye = torch.eye(size, dtype=decoder.dtype, device=decoder.device)
        # From the last column to the first, so that the inverse of the precision has a lower triangular factor.
        upper = torch.linalg.qr(torch.cat([decoder, eye]).flip(1), mode="r")[1]
        factor = torch.linalg.solve_triangular(upper.flip(0, 1), eye, upper=False)
        factor = factor * factor.diagonal().sign()
        self.encoder_factor.copy_(factor)
        self.encoder_weights.copy_(factor @ (factor.mT @ decoder.mT) / self.noise_var.double().sqrt())
        return self

    @classmethod
    def from_estimator(cls, estimator: VaeSlr, X: Tensor) -> Self:
        """Make the module that a fitted estimator stands for, with the best encoder.

        Parameters
        ----------
        estimator : VaeSlr
            A fitted estimator; its prior variances, noise variance and intercept are taken over.
        X : Tensor of shape (n_samples, n_features)
            The design of the fit, uncentred.

        Returns
        -------
        LinearVae
            Of the dtype and on the device of `X`. At a small noise variance :meth:`recover` gives the estimator's
            coefficients.

        Raises
        ------
        ParameterError
            If `estimator` is of another type.
        NotFittedError
            If it is not fitted.
        DataTypeError, ShapeError
            If `X` is no dense matrix of float32 or float64, or its columns are not those of the fit.
        """
        if not isinstance(estimator, VaeSlr):
            raise ParameterError(f"`estimator` is {estimator!r}, but it must be a VaeSlr")
        check_is_fitted(estimator)
        model = cls(X, noise_var=float(estimator.noise_var_), intercept=float(estimator.intercept_))
        wanted = len(estimator.prior_var_)
        if X.shape[1] != wanted:
            raise ShapeError(f"`X` has {X.shape[1]} columns, but `estimator` was fitted to {wanted}")
        with torch.no_grad():
            model.decoder.decoder_scale.copy_(torch.as_tensor(estimator.prior_var_).sqrt())
        return model.set_best_encoder()

    def to_estimator(self, y: Tensor, *, support_rule: str = "evidence") -> VaeSlr:
        """Make an estimator of the trained prior variances and noise variance.

        Parameters
        ----------
        y : Tensor of shape (n_samples,)
            The response.
        support_rule : {"evidence", "ebic", "posterior"}, default="evidence"
            As in `VaeSlr`.

        Returns
        -------
        VaeSlr
            A fitted estimator at the module's noise variance, as by a fit of tensors: its prior variances are one step
            of EM from the module's, its support and coefficients what `support_rule` chooses.

        Raises
        ------
        DataTypeError, ShapeError, NonFiniteError, ParameterError, NumericalError
            As in ``VaeSlr.fit``.
        """
        if check_tensor("y", y).ndim != 1:
            raise ShapeError(f"`y` has shape {tuple(y.shape)}, but (n_samples,) is needed: one response")
        estimator = VaeSlr(
            optimizer="em",
            noise_var=float(self.noise_var.detach()),
            support_rule=support_rule,
            fit_intercept=False,
        )
        design = self.decoder.X.double().numpy(force=True)
        response = (y - self.intercept).double().numpy(force=True)
        precision = torch.finfo(self.decoder.X.dtype).eps / 2
        start = self.decoder.prior_var.double()[None, :].numpy(force=True), [0]
        arguments = estimator._arguments() | {"start": start, "max_iter": 1, "precision": precision}
        prepared = estimator._prepare(design, response.reshape(-1, 1), arguments, None)
        estimator._absorb(_core.fit(design, response, arguments, 1, None), len(design), precision, prepared)
        estimator.n_features_in_ = design.shape[1]
        estimator.intercept_ = estimator.intercept_ + type(estimator.intercept_)(self.intercept.item())
        fitted: VaeSlr = to_numpy("y", y)[1].give_back(estimator)
        return fitted
