"""A hub and downloads that do what a test says, with the real ones' values and names."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtWidgets import QApplication

from app.errors import TandemError
from app.glossary import Glossary
from app.library import Variant
from app.library.catalogue import Starter, read_catalogue
from app.library.hub.listing import HubFile, HubListing, HubModel, Offer
from app.library.hub.record import Download
from app.library.secrets import Secrets
from app.paths import Paths
from app.store import Store
from app.ui.bridge import Bridge
from app.ui.state import hub_fit
from app.ui.state.hub import HubState
from app.ui.state.hub_fit import Estimates, FitLine
from tests.fakes import variant

COMMIT = "8c5cf1b2a9d04e1f3b7a6c5d4e3f2a1b0c9d8e7f"
QWEN = "bartowski/Qwen2.5-7B-Instruct-GGUF"


def offer(name: str, size: float, repo: str = QWEN, /, **more: Any) -> Offer:
    """size: in GB."""
    count = int(size * 1e9)
    file = HubFile(f"{repo.rpartition('/')[2]}-{name}.gguf", count, f"{abs(hash(name)):064x}"[-64:])
    made = Offer(repo=repo, revision=COMMIT, name=name, format="gguf", task="chat", files=(file,), bytes=count)
    return msgspec.structs.replace(made, **more)


def listing(*offers: Offer, repo: str = QWEN, **more: Any) -> HubListing:
    files = tuple(file for each in offers for file in each.files)
    made = HubListing(repo=repo, revision=COMMIT, licence="apache-2.0", gated=False, files=files, offers=offers)
    return msgspec.structs.replace(made, **more)


def model(repo: str, downloads: int = 0, **more: Any) -> HubModel:
    made = HubModel(repo=repo, title=repo.rpartition("/")[2], downloads=downloads, likes=downloads // 400,
                    updated="2025-09-12", licence="apache-2.0", formats=("gguf",), task="chat")  # fmt: skip
    return msgspec.structs.replace(made, **more)


def download(id: str, state: str = "running", done: float = 1.2, size: float = 4.9, **more: Any) -> Download:
    """Sizes in GB."""
    made = Download(id=id, repo=QWEN, name="Q4_K_M", state=state, bytes=int(size * 1e9), done_bytes=int(done * 1e9))
    return msgspec.structs.replace(made, **more)


class FakeHub:
    """Answers from what a test puts in. `gate`: a search waits for it."""

    endpoint = "https://huggingface.co"

    def __init__(self) -> None:
        self.models: dict[str, tuple[HubModel, ...]] = {}
        self.listings: dict[str, HubListing] = {}
        self.urls: dict[str, Offer] = {}
        self.error: TandemError | None = None
        self.asked: list[tuple[Any, ...]] = []
        self.gates: dict[str, threading.Event] = {}
        self.secret = ""
        self.keeps = False

    def search(self, query: str, task: str = "", sort: str = "downloads", limit: int = 30) -> tuple[HubModel, ...]:
        self.asked.append((query, task, sort, limit))
        if query in self.gates:
            self.gates[query].wait(10)
        if self.error is not None:
            raise self.error
        return self.models.get(query, ())[:limit]

    def offers(self, repo: str, revision: str = "main") -> HubListing:
        self.asked.append((repo, revision))
        if self.error is not None:
            raise self.error
        if repo not in self.listings:
            raise TandemError("not_found", f"{repo} is not on huggingface.co, or it is private.", "Check its name.")
        return self.listings[repo]

    def offer_of_url(self, url: str) -> Offer:
        self.asked.append((url,))
        return self.urls[url]

    def token(self) -> str:
        return self.secret

    def set_token(self, text: str) -> bool:
        self.secret = text
        return self.keeps

    def forget_token(self) -> None:
        self.secret = ""


class FakeDownloads:
    """A list that a test changes; `tell` says so, as a thread of the real one would."""

    def __init__(self) -> None:
        self.items: list[Download] = []
        self.calls: list[tuple[str, Any]] = []
        self.refuse: TandemError | None = None
        self._listeners: list[Callable[[], None]] = []

    def start(self, offer: Offer) -> str:
        self._call("start", offer)
        made = download(f"d{len(self.items)}", "queued", 0, offer.bytes / 1e9, repo=offer.repo, name=offer.name)
        self.items.append(made)
        return made.id

    def pause(self, id: str) -> None:
        self._to("pause", id, "paused")

    def resume(self, id: str) -> None:
        self._to("resume", id, "running")

    def retry(self, id: str) -> None:
        self._to("retry", id, "running")

    def cancel(self, id: str) -> None:
        self._to("cancel", id, "cancelled")

    def clear(self, id: str) -> None:
        self._call("clear", id)
        self.items = [each for each in self.items if each.id != id]

    def all(self) -> tuple[Download, ...]:
        return tuple(self.items)

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def tell(self) -> None:
        for listener in self._listeners:
            listener()

    def put(self, *items: Download) -> None:
        """These take the place of those with the same ids, or come after the others."""
        for item in items:
            kept = [each for each in self.items if each.id == item.id]
            if kept:
                self.items[self.items.index(kept[0])] = item
            else:
                self.items.append(item)
        self.tell()

    def _call(self, verb: str, what: Any) -> None:
        self.calls.append((verb, what))
        if self.refuse is not None:
            raise self.refuse

    def _to(self, verb: str, id: str, state: str) -> None:
        self._call(verb, id)
        self.put(*(msgspec.structs.replace(each, state=state) for each in self.items if each.id == id))


class FakeLibrary:
    """The starter catalogue as it ships, and the variants that a test gives."""

    def __init__(self, paths: Paths) -> None:
        self.items: list[Variant] = []
        self.secrets = Secrets(_NoRing())
        self._starters = read_catalogue(paths.resources)
        self.install_error: TandemError | None = None
        self.gate: threading.Event | None = None

    def variants(self, task: str | None = None) -> list[Variant]:
        return [v for v in self.items if task in (None, v.task)]

    def get(self, ref: str, spec: object = None) -> Variant:
        found = next((v for v in self.items if ref in (v.id, v.ref)), None)
        if found is None:
            raise TandemError("unknown_model", f"There is no model “{ref}”.")
        return found

    def starters(self) -> list[Starter]:
        return list(self._starters.values())

    def install(
        self, id: str, progress: Callable[[str, int, int], None], cancelled: Callable[[], bool]
    ) -> list[Variant]:
        progress("downloading", 43, 100)
        if self.gate is not None:
            self.gate.wait(10)
        if cancelled():
            raise TandemError("cancelled", "It was cancelled.")
        if self.install_error is not None:
            raise self.install_error
        starter = self._starters[id]
        self.items.append(variant(starter.variant, id=id, task=starter.task, title=starter.title))
        return self.items[-1:]


class _NoRing:
    """A keyring that is there; it keeps nothing, as no test looks into it."""

    def get_password(self, service: str, name: str) -> str | None:
        return None

    def set_password(self, service: str, name: str, value: str) -> None: ...

    def delete_password(self, service: str, name: str) -> None: ...


@dataclass
class HubServices:
    """What `HubState` is built on."""

    paths: Paths
    store: Store
    library: Any
    glossary: Glossary
    hub: FakeHub = field(default_factory=FakeHub)
    downloads: FakeDownloads = field(default_factory=FakeDownloads)

    @classmethod
    def open(cls, paths: Paths) -> HubServices:
        return cls(paths, Store.open(paths), FakeLibrary(paths), Glossary.load(paths.resources))


def estimate(free: float = 9.0) -> Estimates:
    """An estimate that needs a sixth more than the files. free: in GB."""

    def found(offer: Offer) -> FitLine:
        need = int(offer.bytes * 7 / 6)
        word = "no" if need > free * 1e9 else "tight" if need * 1.1 > free * 1e9 else "fits"
        return line(word, hub_fit.needs(need, int(free * 1e9)), offer.bytes * 8 / 7.62e9)

    return hub_fit.each(found)


def line(word: str, detail: str = "", bits: float | None = None) -> FitLine:
    return FitLine(hub_fit.verdict(word), hub_fit.word(word), detail, f"llama.cpp: {detail}", bits)


@dataclass
class Opened:
    """An open hub: what it stands on and its state."""

    services: HubServices
    bridge: Bridge
    state: HubState


@contextlib.contextmanager
def collected_here() -> Iterator[None]:
    """As in the program: Python's collector runs in the GUI thread alone, so that no job's thread frees a QObject."""
    gc.disable()
    try:
        yield
    finally:
        settle()
        gc.collect()
        gc.enable()


@contextlib.contextmanager
def opened(home: Path, free: float = 9.0, services: HubServices | None = None) -> Iterator[Opened]:
    """free: memory in GB, for the estimates."""
    services = services or HubServices.open(Paths(home))
    with collected_here():
        bridge = Bridge()
        state = HubState(services, bridge, estimate(free))
        yield Opened(services, bridge, state)
        state.close()
        bridge.close()
        services.store.close()


def settle(times: int = 3) -> None:
    for _ in range(times):
        QApplication.processEvents()
