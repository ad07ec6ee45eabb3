"""Markdown, CSV, JSON, and what moved since an older run."""

from __future__ import annotations

import csv
import io
import json
import re

import msgspec
import pytest

from app.lab.compare.plan import Mode
from app.lab.compare.result import Word
from app.lab.report import csv_of, json_of, json_text, markdown_of, moved, read_json
from app.lab.report.markdown import fenced
from app.lab.report.since import NOTHING
from app.lab.report.table_csv import COLUMNS
from tests.app.lab.report.made import HOSTILE, result


def test_markdown_has_every_lane_and_the_verdict():
    text = markdown_of(result(hostile=False))
    for name in ("A · f16", "B · q8\\_0", "C · q4\\_0"):
        assert name in text
    assert "decode · 90 % full" in text
    assert "slower" in text
    assert "Not enough memory" in text
    assert "As expected, because" in text


def test_markdown_tables_are_whole():
    for block in markdown_of(result()).split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) <= 1


def test_hostile_text_stands_in_fences_only():
    text = markdown_of(result())
    outside = re.sub(r"(?ms)^(`{3,})text\n.*?\n\1$", "", text)
    assert HOSTILE in text
    assert HOSTILE not in outside
    assert "<img" not in outside.replace("\\<", "")


def test_a_fence_is_longer_than_any_inside():
    assert fenced("a ```` b").startswith("`````text\n")


def test_markdown_says_what_moved():
    assert "Since the run of" in markdown_of(result(), result(2, 0.97))


def test_csv_reads_back_as_the_raw_runs():
    made = result()
    rows = list(csv.DictReader(io.StringIO(csv_of(made))))
    assert tuple(rows[0]) == COLUMNS
    found = [
        float(r["value"]) for r in rows
        if (r["lane"], r["kind"], r["counts"], r["metric"], r["step"]) == ("B", "timed", "true", "decode_tok_s", "90 % full")
    ]  # fmt: skip
    wanted = [
        s.metrics["decode_tok_s"]
        for r in made.runs
        if r.lane == 1 and r.counts
        for s in r.steps
        if s.name == "90 % full"
    ]
    assert found == wanted
    assert len(found) == 12
    assert {r["unit"] for r in rows if r["metric"] == "decode_tok_s"} == {"tok/s"}
    assert {r["unit"] for r in rows if r["metric"] == "model_bytes"} == {"B"}
    assert {r["value"] for r in rows if r["metric"] == "accept_rate"} == {""}


def test_csv_holds_no_formula():
    made = result()
    lanes = tuple(msgspec.structs.replace(x, lane=msgspec.structs.replace(x.lane, name="=1+1")) for x in made.lanes)
    rows = csv.DictReader(io.StringIO(csv_of(msgspec.structs.replace(made, lanes=lanes))))
    assert {row["name"] for row in rows} == {"'=1+1"}


def test_shape_is_the_command_lines():
    made = json_of(result())
    json.dumps(made, allow_nan=False)
    assert {"experiment", "lanes", "runs", "verdicts", "quality", "sentence"} <= set(made)
    assert {"name", "model", "variant", "engine", "differs"} <= set(made["lanes"][0])
    assert made["lanes"][1]["differs"][0]["name"] == "type_k"
    assert made["verdicts"]
    for verdict in made["verdicts"]:
        assert {"metric", "lane", "ratio", "low", "high", "word", "step"} <= set(verdict)
        assert verdict["word"] in ("faster", "slower", "same", "not decided")
    assert [(size["metric"], size["word"]) for size in made["sizes"]] == [("model_bytes", "less")]
    assert [problem["code"] for problem in made["problems"]] == ["out_of_memory"]
    assert made["runs"][0]["lane"] == "f16"


def test_a_quick_look_decides_nothing_in_any_format():
    made = json_of(result(mode=Mode.QUICK))
    assert {v["word"] for v in made["verdicts"] + made["sizes"]} == {str(Word.UNDECIDED)}
    assert all(v["low"] is None and v["high"] is None for v in made["verdicts"])


def test_the_whole_record_reads_back():
    made = result()
    assert read_json(json_text(made)) == made


def test_nothing_moves_within_the_spread():
    assert moved(result(1), result(1)) == (NOTHING,)
    assert moved(result(1), result(2)) == (NOTHING,)


@pytest.mark.parametrize(("before", "after", "word"), [(0.97, 0.9, "lower"), (0.9, 0.97, "higher")])
def test_what_moved_is_said_with_its_side(before: float, after: float, word: str):
    found = moved(result(3, before, hostile=False), result(4, after, hostile=False))
    assert len(found) == 2
    assert all(
        line.startswith("B · q8_0") and "decode" in line and f"% {word}." in line.replace("\xa0", " ") for line in found
    )


def test_a_verdict_that_turned_round_is_said():
    found = moved(result(3, 0.9), result(4, 1.1))
    assert any("“slower” then, “faster” now. It turned round." in line for line in found)


def test_circumstances_are_said_first():
    old = result()
    lanes = (msgspec.structs.replace(old.lanes[0], engine_version="0.3.40"), *old.lanes[1:])
    new = msgspec.structs.replace(old, lanes=lanes, machine=old.machine | {"cores": 8}, tandem="0.2.0")
    assert moved(old, new) == (
        "llama.cpp was 0.3.36 then and is 0.3.40 now.",
        "Tandem was 0.1.0 then and is 0.2.0 now.",
        "The machine is not the same: cores.",
        NOTHING,
    )


def test_a_lane_that_fails_now_is_said():
    old = result()
    broken = msgspec.structs.replace(old.lanes[1], problem=old.lanes[2].problem)
    new = msgspec.structs.replace(old, lanes=(old.lanes[0], broken, old.lanes[2]))
    assert moved(old, new)[0].startswith("B · q8_0")
    assert "failed now" in moved(old, new)[0]


def test_other_lanes_are_not_compared():
    old = result()
    new = msgspec.structs.replace(old, lanes=old.lanes[:2])
    assert moved(old, new) == ("The lanes are not the same in both runs, so their figures are not compared.",)
