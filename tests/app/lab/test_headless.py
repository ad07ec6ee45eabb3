"""A chat without a window: shape, repeats, refusals."""

from __future__ import annotations

import pytest

from app.errors import TandemError
from app.lab.headless import ChatOrder, HeadlessChat, Watcher, median
from app.lab.services import Services
from app.library import Variant
from engines import registry

RUN_KEYS = {
    "task", "model", "variant", "engine", "reason", "text", "output", "segments", "knobs", "metrics", "memory", "runs", "notes",
}  # fmt: skip


def hold(
    services: Services, tiny: Variant, watcher: Watcher | None = None, engine: str = "echo", **order: object
) -> dict[str, object]:
    made = ChatOrder("one two three", tiny.id, registry.spec(engine), **order)
    return HeadlessChat(services.launcher, services.descriptions, made, watcher or Watcher()).run()


def test_no_key_is_ever_absent(services: Services, tiny: Variant) -> None:
    result = hold(services, tiny)
    assert set(result) == RUN_KEYS
    assert result["output"] is None
    assert {"ttft_s", "decode_tok_s", "import_s", "load_s", "convert_s", "j_per_unit"} <= set(result["metrics"])
    assert {"runtime_bytes", "model_bytes", "mapped_bytes", "peak_bytes", "estimate_bytes", "device"} <= set(
        result["memory"]
    )


def test_repeat_gives_the_median_of_the_later_runs(services: Services, tiny: Variant) -> None:
    result = hold(services, tiny, repeat=4, knobs={"rate": 0.0})
    assert [run["cold"] for run in result["runs"]] == [True, False, False, False]
    later = [run["metrics"]["e2e_s"] for run in result["runs"][1:]]
    assert result["metrics"]["e2e_s"] == sorted(later)[1]
    assert len(services.store.runs()) == 4


def test_counts_stay_whole_numbers_and_nulls_stay_null() -> None:
    assert median("n_out", [3, 4]) == 3
    assert median("e2e_s", [None, None]) is None
    assert median("e2e_s", [1.0, None]) == 1.0


def test_text_streams(services: Services, tiny: Variant) -> None:
    parts: list[str] = []
    result = hold(services, tiny, Watcher(text=parts.append))
    assert "".join(parts) == result["text"] == "one two three "


def test_cancel_is_a_result(services: Services, tiny: Variant) -> None:
    parts: list[str] = []
    watcher = Watcher(text=parts.append, cancelled=lambda: len(parts) > 2)
    result = hold(services, tiny, watcher, knobs={"ignore_eos": True, "max_tokens": 100_000, "rate": 100.0})
    assert result["reason"] == "cancelled"
    assert result["text"].startswith("one two three")


def test_cancel_while_loading_is_an_error_with_its_code(services: Services, tiny: Variant) -> None:
    with pytest.raises(TandemError) as caught:
        hold(services, tiny, Watcher(cancelled=lambda: True), knobs={"load_s": 60.0})
    assert caught.value.code == "cancelled"


def test_an_engine_that_ends_is_an_error(services: Services, tiny: Variant) -> None:
    with pytest.raises(TandemError, match="aborted"):
        hold(services, tiny, engine="chaos", knobs={"trouble": "abort"})


def test_a_system_prompt_comes_first(services: Services, tiny: Variant) -> None:
    result = hold(services, tiny, system="be brief")
    assert services.store.runs()[0].record["request"]["messages"] == 2
    assert result["text"] == "one two three "
