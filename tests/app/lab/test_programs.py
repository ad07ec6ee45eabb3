"""Engines that are programs: known once they are installed, and a copy that another engine makes for them."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from app.errors import TandemError
from app.lab.compare.finish import divergences
from app.lab.compare.lane import Lane
from app.lab.compare.prepare import conversion
from app.lab.fit import fits
from app.lab.headless import ChatOrder, HeadlessChat, Watcher
from app.lab.services import Services
from app.library import Variant
from app.library.conversion import makers
from engines import registry
from engines.knobs import Settings, defaults
from tests import comparisons, programs

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
VLLM = registry.spec("vllm")


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("TANDEM_VLLM", raising=False)


def chat(services: Services, model: str, said: list[str] | None = None, **knobs: object) -> dict[str, object]:
    settings: Settings = {"max_tokens": 4} | knobs  # type: ignore[assignment]
    watcher = Watcher(progress=(said if said is not None else []).append)
    order = ChatOrder("one two three", model, VLLM, settings)
    return HeadlessChat(services.launcher, services.descriptions, order, watcher).run()


def test_a_program_is_seen_as_soon_as_it_is_installed(services: Services, tmp_path: Path) -> None:
    known = services.descriptions.ask(VLLM)
    assert not known.available
    assert "vLLM is not installed here" in known.reason
    assert "TANDEM_VLLM" in known.reason
    assert list(services.paths.cache.glob("describe-vllm-*")) == []
    path = programs.write(tmp_path / "vllm", "vllm")
    assert services.descriptions.get(VLLM) is None, "it is there now, and was not asked"
    found = services.descriptions.ask(VLLM)
    assert (found.available, found.version, found.build) == (True, "0.0.1+stand.in", str(path))
    assert services.descriptions.get(VLLM) == found
    path.write_text(path.read_text() + "# updated\n")
    assert services.descriptions.get(VLLM) is None, "another file is another program"
    path.unlink()
    again = services.descriptions.get(VLLM)
    assert again is not None
    assert not again.available


def test_a_program_that_is_not_here_is_refused_unless_the_person_says_where(
    services: Services, tiny: Variant, tmp_path: Path
) -> None:
    with pytest.raises(TandemError) as caught:
        chat(services, tiny.id)
    assert caught.value.code == "engine_unavailable"
    with pytest.raises(TandemError) as caught:
        chat(services, "nobody", executable=str(programs.write(tmp_path / "far", "vllm")))
    assert caught.value.code == "unknown_model"


def test_another_engine_makes_the_copy_that_a_program_loads(services: Services, tiny: Variant, monkeypatch: pytest.MonkeyPatch,
                                                            tmp_path: Path) -> None:  # fmt: skip
    plan = services.library.conversion_for(tiny.id, VLLM)
    assert plan is not None
    assert (plan.engine, plan.variant, plan.format) == ("transformers", "bf16", "safetensors")
    with pytest.raises(TandemError) as caught:
        services.library.get(tiny.id, VLLM)
    assert f"tandem models convert {tiny.id} --to bf16" in caught.value.hint
    for variant in ("", "f16"):
        lane = Lane(name="A", engine="vllm", model=tiny.id, variant=variant)
        made = conversion(services.library, lane, VLLM)
        assert made is not None
        assert made[1].id == made[0].engine == "transformers"
    monkeypatch.setenv("TANDEM_VLLM", str(programs.write(tmp_path / "far", "vllm")))
    said: list[str] = []
    done = chat(services, tiny.id, said)
    assert (done["variant"], done["reason"]) == ("bf16", "length")
    assert any("making bf16" in text for text in said)
    assert done["metrics"]["convert_s"] > 0  # type: ignore[index]
    again = chat(services, tiny.id)
    assert again["metrics"]["convert_s"] is None  # type: ignore[index]


def test_who_can_make_what_an_engine_loads() -> None:
    assert [m.id for m in makers(VLLM)] == ["transformers"]
    assert [m.id for m in makers(registry.spec("llama-server"))] == ["llama-cpp"]
    assert [m.id for m in makers(registry.spec("llama-cpp"))] == ["llama-cpp"]
    assert makers(registry.spec("openai-server")) == []
    own = msgspec.structs.replace(VLLM, id="own", converts={"gguf": ("bf16",)})
    assert [m.id for m in makers(own)] == ["own", "transformers"]


def test_what_a_server_takes_is_not_estimated(services: Services, tiny: Variant) -> None:
    found = fits(services.library, services.store, tiny.id, lambda spec: defaults(spec.load), None)
    assert {fit.engine for fit in found} <= {"llama-cpp", "transformers"}
    with pytest.raises(TandemError) as caught:
        fits(services.library, services.store, tiny.id, lambda spec: defaults(spec.load), "vllm")
    assert caught.value.code == "no_size"


def test_an_answer_without_ids_parts_nowhere_by_number() -> None:
    """llama-server streams texts alone: the same words are the same answer, others are compared by words."""
    reference = comparisons.lane_result(0, comparisons.lanes(2)[0], comparisons.lanes(2)[0])
    track = msgspec.structs.replace(reference.tracks[0], ids=(1, 2, 3), text="one two three")
    reference = msgspec.structs.replace(reference, tracks=(track,))

    def against(ids: tuple[int, ...], text: str) -> tuple[int | None, bool]:
        lane = msgspec.structs.replace(reference, tracks=(msgspec.structs.replace(track, ids=ids, text=text),))
        (found,) = divergences(lane, reference)
        return found.token, found.comparable

    assert against((), "one two three") == (None, True)
    assert against((), "one two four") == (None, False)
    assert against((1, 2, 4), "one two four") == (3, True)
