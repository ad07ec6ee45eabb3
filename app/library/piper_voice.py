"""A Piper voice: NAME.onnx with NAME.onnx.json beside it, which says language, quality, sample rate and speakers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from app.library.facts import Facts
from app.library.hf_folder import read_json
from app.library.refusal import Reason, refused
from app.library.sniff import first_bytes, foreign

JSON_BYTES = 4 << 20
IR_VERSION = 0x08  # the tag of ONNX's first field; every ONNX file that a tool writes begins with it


def inspect_voice(path: Path) -> Facts:
    """Facts of one voice. Raises TandemError `refused_…`."""
    head = first_bytes(path)
    if not head:
        raise refused(Reason.EMPTY, path, "it is empty (0 bytes)")
    foreign(path, head)
    if head[0] != IR_VERSION:
        raise refused(Reason.DAMAGED, path, "it does not begin like an .onnx file")
    beside = path.with_name(f"{path.name}.json")
    if not beside.is_file():
        raise _without_settings(path)
    values = read_json(beside, JSON_BYTES)
    rate = _inner(values, "audio").get("sample_rate")
    if not isinstance(rate, int) or not isinstance(values.get("phoneme_id_map"), dict):
        raise refused(Reason.UNKNOWN, path, f"{beside.name} is not that of a Piper voice", "Fetch the voice again.")
    return Facts(
        path=path,
        files=(path.name, beside.name),
        format="piper",
        task="speak",
        title=_title(path, values),
        licence=_licence(path.parent),
        precision="f32",
        mix={},
        bits_per_weight=None,
        shape=None,
        template=None,
        notes=notes_of(values),
    )


def notes_of(values: dict[str, Any]) -> tuple[str, ...]:
    """What a person wants to know of a voice: "language en_US", "quality medium", "22,050 Hz", "1 speaker"."""
    audio, speakers = _inner(values, "audio"), values.get("num_speakers")
    language = _inner(values, "language").get("code") or _inner(values, "espeak").get("voice")
    found = [f"language {str(language)[:40]}"] if language else []
    found += [f"quality {str(audio['quality'])[:20]}"] if audio.get("quality") else []
    found.append(f"{audio.get('sample_rate', 0):,} Hz")
    if isinstance(speakers, int):
        found.append(f"{speakers:,} speaker{'s' * (speakers != 1)}")
    return tuple(found)


def _without_settings(path: Path) -> Exception:
    if path.name.lower().startswith("kokoro"):
        return refused(Reason.UNSUPPORTED, path, "it is a Kokoro voice model, for which there is no engine here yet")
    return refused(Reason.UNKNOWN, path, f"there is no {path.name}.json beside it, so it is no Piper voice",
                   "If it is a Piper voice, fetch its .onnx.json too.")  # fmt: skip


def _title(path: Path, values: dict[str, Any]) -> str:
    language = _inner(values, "language")
    spoken = str(language.get("name_english") or "")[:40]
    name = str(values.get("dataset") or "")[:60]
    return f"{name} ({spoken})" if name and spoken else path.name.removesuffix(".onnx")


def _licence(folder: Path) -> str:
    for name in ("MODEL_CARD", "MODEL_CARD.md", "README.md"):
        try:
            with (folder / name).open("rb") as file:
                text = file.read(16_384).decode("utf-8", "replace")
        except OSError:
            continue
        found = re.search(r"^[\s*#-]*licen[cs]e[\s*]*:[\s*\"']*(\S[^\n]{0,79})", text, re.MULTILINE | re.IGNORECASE)
        if found:
            return found.group(1).strip(" *\"'")
    return ""


def _inner(values: dict[str, Any], key: str) -> dict[str, Any]:
    value = values.get(key)
    return value if isinstance(value, dict) else {}
