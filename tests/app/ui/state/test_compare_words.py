"""Table, plan and sentences of the Compare page, as values."""

from __future__ import annotations

from msgspec.structs import replace

from app.lab.compare.events import Moment
from app.lab.compare.plan import Mode
from app.lab.compare.result import Interval, Word
from app.ui.state import compare_cells, compare_plan, compare_table, compare_words
from app.ui.state.compare_cells import TableCell
from app.ui.state.compare_table import Row, Table
from tests import comparisons


def row(table: Table, key: str, step: str = "") -> Row:
    return next(r for r in table.rows if r.key == key and r.step == step)


def at(table: Table, key: str, step: str, lane: int) -> TableCell:
    found = row(table, key, step).cells[lane]
    assert found is not None
    return found


def test_only_a_decided_difference_has_a_tone() -> None:
    table = compare_table.build(comparisons.result())
    assert at(table, "decode_tok_s", "90 %", 2).tone == "bad"
    assert at(table, "model_bytes", "", 1).tone == "good"
    undecided = at(table, "decode_tok_s", "50 %", 2)
    assert undecided.tone == "dim"
    assert undecided.texts[0] == "0.99× [0.96, 1.02] not decided · 3 more blocks"


def test_an_undecided_cell_has_no_tone_whatever_it_says_of_better() -> None:
    cells = tuple(replace(c, better=True) if c.word is Word.UNDECIDED else c for c in comparisons.cells())
    table = compare_table.build(comparisons.result(cells=cells))
    assert at(table, "decode_tok_s", "50 %", 1).tone == "dim"


def test_rows_say_their_title_once_and_rows_that_say_nothing_are_hidden() -> None:
    table = compare_table.build(comparisons.result())
    assert [r.title for r in table.rows if r.key == "decode_tok_s"] == ["decode", ""]
    assert "n_cached" not in {r.key for r in table.rows}
    assert "prefill_tok_s" not in {r.key for r in compare_table.build(comparisons.result(), True).rows}
    everything = compare_table.build(comparisons.result(), everything=True)
    assert "n_cached" in {r.key for r in everything.rows}
    assert len(everything.rows) == len(table.rows) + table.hidden


def test_what_the_plan_asks_about_is_shown() -> None:
    plan = comparisons.plan(decide=("n_cached",))
    assert "n_cached" in {r.key for r in compare_table.build(comparisons.result(plan=plan)).rows}


def test_bars_of_a_metric_share_one_axis() -> None:
    table = compare_table.build(comparisons.result())
    spans = {r.span for r in table.rows if r.key == "decode_tok_s"}
    assert len(spans) == 1
    assert spans.pop() >= 1 / 0.90
    assert row(table, "model_bytes").span == 1 / 0.80


def test_quality_rows_are_never_coloured_unless_the_interval_is_clear() -> None:
    table = compare_table.build(comparisons.result())
    assert at(table, "ppl_ratio", "", 1).tone == "dim"
    worse = replace(comparisons.quality(2), ppl_ratio=Interval(1.05, 1.03, 1.07))
    table = compare_table.build(comparisons.result(quality=(comparisons.quality(1), worse)))
    assert at(table, "ppl_ratio", "", 2).tone == "bad"
    assert at(table, "kl_mean", "", 1).value == "0.0009"
    assert at(table, "top1", "", 1).value == "99.4"
    assert at(table, "parts", "90 %", 1).value == "never"
    assert at(table, "parts", "90 %", 2).value == "9"


def test_a_lane_that_did_not_run_keeps_its_column() -> None:
    table = compare_table.build(comparisons.result(failed=2))
    assert table.columns[2].problem.startswith("Not enough memory")
    assert row(table, "decode_tok_s", "90 %").cells[2] is None


def test_how_a_number_was_taken_is_said() -> None:
    table = compare_table.build(comparisons.result())
    how = at(table, "decode_tok_s", "90 %", 1).how
    assert "5 blocks of fresh loads" in how
    assert "95 % interval" in how
    quick = comparisons.result(mode=Mode.QUICK, cells=tuple(replace(c, within=True) for c in comparisons.cells()))
    assert "one load" in at(compare_table.build(quick), "decode_tok_s", "90 %", 1).how


def test_figures() -> None:
    assert compare_cells.signed(-0.2) == "−20\N{NO-BREAK SPACE}%"
    assert compare_cells.signed(0.012) == "+1.2\N{NO-BREAK SPACE}%"
    assert compare_cells.times(12.345) == "12.3×"
    assert compare_cells.bounds(0.5, None) == ""


def test_provenance() -> None:
    result = comparisons.result()
    assert compare_words.provenance(result) == "measured alone · reference's own spread ±1.2 %"
    assert compare_words.provenance(replace(result, mode=Mode.QUICK)) == "within one load: quick"
    assert compare_words.provenance(replace(result, mode=Mode.RACE)) == "contended: a race is a show"
    assert compare_words.provenance(replace(result, busy=("make",))).startswith("contended")


