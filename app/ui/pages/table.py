"""The table of pages: one line each, in the rail's order. A page is built when it is first shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """coming: the sentence that a page to come says of itself; "" for a page that is there."""

    id: str
    title: str
    icon: str
    group: str
    coming: str = ""


PAGES = (
    Entry("chat", "Chat", "chat", "tasks"),
    Entry("transcribe", "Transcribe", "transcribe", "tasks",
          "Speech to text with Whisper models, with the words as they come and the error rate against a reference."),
    Entry("speak", "Speak", "speak", "tasks", "Text to speech, with the time to the first sound of each voice."),
    Entry("images", "Images", "image", "tasks", "Pictures from words, with every step's time and memory in view."),
    Entry("video", "Video", "video", "tasks", "Short clips from words, frame by frame."),
    Entry("compare", "Compare", "compare", "compare",
          "Two to four settings side by side on the same questions, with a verdict only where the difference is decided."),
    Entry("models", "Models", "models", "library",
          "Every model here with its precisions, what fits this machine, and where to get more."),
    Entry("hardware", "Hardware", "hardware", "library",
          "What this machine can do: measured bandwidth and compute, and how close each engine comes."),
    Entry("history", "History", "history", "library", "Every run with its figures, searchable, and ready to be run again."),
    Entry("settings", "Settings", "settings", "foot"),
    Entry("help", "Help", "help", "foot"),
)  # fmt: skip

ALIASES = {"image": "images"}  # the command line's word for a page


def entry(page: str) -> Entry | None:
    """The page's line, or None."""
    wanted = ALIASES.get(page, page)
    return next((e for e in PAGES if e.id == wanted), None)
