"""Tables as text."""

import csv
import gzip
from array import array
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from ..exceptions import ShapeError
from ._table import MISSING, Table, choose, read_number


def _open_text(path: Path) -> TextIO:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _delimiter(path: Path, line: str) -> str:
    """Find the character that makes most fields of a line; tabs in .tsv."""
    if ".tsv" in path.suffixes:
        return "\t"
    return max(",;\t", key=lambda character: len(next(csv.reader([line], delimiter=character), [])))


def read_text(path: Path, response: str | int | None, exclude: Sequence[str | int], missing: str) -> Table:
    with _open_text(path) as stream:
        first = next(filter(str.strip, stream), None)
    if first is None:
        raise ShapeError(f"{path} is empty")
    values, lines = array("d"), array("q")
    with _open_text(path) as stream:
        rows = _rows(csv.reader(stream, delimiter=_delimiter(path, first)))
        head = next(rows)
        has_names = not all(_is_number(text) for text in head[1])
        names = [name.strip() if has_names else str(i) for i, name in enumerate(head[1])]
        # R and pandas write names or numbers of rows into a first column without a name.
        row_names = [0] if has_names and not names[0] and response != 0 else []
        choice = choose(path, names, response, [*exclude, *row_names], missing)
        wanted = choice.all
        for line, row in rows if has_names else chain([head], rows):
            if len(row) != len(names):
                raise ShapeError(f"{path}, line {line}: {len(row)} fields, but {len(names)} are needed")
            chosen = [row[i] for i in wanted]
            try:
                values.extend([*map(float, chosen)])
            except ValueError:
                where = f"{path}, line {line}"
                values.extend(read_number(text, where, names[i]) for text, i in zip(chosen, wanted, strict=True))
            lines.append(line)
    if not lines:
        raise ShapeError(f"{path} has names of columns, but no numbers")
    entries = np.frombuffer(values).reshape(len(lines), -1)
    n_features = len(choice.columns)
    return choice.table(entries[:, :n_features], entries[:, -1] if response is not None else None, lines=lines)


def _rows(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, with the number of the line that each ends at."""
    for row in reader:
        if any(map(str.strip, row)):
            yield reader.line_num, row


def _is_number(text: str) -> bool:
    """Tell whether a field of the first line is no name."""
    try:
        float(text)
    except ValueError:
        return text.strip().lower() in MISSING
    return True