def test_the_strip_says_where_the_schedule_is() -> None:
    moment = Moment("speed", "timed run", block=3, blocks=5, lane=1, left_s=70)
    assert compare_words.place(moment) == "block 3 of 5 · B"
    assert compare_words.left(moment) == "1:10 min left"
    assert compare_words.left(replace_left(moment)) == ""
    assert compare_words.place(Moment("speed", "run", lane=0)) == "measuring · A"
    assert compare_words.place(Moment("answers", "A answers", lane=0)) == "answers · A"
    assert compare_words.summary(comparisons.result()) == "3 loads, 3 timed runs, 2 repeated · 3:12 min"
    assert compare_words.clock(59.6) == "1:00 min"
    assert compare_words.clock(3700) == "1:01 h"


def test_a_load_says_how_far_it_is_beside_its_words() -> None:
    load = Moment("loading", "B loads: read", block=2, blocks=5, lane=1, left_s=70, fraction=0.43)
    assert compare_words.doing(load) == "B loads: read, 43\N{NO-BREAK SPACE}%"
    assert compare_words.place(load) == "block 2 of 5 · B"
    assert compare_words.doing(Moment("speed", "timed run", fraction=0.43)) == "timed run"


def test_what_moved_says_how_much_more_there_is() -> None:
    found = ["One.", "Two.", "Three.", "Four.", "Five."]
    assert compare_words.since([]) == ""
    assert compare_words.since(found[:3]) == "Since the run before: One. Two. Three."
    assert compare_words.since(found) == "Since the run before: One. Two. Three. And 2 more in the report."


def test_every_cell_is_said_with_metric_step_lane_value_and_unit() -> None:
    table = compare_table.build(comparisons.result(failed=2), everything=True)
    said = {(r.key, r.step, c): compare_table.spoken(table, i, c)
            for i, r in enumerate(table.rows) for c in range(len(table.columns))}  # fmt: skip
    assert said["decode_tok_s", "90 %", 1] == "decode 90 % B: 76.8 tok/s 0.96× [0.94, 0.97]"
    assert said["top1", "", 1] == "top-1 agreement B: 99.4 % [99.0, 99.6]"
    assert said["parts", "90 %", 1] == "answers part 90 % B: never same text"
    assert said["parts", "90 %", 0] == "answers part 90 % A: no figure"
    assert said["decode_tok_s", "50 %", 2] == "decode 50 % C: not measured"
    assert said["kl_mean", "", 1].startswith("KL to A B: 0.0009 [")
    assert all(text.split(":")[0].strip() for text in said.values())
    assert compare_table.spoken(table, len(table.rows), 0) == ""


def replace_left(moment: Moment) -> Moment:
    return Moment(moment.phase, moment.words, moment.block, moment.blocks, moment.lane)


def test_a_guess_is_answered_by_the_measured_word() -> None:
    result = comparisons.result(plan=comparisons.expecting())
    assert compare_words.guessed(comparisons.GUESS, 0, result).endswith("You were right.")
    open_ = comparisons.GUESS.__class__(**{f: getattr(comparisons.GUESS, f) for f in comparisons.GUESS.__struct_fields__}
                                        | {"step": "50 %"})  # fmt: skip
    assert compare_words.guessed(open_, 0, result) == "You said “f16”; measured: not decided."


def test_the_schedule_in_words() -> None:
    plan = comparisons.plan()
    assert compare_plan.schedule_words(plan).startswith("5 blocks of fresh loads · A B C / C B A · depth 50")
    natural = compare_plan.with_schedule(plan, n_out=None)
    assert compare_plan.schedule_words(natural).endswith("natural stop")
    assert compare_plan.order_words(2) == "A B / B A"


def test_names_follow_what_differs_unless_a_person_chose_them() -> None:
    plan = compare_plan.from_lanes([replace(lane, name="") for lane in comparisons.lanes(2)])
    assert [lane.name for lane in plan.lanes] == ["f16", "q8_0"]
    assert plan.title == "K cache: f16, q8_0"
    plan = compare_plan.with_knob(plan, 1, "type_k", "q4_0")
    assert plan.lanes[1].name == "q4_0"
    assert plan.title == "K cache: f16, q4_0"
    mine = compare_plan.with_lane(plan, 1, replace(plan.lanes[1], name="mine"))
    assert compare_plan.with_knob(mine, 1, "type_k", "q5_0").lanes[1].name == "mine"
    alike = compare_plan.from_lanes([replace(lane, name="") for lane in comparisons.lanes(1) * 2])
    assert [lane.name for lane in alike.lanes] == ["as it is", "a copy"]
    two = compare_plan.with_knob(compare_plan.with_knob(alike, 1, "n_threads", 2), 1, "type_k", "q8_0")
    assert [lane.name for lane in two.lanes] == ["as it is", "2 changes"]
    threads = compare_plan.with_knob(alike, 1, "n_threads", 2)
    assert threads.lanes[1].name == "Threads 2"


def test_depths_and_prompts_change_every_step_they_stand_in() -> None:
    plan = comparisons.plan()
    assert compare_plan.depths(plan) == (0.5, 0.9)
    assert compare_plan.can_deepen(plan)
    assert [s.depth for s in compare_plan.with_depths(plan, []).steps] == [None]
    asked = compare_plan.with_prompt(plan, "Go on.", "Stop.")
    assert {compare_plan.prompt(asked, i) for i in range(2)} == {"Stop."}
    assert compare_plan.with_prompt(plan, "nothing", "x") == plan
