import math

import msgspec
import pytest

from app.lab.compare import stats, table
from app.lab.compare.plan import Mode
from app.lab.compare.result import Cell, Load, Word
from tests.app.lab.compare.made import CHAT, load, plan, rates, schedule, step, timed

MEASURE = plan(schedule=schedule())


def made(runs=(), loads=(), plan_=MEASURE, mode=Mode.MEASURE, reference=0):
    found = table.cells(plan_, mode, reference, runs, loads, len(plan_.lanes), CHAT)
    return {(c.metric, c.step, c.lane): c for c in found}


def blocks(*pairs: tuple[float | None, float | None]):
    """Runs of lanes A and B, one each a block."""
    return [rates(lane, number, rate) for number, pair in enumerate(pairs, 1) for lane, rate in enumerate(pair)]


def test_a_cell_has_the_blocks_means_and_the_ratio_of_their_logs():
    runs = [rates(0, 1, 90), rates(0, 1, 110), rates(1, 1, 50), rates(1, 1, 50), rates(0, 2, 100), rates(1, 2, 60)]
    cells = made(runs)
    a, b = cells["decode_tok_s", "", 0], cells["decode_tok_s", "", 1]
    first = math.sqrt(90 * 110)
    assert a.values == pytest.approx((first, 100))
    assert a.value == pytest.approx(math.sqrt(first * 100))
    assert (a.ratio, a.word, a.better) == (None, None, None)
    want = stats.Comparison((math.log(50 / first), math.log(0.6)))
    assert (b.ratio, b.low, b.high) == pytest.approx((want.ratio, want.low, want.high))
    assert b.n_blocks == 2


def test_what_does_not_count_is_left_out():
    kept = blocks((100, 50), (100, 50))
    other = [
        rates(1, 1, 7, counts=False),
        rates(1, 1, 7, kind="discarded"),
        rates(1, 1, 7, kind="answer"),
        rates(1, 0, 7),  # the answers' load
    ]
    assert made(kept) == made([*kept, *other])


def test_only_blocks_of_both_lanes_make_the_ratio():
    cell = made(blocks((100, 50), (100, 50), (100, None), (None, 20)))["decode_tok_s", "", 1]
    assert cell.ratio == pytest.approx(0.5)
    assert (cell.n_blocks, len(cell.values)) == (2, 3)


def test_zero_has_no_ratio_and_is_not_hidden():
    cells = made(blocks((100, 50), (100, 0)))
    assert cells["decode_tok_s", "", 1].ratio is None
    assert cells["decode_tok_s", "", 1].values == (50, 0)
    assert cells["decode_tok_s", "", 1].word is None
    assert made(blocks((100, 50), (0, 50)))["decode_tok_s", "", 1].ratio is None


def test_a_lane_without_a_figure_keeps_its_cell_and_a_row_without_any_goes():
    cells = made(blocks((100, None), (100, None)))
    assert cells["decode_tok_s", "", 1].value is None
    assert cells["decode_tok_s", "", 1].word is None
    assert not any(metric == "ttft_s" for metric, _, _ in cells)


def test_what_helps_is_better():
    quick = [timed(lane, b, {"": {"decode_tok_s": r, "ttft_s": t, "n_cached": 0.0}})
             for b in range(1, 6) for lane, r, t in ((0, 100, 1.0), (1, 120, 1.5))]  # fmt: skip
    cells = made(quick)
    assert (cells["decode_tok_s", "", 1].word, cells["decode_tok_s", "", 1].better) == (Word.FASTER, True)
    assert (cells["ttft_s", "", 1].word, cells["ttft_s", "", 1].better) == (Word.SLOWER, False)
    count = cells["n_cached", "", 1]
    assert (count.value, count.ratio, count.word, count.better) == (0.0, None, None, None)


def test_the_same_is_not_better():
    cell = made(blocks(*[(100, 100)] * 5))["decode_tok_s", "", 1]
    assert (cell.word, cell.better, cell.more_blocks, cell.low, cell.high) == (Word.SAME, None, None, 1.0, 1.0)


def test_no_word_before_the_least_number_of_blocks():
    for least in (1, 5):  # whatever a plan asks for
        cell = made(blocks((100, 50), (100, 50)), plan_=plan(schedule=schedule(least)))["decode_tok_s", "", 1]
        assert (cell.word, cell.better, cell.more_blocks) == (Word.UNDECIDED, None, 3)
        assert cell.low == pytest.approx(0.5)


