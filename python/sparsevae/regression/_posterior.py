"""The posterior over supports as fitted attributes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from .. import _core
from .._input.columns import multiply, take
from .._input.packing import PerColumn
from .._input.parameters import as_float, check_flag, check_optional_count
from ..exceptions import ParameterError
from ._base import CoreEstimator
from ._credible_sets import CredibleSet, find_credible_sets
from ._prepared import Adjusted

_COUNTS = ("n_nonzero", "max_nonzero", "n_choices")

# What is set only where the posterior over supports is known.
_ATTRIBUTES = (
    "inclusion_prob_",
    "background_var_",
    "n_effects_",
    "selection_path_",
    "selection_tolerance_",
    "_drawn",
    "_coef_draws",
    "_intercept_draws",
    "_places",
    "_sets",
)

_NONE = (
    "this fit has no posterior over supports: credible sets need `model_averaging` to be True, or `support_rule` "
    '"projection" where it is sampled'
)


class SupportPosterior(CoreEstimator):
    """Base of the estimators that sample the posterior over supports; not public."""

    inclusion_prob_ = PerColumn()
    _mean_share: float
    _adjusted: Adjusted | None

    def _arguments(self) -> dict[str, Any]:
        counts = {name: check_optional_count(name, getattr(self, name)) for name in _COUNTS}
        flag = check_flag("model_averaging", self.model_averaging)
        return super()._arguments() | counts | {"model_averaging": flag}

    def _is_empty(self, *, varies: bool) -> bool:
        """Tell whether there is nothing to predict by: an average has no zeros."""
        return not self.model_averaging and super()._is_empty(varies=varies)

    def _absorb_posterior(self, posterior: "_core.Posterior | None") -> None:
        """Set the attributes that describe the posterior, and remove those of an earlier fit."""
        for name in _ATTRIBUTES:
            self.__dict__.pop(name, None)
        if posterior is None:
            return
        self.inclusion_prob_ = posterior["inclusion_prob"]
        self.background_var_, self.n_effects_ = posterior["background_var"], posterior["n_effects"]
        self._drawn = posterior["drawn"]
        self._coef_draws, self._intercept_draws = posterior["coef_draws"], posterior["intercept_draws"]
        selection = posterior["selection"]
        self.selection_path_ = list(zip(selection["columns"], selection["loss"].tolist(), strict=True))
        self.selection_tolerance_ = selection["tolerance"]
        self._places = posterior["places"]
        if not self._is_sampled():
            return
        self.noise_var_ = posterior["noise_var"]
        if self.model_averaging:
            var = self._var_of_draws()
            if self._adjusted is not None:
                var[self._adjusted.columns] += self.noise_var_ * np.diag(self._adjusted.covariance)
            self.coef_var_ = var

    def _is_sampled(self) -> bool:
        """Tell whether there are draws, as there are not where the posterior is unknown or without doubt."""
        return len(getattr(self, "_coef_draws", ())) > 1

    def _var_of_draws(self) -> NDArray[np.float64]:
        """Variance of the coefficients over the draws, the mean over axes."""
        n_draws, n_axes = self._intercept_draws.shape
        var = np.zeros_like(self.inclusion_prob_)
        var[self._drawn] = self._coef_draws.reshape(n_draws, n_axes, -1).var(axis=0, ddof=1).mean(axis=0)
        return var

    def _sampled_var(self, X: Any) -> NDArray[np.float64]:
        """Variance of new responses: of the noise, and of predictions over the draws, the mean over axes."""
        n_draws, n_axes = self._intercept_draws.shape
        drawn = X if len(self._drawn) == X.shape[1] else take(X, self._drawn)
        predicted = multiply(drawn, self._coef_draws.reshape(n_draws * n_axes, -1).T) + self._intercept_draws.ravel()
        spread = predicted.reshape(-1, n_draws, n_axes).var(axis=1, ddof=1).mean(axis=1)
        share = 1 + self._mean_share + (0.0 if self._adjusted is None else self._adjusted.share(X))
        return np.asarray(self.noise_var_ * share + spread)

    @property
    def credible_sets_(self) -> list[NDArray[np.int64]]:
        """Columns of each credible set."""
        return [each.columns for each in self._default_sets()]

    @property
    def credible_set_prob_(self) -> NDArray[np.float64]:
        """Probability of each credible set."""
        return np.array([each.prob for each in self._default_sets()])

    @property
    def credible_set_purity_(self) -> NDArray[np.float64]:
        """Smallest absolute correlation in each credible set."""
        return np.array([each.purity for each in self._default_sets()])

    def _default_sets(self) -> list[CredibleSet]:
        """Find the credible sets at their defaults, once: not every fit is asked for them."""
        if "_places" not in self.__dict__:
            raise AttributeError(_NONE)
        if "_sets" not in self.__dict__:
            self._sets = self.credible_sets()
        return self._sets

    def credible_sets(
        self, *, coverage: float = 0.95, purity: float = 0.5, min_prob: float | None = None
    ) -> list[CredibleSet]:
        """Find sets of correlated columns, of which at least one has an effect with probability `coverage`.

        Where columns are correlated, the data can often tell that there is an effect, but not at which of them: a
        credible set names them all.

        Parameters
        ----------
        coverage : float, default=0.95
            Smallest probability, between 0 and 1, that a set holds an effect.
        purity : float, default=0.5
            Smallest absolute correlation within a set, from 0 to 1.
        min_prob : float or None, default=None
            With a number between 0 and 1, `coverage` is the probability that a set holds the effect given that there is
            one among the columns that correlate with its most probable one, and `min_prob` the smallest probability
            that there is. 0.6 has the power of SuSiE on genotypes, but where data say less more than one set in twenty
            may be false; `prob` says how sure each is.

        Returns
        -------
        list of CredibleSet
            Disjoint sets with fields `columns`, `prob` and `purity`, each as small as `coverage` allows, the one with
            the most probable column first.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        ParameterError
            If the fit has no posterior over supports, or a parameter is out of its range.

        Notes
        -----
        Sets are made of columns with an inclusion probability above 0.005, the 500 most probable at most.

        Examples
        --------
        >>> import numpy as np
        >>> from sparsevae import VaeSlr
        >>> rng = np.random.default_rng(0)
        >>> X = rng.standard_normal((100, 50))
        >>> X[:, 7] = X[:, 3] + 0.01 * rng.standard_normal(100)
        >>> y = X[:, 3] + rng.standard_normal(100)
        >>> [each.columns.tolist() for each in VaeSlr().fit(X, y).credible_sets()]
        [[3, 7]]
        """
        check_is_fitted(self)
        if not hasattr(self, "_places"):
            raise ParameterError(_NONE)
        between = "a number between 0 and 1"
        given = {"coverage": coverage, "purity": purity} | ({} if min_prob is None else {"min_prob": min_prob})
        read = {name: as_float(name, value, between) for name, value in given.items()}
        for name, value in read.items():
            # A correlation may be 0 or 1; none of the probabilities.
            if not (0 <= value <= 1 if name == "purity" else 0 < value < 1):
                raise ParameterError(f"`{name}` is {given[name]!r}, but it must be {between}")
        return find_credible_sets(self._places, read["coverage"], read["purity"], read.get("min_prob"))
