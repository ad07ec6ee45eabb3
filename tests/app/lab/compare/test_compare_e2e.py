"""Comparisons on the real starter model in real engines: what the recipes rest on."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.lab.compare.lane import Lane
from app.lab.compare.plan import Mode, Plan, QualityPlan, Schedule, Step, ask
from app.lab.compare.result import Result, Status
from app.lab.services import Services
from engines.protocol import ChatRequest
from tests.app.lab.compare.conftest import Bench

pytestmark = pytest.mark.e2e
GREEDY = {"temperature": 0.0, "max_tokens": 12}
SHORT = Schedule(n_out=8, min_blocks=1, max_blocks=1, quick_runs=1, rest_s=0.0)


@pytest.fixture
def smol(services: Services, starter_gguf: Path) -> str:
    (variant,) = services.library.add(starter_gguf)
    return variant.id


def lane(model: str, name: str, **knobs: object) -> Lane:
    return Lane(name=name, model=model, engine="llama-cpp", knobs={"n_threads": 1, "n_ctx": 512, **knobs})  # type: ignore[arg-type]


def value(result: Result, metric: str, step: str, index: int) -> float:
    cell = result.cell(metric, step, index)
    assert cell is not None
    assert cell.value is not None
    return cell.value


def test_a_kept_prefix_is_read_once_and_a_forgotten_one_each_time(bench: Bench, smol: str) -> None:
    text = "The ferry leaves the north pier at seven, at nine and at noon, and carries forty people. " * 4
    first = ask(text + "When does it leave?", GREEDY)
    again = Step(name="again", request=ask(text + "How many people?", GREEDY).request, fresh=False)
    lanes = (lane(smol, "kept"), lane(smol, "read again", cache_prompt=False))
    plan = Plan(
        title="t", lanes=lanes, steps=(Step(name="ask", request=first.request), again), schedule=SHORT, quality=None
    )
    result = bench.run(plan, Mode.QUICK)
    assert result.status is Status.DONE
    assert value(result, "n_cached", "ask", 0) == 0
    assert value(result, "n_cached", "again", 0) > 50
    assert value(result, "n_cached", "again", 1) == 0
    assert value(result, "ttft_s", "again", 0) < value(result, "ttft_s", "again", 1)
    assert result.lanes[0].tracks[1].text == result.lanes[1].tracks[1].text, "re-use must not change the words"


def test_a_quantized_cache_is_seen_at_depth_and_in_the_quality(bench: Bench, smol: str) -> None:
    story = Step(
        name="50 %",
        request=ChatRequest(prompt="Once upon a time there was a lighthouse. " * 9, knobs=GREEDY),
        depth=0.5,
    )
    lanes = (lane(smol, "f16", flash_attn="on"), lane(smol, "q4_0", flash_attn="on", type_k="q4_0", type_v="q4_0"))
    wanted = QualityPlan(texts=("prose",), tokens=48, own=False)
    result = bench.run(Plan(title="t", lanes=lanes, steps=(story,), schedule=SHORT, quality=wanted))
    assert result.status is Status.DONE
    assert value(result, "model_bytes", "", 1) < value(result, "model_bytes", "", 0)
    (quality,) = [q for q in result.quality if q.domain == "all"]
    assert (quality.lane, quality.step) == (1, 1)
    assert quality.kl_mean.value > 0.0
    runs = [run for run in result.runs if run.kind == "timed"]
    assert {run.steps[0].metrics["n_in"] for run in runs} == {256}