def test_steps_have_their_own_rows():
    two = plan(steps=[step("copy"), step("prose")], schedule=schedule())
    runs = [timed(lane, b, {"copy": {"decode_tok_s": r}, "prose": {"decode_tok_s": 10.0}})
            for b in range(1, 6) for lane, r in ((0, 10.0), (1, 30.0))]  # fmt: skip
    cells = made(runs, [load(lane, b, 5) for b in range(1, 6) for lane in (0, 1)], two)
    assert cells["decode_tok_s", "copy", 1].word is Word.FASTER
    assert cells["decode_tok_s", "prose", 1].word is Word.SAME
    assert [key for key in cells if key[0] == "model_bytes"] == [("model_bytes", "", 0), ("model_bytes", "", 1)]


def test_memory_and_load_come_from_the_blocks_loads():
    loads = [
        load(lane, b, size, t) for b in range(1, 6) for lane, size, t in ((0, 143_000_000, 1.0), (1, 98_000_000, 2.0))
    ]
    cells = made((), [*loads, load(1, 0, 1, 99.0)])
    memory = cells["model_bytes", "", 1]
    assert (memory.value, memory.values) == (98_000_000, (98_000_000,) * 5)
    assert (memory.word, memory.better) == (Word.LESS, True)
    assert memory.low == pytest.approx(memory.ratio)
    assert (cells["load_s", "", 1].word, cells["load_s", "", 1].better) == (Word.SLOWER, False)


def test_the_parts_that_an_engine_says_of_its_memory_are_rows():
    loads = [Load(lane=lane, block=b, phases={}, memory={"parts": {"kv": size, "weights": 98}})
             for b in range(1, 6) for lane, size in ((0, 90), (1, 45))]  # fmt: skip
    cells = made((), loads)
    assert (cells["kv_bytes", "", 1].ratio, cells["kv_bytes", "", 1].word) == (pytest.approx(0.5), Word.LESS)
    assert cells["weights_bytes", "", 1].word is Word.SAME


def test_quick_decides_nothing():
    runs = [rates(lane, 0, rate) for lane, rates_ in ((0, (90, 110)), (1, (40, 60))) for rate in rates_]
    cells = made(runs, mode=Mode.QUICK)
    a, b = cells["decode_tok_s", "", 0], cells["decode_tok_s", "", 1]
    assert b.ratio == pytest.approx(b.value / a.value)
    assert (b.low, b.high, b.word, b.better, b.within) == (None, None, Word.UNDECIDED, None, True)
    assert table.spread(MEASURE, Mode.QUICK, 0, runs, (), CHAT) == {}


def test_a_race_has_no_ratios_and_is_contended():
    cells = made([rates(0, 0, 100), rates(1, 0, 50)], mode=Mode.RACE)
    assert all(c.contended and c.ratio is None and c.word is None for c in cells.values())
    assert cells["decode_tok_s", "", 1].value == 50


def test_a_disturbed_run_marks_its_lane_but_not_its_memory():
    runs = [*blocks((100, 50), (100, 50)), rates(1, 2, 50, contended=True)]
    cells = made(runs, [load(lane, b, 5) for b in (1, 2) for lane in (0, 1)])
    marked = {key for key, cell in cells.items() if cell.contended}
    assert marked == {("decode_tok_s", "", 1)}


def test_another_reference():
    cells = made(blocks((100, 50), (100, 50)), reference=1)
    assert cells["decode_tok_s", "", 0].ratio == pytest.approx(2)
    assert cells["decode_tok_s", "", 1].ratio is None


def test_the_noise_floor_is_the_references_own():
    runs = blocks((100, 50), (110, 50), (90, 50))
    found = table.spread(MEASURE, Mode.MEASURE, 0, runs, (), CHAT)
    assert found == {"decode_tok_s@": pytest.approx(stats.spread([math.log(x) for x in (100, 110, 90)]))}
    assert table.spread(MEASURE, Mode.MEASURE, 1, runs, (), CHAT) == {"decode_tok_s@": 0.0}
    assert table.spread(MEASURE, Mode.MEASURE, 0, blocks((100, 50)), (), CHAT) == {}


@pytest.mark.parametrize("odd", [True, "12", math.nan, math.inf, None])
def test_what_is_no_number_is_no_value(odd):
    run = timed(0, 1, {"": {"decode_tok_s": odd}})
    assert made([run]) == {}
    assert made((), [msgspec.structs.replace(load(0, 1), memory={"model_bytes": odd})]) == {}


def test_a_cell_is_named_for_its_place():
    assert Cell(metric="m", step="s", lane=1, value=None).id == "m@s:1"
