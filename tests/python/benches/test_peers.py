"""`make bench` runs every script of benches/peers, one after the other, and keeps what each printed."""

import importlib.util
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "benches" / "peers"
if not FOLDER.is_dir():
    pytest.skip("the source distribution has no benches", allow_module_level=True)

SCRIPTS = {
    "good.py": (
        '"""Good.\n\n    python good.py\n\nWhat is measured.\n"""\n'
        'print("# Title\\n\\n## Table\\n\\n| a |\\n|---|\\n| 1 |")\n'
    ),
    "bad.py": '"""Bad."""\nimport sys\nsys.exit(3)\n',
    "last.py": '"""Last."""\nimport sys\nprint("last,", *sys.argv[1:])\n',
}


def load():
    spec = importlib.util.spec_from_file_location("bench_all", FOLDER / "all.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """`all.py`, with three small scripts of which the second fails; called with a list of options."""
    module = load()
    for name, code in SCRIPTS.items():
        (tmp_path / name).write_text(code, encoding="utf-8")
    monkeypatch.setattr(module, "HERE", tmp_path)
    comparisons = {name.removesuffix(".py"): module.Comparison(name.title(), (name,)) for name in SCRIPTS}
    monkeypatch.setattr(module, "COMPARISONS", comparisons)

    def call(*options):
        monkeypatch.setattr(
            sys, "argv", ["all.py", "--store", str(tmp_path / "store"), "--page", str(tmp_path / "page.md"), *options]
        )
        try:
            module.main()
        except SystemExit as end:
            return end.code
        return None

    call.folder, call.page = tmp_path, tmp_path / "page.md"
    return call


def test_a_script_that_fails_does_not_stop_the_others(bench):
    assert bench() == "without a result: bad"
    page = bench.page.read_text(encoding="utf-8")
    assert [line for line in page.splitlines() if line.startswith("#")][1:] == [
        "## Good.Py",
        "### Table",
        "## Bad.Py",
        "## Last.Py",
    ]
    assert "\n\nWhat is measured.\n\n### Table" in page
    assert "**No result**: the script ended with status 3." in page
    assert "\n\nlast,\n\n`python benches/peers/last.py`, " in page


def test_what_has_run_is_kept_and_what_failed_runs_again(bench, capfd):
    bench()
    (bench.folder / "bad.py").write_text('"""Mended."""\nprint("mended")\n', encoding="utf-8")
    (bench.folder / "last.py").write_text('"""Last."""\nprint("another")\n', encoding="utf-8")
    capfd.readouterr()
    assert bench() is None
    assert capfd.readouterr().out.splitlines() == [
        "good: kept from before",
        "bad: Bad.Py",
        "mended",
        "last: kept from before",
    ]
    bench("--again", "--only", "last")
    assert "another" in bench.page.read_text(encoding="utf-8")


def test_a_failure_does_not_replace_a_result(bench):
    bench("--only", "last")
    (bench.folder / "last.py").write_text('"""Last."""\nraise SystemExit(1)\n', encoding="utf-8")
    assert bench("--only", "last", "--again") == "without a result: last"
    assert "last,\n" in bench.page.read_text(encoding="utf-8")


def test_sections_of_other_runs_stay_on_the_page_with_their_machine(bench):
    bench("--only", "last")
    before = bench.page.read_text(encoding="utf-8").replace("Machine: ", "Machine: of another run.")
    bench.page.write_text(before, encoding="utf-8")
    (bench.folder / "store" / "last.json").unlink()
    bench("--only", "good")
    page = bench.page.read_text(encoding="utf-8")
    assert page.index("## Good.Py") < page.index("## Last.Py")
    assert page.count("of another run.") == 1


def test_the_list_says_how_long_each_took(bench, capsys):
    bench("--only", "good")
    capsys.readouterr()
    bench("--list")
    good, bad, _ = capsys.readouterr().out.splitlines()
    assert good.split()[:3] == ["good", "0", "seconds,"]
    assert bad.split()[:3] == ["bad", "never", "here"]


def test_quick_runs_ask_every_script_for_little(bench):
    bench("--quick", "--only", "last")
    assert "last, --quick\n" in bench.page.read_text(encoding="utf-8")


def test_every_script_is_run():
    scripts = {file.name for file in FOLDER.glob("*.py") if "__main__" in file.read_text(encoding="utf-8")}
    assert {comparison.command[0] for comparison in load().COMPARISONS.values()} == scripts - {"all.py"}
