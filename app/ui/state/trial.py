"""Apply and compare: the last answer again under the new load settings, beside the old one, with what changed."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.errors import TandemError
from app.lab.compare.lane import Lane
from app.lab.compare.texts import first_difference
from app.lab.session import SessionState
from app.store import RunRecord
from app.ui.language import tr
from app.ui.state import words
from app.ui.state.transcript import Row
from engines.knobs import Scope, Settings, defaults, differences
from engines.spec import EngineSpec

if TYPE_CHECKING:
    from app.ui.state.asking import Asking

COMPARABLE = 0.1  # the first tokens of two answers compare if what was newly read differs by at most this share


class Stage(enum.StrEnum):
    """How far a trial is."""

    NONE = "none"
    LOADING = "loading"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Chip:
    """One figure before and after. change: "1.32×", "−46 MB", "at word 12"; "" where the two do not compare, tip says why."""

    key: str
    title: str
    before: str
    after: str
    change: str
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """The answer before, the one after, and what was changed in words."""

    what: str
    prompt: str
    old: Row
    before: RunRecord
    lane: Lane  # the settings before
    asked: Settings  # its load knobs, complete
    after: RunRecord | None = None


class TrialState(QObject):
    """`changed` when a trial begins, ends or has its figures. All else goes through the chat's own paths."""

    changed = Signal()

    def __init__(self, chat: Asking) -> None:
        super().__init__(chat)
        self._chat = chat
        self.stage = Stage.NONE
        self.trial: Trial | None = None

    @property
    def on(self) -> bool:
        """True from Apply and compare until one of the two is kept."""
        return self.trial is not None

    @property
    def knobs(self) -> Settings:
        """The old answer's seed, while the new one is made: else its dice would differ, not the setting."""
        seed = self.trial.before.record.get("seed") if self.trial is not None and self.stage is Stage.LOADING else None
        return {"seed": seed} if isinstance(seed, int) else {}

    @property
    def possible(self) -> bool:
        """True if something that needs a reload was changed, and the last message has an answer to compare with."""
        chat = self._chat
        if chat.busy or chat.blocked or self.on or not chat.model.reload_words() or not chat.rows:
            return False
        last = chat.rows[-1]
        record = chat.record(len(chat.rows) - 1) if last.role == "assistant" else None
        if record is None or record.text != last.text:  # gone on with, or corrected: no one run made all of it
            return False
        return record.model == chat.model.model_id and bool(record.metrics.get("n_out"))

    def begin(self) -> None:
        """Reload with the new settings and ask the last message again."""
        chat, model = self._chat, self._chat.model
        session = model.session
        record = chat.record(len(chat.rows) - 1)
        if not self.possible or session is None or record is None or model.spec is None or model.variant is None:
            return
        old = chat.rows[-1]
        question = next((row.text for row in reversed(chat.rows) if row.role == "user"), "")
        run = {k: v for k, v in record.knobs.get("asked", {}).items() if _is_run(model.spec, k)}
        known = defaults(model.spec.knobs)
        settings = known | {k: v for k, v in (session.asked | run).items() if k in known}
        lane = Lane(
            name="", model=model.variant.id, engine=model.spec.id, variant=model.variant.variant,
            knobs={name: settings[name] for name in differences(known, settings)},
        )  # fmt: skip
        what = ", ".join(model.reload_words())
        self.trial = Trial(what, question, old, record, lane, dict(session.asked))
        self.stage = Stage.LOADING
        chat.ask_after_load()
        self.changed.emit()

    def answered(self, record: RunRecord | None) -> None:
        """The chat's answer is whole; None: it failed, and only the old one can be gone on with or the new asked again."""
        if self.trial is None or self.stage is not Stage.LOADING:
            return
        self.trial = replace(self.trial, after=record)
        self.stage = Stage.DONE
        self.changed.emit()

    @property
    def chips(self) -> tuple[Chip, ...]:
        """What changed, once both answers are there."""
        if self.trial is None or self.trial.after is None:
            return ()
        return chips(self.trial.before, self.trial.after)

    def keep_new(self) -> None:
        """Go on with the new answer and settings; the old answer stays as a version."""
        self.dismiss()

    def keep_old(self) -> None:
        """Back to the old settings and answer; the new answer stays as a version."""
        found = self.trial
        if found is None:
            return
        chat, model = self._chat, self._chat.model
        if chat.busy:
            chat.stop()
        chat.give_up()
        with contextlib.suppress(TandemError):  # it was deleted meanwhile
            chat.show_message(found.old.id)
        model.choose_model(found.lane.model)
        model.choose_engine(found.lane.engine)
        model.choose_variant(found.lane.variant)
        for name, value in found.asked.items():
            if model.spec is not None and model.spec.knob(name) is not None:
                model.set_knob(name, value)
        if model.phase is SessionState.LOADING:
            model.stop()
        model.load()

    def lanes(self) -> tuple[tuple[Lane, Lane], str] | None:
        """(before, now) and the message, for the Compare page; None where nothing is being tried."""
        chat, found = self._chat, self.trial
        model = chat.model
        if found is None or model.spec is None or model.variant is None:
            return None
        known = defaults(model.spec.knobs)
        run = {k: v for k, v in found.lane.knobs.items() if _is_run(model.spec, k)}
        load = model.settings(Scope.LOAD)
        knobs = run | {name: load[name] for name in differences(known, known | load) if name in load}
        now = Lane(name="", model=model.variant.id, engine=model.spec.id, variant=model.variant.variant, knobs=knobs)
        return (found.lane, now), found.prompt

    def dismiss(self) -> None:
        """The trial is over."""
        if self.trial is not None:
            self.trial, self.stage = None, Stage.NONE
            self.changed.emit()


