"""The energies through Python: one golden case each, to prove the wiring."""

import json
from pathlib import Path

import numpy as np
import pytest
from sparsevae import energies

CASE = json.loads((Path(__file__).parent.parent / "data" / "golden.json").read_text())["cases"][6]
ARGUMENTS = [np.array(CASE[name]) for name in ("X", "y", "prior_var")] + [CASE["noise_var"]]


def assert_evaluation(found, expected):
    value, grad_prior_var, grad_noise_var = found
    assert value == pytest.approx(expected["value"], rel=1e-11)
    np.testing.assert_allclose(grad_prior_var, expected["grad_prior_var"], rtol=1e-6, atol=1e-8)
    assert grad_noise_var == pytest.approx(expected["grad_noise_var"], rel=1e-6)


def test_marginal_energy_matches_the_reference():
    assert_evaluation(energies.marginal_energy(*ARGUMENTS), CASE["marginal"])


def test_preconditioned_energy_matches_the_reference():
    assert_evaluation(energies.preconditioned_energy(*ARGUMENTS, CASE["power"]), CASE["preconditioned"])


def test_power_of_the_preconditioner_is_one_as_in_the_paper():
    assert energies.preconditioned_energy(*ARGUMENTS)[0] == energies.preconditioned_energy(*ARGUMENTS, 1.0)[0]
