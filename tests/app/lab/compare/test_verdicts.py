import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.lab.compare import stats, wording
from app.lab.compare.plan import Expect, Mode
from app.lab.compare.result import Cell, Divergence, Interval, LaneResult, Problem, Quality, Status, TaskScore, Word
from app.lab.compare.verdicts import badge, expected, sentence
from app.lab.compare.wording import rules
from tests.app.lab.compare.made import CHAT, NAMES, base, cell, differs, plan, result, step

BECAUSE = "each value must be unpacked"
OTHERWISE = "Memory was the bottleneck."
OPEN = {"low": None, "high": None, "word": Word.UNDECIDED, "better": None}


def said(found):
    return "".join(phrase.text for phrase in sentence(found, CHAT))


def expect(sign="lower", metric="decode_tok_s", **more):
    return Expect(**({"metric": metric, "lane": "q8_0", "sign": sign, "because": BECAUSE, "source": "a paper",
                      "otherwise": OTHERWISE} | more))  # fmt: skip


def quality(kl=0.0041, lane=1, domain="all", top1=0.9816, **more):
    return Quality(**({"lane": lane, "domain": domain, "n": 4096, "step": 1, "kl_mean": Interval(kl, kl * 0.9, kl * 1.1),
                       "kl_p99": Interval(kl), "kl_max": kl * 10, "top1": Interval(top1, top1 - 0.01, top1 + 0.005),
                       "ppl": 10.0, "ppl_ratio": Interval(1.03, 1.02, 1.04)} | more))  # fmt: skip


def changed(found, index, **changes):
    """The result with one lane changed."""
    lanes = list(found.lanes)
    lanes[index] = msgspec.structs.replace(lanes[index], **changes)
    return msgspec.structs.replace(found, lanes=tuple(lanes))


CELLS = [
    base("model_bytes", 143e6), cell("model_bytes", 0.69, 0), base("decode_tok_s", 100), cell("decode_tok_s", 0.95, 0.02),
    base("ttft_s", 0.04), cell("ttft_s", 1.01, 0.05, more_blocks=4),
]  # fmt: skip


# --- one lane -----------------------------------------------------------------------------------


def test_it_reads_like_the_design():
    same = (Divergence(step="", token=None, comparable=True, same_words=1.0),)
    found = changed(result(CELLS, plan(steps=[step("", 0.9)])), 1, divergence=same)
    assert said(changed(found, 0, n_ctx=4096)) == (
        "Against f16 (A) at 3,700 tokens of context, q8_0 (B) takes 44 MB less memory and decodes 5 % slower; the words "
        "stay the same. Not decided: first token (4 more blocks would probably tell)."
    )


def test_numbers_link_to_their_cells_and_decided_ones_are_coloured():
    linked = {p.cell: (p.text, p.tone) for p in sentence(result(CELLS), CHAT) if p.cell}
    assert linked == {
        "model_bytes@:1": ("44 MB", "good"), "decode_tok_s@:1": ("5 %", "bad"), "ttft_s@:1": ("4 more blocks", ""),
    }  # fmt: skip


def test_large_factors_are_times_and_steps_share_the_verb():
    steps = [step("copy"), step("edit"), step("prose")]
    cells = [cell("decode_tok_s", ratio, 0.05, step=s.name) for s, ratio in zip(steps, (2.13, 1.3, 0.9), strict=True)]
    assert said(result(cells, plan(steps=steps))) == (
        "Against f16 (A), q8_0 (B) decodes 2.1× as fast on “copy”, 30 % faster on “edit” and 10 % slower on “prose”."
    )


def test_a_depth_is_said_with_at():
    steps = [step("25 % full", 0.25), step("90 % full", 0.9)]
    cells = [cell("decode_tok_s", 0.9, 0.05, step=s.name) for s in steps]
    assert "decodes 10 % slower at 25 % full and 10 % slower at 90 % full." in said(result(cells, plan(steps=steps)))


def test_the_same_is_said_with_its_bound_and_exactly_the_same_without():
    cells = [base("model_bytes", 1e6), cell("model_bytes", 1.0, 0), cell("decode_tok_s", 1.002, 0.01)]
    text = said(result(cells))
    assert text == "Against f16 (A), q8_0 (B) is the same in memory and decode (within ±1.2 %)."


