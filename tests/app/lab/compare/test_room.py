"""The engine room with the test engines in real workers: schedule, repeats, failures, cancel, resume."""

from __future__ import annotations

import dataclasses
import itertools

import msgspec
import pytest

from app.errors import TandemError
from app.lab.compare.events import Began, Delta, Moment, Snapshot
from app.lab.compare.experiment import resumed
from app.lab.compare.plan import Mode, Plan, Schedule, Step, ask
from app.lab.compare.result import LaneRun, Result, Status, Word
from app.lab.lease import device_lease
from app.lab.services import Services
from app.library import Variant
from engines.client import Patience
from engines.protocol import ChatRequest
from tests.app.lab.compare.conftest import Bench, lane, plan


def kinds(result: Result, block: int) -> list[tuple[str, int]]:
    return [(run.kind, run.lane) for run in result.runs if run.block == block]


def timed(result: Result) -> list[LaneRun]:
    return [run for run in result.runs if run.kind == "timed"]


def test_a_measurement_from_start_to_verdict(bench: Bench, services: Services, tiny: Variant) -> None:
    result = bench.run(plan(lane(tiny, "plain"), lane(tiny, "slow", rate=100.0), blocks=5))
    assert result.status is Status.DONE
    assert result.blocks == 5
    assert result.resident
    assert kinds(result, 0) == [("answer", 0), ("answer", 1)]
    assert kinds(result, 1)[:4] == [("discarded", 0), ("discarded", 1), ("timed", 0), ("timed", 1)]
    assert kinds(result, 2)[:3] == [("discarded", 1), ("discarded", 0), ("timed", 1)]
    cell = result.cell("decode_tok_s", "", 1)
    assert cell is not None
    assert cell.word is Word.SLOWER
    assert cell.ratio == pytest.approx(0.5, abs=0.05)
    assert cell.better is False
    assert "slower" in result.words
    assert [d.name for d in result.lanes[1].differs] == ["rate"]
    assert result.lanes[0].tracks[0].text == "one two three "
    assert result.lanes[0].tracks[0].times_s == tuple(sorted(result.lanes[0].tracks[0].times_s))


def test_speed_runs_have_a_fixed_length_and_no_text(bench: Bench, services: Services, tiny: Variant) -> None:
    result = bench.run(plan(lane(tiny, "a"), blocks=1))
    for run in timed(result):
        stored = services.store.run(run.steps[0].run)
        assert stored.metrics["n_out"] == 8
        assert stored.knobs["effective"]["ignore_eos"] is True
        assert stored.experiment_id == result.id
        assert stored.lane == "A"
        assert stored.block == 1
    answers = [services.store.run(run.steps[0].run) for run in result.runs if run.kind == "answer"]
    assert [a.metrics["n_out"] for a in answers] == [3]


def test_quick_is_one_load_and_never_decides(bench: Bench, tiny: Variant) -> None:
    result = bench.run(plan(lane(tiny, "plain"), lane(tiny, "slow", rate=50.0)), Mode.QUICK)
    assert [load.lane for load in result.loads] == [0, 1]
    assert len(timed(result)) == 10
    cell = result.cell("decode_tok_s", "", 1)
    assert cell is not None
    assert (cell.low, cell.high, cell.word) == (None, None, Word.UNDECIDED)
    assert cell.within


def test_a_disturbed_run_is_repeated_and_the_third_one_counts_marked(bench: Bench, tiny: Variant) -> None:
    # runs of a one-lane block: answer, discarded, timed, timed
    bench.watch.next = ["", "", "noise", "", "noise", "noise", "noise"]
    result = bench.run(plan(lane(tiny, "a"), blocks=1))
    assert [(run.attempt, run.counts, run.contended) for run in timed(result)] == [
        (1, False, False), (2, True, False), (1, False, False), (2, False, False), (3, True, True),
    ]  # fmt: skip
    assert result.repeated == 3
    assert result.busy == ("noise",)
    cell = result.cell("decode_tok_s", "", 0)
    assert cell is not None
    assert cell.contended


def test_steps_are_one_sequence(bench: Bench, tiny: Variant) -> None:
    steps = (
        Step(name="first", request=ChatRequest(prompt="a b c d")),
        Step(name="second", request=ChatRequest(prompt="a b c d e"), fresh=False),
    )
    result = bench.run(plan(lane(tiny, "a"), blocks=1, steps=steps))
    assert [[s.name for s in run.steps] for run in result.runs] == [["first", "second"]] * 4
    assert {c.step for c in result.cells if c.metric == "ttft_s"} == {"first", "second"}


