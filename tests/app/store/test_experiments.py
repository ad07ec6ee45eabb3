"""Comparisons in the store: kept as they grow, listed newest first, put away and brought back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.errors import TandemError
from app.paths import Paths
from app.store import ExperimentHead, ExperimentRecord, RunRecord, Store


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


def test_heads_say_what_a_list_shows(store: Store) -> None:
    lanes = [{"name": "a"}, {"name": "b"}]
    first = store.save_experiment(
        ExperimentRecord(title="one", recipe="threads", status="done", plan={"lanes": lanes}, result={"mode": "quick"})
    )
    store.save_experiment(ExperimentRecord(title="two"))
    newest, oldest = store.experiment_heads()
    assert (newest.title, newest.status, newest.mode, newest.lanes) == ("two", "planned", "", 0)
    assert oldest == ExperimentHead(
        id=first, title="one", recipe="threads", status="done", mode="quick", lanes=2, created=oldest.created
    )
    assert oldest.created == store.experiment(first).created
    assert store.experiment_heads(1) == [newest]
    store.delete_experiment(newest.id)
    assert store.experiment_heads() == [oldest]


def test_a_broken_plan_or_result_hides_no_line(store: Store) -> None:
    made = store.save_experiment(ExperimentRecord(title="broken"))
    store.write(lambda c: c.execute("UPDATE experiments SET plan = '{', result = 'no' WHERE id = ?", (made,)))
    assert [(head.id, head.mode, head.lanes) for head in store.experiment_heads()] == [(made, "", 0)]


def test_unfinished_are_those_that_run_newest_first(store: Store) -> None:
    for title, status in (("one", "running"), ("two", "done"), ("three", "running"), ("four", "cancelled")):
        store.save_experiment(ExperimentRecord(title=title, status=status))
    gone = store.save_experiment(ExperimentRecord(title="gone", status="running"))
    store.delete_experiment(gone)
    assert [head.title for head in store.unfinished_experiments()] == ["three", "one"]
    assert [head.title for head in store.unfinished_experiments(1)] == ["three"]


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
