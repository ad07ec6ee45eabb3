"""`tandem loadtest` as a script sees it: its options as a plan, its files, and what it shows of other tools' results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from app import compose
from app.cli.loadtest import loadtest, numbers, plan_from
from app.cli.program import Program
from app.errors import TandemError
from app.lab.loadtest.outside import open_result
from app.lab.loadtest.plan import LoadMode
from app.paths import Paths
from tests.load_server import LoadServer, load_server

DATA = Path(__file__).resolve().parents[2] / "data"
NOTHING = dict.fromkeys(
    ("users", "rate", "requests", "seconds", "minutes", "warmup", "seed", "ttft_limit", "itl_limit", "e2e_limit")
) | {"preset_name": "chat", "natural": False}  # fmt: skip


def program() -> Program:
    return Program(compose.services, lambda theme: 0, lambda *_: (0, 0))


def invoke(*argv: str) -> Result:
    return CliRunner().invoke(loadtest, argv, obj=program(), catch_exceptions=False)


def plan(home: Path, **asked: object) -> Any:
    with compose.services(Paths(home)) as services:
        return plan_from(services, NOTHING | asked)


def test_what_is_asked_becomes_the_plan(home: Path) -> None:
    made = plan(home, users="1, 2,4", requests=9, seed=5, warmup=0, itl_limit=0.05, natural=True)
    assert (made.levels, made.requests, made.seed, made.warmup, made.mode) == ((1, 2, 4), 9, 5, 0, LoadMode.CLOSED)
    assert (made.limits.ttft_s, made.limits.itl_s, made.ignore_eos) == (None, 0.05, False)
    rated = plan(home, rate="0.5,2", preset_name="rag")
    assert (rated.mode, rated.levels, rated.preset, rated.limits.ttft_s) == (LoadMode.POISSON, (0.5, 2.0), "rag", 0.3)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"users": "1", "rate": "1"}, "usage"), ({"users": "many"}, "usage"), ({"users": "99"}, "bad_plan"),
        ({"preset_name": "poetry"}, "unknown_preset"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(home: Path, asked: dict[str, object], code: str) -> None:
    with pytest.raises(TandemError) as caught:
        plan(home, **asked)
    assert caught.value.code == code


def test_numbers() -> None:
    assert numbers("1,2.5, 3,") == (1.0, 2.5, 3.0)


def test_another_tools_result_is_shown_and_written(tmp_path: Path) -> None:
    file, page, table = DATA / "guidellm-0.8.1.json", tmp_path / "r.html", tmp_path / "r.csv"
    done = invoke("--open", str(file), "--html", str(page), "--csv", str(table))
    assert done.exit_code == 0
    assert "4 users" in done.output
    assert "throughput still grew there" in done.output
    assert "GuideLLM" in page.read_text(encoding="utf-8")
    assert len(table.read_text(encoding="utf-8").splitlines()) == 4
    assert len((tmp_path / "r-requests.csv").read_text(encoding="utf-8").splitlines()) == 25


def test_without_a_model_and_a_file_it_asks_for_one() -> None:
    with pytest.raises(TandemError, match="Which model"):
        invoke()


def served(home: Path, server: LoadServer) -> str:
    with compose.services(Paths(home)) as services:
        servers = services.library.servers
        servers.put(msgspec.structs.replace(servers.add(server.url, "box"), models=("m",)))
        return servers.variants()[0].id


def test_a_whole_test_from_the_command_line(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "ours.json"
    with load_server() as server:
        model = served(home, server)
        done = invoke("--model", model, "--users", "1,2", "--requests", "3", "--warmup", "1", "--out", str(out), "--json",
                      "--open", str(DATA / "guidellm-0.8.1.json"), "--ttft-limit", "0.1")  # fmt: skip
    assert done.exit_code == 0, done.output
    shown = json.loads(done.stdout)
    assert [level["n"] for level in shown["levels"]] == [3, 3]
    assert shown["status"] == "done"
    assert [one["source"] for one in shown["beside"]] == ["guidellm"]
    assert shown["beside"][0]["levels"][0]["good_share"] == 7 / 8  # judged by this person's limits
    assert open_result(out).id == shown["id"]


def test_a_place_that_cannot_be_written_is_said_before_the_test(home: Path, tmp_path: Path) -> None:
    with load_server() as server:
        model = served(home, server)
        with pytest.raises(TandemError) as caught:
            invoke("--model", model, "--users", "1", "--out", str(tmp_path / "none" / "x.json"))
        assert caught.value.code == "cannot_write"
        assert server.begun == 0
