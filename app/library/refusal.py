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
    Reason.UNKNOWN: "Choose a .gguf file, or a folder with config.json and .safetensors files.",
}


def refused(reason: Reason, path: Path, why: str, hint: str = "") -> TandemError:
    """The error to raise; `why` completes "NAME is refused: …" and ends without a full stop."""
    return TandemError(f"refused_{reason.value}", f"{path.name} is refused: {why}.", hint or HINTS[reason])
