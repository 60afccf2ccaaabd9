"""Tables as text."""

import csv
import gzip
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

import numpy as np

from ..exceptions import DataTypeError, ShapeError
from ._table import MISSING, Table, choose, find, read_number, refuse_same_names

# Between the fields of a line: one of these, or white space. The first wins where several fit as well: a comma is last,
# which may be a decimal comma.
_WHITE = " "
_DELIMITERS = (";", "\t", _WHITE, ",")
_FIELD = re.compile(r'"((?:[^"]|"")*)"|(\S+)')
_DECIMALS = re.compile(r",(?=\d)")
# What Python escapes bytes to that are no UTF-8.
_ESCAPED = re.compile("[\udc80-\udcff]")


def _open_text(path: Path, errors: str = "strict") -> TextIO:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", errors=errors, newline="")
    return path.open(encoding="utf-8-sig", errors=errors, newline="")


def _split(lines: Iterable[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, with the number of the line that each ends at."""
    if delimiter == _WHITE:
        for number, line in enumerate(lines, 1):
            row = _words(line)
            if row:
                yield number, row
        return
    reader = csv.reader(lines, delimiter=delimiter)
    for row in reader:
        if any(map(str.strip, row)):
            yield reader.line_num, row


def _words(line: str) -> list[str]:
    """Fields between white space, which may be quoted."""
    if '"' not in line:
        return line.split()
    return [found[2] or found[1].replace('""', '"') for found in _FIELD.finditer(line)]


def _delimiter(path: Path, lines: Sequence[str]) -> str:
    """Find what stands between fields by the first two lines: as many fields in both, and numbers in the second."""
    if ".tsv" in path.suffixes:
        return "\t"

    def fit(delimiter: str) -> tuple[float, int]:
        rows = [row for _, row in _split(lines, delimiter)]
        if not rows:
            return 0.0, len(lines[0])
        first, second = rows[0], rows[-1]
        alike = len(first) == len(second) or _has_row_name(first, second, delimiter, lines[-1])
        if len(second) < 2 or not alike:
            return 0.0, 1 if delimiter == _WHITE else len(first)
        return sum(map(_is_number, second)) / len(second), len(second)

    return max(_DELIMITERS, key=fit)


def _has_row_name(head: Sequence[str], row: Sequence[str], delimiter: str, line: str) -> bool:
    """Tell whether a row begins with its name, which R writes under no name of a column.

    A last field that is empty is a comma too many. A number before a comma may be the first half of one with a
    decimal comma, if it is not quoted.
    """
    if len(row) != len(head) + 1 or not row[-1].strip():
        return False
    return delimiter != "," or line.startswith('"') or not _is_number(row[0])


def read_text(
    path: Path, response: str | int | None, exclude: Sequence[str | int], missing: str, decimal: str
) -> Table:
    try:
        return _read(path, response, exclude, missing, decimal)
    except UnicodeDecodeError as error:
        raise DataTypeError(_not_utf8(path)) from error


def _not_utf8(path: Path) -> str:
    with _open_text(path, "surrogateescape") as stream:
        line, byte = next((line, found[0]) for line, text in enumerate(stream, 1) if (found := _ESCAPED.search(text)))
    code = ord(byte) - 0xDC00
    return f"{path}, line {line}: the byte 0x{code:02x} is not UTF-8; save the file as UTF-8"


def _read(path: Path, response: str | int | None, exclude: Sequence[str | int], missing: str, decimal: str) -> Table:
    with _open_text(path) as stream:
        start = list(islice(filter(str.strip, stream), 2))
    if not start:
        raise ShapeError(f"{path} is empty")
    convert: Callable[[str], float] = float if decimal == "." else _with_comma
    values, lines = array("d"), array("q")
    delimiter = _delimiter(path, start)
    with _open_text(path) as stream:
        rows = _split(stream, delimiter)
        head = next(rows, None)
        if head is None:
            raise ShapeError(f"{path} is empty")
        has_names = _are_names(head[1])
        names = [name.strip() if has_names else str(i) for i, name in enumerate(head[1])]
        second = next(rows, None) if has_names else head
        if second is not None and _has_row_name(names, second[1], delimiter, start[-1]):
            names = ["", *names]
        # R and pandas write names or numbers of rows into a first column without a name.
        is_response = response is not None and find(response, names, "response", path) == 0
        row_names = [0] if has_names and not names[0] and not is_response else []
        choice = choose(path, names, response, [*exclude, *row_names], missing)
        refuse_same_names(choice)
        wanted = choice.all
        for line, row in chain([] if second is None else [second], rows):
            if len(row) != len(names):
                raise ShapeError(f"{path}, line {line}: {len(row)} fields, but {len(names)} are needed")
            chosen = [row[i] for i in wanted]
            try:
                # Python reads 1_2 as 12.
                if "_" in "".join(chosen):
                    raise ValueError
                values.extend([*map(convert, chosen)])
            except ValueError:
                where = f"{path}, line {line}"
                values.extend(
                    read_number(text, where, names[i], convert) for text, i in zip(chosen, wanted, strict=True)
                )
            lines.append(line)
    if not lines:
        raise ShapeError(f"{path} has names of columns, but no numbers")
    entries = np.frombuffer(values).reshape(len(lines), -1)
    n_features = len(choice.columns)
    return choice.table(entries[:, :n_features], entries[:, -1] if response is not None else None, lines=lines)


def _are_names(row: Sequence[str]) -> bool:
    """Tell whether a first line has names, which pandas writes as 0, 1, 2 where columns have none."""
    if not all(map(_is_number, row)):
        return True
    fields = [field.strip() for field in row]
    named = fields[1:] if not fields[0] else fields
    return named == [str(i) for i in range(len(named))] and (len(named) > 2 or not fields[0])


def _with_comma(text: str) -> float:
    """Read a number with a decimal comma; a point is refused, which may stand between thousands."""
    if "." in text:
        raise ValueError
    return float(text.replace(",", "."))


def _is_number(text: str) -> bool:
    """Tell whether a field of the first lines is a number, with a decimal point or comma, and no name."""
    try:
        float(_DECIMALS.sub(".", text, count=1))
    except ValueError:
        return text.strip().lower() in MISSING
    return True