def test_nothing_decided_is_said():
    cells = [cell("decode_tok_s", 1.01, 0.06, more_blocks=1), cell("ttft_s", 1.0, 0.5)]
    assert said(result(cells)) == (
        "Against f16 (A), nothing is decided for q8_0 (B). Not decided: decode (1 more block would probably tell) and "
        "first token (more blocks would hardly tell)."
    )


def test_more_than_a_few_claims_are_left_to_the_table():
    steps = [step(name) for name in ("a", "b", "c", "d")]
    cells = [cell(m, 0.9, 0.02, step=s.name) for m in ("decode_tok_s", "ttft_s") for s in steps]
    text = said(result(cells, plan(steps=steps)))
    assert len(re.findall("10 %", text)) == rules().most_claims
    assert "the table has more differences" in text


def test_a_row_of_the_second_rank_is_said_only_where_it_is_asked_for():
    cells = [cell("decode_tok_s", 0.9, 0.02), cell("load_s", 0.5, 0.02)]
    assert "load" not in said(result(cells))
    assert "loads 50 % sooner" in said(result(cells, plan(decide=("load_s",))))
    assert "loads 50 % sooner" in said(result(cells, plan(expect=(expect(metric="load_s"),))))


# --- several lanes ------------------------------------------------------------------------------


def test_every_lane_has_its_sentence_and_the_reference_is_named_once():
    cells = [cell("decode_tok_s", 0.9, 0.02), cell("decode_tok_s", 0.8, 0.02, lane=2)]
    assert said(result(cells, plan(3))) == (
        "Against f16 (A), q8_0 (B) decodes 10 % slower. q4_0 (C) decodes 20 % slower."
    )


def test_a_failed_lane_says_why_and_the_fix_and_the_others_are_told():
    found = result([cell("decode_tok_s", 0.9, 0.02, lane=2)], plan(3))
    failed = changed(found, 1, problem=Problem("oom", "Not enough memory.", "Try q4_0"))
    assert (
        said(failed)
        == "q8_0 (B) has no figures: Not enough memory. Try q4_0. Against f16 (A), q4_0 (C) decodes 10 % slower."
    )


def test_a_failed_reference_is_told_and_another_stands_in():
    found = result([cell("decode_tok_s", 0.9, 0.02, lane=2)], plan(3), reference=1)
    text = said(changed(found, 0, problem=Problem("gone", "The file is gone.")))
    assert text == "f16 (A) has no figures: The file is gone. Against q8_0 (B), q4_0 (C) decodes 10 % slower."


def test_a_lane_that_failed_late_keeps_its_figures():
    found = changed(result(CELLS), 1, problem=Problem("crash", "The worker ended."))
    assert "decodes 5 % slower" in said(found)
    assert said(found).endswith("q8_0 (B) ended early: The worker ended.")


def test_several_differences_are_listed_first_and_never_get_a_cause():
    found = changed(result(CELLS, plan(expect=(expect(),))), 1, differs=differs("engine", "threads"))
    assert said(found).startswith(
        "Several things differ: engine one → two and threads one → two. Against f16 (A), q8_0"
    )
    assert "because" not in said(found)
    (outcome,) = expected(found, CHAT)
    assert (outcome.agrees, BECAUSE in outcome.text) == (True, False)


def test_several_differences_in_one_of_many_lanes_name_it():
    found = result([cell("decode_tok_s", 0.9, 0.02)], plan(3))
    text = said(changed(found, 1, differs=differs("engine", "threads")))
    assert text.startswith("Several things differ in q8_0 (B): engine")
    assert "Against f16 (A), B decodes 10 % slower." in text


def test_lineage_is_said_of_other_weights():
    lanes = plan().lanes
    other = plan(lanes=2)
    other = msgspec.structs.replace(other, lanes=(lanes[0], msgspec.structs.replace(lanes[1], variant="bf16")))
    found = changed(result(CELLS, other), 1, lineage="dequantized from q4_1: cannot be better than its source")
    assert "q8_0 (B, dequantized from q4_1) takes" in said(found)
    assert "q8_0 (B) takes" in said(changed(found, 1, lineage="as published"))
    scored = msgspec.structs.replace(changed(found, 0, lineage="quantized from bf16"), quality=(quality(),))
    assert "Quality is against A, which is quantized from bf16." in said(scored)


