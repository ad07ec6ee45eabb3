"""A page over a library of many models; what reads real files is replaced by values."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QWidget

from app.errors import TandemError
from app.library import Variant
from app.ui import theme as themes
from app.ui.bridge import Bridge
from app.ui.pages.models import ModelsPage
from app.ui.state.models import ModelsState
from tests.app.ui.models import made
from tests.fakes import OTHER, SPEC, FakeServices


@dataclass(frozen=True)
class Tensor:
    name: str
    shape: tuple[int, ...]
    type: str
    bytes: int


@dataclass(frozen=True)
class Details:
    metadata: tuple[tuple[str, str], ...]
    tensors: tuple[Tensor, ...]
    kv_bytes_per_token: int | None
    template: str


@dataclass(frozen=True)
class Can:
    engine: str
    title: str
    ok: bool
    why: str


@dataclass(frozen=True)
class Part:
    id: str
    title: str
    bytes: int


@dataclass(frozen=True)
class Use:
    parts: tuple[Part, ...]
    free_bytes: int
    total_bytes: int


DETAILS = Details(
    (("general.architecture", "llama"), ("llama.block_count", "30"), ("tokenizer.ggml.model", "gpt2")),
    (Tensor("token_embd.weight", (576, 49152), "Q8_0", 30_081_024), Tensor("output_norm.weight", (576,), "F32", 2304),
     Tensor("blk.0.ffn_up.weight", (576, 1536), "Q4_1", 552_960), Tensor("blk.1.ffn_up.weight", (576, 1536), "Q4_1", 552_960)),
    23_040, "{{ messages }}",
)  # fmt: skip
USE = Use((Part("starter", "Starter pack", 367_000_000), Part("hub", "From the hub", 14_300_000_000), Part("cache", "Cache", 0)),
          212_000_000_000, 512_000_000_000)  # fmt: skip


def engines_of(variant: Variant, specs: Any, _described: Any) -> tuple[Can, ...]:
    """By format and task alone."""
    found = []
    for spec in specs:
        ok = variant.format in spec.formats and variant.task == spec.task.value and not variant.problem
        found.append(Can(spec.id, spec.title, ok, "" if ok else variant.problem or f"It is {variant.format}."))
    return tuple(found)


def details(variant: Variant) -> Details:
    if variant.title.startswith("gemma"):
        raise TandemError("bad_header", "The header is cut off.", "Get the file again.")
    return DETAILS


@pytest.fixture
def no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values in place of what reads files and engines' states."""
    for name, function in (
        ("loading.engines_of", engines_of),
        ("details.details", details),
        ("disk.disk_use", lambda *_: USE),
    ):
        module_name, _, attribute = name.partition(".")
        module = types.ModuleType(f"app.library.{module_name}")
        setattr(module, attribute, function)
        monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.fixture
def library(no_files: None) -> made.MadeLibrary:
    return made.library()


@pytest.fixture
def state(qapp: QApplication, services: FakeServices, library: made.MadeLibrary) -> Iterator[ModelsState]:
    services.library = library
    bridge = Bridge()
    found = ModelsState(services, bridge, [SPEC, OTHER])
    yield found
    found.close()
    bridge.close()


@pytest.fixture
def read(qtbot: Any, state: ModelsState) -> ModelsState:
    """The state with the library read and assessed, and the disk measured."""
    with qtbot.waitSignal(state.disk_changed, timeout=5000):
        state.refresh()
    return state


@pytest.fixture
def page(qtbot: Any, qapp: QApplication, read: ModelsState, services: FakeServices) -> Iterator[ModelsPage]:
    theme = themes.install(qapp, "light")
    shown = ModelsPage(theme, services.glossary, read, QWidget)
    qtbot.addWidget(shown)
    shown.resize(1280, 760)
    shown.show()
    yield shown
    theme.deleteLater()


@pytest.fixture
def until(qtbot: Any) -> Callable[[Callable[[], bool]], None]:
    """Wait for a condition."""
    return lambda done: qtbot.waitUntil(done, timeout=5000)
