"""The store of trials: what it keeps, files of older versions, files of others."""

import dataclasses
import json
import shutil
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from sparsevae import experiments
from sparsevae.exceptions import StoreError
from sparsevae.experiments import Store
from sparsevae.experiments.engine.selection import select

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


def without_facts(record):
    return record if record.score is None else replace(record, score=replace(record.score, facts={}))


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
        assert records == [without_facts(record) for record in store.records()]
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


def test_trials_that_lack_what_a_panel_shows_are_left_out_of_it_and_done_again(tmp_path):
    new, old = tmp_path / "new.sqlite", tmp_path / "old.sqlite"
    options = {"methods": ["VaeSlr", "SBL"], "trials": 1, "quick": True}
    experiments.run("fig4a", store=new, **options)
    first_format(old, new)
    plans, _ = experiments.lay_out(experiments.find_figures(["fig4a", "fig4a_largest"]), **options)
    with Store(new) as store, Store(old) as lacking:
        whole, ranked = experiments.stored_results(store, plans)
        (alone,) = experiments.stored_results(lacking, plans[:1])
        assert alone.csv() == whole.csv()
        assert len(ranked.records) == len(whole.records) == 6
        assert not ranked.notes
        assert experiments.stored_results(lacking, plans[1:]) == []
        chosen, notes = select(plans[1].figure, lacking.records(), plans[1])
        assert (chosen, len(notes)) == ([], 1)
        assert notes[0].startswith("fig4a_largest: 6 trials of an earlier version do not say what is shown here")
        done, left = experiments.split_done(plans[:1], lacking)
        assert (len(done), len(left)) == (6, 0)
    again = experiments.run("fig4a_largest", store=old, **options)
    assert again.csv() == ranked.csv()
    with Store(old) as store:
        assert len(store.records()) == 6
        assert all("largest" in record.score.facts for record in store.records())


# What figures were that have other places, or trials of their own, since the older version.
_RECOVERY = experiments.FIGURES["manifold_recovery"]
THEN = {
    "rows_noise": {"values": (10, 30, 50, 70, 80, 90, 95)},
    "rows_noise_own": {"values": (10, 30, 50, 70, 80, 90, 95)},
    "manifold_variance": {
        "title": "The trials of manifold_recovery, posterior variances of all samples",
        "values": _RECOVERY.values,
        "problem": _RECOVERY.problem,
        "series": _RECOVERY.series,
        "trials_of": "manifold_recovery",
    },
}


def plan_of(entry):
    """The run of an older version, of the figure as it was."""
    name = entry["figure"]
    return experiments.make_plan(
        dataclasses.replace(experiments.FIGURES[name], **THEN.get(name, {})), **entry["options"]
    )


@pytest.fixture
def older(tmp_path):
    """A store that an older version wrote, see make_store.py beside it, and what that version showed of it."""
    folder = Path(__file__).parents[3] / "data" / "experiments"
    shutil.copy(folder / "trials.sqlite", tmp_path)
    return tmp_path / "trials.sqlite", json.loads((folder / "shown.json").read_text(encoding="utf-8"))


def test_trials_of_an_older_version_are_shown_as_it_did(older):
    path, shown = older
    with Store(path) as store:
        for entry in shown:
            (results,) = experiments.stored_results(store, [plan_of(entry)])
            assert results.csv() == entry["csv"]
            assert results.text() == entry["text"]


def test_trials_of_an_older_version_are_not_done_again(older):
    path, shown = older
    plans = [plan_of(entry) for entry in shown]
    with Store(path) as store:
        done, left = experiments.split_done(plans, store)
        # Those that ended in an error are.
        assert {record.key for record in store.records()} == {entry.key for entry in (*done, *left)}
        assert len(left) == 3
        assert all("much" in task.key.settings for task in left)
    again = run(path)
    assert {record.started[:10] for record in again.records} == {"2026-01-01"}


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


def test_the_store_spares_what_was_done_and_keeps_older_settings(small, tmp_path):
    path = tmp_path / "deep" / "trials.sqlite"
    first, again = small(store=path), small(store=path, trials=3)
    done = {record.key: record.started for record in first.records}
    assert all(record.started == done[record.key] for record in again.records if record.key in done)
    assert len(again.records) == len(first.records) * 3 // 2
    changed = {"Lasso": {"parameters": {"alpha": 1e-3, "fit_intercept": False}}}
    other = small(store=path, settings=changed)
    assert not {record.key for record in other.records if record.key.method == "Lasso"} & set(done)
    with Store(path) as store:
        assert len(store.records()) == len(again.records) + len(other.records) // 2
        (shown,) = experiments.stored_results(store)
    assert shown.csv() == again.csv()
    assert "6 trials of other settings" in " ".join(shown.notes)


def test_trials_of_another_version_are_kept_and_noted(small, tmp_path):
    path = tmp_path / "trials.sqlite"
    small(store=path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE trials SET version = '0.0.9', host = 'elsewhere' WHERE method = 'Lasso'")
    connection.close()
    notes = " ".join(small(store=path).notes)
    assert "6 trials were made by sparsevae 0.0.9" in notes


def test_a_failing_trial_is_recorded_counted_and_tried_again(small, tmp_path):
    path = tmp_path / "trials.sqlite"
    broken = {"Lasso": {"parameters": {"alpha": "much"}}}
    results = small(store=path, settings=broken)
    lasso = [point for point in results.points if point.method == "Lasso"]
    assert [(point.errors, point.successes, point.trials) for point in lasso] == [(2, 0, 2)] * 3
    assert any("Lasso: 6 trials ended in an error and count as failures" in note for note in results.notes)
    assert [point.errors for point in results.points if point.method == "VaeSlr"] == [0, 0, 0]
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT error, f1 FROM trials WHERE status = 'error'").fetchall()
    connection.close()
    assert len(rows) == 6
    assert all("alpha" in error and f1 is None for error, f1 in rows)
    again = small(store=path, settings=broken)
    begun = {record.key: record.started for record in results.records}
    repeated = {record.key.method for record in again.records if record.started != begun[record.key]}
    assert repeated == {"Lasso"}


@pytest.mark.parametrize(
    "statement",
    ["PRAGMA user_version = 99", "PRAGMA application_id = 7", "SELECT 1"],
    ids=["newer", "foreign", "not a database"],
)
def test_a_store_that_is_not_ours_is_refused(tmp_path, statement):
    path = tmp_path / "trials.sqlite"
    if statement.startswith("SELECT"):
        path.write_bytes(b"figure,method\n" * 1000)
    else:
        Store(path).close()
        connection = sqlite3.connect(path)
        connection.execute(statement)
        connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"trials\.sqlite"):
        Store(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("facts = '{'", "Expecting property name"),
        ("facts = '[1]'", r"facts are '\[1\]', but they must be an object of JSON"),
        ("f1 = 'high'", "'high'"),
        ("cpu_seconds = 'long'", "cpu_seconds is 'long', but it must be a number"),
        ("value = 'many'", "value is 'many', but it must be a number"),
    ],
)
def test_a_damaged_trial_is_named(tmp_path, change, message):
    path = tmp_path / "trials.sqlite"
    run(path)
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE OR REPLACE trials SET {change}")
    connection.close()
    with Store(path) as store, pytest.raises(StoreError, match=rf"damaged trial \(figure 'fig1a'.*\): .*{message}"):
        store.records()
