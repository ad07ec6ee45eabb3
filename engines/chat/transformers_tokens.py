"""Text to ids and back. The folder's `tokenizer.json` is read by `tokenizers` itself: 0.2 s, against 4 s through AutoTokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engines.chat.prompt import check_ids
from engines.chat.text import Assembler
from engines.errors import EngineError


class Tokens:
    """The tokenizer of one folder. `encode` may be called from any thread."""

    def __init__(self, backend: Any) -> None:
        self.backend = backend

    @classmethod
    def read(cls, folder: Path) -> Tokens:
        """Raises EngineError `no_tokenizer`."""
        from tokenizers import Tokenizer

        file = folder / "tokenizer.json"
        try:
            return cls(Tokenizer.from_file(str(file)) if file.is_file() else _converted(folder))
        except Exception as error:
            raise EngineError(
                "no_tokenizer",
                f"The model's tokenizer cannot be read: {str(error).strip()[:300]}.",
                "The folder needs a tokenizer.json.",
            ) from error

    def encode(self, text: str, add_bos: bool) -> list[int]:
        """Ids of `text`; special tokens written in it are parsed as such. add_bos: what the model puts in front of a text."""
        ids: list[int] = self.backend.encode(text, add_special_tokens=add_bos).ids
        return ids

    def piece(self, token: int) -> str:
        """One token as text of its own: special ones by name, parts of a character by number."""
        text: str = self.backend.decode([token], skip_special_tokens=False)
        return text if text and "�" not in text else f"<{token}>"

    def within(self, token: int) -> str:
        """One token as it stands inside a text: some decoders drop the space before the first token of all."""
        pair: str = self.backend.decode([token, token], skip_special_tokens=False)
        first: str = self.backend.decode([token], skip_special_tokens=False)
        return pair[len(first) :] if pair.startswith(first) else first

    def pieces(self, ids: Sequence[int]) -> tuple[str, ...]:
        """Each id's text as it stands in a prompt; joined they are the prompt. Raises EngineError `bad_ids`."""
        check_ids(ids, self.backend.get_vocab_size(with_added_tokens=True))
        known = {token: self.within(token) for token in set(ids)}
        first: str = self.backend.decode(list(ids[:1]), skip_special_tokens=False)
        return (first, *(known[token] for token in ids[1:])) if ids else ()


class Detokenizer:
    """Ids to text as they come, each id looked at a bounded number of times; stop texts end it.

    `ids` is everything sampled; offsets[i]: characters given out once ids[i] was taken in. `stopped` turns True when a stop text is complete.
    """

    def __init__(self, tokens: Tokens, prompt: Sequence[int], stop: Sequence[str], ends: frozenset[int]) -> None:
        self.ids: list[int] = []
        self.offsets: list[int] = []
        self.assembler = Assembler(stop)
        self._backend, self._ends = tokens.backend, ends
        self._context = list(prompt[-8:])  # what stands before decides about a leading space
        self._stream = self._new_stream()
        self._waiting: list[int] = []  # ids whose characters are not whole yet
        self._starts: list[int] = []  # where the text of each shown id begins
        self._length = 0

    @property
    def stopped(self) -> bool:
        return self.assembler.stopped

    def push(self, token: int) -> str:
        """The text that may be shown now."""
        self.ids.append(token)
        shown = self._take(token)
        self.offsets.append(self.assembler.length)
        return shown

    def finish(self) -> str:
        """The rest: what was held back turned out to be text."""
        shown = ""
        if self._waiting and not self.stopped:
            shown = self._show(self._backend.decode(self._waiting, skip_special_tokens=True))
            self._waiting.clear()
        return shown + self.assembler.finish()

    def n_shown(self) -> int:
        """Ids whose text, or its beginning, is in the answer."""
        if not self.stopped:
            return len(self._starts)
        end = len(self.assembler.text)
        return sum(start < end for start in self._starts)

    def _take(self, token: int) -> str:
        if token in self._ends or self.stopped:
            return ""
        self._starts.append(self._length)
        self._waiting.append(token)
        piece = self._step(token)
        if not piece:
            return ""
        self._waiting.clear()
        return self._show(piece)

    def _show(self, piece: str) -> str:
        self._length += len(piece)
        return self.assembler.push(piece)

    def _step(self, token: int) -> str | None:
        try:
            piece: str | None = self._stream.step(self._backend, token)
            return piece
        except Exception:  # noqa: BLE001 - "Invalid prefix encountered": some decoders rewrite what they gave
            self._context, self._stream = [], self._new_stream()
            text: str = self._backend.decode(self._waiting, skip_special_tokens=True)
            return text

    def _new_stream(self) -> Any:
        from tokenizers.decoders import DecodeStream

        return DecodeStream(ids=self._context, skip_special_tokens=True)


def _converted(folder: Path) -> Any:
    """A folder that has only a sentencepiece or tiktoken file: transformers converts it."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(folder), local_files_only=True).backend_tokenizer
