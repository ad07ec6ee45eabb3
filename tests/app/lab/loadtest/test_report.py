"""A load test as files: nothing is fetched, nothing that a server said is markup, every key is there."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import msgspec

from app.lab.loadtest import figures
from app.lab.loadtest.knee import knee_of, sentence
from app.lab.loadtest.outside import open_result
from app.lab.loadtest.page import html_of
from app.lab.loadtest.plan import Limits, LoadPlan
from app.lab.loadtest.report import csv_of, json_of, requests_csv_of
from app.lab.loadtest.result import Level, LoadResult, Served
from engines import protocol

DATA = Path(__file__).resolve().parents[3] / "data"
EVIL = "<script>alert(1)</script>"


def level(load: float, step_ms: int, n: int = 3) -> Level:
    ms = 1_000_000
    served = [
        protocol.Served(index=i, due_ns=0, sent_ns=0, end_ns=(100 + 9 * step_ms) * ms, n_in=20, n_out=10, reason="length",
                        times_ns=tuple((100 + step_ms * k) * ms for k in range(10)))
        for i in range(n)
    ]  # fmt: skip
    return figures.level(load, served, Limits(ttft_s=0.2))


def result() -> LoadResult:
    failed = protocol.Served(index=9, due_ns=0, sent_ns=0, end_ns=1, reason="error", error=EVIL)
    levels = (
        level(1, 10, 1), level(2, 10, 4), level(4, 100, 5),
        msgspec.structs.replace(figures.level(8, [failed], Limits()), server={"running": 7.0, "kv_use": 0.5}, notes=(EVIL,)),
    )  # fmt: skip
    plan = LoadPlan(title=f"Load {EVIL}", levels=(1, 2, 4, 8), limits=Limits(ttft_s=0.2))
    made = LoadResult(
        plan=plan, levels=levels, served=Served(title=EVIL, command=("serve", EVIL)), knee=knee_of(levels)
    )
    return msgspec.structs.replace(made, sentence=sentence(made), notes=("=note",))


def test_the_page_fetches_nothing_and_runs_nothing_that_a_server_said() -> None:
    page = html_of([result(), open_result(DATA / "guidellm-0.8.1.json")])
    assert EVIL not in page
    assert "&lt;script&gt;alert(1)" in page
    assert not re.search(r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//", page)
    assert "default-src &#39;none&#39;" in page


def test_the_page_shows_the_levels_the_knee_and_the_other_tool() -> None:
    ours = result()
    page = html_of([ours, open_result(DATA / "guidellm-0.8.1.json")])
    assert ours.knee == 1
    assert page.count('class="ring') == 2  # the knee, in both drawings
    assert page.count("<circle") == 2 + 2 * (3 + 3)
    assert "2 users · knee" in page
    assert "GuideLLM: guidellm-0.8.1.json" in page
    assert sentence(ours) in page.replace("&#39;", "'")


def test_json_has_every_key_and_no_requests() -> None:
    found = json_of(result())
    assert {"id", "title", "plan", "served", "levels", "knee", "sentence", "definitions", "status", "notes"} <= set(
        found
    )
    assert {"ttft", "tpot", "itl", "e2e", "queue", "goodput_req_s", "good_share", "server", "errors"} <= set(
        found["levels"][0]
    )
    assert "requests" not in found["levels"][0]
    assert found["levels"][3]["ttft"] is None


def test_csv_has_a_line_a_level_and_a_line_a_request_and_no_formula() -> None:
    levels = list(csv.DictReader(io.StringIO(csv_of([result()]))))
    assert [line["load"] for line in levels] == ["1", "2", "4", "8"]
    assert [line["knee"] for line in levels] == ["", "true", "", ""]
    assert float(levels[0]["ttft_p95_s"]) == 0.1
    assert levels[3]["ttft_p95_s"] == ""
    requests = list(csv.DictReader(io.StringIO(requests_csv_of([result()]))))
    assert len(requests) == 1 + 4 + 5 + 1
    evil = msgspec.structs.replace(result(), source="=cmd()")
    assert "\n'=cmd()" in csv_of([evil])
