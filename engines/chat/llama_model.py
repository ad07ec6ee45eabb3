"""One loaded GGUF: `llama_cpp.Llama` for loading, and below it our own batch, cache record and abort.

The library's own batch is filled token by token in Python and its `eval` hides what is cached; ours is filled by numpy.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from engines.errors import Cancelled, EngineError
from engines.job import Deadline, Job

Floats = npt.NDArray[np.float32]

SCORE_OUTPUTS = 32  # engines.score feeds at most so many tokens a step
ABORTED, NO_SLOT = 2, 1  # return codes of llama_decode


class Model:
    """Weights, context and what the cache holds. Not for two threads, except `tokenize` and `piece`."""

    def __init__(self, path: str, arguments: dict[str, Any], outputs: int, progress: Callable[[float], bool]) -> None:
        from llama_cpp import llama_cpp as api

        self.api = api
        outputs = min(max(outputs, SCORE_OUTPUTS), int(arguments["n_batch"]))
        self.llama = _open(path, arguments, outputs, progress)
        self.ctx, self.vocab = self.llama.ctx, self.llama._model.vocab
        self.n_vocab, self.n_ctx = int(self.llama._n_vocab), int(api.llama_n_ctx(self.ctx))
        self.n_batch = int(api.llama_n_batch(self.ctx))
        self.ids: list[int] = []  # what the cache holds, position by position
        self.llama.scores = np.empty((0, self.n_vocab), np.float32)  # n_batch × n_vocab that nothing reads
        self._memory = api.llama_get_memory(self.ctx)
        self._n_swa = int(api.llama_model_n_swa(self.llama.model))
        self._batch = _Batch(api, self.n_batch)
        self._pieces: dict[int, bytes] = {}
        self._buffer = ctypes.create_string_buffer(256)
        self._abort: Any = None
        self.slow = False  # a single token takes so long that it must be stoppable
        self.can_rewind = not (
            api.llama_model_is_recurrent(self.llama.model) or api.llama_model_is_hybrid(self.llama.model)
        )
        self.end_ids = frozenset(t for t in range(self.n_vocab) if api.llama_vocab_is_eog(self.vocab, t))

    # --- words ------------------------------------------------------------------------------

    def tokenize(self, text: str, add_bos: bool) -> list[int]:
        """Ids of a text; special tokens written in it are parsed. Safe from any thread."""
        ids: list[int] = self.llama.tokenize(text.encode("utf-8", "replace"), add_bos, True)
        return ids

    def piece(self, token: int) -> bytes:
        """The bytes that a token adds to the text; none for control tokens."""
        known = self._pieces.get(token)
        if known is None:
            n = self.api.llama_token_to_piece(self.vocab, token, self._buffer, len(self._buffer), 0, False)
            if n < 0:
                self._buffer = ctypes.create_string_buffer(-n)
                n = self.api.llama_token_to_piece(self.vocab, token, self._buffer, -n, 0, False)
            known = self._pieces[token] = self._buffer.raw[: max(n, 0)]
        return known

    def written(self, token: int) -> str:
        """A token as it is written in a prompt, control tokens by name. Has a buffer of its own: safe from any thread."""
        size = 256
        while True:
            buffer = ctypes.create_string_buffer(size)
            n = self.api.llama_token_to_piece(self.vocab, token, buffer, size, 0, True)
            if n >= 0:
                return buffer.raw[:n].decode("utf-8", "replace")
            size = -n

    # --- the cache --------------------------------------------------------------------------

    def clear(self) -> None:
        """Forget everything."""
        self.api.llama_memory_clear(self._memory, False)
        self.ids.clear()

    def keep_prefix(self, ids: Sequence[int]) -> int:
        """Keep what the cache and `ids` share from the start, at most all but one; returns how many."""
        shared = common_prefix(self.ids, ids)
        shared = min(shared, len(ids) - 1)
        if shared and not self._still_whole(shared):
            shared = 0
        return self.cut(shared)

    def cut(self, n: int) -> int:
        """Drop all after the first n positions; returns how many stay (recurrent models can only drop all)."""
        if n <= 0 or not self.api.llama_memory_seq_rm(self._memory, 0, n, -1):
            self.clear()
            return 0
        del self.ids[n:]
        return n

    def _still_whole(self, n: int) -> bool:
        """False if a sliding window has already dropped cells that position n still looks at."""
        if self._n_swa <= 0:
            return True
        first = int(self.api.llama_memory_seq_pos_min(self._memory, 0))
        return first <= max(0, n - self._n_swa)

    # --- computing --------------------------------------------------------------------------

    def decode(self, tokens: Sequence[int], all_logits: bool = False) -> None:
        """Evaluate up to n_batch tokens after what the cache holds. Raises Cancelled, EngineError."""
        code = self.api.llama_decode(self.ctx, self._batch.fill(tokens, len(self.ids), all_logits))
        if code == 0:
            self.ids.extend(tokens)
            return
        self.cut(len(self.ids))
        if code == ABORTED:
            raise Cancelled
        words = "the context is full" if code == NO_SLOT else f"llama_decode returned {code}"
        raise EngineError(
            "decode_failed", f"llama.cpp could not evaluate the tokens: {words}.", "Load the model again."
        )

    def prefill(self, tokens: Sequence[int], job: Job) -> None:
        """Evaluate a prompt in batches; the last position's logits are then ready. Raises Cancelled."""
        for start in range(0, len(tokens), self.n_batch):
            job.check()
            self.decode(tokens[start : start + self.n_batch])
            job.tick()
        self.api.llama_synchronize(self.ctx)

    def logits(self, index: int = -1) -> Floats:
        """Logits (n_vocab,) of an output of the last `decode`: a view, good until the next one."""
        pointer = self.api.llama_get_logits_ith(self.ctx, index)
        row: Floats = np.ctypeslib.as_array(pointer, shape=(self.n_vocab,))
        return row

    @contextlib.contextmanager
    def stoppable(self, job: Job) -> Any:
        """Inside, `decode` stops when the job is cancelled, and the job ticks. Called once a graph node: too dear
        for single tokens, where the loop looks itself."""
        deadline = Deadline(job.tick)

        def abort(_: Any) -> bool:
            deadline()
            return job.cancelled

        self._abort = self.api.ggml_abort_callback(abort)
        self.api.llama_set_abort_callback(self.ctx, self._abort, None)
        try:
            yield
        finally:
            self.api.llama_set_abort_callback(self.ctx, self.api.ggml_abort_callback(), None)
            self._abort = None

    def close(self) -> None:
        self._batch.close()
        self.llama.close()


