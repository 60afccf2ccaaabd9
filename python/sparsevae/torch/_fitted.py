"""What a trained autoencoder does with samples, and what it says of its latent variables."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from .._input.parameters import check_count, check_option
from ..exceptions import ParameterError
from ._network import Autoencoder
from ._samples import Samples, read_latent, read_samples, standardised

_RULES = ("columns", "variance", "mean")
# Columns of the decoder's first weights below this share of the largest count as zero (Hidden Talents, sec. 5.2).
_ZERO_COLUMN = 0.05
# Posterior variances tend to 0 or to 1 (sec. 5.3); this is between.
_ZERO_VAR = 0.5
# Means of a root mean square below this, beside a prior of 1, count as zero. Burda, Grosse and Salakhutdinov (2016)
# take its square as the least variance of a mean.
_ZERO_MEAN = 0.1
# Rows that go through the networks at once.
_CHUNK = 8192


class FittedAutoencoder:
    """Methods of a fitted `ManifoldVae`."""

    allow_missing: bool
    network_: Autoencoder
    offset_: NDArray[np.float64]
    scale_: float
    n_components_: int
    column_norms_: NDArray[np.float64]
    posterior_var_: NDArray[np.float64]
    mean_moment_: NDArray[np.float64]

    def denoise(self, X: Any) -> Any:
        """Project samples to the manifold: the decoder's mean at the mean of the latent variables.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            Samples, seen before or not; NaN where an entry is missing, if `allow_missing`.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_features)
            Samples without outliers, missing entries filled in, in units of `X`; probabilities with Bernoulli's law. Of
            the library, dtype and device of `X`. A tensor that requires a gradient gives one that has it.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        ShapeError, NonFiniteError, DataTypeError
            As in :meth:`fit`, and if the columns are not those of the fit.
        ParameterError
            If an entry is not from 0 to 1, with Bernoulli's law.
        """
        return self._of_samples(X, lambda x: self._data_units(self.network_(x)))

    def transform(self, X: Any) -> Any:
        """Mean of the latent variables of samples.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            As for :meth:`denoise`.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_components)
            Means, without unit; of the library, dtype and device of `X`.

        Raises
        ------
        NotFittedError, ShapeError, NonFiniteError, DataTypeError
            As for :meth:`denoise`.
        """
        return self._of_samples(X, lambda x: self.network_.posterior(x).mean)

    def inverse_transform(self, X: Any) -> Any:
        """Decode latent variables.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_components)
            Latent variables, as from :meth:`transform`.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_features)
            The decoder's mean, in units of the data; probabilities with Bernoulli's law. Of the library, dtype
            and device of `X`.

        Raises
        ------
        NotFittedError, ShapeError, NonFiniteError, DataTypeError
            As for :meth:`denoise`.
        """
        check_is_fitted(self)
        samples = read_latent(X, self.n_components_)
        inputs = samples.values.to(self._device(), torch.float32)
        return self._apply(samples, inputs, lambda z: self._data_units(self.network_.decode(z)))

    def posterior_var(self, X: Any) -> Any:
        """Posterior variances of the latent variables of samples.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            As for :meth:`denoise`.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_components)
            Diagonals of the encoder's covariances; 0 without one. Of the library, dtype and device of `X`.

        Raises
        ------
        NotFittedError, ShapeError, NonFiniteError, DataTypeError
            As for :meth:`denoise`.
        """
        return self._of_samples(X, lambda x: self.network_.posterior(x).variances())

    def posterior_cov(self, X: Any) -> Any:
        """Posterior covariances of the latent variables of samples.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            As for :meth:`denoise`.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_components, n_components)
            The encoder's covariances; 0 without one. Of the library, dtype and device of `X`.

        Raises
        ------
        NotFittedError, ShapeError, NonFiniteError, DataTypeError
            As for :meth:`denoise`.
        """
        return self._of_samples(X, lambda x: self.network_.posterior(x).covariances())

    def posterior_var_statistics(self, X: Any, n_bins: int = 50) -> Bunch:
        """Summarise the posterior variances of samples: those of needed latent variables are near 0, others near 1.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            As for :meth:`denoise`.
        n_bins : int, default=50
            Bins of the histogram, from 0 to 1.25; what is larger is counted in the last.

        Returns
        -------
        Bunch
            - ``mean``, ndarray of shape (n_components,): mean of each latent variable, ascending
            - ``counts``, ndarray of shape (n_bins,), int: histogram over samples and latent variables
            - ``edges``, ndarray of shape (n_bins + 1,): edges of its bins
            - ``near_zero``, float: share below 0.5

        Raises
        ------
        NotFittedError, ShapeError, NonFiniteError, DataTypeError
            As for :meth:`denoise`.
        ParameterError
            If `n_bins` is no integer of at least 1.

        References
        ----------
        "Hidden Talents of the Variational Autoencoder", Figs. 3 and 4.
        """
        n_bins = check_count("n_bins", n_bins)
        found = self.posterior_var(X)
        variances: NDArray[np.float64] = np.asarray(found.cpu() if isinstance(found, Tensor) else found, np.float64)
        edges = np.linspace(0.0, 1.25, n_bins + 1)
        counts, _ = np.histogram(np.minimum(variances, edges[-1]), edges)
        mean = np.sort(variances.mean(axis=0))
        return Bunch(mean=mean, counts=counts, edges=edges, near_zero=float((variances < _ZERO_VAR).mean()))

    def active_dimensions(self, rule: str = "columns") -> NDArray[np.intp]:
        """List the latent variables that are used.

        Parameters
        ----------
        rule : {"columns", "variance", "mean"}, default="columns"
            "columns": the decoder's first weights on it have at least 5% of the norm of the largest. "variance": its
            mean posterior variance is below 0.5; for the variational autoencoder only. "mean": its posterior mean is
            not 0 for all samples of the fit: the root mean square is above 0.1.

        Returns
        -------
        ndarray of shape (n_active,), int
            Their indices, ascending.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        ParameterError
            If there is no such rule, no variance, or the decoder does not begin with weights on latent variables.

        See Also
        --------
        active_directions : The same of a full covariance, with which the axes of the latent space mean nothing.

        References
        ----------
        "Hidden Talents of the Variational Autoencoder", sec. 5.2 for the first rule, 5.3 for the second.
        "Marginalization is not Marginal", Definition 3.1, for the third.
        """
        check_is_fitted(self)
        check_option("rule", rule, _RULES)
        if rule == "variance":
            if self.network_.log_var is None:
                raise ParameterError("`rule` is 'variance', but a deterministic autoencoder has none: take 'columns'")
            return np.flatnonzero(self.posterior_var_ < _ZERO_VAR)
        if rule == "mean":
            return np.flatnonzero(self.mean_moment_.diagonal() > _ZERO_MEAN**2)
        if np.isnan(self.column_norms_).any():
            raise ParameterError(
                "`rule` is 'columns', but the decoder of `networks` does not begin with a linear layer on the latent "
                "variables: take 'mean'"
            )
        return np.flatnonzero(self.column_norms_ >= _ZERO_COLUMN * self.column_norms_.max())

    def active_directions(self) -> NDArray[np.float64]:
        r"""Find the directions of the latent space that are used, as many as no rotation of it makes fewer.

        With a full covariance the energy does not change where the latent space is turned and the decoder's first
        layer turned back, so that training ends in any coordinates: all of them may be in use where few directions are.
        Definition 3.1 asks for the fewest that any decoder and encoder reach.

        Returns
        -------
        ndarray of shape (n_active, n_components)
            Orthonormal rows, in falling order of the root mean square of the posterior means along them over the
            samples of the fit, which is above 0.1.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.

        Notes
        -----
        They are eigenvectors of `mean_moment_`; costs ``O(n_components**3)``.

        References
        ----------
        Wipf, "Marginalization is not Marginal", Definition 3.1. Dai et al., "Hidden Talents of the Variational
        Autoencoder", Theorem 2, for the rotations.
        """
        check_is_fitted(self)
        values, vectors = np.linalg.eigh(self.mean_moment_)
        return vectors.T[::-1][values[::-1] > _ZERO_MEAN**2]

    def _summarise(self, data: Tensor, observed: Tensor | None) -> None:
        """Set what is known of the latent variables and the residuals of the samples of the fit."""
        size, device = self.n_components_, data.device
        variances, moment = (torch.zeros(shape, dtype=torch.float64, device=device) for shape in (size, (size, size)))
        error = count = 0.0
        with torch.no_grad():
            # A part at a time: the hidden layers of all samples together may not fit.
            for rows in torch.split(torch.arange(len(data), device=device), _CHUNK):
                x = data[rows]
                posterior = self.network_.posterior(x)
                mean = posterior.mean.double()
                moment += mean.mT @ mean
                variances += posterior.variances().double().sum(0)
                square = (x - self.network_.decode(posterior.mean)).square()
                seen = torch.ones_like(square) if observed is None else observed[rows]
                error += float((square * seen).double().sum())
                count += float(seen.sum())
        self.posterior_var_ = (variances / len(data)).cpu().numpy()
        self.mean_moment_ = (moment / len(data)).cpu().numpy()
        self.reconstruction_error_ = error / count * self.scale_ * self.scale_
        weights = self.network_.first_weights()
        norms = torch.full((size,), torch.nan) if weights is None else weights.norm(dim=0)
        self.column_norms_ = norms.cpu().numpy().astype(np.float64)

    def _device(self) -> torch.device:
        return self.network_.mean.weight.device

    def _data_units(self, x: Tensor) -> Tensor:
        return x.double() * self.scale_ + torch.from_numpy(self.offset_).to(x.device)

    def _of_samples(self, X: Any, function: Callable[[Tensor], Tensor]) -> Any:
        """Apply a function to samples in the units of the training."""
        check_is_fitted(self)
        samples = read_samples(
            self, X, reset=False, missing=bool(self.allow_missing), likelihood=self.network_.likelihood
        )
        offset = torch.from_numpy(self.offset_).to(samples.values.device, samples.values.dtype)
        return self._apply(samples, standardised(samples.values, offset, self.scale_, self._device())[0], function)

    def _apply(self, samples: Samples, inputs: Tensor, function: Callable[[Tensor], Tensor]) -> Any:
        """Apply a function to rows, a part at a time, with a graph if the samples are part of one."""
        with torch.set_grad_enabled(samples.values.requires_grad):
            return samples.give_back(torch.cat([function(part) for part in torch.split(inputs, _CHUNK)]))
