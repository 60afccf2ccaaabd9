"""The command line: ``sparsevae demo``."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from . import __version__, demo, plotting
from .exceptions import DataUnavailableError

_EXPLANATION = """\
Share of problems whose support is found exactly, by number of nonzero coefficients; their sum; median CPU time.
Noise-free, columns of norm 1, normal coefficients; {trials} problems a column, first seed {seed}.
VaeSlr and PreconditionedVae run at default settings. Basis pursuit is the linear program, solved by HiGHS.
The Lasso is scikit-learn's exact path, and of all penalties the best is picked with the truth at hand."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sparsevae", description="Sparse regression by a linear VAE.")
    parser.add_argument("--version", action="version", version=f"sparsevae {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    run = commands.add_parser(
        "demo",
        help="compare with the Lasso and basis pursuit",
        description="Recover sparse coefficients on badly conditioned designs; print a table, draw a figure.",
    )
    run.add_argument("--riboflavin", action="store_true", help="real genes as well, and the response measured on them")
    run.add_argument("--trials", type=_positive, default=10, help="problems for each number of nonzeros (default: 10)")
    run.add_argument("--out", type=Path, default=Path("demo"), help="folder for the figure (default: demo)")
    run.add_argument("--seed", type=_natural, default=0, help="first seed (default: 0)")
    return parser


def _natural(text: str) -> int:
    value = int(text)
    if not 0 <= value < 2**63:
        raise argparse.ArgumentTypeError(f"{value} is not between 0 and 2**63")
    return value


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is less than 1")
    return value


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{text}\033[K")
        sys.stderr.flush()


def _draw(results: Sequence[demo.Recovery], folder: Path) -> Path:
    figure, grid = plotting.new_figure(len(results), 2)
    for result, axes in zip(results, grid, strict=True):
        plotting.plot_recovery_rates(axes[0], demo.KAPPAS, result.rates, title=result.design)
        shown = {name: result.estimates[name] for name in ("VaeSlr", demo.LASSO)}
        count = int((result.truth != 0).sum())
        plotting.plot_coefficients(axes[1], result.truth, shown, title=f"one problem, {count} nonzeros")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "recovery.png"
    figure.savefig(path, dpi=110)
    return path


def _demo(arguments: argparse.Namespace) -> int:
    start = time.perf_counter()
    trials, seed = arguments.trials, arguments.seed
    print(_EXPLANATION.format(trials=trials, seed=seed), flush=True)
    results = []
    for design in (demo.random_walk, demo.riboflavin) if arguments.riboflavin else (demo.random_walk,):
        result = design(trials, seed, _progress)
        _progress("")
        print(f"\n{result.design}\n{result.table()}", flush=True)
        results.append(result)
    if arguments.riboflavin:
        print(f"\n{demo.selected_genes()}", flush=True)
    try:
        print(f"\nfigure: {_draw(results, arguments.out)}")
    except ImportError as error:
        print(f"\nno figure: {error}")
    print(f"{time.perf_counter() - start:.0f} seconds")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str or None, default=None
        Arguments; None takes those of the process.

    Returns
    -------
    int
        0, or 1 where data or a folder cannot be used.
    """
    arguments = _parser().parse_args(argv)
    try:
        # On matrices of this size a second BLAS thread only costs time.
        with threadpool_limits(limits=1):
            return _demo(arguments)
    except (DataUnavailableError, OSError) as error:
        print(f"sparsevae: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nsparsevae: interrupted", file=sys.stderr)
        return 130
