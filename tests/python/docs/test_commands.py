"""Command lines that pages, workflows and recipes show are ones that the command takes."""

import re
import shlex
from pathlib import Path

import pytest
from sparsevae import cli, experiments

REPOSITORY = Path(__file__).parents[3]
if not (REPOSITORY / "docs").is_dir():
    pytest.skip("source distributions have no documentation", allow_module_level=True)

# The changelog has options of earlier versions as well.
PAGES = [
    *(page for page in REPOSITORY.glob("*.md") if page.name != "CHANGELOG.md"),
    *(page for page in (REPOSITORY / "docs").rglob("*.md") if not {"_build", "gallery", "generated"} & {*page.parts}),
]
SCRIPTS = [
    REPOSITORY / "Makefile",
    *(file for suffix in ("yml", "yaml") for file in (REPOSITORY / ".github").rglob(f"*.{suffix}")),
    *(REPOSITORY / "recipe").iterdir(),
]
# Pages on the command line, where options are shown alone.
ABOUT = ("docs/guide/command_line.md", "docs/experiments.md")
COMMANDS = "fit|plan|demo|reproduce|plot"
# What a command must have, for those that a sentence shows in part.
NEEDED = {"fit": ["a.csv", "--response", "y"], "plan": ["--n-nonzero", "1"], "plot": ["folder"]}
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def in_script(text):
    """Commands of lines that a shell runs."""
    found = re.findall(rf"(?<![\w.-])sparsevae +((?:{COMMANDS})\b[^&|;\]\n]*)", text.replace("\\\n", " "))
    return [shlex.split(line, comments=True) for line in found]


def in_page(text):
    """Commands of code blocks; commands that sentences show."""
    blocks = "\n".join([*FENCE.findall(text), *re.findall(r"^ {4}(.*)", FENCE.sub("", text), re.MULTILINE)])
    lines = re.findall(r"^(?:\$ )?sparsevae (.*)", blocks.replace("\\\n", " "), re.MULTILINE)
    shown = re.findall(r"`sparsevae\s+([^`]+)`", FENCE.sub("", text))
    return [[shlex.split(line, comments=True) for line in found] for found in (lines, shown)]


def whole_commands():
    for file in SCRIPTS:
        yield from ((file, command) for command in in_script(file.read_text(encoding="utf-8")))
    for file in PAGES:
        yield from ((file, command) for command in in_page(file.read_text(encoding="utf-8"))[0])


def named(commands):
    return [pytest.param(words, id=f"{file.relative_to(REPOSITORY)}: {' '.join(words)}") for file, words in commands]


SHOWN = [(file, words) for file in PAGES for words in in_page(file.read_text(encoding="utf-8"))[1]]


def parsed(words):
    arguments = cli._parser().parse_args(words)
    if arguments.command == "reproduce":
        figures = experiments.find_figures(arguments.figures)
        names = None if arguments.methods is None else experiments.split_names(arguments.methods)
        assert all(experiments.find_methods(figure, names) for figure in figures)
    return arguments


@pytest.mark.parametrize("words", named(whole_commands()))
def test_commands_in_scripts_and_code_blocks_are_taken(words):
    assert parsed(words).command == words[0]


@pytest.mark.parametrize("words", named(SHOWN))
def test_commands_in_sentences_are_taken_once_they_are_complete(words):
    try:
        parsed(words)
    except SystemExit:
        parsed([*words, *NEEDED[words[0]]])


@pytest.mark.parametrize("page", ABOUT)
def test_options_on_pages_about_the_command_exist(page, capsys):
    for command in COMMANDS.split("|"):
        with pytest.raises(SystemExit):
            cli.main([command, "--help"])
    known = set(re.findall(r"--[\w-]+", capsys.readouterr().out))
    shown = re.findall(r"`(--[\w-]+)", FENCE.sub("", (REPOSITORY / page).read_text(encoding="utf-8")))
    assert len(shown) > 5
    assert set(shown) <= known


@pytest.mark.parametrize("words", [["fit", "a.csv", "--respons", "y", "--nothing"], ["nothing"], ["plan"]])
def test_commands_that_do_not_exist_are_not_taken(words):
    with pytest.raises(SystemExit):
        parsed(words)


def test_commands_are_found_wherever_they_stand():
    script = "\t$(BIN)/sparsevae reproduce fig1 \\\n  --quick && \\\n\techo sparsevae\n- script: [sparsevae plan a.csv]"
    assert in_script(script) == [["reproduce", "fig1", "--quick"], ["plan", "a.csv"]]
    page = "```sh\nsparsevae demo  # soon\n```\nBy `sparsevae\nfit` or\n\n    sparsevae plot full\n\nimport sparsevae"
    assert in_page(page) == [[["demo"], ["plot", "full"]], [["fit"]]]
