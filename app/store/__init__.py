"""What a person owns: conversations, runs and preferences, in a database that several processes share."""

from app.store.opening import StoreSettings
from app.store.records import (
    Attachment,
    Conversation,
    ExperimentHead,
    ExperimentRecord,
    Folder,
    Hit,
    LoadRecord,
    LoadTestRecord,
    RunHead,
    RunRecord,
    StoredMessage,
)
from app.store.store import Store
from app.store.stream import TextStream

__all__ = [
    "Attachment", "Conversation", "ExperimentHead", "ExperimentRecord", "Folder", "Hit", "LoadRecord", "LoadTestRecord",
    "RunHead", "RunRecord", "Store", "StoreSettings", "StoredMessage", "TextStream",
]  # fmt: skip
