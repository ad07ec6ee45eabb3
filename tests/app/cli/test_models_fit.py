"""`tandem models fit` as a script and a person see it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.cli.test_cli import reply, tandem

KEYS = {
    "engine",
    "variant",
    "knobs",
    "weights_bytes",
    "kv_bytes",
    "compute_bytes",
    "total_bytes",
    "free_bytes",
    "verdict",
}


@pytest.fixture
def tiny(tiny_gguf: Path, home: Path) -> str:
    return str(reply("models", "add", str(tiny_gguf))["id"])


def test_every_variant_in_every_engine(tiny: str) -> None:
    found = reply("models", "fit", tiny)["variants"]
    assert all(set(each) >= KEYS for each in found)
    first = found[0]
    assert (first["engine"], first["to_be_made"], first["made_from"]) == ("llama-cpp", False, None)
    assert all(each["to_be_made"] and each["made_from"] for each in found[1:])
    assert {each["engine"] for each in found} == {"llama-cpp", "transformers"}
    parts = ("weights_bytes", "kv_bytes", "compute_bytes", "other_bytes")
    for each in found:
        assert each["total_bytes"] == sum(each[part] for part in parts)
        assert each["verdict"] == "fits"
        assert each["largest_n_ctx"] == 512


def test_knobs_price_it_anew(tiny: str) -> None:
    def kv(*more: str) -> int:
        return int(reply("models", "fit", tiny, "--engine", "llama-cpp", *more)["variants"][0]["kv_bytes"])

    assert kv("--set", "n_ctx=512") == 2 * kv("--set", "n_ctx=256")
    assert kv("--set", "type_k=q8_0", "--set", "type_v=q8_0") / kv() == pytest.approx(8.5 / 16)


def test_an_engine_that_lacks_a_knob_is_left_out_and_said(tiny: str) -> None:
    done = tandem("models", "fit", tiny, "--set", "type_k=q8_0")
    assert done.returncode == 0
    assert "Transformers is left out: it has no setting type_k" in done.stderr
    assert "transformers" not in done.stdout


def test_a_table_for_a_person(tiny: str) -> None:
    lines = tandem("models", "fit", tiny).stdout.splitlines()
    assert "512 tokens of context" in lines[0]
    assert lines[2].split()[:2] == ["variant", "engine"]
    assert lines[3].split()[:2] == ["f16", "llama-cpp"]
    assert any(line.startswith("q4_0 *") for line in lines)
    assert "llama.cpp: no loads here to compare estimates with yet" in lines
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        (["nowhere"], "unknown_model"),
        (["{tiny}:q9"], "unknown_variant"),
        (["{tiny}", "--engine", "no-such"], "unknown_engine"),
        (["{tiny}", "--set", "n_ctx=banana"], "bad_knob"),
        (["{tiny}", "--set", "n_ctx=1"], "bad_knob"),
        (["{tiny}", "--set", "nonsense=1"], "unknown_knob"),
        (["{tiny}", "--set", "n_ctx"], "usage"),
        (["{tiny}", "--engine", "transformers", "--set", "type_k=f16"], "unknown_knob"),
        (["{tiny}", "--set", "type_v=q8_0", "--set", "flash_attn=off"], "conflict"),
        ([], "usage"),
    ],
)
def test_bad_input_is_refused_with_exit_2(tiny: str, argv: list[str], error: str) -> None:
    found = reply("models", "fit", *(word.replace("{tiny}", tiny) for word in argv), code=2)["error"]
    assert found["code"] == error
    assert found["message"]
