"""From a request to token ids, the same way for every chat engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engines.chat.render import Renderer
from engines.errors import EngineError
from engines.job import Job
from engines.protocol import ChatRequest, Message, ModelFiles

Tokenizer = Callable[[str, bool], list[int]]
"""(text, add_bos) → ids; special tokens written in the text are parsed as such."""


def prepare(
    job: Job, request: ChatRequest, files: ModelFiles, renderer: Renderer, tokenize: Tokenizer, parts: bool = False
) -> list[int]:
    """The prompt's ids, timed as phase `prepare`; parts: as in `Renderer.render`. Raises EngineError `empty_prompt`, `bad_template`."""
    with job.phase("prepare"):
        if request.ids is not None:
            ids = list(request.ids)
        elif request.prompt is not None:
            ids = tokenize(request.prompt, True)
        else:
            ids = tokenize(*text_of(request.messages, files, renderer, parts))
            if files.template is None:
                job.note("template: none")
    if not ids:
        raise EngineError("empty_prompt", "The message is empty.", "Write something first.")
    job.live["n_in"] = float(len(ids))
    return ids


def text_of(
    messages: Sequence[Message], files: ModelFiles, renderer: Renderer, parts: bool = False
) -> tuple[str, bool]:
    """(text, add_bos) for a conversation: rendered by the model's template, which writes its own BOS;
    a base model without one simply continues the text."""
    if files.template is None:
        return "\n\n".join(m.content for m in messages), True
    return renderer.render(files, messages, parts), False


def check_ids(ids: Sequence[int], n_vocab: int) -> None:
    """Raises EngineError `bad_ids`: an engine refuses a whole batch for one id, or ends, and does not say which."""
    for token in ids:
        if not 0 <= token < n_vocab:
            raise EngineError(
                "bad_ids", f"Token id {token} is not one of this model's {n_vocab:,}.", "Tokenize with this model."
            )


def room(n_prompt: int, n_ctx: int, max_tokens: int) -> int:
    """How many tokens may be made. Raises EngineError `context_full` when the prompt leaves none."""
    left = n_ctx - n_prompt
    if left < 1:
        raise EngineError(
            "context_full",
            f"The conversation has {n_prompt:,} tokens and the context holds {n_ctx:,}.",
            "Load with a larger context (n_ctx), or start a new conversation.",
        )
    return min(max_tokens, left)
