from __future__ import annotations

import msgspec
import pytest

from app.errors import TandemError
from app.ui import demo_services, shot, start
from app.ui.program import Program
from app.ui.state.compare_phase import Phase
from app.ui.state.demo import Demo, Turn, read
from engines.protocol import Beat, ChatRequest, Finished, FinishReason, Loaded, Memory, Message, Text
from tests import comparisons
from tests.fakes import METRICS, SPEC, variant

ANSWER = "A cache keeps what was read."


def demo(title: str = "Caches") -> Demo:
    times = tuple(41_000_000 + 7_000_000 * i for i in range(10))
    done = Finished(id=9, reason=FinishReason.STOP, text=ANSWER, metrics=METRICS, times_ns=times, counts=(1,) * 10)
    return Demo(
        title=title,
        engine=SPEC.id,
        variant=variant(),
        asked={"n_ctx": 2048, "n_threads": "auto", "flash_attn": True},
        request=ChatRequest(messages=(Message("user", "What is a cache?"),), knobs={"temperature": 0.2}),
        loaded=Loaded(
            id=1,
            engine="fake",
            version="1",
            build="",
            device="cpu",
            effective={"n_ctx": 2048},
            n_ctx=2048,
            memory=Memory(model_bytes=218_000_000),
            template="model",
        ),
        finished=done,
        text=ANSWER,
        conversation=(Turn("user", "Hello"), Turn("assistant", "Hi", METRICS), Turn("user", "What is a cache?")),
        beats=(Beat(phase="decode", counter=1, cpu_s=1.0, rss=300_000_000, sample={"cpu_percent": 97.0}),),
    )


@pytest.fixture
def recorded(services, tmp_path, monkeypatch):
    folder = tmp_path / "resources" / "replays"
    folder.mkdir(parents=True)
    for number, title in enumerate(("Caches", "Haiku")):
        (folder / f"chat-{number}.json").write_bytes(msgspec.json.encode(demo(title)))
    monkeypatch.setattr(type(services.paths), "resources", folder.parent)
    monkeypatch.setattr(demo_services.registry, "spec", lambda name: SPEC)
    monkeypatch.setattr(start.registry, "visible", lambda task: [SPEC])
    return services


def test_a_recorded_run_plays_again_with_its_own_rates():
    events = list(demo().events(3))
    texts = [e for e in events if isinstance(e, Text)]
    assert "".join(e.text for e in texts) == ANSWER
    assert texts[-1].stats["n_out"] == 10
    assert texts[-1].stats["decode_tok_s"] == pytest.approx(1e9 / 7_000_000)
    assert isinstance(events[-1], Finished)
    assert {e.id for e in events if not isinstance(e, Beat)} == {3}


def test_the_page_is_filled_through_its_own_paths(recorded, qapp):
    with demo_services.replayed(recorded) as shown:
        program = Program(shown, [SPEC])
        demo_services.play(program)
        chat = program.chat
        assert [(r.role, r.text) for r in chat.rows] == [
            ("user", "Hello"), ("assistant", "Hi"), ("user", "What is a cache?"), ("assistant", ANSWER)]  # fmt: skip
        assert chat.rows[1].footer.startswith("first token 41 ms")
        assert [c.title for c in chat.conversations()] == ["Caches", "Haiku"]
        assert program.model.status.word == "loaded"
        assert program.model.needs_reload is False
        assert program.model.strip.cpu_percent == 97.0
        program.close()
    assert recorded.store.conversations() == []


def test_a_demo_shot_is_a_picture(recorded, tmp_path):
    out = tmp_path / "demo.png"
    assert shot.take_shot(recorded, "chat", out, (1280, 800), "dark", True) == (1280, 800)
    assert out.stat().st_size > 10_000


def test_without_a_recorded_run_it_says_so(tmp_path):
    with pytest.raises(TandemError) as told:
        read(tmp_path)
    assert told.value.code == "no_demo"
    (tmp_path / "chat-1.json").write_text("{}")
    with pytest.raises(TandemError) as told:
        read(tmp_path)
    assert told.value.code == "no_demo"


def test_the_compare_page_is_filled_from_a_recorded_comparison(recorded, tmp_path, monkeypatch):
    monkeypatch.setattr(start.registry, "visible", lambda task: [SPEC])
    replays = recorded.paths.resources / "replays"
    with pytest.raises(TandemError) as told:
        shot.take_shot(recorded, "compare", tmp_path / "none.png", (1280, 800), "light", True)
    assert told.value.code == "no_demo"
    (replays / "compare-kv-types.json").write_bytes(msgspec.json.encode(comparisons.result()))
    with demo_services.replayed(recorded) as shown:
        program = Program(shown, [SPEC])
        demo_services.play_comparison(program)
        assert program.compare.phase is Phase.SHOWN
        assert program.compare.recorded
        program.close()
    out = tmp_path / "compare.png"
    assert shot.take_shot(recorded, "compare", out, (1280, 800), "light", True) == (1280, 800)
    assert out.stat().st_size > 10_000
