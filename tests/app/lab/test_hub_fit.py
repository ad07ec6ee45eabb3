"""The verdict before the download is the one after it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.lab.estimates import estimate
from app.lab.hub_fit import verdicts
from app.paths import Paths
from app.store import Store
from engines import registry
from engines.spec import EngineSpec
from tests.app.library.hub.setting import FILE, NAME, folder_repo, only, opened
from tests.hub_server import HubServer, Repo


@pytest.fixture
def server(tiny_gguf: Path, tmp_path: Path) -> Iterator[HubServer]:
    with HubServer({NAME: Repo({FILE: tiny_gguf.read_bytes()}), "org/folder": folder_repo(tmp_path)}) as hub:
        yield hub


def llama_cpp() -> EngineSpec:
    return registry.spec("llama-cpp")


def test_a_gguf_has_the_same_estimate_before_and_after(server: HubServer, home: Path) -> None:
    store = Store.open(Paths(home))
    try:
        with opened(home, server) as (library, hub, downloads):
            offer = only(hub)
            ((engine, before),) = verdicts(hub, offer, store, [llama_cpp(), registry.spec("transformers")])
            variant = library.get(downloads.wait(downloads.start(offer), 60).ref)
            after = estimate(store, llama_cpp(), variant, llama_cpp().split({})[0])
        assert engine == "llama-cpp"
        assert after is not None
        assert (before.parts, before.verdict) == (after.parts, after.verdict)
    finally:
        store.close()


def test_a_folder_of_safetensors(server: HubServer, home: Path) -> None:
    store = Store.open(Paths(home))
    try:
        with opened(home, server) as (_, hub, _):
            found = dict(verdicts(hub, only(hub, "org/folder"), store, registry.visible()))
        assert found["transformers"].verdict == "fits"
        assert "llama-cpp" not in found
    finally:
        store.close()
