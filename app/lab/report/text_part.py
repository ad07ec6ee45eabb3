"""What the lanes wrote: the replay, the answers side by side, the tokens whose choice flips, quality by text."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

import msgspec
from markupsafe import Markup

from app.lab.compare import replay
from app.lab.compare.lane import letter
from app.lab.compare.result import Divergence, Flip, LaneResult, Quality, Result, Track
from app.lab.report import figures, svg
from app.lab.report.verdict_part import chip

MOST_WORDS = 2000
"""Beyond so many words only the first difference is marked: aligning takes quadratic time."""
ENDED = {"stop": "ended by itself", "length": "cut at its length", "cancelled": "cancelled", "error": "failed"}


def replay_part(result: Result) -> Markup:
    """The controls, a pane a lane, and the data; without a script the texts stand under Answers all the same."""
    if not any(lane.tracks for lane in result.lanes):
        return Markup("")
    panes = Markup("").join(_pane(i, lane) for i, lane in enumerate(result.lanes) if lane.tracks)
    steps = dict.fromkeys(track.step for lane in result.lanes for track in lane.tracks)
    options = Markup("").join(Markup('<option value="{}">{}</option>').format(s, s or "answer") for s in steps)
    every = Markup('<option value="">all, one after the other</option>') if len(steps) > 1 else Markup("")
    chooser = Markup('<label>Step <select id="r-step">{}{}</select></label>').format(every, options)
    if len(steps) < 2:
        chooser = Markup("")
    speeds = Markup("").join(
        Markup('<option value="{}"{}>{}×</option>').format(s, Markup(" selected") if s == "1" else "", s)
        for s in ("0.25", "0.5", "1", "2", "4")
    )
    return Markup(
        '<section id="replay"><h2>Replay <span class="flag">{}</span></h2><div class="player">'
        '<button type="button" id="r-play" aria-label="Play">Play</button>'
        '<input type="range" id="r-at" min="0" max="1000" value="0" aria-label="Time"><output id="r-time">0.00 s</output>'
        '<label>Speed <select id="r-speed">{}</select></label><label><input type="checkbox" id="r-loop"> Loop</label>{}</div>'
        '<p class="prompt" id="r-prompt"></p><div class="panes">{}</div>'
        '<script type="application/json" id="replay-data">{}</script></section>'
    ).format(replay.words(result), speeds, chooser, panes, data(result))


def data(result: Result) -> Markup:
    """The tracks as JSON that cannot end its script element."""
    lanes = [
        {"index": i, "tracks": [_track(track) for track in lane.tracks]}
        for i, lane in enumerate(result.lanes)
        if lane.tracks
    ]
    text = msgspec.json.encode({"lanes": lanes}).decode()
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704 - the signs that mean something to HTML are gone


def answers(result: Result) -> Markup:
    """Every step's texts side by side, with the first difference from the reference marked."""
    if not any(lane.tracks for lane in result.lanes):
        return Markup("")
    reference = result.lanes[result.reference]
    parts = Markup("")
    steps = dict.fromkeys(track.step for lane in result.lanes for track in lane.tracks)
    for step in steps:
        base = _at(reference, step)
        shown = Markup("").join(_answer(result, i, lane, step, base) for i, lane in enumerate(result.lanes))
        title = Markup("<h3>{}</h3>").format(step) if step else Markup("")
        asked = next((t.prompt for lane in result.lanes for t in lane.tracks if t.step == step), "")
        prompt = Markup('<details class="asked"><summary>What was asked</summary><pre>{}</pre></details>').format(asked)
        parts += Markup('{}{}<div class="panes">{}</div>').format(title, prompt if asked else "", shown)
    return Markup(
        '<section id="answers"><h2>Answers</h2>{}<p class="note">Grey: the same as the reference so far. '
        "The flag stands before the first word that differs; underlined words are not in the reference's answer.</p></section>"
    ).format(parts)


def flips(result: Result) -> Markup:
    """The reference's answer as each lane sees it: tokens where its first choice would have been another."""
    shown = Markup("").join(_flips(i, lane.flips) for i, lane in enumerate(result.lanes) if lane.flips)
    if not shown:
        return Markup("")
    return Markup(
        '<section id="flips"><h2>Where the choice flips</h2>{}<p class="note">The reference\'s answer, token by token. Coloured: '
        "the lane's first choice there is another token; the stronger the line below, the larger the difference.</p></section>"
    ).format(shown)


def quality(result: Result) -> Markup:
    """KL, top-1 and perplexity on each text, a block a text."""
    if not result.quality:
        return Markup("")
    most = max(max(q.kl_mean.value, q.kl_mean.high or 0.0) for q in result.quality)
    body = Markup("").join(_domain(result, domain, most) for domain in dict.fromkeys(q.domain for q in result.quality))
    reference = result.lanes[result.reference]
    against = " · ".join(
        part for part in (f"{letter(result.reference)}: {reference.lane.name}", reference.lineage) if part
    )
    return Markup(
        '<section id="quality"><h2>Quality of the text</h2><div class="wide"><table class="plain"><thead><tr><th>text</th><th>lane</th>'
        "<th>KL, mean (nats)</th><th></th><th>p99</th><th>max</th><th>same first choice</th><th>perplexity</th><th>tokens</th></tr></thead>"
        '<tbody>{}</tbody></table></div><p class="note">Against {}. Each text is fed through the path under test; brackets are '
        "95 % block-bootstrap intervals.</p></section>"
    ).format(body, against)


