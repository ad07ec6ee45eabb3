from __future__ import annotations

import msgspec
import pytest

from app.errors import TandemError
from app.lab.session import SessionState
from app.ui.program import Program
from app.ui.state.status import Act, Tone
from engines.errors import EngineError
from engines.knobs import KnobState, Scope
from engines.protocol import Beat, Described
from tests.fakes import OTHER, SPEC, FakeServices, variant

SPEC_SERVER = msgspec.structs.replace(SPEC, id="served", title="Served", formats=("server",), converts={})


def test_the_status_line_follows_a_load(program, services, deliver):
    model = program.model
    assert (model.status.word, model.status.act) == ("not loaded", Act.LOAD)
    model.load()
    services.session.progress(0.43)
    deliver()
    assert model.status.word == "loading 43 %"
    assert model.status.act is Act.CANCEL
    services.session.progress(1.0)
    deliver()
    assert model.status.word == "loading, warming up"
    services.session.become_ready()
    deliver()
    assert (model.status.word, model.status.tone, model.status.act) == ("loaded", Tone.GOOD, Act.UNLOAD)


def test_a_load_that_cannot_start_is_a_failure_that_can_be_mended(program, services):
    services.refuse = TandemError("missing_files", "The file is gone.", "Get it again.")
    program.model.load()
    assert program.model.phase is SessionState.FAILED
    assert program.model.status.word == "failed: The file is gone."
    assert program.chat.problem.message == "The file is gone."
    services.refuse = None
    program.chat.restart()
    assert program.model.phase is SessionState.LOADING


def test_force_is_offered_when_the_session_says_so(ready, services, qtbot):
    ready.chat.send("Hello")
    ready.chat.stop()
    assert ready.model.status.act is Act.NONE
    services.session.can_force = True
    qtbot.waitUntil(lambda: ready.model.status.act is Act.FORCE)
    ready.model.force()
    assert "force" in services.session.calls


def test_force_shows_up_on_the_page_by_itself(ready, services, qtbot):
    ready.chat.send("Hello")
    ready.chat.stop()
    with qtbot.waitSignal(ready.model.changed):
        services.session.can_force = True


def test_knobs_are_kept_for_each_engine(program, services):
    model = program.model
    model.set_knob("temperature", 0.2)
    model.choose_engine(OTHER.id)
    assert model.settings(Scope.RUN)["temperature"] == 0.7
    model.set_knob("temperature", 1.5)
    program.close()
    again = Program(services, [SPEC, OTHER])
    assert again.model.spec is OTHER
    assert again.model.settings(Scope.RUN)["temperature"] == 1.5
    again.model.choose_engine(SPEC.id)
    assert again.model.settings(Scope.RUN)["temperature"] == 0.2
    again.close()


def test_a_stored_value_that_no_longer_fits_is_dropped(services, qapp):
    services.store.set("knobs.fake", {"temperature": 99, "n_ctx": 8192, "gone": 1})
    program = Program(services, [SPEC])
    assert program.model.settings(Scope.RUN)["temperature"] == 0.7
    assert program.model.settings(Scope.LOAD)["n_ctx"] == 8192
    program.close()


def test_a_value_that_does_not_fit_is_refused(program):
    with pytest.raises(EngineError):
        program.model.set_knob("temperature", 9.0)
    assert program.model.settings(Scope.RUN)["temperature"] == 0.7


def test_what_a_reload_changes_names_the_value_in_use(ready, services):
    assert ready.model.reload_words() == []
    ready.model.set_knob("n_ctx", 8192)
    ready.model.set_knob("n_threads", 1)
    assert ready.model.reload_words() == ["context 4,096 → 8,192 tokens", "threads Auto → 1"]
    ready.model.set_knob("temperature", 0.1)
    assert len(ready.model.reload_words()) == 2


def test_explanations_stand_only_beside_the_values_they_explain(program, services, deliver):
    program.model.load()
    services.session.become_ready(n_threads="2: the cores this process may use")
    deliver()
    assert program.model.explanations == {"n_threads": "2: the cores this process may use"}
    program.model.set_knob("n_threads", 1)
    assert program.model.explanations == {}