# --- expectations -------------------------------------------------------------------------------


def test_because_is_said_where_the_sign_agrees():
    found = result(CELLS, plan(expect=(expect("lower"),)))
    assert f"Decode: as expected, because {BECAUSE}." in said(found)
    (outcome,) = expected(found, CHAT)
    assert (outcome.agrees, outcome.lane, outcome.source) == (True, 1, "a paper")
    assert outcome.text == f"As expected, because {BECAUSE}."


@pytest.mark.parametrize("sign", ["higher", "same"])
def test_the_wrong_sign_did_not_go_as_expected(sign):
    found = result(CELLS, plan(expect=(expect(sign),)))
    assert "This did not go as expected here: decode. Likely reasons: Memory was the bottleneck." in said(found)
    assert "because" not in said(found)
    assert expected(found, CHAT)[0].agrees is False


def test_without_a_decision_nothing_causal_is_said():
    found = result(CELLS, plan(expect=(expect("lower", "ttft_s"),)))
    assert "because" not in said(found)
    assert "expected" not in said(found)
    assert (expected(found, CHAT)[0].agrees, expected(found, CHAT)[0].text) == (None, "Not decided here.")


def test_the_same_can_be_expected():
    found = result([cell("decode_tok_s", 1.0, 0.01)], plan(expect=(expect("same"),)))
    assert expected(found, CHAT)[0].agrees is True


def test_an_expectation_about_a_lane_that_is_gone_is_passed_over():
    assert expected(result(CELLS, plan(expect=(expect(lane="q2"),))), CHAT) == ()


@pytest.mark.parametrize(
    ("metric", "found", "sign"),
    [
        ("kl_mean", quality(0.2), "higher"),
        ("kl_mean", quality(0.0), "same"),
        ("kl_max", quality(0.2), "higher"),
        ("top1", quality(top1=0.9), "lower"),
        ("top1", quality(top1=0.999), None),
        ("ppl_ratio", quality(), "higher"),
        ("ppl_ratio", quality(ppl_ratio=Interval(1.0, 0.99, 1.01)), "same"),
        ("ppl_ratio", quality(ppl_ratio=Interval(1.2)), None),
        ("task_score", quality(), None),
    ],
)
def test_quality_can_be_expected(metric, found, sign):
    wanted = sign or "higher"
    outcome = expected(result(CELLS, plan(expect=(expect(wanted, metric),)), quality=(found,)), CHAT)[0]
    assert outcome.agrees is (None if sign is None else True)


# --- the words ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kl", "words"),
    [
        (0.0, "its predictions are exactly A's"),
        (0.001, "its predictions hardly change (KL 0.0010, the same first choice at 98.1 %)"),
        (0.23, "its predictions change a lot (KL 0.23, the same first choice at 98.1 %)"),
    ],
)
def test_predictions(kl, words):
    assert f"; {words}." in said(result(CELLS, quality=(quality(kl),)))


def test_all_the_texts_speak_before_ones_own():
    both = (quality(0.3, domain="own"), quality(0.001))
    assert "KL 0.0010" in said(result(CELLS, quality=both))
    assert "KL 0.30" in said(result(CELLS, quality=both[:1]))


def test_answers_part_at_a_token():
    steps = [step("copy"), step("edit")]
    apart = tuple(
        Divergence(step=s.name, token=t, comparable=True, same_words=0.5) for s, t in zip(steps, (None, 9), strict=True)
    )
    text = said(changed(result([cell("decode_tok_s", 0.9, 0.02, step="copy")], plan(steps=steps)), 1, divergence=apart))
    assert "; its answer parts from A's at token 9 on “edit”." in text


def test_other_tokenizers_are_compared_by_words():
    apart = (Divergence(step="", token=None, comparable=False, same_words=0.83),)
    assert "; 83 % of A's words stand in its answer too." in said(changed(result(CELLS), 1, divergence=apart))


