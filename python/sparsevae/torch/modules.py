"""The papers' linear models as modules, to be trained inside any PyTorch loop."""

from typing import Self

import torch
from torch import Tensor

from .. import _core
from .._input.interchange import to_numpy
from .._input.parameters import as_float, check_type
from ..exceptions import ParameterError, ShapeError
from ..regression.preconditioned_vae import PreconditionedVae
from ..regression.simultaneous_sparse_vae import SimultaneousSparseVae
from ..regression.vae_slr import VaeSlr
from ._linear import LinearModel, SparseDecoder, check_estimator
from ._tensors import check_tensor

__all__ = ["LinearVae", "PreconditionedLinearVae", "RowSparseVae", "SparseDecoder"]


class LinearVae(LinearModel):
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

    def __init__(self, X: Tensor, *, noise_var: float = 0.1, intercept: float = 0.0) -> None:
        check_type("intercept", intercept, (int, float), "a number")
        super().__init__(X, noise_var, intercept)

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
            If `estimator` is of another type, or has columns that are always in.
        NotFittedError
            If it is not fitted.
        DataTypeError, ShapeError
            If `X` is no dense matrix of float32 or float64, or its columns are not those of the fit.
        """
        check_estimator(estimator, VaeSlr)
        return cls(X, noise_var=float(estimator.noise_var_), intercept=float(estimator.intercept_))._take(estimator)

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


class RowSparseVae(LinearModel):
    r"""The model of :class:`~sparsevae.SimultaneousSparseVae` as a module: several responses, one encoder and decoder.

    The decoder is :math:`N(X\, \mathrm{diag}(w_x) z_l, \gamma I)` for each response :math:`y_l`, the encoder
    :math:`N(W y_l, S S^T)`: the responses share the columns that explain them.

    Parameters
    ----------
    X : Tensor of shape (n_samples, n_features)
        Design; kept as a buffer. Its dtype and device are the module's.
    noise_var : float, default=0.1
        First value of :math:`\gamma`, in squared units of the responses.
    intercept : float or Tensor of shape (n_responses,), default=0.0
        What is taken from each response first.

    Attributes
    ----------
    decoder, encoder_weights, encoder_factor, log_noise_var
        As in :class:`LinearVae`.

    Raises
    ------
    DataTypeError, ShapeError, ParameterError
        As in :class:`LinearVae`, and if `intercept` has more than one dimension.

    Notes
    -----
    The bound is the sum of those of the responses, in the mean over draws of the latent variables. One step costs
    ``O(n_samples * n_features * (n_features + n_responses))``.

    References
    ----------
    Wipf (2023), "Marginalization is not Marginal", eqs. 5 and 7.

    Examples
    --------
    >>> import torch
    >>> from sparsevae.torch import RowSparseVae
    >>> model = RowSparseVae(torch.eye(2, dtype=torch.float64))
    >>> Y = torch.tensor([[3.0, -3.0], [0.0, 0.0]], dtype=torch.float64)
    >>> optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    >>> for _ in range(1000):
    ...     optimizer.zero_grad()
    ...     loss = -model.elbo(Y)
    ...     loss.backward()
    ...     optimizer.step()
    >>> [[round(value, 1) + 0.0 for value in row] for row in model.recover(Y).tolist()]
    [[3.0, -3.0], [0.0, 0.0]]
    """

    def __init__(self, X: Tensor, *, noise_var: float = 0.1, intercept: Tensor | float = 0.0) -> None:
        check_type("intercept", intercept, (int, float, Tensor), "a number or a tensor")
        if isinstance(intercept, Tensor) and intercept.ndim > 1:
            raise ShapeError(f"`intercept` has shape {tuple(intercept.shape)}, but (n_responses,) is needed")
        super().__init__(X, noise_var, intercept)

    @classmethod
    def from_estimator(cls, estimator: SimultaneousSparseVae, X: Tensor) -> Self:
        """Make the module that a fitted estimator stands for, with the best encoder.

        Parameters
        ----------
        estimator : SimultaneousSparseVae
            A fitted estimator; its prior variances, noise variance and intercepts are taken over.
        X : Tensor of shape (n_samples, n_features)
            The design of the fit, uncentred.

        Returns
        -------
        RowSparseVae
            Of the dtype and on the device of `X`. At a small noise variance :meth:`recover` gives the estimator's
            coefficients, transposed.

        Raises
        ------
        ParameterError
            If `estimator` is of another type, has columns that are always in, or was fitted with a `noise_cov`: whiten
            the data and fit those.
        NotFittedError
            If it is not fitted.
        DataTypeError, ShapeError
            If `X` is no dense matrix of float32 or float64, or its columns are not those of the fit.
        """
        check_estimator(estimator, SimultaneousSparseVae)
        if estimator.noise_cov is not None:
            raise ParameterError("`estimator` has a `noise_cov`, but the module has none: whiten the data, fit those")
        intercept = torch.as_tensor(estimator.intercept_)
        return cls(X, noise_var=float(estimator.noise_var_), intercept=intercept)._take(estimator)


class PreconditionedLinearVae(LinearModel):
    r"""The model of :class:`~sparsevae.PreconditionedVae` as a module.

    As :class:`LinearVae` with :math:`P X` and :math:`P y` in the place of :math:`X` and :math:`y`, where
    :math:`P = (X X^T + \gamma I)^{-p}` follows the noise variance :math:`\gamma`, which is trained.

    Parameters
    ----------
    X, noise_var, intercept
        As in :class:`LinearVae`.
    power : float, default=1.0
        :math:`p`; 1 as in the paper.

    Attributes
    ----------
    decoder, encoder_weights, encoder_factor, log_noise_var
        As in :class:`LinearVae`; the encoder is :math:`N(W P y, S S^T)`.
    power : float
        :math:`p`.

    Raises
    ------
    DataTypeError, ShapeError, ParameterError
        As in :class:`LinearVae`.

    Notes
    -----
    Left singular vectors and squared singular values of `X` are found once and kept as buffers: one step costs
    ``O(n_samples * n_features * (n_samples + n_features))``. At the best encoder the energy is
    :func:`preconditioned_energy`.

    References
    ----------
    Pratihar and Mukhopadhyay (2025), "Be a Goldfish", sec. 4.1, eqs. 16 to 18.

    Examples
    --------
    >>> import torch
    >>> from sparsevae.torch import PreconditionedLinearVae, preconditioned_energy
    >>> X, y = torch.tensor([[1.0, 0.5], [0.0, 2.0]], dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    >>> model = PreconditionedLinearVae(X, noise_var=0.5).set_best_encoder()
    >>> energy = preconditioned_energy(model.decoder.prior_var, model.noise_var, X, y)
    >>> bool(torch.isclose(model.energy(y), energy))
    True
    """

    squares: Tensor
    vectors: Tensor

    def __init__(self, X: Tensor, *, noise_var: float = 0.1, intercept: float = 0.0, power: float = 1.0) -> None:
        check_type("intercept", intercept, (int, float), "a number")
        super().__init__(X, noise_var, intercept)
        self.power = as_float("power", power, "a number")
        design = self.decoder.X.double()
        n_samples, n_features = design.shape
        vectors, singular, _ = torch.linalg.svd(design, full_matrices=n_samples > n_features)
        squares = torch.nn.functional.pad(singular.square(), (0, n_samples - len(singular)))
        self.register_buffer("squares", squares.to(X.dtype))
        self.register_buffer("vectors", vectors.to(X.dtype))

    def _sees(self, columns: Tensor) -> Tensor:
        gains = (self.squares + self.noise_var) ** -self.power
        return (self.vectors * gains) @ (self.vectors.mT @ columns)

    @classmethod
    def from_estimator(cls, estimator: PreconditionedVae, X: Tensor) -> Self:
        """Make the module that a fitted estimator stands for, with the best encoder.

        Parameters
        ----------
        estimator : PreconditionedVae
            A fitted estimator; its power, prior variances, noise variance and intercept are taken over.
        X : Tensor of shape (n_samples, n_features)
            The design of the fit, uncentred: `P` is of these columns, that of a fit with an intercept of centred ones.

        Returns
        -------
        PreconditionedLinearVae
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
        check_estimator(estimator, PreconditionedVae)
        noise_var, intercept = float(estimator.noise_var_), float(estimator.intercept_)
        return cls(X, noise_var=noise_var, intercept=intercept, power=float(estimator.power))._take(estimator)
