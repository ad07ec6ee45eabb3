"""Quality through the engine room, and what a stop or a failure leaves of an experiment."""

from __future__ import annotations

import msgspec
import pytest

from app.lab.compare.events import Delta, Moment, Snapshot
from app.lab.compare.experiment import continues
from app.lab.compare.plan import Mode, QualityPlan, ask
from app.lab.compare.result import Load, Problem, Status
from app.lab.compare.seat import LaneFailed, Seat
from app.lab.services import Services
from app.library import Variant
from engines.protocol import Score, Scored
from tests.app.lab.compare.conftest import Bench, lane, plan

TEXTS = QualityPlan(texts=("prose",), tokens=64)


def test_a_lane_is_scored_against_the_reference_and_the_files_are_gone(
    bench: Bench, services: Services, tiny: Variant
) -> None:
    lanes = (lane(tiny, "exact"), lane(tiny, "same"), lane(tiny, "blurred", blur=0.5))
    result = bench.run(plan(*lanes, blocks=1, quality=TEXTS))
    assert result.status is Status.DONE
    figures = {(q.lane, q.domain): q for q in result.quality}
    assert {key[0] for key in figures} == {1, 2}, "the reference is not compared with itself"
    same, blurred = figures[1, "all"], figures[2, "all"]
    assert (same.kl_mean.value, same.kl_max, same.top1.value, same.ppl_ratio.value) == (0.0, 0.0, 1.0, 1.0)
    assert blurred.kl_mean.value > 0.0
    assert blurred.kl_mean.low is not None
    assert blurred.n >= 64
    assert (2, "own") in figures
    assert [flip.text for flip in result.lanes[2].flips]
    assert not list(services.paths.run.glob("*quality*"))


def test_a_prompt_set_gives_a_share_of_right_answers(bench: Bench, tiny: Variant) -> None:
    wanted = QualityPlan(texts=("prose",), tokens=32, own=False, prompts="facts")
    result = bench.run(plan(lane(tiny, "a", rate=0.0), lane(tiny, "b", rate=0.0), blocks=1, quality=wanted))
    assert [(s.lane, s.n, len(s.rows)) for s in result.scores] == [(0, 30, 30), (1, 30, 30)]
    assert result.scores[0].share.low is not None


def test_a_lane_without_probabilities_is_said(bench: Bench, tiny: Variant) -> None:
    result = bench.run(plan(lane(tiny, "echo"), lane(tiny, "chaos", "chaos"), blocks=1, quality=TEXTS))
    assert "Lane B: Chaos gives no probabilities" in " ".join(result.notes)
    assert result.quality == ()


