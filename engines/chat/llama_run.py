"""One chat run on llama.cpp: reuse what the cache shares, read the rest, then decode step by step."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from engines.chat.finish import finish
from engines.chat.llama_lookup import PromptLookup
from engines.chat.llama_model import Model
from engines.chat.llama_sampling import Sampler
from engines.chat.prompt import room
from engines.chat.text import Assembler
from engines.errors import Cancelled
from engines.job import Job
from engines.knobs import Settings
from engines.protocol import ChatRequest, Finished, FinishReason


@dataclass(slots=True)
class Answer:
    """What a run has made so far."""

    text: Assembler
    keep: int  # alternatives to keep for each token; 0 keeps no probabilities
    ids: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)  # characters given out once each of `ids` was taken in
    starts: list[int] = field(default_factory=list)  # where each token's bytes begin in the text
    n_bytes: int = 0
    drafted: int = 0
    accepted: int = 0
    logprobs: list[float] = field(default_factory=list)
    top_logprobs: list[dict[str, float]] = field(default_factory=list)

    @property
    def n_shown(self) -> int:
        """Tokens with text that is shown: a stop text may have cut off several."""
        if not self.text.stopped:
            return len(self.starts)
        return bisect.bisect_left(self.starts, len(self.text.text.encode()))


class ChatRun:
    """One request on a loaded model. `settings` are complete run knobs; the sampler is the run's own."""

    def __init__(self, model: Model, sampler: Sampler, request: ChatRequest, settings: Settings, job: Job) -> None:
        self._model, self._sampler, self._job = model, sampler, job
        self._silent = request.discard_text
        self._ignore_eos = bool(settings["ignore_eos"])
        self._max_tokens = whole(settings["max_tokens"])
        stop = settings["stop"]
        self._answer = Answer(Assembler(stop if isinstance(stop, list) else ()), whole(settings["logprobs"]))

    def run(self, prompt: Sequence[int], n_draft: int, max_ngram: int, effective: Settings) -> Finished:
        """Answer `prompt`, at most one token when cancelled in the prefill. n_draft 0: no prompt lookup."""
        job, answer = self._job, self._answer
        limit = room(len(prompt), self._model.n_ctx, self._max_tokens)
        n_cached = self._model.keep_prefix(prompt)
        job.live |= {"n_in": float(len(prompt)), "n_cached": float(n_cached)}
        self._sampler.see(prompt)
        lookup = PromptLookup(prompt, n_draft, max_ngram) if n_draft else None
        try:
            with job.phase("prefill"), self._model.stoppable(job):
                self._model.prefill(prompt[n_cached:], job)
            job.phase_name = "decode"
            reason = self._speculate(limit, lookup) if lookup is not None else self._decode(limit)
        except Cancelled:
            reason = FinishReason.CANCELLED
        self._show(answer.text.finish())
        return finish(
            job, reason, answer.text.text, prompt, answer.ids, n_cached, answer.n_shown,
            offsets=answer.offsets, drafted=answer.drafted, accepted=answer.accepted, logprobs=answer.logprobs,
            top_logprobs=answer.top_logprobs, effective=effective,
        )  # fmt: skip

    def _decode(self, limit: int) -> FinishReason:
        """One token a step. Speed matters here: METRICS asks for 0.97 of the library's own loop."""
        model, draw, job = self._model, self._sampler.draw, self._job
        while True:
            token = draw(-1)
            job.step()
            reason = self._take(token, -1, limit)
            if reason is not None:
                return reason
            if job.cancelled:
                return FinishReason.CANCELLED
            if model.slow:
                with model.stoppable(job):
                    model.decode((token,))
            else:
                model.decode((token,))

    def _speculate(self, limit: int, lookup: PromptLookup) -> FinishReason:
        """Draft, check the draft in one evaluation, keep what sampling itself would have said."""
        model, job, answer = self._model, self._job, self._answer
        draft: list[int] = []
        while True:
            sampled = self._verify(draft)
            job.step(len(sampled))
            answer.drafted += len(draft)
            answer.accepted += len(sampled) - 1
            if len(sampled) <= len(draft):
                model.cut(len(model.ids) - len(draft) + len(sampled) - 1)
            for i, token in enumerate(sampled):
                reason = self._take(token, i if draft else -1, limit)
                if reason is not None:
                    return reason
            if job.cancelled:
                return FinishReason.CANCELLED
            lookup.extend(sampled)
            free = min(limit - len(answer.ids), model.n_ctx - len(model.ids), model.n_batch) - 1
            draft = lookup.draft(free)
            model.decode((sampled[-1], *draft), all_logits=True)

    def _verify(self, draft: Sequence[int]) -> list[int]:
        """Sample at each drafted position until the draft is wrong: the tokens plain decoding would give."""
        if not draft:
            return [self._sampler.draw(-1)]
        sampled: list[int] = []
        for i, guess in enumerate((*draft, -1)):
            token = self._sampler.draw(i)
            sampled.append(token)
            if token != guess or token in self._model.end_ids:
                break
        return sampled

    def _take(self, token: int, output: int, limit: int) -> FinishReason | None:
        """Book one sampled token and show its text; the reason to stop, if there is one."""
        answer, model = self._answer, self._model
        answer.ids.append(token)
        if answer.keep:
            self._note_probabilities(token, output)
        if token in model.end_ids and not self._ignore_eos:
            answer.offsets.append(answer.text.length)
            return FinishReason.STOP
        piece = model.piece(token)
        answer.starts.append(answer.n_bytes)
        answer.n_bytes += len(piece)
        self._show(answer.text.push(piece))
        answer.offsets.append(answer.text.length)
        if answer.text.stopped:
            return FinishReason.STOP
        return FinishReason.LENGTH if len(answer.ids) >= limit else None

    def _show(self, delta: str) -> None:
        if not self._silent:
            self._job.text(delta)

    def _note_probabilities(self, token: int, output: int) -> None:
        """Log-probabilities of the model itself, before any sampler."""
        answer, logits = self._answer, self._model.logits(output).astype(np.float64)
        top = logits.max()
        norm = top + np.log(np.exp(logits - top).sum())
        answer.logprobs.append(float(logits[token] - norm))
        best = np.argpartition(logits, -answer.keep)[-answer.keep :]
        best = best[np.argsort(-logits[best], kind="stable")]
        table: dict[str, float] = {}
        for other in best.tolist():
            table[self._name(other, table)] = float(logits[other] - norm)
        answer.top_logprobs.append(table)

    def _name(self, token: int, taken: dict[str, float]) -> str:
        """A token as text; its id where it has none of its own (control tokens, parts of a character)."""
        word = self._model.piece(token).decode("utf-8", "replace")
        return word if word and "\ufffd" not in word and word not in taken else f"<{token}>"


def whole(value: object) -> int:
    """A whole-number knob's value; 0 where it is not set."""
    return value if isinstance(value, int) else 0
