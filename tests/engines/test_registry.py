"""The table of engines."""

from __future__ import annotations

import pytest

from engines import registry
from engines.errors import EngineError
from engines.spec import Task


def test_an_engine_is_found_by_its_id() -> None:
    assert registry.spec("echo").title == "Echo"
    assert all(key == spec.id for key, spec in registry.specs().items())


def test_an_unknown_engine_names_the_known_ones_but_not_those_for_tests() -> None:
    with pytest.raises(EngineError, match="“llamacpp”") as caught:
        registry.spec("llamacpp")
    assert caught.value.code == "unknown_engine"
    assert "chaos" not in caught.value.hint


def test_people_choose_among_real_engines_of_a_task() -> None:
    assert not [s for s in registry.visible() if s.for_tests]
    assert {s.task for s in registry.visible(Task.CHAT)} <= {Task.CHAT}
    assert registry.visible(Task.VIDEO) == []


@pytest.mark.parametrize(
    ("entry", "error"),
    [("engines.chat.echo:Echo", "no EngineSpec"), ("engines.chat.echo:NOTHING", "NOTHING"), ("engines.chat.nowhere:SPEC", "nowhere")],
)  # fmt: skip
def test_a_wrong_line_is_a_bug_and_says_so(monkeypatch: pytest.MonkeyPatch, entry: str, error: str) -> None:
    monkeypatch.setattr(registry, "BUILTIN", (entry,))
    with pytest.raises((AssertionError, AttributeError, ImportError), match=error):
        registry.specs.__wrapped__()


def test_two_engines_cannot_share_an_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "BUILTIN", ("engines.chat.echo:SPEC",) * 2)
    with pytest.raises(AssertionError, match="share an id"):
        registry.specs.__wrapped__()
