"""The command line: ``sparsevae demo``, ``sparsevae reproduce`` and ``sparsevae plot``."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from threadpoolctl import threadpool_limits

from . import __version__, demo, experiments, plotting
from .exceptions import DataUnavailableError, ParameterError

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
    run.add_argument("--jobs", type=_positive, help="threads (default: one a core)")
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
            experiments.execute(left, store, jobs=arguments.jobs, scheduler=arguments.scheduler, progress=True)
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
        0; 1 where data, a folder, a store or a cluster cannot be used, or nothing could run; 2 where a name or a
        number is wrong; 130 after Ctrl-C.
    """
    arguments = _parser().parse_args(argv)
    try:
        # On matrices of this size a second BLAS thread only costs time.
        with threadpool_limits(limits=1):
            status: int = arguments.run(arguments)
            return status
    except ParameterError as error:
        print(f"sparsevae: {error}", file=sys.stderr)
        return 2
    except (DataUnavailableError, OSError) as error:
        print(f"sparsevae: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nsparsevae: interrupted", file=sys.stderr)
        return 130
