"""A replay as a film, MP4 or GIF. Imported only when one is made: the library behind it loads 60 MB of codecs.

A film is painted and written in the thread that asks for it, to a name of its own beside the wanted one, which it takes
at the end: a film that was cancelled or failed leaves nothing.
"""

from __future__ import annotations

import contextlib
import errno
import secrets
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from app.errors import TandemError
from app.lab.compare.replay import timeline
from app.lab.compare.result import Result
from app.library.checksum import sync_file, sync_folder
from app.ui.film_frames import FilmPainter
from app.ui.film_palette import Palette
from app.ui.theme_tokens import DARK, LIGHT

LONGEST_S = 60.0
HOLD_S = 3.0
"""The end stands for so long: it has the verdict."""

GIF_FPS = Fraction(25, 2)
"""A GIF counts hundredths of a second: 8 of them."""

SIZES = {".mp4": (1280, 720), ".gif": (960, 540)}
ENCODERS = ("libx264", "libopenh264", "h264_videotoolbox", "h264_mf", "mpeg4")
"""H.264 wherever this build has it; MPEG-4 plays everywhere else."""

BT709 = 1
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

Progress = Callable[[float], None]


def speed(length_s: float) -> float:
    """Recorded seconds that go by in one second of the film: more than 1 where it would be longer than LONGEST_S."""
    return max(1.0, length_s / (LONGEST_S - HOLD_S))


def words(result: Result) -> str:
    """What will be made: "12 s", or that it is sped up to fit."""
    length = timeline(result).length_s
    times = speed(length)
    seconds = f"{length / times + HOLD_S:,.0f} s"
    return seconds if times == 1 else f"{seconds}, {times:.3g}× speed to fit in a minute"


def export(
    result: Result,
    path: Path,
    dark: bool,
    size: tuple[int, int] | None = None,
    fps: int = 30,
    progress: Progress = lambda fraction: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Make the film of `result` at `path`, in the format of its suffix.

    size: pixels, both even; None is the format's own. fps: a GIF has 12.5 at most. progress: 0 to 1.
    Raises TandemError `film_format`, `no_replay`, `cancelled`, `disk_full`, `cannot_write`.
    """
    kind = path.suffix.lower()
    if kind not in SIZES:
        raise TandemError("film_format", f"A film is MP4 or GIF, not “{path.suffix}”.", "End the name in .mp4 or .gif.")
    length = timeline(result).length_s
    if length <= 0:
        raise TandemError(
            "no_replay", "No answer was recorded, so there is nothing to film.", "Run the comparison first."
        )
    width, height = size or SIZES[kind]
    shape = (width // 2 * 2, height // 2 * 2)
    rate = min(Fraction(fps), GIF_FPS) if kind == ".gif" else Fraction(fps)
    painter = FilmPainter(result, dark, shape, speed(length))
    pictures = _pictures(painter, length, rate, progress, cancelled)
    with _taking_place_of(path) as unfinished, _in_words(path):
        if kind == ".gif":
            _write_gif(unfinished, pictures, shape, rate, Palette(DARK if dark else LIGHT))
        else:
            _write_mp4(unfinished, pictures, shape, rate)


def _pictures(
    painter: FilmPainter, length: float, rate: Fraction, progress: Progress, cancelled: Callable[[], bool]
) -> Iterator[QImage]:
    """Every picture of the film. Raises TandemError `cancelled`."""
    times = speed(length)
    total = round((length / times + HOLD_S) * rate)
    last: QImage | None = None
    for number in range(total):
        if cancelled():
            raise TandemError("cancelled", "The film was not made.", "")
        t = float(number / rate) * times
        if t < length or number == 0:
            yield painter.paint(t)
        else:
            last = last or painter.paint(length, ended=True)
            yield last
        progress((number + 1) / total)


def _write_mp4(path: Path, pictures: Iterator[QImage], size: tuple[int, int], rate: Fraction) -> None:
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as out:
        stream = _stream(out, _encoder(), rate, size, "yuv420p")
        codec = stream.codec_context
        codec.color_primaries = codec.color_trc = codec.colorspace = BT709
        if codec.name == "libx264":
            stream.options = {"crf": "19", "preset": "medium", "tune": "animation"}
        else:
            codec.bit_rate = 6_000_000
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(pixels(picture), format="rgb24")
            out.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace="ITU709")))
        out.mux(stream.encode())


def _write_gif(path: Path, pictures: Iterator[QImage], size: tuple[int, int], rate: Fraction, palette: Palette) -> None:
    with av.open(str(path), "w", format="gif", options={"loop": "0"}) as out:
        stream = _stream(out, "gif", rate, size, "pal8")
        for picture in pictures:
            entries = (palette.indices(pixels(picture)), palette.argb)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(entries, format="pal8")))  # type: ignore[arg-type]
        out.mux(stream.encode())


def _stream(out: OutputContainer, codec: str, rate: Fraction, size: tuple[int, int], form: str) -> VideoStream:
    stream = cast("VideoStream", out.add_stream(codec, rate=rate))
    stream.width, stream.height = size
    stream.pix_fmt = form
    return stream


def _encoder() -> str:
    return next(name for name in ENCODERS if name in av.codecs_available)


def pixels(picture: QImage) -> NDArray[np.uint8]:
    """The picture as (height, width, 3) bytes, red first: a copy, because the picture's own memory goes with it."""
    rows = np.frombuffer(picture.constBits(), np.uint8).reshape(picture.height(), picture.bytesPerLine())
    return rows[:, : picture.width() * 3].copy().reshape(picture.height(), picture.width(), 3)


@contextlib.contextmanager
def _taking_place_of(path: Path) -> Iterator[Path]:
    """A name beside `path`; the file there takes its place, or is gone."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    with _in_words(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield unfinished
        with _in_words(path):
            sync_file(unfinished)
            unfinished.replace(path)
            sync_folder(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)


@contextlib.contextmanager
def _in_words(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, av.FFmpegError) as error:
        raise _error(path, error) from error


def _error(path: Path, error: OSError | av.FFmpegError) -> TandemError:
    if error.errno in FULL:
        return TandemError("disk_full", f"The disk with {path.parent} is full.", "Free some space and try again.")
    return TandemError("cannot_write", f"{path} could not be written: {error.strerror}.", "Choose another place.")