def test_scores_are_counts():
    scores = tuple(
        TaskScore(lane=i, prompts="sums", right=r, n=20, share=Interval(r / 20)) for i, r in ((0, 19), (1, 17))
    )
    assert "; it answers 17 of 20 right, A 19 of 20." in said(result(CELLS, scores=scores))


# --- modes and states ---------------------------------------------------------------------------


def test_quick_gives_figures_and_no_word():
    cells = [base("decode_tok_s", 101.23), cell("decode_tok_s", 0.5, 0, **OPEN, within=True)]
    found = result(cells, plan(expect=(expect(),)), mode=Mode.QUICK, blocks=0)
    assert said(found) == (
        "One load of each lane decides nothing; it gave decode 101.2 tok/s in f16 (A) and 50 tok/s in q8_0 (B). Measure decides."
    )
    same = (Divergence(step="", token=None, comparable=True, same_words=1.0),)
    assert said(changed(found, 1, divergence=same)).endswith("Measure decides. For q8_0 (B), the words stay the same.")


def test_a_race_decides_nothing():
    text = said(result([base("decode_tok_s", 1)], mode=Mode.RACE))
    assert text.startswith("A race is a show")
    assert text.endswith("Measure decides.")


def test_under_way_and_stopped():
    assert said(result(CELLS, status=Status.RUNNING, blocks=3)).startswith("3 blocks so far. Against")
    assert said(result(CELLS, status=Status.CANCELLED, blocks=1)).startswith("Stopped after 1 block. Against")
    assert sentence(result([], status=Status.RUNNING, blocks=0), CHAT) == ()


def test_a_busy_machine_is_said_once():
    cells = [*CELLS[:3], cell("decode_tok_s", 0.95, 0.02, contended=True)]
    assert said(result(cells)).endswith("The machine was busy, so take these figures with care.")
    assert said(result(cells, busy=("30 % other work",))).count("The machine was busy (30 % other work), so") == 1


# --- the chip -----------------------------------------------------------------------------------


def test_the_chip_has_the_best_gain_and_the_worst_cost():
    assert badge(result(CELLS), 1, CHAT) == ("−31 % memory", "−5 % speed")
    cells = [cell("decode_tok_s", 2.1, 0.1), cell("ttft_s", 1.2, 0.5)]
    assert badge(result(cells), 1, CHAT) == ("2.1× speed", "")
    assert badge(result(CELLS), 0, CHAT) == ("", "")


# --- numbers and templates ----------------------------------------------------------------------


def test_numbers_for_a_sentence():
    assert [wording.percent(x) for x in (0.05, -0.0513, 0.312, 0.0995, 12.0)] == [
        "5 %",
        "5.1 %",
        "31 %",
        "10 %",
        "1,200 %",
    ]
    assert [wording.within(x) for x in (0.0121, 0.012, 0.00999)] == ["1.3 %", "1.2 %", "1 %"]
    assert [wording.times(x) for x in (1.62, 9.96, 1234)] == ["1.6×", "10×", "1,234×"]
    assert [wording.share(x) for x in (1.0, 0.9996, 0.5)] == ["100.0 %", "99.9 %", "50.0 %"]
    assert [wording.nats(x) for x in (0.00001, 0.0041, 0.23, 1.5)] == ["below 0.0001", "0.0041", "0.23", "1.50"]
    assert [wording.figure(x, "bytes", "B") for x in (44e6, 1.5e9, 12)] == ["44 MB", "1.5 GB", "12 bytes"]
    assert [wording.figure(x, "seconds", "s") for x in (0.041, 1.62)] == ["41 ms", "1.6 s"]
    assert [wording.figure(x, "rate", "tok/s") for x in (1204.4, 95.04)] == ["1,204 tok/s", "95.0 tok/s"]
    assert wording.figure(3.0, "number", "") == "3"


def test_a_template_without_its_part_is_a_bug():
    with pytest.raises(KeyError):
        wording.fill("{x} and {y}", x="1")


# --- the promise --------------------------------------------------------------------------------

METRICS = ("decode_tok_s", "ttft_s", "model_bytes")
# Each metric's way of claiming a difference, with a number in it.
CLAIMS = [re.escape(t).replace(re.escape("{x}"), r"[\d.,]+(?: ?[%×]| \w+)")
          for m in CHAT.metric for t in (m.more, m.less, m.times) if t]  # fmt: skip
