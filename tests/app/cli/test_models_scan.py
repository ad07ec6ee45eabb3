"""`tandem models scan` as a script sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.cli.test_cli import reply, tandem
from tests.app.library import builders as b
from tests.app.library import layouts as l


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with LM Studio's and nothing else."""
    folder = tmp_path / "person"
    l.put(folder / ".lmstudio" / "models" / "org" / "Tiny-GGUF" / "Tiny-Chat-F32.gguf", b.gguf())
    monkeypatch.setenv("HOME", str(folder))
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "HF_HOME", "HF_HUB_CACHE", "OLLAMA_MODELS", "LLAMA_CACHE"):
        monkeypatch.delenv(name, raising=False)
    return folder


def test_scan_gives_models_places_and_what_cannot_be_used(person: Path) -> None:
    l.put(person / "mine" / "lfs.gguf", "version https://git-lfs.github.com/spec/v1\n")
    found = reply("models", "scan", str(person / "mine"))
    assert set(found) == {"models", "places", "unusable", "seconds"}
    (model,) = found["models"]
    assert (model["id"], model["variant"], model["files"][0]["sha256"]) == ("tiny-chat", "f32", None)
    assert [(p["kind"], p["models"], p["unusable"], p["named"]) for p in found["places"]] == [
        ("lm-studio", 1, 0, False), ("folder", 0, 1, True),
    ]  # fmt: skip
    (lost,) = found["unusable"]
    assert (lost["code"], Path(lost["path"]).name) == ("lfs", "lfs.gguf")
    assert "git lfs pull" in lost["hint"]
    assert reply("models", "list")["models"] == [model]
    assert reply("models", "info", "tiny-chat") == model
    assert reply("models", "remove", "tiny-chat", code=2)["error"]["code"] == "not_ours"
    again = reply("models", "scan", "--forget", str(person / "mine"))
    assert [p["kind"] for p in again["places"]] == ["lm-studio"]


def test_scan_for_a_person(person: Path) -> None:
    l.put(person / "mine" / "style.safetensors", l.weights(["lora_unet_x.lora_down.weight"]))
    l.put(person / "mine" / "empty.gguf", b"")
    done = tandem("models", "scan", str(person / "mine"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Found 1 model, 39 kB, in 1 place (")
    assert "It is empty (0 bytes)." in done.stdout
    assert "1 more is a part of other models" in done.stdout
    assert str(person / ".lmstudio" / "models") in tandem("models", "list").stdout


def test_a_folder_that_is_not_there_is_bad_input(person: Path) -> None:
    assert reply("models", "scan", str(person / "nowhere"), code=2)["error"]["code"] == "no_such_folder"


def test_a_strangers_names_move_no_cursor(person: Path) -> None:
    folder = person / "mi\nne"
    l.put(folder / "evil\x07 one\n.gguf", b.gguf(b.settings(name=b.string("general.name", "\x1b[2JT\nitle"))))
    l.put(folder / "bro\x07ken\n.gguf", b"nonsense")
    shown = [tandem("models", "scan", str(folder)), tandem("models", "list"), tandem("models", "info", "evil-one")]
    assert [s.returncode for s in shown] == [0, 0, 0]
    text = "\n".join(s.stdout for s in shown)
    assert "\x07" not in text
    assert not [line for line in text.splitlines() if line.startswith((".gguf", "ne/", "itle"))]


def test_a_folder_of_ones_own_says_how_to_take_it_off(person: Path) -> None:
    l.put(person / "mine" / "own.gguf", l.named("own"))
    place = next(p["id"] for p in reply("models", "scan", str(person / "mine"))["places"] if p["named"])
    hint = reply("models", "remove", "own", code=2)["error"]["hint"]
    assert hint.endswith(f"tandem models scan --forget {place}")
    assert "Delete the file yourself" in hint
