"""The command line as a script sees it: exit codes, JSON, nothing else on stdout."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]


def tandem(*argv: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")} | env
    return subprocess.run(
        [sys.executable, "-m", "app", *argv],
        cwd=ROOT,
        env=clean,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
    )


def reply(*argv: str, code: int = 0, stdin: str = "") -> Any:
    done = tandem(*argv, "--json", stdin=stdin)
    assert done.returncode == code, done.stderr + done.stdout
    return json.loads(done.stdout)


@pytest.fixture
def tiny(tiny_gguf: Path, home: Path) -> str:
    return str(reply("models", "add", str(tiny_gguf))["id"])


def test_chat_streams_text_then_one_line_of_figures(tiny: str) -> None:
    done = tandem("run", "chat", "hello there", "--model", tiny, "--engine", "echo")
    assert done.returncode == 0
    text, figures = done.stdout.strip().splitlines()
    assert text.strip() == "hello there"
    assert "tok/s" in figures


def test_chat_json_reads_stdin_and_sets_knobs(tiny: str) -> None:
    result = reply(
        "run", "chat", "-", "--model", tiny, "--engine", "echo", "--set", "rate=0", "--max-tokens", "2", stdin="a b c"
    )
    assert result["text"] == "a b "
    assert result["reason"] == "length"
    assert result["knobs"]["asked"]["max_tokens"] == 2


@pytest.mark.parametrize(
    ("argv", "code", "error"),
    [
        (["run", "chat", "x", "--model", "nowhere", "--engine", "echo"], 2, None),
        (["run", "chat", "x", "--model", "nowhere", "--engine", "no-such"], 2, "unknown_engine"),
        (["run", "chat", "x"], 2, "usage"),
        (["run", "chat", "x", "--model", "m", "--engine", "echo", "--set", "temperature=hot"], 2, "bad_knob"),
        (["run", "chat", "x", "--model", "m", "--engine", "echo", "--set", "nonsense=1"], 2, "unknown_knob"),
        (["run", "chat", "x", "--model", "m", "--engine", "echo", "--set", "nonsense"], 2, "usage"),
        (["run", "speak", "x", "--model", "m"], 2, "not_built"),
        (["shot", "hardware", "--out", "x.png"], 2, "not_built"),
        (["shot", "nowhere", "--out", "x.png"], 2, "usage"),
        (["models", "add", "/no/such/file.gguf"], 2, None),
    ],
)
def test_failures_are_one_json_object(argv: list[str], code: int, error: str | None) -> None:
    found = reply(*argv, code=code)["error"]
    assert set(found) == {"code", "message", "hint"}
    assert found["message"]
    if error is not None:
        assert found["code"] == error


def test_an_engine_that_crashes_exits_3(tiny: str) -> None:
    found = reply("run", "chat", "x", "--model", tiny, "--engine", "chaos", "--set", "trouble=segv", code=3)
    assert found["error"]["code"] == "engine_ended"
    assert "segmentation" in found["error"]["message"]


def test_no_display_names_the_headless_commands() -> None:
    done = tandem()
    assert done.returncode == 2
    assert "tandem run" in done.stderr


def test_first_interrupt_keeps_what_there_is(tiny: str) -> None:
    argv = [
        "run",
        "chat",
        "word",
        "--model",
        tiny,
        "--engine",
        "echo",
        "--set",
        "load_s=0.3",
        "--set",
        "ignore_eos=on",
        "--max-tokens",
        "100000",
        "--json",
    ]
    child = subprocess.Popen(
        [sys.executable, "-m", "app", *argv], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with child:
        assert child.stderr is not None
        for line in child.stderr:
            if "loading" in line:
                break
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate(timeout=60)
    assert child.returncode == 4
    found = json.loads(out)
    assert found.get("reason") == "cancelled" or found["error"]["code"] == "cancelled"


def test_runs_are_in_the_history_but_conversations_are_not(tiny: str) -> None:
    reply("run", "chat", "remember me", "--model", tiny, "--engine", "echo")
    (run,) = reply("history")["runs"]
    assert run["text"] == "remember me "
    assert run["metrics"]["n_out"] == 2


def test_doctor_says_ok_warn_or_fail() -> None:
    checks = reply("doctor")["checks"]
    assert {"python", "cpu", "memory", "home", "store", "models"} <= {c["id"] for c in checks}
    assert all(c["status"] in ("ok", "warn", "fail") for c in checks)


def test_models_add_info_list_remove(tiny: str, tiny_gguf: Path) -> None:
    info = reply("models", "info", tiny)
    assert info["files"][0]["path"] == str(tiny_gguf)
    assert len(info["files"][0]["sha256"]) == 64
    assert [m["id"] for m in reply("models", "list")["models"]] == [tiny]
    assert reply("models", "add", str(tiny_gguf)) == info
    assert reply("models", "remove", tiny)["freed_bytes"] == 0
    assert tiny_gguf.exists()
    assert reply("models", "list")["models"] == []


def test_everything_but_the_window_works_without_qt(tiny: str, tmp_path: Path) -> None:
    (tmp_path / "PySide6").mkdir()
    (tmp_path / "PySide6" / "__init__.py").write_text("raise ImportError('PySide6 is blocked')")
    done = tandem("run", "chat", "x", "--model", tiny, "--engine", "echo", "--json", PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert tandem("models", "list", PYTHONPATH=str(tmp_path)).returncode == 0
