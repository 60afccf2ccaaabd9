"""A table, and its columns as those of a file."""

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._input.columns import WHOLE, ColumnBlocks
from ..exceptions import DataTypeError, NonFiniteError, ParameterError, ShapeError

# What stands for a missing number in tables of R, pandas, SAS, databases and spreadsheets.
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", ".", "?", "#n/a"})
_ADVICE = 'the number is missing; `exclude` leaves a column out, and `missing` "mean" puts in its mean'
_NUMERAL = re.compile(r"[+-]?[\d.,]+(e[+-]?\d+)?", re.IGNORECASE)
# Names that are compared with one that does not exist: a second.
_COMPARED = 100_000
# Names of several columns that an error lists.
_LISTED = 5


@dataclass(frozen=True)
class Table:
    """A design with the names of its columns, and a response.

    Attributes
    ----------
    X : ndarray or ColumnBlocks
        The design: columns of the file but the response and those excluded.
    y : ndarray of shape (n_samples,) or None
        The response, if one was named.
    feature_names : list of str
        Names of the columns of `X`; their numbers in the file where they have none.
    response : str or None
        Name of the response.
    """

    X: Any = field(repr=False)
    y: NDArray[np.float64] | None = field(repr=False)
    feature_names: list[str] = field(repr=False)
    response: str | None

    def find(self, columns: Sequence[str | int], *, argument: str = "columns") -> list[int]:
        """Find columns of `X` by name, or by number where there is no such name.

        Parameters
        ----------
        columns : sequence of str or int
            Names, or numbers in `X` from 0 on.
        argument : str, default="columns"
            Name of the argument in errors.

        Returns
        -------
        list of int
            Their numbers.

        Raises
        ------
        ParameterError
            If there is no such column, or there are two.
        """
        return [find(column, self.feature_names, argument, "the table") for column in columns]


def find(column: str | int, names: Sequence[str], argument: str, where: object) -> int:
    """Find a column by name, or by number."""
    places = [place for place, name in enumerate(names) if name == column]
    if len(places) > 1:
        many = len(places)
        raise ParameterError(f"`{argument}` is {column!r}, but {where} has {many} columns of this name: give a number")
    if places:
        return places[0]
    try:
        number = int(column)
    except ValueError:
        near = difflib.get_close_matches(str(column), names[:_COMPARED], n=3)
        advice = f": did you mean {' or '.join(map(repr, near))}?" if near else ""
        message = f"`{argument}` is {column!r}, but {where} has no column of this name{advice}"
        raise ParameterError(message) from None
    if not -len(names) <= number < len(names):
        last = len(names) - 1
        raise ParameterError(f"`{argument}` is {number}, but the columns of {where} have numbers from 0 to {last}")
    return number % len(names)


@dataclass(frozen=True)
class Choice:
    """Which columns of a file are of the design, and which is the response."""

    path: Path
    names: Sequence[str]
    columns: NDArray[np.int64]
    response: int | None
    missing: str

    @property
    def all(self) -> list[int]:
        """Columns to be read: those of the design, and the response last."""
        return [*self.columns.tolist(), *([] if self.response is None else [self.response])]

    def table(self, X: Any, y: Any, name: str | None = None, lines: Sequence[int] | None = None) -> Table:
        """Check the numbers; read as a whole what is not too large.

        Parameters
        ----------
        X : object
            Columns of the design, as :class:`ColumnBlocks` takes them.
        y : ndarray or None
            The response.
        name : str or None, default=None
            Of the response, if it is no column.
        lines : sequence of int or None, default=None
            Lines of the file that rows stand on; None where it has no lines.
        """
        if name is None and self.response is not None:
            name = self.names[self.response]

        def where(row: int, column: str | None) -> str:
            place = f"row {row}" if lines is None else f"line {lines[row]}"
            return f'{self.path}, {place}, column "{column}"'

        if y is not None:
            y = np.array(y, np.float64)
            wrong = np.flatnonzero(~np.isfinite(y))
            if len(wrong):
                what = "missing: leave the row out" if np.isnan(y[wrong[0]]) else "infinite"
                raise NonFiniteError(f"{where(int(wrong[0]), name)}: the response is {what}")
        names = [self.names[i] for i in self.columns]
        if not isinstance(X, ColumnBlocks):
            X = ColumnBlocks(X, missing=self.missing)
        if lines is not None or X.shape[0] * X.shape[1] <= WHOLE:
            X = X.read(0, X.shape[1]).astype(np.float64)
            if not np.isfinite(X).all():
                row, column = np.argwhere(~np.isfinite(X))[0].tolist()
                what = _ADVICE if np.isnan(X[row, column]) else "the number is infinite"
                raise NonFiniteError(f"{where(row, names[column])}: {what}")
        return Table(X, y, names, name)


def choose(
    path: Path, names: Sequence[str], response: str | int | None, exclude: Sequence[str | int], missing: str
) -> Choice:
    """Tell which columns are of the design, and which is the response."""
    place = None if response is None else find(response, names, "response", path)
    left_out = {find(column, names, "exclude", path) for column in exclude}
    if place is not None and place in left_out:
        raise ParameterError(f"`exclude` has the response, {names[place]!r}")
    columns = [i for i in range(len(names)) if i != place and i not in left_out]
    if not columns:
        raise ShapeError(f"{path} has {len(names)} columns, of which none is left for the design")
    return Choice(path, names, np.array(columns), place, missing)


def refuse_same_names(choice: Choice) -> None:
    """Refuse columns that no report could tell apart."""
    places: dict[str, list[int]] = {}
    for i in choice.all:
        places.setdefault(choice.names[i], []).append(i)
    same = {name: found for name, found in places.items() if len(found) > 1}
    if same:
        listed = [
            f"{f'{name!r}' if name else 'no name'} ({', '.join(map(str, found))})" for name, found in same.items()
        ]
        shown = "; ".join(listed[:_LISTED]) + (f"; and {len(listed) - _LISTED} more" if len(listed) > _LISTED else "")
        raise ParameterError(
            f"{choice.path} has several columns of the same name: {shown}; name them apart, or leave all but one out: "
            "`exclude` takes numbers as well"
        )


def read_number(text: str, where: str, name: str, convert: Callable[[str], float] = float) -> float:
    text = text.strip()
    if text.lower() in MISSING:
        return np.nan
    try:
        if "_" in text:
            raise ValueError
        return convert(text)
    except ValueError:
        advice = "`exclude` leaves a column out"
        if convert is float and "," in text and _NUMERAL.fullmatch(text):
            advice = '`decimal` "," reads decimal commas; between thousands nothing may stand'
        elif convert is not float and "." in text and _NUMERAL.fullmatch(text):
            advice = '`decimal` "," reads no decimal points; between thousands nothing may stand'
        raise DataTypeError(f'{where}, column "{name}": {text!r} is not a number; {advice}') from None
