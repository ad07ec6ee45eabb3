"""What the hub's tests share: a server, patience for a test, a model that the library takes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.library import Library, Secrets
from app.library.hub import Downloads, Hub, Offer, Patience
from app.paths import Paths
from tests.app.library import builders
from tests.hub_server import HubServer, Repo

QUICK = Patience(stall_s=0.4, connect_s=2.0, tries=3, backoff_s=0.01, longest_s=0.2)
NAME = "org/tiny-GGUF"
FILE = "tiny-Q8_0.gguf"


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


class Keyring:
    """In memory."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, name: str) -> str | None:
        return self.kept.get((service, name))

    def set_password(self, service: str, name: str, value: str) -> None:
        self.kept[service, name] = value

    def delete_password(self, service: str, name: str) -> None:
        del self.kept[service, name]


def roomy(folder: Path) -> tuple[int, int]:
    return 10**13, 10**14


def parts(home: Path, server: HubServer, **more: Any) -> tuple[Library, Hub, Downloads]:
    paths = Paths(home)
    library = Library(paths, secrets=Secrets(Keyring()))
    hub = Hub(paths, library.secrets, server.url, QUICK)
    return library, hub, Downloads(library, paths, hub, **{"disk": roomy, **more})


@contextmanager
def opened(home: Path, server: HubServer, **more: Any) -> Iterator[tuple[Library, Hub, Downloads]]:
    library, hub, downloads = parts(home, server, **more)
    try:
        yield library, hub, downloads
    finally:
        downloads.close()


def only(hub: Hub, repo: str = NAME) -> Offer:
    (offer,) = hub.offers(repo).offers
    return offer


def folder_repo(tmp: Path, **more: Any) -> Repo:
    """A safetensors folder as the hub would hold it."""
    folder = builders.model_folder(tmp / "model")
    files: dict[str, Any] = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    return Repo(files | more.pop("files", {}), **{"lfs_bytes": 1000, "dtypes": {"BF16": 10}, **more})