def test_a_reference_that_cannot_be_scored_ends_nothing_else(
    bench: Bench, tiny: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    score = Seat.score

    def failing(seat: Seat, order: Score) -> Scored:
        if seat.ready.index == 0:
            raise LaneFailed(Problem("no_memory", "Memory ran out.", "Close other programs."))
        return score(seat, order)

    monkeypatch.setattr(Seat, "score", failing)
    result = bench.run(plan(lane(tiny, "a"), lane(tiny, "b"), blocks=5, quality=TEXTS))
    assert result.status is Status.DONE
    assert result.quality == ()
    assert "the reference was not scored" in " ".join(result.notes)
    cell = result.cell("decode_tok_s", "", 1)
    assert cell is not None
    assert cell.ratio is not None, "what was measured before is kept"


def test_a_text_that_is_gone_costs_the_quality_only(bench: Bench, tiny: Variant) -> None:
    result = bench.run(plan(lane(tiny, "a"), lane(tiny, "b"), blocks=1, quality=QualityPlan(texts=("no-such-text",))))
    assert result.status is Status.DONE
    assert "Quality was not finished" in " ".join(result.notes)


def test_a_stop_during_quality_keeps_the_table(bench: Bench, tiny: Variant) -> None:
    bench.cancelled = lambda: any(isinstance(e, Moment) and e.phase == "quality" for e in bench.events)
    result = bench.run(plan(lane(tiny, "a"), lane(tiny, "b"), blocks=2, quality=TEXTS))
    assert result.status is Status.CANCELLED
    assert result.blocks == 2
    assert result.cell("decode_tok_s", "", 1) is not None


def test_a_block_that_was_cut_short_does_not_count(bench: Bench, tiny: Variant) -> None:
    def in_the_second_block() -> bool:
        return any(
            isinstance(e, Snapshot) and any(r.block == 2 and r.counts for r in e.result.runs) for e in bench.events
        )

    bench.cancelled = in_the_second_block
    result = bench.run(plan(lane(tiny, "a"), lane(tiny, "b"), blocks=5))
    assert (result.status, result.blocks) == (Status.CANCELLED, 1)
    assert any(run.block == 2 for run in result.runs), "the raw run is kept"
    assert {cell.n_blocks for cell in result.cells} == {1}


@pytest.mark.parametrize("mode", [Mode.RACE, Mode.MEASURE])
def test_what_a_stopped_answer_had_said_is_kept(bench: Bench, tiny: Variant, mode: Mode) -> None:
    bench.cancelled = lambda: sum(isinstance(e, Delta) for e in bench.events) > 4
    long = (ask("one two", {"ignore_eos": True, "max_tokens": 100_000, "rate": 50.0}),)
    result = bench.run(plan(lane(tiny, "a"), lane(tiny, "b"), steps=long), mode)
    assert result.status is Status.CANCELLED
    assert result.lanes[0].tracks[0].text.startswith("one two ")
    assert result.lanes[0].tracks[0].reason == "cancelled"
    assert not any(run.counts for run in result.runs)


def test_differences_are_to_the_lane_that_the_ratios_are_to(bench: Bench, tiny: Variant) -> None:
    gone = msgspec.structs.replace(lane(tiny, "gone"), model="no-such-model")
    result = bench.run(plan(gone, lane(tiny, "b", rate=100.0), lane(tiny, "c", rate=50.0), blocks=1))
    assert result.reference == 1
    assert [d.name for d in result.lanes[1].differs] == []
    assert [(d.name, d.before, d.after) for d in result.lanes[2].differs] == [("rate", "100", "50 tok/s")]


def test_a_lane_that_lacked_memory_only_beside_the_others_is_measured_alone(
    bench: Bench, tiny: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, tried = Seat.open, []

    def short_of_memory(seat: Seat) -> Load:
        if seat.block == 1 and seat.ready.index == 1 and not tried:
            tried.append(seat)
            raise LaneFailed(Problem("no_memory", "Not enough memory.", "Use less."))
        return load(seat)

    monkeypatch.setattr(Seat, "open", short_of_memory)
    result = bench.run(plan(lane(tiny, "a"), lane(tiny, "b"), blocks=2))
    assert tried
    assert result.lanes[1].problem is None
    assert result.resident is False
    assert [run.lane for run in result.runs if run.block == 1 and run.counts] == [0, 0, 1, 1]


def test_only_the_same_experiment_is_gone_on_with(bench: Bench, tiny: Variant) -> None:
    made = plan(lane(tiny, "a"), blocks=1)
    result = bench.run(made)
    assert continues(result, made, Mode.MEASURE)
    assert not continues(result, made, Mode.QUICK)
    assert not continues(result, msgspec.structs.replace(made, steps=(ask("other"),)), Mode.MEASURE)
    again = bench.run(msgspec.structs.replace(made, steps=(ask("other words"),)), resume=result)
    assert again.id != result.id
    assert again.lanes[0].tracks[0].text == "other words "


def test_a_setting_that_did_not_take_is_noted(bench: Bench, tiny: Variant) -> None:
    from app.lab.compare.prepare import not_engaged

    asked = lane(tiny, "x", "llama-cpp", n_gpu_layers=20, n_threads="auto", type_k="q8_0")
    found = not_engaged(asked, {"n_gpu_layers": 0, "n_threads": 2, "type_k": "q8_0"}, {"n_gpu_layers": "0: no GPU"})
    assert found == ["n_gpu_layers did not engage: 0, not 20 (0: no GPU)"]
