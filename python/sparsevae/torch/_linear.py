"""What the papers' linear models share as modules: decoder, encoder, noise variance and bound."""

import math
from typing import Any, Self

import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from .._input.parameters import check_type
from ..exceptions import ParameterError, ShapeError
from ._tensors import check_tensor
from .energies import elbo_energy


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


class LinearModel(nn.Module):
    r"""Decoder, encoder and noise variance, and the bound at them; not public."""

    intercept: Tensor

    def __init__(self, X: Tensor, noise_var: float, intercept: Tensor | float) -> None:
        super().__init__()
        self.decoder = SparseDecoder(X)
        check_type("noise_var", noise_var, (int, float), "a number greater than 0")
        if not 0.0 < noise_var < math.inf:
            raise ParameterError(f"`noise_var` is {noise_var!r}, but it must be finite and greater than 0")
        design = self.decoder.X
        self.register_buffer("intercept", torch.as_tensor(intercept, dtype=design.dtype, device=design.device).clone())
        self.encoder_weights = nn.Parameter(torch.zeros_like(design.mT, memory_format=torch.contiguous_format))
        size = design.shape[1]
        self.encoder_factor = nn.Parameter(torch.eye(size, dtype=design.dtype, device=design.device))
        self.log_noise_var = nn.Parameter(design.new_tensor(math.log(noise_var)))

    @property
    def noise_var(self) -> Tensor:
        r"""The noise variance, :math:`\gamma`."""
        return self.log_noise_var.exp()

    def _sees(self, columns: Tensor) -> Tensor:
        """Columns of design or response as the encoder and the bound see them."""
        return columns

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
        seen, scale = self._sees(check_tensor("y", y) - self.intercept), self.decoder.decoder_scale
        return elbo_energy(
            self.encoder_weights, self.encoder_factor, scale, self.noise_var, self._sees(self.decoder.X), seen
        )

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
        return (self.decoder.decoder_scale[:, None] * self.encoder_weights) @ self._sees(y - self.intercept)

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
        fitted: Tensor = self.decoder(self.encoder_weights @ self._sees(y - self.intercept))
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
        design, scale, size = self._sees(self.decoder.X), self.decoder.decoder_scale, self.decoder.X.shape[1]
        decoder = (design.double() * scale.double()) / self.noise_var.double().sqrt()
        eye = torch.eye(size, dtype=decoder.dtype, device=decoder.device)
        # From the last column to the first, so that the inverse of the precision has a lower triangular factor.
        upper = torch.linalg.qr(torch.cat([decoder, eye]).flip(1), mode="r")[1]
        factor = torch.linalg.solve_triangular(upper.flip(0, 1), eye, upper=False)
        factor = factor * factor.diagonal().sign()
        self.encoder_factor.copy_(factor)
        self.encoder_weights.copy_(factor @ (factor.mT @ decoder.mT) / self.noise_var.double().sqrt())
        return self

    def _take(self, estimator: Any) -> Self:
        """Take over the prior variances of an estimator, and set the best encoder.

        Raises
        ------
        ParameterError, ShapeError
            If it has a prior that is no decoder's, or other columns.
        """
        prior_var = torch.as_tensor(estimator.prior_var_)
        if len(prior_var) != self.decoder.X.shape[1]:
            wanted = f"`estimator` was fitted to {len(prior_var)}"
            raise ShapeError(f"`X` has {self.decoder.X.shape[1]} columns, but {wanted}")
        if not bool(torch.isfinite(prior_var).all()):
            raise ParameterError("`estimator` has columns that are always in, whose prior variances are infinite")
        with torch.no_grad():
            self.decoder.decoder_scale.copy_(prior_var.sqrt())
        return self.set_best_encoder()


def check_estimator(estimator: object, kind: type, article: str = "a") -> None:
    """Refuse an estimator of another type, or one that is not fitted.

    Raises
    ------
    ParameterError, NotFittedError
        With what it is.
    """
    if not isinstance(estimator, kind):
        raise ParameterError(f"`estimator` is {estimator!r}, but it must be {article} {kind.__name__}")
    check_is_fitted(estimator)
