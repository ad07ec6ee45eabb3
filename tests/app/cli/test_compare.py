"""`tandem compare` as a script sees it, with the test engines."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.app.cli.test_cli import reply, tandem

RECIPE = """
title = "Echo, plain and slow"
question = "Does half the rate halve the rate?"

[[lane]]
name = "plain"
model = "{model}"
engine = "echo"

[[lane]]
name = "slow"
model = "{model}"
engine = "echo"
knobs = {{ rate = 100.0 }}

[[step]]
ask = "one two three"

[schedule]
n_out = 8
rest_s = 0.0
max_blocks = 5
half_width = 0.5
"""
KEYS = {"experiment", "lanes", "runs", "verdicts", "quality", "sentence"}


@pytest.fixture
def recipe(tiny_gguf: Path, home: Path, tmp_path: Path) -> Path:
    model = str(reply("models", "add", str(tiny_gguf))["id"])
    path = tmp_path / "mine.toml"
    path.write_text("quality = false\n" + RECIPE.format(model=model), encoding="utf-8")
    return path


def test_a_recipe_of_ones_own_is_measured_and_reported(recipe: Path, tmp_path: Path) -> None:
    files = {kind: tmp_path / f"report.{kind}" for kind in ("html", "csv", "md")}
    result = reply(
        "compare", str(recipe), "--html", str(files["html"]), "--csv", str(files["csv"]), "--markdown", str(files["md"])
    )  # fmt: skip
    assert set(result) >= KEYS
    assert [(lane["name"], lane["engine"]) for lane in result["lanes"]] == [("plain", "echo"), ("slow", "echo")]
    (decode,) = [v for v in result["verdicts"] if v["metric"] == "decode_tok_s"]
    assert decode["word"] == "slower"
    assert decode["low"] < decode["ratio"] < decode["high"] < 0.6
    assert "slower" in result["sentence"]
    assert "Echo, plain and slow" in files["html"].read_text("utf-8")
    assert "| B | slow |" in files["md"].read_text("utf-8")
    rows = list(csv.DictReader(files["csv"].read_text("utf-8").splitlines()))
    assert {row["lane"] for row in rows} >= {"A", "B"}
    history = reply("history")
    assert [e["experiment"] for e in history["experiments"]] == [result["experiment"]]


def test_quick_decides_nothing_and_an_experiment_is_run_again_by_its_id(recipe: Path) -> None:
    first = reply("compare", str(recipe), "--quick")
    assert {v["word"] for v in first["verdicts"]} == {"not decided"}
    assert all(v["low"] is None and v["high"] is None for v in first["verdicts"])
    again = tandem("compare", first["experiment"][:8], "--quick")
    assert again.returncode == 0, again.stderr
    assert "Against the older run:" in again.stdout
    assert len(reply("history")["experiments"]) == 2


def test_blocks_and_input_are_the_persons_own(recipe: Path, tmp_path: Path) -> None:
    text = tmp_path / "question.txt"
    text.write_text("four five six seven", encoding="utf-8")
    result = reply("compare", str(recipe), "--blocks", "2", "--input", str(text))
    assert {v["word"] for v in result["verdicts"]} == {"not decided"}
    assert max(run["block"] for run in result["runs"]) == 2
    assert reply("history")["runs"][-1]["text"] == "four five six seven "


def test_without_a_name_the_recipes_are_listed(home: Path) -> None:
    listed = {r["id"]: r for r in reply("compare")["recipes"]}
    assert set(listed) == {"engines", "kv-types", "prefix-reuse", "prompt-lookup", "rounding", "threads"}
    assert not any(r["problem"] for r in listed.values())
    assert "tandem compare NAME" in tandem("compare").stdout


@pytest.mark.parametrize(
    ("argv", "code", "error"),
    [
        (["compare", "no-such-recipe"], 2, "no_recipe"),
        (["compare", "0123456789abcdef"], 2, "no_recipe"),
        (["compare", "threads", "--blocks", "0"], 2, "usage"),
        (["compare", "threads", "--html", "no/such/folder/x.html"], 2, "cannot_write"),
        (["compare", "threads", "--input", ""], 2, "empty_prompt"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(home: Path, argv: list[str], code: int, error: str) -> None:
    assert reply(*argv, code=code)["error"]["code"] == error
    assert reply("history")["runs"] == []


def test_a_bad_recipe_is_refused_with_its_line(recipe: Path) -> None:
    recipe.write_text(
        recipe.read_text("utf-8").replace('engine = "echo"', 'engine = "echo"\ncolour = "red"', 1), "utf-8"
    )
    error = reply("compare", str(recipe), code=2)["error"]
    assert error["code"] == "bad_recipe"
    assert "mine.toml, line 10" in error["message"]
    assert "Allowed here" in error["hint"]


def test_lanes_that_cannot_run_say_why_and_fail_the_command_only_together(recipe: Path) -> None:
    text = recipe.read_text("utf-8")
    head, lanes = text.split("[[lane]]", 1)
    one_gone = text.replace('model = "tiny"', 'model = "gone"', 1)
    recipe.write_text(one_gone, "utf-8")
    result = reply("compare", str(recipe), "--quick")
    assert json.dumps(result["problems"]).count("gone") >= 1
    recipe.write_text(head + "[[lane]]" + lanes.replace('model = "tiny"', 'model = "gone"'), "utf-8")
    assert reply("compare", str(recipe), "--quick", code=3)["verdicts"] == []
