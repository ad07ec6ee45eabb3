"""One header of a model is read; what its other precisions would take follows from their bytes."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from app.errors import TandemError
from app.lab.estimates import Estimate
from app.paths import Paths
from app.ui.state import hub_pricing
from engines import hardware
from tests.app.ui.models.hub_made import HubServices, offer

FREE = 9_000_000_000


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """`app.lab.hub_fit` with figures of the test's own; `read` are the offers whose header it read."""
    made = SimpleNamespace(
        read=[], error=None, head=SimpleNamespace(shape=SimpleNamespace(n_params=8e9, tensor_bytes=8e9))
    )

    def verdicts(hub: Any, of: Any, _store: Any, _specs: Any) -> tuple[tuple[str, Estimate], ...]:
        made.read.append(of.name)
        if made.error is not None:
            raise made.error
        if hub.head_of(of) is None:
            return ()
        need = of.bytes + 1_000_000_000
        slow, quick = (Estimate({}, need + more, FREE, ()) for more in (2_000_000_000, 0))
        return (("transformers", slow), ("llama-cpp", quick))

    module = ModuleType("app.lab.hub_fit")
    module.verdicts = verdicts  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "app.lab.hub_fit", module)
    monkeypatch.setattr(hardware, "free_memory", lambda: FREE)
    return made


@pytest.fixture
def services(home: Path, lab: SimpleNamespace) -> Any:
    made = HubServices.open(Paths(home))
    made.hub.head_of = lambda _offer: lab.head  # type: ignore[attr-defined]
    yield made
    made.store.close()


def test_one_header_for_all_precisions_of_a_model(services: Any, lab: SimpleNamespace):
    offers = [offer("Q4_K_M", 4), offer("Q8_0", 8), offer("F16", 16)]
    lines = dict(hub_pricing.of_hub(services)(offers))
    assert lab.read == ["Q8_0"]  # the largest whose files have room
    assert {name: (line.verdict, line.detail) for name, line in lines.items()} == {
        "Q8_0": ("tight", "needs 9.0 GB, 9.0 GB free"),
        "Q4_K_M": ("fits", "needs about 5.0 GB, 9.0 GB free"),
        "F16": ("no", "needs about 17.0 GB, 9.0 GB free"),
    }
    assert [lines[name].bits for name in ("Q4_K_M", "Q8_0", "F16")] == [4.0, 8.0, 16.0]
    assert lines["Q8_0"].tip.splitlines()[0] == "llama.cpp: needs 9.0 GB, 9.0 GB free"  # the one that takes least
    assert len(lines["Q8_0"].tip.splitlines()) == 2


def test_other_models_of_the_repository_are_read_themselves(services: Any, lab: SimpleNamespace):
    small = offer("Q4_K_M", 1, "a/Small-GGUF")
    folder = offer("bf16 safetensors", 2, "a/Small-GGUF", format="safetensors")
    list(hub_pricing.of_hub(services)([offer("Q4_0", 4), small, folder, offer("Q8_0", 20)]))
    assert lab.read == ["Q4_0", "Q4_K_M", "bf16 safetensors"]


def test_without_room_the_smallest_is_read():
    offers = [offer("Q8_0", 8), offer("Q4_0", 4)]
    assert hub_pricing.first_of(offers, 5_000_000_000).name == "Q4_0"
    assert hub_pricing.first_of(offers, 1_000).name == "Q4_0"


def test_why_there_is_no_estimate(services: Any, lab: SimpleNamespace):
    lab.error = TandemError("network", "The hub cannot be reached.", "Try again.")
    found = [line for _, line in hub_pricing.of_hub(services)([offer("Q4_0", 4), offer("Q8_0", 8)])]
    assert {line.detail for line in found} == {"The hub cannot be reached. Try again."}
    lab.error, lab.head = None, None
    found = [line for _, line in hub_pricing.of_hub(services)([offer("Q4_0", 4)])]
    assert [(line.verdict, line.detail) for line in found] == [
        ("unknown", "Its files do not say what it would take: load it to see.")
    ]


def test_a_format_that_no_engine_loads(home: Path):
    services = HubServices.open(Paths(home))
    voice = offer("joe", 0.06, "a/voices", format="piper", task="speak")
    found = [line for _, line in hub_pricing.of_hub(services)([voice])]  # type: ignore[arg-type]
    assert [(line.verdict, line.detail) for line in found] == [("unknown", "No engine here loads this format yet.")]
    services.store.close()
