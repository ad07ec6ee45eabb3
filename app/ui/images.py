"""Pictures made ready for a model that sees: turned upright, scaled down, kept as PNG in the home's folder."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QSize, Qt
from PySide6.QtGui import QImage, QImageReader

from app.errors import TandemError
from app.paths import private_folder
from app.ui.language import tr
from app.ui.state.pictures import PreparedImage

MOST = 1024  # pixels of the longer side
PIXELS = 60_000_000  # more are not even opened: a small file can hold a picture that fills the memory


def prepare(path: Path, folder: Path, most: int = MOST) -> PreparedImage:
    """The picture, its longer side at most `most` pixels. Raises TandemError too_large or damaged. Works in any thread."""
    return kept(path.name, _read(path, most), folder)


def shrunk(image: QImage, most: int = MOST) -> QImage:
    """`image`, its longer side at most `most` pixels."""
    if max(image.width(), image.height()) <= most:
        return image
    mode = Qt.TransformationMode.SmoothTransformation
    return image.scaled(QSize(most, most), Qt.AspectRatioMode.KeepAspectRatio, mode)


def kept(name: str, image: QImage, folder: Path) -> PreparedImage:
    """Write `image` as PNG into `folder`, under its content's name. Raises TandemError disk_full or no_folder."""
    data = _png(image)
    digest = hashlib.sha256(data).hexdigest()
    place = private_folder(folder) / f"{digest}.png"
    if not place.exists():
        part = place.with_suffix(f".{os.getpid()}.part")
        try:
            part.write_bytes(data)
            part.replace(place)
        except OSError as error:
            part.unlink(missing_ok=True)
            why = error.strerror or str(error)
            raise TandemError("disk_full", tr("{name} cannot be kept: {why}.", name=name, why=why)) from error
    return PreparedImage(name, place, image.width(), image.height(), len(data), digest)


def _read(path: Path, most: int) -> QImage:
    reader = QImageReader(str(path))
    reader.setDecideFormatFromContent(True)
    reader.setAutoTransform(True)  # a camera's note of how it was held
    size = reader.size()
    if size.width() * size.height() > PIXELS:
        raise TandemError(
            "too_large",
            tr("{name} has {count} megapixels; at most {most} can be opened.", name=path.name,
               count=f"{size.width() * size.height() / 1e6:,.0f}", most=f"{PIXELS / 1e6:,.0f}"),
            tr("Save a smaller copy and add that."),
        )  # fmt: skip
    if max(size.width(), size.height()) > most:
        reader.setScaledSize(size.scaled(QSize(most, most), Qt.AspectRatioMode.KeepAspectRatio))
    image = reader.read()
    if image.isNull():
        raise TandemError(
            "damaged",
            tr("{name} cannot be opened as a picture: {why}.", name=path.name, why=reader.errorString().rstrip(".")),
            tr("Save it as PNG or JPEG and add that."),
        )
    return image


def _png(image: QImage) -> bytes:
    held = QByteArray()
    buffer = QBuffer(held)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]
    return bytes(held.data())
