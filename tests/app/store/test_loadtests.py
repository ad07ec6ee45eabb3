"""Load tests in the store: kept as they grow, listed newest first, put away and brought back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.errors import TandemError
from app.paths import Paths
from app.store import LoadTestRecord, Store, StoreSettings
from app.store.schema import migrations


@pytest.fixture
def store(home: object) -> Iterator[Store]:
    opened = Store.open(Paths.default())
    yield opened
    opened.close()


def test_adding_again_replaces_what_was_found_and_keeps_the_beginning(store: Store) -> None:
    made = store.add_load_test(LoadTestRecord(title="chat", model="m", status="running", result={"levels": [1]}))
    begun = store.load_test(made)
    store.add_load_test(LoadTestRecord(id=made, title="chat", status="done", result={"levels": [1, 2]}))
    now = store.load_test(made)
    assert (now.status, now.result, now.created, now.model) == ("done", {"levels": [1, 2]}, begun.created, "m")
    assert len(store.load_tests()) == 1


def test_newest_first_and_no_more_than_asked(store: Store) -> None:
    for title in ("one", "two", "three"):
        store.add_load_test(LoadTestRecord(title=title))
    assert [test.title for test in store.load_tests(2)] == ["three", "two"]


def test_heads_are_the_same_without_their_results(store: Store) -> None:
    for title in ("one", "two"):
        store.add_load_test(LoadTestRecord(title=title, model="m", result={"levels": [1]}))
    assert [(head.title, head.model, head.result) for head in store.load_test_heads()] == [
        ("two", "m", {}),
        ("one", "m", {}),
    ]
    assert [(head.id, head.created) for head in store.load_test_heads()] == [
        (t.id, t.created) for t in store.load_tests()
    ]
    assert len(store.load_test_heads(1)) == 1


def test_deleting_is_undone(store: Store) -> None:
    made = store.add_load_test(LoadTestRecord(title="x"))
    store.delete_load_test(made)
    assert store.load_tests() == []
    with pytest.raises(TandemError, match="not there any more"):
        store.load_test(made)
    store.restore_load_test(made)
    assert [test.id for test in store.load_tests()] == [made]


def test_a_broken_result_hides_no_line(store: Store) -> None:
    made = store.add_load_test(LoadTestRecord(title="broken"))
    store.write(lambda c: c.execute("UPDATE load_tests SET result = '{' WHERE id = ?", (made,)))
    assert [(test.id, test.result) for test in store.load_tests()] == [(made, {})]


def test_a_history_from_before_load_tests_gets_their_table(home: object) -> None:
    Store.open(Paths.default(), StoreSettings(migrations=migrations()[:2])).close()
    store = Store.open(Paths.default())
    try:
        assert store.load_tests() == []
        store.add_load_test(LoadTestRecord(title="first"))
        assert len(store.load_tests()) == 1
    finally:
        store.close()
