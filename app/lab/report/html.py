"""A result as one HTML file that needs nothing else: style, script, drawings and the replay are inside, the network is forbidden.

What models wrote is hostile input. It reaches the page only through `Markup.format`, which escapes it, or as JSON whose
signs for HTML are escaped; and the page's own policy lets no other script or style run.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

from markupsafe import Markup

from app.lab.compare.result import Result
from app.lab.report import facts_part, table_part, text_part, verdict_part
from app.lab.report.since import moved
from app.paths import Paths

FOLDER = "report"


def html_of(result: Result, older: Result | None = None, resources: Path = Paths.resources) -> str:
    """The whole file. older: an earlier result of the same plan, to say what moved since."""
    style, script = _asset("report.css", resources), _asset("report.js", resources)
    table = table_part.table(result)
    anchors = frozenset(re.findall(r'<td id="([^"]+)"', table))
    since = facts_part.older(moved(older, result), older.created) if older is not None else Markup("")
    body = Markup("\n").join(
        part
        for part in (
            verdict_part.head(result), verdict_part.verdict(result, anchors), since, verdict_part.lanes(result), table,
            text_part.replay_part(result), text_part.quality(result), text_part.flips(result), text_part.answers(result),
            table_part.plots(result), facts_part.sure(result), facts_part.machine(result), facts_part.settings(result),
            facts_part.runs(result), facts_part.method(result),
        )
        if part
    )  # fmt: skip
    page = Markup(_asset("report.html", resources))  # noqa: S704 - our own file
    return str(
        page.format(
            policy=policy(style, script), title=result.plan.title, body=body,
            style=Markup(style), script=Markup(script), version=result.tandem,  # noqa: S704 - our own files
        )
    )  # fmt: skip


def policy(style: str, script: str) -> str:
    """The Content-Security-Policy: nothing may be fetched, and only our own style and script count."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; img-src 'none'; "
        "connect-src 'none'; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _asset(name: str, resources: Path) -> str:
    return (resources / FOLDER / name).read_text(encoding="utf-8")
