"""Why a file is not taken as a model: one error with the file's name, the reason and what to do."""

from __future__ import annotations

import enum
from pathlib import Path

from app.errors import TandemError


class Reason(enum.StrEnum):
    """The kinds of refusal; the error's code is `refused_<reason>`."""

    MISSING = "missing"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    OVERSIZED = "oversized"
    DUPLICATE = "duplicate"
    DAMAGED = "damaged"
    PICKLE = "pickle"
    CODE = "code"
    LFS = "lfs"
    HTML = "html"
    UNSUPPORTED = "unsupported"
    UNKNOWN = "unknown"
    PART = "part"  # of a model, not one by itself
    ARCHITECTURE = "unknown_architecture"
    SHARDS = "shards"
    SPLIT = "split"
    INCOMPLETE = "incomplete"
    DENIED = "denied"
    OUTSIDE = "outside"
    NAME = "bad_name"


HINTS = {
    Reason.MISSING: "Check the path.",
    Reason.EMPTY: "Download the file again.",
    Reason.TRUNCATED: "The download or copy probably stopped early: fetch the file again.",
    Reason.OVERSIZED: "Fetch the file again from its publisher.",
    Reason.DUPLICATE: "Fetch the file again from its publisher: an engine would crash on it.",
    Reason.DAMAGED: "Fetch the file again from its publisher.",
    Reason.PICKLE: "Get the model as .safetensors or .gguf instead.",
    Reason.CODE: "Get a copy that needs no code of its own.",
    Reason.LFS: "Run “git lfs pull” in that folder, or download the file itself.",
    Reason.HTML: "Open the link in a browser: it probably needs a login, or leads to a page instead of the file.",
    Reason.UNSUPPORTED: "Choose another file.",
    Reason.PART: "It is used together with the model that it belongs to.",
    Reason.ARCHITECTURE: "A newer Tandem may know it; until then choose another model.",
    Reason.SHARDS: "Fetch the part that is missing.",
    Reason.SPLIT: "Join the parts first: llama-gguf-split --merge FIRST.gguf WHOLE.gguf.",
    Reason.INCOMPLETE: "Let the program that fetches it finish.",
    Reason.DENIED: "Give yourself the right to read it.",
    Reason.OUTSIDE: "If you trust it, name the folder to which it leads as a folder of your own.",
    Reason.NAME: "Rename it.",
    Reason.UNKNOWN: "Choose a .gguf file, or a folder with config.json and .safetensors files.",
}


def refused(reason: Reason, path: Path, why: str, hint: str = "") -> TandemError:
    """The error to raise; `why` completes "NAME is refused: …" and ends without a full stop."""
    return TandemError(f"refused_{reason.value}", f"{path.name} is refused: {why}.", hint or HINTS[reason])