TAILS = [t.partition("{x}")[2].strip() for m in CHAT.metric for t in (m.more, m.less, m.times) if t]
END = st.one_of(st.floats(0.3, 3.0), st.floats(0.97, 1.03))


@st.composite
def any_cell(draw, metric, lane, step_name, sound):
    """A cell; unless sound, as it never should be: its word, its side and its interval need not agree."""
    low, high = draw(st.one_of(st.just((None, None)), st.tuples(END, END).map(sorted)))
    middle = 1.0 if low is None else (low + high) / 2
    measure = CHAT.get(metric)
    right = stats.word(measure.kind, measure.better, middle, low, high)
    return Cell(
        metric=metric, lane=lane, step=step_name, value=draw(st.one_of(st.none(), st.floats(1, 1e9))), low=low, high=high,
        ratio=middle if sound else draw(st.sampled_from([None, middle, 0.5, 2.0])),
        word=right if sound else draw(st.sampled_from([right, None, *Word])),
        better=draw(st.sampled_from([None, True, False])), more_blocks=draw(st.one_of(st.none(), st.integers(1, 200))),
        n_blocks=draw(st.integers(0, 12)),
    )  # fmt: skip


@st.composite
def any_result(draw):
    sound = draw(st.booleans())
    lanes, names = (
        draw(st.integers(2, 4)),
        draw(st.sampled_from([("",), ("copy", "prose"), ("25 % full", "90 % full")])),
    )
    cells = [draw(any_cell(m, lane, name, sound)) for m in METRICS for lane in range(1, lanes) for name in names]
    expects = tuple(
        expect(sign, metric=m, lane=lane, step=names[0])
        for m in METRICS for lane in NAMES[1:lanes] for sign in draw(st.sampled_from([("higher",), ("lower",), ("same",)]))
    )  # fmt: skip
    plan_ = plan(lanes, [step(name) for name in names], expect=expects)
    found = [LaneResult(lane=lane, differs=differs(*"ab"[: draw(st.integers(0, 2))])) for lane in plan_.lanes]
    return result(
        [*(base(m, 100.0, name) for m in METRICS for name in names), *cells], plan_, lanes=tuple(found),
        mode=draw(st.sampled_from([Mode.MEASURE, Mode.MEASURE, *Mode])), status=draw(st.sampled_from(list(Status))),
    )  # fmt: skip


def may_claim(found) -> bool:
    return found.low is not None and found.high is not None and not found.low <= 1 <= found.high


@settings(max_examples=100, deadline=None)
@given(any_result())
def test_no_sentence_claims_a_difference_whose_interval_contains_1(found):
    cells = {c.id: c for c in found.cells}
    phrases = sentence(found, CHAT)
    for index, phrase in enumerate(phrases):
        after = phrases[index + 1].text if index + 1 < len(phrases) else ""
        claims = bool(phrase.tone) or any(after.strip().startswith(tail) for tail in TAILS)
        assert not claims or may_claim(cells[phrase.cell]), (phrase, after)
    # No claim but through a number that links to its cell.
    text = "".join(p.text for p in phrases)
    linked = sum(may_claim(cells[p.cell]) for p in phrases if p.cell)
    assert len(re.findall("|".join(CLAIMS), text)) <= linked
    for lane in range(len(found.lanes)):
        if not any(may_claim(c) for c in found.cells if c.lane == lane):
            assert badge(found, lane, CHAT) == ("", "")


@settings(max_examples=100, deadline=None)
@given(any_result())
def test_because_needs_an_interval_and_a_single_difference(found):
    text = said(found)
    sure = [o for o in expected(found, CHAT) if o.agrees is not None]
    for outcome in sure:
        place = found.cell(outcome.metric, outcome.step, outcome.lane)
        assert place is not None
        assert may_claim(place) or place.word is Word.SAME
    alone = [o for o in sure if o.agrees and len(found.lanes[o.lane].differs) == 1]
    assert text.count("because") <= len(alone)
    if all(len(lane.differs) != 1 for lane in found.lanes):
        assert "because" not in text
