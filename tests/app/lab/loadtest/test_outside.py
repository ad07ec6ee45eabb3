"""Results of other tools: real files of GuideLLM 0.3, 0.5 and 0.8, and the shape that `vllm bench serve` saves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.errors import TandemError
from app.lab.loadtest.guidellm import open_guidellm
from app.lab.loadtest.outside import merged, open_result, open_results, under
from app.lab.loadtest.plan import Limits, LoadMode
from app.lab.loadtest.report import json_text

DATA = Path(__file__).resolve().parents[3] / "data"
# Made by GuideLLM against its own mock server: 50 ms to the first token, 10 ms between tokens, 24 tokens.
FILES = {
    "0.3.0": (LoadMode.CLOSED, (1, 2)), "0.5.0": (LoadMode.POISSON, (2, 5)), "0.8.1": (LoadMode.CLOSED, (1, 2, 4)),
}  # fmt: skip


@pytest.mark.parametrize("version", FILES)
def test_guidellms_figures_are_brought_to_our_definitions(version: str) -> None:
    mode, loads = FILES[version]
    result = open_guidellm(DATA / f"guidellm-{version}.json")
    assert (result.source, result.plan.mode, result.plan.levels) == ("guidellm", mode, loads)
    assert result.version in (version, "")  # 0.3 does not say
    for level in result.levels:
        assert level.n == len(level.requests) > 0
        assert level.n_out == 24 * level.n
        assert level.out_tok_s == pytest.approx(24 * level.n / level.seconds)
        assert level.ttft_sent is not None
        assert level.tpot is not None
        assert level.ttft_sent.p50 == pytest.approx(0.054, abs=0.008)
        assert level.tpot.p50 == pytest.approx(0.0102, abs=0.0005)  # without the time to first token
        assert level.itl is None  # GuideLLM keeps no single gaps


def test_its_own_tpot_has_the_time_to_first_token_in_it_and_is_not_taken() -> None:
    data = json.loads((DATA / "guidellm-0.8.1.json").read_text())
    theirs = data["benchmarks"][0]["metrics"]["time_per_output_token_ms"]["successful"]["mean"] / 1000
    first = open_result(DATA / "guidellm-0.8.1.json").levels[0]
    assert first.tpot is not None
    assert first.ttft is not None
    assert theirs == pytest.approx((first.ttft.mean + 23 * first.tpot.mean) / 24, rel=0.01)


def test_where_requests_arrive_by_chance_latency_counts_from_the_target() -> None:
    for level in open_result(DATA / "guidellm-0.5.0.json").levels:
        assert level.queue is not None
        assert level.ttft is not None
        assert level.ttft_sent is not None
        assert level.queue.mean > 0
        assert level.ttft.mean == pytest.approx(level.ttft_sent.mean + level.queue.mean)


def test_without_requests_its_summaries_are_taken_and_marked(tmp_path: Path) -> None:
    data = json.loads((DATA / "guidellm-0.8.1.json").read_text())
    for benchmark in data["benchmarks"]:
        benchmark["requests"] = {"successful": [], "errored": [], "incomplete": []}
    file = tmp_path / "stripped.json"
    file.write_text(json.dumps(data))
    whole, result = open_result(DATA / "guidellm-0.8.1.json"), open_result(file)
    for level, other in zip(result.levels, whole.levels, strict=True):
        assert level.requests == ()
        assert level.out_tok_s == pytest.approx(other.out_tok_s)
        assert level.tpot is not None
        assert other.tpot is not None
        assert level.tpot.mean == pytest.approx(other.tpot.mean, rel=1e-6)
        assert level.notes == ("by GuideLLM's own summaries",)
    assert "kept no requests" in result.definitions[0]


def test_ours_is_opened_again_whole(tmp_path: Path) -> None:
    ours = open_result(DATA / "guidellm-0.8.1.json")
    file = tmp_path / "ours.json"
    file.write_text(json_text(ours))
    assert open_result(file) == ours


def test_a_persons_limits_judge_another_tools_requests() -> None:
    result = under(open_result(DATA / "guidellm-0.8.1.json"), Limits(ttft_s=0.1))
    assert [level.good_share for level in result.levels] == [7 / 8, 1.0, 1.0]  # the first one of all took 185 ms


VLLM: dict[str, Any] = {
    "date": "20261125-084412", "backend": "vllm", "model_id": "m", "num_prompts": 2, "request_rate": "inf", "max_concurrency": 2,
    "duration": 2.0, "completed": 2, "failed": 0, "total_input_tokens": 30, "total_output_tokens": 5, "request_throughput": 1.0,
    "output_throughput": 2.5, "total_token_throughput": 17.5, "mean_ttft_ms": 150.0, "median_ttft_ms": 150.0, "p99_ttft_ms": 199.0,
    "mean_tpot_ms": 25.0, "median_tpot_ms": 25.0, "p99_tpot_ms": 30.0, "mean_itl_ms": 25.0, "median_itl_ms": 20.0, "p99_itl_ms": 30.0,
}  # fmt: skip
DETAILS = {
    "input_lens": [10, 20], "output_lens": [3, 2], "ttfts": [0.1, 0.2], "itls": [[0.02, 0.03], [0.02]], "start_times": [5.0, 5.5],
    "errors": ["", ""],
}  # fmt: skip


def saved(folder: Path, name: str, **changes: object) -> Path:
    file = folder / name
    file.write_text(json.dumps(VLLM | changes))
    return file


def test_vllms_summary_is_taken_as_it_is(tmp_path: Path) -> None:
    result = open_result(saved(tmp_path, "a.json"))
    (level,) = result.levels
    assert (result.source, result.plan.mode, level.load, level.n) == ("vllm bench serve", LoadMode.CLOSED, 2, 2)
    assert level.ttft is not None
    assert (level.ttft.p50, level.ttft.p95, level.ttft.p99) == (0.15, None, 0.199)
    assert (level.out_tok_s, level.total_tok_s) == (2.5, 17.5)


def test_vllms_details_give_every_figure(tmp_path: Path) -> None:
    (level,) = open_result(saved(tmp_path, "a.json", **DETAILS)).levels
    assert level.ttft is not None
    assert level.itl is not None
    assert level.tpot is not None
    assert level.e2e is not None
    assert level.ttft.mean == pytest.approx(0.15)
    assert (level.itl.n, level.itl.p50) == (3, pytest.approx(0.02))
    assert level.tpot.mean == pytest.approx((0.025 + 0.02) / 2)
    assert level.e2e.most == pytest.approx(0.22)
    assert level.out_tok_s == pytest.approx(2.5)


def test_vllms_failed_requests_are_failures(tmp_path: Path) -> None:
    details = DETAILS | {"output_lens": [3, 0], "errors": ["", "Traceback\nServerError: gone"]}
    (level,) = open_result(saved(tmp_path, "a.json", **details)).levels
    assert (level.n, level.failed, level.errors) == (1, 1, {"ServerError: gone": 1})


def test_vllms_files_of_one_model_become_one_result(tmp_path: Path) -> None:
    files = [
        saved(tmp_path, f"{n}.json", max_concurrency=n, output_throughput=rate)
        for n, rate in ((8, 9.0), (1, 2.5), (4, 8.9))
    ]
    (result,) = open_results(files)
    assert [level.load for level in result.levels] == [1, 4, 8]
    assert result.knee == 1
    (rated,) = open_results([saved(tmp_path, "r.json", request_rate=3.0)])
    assert (rated.plan.mode, rated.plan.levels) == (LoadMode.POISSON, (3.0,))
    assert merged([rated]) == rated


@pytest.mark.parametrize(
    "text", ["", "no json", "[]", "{}", '{"benchmarks": []}', '{"benchmarks": [{"metrics": 3}]}', '"x"', "3"]
)
def test_what_is_no_result_is_refused_in_words(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(TandemError) as caught:
        open_result(file)
    assert caught.value.code == "not_a_result"


def test_a_missing_file_is_said() -> None:
    with pytest.raises(TandemError) as caught:
        open_result(Path("nowhere.json"))
    assert caught.value.code == "no_input"


@pytest.mark.parametrize("broken", ["requests", "metrics", "config", "start_time", "duration"])
def test_a_file_with_holes_breaks_nothing(tmp_path: Path, broken: str) -> None:
    data = json.loads((DATA / "guidellm-0.8.1.json").read_text())
    for benchmark in data["benchmarks"]:
        benchmark[broken] = {} if isinstance(benchmark[broken], dict) else None
    file = tmp_path / "x.json"
    file.write_text(json.dumps(data))
    assert len(open_result(file).levels) == 3


def test_a_real_file_of_vllms_gives_the_figures_that_it_printed() -> None:
    """Our definitions on vLLM's own times: its summary, to the last digit that matters."""
    file = DATA / "vllm-bench-0.32.0.json"
    said = json.loads(file.read_text())
    (level,) = open_result(file).levels
    for ours, theirs in (("ttft", "ttft"), ("tpot", "tpot"), ("itl", "itl"), ("e2e", "e2el")):
        spread = getattr(level, ours)
        for part, name in (("mean", "mean"), ("p50", "median"), ("p95", "p95"), ("p99", "p99")):
            assert getattr(spread, part) * 1000 == pytest.approx(said[f"{name}_{theirs}_ms"], rel=1e-5)
    assert level.out_tok_s == pytest.approx(said["output_throughput"])
    assert level.total_tok_s == pytest.approx(said["total_token_throughput"])