def test_another_variant_is_chosen_for_one_engine_and_kept(services, qapp):
    services.library.items.append(variant("q8_0", bytes=143_000_000))
    program = Program(services, [SPEC])
    assert program.model.variant.variant == "q4_1"
    program.model.choose_variant("q8_0")
    assert program.model.variant.variant == "q8_0"
    program.close()
    again = Program(services, [SPEC])
    assert again.model.variant.variant == "q8_0"
    again.close()


def test_loading_another_variant_replaces_the_loaded_one(ready, services):
    services.library.items.append(variant("q8_0"))
    ready.model.refresh()
    ready.model.choose_variant("q8_0")
    assert not ready.model.is_current
    assert ready.model.loaded_variant.variant == "q4_1"
    ready.model.load()
    assert services.session.variant.variant == "q8_0"


def test_a_variant_whose_files_are_gone_is_not_chosen(services, qapp):
    services.library.items[:] = [variant(problem="The file is gone."), variant("q8_0")]
    services.store.set("chat.variant.smollm2-135m.fake", "q4_1")
    program = Program(services, [SPEC])
    services.library.items[:1] = []
    program.model.refresh()
    assert program.model.variant.variant == "q8_0"
    program.close()


def test_an_engine_without_a_usable_variant_offers_the_copy(program):
    program.model.choose_engine(OTHER.id)
    assert program.model.variant is None
    offer = program.model.offer()
    assert offer.words == "Make bf16 copy, 269 MB, about 17 s"
    assert offer.detail == "It cannot be better than its source."


def test_what_an_engine_cannot_do_here_is_known_after_asking(program, services, qtbot):
    states = {"flash_attn": KnobState(off="This build has no flash attention.")}
    described = Described(id=0, engine="fake", version="1", build="", available=True, knobs=states)
    services.descriptions.known["fake"] = described
    services.descriptions.known["other"] = Described(
        id=0, engine="other", version="", build="", available=False, reason="Not installed."
    )
    assert program.model.knob_states == {}
    program.model.learn()
    assert program.model.knob_states == states
    assert [pick.off for pick in program.model.engines] == ["", "Not installed."]


def test_the_estimate_follows_the_load_knobs(program):
    small = program.model.estimate()
    program.model.set_knob("n_ctx", 32768)
    large = program.model.estimate()
    assert small.parts["weights"] == large.parts["weights"]
    assert large.total_bytes > small.total_bytes


def test_a_new_load_keeps_the_old_figures_as_ghosts(ready, services, deliver):
    ready.chat.send("Hello")
    services.session.finish("Hi")
    deliver()
    ready.model.load()
    services.session.become_ready()
    deliver()
    assert ready.model.strip.decode is None
    assert ready.model.strip.ghosts["decode"] == 142.6


def test_changed_is_not_emitted_for_each_token(ready, services, deliver):
    ready.chat.send("Hello")
    deliver()
    told: list[None] = []
    ready.model.changed.connect(lambda: told.append(None))
    services.session.text(*"many small pieces")
    deliver()
    services.session.say(Beat(phase="decode", counter=1, cpu_s=1.0, rss=1))
    deliver()
    assert told == []


def test_the_window_ends_its_worker(ready, services: FakeServices):
    ready.close()
    assert services.session.calls[-1] == "close"


def test_a_model_that_the_engine_cannot_have_brings_an_engine_that_loads_it(program, services):
    served = SPEC_SERVER
    program.model.specs.append(served)
    services.library.items.append(variant("served", id="gpu.llama", format="server", title="llama"))
    program.model.refresh()
    program.model.choose_model("gpu.llama")
    assert program.model.spec is served
    assert program.model.variant is not None
    assert program.model.variant.ref == "gpu.llama:served"


def test_a_model_that_can_be_made_for_the_engine_keeps_it(program, services):
    program.model.choose_engine("other")
    program.model.choose_model("")
    program.model.choose_model("smollm2-135m")
    assert program.model.spec is OTHER
