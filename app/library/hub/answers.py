"""An HTTP answer's headers, read so that nonsense in them harms nobody."""

from __future__ import annotations

import re
from typing import Any

import msgspec

_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """start: of the bytes that come, -1 where a 206 does not say. total: of the whole file, -1 unknown."""

    status: int
    start: int
    total: int
    etag: str
    html: bool
    code: str
    retry_after: str


def reply_of(answer: Any) -> Reply:
    """answer: urllib3's."""
    headers = answer.headers
    start, total = 0, _length(headers.get("content-length", ""))
    if headers.get("content-encoding", "identity").lower() not in ("", "identity"):
        total = -1
    if answer.status == 206:
        found = _RANGE.fullmatch(headers.get("content-range", "").strip())
        start = int(found[1]) if found else -1
        total = int(found[3]) if found and found[3] != "*" else -1
    return Reply(
        status=int(answer.status), start=start, total=total, etag=headers.get("etag", "").strip()[:200],
        html=headers.get("content-type", "").lower().startswith(("text/html", "application/xhtml")),
        code=headers.get("x-error-code", "")[:60], retry_after=headers.get("retry-after", "")[:60],
    )  # fmt: skip


def _length(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else -1
