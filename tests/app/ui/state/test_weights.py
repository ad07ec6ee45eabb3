"""What is inside the weights is read from the real header, in the background, once."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.library import Lineage
from app.library.conversion import ConversionPlan, Fallback
from app.ui.state import weights
from app.ui.state.picks import Offer
from app.ui.state.weights import Share, WeightsLook
from tests.fakes import variant


def offer(*fallbacks: Fallback) -> Offer:
    plan = ConversionPlan(
        source=variant(), engine="fake", precision="q4_k_m", variant="q4_k_m", format="gguf", bytes=1,
        mix={"Q4_K": 31, "Q5_0": 180}, bits_per_weight=4.5, lineage=Lineage("made"), fallbacks=fallbacks,
    )  # fmt: skip
    return Offer(plan, plan.source, "Make it", "")


def test_the_shares_of_a_real_file(starter_gguf: Path):
    shares = weights.read_shares(variant(path=str(starter_gguf)))
    assert {share.kind: share.tensors for share in shares} == {"Q4_1": 210, "F32": 61, "Q8_0": 1}
    assert [share.kind for share in shares] == ["Q4_1", "Q8_0", "F32"]  # by bytes: one table weighs a third
    assert shares[1].part == pytest.approx(0.311, abs=0.001)
    assert sum(share.part or 0 for share in shares) == pytest.approx(1)
    assert sum(share.bytes or 0 for share in shares) < starter_gguf.stat().st_size


def test_a_file_that_is_gone_leaves_the_counts():
    assert weights.read_shares(variant()) == (Share("Q4_1", 210), Share("F32", 61), Share("Q8_0", 1))


def test_fallbacks_in_words():
    assert weights.fallback_words(offer()) == ""
    said = weights.fallback_words(offer(Fallback(6, "Q4_K", "Q5_0"), Fallback(1, "Q6_K", "Q8_0")))
    assert said == "6 of 211 tensors cannot have Q4_K: Q5_0 instead; 1 of 211 tensors cannot have Q6_K: Q8_0 instead"


def test_counts_at_once_bytes_when_the_header_is_read(starter_gguf: Path, qtbot: QtBot):
    look = WeightsLook()
    here = variant(path=str(starter_gguf))
    assert look.shares(here)[0] == Share("Q4_1", 210)
    with qtbot.waitSignal(look.changed):
        pass
    assert look.shares(here)[0].part is not None
    assert not look.busy


def test_offers_are_worked_out_after_what_was_asked_before_and_once(starter_gguf: Path, qtbot: QtBot):
    look, calls = WeightsLook(), []

    def work() -> list[Offer]:
        calls.append(1)
        return [offer()]

    look.shares(variant(path=str(starter_gguf)))
    assert look.offers(("a",), work) is None
    qtbot.waitUntil(lambda: look.offers(("a",), work) is not None)
    assert look.offers(("a",), work) == (offer(),)
    assert calls == [1]


def test_a_bug_in_the_thread_is_no_secret(qtbot: QtBot):
    look = WeightsLook()

    def work() -> list[Offer]:
        raise RuntimeError("no")

    with qtbot.captureExceptions() as caught:
        look.offers(("a",), work)
        qtbot.waitUntil(lambda: bool(caught))
    assert "no" in str(caught[0][1])
    assert not look.busy
