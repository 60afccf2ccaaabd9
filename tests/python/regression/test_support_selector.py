"""The support of an estimator as a step of a pipeline."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import sparsevae
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks
from sparsevae import PreconditionedVae, SimultaneousSparseVae, SupportSelector, VaeSlr
from sparsevae.datasets import make_sparse_regression
from sparsevae.exceptions import NonFiniteError, ParameterError

X = np.random.default_rng(0).standard_normal((20, 40))
# The small coefficient is below the mean of the others, which SelectFromModel takes for its threshold.
COEF = np.zeros(40)
COEF[[3, 14, 15]] = 1.0, -2.0, 0.01
Y = X @ COEF
FRAME = pd.DataFrame(X, columns=[f"c{j}" for j in range(40)])


@pytest.mark.filterwarnings("ignore:.*no column was chosen", "ignore:No features were selected")
@parametrize_with_checks([SupportSelector(VaeSlr())])
def test_scikit_learn_checks_pass(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", [VaeSlr(), PreconditionedVae(), SimultaneousSparseVae()], ids=str)
def test_the_support_is_kept_as_it_is(estimator):
    response = Y[:, None] if isinstance(estimator, SimultaneousSparseVae) else Y
    selector = SupportSelector(estimator).fit(X, response)
    np.testing.assert_array_equal(selector.get_support(indices=True), [3, 14, 15])
    np.testing.assert_array_equal(selector.transform(X), X[:, [3, 14, 15]])
    assert not hasattr(estimator, "support_")


def test_names_come_out_as_they_went_in():
    selector = SupportSelector(VaeSlr()).fit(FRAME, Y)
    assert selector.get_feature_names_out().tolist() == ["c3", "c14", "c15"]
    chosen = selector.set_output(transform="pandas").transform(FRAME)
    pd.testing.assert_frame_equal(chosen, FRAME[["c3", "c14", "c15"]])
    assert not hasattr(selector.fit(X, Y), "feature_names_in_")


def test_it_is_a_step_of_a_pipeline():
    data = make_sparse_regression(80, 20, n_nonzero=4, snr_db=30, random_state=0)
    model = clone(make_pipeline(SupportSelector(VaeSlr()), LinearRegression())).fit(data.X, data.y)
    assert model[-1].coef_.shape == (4,)
    model.set_params(supportselector__estimator__noise_var=0.1)
    assert model[0].estimator.noise_var == 0.1


@pytest.mark.parametrize("estimator", [None, VaeSlr, "VaeSlr", LinearRegression()])
def test_what_finds_no_support_is_refused(estimator):
    with pytest.raises(ParameterError, match=r"`estimator` is .*, but it must be an estimator with the attribute"):
        SupportSelector(estimator).fit(X, Y)


def test_errors_are_those_of_the_estimator():
    with pytest.raises(NonFiniteError, match="`y`"):
        SupportSelector(VaeSlr()).fit(X, Y * np.nan)
    with pytest.raises(NotFittedError):
        SupportSelector(VaeSlr()).transform(X)


def test_the_package_is_imported_without_what_only_the_selector_needs():
    code = (
        "import sys, sparsevae, sparsevae.regression as regression\n"
        "assert 'sklearn.feature_selection' not in sys.modules\n"
        "assert 'SupportSelector' in dir(sparsevae) and 'SupportSelector' in dir(regression)\n"
        "from sparsevae import SupportSelector\n"
        "assert SupportSelector is sparsevae.SupportSelector is regression.SupportSelector\n"
        "assert 'sklearn.feature_selection' in sys.modules\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize("module", [sparsevae, sparsevae.regression])
def test_other_names_are_still_no_attributes(module):
    with pytest.raises(AttributeError, match=f"module '{module.__name__}' has no attribute 'Selector'"):
        module.Selector  # noqa: B018


def test_a_fitted_one_is_unpickled_in_another_process(tmp_path):
    file = tmp_path / "selector.pkl"
    file.write_bytes(pickle.dumps(SupportSelector(VaeSlr()).fit(X, Y)))
    code = f"import pickle; print(pickle.load(open({str(file)!r}, 'rb')).get_support(indices=True))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[ 3 14 15]"