def _track(track: Track) -> dict[str, object]:
    return {
        "step": track.step, "prompt": track.prompt, "text": track.text, "times": track.times_s, "shown": track.shown,
        "counts": track.counts, "end": track.end_s,
    }  # fmt: skip


def _pane(index: int, lane: LaneResult) -> Markup:
    return Markup(
        '<article class="pane lane-{}" data-lane="{}"><h3>{} {}</h3><p class="live"><b class="r-rate">–</b> tok/s'
        '<span class="r-count"></span><span class="r-phase"></span></p><div class="progress"><i></i></div>'
        '<div class="r-text" aria-live="off"></div></article>'
    ).format(index, index, chip(index), lane.lane.name)


def _at(lane: LaneResult, step: str) -> Track | None:
    return next((track for track in lane.tracks if track.step == step), None)


def _answer(result: Result, index: int, lane: LaneResult, step: str, base: Track | None) -> Markup:
    track = _at(lane, step)
    head = Markup("<h3>{} {}</h3>").format(chip(index), lane.lane.name)
    if track is None:
        words = lane.problem.message if lane.problem is not None else "No answer was recorded."
        return Markup('<article class="pane lane-{}">{}<p class="dim">{}</p></article>').format(index, head, words)
    reference = index == result.reference or base is None
    text = Markup("{}").format(track.text) if reference or base is None else aligned(base.text, track.text)
    apart = next((d for d in lane.divergence if d.step == step), None)
    words = "" if index == result.reference or apart is None else divergence(apart)
    return Markup('<article class="pane lane-{}">{}<p class="dim">{}</p><div class="answer">{}</div></article>').format(
        index, head, " · ".join(part for part in (words, ENDED.get(track.reason, track.reason)) if part), text
    )


def divergence(apart: Divergence) -> str:
    """ "differs from token 12 on · 64 % of the words are in both"."""
    shared = f"{figures.percent(apart.same_words, 0)} of the words are in both"
    if not apart.comparable:
        return f"tokens are not comparable · {shared}"
    return "the same to the end" if apart.token is None else f"differs from token {apart.token:,} on · {shared}"


def aligned(reference: str, text: str) -> Markup:
    """`text` with the part that it shares dimmed, the first difference flagged, and other words underlined."""
    before, after = _words(reference), _words(text)
    same = next(
        (i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    shared = Markup('<span class="same">{}</span>').format("".join(after[:same]))
    if same == len(after) == len(before):
        return shared
    flag = Markup('<span class="first" title="the first difference">▸</span>')
    return shared + flag + _rest(before[same:], after[same:])


def _words(text: str) -> list[str]:
    """Words with the white space after them."""
    return re.findall(r"\S+\s*|^\s+", text)


def _rest(before: Sequence[str], after: Sequence[str]) -> Markup:
    """Words are compared without the white space around them, which is never underlined."""
    if max(len(before), len(after)) > MOST_WORDS:
        return Markup("<u>{}</u>").format("".join(after))
    matcher = difflib.SequenceMatcher(None, [w.strip() for w in before], [w.strip() for w in after], autojunk=False)
    parts = Markup("")
    for kind, _, _, start, end in matcher.get_opcodes():
        words = "".join(after[start:end])
        shown = words.rstrip()
        other = kind != "equal" and shown
        parts += (Markup("<u>{}</u>") if other else Markup("{}")).format(shown) + words[len(shown) :]
    return parts


def _flips(index: int, found: Sequence[Flip]) -> Markup:
    tokens = Markup("").join(
        Markup("{}").format(f.text)
        if f.same
        else Markup('<mark class="k{}" title="KL {} nats">{}</mark>').format(_level(f.kl), figures.nats(f.kl), f.text)
        for f in found
    )
    count = sum(not f.same for f in found)
    words = f"{count:,} of {len(found):,} tokens would have been others"
    return Markup(
        '<article class="flips lane-{}"><p>{} <span class="dim">{}</span></p><div class="answer">{}</div></article>'
    ).format(index, chip(index), words, tokens)


def _level(kl: float) -> int:
    return 0 if kl < 0.1 else 1 if kl < 0.5 else 2


def _domain(result: Result, domain: str, most: float) -> Markup:
    found = [q for q in result.quality if q.domain == domain]
    return Markup("").join(_quality_row(q, most, i == 0, len(found)) for i, q in enumerate(found))


def _quality_row(q: Quality, most: float, first: bool, count: int) -> Markup:
    words = {"all": "all texts", "own": "your own chat"}.get(q.domain, q.domain)
    head = Markup('<th scope="rowgroup" rowspan="{}">{}</th>').format(count, words) if first else Markup("")
    bar = svg.amount(q.kl_mean.value, q.kl_mean.low, q.kl_mean.high, most, q.lane)
    ends = ""
    if q.kl_mean.low is not None and q.kl_mean.high is not None:
        ends = f" [{figures.nats(q.kl_mean.low)}–{figures.nats(q.kl_mean.high)}]"
    return Markup(
        '<tr>{}<td>{}</td><td>{}</td><td class="n"><b>{}</b>{}</td><td class="n">{}</td><td class="n">{}</td><td class="n">{}</td>'
        '<td class="n">{} ({})</td><td class="n">{:,}</td></tr>'
    ).format(
        head, chip(q.lane), bar, figures.nats(q.kl_mean.value), ends, figures.nats(q.kl_p99.value), figures.nats(q.kl_max),
        figures.percent(q.top1.value), figures.plain(q.ppl), figures.ratio(q.ppl_ratio.value), q.n,
    )  # fmt: skip
