"""Comparisons in the store: kept as they grow, listed newest first, put away and brought back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.errors import TandemError
from app.paths import Paths
from app.store import ExperimentRecord, RunRecord, Store


@pytest.fixture
def store(home: object) -> Iterator[Store]:
    opened = Store.open(Paths.default())
    yield opened
    opened.close()


def test_saving_again_replaces_what_was_found_and_keeps_the_beginning(store: Store) -> None:
    made = store.save_experiment(ExperimentRecord(title="first", status="running", plan={"a": 1}))
    begun = store.experiment(made)
    store.save_experiment(ExperimentRecord(id=made, title="first", status="done", result={"blocks": 5}))
    now = store.experiment(made)
    assert (now.status, now.result, now.created) == ("done", {"blocks": 5}, begun.created)
    assert len(store.experiments()) == 1


def test_newest_first_and_no_more_than_asked(store: Store) -> None:
    for title in ("one", "two", "three"):
        store.save_experiment(ExperimentRecord(title=title))
    assert [e.title for e in store.experiments(2)] == ["three", "two"]


def test_deleting_is_undone_and_its_runs_stay(store: Store) -> None:
    made = store.save_experiment(ExperimentRecord(title="x"))
    run = store.add_run(
        RunRecord(task="chat", model="m", variant="v", engine="e", reason="stop", experiment_id=made, lane="B", block=3)
    )
    store.delete_experiment(made)
    assert store.experiments() == []
    with pytest.raises(TandemError, match="not there any more"):
        store.experiment(made)
    assert (store.run(run).experiment_id, store.run(run).lane, store.run(run).block) == (made, "B", 3)
    store.restore_experiment(made)
    assert [e.id for e in store.experiments()] == [made]
