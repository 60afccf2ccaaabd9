"""The rates that the paper's authors recorded, where their file is at hand."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

Curve: TypeAlias = tuple[Sequence[float], Sequence[float]]

FILE_NAME = "goldfish_fig1_reference.json"
_DESIGNS = {"fig1a": "Gaussian-Identity", "fig1b": "Gaussian-RandomWalk", "fig1c": "Biomedical"}
_METHODS = {
    "VAE": "VAE, Adam",
    "Precon-VAE": "PreconVAE, Adam",
    "Lasso": "Lasso",
    "AugBP": "augmented basis pursuit",
}


def recorded_rates(figure: str) -> Mapping[str, Curve] | None:
    """Read the authors' own rates of exact recovery for a panel of figure 1.

    They are read from ``goldfish_fig1_reference.json`` in the folder that the environment variable ``SPARSEVAE_DATA``
    names.

    Parameters
    ----------
    figure : str
        Name of the panel.

    Returns
    -------
    mapping of str to pair of sequences, or None
        For each method, under the name it has here, numbers of nonzeros and rates. Empty where the authors recorded
        nothing, None where the file is missing or cannot be read.
    """
    design = _DESIGNS.get(figure)
    if design is None:
        return {}
    folder = os.environ.get("SPARSEVAE_DATA")
    if not folder:
        return None
    try:
        content: dict[str, Any] = json.loads(Path(folder, FILE_NAME).read_text(encoding="utf-8"))
        results, kappas = content["results"], [float(kappa) for kappa in content["kappa"]]
        return {
            ours: (kappas, [float(rate) for rate in results[name]["support_recovery_rate"]])
            for theirs, ours in _METHODS.items()
            if (name := f"{theirs}-{design}") in results
        }
    except (OSError, ValueError, KeyError, TypeError):
        return None