def chips(before: RunRecord, after: RunRecord) -> tuple[Chip, ...]:
    """Decode, first token, memory and the first word that differs; one run each, so no verdicts."""
    return (_decode(before, after), _first_token(before, after), _memory(before, after), _words(before, after))


def _decode(before: RunRecord, after: RunRecord) -> Chip:
    old, new = before.metrics.get("decode_tok_s"), after.metrics.get("decode_tok_s")
    tip = tr("One run each, within one load: a hint, not a verdict. “Measure properly” decides.")
    return Chip("decode", tr("decode"), words.rate(old), _rate(new), _ratio(new, old), tip)


def _first_token(before: RunRecord, after: RunRecord) -> Chip:
    old, new = before.metrics.get("ttft_s"), after.metrics.get("ttft_s")
    was, now = _newly(before), _newly(after)
    comparable = abs(was - now) <= COMPARABLE * max(was, now, 1)
    tip = tr("Newly read: {was} tokens before, {now} now.", was=f"{was:,}", now=f"{now:,}")
    if not comparable:
        tip += " " + tr("The cache was warm before and is empty after a reload, so the two do not compare.")
    change = _ratio(new, old) if comparable else tr("read anew")
    return Chip("first_token", tr("first token"), words.spoken(old), words.spoken(new), change, tip)


def _memory(before: RunRecord, after: RunRecord) -> Chip:
    old, new = before.memory.get("model_bytes"), after.memory.get("model_bytes")
    change = ""
    if old is not None and new is not None:
        sign = "+" if new >= old else "−"
        change = f"{sign}{words.size(abs(new - old))}"
    return Chip(
        "memory", tr("memory"), words.size(old), words.size(new), change, tr("The model's part, after its load.")
    )


def _words(before: RunRecord, after: RunRecord) -> Chip:
    old, new = before.text.split(), after.text.split()
    at = first_difference([hash(w) for w in old], [hash(w) for w in new])
    if at is None:
        return Chip("words", tr("text"), "", "", tr("the same words"))
    pair = tr("“{old}” → “{new}”", old=_word(old, at), new=_word(new, at))
    return Chip("words", tr("text"), _word(old, at), _word(new, at), tr("differs at word {n}", n=f"{at:,}"), pair)


def _word(found: Sequence[str], at: int) -> str:
    return found[at - 1].strip("*_`#~,.;:!?()\"'") or found[at - 1] if at <= len(found) else tr("the end")


def _newly(record: RunRecord) -> int:
    return int(record.metrics.get("n_in") or 0) - int(record.metrics.get("n_cached") or 0)


def _rate(value: float | None) -> str:
    return f"{words.rate(value)} tok/s" if value is not None else words.NONE


def _ratio(new: float | None, old: float | None) -> str:
    return f"{new / old:.2f}×" if new and old else ""


def _is_run(spec: EngineSpec, name: str) -> bool:
    knob = spec.knob(name)
    return knob is not None and knob.scope is Scope.RUN
