"""One answer from its request to its end: text to the store as it comes, the run beside it."""

from __future__ import annotations

from app.store import RunRecord, Store
from app.store.records import MessageStatus
from engines.protocol import Finished, FinishReason

STATUS: dict[FinishReason, MessageStatus] = {
    FinishReason.STOP: "done",
    FinishReason.LENGTH: "done",
    FinishReason.CANCELLED: "cancelled",
    FinishReason.ERROR: "error",
}


class Answer:
    """run: the session's number for it. row: its index on the page. before: the text that is continued.

    Ends once, by `finish` or `end`.
    """

    def __init__(self, run: int, row: int, message_id: str, store: Store, before: str = "") -> None:
        self.run = run
        self.row = row
        self.message_id = message_id
        self.text = before
        self._before = before
        self._store = store
        self._stream = store.stream(message_id)

    @property
    def continues(self) -> bool:
        """True if it goes on with a text that was there."""
        return bool(self._before)

    @property
    def unchanged(self) -> bool:
        """True while nothing was added."""
        return self.text == self._before

    def append(self, delta: str) -> None:
        """More text; on disk within half a second."""
        if delta:
            self.text += delta
            self._stream.append(delta)

    def finish(self, event: Finished, record: RunRecord | None) -> str:
        """Store the final text beside its run, which the session has stored; the message's status."""
        status = STATUS[event.reason]
        run_id = None if record is None else record.id
        self._stream.finish(status, run_id)
        whole = self._before + event.text
        if event.text and whole != self.text:
            self.text = whole
            self._store.finish_message(self.message_id, whole, status, run_id)
        return status

    def end(self, status: str) -> None:
        """It ended without `Finished`: keep what there is."""
        self._stream.finish(status)
