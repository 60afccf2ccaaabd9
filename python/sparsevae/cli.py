"""The command line: ``sparsevae fit``, ``plan``, ``demo``, ``reproduce`` and ``plot``."""

import argparse
import dataclasses
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threadpoolctl import threadpool_limits

from . import VaeSlr, __version__, demo, experiments, plan, plotting
from .exceptions import ParameterError, SparseVaeError
from .outputs import check_outputs, in_options, write_json
from .report import CONSTANT, fit_table
from .tables import SUFFIXES, Table, read_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_EXPLANATION = """\
Share of problems whose support is found exactly, by number of nonzero coefficients; their sum; median CPU time.
Noise-free, columns of norm 1, normal coefficients; {trials} problems a column, first seed {seed}.
VaeSlr and PreconditionedVae run at default settings. Basis pursuit is the linear program, solved by HiGHS.
The Lasso is scikit-learn's exact path, and of all penalties the best is picked with the truth at hand."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sparsevae", description="Sparse regression by a linear VAE.")
    parser.add_argument("--version", action="version", version=f"sparsevae {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    _add_fit(commands)
    _add_plan(commands)
    run = commands.add_parser(
        "demo",
        help="compare with the Lasso and basis pursuit",
        description="Recover sparse coefficients on badly conditioned designs, fit noisy real data; print tables, draw "
        "figures.",
    )
    run.add_argument("--riboflavin", action="store_true", help="real genes as well, and the response measured on them")
    run.add_argument("--trials", type=_positive, default=10, help="problems for each number of nonzeros (default: 10)")
    run.add_argument("--out", type=Path, default=Path("demo"), help="folder for the figure (default: demo)")
    run.add_argument("--seed", type=_natural, default=0, help="first seed (default: 0)")
    run.set_defaults(run=_demo)
    _add_reproduce(commands)
    plot = commands.add_parser(
        "plot",
        help="tables and figures of trials that are there",
        description="Write CSV files and figures from the store of trials in a folder, without running anything.",
    )
    plot.add_argument("folder", type=Path, metavar="DIR", help="folder that `sparsevae reproduce --out` wrote")
    plot.add_argument("--paper-scale", action="store_true", help="trials of the paper's sizes, where a figure has two")
    plot.set_defaults(run=_plot)
    return parser


def _add_fit(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    run = commands.add_parser(
        "fit",
        help="fit a table in a file",
        description="Choose the columns of a table that explain a response; print them with inclusion probabilities, "
        "intervals and credible sets.",
    )
    _add_table(run, required=True)
    run.add_argument("--n-nonzero", type=_positive, metavar="N", help="how many columns to choose")
    run.add_argument("--max-nonzero", type=_positive, metavar="N", help="how many columns to choose at most")
    run.add_argument(
        "--always-select", type=_names, default=[], metavar="COLUMNS", help="covariates, which are always in"
    )
    run.add_argument("--model-averaging", action="store_true", help="coefficients averaged over all supports")
    run.add_argument(
        "--test-fraction", type=_share, metavar="F", help="share of samples to hold out for an R^2 on them"
    )
    _add_outputs(run, "inclusion probabilities; coefficients where there is no noise")
    run.set_defaults(run=_fit)


def _add_plan(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    run = commands.add_parser(
        "plan",
        help="tell what a design can find, and how many samples would do",
        description="Plant effects on the columns of a table, or on random designs, and measure what is found.",
    )
    _add_table(run, required=False)
    run.add_argument("--shape", type=_positive, nargs=2, metavar=("N", "P"), help="random designs instead of a table")
    run.add_argument(
        "--design", default="gaussian", help="gaussian, random_walk, toeplitz or block (default: gaussian)"
    )
    run.add_argument("--correlation", type=float, default=0.9, help="of toeplitz and block (default: 0.9)")
    run.add_argument(
        "--n-nonzero", type=_positive, nargs="+", required=True, metavar="K", help="columns with an effect"
    )
    ratios = "signal-to-noise ratios of variances (default: inf, no noise)"
    run.add_argument("--snr", type=_ratio, nargs="+", default=[math.inf], help=ratios)
    run.add_argument("--samples", type=_positive, nargs="+", metavar="N", help="numbers of samples to try")
    run.add_argument("--trials", type=_positive, default=40, help="trials for each (default: 40)")
    run.add_argument("--max-seconds", type=float, default=120.0, metavar="S", help="time for all (default: 120)")
    _add_outputs(run, "power, or recovery without noise")
    run.set_defaults(run=_plan)


def _add_table(run: argparse.ArgumentParser, *, required: bool) -> None:
    kinds = ", ".join(SUFFIXES)
    run.add_argument("data", type=Path, nargs=None if required else "?", metavar="FILE", help=f"table: {kinds}")
    response = "name or number (from 0) of its column, or a file of one column; pheno for .bed"
    run.add_argument("--response", required=required, metavar="COLUMN", help=response)
    names = "columns to leave out: names or numbers with commas between them"
    run.add_argument("--exclude", type=_names, default=[], metavar="COLUMNS", help=names)
    missing = "missing numbers are an error (default), or the mean of their column"
    run.add_argument("--missing", choices=["error", "mean"], default="error", help=missing)
    decimal = "what stands before decimals in text: . (default) or a comma"
    run.add_argument("--decimal", choices=[".", ","], default=".", help=decimal)


def _add_outputs(run: argparse.ArgumentParser, picture: str) -> None:
    run.add_argument("--plot", type=Path, metavar="FILE", help=f"draw {picture}: .png, .pdf or .svg")
    run.add_argument("--json", type=Path, metavar="FILE", help="write the results as JSON")
    run.add_argument("--seed", type=_natural, default=0, help="seed (default: 0)")


def _add_reproduce(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    run = commands.add_parser(
        "reproduce",
        help="run the papers' figures",
        description="Run figures of the papers; keep every trial; write tables and pictures. The same command goes on "
        "where a run was stopped.",
    )
    first, *_, last = experiments.FIGURES
    names = f"{first} ... {last}, see --list; {_groups()} for all of its panels; or all"
    run.add_argument("figures", nargs="*", metavar="FIGURE", help=names)
    run.add_argument("--list", action="store_true", help="list figures and methods, and run nothing")
    run.add_argument("--methods", help="names with commas between them, or all (default: fast ones; see --list)")
    run.add_argument("--trials", type=_positive, help="problems a point (default: the figure's, 5 to 100)")
    run.add_argument("--quick", action="store_true", help="two trials at three points, few steps of training")
    run.add_argument("--paper-scale", action="store_true", help="the paper's sizes, where a figure is smaller: days")
    run.add_argument("--adam-steps", type=_positive, metavar="N", help="steps of training by Adam")
    run.add_argument("--jobs", type=_positive, help="processes (default: one a core)")
    run.add_argument("--scheduler", metavar="ADDRESS", help="Dask scheduler whose workers do the trials")
    run.add_argument("--seed", type=_natural, default=0, help="first seed (default: 0)")
    run.add_argument("--out", type=Path, default=Path("results"), metavar="DIR", help="folder (default: results)")
    run.set_defaults(run=_reproduce)


def _groups() -> str:
    *groups, last = experiments.figure_groups()
    return f"{', '.join(groups)} or {last}"


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer") from None


def _natural(text: str) -> int:
    value = _integer(text)
    if not 0 <= value < 2**63:
        raise argparse.ArgumentTypeError(f"{value} is not between 0 and 2**63")
    return value


def _positive(text: str) -> int:
    value = _integer(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is less than 1")
    return value


def _share(text: str) -> float:
    value = _ratio(text)
    if not value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and 1")
    return value


def _ratio(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not greater than 0")
    return value


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{text}\033[K")
        sys.stderr.flush()


def _draw(results: Sequence[demo.Recovery], noisy: demo.Noisy, folder: Path) -> tuple[Path, Path]:
    figure, grid = plotting.new_figure(len(results), 2)
    for result, axes in zip(results, grid, strict=True):
        plotting.plot_recovery_rates(axes[0], demo.KAPPAS, result.rates, title=result.design)
        shown = {name: result.estimates[name] for name in ("VaeSlr", demo.LASSO)}
        count = int((result.truth != 0).sum())
        plotting.plot_coefficients(axes[1], result.truth, shown, title=f"one problem, {count} nonzeros")
    second, grid = plotting.new_figure(1, 1)
    noisy.draw(grid[0][0])
    paths = folder / "recovery.png", folder / "inclusion.png"
    figure.savefig(paths[0], dpi=110)
    second.savefig(paths[1], dpi=110)
    return paths


def _read(arguments: argparse.Namespace) -> Table:
    return read_table(
        arguments.data,
        arguments.response,
        exclude=arguments.exclude,
        missing=arguments.missing,
        decimal=arguments.decimal,
    )


def _fit(arguments: argparse.Namespace) -> int:
    check_outputs(arguments.plot, arguments.json)
    table = _read(arguments)
    model = VaeSlr(
        n_nonzero=arguments.n_nonzero,
        max_nonzero=arguments.max_nonzero,
        always_select=table.find(arguments.always_select, argument="always_select") or None,
        model_averaging=arguments.model_averaging,
        random_state=arguments.seed,
        verbose=sys.stderr.isatty(),
    )
    report = fit_table(table, model, source=str(arguments.data), test_fraction=arguments.test_fraction)
    warnings = tuple(in_options(warning, arguments) for warning in report.warnings)
    print(dataclasses.replace(report, warnings=warnings).text())
    figure = None
    is_uncertain = hasattr(model, "inclusion_prob_") and not report.certified and report.status != CONSTANT
    if arguments.plot and (is_uncertain or report.effects):
        figure, grid = plotting.new_figure(1, 1)
        if is_uncertain:
            plotting.plot_inclusion(grid[0][0], model, title=report.response)
        else:
            report.draw(grid[0][0])
    elif arguments.plot:
        print("\nno figure: no column was chosen")
    _write(arguments, report.to_dict(), figure)
    return 0


def _plan(arguments: argparse.Namespace) -> int:
    if (arguments.data is None) == (arguments.shape is None):
        raise ParameterError("name a FILE with a table, or a --shape, but not both")
    check_outputs(arguments.plot, arguments.json)
    X: Any = tuple(arguments.shape) if arguments.data is None else _read(arguments).X
    found = plan(
        X,
        n_nonzero=arguments.n_nonzero,
        snr=arguments.snr,
        n_samples=arguments.samples,
        design=arguments.design,
        correlation=arguments.correlation,
        n_trials=arguments.trials,
        max_seconds=arguments.max_seconds,
        random_state=arguments.seed,
        verbose=sys.stderr.isatty(),
    )
    print(found)
    _write(arguments, found.to_dict(), found.plot() if arguments.plot else None)
    return 130 if found.ended == "interrupted" else 0


def _write(arguments: argparse.Namespace, content: dict[str, Any], figure: "Figure | None") -> None:
    if arguments.json:
        write_json(arguments.json, content)
        print(f"\nresults: {arguments.json}")
    if figure is not None:
        figure.savefig(arguments.plot, dpi=110)
        print(f"\nfigure: {arguments.plot}")


def _demo(arguments: argparse.Namespace) -> int:
    start = time.perf_counter()
    arguments.out.mkdir(parents=True, exist_ok=True)
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
    noisy = demo.diabetes(seed)
    print(f"\nNoisy data: ten measurements, their squares and products\n{noisy.text()}", flush=True)
    try:
        recovery, inclusion = _draw(results, noisy, arguments.out)
        print(f"\nfigures: {recovery}, {inclusion}")
    except ImportError as error:
        print(f"\nno figure: {error}")
    print(f"{time.perf_counter() - start:.0f} seconds")
    return 0


def _list() -> int:
    print("Figures")
    for figure in experiments.FIGURES.values():
        print(f"  {figure.name:19} {figure.title}. {figure.claim} {figure.note}".rstrip())
    print("\nMethods")
    for method in experiments.METHODS.values():
        needs = f" Needs {method.package}." if method.package else ""
        print(f"  {method.name:30} {method.note}{needs}".rstrip())
    print("\nWithout --methods")
    for names in dict.fromkeys(figure.methods for figure in experiments.FIGURES.values()):
        figures = [figure.name for figure in experiments.FIGURES.values() if figure.methods == names]
        print(f"  {', '.join(figures)}: {'; '.join(names)}")
    return 0


def _reproduce(arguments: argparse.Namespace) -> int:
    if arguments.list:
        return _list()
    if not arguments.figures:
        raise ParameterError(
            f"name a figure: {', '.join(experiments.FIGURES)}; {_groups()} for all of its panels; or all"
        )
    start = time.perf_counter()
    figures = experiments.find_figures(arguments.figures)
    names = None if arguments.methods is None else experiments.split_names(arguments.methods)
    settings = None
    if arguments.adam_steps is not None:
        chosen = [method for figure in figures for method in experiments.find_methods(figure, names)]
        settings = experiments.training_settings(chosen, arguments.adam_steps)
    plans, notes = experiments.lay_out(
        figures,
        trials=arguments.trials,
        methods=names,
        quick=arguments.quick,
        paper_scale=arguments.paper_scale,
        seed=arguments.seed,
        settings=settings,
    )
    _say(notes)
    with experiments.Store(arguments.out / experiments.STORE_NAME) as store:
        done, left = experiments.split_done(plans, store)
        print(f"{len(left)} trials to do, {len(done)} done before; kept in {store.path}", flush=True)
        try:
            experiments.execute(
                left, store, jobs=arguments.jobs, processes=True, scheduler=arguments.scheduler, progress=True
            )
        except KeyboardInterrupt:
            print("\nsparsevae: interrupted; the same command goes on with the trials that are left", file=sys.stderr)
            return 130
        results = experiments.stored_results(store, plans)
    _show(results, arguments.out)
    print(f"{time.perf_counter() - start:.0f} seconds")
    return 0 if results else 1


def _plot(arguments: argparse.Namespace) -> int:
    with experiments.Store(arguments.folder / experiments.STORE_NAME, create=False) as store:
        results = experiments.stored_results(store, paper_scale=arguments.paper_scale)
    _show(results, arguments.folder)
    return 0 if results else 1


def _say(notes: Sequence[str]) -> None:
    for note in notes:
        print(f"note: {note}", file=sys.stderr, flush=True)


def _show(results: Sequence[experiments.Results], folder: Path) -> None:
    if not results:
        print("no trials to show")
        return
    for result in results:
        what = result.figure.metric.description(result.figure.clock)
        print(f"\n{result.figure.name}: {result.figure.title}; {what}\n{result.text()}", flush=True)
        _say([*([f"{result.figure.name}: {result.figure.note}"] if result.figure.note else []), *result.notes])
    try:
        experiments.write(results, folder)
    except ImportError as error:
        print(f"\nno figures: {error}")
    print(f"\nfigures and tables: {folder}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str or None, default=None
        Arguments; None takes those of the process.

    Returns
    -------
    int
        0; 1 where data, a file, a store or a cluster cannot be used, or nothing could run; 2 where a name or a number
        is wrong; 130 after Ctrl-C.
    """
    arguments = _parser().parse_args(argv)
    try:
        # On matrices of this size a second BLAS thread only costs time.
        with threadpool_limits(limits=1):
            status: int = arguments.run(arguments)
            return status
    except (SparseVaeError, ImportError, OSError) as error:
        print(f"sparsevae: {in_options(str(error), arguments)}", file=sys.stderr)
        return 2 if isinstance(error, ParameterError) else 1
    except KeyboardInterrupt:
        print("\nsparsevae: interrupted", file=sys.stderr)
        return 130
