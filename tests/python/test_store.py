"""The store of trials: facts, and files of the first format, which are brought up to date."""

import sqlite3
import threading

from sparsevae import experiments
from sparsevae.experiments import Store

# The table as the first format had it.
FIRST = """
CREATE TABLE trials (
    figure TEXT NOT NULL, series TEXT NOT NULL, method TEXT NOT NULL, value REAL NOT NULL, trial INTEGER NOT NULL,
    seed INTEGER NOT NULL, settings TEXT NOT NULL,
    problem_seed INTEGER NOT NULL, version TEXT NOT NULL, host TEXT NOT NULL, started TEXT NOT NULL,
    wall_seconds REAL NOT NULL, cpu_seconds REAL NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('done', 'error')), error TEXT NOT NULL,
    support_match INTEGER, f1 REAL, l2_error_over_n REAL, relative_error REAL, mse_after_least_squares REAL,
    certified INTEGER, wrong_certificate INTEGER,
    PRIMARY KEY (figure, series, method, value, trial, seed, settings)
) WITHOUT ROWID
"""
COLUMNS = """
    figure, series, method, value, trial, seed, settings, problem_seed, version, host, started, wall_seconds,
    cpu_seconds, status, error, support_match, f1, l2_error_over_n, relative_error, mse_after_least_squares, certified,
    wrong_certificate
"""


def run(path, **options):
    return experiments.run("fig1a", methods=["VaeSlr", "Lasso"], trials=1, quick=True, store=path, **options)


def first_format(path, source):
    """Write the trials of another store as the first format did."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(FIRST)
    connection.execute("ATTACH ? AS source", [str(source)])
    connection.execute(f"INSERT INTO trials ({COLUMNS}) SELECT {COLUMNS} FROM source.trials")
    connection.execute(f"PRAGMA application_id = {0x73564145}")
    connection.execute("PRAGMA user_version = 1")
    connection.close()


def version(path):
    connection = sqlite3.connect(path)
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    return found


def test_a_store_of_the_first_format_is_brought_up_to_date(tmp_path):
    new, old = tmp_path / "new.sqlite", tmp_path / "old.sqlite"
    broken = {"Lasso": {"parameters": {"alpha": "much"}}}
    run(new)
    run(new, settings=broken)
    first_format(old, new)
    assert (version(new), version(old)) == (2, 1)
    with Store(new) as store, Store(old) as migrated:
        records = migrated.records()
        assert records == store.records()
        # Those that ended in an error among them.
        assert {record.score is None for record in records} == {True, False}
        assert all(record.score.facts == {} for record in records if record.score)
        shown, expected = (experiments.stored_results(one) for one in (migrated, store))
        assert [results.csv() for results in shown] == [results.csv() for results in expected]
    assert version(old) == 2
    # It goes on where it was, and opening it again changes nothing.
    done = {record.key: record.started for record in records}
    assert all(record.started == done[record.key] for record in run(old).records)
    before = old.read_bytes()
    Store(old).close()
    assert old.read_bytes() == before


def test_several_may_open_a_store_of_the_first_format_at_once(tmp_path):
    new, old = tmp_path / "new.sqlite", tmp_path / "old.sqlite"
    run(new)
    first_format(old, new)
    start, counts = threading.Barrier(8), []

    def read():
        start.wait()
        with Store(old) as store:
            counts.append(len(store.records()))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [6] * 8
    assert version(old) == 2
