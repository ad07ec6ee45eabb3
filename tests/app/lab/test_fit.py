"""What fits: every variant that is here or could be made, and the context that still fits."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.errors import TandemError
from app.lab import fit
from app.lab.describe import missing_distributions
from app.lab.estimates import price
from app.lab.fit import fits, largest_n_ctx
from app.lab.services import Services
from app.library import Variant
from engines import hardware, registry
from engines.knobs import Settings
from engines.spec import EngineSpec

LLAMA = registry.spec("llama-cpp")


def plain(**asked: object) -> Callable[[EngineSpec], Settings | None]:
    return lambda spec: spec.split(dict(asked))[0]  # type: ignore[arg-type]


def test_what_is_here_comes_first_and_what_could_be_made_after_it(services: Services, tiny: Variant) -> None:
    found = fits(services.library, services.store, tiny.id, plain())
    assert (found[0].engine, found[0].variant, found[0].made_from) == ("llama-cpp", tiny.variant, "")
    made = {(f.engine, f.variant): f for f in found[1:]}
    assert all(f.made_from == tiny.variant for f in made.values())
    q8 = made["llama-cpp", "q8_0"]
    plan = services.library.plan_conversion(tiny, LLAMA, "q8_0")
    assert q8.file_bytes == plan.bytes
    assert tiny.shape is not None
    assert q8.estimate.parts["weights"] < found[0].estimate.parts["weights"] == tiny.shape.tensor_bytes
    assert ("transformers", "bf16") in made
    assert not services.library.variants()[1:], "nothing is made by asking"


def test_a_variant_alone_and_an_engine_alone(services: Services, tiny: Variant) -> None:
    (only,) = fits(services.library, services.store, f"{tiny.id}:q4_0", plain())
    assert (only.variant, only.made_from) == ("q4_0", tiny.variant)
    assert {f.engine for f in fits(services.library, services.store, tiny.id, plain(), "transformers")} == {
        "transformers"
    }


def test_knobs_are_those_that_were_asked_without_auto(services: Services, tiny: Variant) -> None:
    asked = plain(n_ctx=512, type_k="q8_0", type_v="q8_0", n_threads=1)
    (found,) = fits(services.library, services.store, tiny.ref, asked, "llama-cpp")
    expected = {"n_ctx": 512, "type_v": "q8_0", "flash_attn": "on", "n_threads": 1, "n_batch": 512}
    assert expected.items() <= found.knobs.items()
    assert "auto" not in found.knobs.values()


def test_an_engine_without_the_knob_is_left_out(services: Services, tiny: Variant) -> None:
    found = fits(services.library, services.store, tiny.id, lambda s: None if s.id == "transformers" else plain()(s))
    assert {f.engine for f in found} == {"llama-cpp"}


def test_an_engine_that_is_not_installed_is_left_out(
    services: Services, tiny: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        fit, "missing_distributions", lambda s: ["torch"] if s.id == "transformers" else missing_distributions(s)
    )
    assert {f.engine for f in fits(services.library, services.store, tiny.id, plain())} == {"llama-cpp"}


@pytest.mark.parametrize(
    ("ref", "engine", "code"),
    [
        ("nowhere", None, "unknown_model"),
        ("{id}:q9", None, "unknown_variant"),
        ("{id}", "no-such", "unknown_engine"),
        ("{id}:q8_0", "transformers", "unknown_variant"),
    ],
)
def test_what_cannot_be_answered_says_why(
    services: Services, tiny: Variant, ref: str, engine: str | None, code: str
) -> None:
    with pytest.raises(TandemError) as caught:
        fits(services.library, services.store, ref.format(id=tiny.id), plain(), engine)
    assert caught.value.code == code


def test_no_engine_with_such_settings_is_an_error(services: Services, tiny: Variant) -> None:
    with pytest.raises(TandemError) as caught:
        fits(services.library, services.store, tiny.ref, lambda spec: None)
    assert caught.value.code == "no_variant"
    assert tiny.variant in caught.value.message


def test_the_largest_context_just_fits(tiny: Variant) -> None:
    load = LLAMA.split({})[0]
    assert tiny.shape is not None

    def needs(n_ctx: int) -> int:
        found = price([], LLAMA, tiny, load | {"n_ctx": n_ctx}, 0)
        assert found is not None
        return found.total_bytes

    assert tiny.shape.n_ctx_train == 512
    assert largest_n_ctx([], LLAMA, tiny, load, needs(512) * 2) == 512, "not beyond what it was trained with"
    assert largest_n_ctx([], LLAMA, tiny, load, int(needs(512) * 1.1) - 10) == 256
    assert largest_n_ctx([], LLAMA, tiny, load, needs(256) // 2) is None


def test_what_does_not_fit_says_so(services: Services, tiny: Variant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "free_memory", lambda: 1_000_000)
    found = fits(services.library, services.store, tiny.ref, plain(), "llama-cpp")[0]
    assert (found.estimate.verdict, found.largest_n_ctx, found.estimate.free_bytes) == ("no", None, 1_000_000)


def test_past_loads_are_counted(services: Services, tiny: Variant) -> None:
    found = fits(services.library, services.store, tiny.ref, plain(), "llama-cpp")[0]
    assert (found.loads, found.error, found.worst) == (0, None, None)
