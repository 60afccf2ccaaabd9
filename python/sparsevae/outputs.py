"""What commands write: files, and messages in the words of the command line."""

import json
import math
import os
import re
from argparse import Namespace
from pathlib import Path
from typing import Any

from . import plotting
from .exceptions import ParameterError

# Parameters whose options have another name.
_OPTIONS = {"n_samples": "--samples", "n_trials": "--trials", "random_state": "--seed", "path": "FILE"}
_PARAMETER = re.compile(r'`(\w+)`(?: "([^"]*)")?')


def in_options(message: str, arguments: Namespace) -> str:
    """Name the options of the command where a message names parameters of the Python interface."""

    def option(found: re.Match[str]) -> str:
        name, value = found.groups()
        known = _OPTIONS.get(name, f"--{name.replace('_', '-')}")
        # Positional arguments have names of their own, as `path` has here.
        if known != "FILE" and known.removeprefix("--").replace("-", "_") not in vars(arguments):
            return found[0]
        return f"`{known}`" if value is None else f"`{known} {value}`"

    return _PARAMETER.sub(option, message)


def check_outputs(plot: Path | None, results: Path | None) -> None:
    """Refuse files that cannot be written, before the time of a fit is spent.

    Parameters
    ----------
    plot, results : path or None
        What `--plot` and `--json` name.

    Raises
    ------
    ParameterError
        If matplotlib does not know the end of the name of a figure.
    OSError
        If the folder does not exist or cannot be written to, or there is a folder of this name.
    ImportError
        If matplotlib is missing.
    """
    for option, path in (("--plot", plot), ("--json", results)):
        if path is None:
            continue
        if path.is_dir():
            raise IsADirectoryError(f"`{option}` is {str(path)!r}, which is a folder, but it must be a file")
        if not path.parent.is_dir():
            raise FileNotFoundError(f"`{option}` is {str(path)!r}, but there is no folder {str(path.parent)!r}")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise PermissionError(f"`{option}` is {str(path)!r}, which may not be written")
    if plot is not None:
        figure, _ = plotting.new_figure(1, 1)
        kinds = sorted(figure.canvas.get_supported_filetypes())
        if plot.suffix.lower().removeprefix(".") not in kinds:
            known = ", ".join(f".{kind}" for kind in kinds)
            raise ParameterError(f"`--plot` is {str(plot)!r}, but its name must end in one of {known}")


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file; what is no finite number is null."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: plain(each) for name, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(each) for each in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    path.write_text(json.dumps(plain(content), indent=2, allow_nan=False) + "\n", encoding="utf-8")
