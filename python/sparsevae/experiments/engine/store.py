"""The trials that were done, in one SQLite file, one row a trial."""

import json
import math
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ...exceptions import StoreError
from .record import Key, Record
from .scoring import Score, facts_text

# "sVAE" in the header of the file tells a store of ours from other databases.
_APPLICATION = 0x73564145
_VERSION = 2
_KEY = ("figure", "series", "method", "value", "trial", "seed", "settings")
_RUN = ("problem_seed", "version", "host", "started", "wall_seconds", "cpu_seconds")
_SCORE = (
    "support_match",
    "f1",
    "l2_error_over_n",
    "relative_error",
    "mse_after_least_squares",
    "certified",
    "wrong_certificate",
)
_NUMBERS = ("value", "trial", "seed", "problem_seed", "wall_seconds", "cpu_seconds")
_FLAGS = {"support_match", "certified", "wrong_certificate"}
_COLUMNS = (*_KEY, *_RUN, "status", "error", *_SCORE, "facts")
_FACTS = "facts TEXT NOT NULL DEFAULT '{}'"
_TABLE = f"""
CREATE TABLE IF NOT EXISTS trials (
    figure TEXT NOT NULL, series TEXT NOT NULL, method TEXT NOT NULL, value REAL NOT NULL, trial INTEGER NOT NULL,
    seed INTEGER NOT NULL, settings TEXT NOT NULL,
    problem_seed INTEGER NOT NULL, version TEXT NOT NULL, host TEXT NOT NULL, started TEXT NOT NULL,
    wall_seconds REAL NOT NULL, cpu_seconds REAL NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('done', 'error')), error TEXT NOT NULL,
    support_match INTEGER, f1 REAL, l2_error_over_n REAL, relative_error REAL, mse_after_least_squares REAL,
    certified INTEGER, wrong_certificate INTEGER, {_FACTS},
    PRIMARY KEY ({", ".join(_KEY)})
) WITHOUT ROWID
"""
_WAIT_SECONDS = 30.0


class Store:
    """A file of trials. Each is written at once, so that a killed run loses none that was done.

    Several processes on one machine may use one store. One of an older format is brought up to date when it is opened.

    Parameters
    ----------
    path : path-like or None
        The file, made if it is not there, like its folder; None keeps the trials in memory.
    create : bool, default=True
        Whether a missing file is made; otherwise it is an error.

    Raises
    ------
    StoreError
        If the file is no store of sparsevae, was written by a newer version, or cannot be opened.

    Examples
    --------
    >>> from sparsevae.experiments import Store
    >>> with Store(None) as store:
    ...     len(store.records())
    0
    """

    def __init__(self, path: str | PathLike[str] | None, *, create: bool = True) -> None:
        self.path = None if path is None else Path(path)
        if self.path is not None:
            if not create and not self.path.is_file():
                raise StoreError(f"there is no store of trials at {self.path}")
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._errors():
            # Only the thread that opened it writes: sqlite3 would say otherwise.
            self._connection = sqlite3.connect(
                ":memory:" if self.path is None else self.path, timeout=_WAIT_SECONDS, isolation_level=None
            )
        try:
            with self._errors():
                self._prepare()
        except StoreError:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        # The journal survives a killed process; NORMAL spares one wait for the disk a trial.
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("BEGIN IMMEDIATE")
        application, version = self._pragma("application_id"), self._pragma("user_version")
        (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application != _APPLICATION and (application or version or tables):
            raise StoreError(f"{self.path} is an SQLite database, but no store of trials; name another folder")
        if version > _VERSION:
            raise StoreError(
                f"{self.path} has format {version}, but this version of sparsevae knows formats up to {_VERSION}; "
                "use a newer sparsevae, or name another folder"
            )
        if version == 1:
            # Whoever comes second finds version 2: the transaction lets one in at a time.
            self._connection.execute(f"ALTER TABLE trials ADD COLUMN {_FACTS}")
        self._connection.execute(_TABLE)
        if version != _VERSION:
            self._connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            self._connection.execute(f"PRAGMA user_version = {_VERSION}")
        self._connection.execute("COMMIT")

    def _pragma(self, name: str) -> int:
        return int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self.path or 'the store in memory'} cannot be used as a store: {error}") from error

    def add(self, record: Record) -> None:
        """Write one trial; it replaces an earlier one of the same key.

        Parameters
        ----------
        record : Record
            The trial.

        Raises
        ------
        StoreError
            If it cannot be written.
        """
        score = record.score
        values = [getattr(record.key, name) for name in _KEY] + [getattr(record, name) for name in _RUN]
        values += ["error" if score is None else "done", record.error]
        values += [None if score is None else getattr(score, name) for name in _SCORE]
        values.append(facts_text({} if score is None else score.facts))
        places = ", ".join("?" * len(values))
        with self._errors():
            self._connection.execute(f"INSERT OR REPLACE INTO trials ({', '.join(_COLUMNS)}) VALUES ({places})", values)

    def records(self, figures: Iterable[str] | None = None) -> list[Record]:
        """Read trials, sorted by key.

        Parameters
        ----------
        figures : iterable of str or None, default=None
            Experiments to read; None for all.

        Returns
        -------
        list of Record
            The trials.

        Raises
        ------
        StoreError
            If the file cannot be read, or holds what no trial of ours does.
        """
        names = None if figures is None else sorted(set(figures))
        where = "" if names is None else f"WHERE figure IN ({', '.join('?' * len(names))})"
        query = f"SELECT {', '.join(_COLUMNS)} FROM trials {where} ORDER BY {', '.join(_KEY)}"
        with self._errors():
            return [self._record(row) for row in self._connection.execute(query, names or [])]

    def _record(self, row: tuple[Any, ...]) -> Record:
        try:
            return _record(row)
        except (TypeError, ValueError) as error:
            trial = ", ".join(f"{name} {value!r}" for name, value in zip(_KEY, row, strict=False))
            raise StoreError(f"{self.path or 'the store in memory'} has a damaged trial ({trial}): {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        """Return the store itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()


def _record(row: tuple[Any, ...]) -> Record:
    found = dict(zip(_COLUMNS, row, strict=True))
    for name in _NUMBERS:
        if not isinstance(found[name], (int, float)):
            raise ValueError(f"{name} is {found[name]!r}, but it must be a number")
    score = None
    if found["status"] == "done":
        values: dict[str, Any] = {name: _value(name, found[name]) for name in _SCORE}
        facts = json.loads(found["facts"])
        if not isinstance(facts, dict):
            raise ValueError(f"facts are {found['facts']!r}, but they must be an object of JSON")
        score = Score(**values, facts=facts)
    key = Key(**{name: found[name] for name in _KEY})
    return Record(key, **{name: found[name] for name in _RUN}, score=score, error=found["error"])


def _value(name: str, value: Any) -> bool | float:
    """Return what a column of a score holds; SQLite keeps NaN as NULL."""
    if name in _FLAGS:
        return bool(value)
    return math.nan if value is None else float(value)
