"""A conversation that is longer than the context: what a person wants done with it, and doing it."""

from __future__ import annotations

import math
from collections.abc import Callable

from app.lab.fitting import Fitting, Policy
from app.ui.state.kept import Kept
from app.ui.state.model import ModelState
from engines.knobs import Scope
from engines.protocol import Failed, Message, Tokens
from engines.spec import Verb

ANSWER_SHARE = 0.25
"""Where a conversation is cut to fit, so much of the context is kept free for the answer (or max_tokens, if less)."""

Messages = tuple[Message, ...]


class Overflow:
    """left_out: what of the conversation the last request did not hold, in words."""

    def __init__(self, kept: Kept, model: ModelState) -> None:
        self._kept, self._model = kept, model
        self.left_out = ""
        self._fitting: Fitting | None = None
        self._then: Callable[[Messages], None] | None = None
        self._whole: Messages = ()
        self._id: int | None = None
        self._session: object = None

    @property
    def policy(self) -> Policy:
        """What is done with it; kept."""
        kept = self._kept.get("chat.overflow", Policy.STOP.value)
        return Policy(kept) if kept in set(Policy) else Policy.STOP

    def set_policy(self, policy: Policy) -> None:
        """Choose and remember it."""
        self._kept.set("chat.overflow", policy.value)
        if policy is Policy.STOP:
            self.left_out = ""

    def fit(self, messages: Messages, then: Callable[[Messages], None]) -> None:
        """Count, leave out, count again until it fits, then go on with `then`; at once where nothing is to be cut."""
        self.left_out, self._whole = "", messages
        if self.policy is Policy.STOP or not self._can_count():
            then(messages)
            return
        self._fitting, self._then = Fitting(messages, self._room(), self.policy), then
        self._session = self._model.session
        self._step()

    def take(self, event: Tokens) -> None:
        """A count came; others than its own are passed over."""
        if self._fitting is not None and event.id == self._id:
            self._fitting.take(len(event.ids))
            self._step()

    def failed(self, event: Failed) -> None:
        """A count that cannot be had: the conversation goes out whole, and the engine says what is wrong with it."""
        if self._fitting is not None and event.id == self._id:
            then, whole = self._then, self._whole
            self.forget()
            if then is not None:
                then(whole)

    @property
    def waiting(self) -> bool:
        """True while a count of the session that the page talks to is awaited."""
        return self._fitting is not None and self._session is self._model.session

    def forget(self) -> None:
        """Nobody wants the result any more."""
        self._fitting, self._then = None, None

    @property
    def bigger_context(self) -> int | None:
        """A context (tokens) that would hold more, as far as the model was trained for it; None where there is none."""
        model = self._model
        shape = model.variant.shape if model.variant is not None else None
        knob = model.spec.knob("n_ctx") if model.spec is not None else None
        if knob is None or shape is None or model.loaded is None or not shape.n_ctx_train:
            return None
        most = min(shape.n_ctx_train, int(knob.maximum or shape.n_ctx_train))
        wanted = 2 * model.loaded.n_ctx
        needed = model.strip.context_used or 0  # the whole conversation, as it was counted last
        while wanted < most and wanted < needed * (1 + ANSWER_SHARE):
            wanted *= 2
        wanted = min(wanted, most)
        return wanted if wanted > max(model.loaded.n_ctx, needed) else None

    def _step(self) -> None:
        fitting, session, then = self._fitting, self._model.session, self._then
        if fitting is None or session is None or then is None:
            return
        if fitting.ask is not None:
            self._id = session.tokenize("", fitting.ask)
            return
        self.forget()
        self.left_out = fitting.dropped
        then(fitting.result if fitting.result is not None else self._whole)

    def _can_count(self) -> bool:
        """False for a server that does not say how long its context is, or counts no tokens: it must decide itself."""
        loaded, spec = self._model.loaded, self._model.held_spec
        return loaded is not None and loaded.n_ctx > 0 and spec is not None and Verb.TOKENIZE in spec.verbs

    def _room(self) -> int:
        loaded = self._model.loaded
        total = loaded.n_ctx if loaded is not None else 0
        wanted = self._model.settings(Scope.RUN).get("max_tokens")
        share = math.ceil(total * ANSWER_SHARE)
        return total - min(share, wanted if isinstance(wanted, int) else share)