def test_depth_fills_the_context_to_a_share(bench: Bench, services: Services, tiny: Variant) -> None:
    steps = (Step(name="25 %", request=ChatRequest(prompt="one two three four"), depth=0.25),)
    result = bench.run(plan(lane(tiny, "a"), blocks=1, steps=steps))
    assert {services.store.run(run.steps[0].run).metrics["n_in"] for run in result.runs} == {1024}


def test_a_lane_that_fails_says_so_and_the_others_finish(bench: Bench, tiny: Variant) -> None:
    lanes = (
        lane(tiny, "good"),
        lane(tiny, "crash", "chaos", trouble="abort"),
        msgspec.structs.replace(lane(tiny, "gone"), model="no-such-model"),
        msgspec.structs.replace(lane(tiny, "missing"), engine="no-such-engine"),
    )
    result = bench.run(plan(*lanes, blocks=1))
    problems = [found.problem for found in result.lanes]
    assert problems[0] is None
    assert [p.code if p else "" for p in problems[1:]] == ["engine_ended", "unknown_model", "unknown_engine"]
    assert all(p is None or p.hint for p in problems)
    assert result.status is Status.DONE
    assert len(timed(result)) == 2


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        ("memory_error", "no_memory"),
        ("hang_in_c", "unresponsive"),
        ("engine_error", "planned"),
        ("segv", "engine_ended"),
    ],
)
def test_whatever_happens_to_a_lane_the_other_one_is_measured(
    services: Services, tiny: Variant, trouble: str, code: str
) -> None:
    patience = Patience(no_beat_s=1.5, still_s=1.5, still_loading_s=20.0)
    hasty = dataclasses.replace(services, launcher=dataclasses.replace(services.launcher, patience=patience))
    result = Bench(hasty).run(plan(lane(tiny, "good"), lane(tiny, "bad", "chaos", trouble=trouble), blocks=1))
    problem = result.lanes[1].problem
    assert problem is not None
    assert (problem.code, bool(problem.message), bool(problem.hint)) == (code, True, True)
    assert result.status is Status.DONE
    assert [run.lane for run in timed(result)] == [0, 0]


def test_the_next_lane_is_the_reference_where_the_first_fails(bench: Bench, tiny: Variant) -> None:
    first = msgspec.structs.replace(lane(tiny, "gone"), model="no-such-model")
    result = bench.run(plan(first, lane(tiny, "b"), lane(tiny, "c"), blocks=2))
    assert result.reference == 1
    assert "ratios are to lane B" in " ".join(result.notes)
    cell = result.cell("decode_tok_s", "", 2)
    assert cell is not None
    assert cell.ratio is not None


def test_nothing_that_can_run_is_a_failed_experiment(bench: Bench, tiny: Variant) -> None:
    result = bench.run(plan(msgspec.structs.replace(lane(tiny, "gone"), model="no-such-model")))
    assert result.status is Status.FAILED
    with pytest.raises(TandemError, match="nothing to compare"):
        bench.run(plan())


def test_cancel_keeps_the_whole_blocks(bench: Bench, services: Services, tiny: Variant) -> None:
    def after_a_block() -> bool:
        return any(isinstance(e, Snapshot) and e.result.blocks == 1 for e in bench.events)

    bench.cancelled = after_a_block
    result = bench.run(plan(lane(tiny, "a"), lane(tiny, "b"), blocks=5))
    assert result.status is Status.CANCELLED
    assert result.blocks == 1
    assert services.store.experiment(result.id).status == "cancelled"
    assert result.cell("decode_tok_s", "", 1) is not None


def test_cancel_in_the_middle_of_an_answer_ends_soon(bench: Bench, tiny: Variant) -> None:
    bench.cancelled = lambda: any(isinstance(e, Delta) for e in bench.events)
    long = (ask("one two", {"ignore_eos": True, "max_tokens": 100_000, "rate": 50.0}),)
    result = bench.run(plan(lane(tiny, "a"), steps=long))
    assert result.status is Status.CANCELLED


