"""Training problems, their components and combinators, and the partial cosine transform through the public API."""

import numpy as np
import pytest
from scipy.fft import dct
from sparsevae import datasets
from sparsevae.exceptions import NonFiniteError, ParameterError, ShapeError

LAWS = ["gaussian", "rademacher", "uniform"]
DESIGNS = {
    "gaussian": datasets.make_gaussian_design,
    "random_walk": datasets.make_random_walk_design,
    "partial_dct": datasets.make_partial_dct_design,
}


def nonzeros(matrix, axis):
    return np.count_nonzero(matrix, axis=axis)


@pytest.mark.parametrize("rows", ["random", "low"])
@pytest.mark.parametrize(("n_samples", "n_features"), [(1, 1), (7, 30), (25, 25), (33, 101)])
def test_rows_are_those_of_scipys_transform(rows, n_samples, n_features):
    X = datasets.make_partial_dct_design(n_samples, n_features, rows=rows, unit_norm=False, random_state=0)
    full = dct(np.eye(n_features), axis=0, norm="ortho")
    place = np.argmax(np.abs(full @ X.T), axis=0)
    np.testing.assert_allclose(X, full[place], rtol=0, atol=1e-14)
    assert (np.diff(place) > 0).all()
    if rows == "low":
        np.testing.assert_array_equal(place, np.arange(n_samples))


@pytest.mark.parametrize("rows", ["random", "low"])
def test_a_partial_transform_is_contiguous_float64_with_unit_columns(rows):
    X = datasets.make_partial_dct_design(30, 50, rows=rows, random_state=0)
    assert X.shape == (30, 50)
    assert X.dtype == np.float64
    assert X.flags.c_contiguous
    np.testing.assert_allclose(np.linalg.norm(X, axis=0), 1, rtol=1e-12)
    np.testing.assert_array_equal(X, datasets.make_partial_dct_design(30, 50, rows=rows, random_state=0))
    other = datasets.make_partial_dct_design(30, 50, rows=rows, random_state=1)
    assert np.array_equal(X, other) == (rows == "low")


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"n_samples": 0}, "n_samples"),
        ({"n_samples": 11}, "n_samples"),
        ({"n_features": 2.5}, "n_features"),
        ({"rows": "high"}, "rows"),
        ({"rows": None}, "rows"),
        ({"random_state": -1}, "random_state"),
    ],
)
def test_a_partial_transform_names_the_bad_argument(arguments, name):
    with pytest.raises(ParameterError, match=f"`{name}` is"):
        datasets.make_partial_dct_design(**{"n_samples": 4, "n_features": 10, **arguments})


@pytest.mark.parametrize("law", LAWS)
def test_components_have_the_stated_density_and_law(law):
    components = datasets.make_sparse_components(400, 500, 12.5, law=law, random_state=0)
    assert components.shape == (400, 500)
    assert components.dtype == np.float64
    assert components.flags.c_contiguous
    values = components[components != 0]
    assert values.size == pytest.approx(12.5 * 500, abs=5 * np.sqrt(12.5 * 500))
    assert nonzeros(components, 0).min() > 0
    assert np.mean(values) == pytest.approx(0, abs=5 / np.sqrt(values.size))
    assert np.mean(values**2) == pytest.approx(1, abs=5 * np.sqrt(2 / values.size))
    if law == "rademacher":
        np.testing.assert_array_equal(np.unique(values), [-1, 1])
    if law == "uniform":
        assert np.abs(values).max() <= np.sqrt(3)


