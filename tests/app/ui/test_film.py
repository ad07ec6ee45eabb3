"""A film has the pictures, the size and the length that it should, in both formats; one that fails leaves nothing."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PySide6.QtGui import QColor, QFont, QFontMetricsF
from PySide6.QtWidgets import QApplication

from app.errors import TandemError
from app.lab.compare.lane import Difference, Lane
from app.lab.compare.plan import Mode, Plan, ask
from app.lab.compare.result import LaneResult, Phrase, Problem, Result, Status, Track
from app.ui import film, film_text
from app.ui import theme as look
from app.ui.film_frames import FilmPainter
from app.ui.film_palette import Palette
from app.ui.theme_tokens import DARK, LIGHT

SIZE = (320, 180)
TEXT = "The ships passed safely, and the gulls came back to the rocks below. "


@pytest.fixture(autouse=True)
def _fonts(qapp: QApplication) -> None:
    look.load_fonts()


def result(end: float = 0.6, lanes: int = 2, mode: Mode = Mode.MEASURE) -> Result:
    made = tuple(Lane(name=f"lane {i}", model="m", engine="echo") for i in range(lanes))
    differs = (Difference(name="k", title="K cache", before="f16", after="q8_0"),)
    tracks = [_track(end * (i + 1) / lanes) for i in range(lanes)]
    return Result(
        id="x", plan=Plan(title="KV cache", question="Does it cost speed?", lanes=made, steps=(ask("Go on."),)),
        mode=mode, status=Status.DONE, created=0.0, sentence=(Phrase("B takes "), Phrase("5 % less", "c", "good"), Phrase(".")),
        lanes=tuple(LaneResult(lane=lane, tracks=(t,), differs=differs) for lane, t in zip(made, tracks, strict=True)),
    )  # fmt: skip


def _track(end: float, n: int = 10) -> Track:
    times = tuple(end * (i + 1) / n for i in range(n))
    shown = tuple(len(TEXT) * (i + 1) // n for i in range(n))
    return Track(step="", prompt="Go on.", text=TEXT, times_s=times, shown=shown, end_s=end)


def read(path: Path) -> tuple[list[np.ndarray], float, str]:
    """(pictures, pictures a second, codec)."""
    with av.open(str(path)) as opened:
        stream = opened.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in opened.decode(stream)]
        return frames, float(stream.average_rate), stream.codec_context.name


@pytest.mark.parametrize(("suffix", "fps"), [(".mp4", 10.0), (".gif", 10.0)])
def test_a_film_has_its_pictures_size_and_length(tmp_path: Path, suffix: str, fps: float) -> None:
    path, seen = tmp_path / f"film{suffix}", list[float]()
    film.export(result(), path, dark=False, size=SIZE, fps=10, progress=seen.append)
    frames, rate, _ = read(path)
    assert rate == pytest.approx(fps, rel=0.01)
    assert abs(len(frames) / rate - (0.6 + film.HOLD_S)) <= 1 / fps
    assert {frame.shape for frame in frames} == {(SIZE[1], SIZE[0], 3)}
    assert np.abs(frames[0].astype(int) - frames[-1]).max() > 60
    assert seen[-1] == 1
    assert seen == sorted(seen)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_gif_has_the_grounds_of_the_theme_exactly(tmp_path: Path) -> None:
    path = tmp_path / "film.gif"
    film.export(result(), path, dark=True, size=SIZE, fps=30)
    frames, rate, _ = read(path)
    assert rate == pytest.approx(12.5)
    assert tuple(frames[-1][1, 1]) == tuple(int(DARK.background[i : i + 2], 16) for i in (1, 3, 5))


def test_an_mp4_is_h264_where_that_is_built_in(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    film.export(result(0.1), path, dark=False, size=SIZE, fps=10)
    assert read(path)[2] == ("h264" if "libx264" in av.codecs_available else "mpeg4")


def test_a_long_replay_is_sped_up_to_fit_in_a_minute() -> None:
    assert film.speed(20) == 1
    assert film.speed(570) == pytest.approx(10)
    assert film.words(result(20)) == "23 s"
    assert film.words(result(570)) == "60 s, 10× speed to fit in a minute"


def test_a_cancelled_film_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    path, seen = tmp_path / "film.mp4", list[float]()
    path.write_text("older")
    with pytest.raises(TandemError) as said:
        film.export(result(), path, False, SIZE, 10, progress=seen.append, cancelled=lambda: len(seen) > 3)
    assert said.value.code == "cancelled"
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("film.mp4", "older")]


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of a file's size")
@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(TandemError) as said:
            film.export(result(), tmp_path / f"film{suffix}", False, SIZE, 10)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert said.value.code == "disk_full"
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_filmed_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, of, code in (
        (tmp_path / "film.avi", result(), "film_format"),
        (tmp_path / "film.mp4", result(lanes=0), "no_replay"),
        (tmp_path / "file" / "film.mp4", result(), "cannot_write"),
    ):
        with pytest.raises(TandemError) as said:
            film.export(of, path, False, SIZE, 10)
        assert said.value.code == code
        assert said.value.hint
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_the_window_does_not_load_the_codecs() -> None:
    code = "import sys, app.ui.window, app.ui.pages.chat; sys.exit('av' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_verdict_stands_only_at_the_end() -> None:
    painter = FilmPainter(result(), dark=False, size=(640, 360))
    during, after = (film.pixels(painter.paint(painter.length_s, ended)) for ended in (False, True))
    differing_rows = np.nonzero((during != after).any(axis=(1, 2)))[0]
    assert differing_rows.size
    assert differing_rows.min() > 290  # below the lanes
    green = np.array([int(LIGHT.good[i : i + 2], 16) for i in (1, 3, 5)])
    assert (np.abs(after.astype(int) - green).sum(axis=2) < 30).any()
    assert not (np.abs(during.astype(int) - green).sum(axis=2) < 30).any()


@pytest.mark.parametrize("lanes", [1, 2, 3, 4])
def test_any_number_of_lanes_and_a_lane_that_did_not_run_can_be_painted(lanes: int) -> None:
    import msgspec

    whole = result(lanes=lanes)
    broken = LaneResult(lane=whole.lanes[-1].lane, problem=Problem("no_memory", "Not enough memory.", ""))
    partial = msgspec.structs.replace(whole, lanes=(*whole.lanes[:-1], broken))
    for made in (whole, partial):
        picture = film.pixels(FilmPainter(made, dark=True, size=(640, 360)).paint(0.3))
        assert picture.shape == (360, 640, 3)
        assert picture.std() > 5


def test_rows_are_no_wider_than_their_column_and_lose_no_word() -> None:
    font = QFont("Inter")
    font.setPixelSize(14)
    metrics = QFontMetricsF(font)
    text = TEXT * 3 + "\n\n" + "a" * 200 + "  two  spaces\n" + "🜂" * 40
    found = film_text.rows(text, font, 150)
    cut = [text[row.start : row.end] for row in found]
    assert "".join("".join(cut).split()) == "".join(text.split())
    assert max(metrics.horizontalAdvance(part) for part in cut) <= 150 + 1
    assert "" in cut  # the empty line
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))


def test_a_sentence_keeps_its_punctuation_where_it_belongs() -> None:
    ink = QColor("#000000")
    words = film_text.words("5 % less", ink) + film_text.words(", and more", ink, after="5 % less")
    assert [(w.text, w.glued) for w in words][2:5] == [("less", False), (",", True), ("and", False)]


def test_a_palette_keeps_the_inks_apart() -> None:
    palette = Palette(LIGHT)
    inks = [LIGHT.text, LIGHT.accent, *LIGHT.lanes, LIGHT.good, LIGHT.bad]
    pixels = np.array([[[int(ink[i : i + 2], 16) for i in (1, 3, 5)] for ink in inks]], np.uint8)
    found = palette.argb[palette.indices(pixels)][0, :, 1:].astype(int)
    assert np.abs(found - pixels[0]).max() <= 24
    assert len({tuple(colour) for colour in found}) == len(inks)