def test_a_crash_resumes_with_the_next_block(bench: Bench, services: Services, tiny: Variant) -> None:
    def crash(event: object) -> None:
        if isinstance(event, Snapshot) and any(run.block == 2 for run in event.result.runs):
            raise ZeroDivisionError

    made = plan(lane(tiny, "a"), lane(tiny, "b"), blocks=3)
    bench.trap = crash
    with pytest.raises(ZeroDivisionError):
        bench.run(made)
    (kept,) = services.store.experiments()
    before = msgspec.convert(kept.result, Result)
    assert before.blocks == 1
    bench.events, bench.trap = [], lambda event: None
    result = bench.run(made, resume=before)
    assert result.id == before.id
    assert result.blocks == 3
    assert [run for run in result.runs if run.block == 1] == [run for run in before.runs if run.block == 1]
    assert not [e for e in bench.events if isinstance(e, Began)], "answers were there already"
    assert len(timed(result)) == 3 * 4
    assert "resumed" in " ".join(result.notes)


def test_what_a_crash_cut_short_is_forgotten(bench: Bench, tiny: Variant) -> None:
    result = bench.run(plan(lane(tiny, "a"), blocks=2))
    torn = msgspec.structs.replace(result, blocks=1)
    assert {run.block for run in resumed(torn, torn.plan).runs} == {0, 1}


def test_another_run_keeps_a_measurement_from_starting(bench: Bench, services: Services, tiny: Variant) -> None:
    other = device_lease(services.paths, "cpu", exclusive=False)
    with other, pytest.raises(TandemError) as caught:
        bench.run(plan(lane(tiny, "a")))
    assert caught.value.code == "device_busy"


def test_a_race_streams_all_lanes_together_and_decides_nothing(bench: Bench, tiny: Variant) -> None:
    words = (ask(" ".join("abcdefghij"), {"rate": 50.0}),)
    result = bench.run(plan(lane(tiny, "a"), lane(tiny, "b"), steps=words), Mode.RACE)
    spoken = [e.lane for e in bench.events if isinstance(e, Delta)]
    changes = sum(1 for one, other in itertools.pairwise(spoken) if one != other)
    assert changes > 3, "the lanes did not speak together"
    assert all(run.contended for run in result.runs)
    assert all(cell.ratio is None for cell in result.cells)
    assert [len(found.tracks) for found in result.lanes] == [1, 1]


def test_the_time_left_is_told(bench: Bench, tiny: Variant) -> None:
    bench.run(plan(lane(tiny, "a"), lane(tiny, "b"), blocks=3))
    moments = [e for e in bench.events if isinstance(e, Moment) and e.words == "loads afresh"]
    assert [(m.block, m.blocks) for m in moments] == [(1, 3), (2, 3), (3, 3)]
    assert all(m.left_s is not None for m in moments)


def test_nothing_is_decided_below_five_blocks(bench: Bench, tiny: Variant) -> None:
    result = bench.run(plan(lane(tiny, "plain"), lane(tiny, "slow", rate=50.0), blocks=4))
    cell = result.cell("decode_tok_s", "", 1)
    assert cell is not None
    assert (cell.word, cell.more_blocks) == (Word.UNDECIDED, 1)


def test_one_block_more_where_it_is_not_narrow_enough(bench: Bench, tiny: Variant) -> None:
    loose = Schedule(n_out=4, min_blocks=2, max_blocks=4, rest_s=0.0, half_width=0.0)
    result = bench.run(plan(lane(tiny, "a"), lane(tiny, "b"), schedule=loose))
    assert result.blocks == 4
    wide = Schedule(n_out=4, min_blocks=2, max_blocks=4, rest_s=0.0, half_width=50.0)
    assert bench.run(plan(lane(tiny, "a"), lane(tiny, "b"), schedule=wide)).blocks == 2


def test_a_result_survives_json(bench: Bench, tiny: Variant) -> None:
    result = bench.run(plan(lane(tiny, "a"), lane(tiny, "b", rate=20.0), blocks=1))
    assert msgspec.json.decode(msgspec.json.encode(result), type=Result) == result


def test_speculation_never_has_a_forced_length(bench: Bench, services: Services, tiny: Variant) -> None:
    from app.lab.compare.measures import measures
    from app.lab.compare.requests import length_of
    from app.lab.compare.seat import Ready
    from engines import registry

    spec = registry.spec("llama-cpp")
    made = [Ready(i, lane(tiny, "x"), spec, tiny, {"prompt_lookup_num_tokens": n}, {}) for i, n in enumerate((0, 5))]
    comparison = Plan(title="t", lanes=(), steps=())
    assert length_of(comparison, made, measures("chat")) is None
    assert length_of(comparison, made[:1], measures("chat")) == 64