@pytest.mark.parametrize("n_nonzero", [1e-200, 0.01, 1])
def test_no_component_is_zero(n_nonzero):
    assert nonzeros(datasets.make_sparse_components(30, 200, n_nonzero, random_state=0), 0).min() == 1


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"n_features": 0}, "n_features"),
        ({"n_components": "3"}, "n_components"),
        ({"n_nonzero": 0}, "n_nonzero"),
        ({"n_nonzero": -1.0}, "n_nonzero"),
        ({"n_nonzero": 10.5}, "n_nonzero"),
        ({"n_nonzero": np.nan}, "n_nonzero"),
        ({"n_nonzero": 10**400}, "n_nonzero"),
        ({"n_nonzero": "few"}, "n_nonzero"),
        ({"law": "rayleigh"}, "law"),
        ({"random_state": 1.5}, "random_state"),
    ],
)
def test_components_name_the_bad_argument(arguments, name):
    with pytest.raises(ParameterError, match=f"`{name}` is"):
        datasets.make_sparse_components(**{"n_features": 10, "n_components": 3, "n_nonzero": 2, **arguments})


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("balanced", [True, False])
def test_combinators_use_exactly_the_stated_number_of_components(law, balanced):
    combinators = datasets.make_combinators(20, 70, 3, balanced=balanced, law=law, random_state=0)
    assert combinators.shape == (20, 70)
    np.testing.assert_array_equal(nonzeros(combinators, 0), 3)
    assert (np.ptp(nonzeros(combinators, 1)) <= 1) == balanced


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"n_components": 0}, "n_components"),
        ({"n_problems": 0}, "n_problems"),
        ({"n_nonzero": 0}, "n_nonzero"),
        ({"n_nonzero": 6}, "n_nonzero"),
        ({"n_nonzero": 1.5}, "n_nonzero"),
        ({"balanced": 1}, "balanced"),
        ({"law": None}, "law"),
        ({"random_state": "0"}, "random_state"),
    ],
)
def test_combinators_name_the_bad_argument(arguments, name):
    with pytest.raises(ParameterError, match=f"`{name}` is"):
        datasets.make_combinators(**{"n_components": 5, "n_problems": 7, "n_nonzero": 2, **arguments})


@pytest.mark.parametrize("design", DESIGNS)
def test_problems_are_their_parts(design):
    problems = datasets.make_training_problems(30, 50, 8, n_nonzero=4.5, design=design, law="uniform", random_state=9)
    A = DESIGNS[design](30, 50, random_state=9)
    np.testing.assert_array_equal(problems.A, A)
    np.testing.assert_allclose(np.linalg.norm(A, axis=0), 1, rtol=1e-12)
    components = datasets.make_sparse_components(50, 8, 4.5, law="uniform", random_state=9)
    np.testing.assert_array_equal(problems.components, components)
    np.testing.assert_array_equal(problems.solutions, components @ problems.combinators)
    np.testing.assert_array_equal(problems.coef, components @ problems.test_combinators)
    np.testing.assert_array_equal(problems.B, A @ problems.solutions)
    np.testing.assert_array_equal(problems.b, A @ problems.coef)
    planted = datasets.plant_training_problems(
        A, n_components=8, n_nonzero=4.5, law="uniform", random_state=np.random.default_rng(0)
    )
    assert planted.keys() == problems.keys()
    planted = datasets.plant_training_problems(A, n_components=8, n_nonzero=4.5, law="uniform", random_state=9)
    for name, value in problems.items():
        np.testing.assert_array_equal(planted[name], value)


def test_shapes_are_the_documented_ones():
    problems = datasets.make_training_problems(12, 20, 7, n_nonzero=3, n_problems=15, n_test=2, random_state=0)
    assert {name: value.shape for name, value in problems.items()} == {
        "A": (12, 20),
        "B": (12, 15),
        "b": (12, 2),
        "components": (20, 7),
        "combinators": (7, 15),
        "test_combinators": (7, 2),
        "coef": (20, 2),
        "solutions": (20, 15),
        "hard": (15,),
    }
    assert problems.hard.dtype == np.bool_


@pytest.mark.parametrize(("hard_share", "n_hard"), [(0, 0), (0.15, 12), (0.157, 13), (0.5, 40), (1, 80)])
@pytest.mark.parametrize("hard_nonzero", [None, 5])
def test_hard_problems_have_their_share_and_easy_ones_their_balance(hard_share, n_hard, hard_nonzero):
    problems = datasets.make_training_problems(hard_share=hard_share, hard_nonzero=hard_nonzero, random_state=4)
    assert problems.hard.sum() == n_hard
    used = nonzeros(problems.combinators, 0)
    np.testing.assert_array_equal(used, np.where(problems.hard, hard_nonzero or 6, 2))
    easy = problems.combinators[:, ~problems.hard]
    assert np.ptp(nonzeros(easy, 1)) <= 1
    np.testing.assert_array_equal(nonzeros(problems.test_combinators, 0), 6)


def test_hard_problems_are_anywhere():
    sizes = {"n_samples": 4, "n_features": 6, "n_components": 3, "n_nonzero": 2, "n_problems": 5, "test_nonzero": 3}
    masks = [datasets.make_training_problems(**sizes, hard_share=0.2, random_state=seed).hard for seed in range(400)]
    assert np.sum(masks, axis=0).min() > 40


