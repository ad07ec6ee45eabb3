"""The table of pages: one line each, in the rail's order. A page is built when it is first shown."""

from __future__ import annotations

from dataclasses import dataclass

from app.ui.language import tr


@dataclass(frozen=True, slots=True)
class Entry:
    """module: what is imported when the page is first shown; its `build(theme, program, commands)` makes the widget.

    coming: the sentence that a page to come says of itself, in place of a module. demo: "module:function", which fills
    the page for `shot --demo`; the function is given the program.
    """

    id: str
    title: str
    icon: str
    group: str
    module: str = ""
    coming: str = ""
    demo: str = ""


PAGES = (
    Entry("chat", "Chat", "chat", "tasks", "app.ui.pages.chat", demo="app.ui.demo_services:play"),
    Entry("transcribe", "Transcribe", "transcribe", "tasks",
          coming="Speech to text with Whisper models, with the words as they come and the error rate against a reference."),
    Entry("speak", "Speak", "speak", "tasks", coming="Text to speech, with the time to the first sound of each voice."),
    Entry("images", "Images", "image", "tasks", coming="Pictures from words, with every step's time and memory in view."),
    Entry("video", "Video", "video", "tasks", coming="Short clips from words, frame by frame."),
    Entry("compare", "Compare", "compare", "compare", "app.ui.pages.compare",
          demo="app.ui.demo_services:play_comparison"),
    Entry("models", "Models", "models", "library", "app.ui.pages.models"),
    Entry("servers", "Servers", "servers", "library", "app.ui.pages.servers"),
    Entry("hardware", "Hardware", "hardware", "library",
          coming="What this machine can do: measured bandwidth and compute, and how close each engine comes."),
    Entry("history", "History", "history", "library", coming="Every run with its figures, searchable, and ready to be run again."),
    Entry("settings", "Settings", "settings", "foot", "app.ui.pages.settings"),
    Entry("help", "Help", "help", "foot", "app.ui.pages.help"),
)  # fmt: skip


def titles() -> dict[str, str]:
    """Each page's name by id, in the language of now."""
    return {
        "chat": tr("Chat"),
        "transcribe": tr("Transcribe"),
        "speak": tr("Speak"),
        "images": tr("Images"),
        "video": tr("Video"),
        "compare": tr("Compare"),
        "models": tr("Models"),
        "servers": tr("Servers"),
        "hardware": tr("Hardware"),
        "history": tr("History"),
        "settings": tr("Settings"),
        "help": tr("Help"),
    }


def sentences() -> dict[str, str]:
    """What each page to come says of itself, by id, in the language of now."""
    return {
        "transcribe": tr(
            "Speech to text with Whisper models, with the words as they come and the error rate against a reference."
        ),
        "speak": tr("Text to speech, with the time to the first sound of each voice."),
        "images": tr("Pictures from words, with every step's time and memory in view."),
        "video": tr("Short clips from words, frame by frame."),
        "hardware": tr("What this machine can do: measured bandwidth and compute, and how close each engine comes."),
        "history": tr("Every run with its figures, searchable, and ready to be run again."),
    }


ALIASES = {"image": "images"}  # the command line's word for a page


def entry(page: str) -> Entry | None:
    """The page's line, or None."""
    wanted = ALIASES.get(page, page)
    return next((e for e in PAGES if e.id == wanted), None)
