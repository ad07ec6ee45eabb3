"""The HTML report: complete in itself, safe with whatever a model wrote, and every linked number leads to its cell."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from app.lab.compare.plan import Mode
from app.lab.compare.result import Phrase, Status
from app.lab.report import html_of, moved
from app.lab.report.figures import anchor
from app.lab.report.text_part import aligned
from app.ui.theme_tokens import DARK, LIGHT
from tests.app.lab.report.made import HOSTILE, TEXTS, result

STYLE = Path(__file__).parents[4] / "resources" / "report" / "report.css"


class Page(HTMLParser):
    """What a browser would find: elements with their attributes, the text of scripts and styles, the visible text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: list[tuple[str, dict[str, str | None], str]] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.raw.append((tag, dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem:
            tag, attrs, before = self.raw.pop()
            self.raw.append((tag, attrs, before + data))
        else:
            self.words += data

    @property
    def ids(self) -> list[str]:
        return [attrs["id"] or "" for _, attrs in self.elements if "id" in attrs]


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(html_of(result()))


def test_nothing_is_fetched(page: Page):
    reaching = ("src", "srcset", "action", "formaction", "data", "poster", "background", "ping")
    for tag, attrs in page.elements:
        assert tag not in ("img", "iframe", "object", "embed", "link", "base", "form", "audio", "video"), (tag, attrs)
        assert not [name for name in attrs if name in reaching or name.startswith("on") or name == "style"], (
            tag,
            attrs,
        )
        href = attrs.get("href") or attrs.get("xlink:href")
        assert href is None or href.startswith("#")
    for _, _, text in page.raw:
        assert not re.search(r"https?://|@import|url\(|fetch\(|XMLHttpRequest|import\(", text)


def test_policy_allows_only_our_own_script_and_style(page: Page):
    policy = next(a["content"] or "" for t, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for tag, attrs, text in page.raw:
        if attrs.get("type") != "application/json":
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"{tag}-src 'sha256-{digest}'" in policy


def test_hostile_text_is_shown_and_stays_text(page: Page):
    assert page.words.count(HOSTILE) >= 8  # title of a lane, answers, notes, machine, prompts …
    assert [tag for tag, _ in page.elements].count("script") == 2
    assert not any("onerror" in attrs for _, attrs in page.elements)


def test_replay_data_is_the_tracks(page: Page):
    (text,) = [text for _, attrs, text in page.raw if attrs.get("type") == "application/json"]
    assert "<" not in text
    lanes = json.loads(text)["lanes"]
    made = result()
    assert [lane["index"] for lane in lanes] == [0, 1]
    for lane in lanes:
        for given, track in zip(lane["tracks"], made.lanes[lane["index"]].tracks, strict=True):
            assert (given["text"], given["prompt"], given["step"]) == (track.text, track.prompt, track.step)
            assert tuple(given["times"]) == track.times_s
            assert tuple(given["shown"]) == track.shown
            assert tuple(given["counts"]) == track.counts
            assert given["end"] == track.end_s


def test_numbers_of_the_sentence_lead_to_their_cells(page: Page):
    links = [attrs["href"] or "" for tag, attrs in page.elements if tag == "a"]
    wanted = ["#" + anchor(phrase.cell) for phrase in result().sentence if phrase.cell]
    assert wanted
    assert links == wanted
    assert set(links) <= {f"#{name}" for name in page.ids}


def test_a_number_without_a_cell_is_no_dead_link():
    made = msgspec.structs.replace(result(), sentence=(Phrase("5 % faster", "gone@:3", "good"),))
    page = Page(html_of(made))
    assert "5 % faster" in page.words
    assert not [tag for tag, _ in page.elements if tag == "a"]


def test_ids_are_unique_and_distinct_cells_have_distinct_anchors(page: Page):
    assert len(page.ids) == len(set(page.ids))
    assert len({anchor("a b@:1"), anchor("a-b@:1"), anchor("a_b@:1"), anchor("a@b:1")}) == 4


def test_only_decided_differences_are_coloured():
    page = Page(html_of(result(slower=1.0)))
    words = [
        attrs["class"]
        for tag, attrs in page.elements
        if tag == "span" and (attrs.get("class") or "").startswith("word")
    ]
    assert words.count("word good") == 1  # less memory
    assert "word bad" not in words
    assert "word bad" in html_of(result(slower=0.9))


def test_a_failed_lane_says_why(page: Page):
    assert "Not enough memory: the model needs about 6.1 GB." in page.words
    assert "Try a smaller context." in page.words


def test_older_run_is_compared():
    page = Page(html_of(result(), older=result(2, 0.97)))
    assert "older" in page.ids
    assert all(line in page.words for line in moved(result(2, 0.97), result()))


def test_first_difference_is_marked():
    made = str(aligned(TEXTS[0], TEXTS[1]))
    before, _, after = made.partition('<span class="first"')
    assert before.endswith("into the wind. It </span>")
    assert "<u>takes a zigzag course,</u> and the sail" in after
    assert HOSTILE not in made
    assert 'class="first"' not in aligned("the same", "the same")


@pytest.mark.parametrize("mode", [Mode.QUICK, Mode.RACE])
def test_other_modes_are_labelled(mode: Mode):
    words = Page(html_of(result(mode=mode))).words
    assert ("within one load" in words) is (mode is Mode.QUICK)
    assert ("a show" in words) is (mode is Mode.RACE)


def test_only_a_replay_of_runs_that_were_alone_says_so():
    assert "replay of uncontended runs" in Page(html_of(result())).words
    assert "uncontended" not in html_of(result(mode=Mode.RACE))


def test_an_experiment_that_was_cancelled_before_any_figure():
    made = result()
    empty = msgspec.structs.replace(
        made, status=Status.CANCELLED, cells=(), runs=(), loads=(), quality=(), scores=(), spread={}, sentence=(), expected=(), blocks=0,
        lanes=tuple(msgspec.structs.replace(lane, tracks=(), flips=(), divergence=()) for lane in made.lanes),
    )  # fmt: skip
    words = Page(html_of(empty)).words
    assert "There are no figures." in words
    assert "cancelled" in words


def test_colours_are_the_windows():
    style = STYLE.read_text(encoding="utf-8")
    light, dark = style.split("@media (prefers-color-scheme: dark)")
    names = ("background", "surface", "sunken", "line", "text", "dim", "faint", "accent", "accent_soft", "on_accent",
             "lane_a", "lane_b", "lane_c", "lane_d", "good", "warning", "bad")  # fmt: skip
    for part, tokens in ((light, LIGHT), (dark.partition(".lane-0")[0], DARK)):
        for name in names:
            assert f"--{name.replace('_', '-')}: {getattr(tokens, name)};" in part