class _Batch:
    """A llama_batch of one sequence over numpy arrays."""

    def __init__(self, api: Any, size: int) -> None:
        self._api = api
        self._struct = api.llama_batch_init(size, 0, 1)
        self._token = np.ctypeslib.as_array(self._struct.token, (size,))
        self._pos = np.ctypeslib.as_array(self._struct.pos, (size,))
        self._logits = np.ctypeslib.as_array(self._struct.logits, (size,))
        for i in range(size):
            self._struct.n_seq_id[i] = 1
            self._struct.seq_id[i][0] = 0

    def fill(self, tokens: Sequence[int], start: int, all_logits: bool) -> Any:
        n = len(tokens)
        self._struct.n_tokens = n
        if n == 1:  # the decode loop
            self._token[0], self._pos[0], self._logits[0] = tokens[0], start, 1
            return self._struct
        self._token[:n] = tokens
        self._pos[:n] = np.arange(start, start + n, dtype=np.int32)
        self._logits[:n] = all_logits
        self._logits[n - 1] = 1
        return self._struct

    def close(self) -> None:
        self._api.llama_batch_free(self._struct)


def common_prefix(a: Sequence[int], b: Sequence[int]) -> int:
    """How many leading ids two sequences share."""
    n = min(len(a), len(b))
    differ = np.flatnonzero(np.asarray(a[:n], np.int64) != np.asarray(b[:n], np.int64))
    return int(differ[0]) if differ.size else n


def _open(path: str, arguments: dict[str, Any], outputs: int, progress: Callable[[float], bool]) -> Any:
    """A `Llama`, with what its constructor does not offer put in through its own attributes.

    `model_params` gets the progress callback (False aborts), `context_params` the number of positions that may give
    logits, and `metadata` loses the chat templates, which the class would compile in this process.
    """
    import llama_cpp
    from llama_cpp import llama_cpp as api

    class Loading(llama_cpp.Llama):  # type: ignore[misc]
        def __setattr__(self, name: str, value: Any) -> None:
            if name == "model_params":
                self._progress = api.llama_progress_callback(lambda fraction, _: progress(fraction))
                value.progress_callback = self._progress
            elif name == "context_params":
                value.n_outputs_max = value.n_outputs_max_per_seq = outputs
            elif name == "metadata":
                value = {k: v for k, v in value.items() if not k.startswith("tokenizer.chat_template")}
            super().__setattr__(name, value)

    # verbose=False would point stderr at the null device meanwhile, and hide why a process aborts
    with contextlib.redirect_stderr(io.StringIO()):
        return Loading(path, verbose=True, **arguments)