@pytest.mark.parametrize("noise", [1e-6, 0.3])
def test_noise_has_the_stated_norm_and_changes_nothing_but_B(noise):
    clean = datasets.make_training_problems(n_problems=400, random_state=2)
    noisy = datasets.make_training_problems(n_problems=400, noise=noise, random_state=2)
    for name in clean.keys() - {"B"}:
        np.testing.assert_array_equal(clean[name], noisy[name])
    norms = np.linalg.norm(clean.B, axis=0)
    added = (noisy.B - clean.B) / norms
    np.testing.assert_allclose(np.linalg.norm(added, axis=0), noise, rtol=1e-8)
    # White: the 120 directions have equal shares, and columns are independent.
    shares = (added**2).mean(axis=1) / noise**2
    np.testing.assert_allclose(shares * 120, 1, atol=5 * np.sqrt(2 / 400))
    cosines = np.triu(added.T @ added / noise**2, 1)
    assert np.abs(cosines).max() < 6 / np.sqrt(120)


def test_one_seed_serves_independent_draws():
    problems = datasets.make_training_problems(20, 20, 20, n_nonzero=20, train_nonzero=6, noise=0.1, random_state=3)
    again = datasets.make_training_problems(20, 20, 20, n_nonzero=20, train_nonzero=6, noise=0.1, random_state=3)
    for name, value in problems.items():
        np.testing.assert_array_equal(again[name], value)
    other = datasets.make_training_problems(20, 20, 20, n_nonzero=20, train_nonzero=6, noise=0.1, random_state=4)
    assert not any(np.array_equal(other[name], value) for name, value in problems.items())
    raw = datasets.make_gaussian_design(20, 20, unit_norm=False, random_state=3)
    easy, hard = problems.combinators[:, ~problems.hard], problems.combinators[:, problems.hard]
    drawn = [raw, problems.components, easy, hard, problems.test_combinators]
    values = np.concatenate([part[part != 0] for part in drawn])
    assert np.unique(values).size == values.size


def test_more_test_problems_leave_the_first_as_they_were():
    few, many = (datasets.make_training_problems(n_test=n_test, random_state=1) for n_test in (2, 9))
    np.testing.assert_array_equal(few.test_combinators, many.test_combinators[:, :2])
    np.testing.assert_array_equal(few.B, many.B)


def test_a_matrix_may_have_any_layout_and_is_kept():
    A = np.asfortranarray(np.random.default_rng(0).standard_normal((8, 12)))
    A.flags.writeable = False
    problems = datasets.plant_training_problems(A, n_nonzero=3, noise=0.1, random_state=0)
    np.testing.assert_array_equal(problems.A, A)


@pytest.mark.parametrize(
    ("A", "error", "message"),
    [
        (np.zeros(4), ShapeError, "`A` has shape"),
        (np.zeros((0, 4)), ShapeError, "`A` has shape"),
        ([[1.0, np.nan]], NonFiniteError, "`A` has a NaN"),
        (np.full((4, 40), 1e308), NonFiniteError, "`A` @ solutions overflows"),
    ],
)
def test_a_bad_matrix_is_named(A, error, message):
    with pytest.raises(error, match=message):
        datasets.plant_training_problems(A, n_nonzero=1, random_state=0)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"n_samples": 0}, "n_samples"),
        ({"n_features": None}, "n_features"),
        ({"n_samples": 51, "design": "partial_dct"}, "n_samples"),
        ({"n_components": 0}, "n_components"),
        ({"n_nonzero": 0}, "n_nonzero"),
        ({"n_nonzero": 51}, "n_nonzero"),
        ({"n_problems": 0}, "n_problems"),
        ({"n_test": 0}, "n_test"),
        ({"train_nonzero": 0}, "train_nonzero"),
        ({"train_nonzero": 9}, "train_nonzero"),
        ({"test_nonzero": 9}, "test_nonzero"),
        ({"test_nonzero": 2.0}, "test_nonzero"),
        ({"hard_nonzero": 9}, "hard_nonzero"),
        ({"hard_nonzero": 0}, "hard_nonzero"),
        ({"hard_share": 1.1}, "hard_share"),
        ({"hard_share": -0.1}, "hard_share"),
        ({"hard_share": np.nan}, "hard_share"),
        ({"hard_share": "half"}, "hard_share"),
        ({"noise": -1e-6}, "noise"),
        ({"noise": np.inf}, "noise"),
        ({"noise": None}, "noise"),
        ({"design": "toeplitz"}, "design"),
        ({"law": "poisson"}, "law"),
        ({"random_state": -1}, "random_state"),
    ],
)
def test_problems_name_the_bad_argument(arguments, name):
    with pytest.raises(ParameterError, match=f"`{name}` is"):
        datasets.make_training_problems(
            **{"n_samples": 30, "n_features": 50, "n_components": 8, "n_nonzero": 4, **arguments}
        )
