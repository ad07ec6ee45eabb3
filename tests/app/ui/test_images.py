"""Pictures for a model that sees: upright, small enough, kept once; what is none is refused in words."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
from PySide6.QtGui import QColor, QImage, QImageIOHandler, QImageWriter

from app.errors import TandemError
from app.ui import images
from app.ui.state.pictures import is_picture


def drawn(width: int, height: int) -> QImage:
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(QColor("white"))
    for x in range(width):
        image.setPixelColor(x, 0, QColor("red"))
    return image


def test_a_large_picture_is_scaled_down_and_kept_once(tmp_path: Path) -> None:
    drawn(3000, 1500).save(str(tmp_path / "a.jpg"))
    made = images.prepare(tmp_path / "a.jpg", tmp_path / "kept")
    again = images.prepare(tmp_path / "a.jpg", tmp_path / "kept")
    assert (made.width, made.height) == (1024, 512)
    assert made == again
    assert [p.name for p in (tmp_path / "kept").iterdir()] == [f"{made.sha256}.png"]
    assert QImage(str(made.path)).width() == 1024


def test_a_small_picture_keeps_its_size(tmp_path: Path) -> None:
    drawn(40, 30).save(str(tmp_path / "a.png"))
    made = images.prepare(tmp_path / "a.png", tmp_path)
    assert (made.width, made.height) == (40, 30)


def test_a_camera_held_sideways_gives_an_upright_picture(tmp_path: Path) -> None:
    writer = QImageWriter(str(tmp_path / "a.jpg"))
    writer.setTransformation(QImageIOHandler.Transformation.TransformationRotate90)
    assert writer.write(drawn(2000, 1000))
    made = images.prepare(tmp_path / "a.jpg", tmp_path)
    assert (made.width, made.height) == (512, 1024)


def test_a_picture_that_would_fill_the_memory_is_not_opened(tmp_path: Path) -> None:
    head = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + head + struct.pack(">I", zlib.crc32(b"IHDR" + head))
    path = tmp_path / "bomb.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 4) + b"IDAT" + b"\0" * 8)
    with pytest.raises(TandemError) as caught:
        images.prepare(path, tmp_path)
    assert caught.value.code == "too_large"
    assert "2,500 megapixels" in caught.value.message


def test_a_broken_picture_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "broken.gif"
    path.write_bytes(b"GIF89a")
    with pytest.raises(TandemError) as caught:
        images.prepare(path, tmp_path)
    assert caught.value.code == "damaged"
    assert "broken.gif" in caught.value.message


def test_pictures_are_known_by_their_first_bytes(tmp_path: Path) -> None:
    drawn(4, 4).save(str(tmp_path / "x"), "PNG")
    drawn(4, 4).save(str(tmp_path / "b.bmp"))
    (tmp_path / "bm.txt").write_text("BM is a shop")
    assert is_picture(tmp_path / "x")
    assert is_picture(tmp_path / "b.bmp")
    assert not is_picture(tmp_path / "bm.txt")
    assert not is_picture(tmp_path)
    assert not is_picture(tmp_path / "gone")
