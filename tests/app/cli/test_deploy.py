"""`tandem deploy` as a script and a person see it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.cli.test_cli import reply, tandem, tiny

__all__ = ["tiny"]  # a fixture

LANE = ("--engine", "llama-cpp")


def test_a_lane_becomes_a_command_or_a_file(tiny: str, tmp_path: Path) -> None:
    made = reply("deploy", "vllm", "--model", tiny, *LANE, "--set", "n_ctx=512")
    assert set(made) == {"text", "filename", "cannot", "notes", "gpus", "path"}
    assert "--max-model-len 512" in made["text"]
    done = tandem("deploy", "vllm", "--model", tiny, *LANE, "--as", "compose", "--out", str(tmp_path / "compose.yaml"))
    assert done.returncode == 0, done.stderr
    assert "vllm" in (tmp_path / "compose.yaml").read_text()


@pytest.mark.parametrize(
    ("argv", "code", "error"),
    [
        (("--out", "/nowhere/here/x.sh"), 5, "disk"),
        (("--speculate", "magic"), 2, "bad_options"),
        (("--speculate", "ngram", "--speculate-tokens", "-1"), 2, "bad_options"),
        (("--tp", "0"), 2, "bad_options"),
        (("--set", "nonsense=1"), 2, "usage"),
    ],
)
def test_bad_input_has_a_code(tiny: str, argv: tuple[str, ...], code: int, error: str) -> None:
    assert reply("deploy", "sglang", "--model", tiny, *LANE, *argv, code=code)["error"]["code"] == error
