"""What a person can do in the window, with its keys: one table for shortcuts, palette and Help."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from app.ui import zoom
from app.ui.commands import Command
from app.ui.language import tr
from app.ui.program import Program

if TYPE_CHECKING:
    from app.ui.pages.chat import ChatPage  # a page is imported when it is first shown
    from app.ui.pages.compare import ComparePage
    from app.ui.pages.models import ModelsPage
    from app.ui.window import MainWindow  # it makes this table


def table(window: MainWindow, program: Program) -> list[Command]:
    """In the order in which they are listed."""
    return [
        *_answering(window, program),
        *_conversations(window, program),
        *_models(program),
        *_comparing(window, program),
        *_going(window),
        *_looking(window, program),
    ]


def _answering(window: MainWindow, program: Program) -> list[Command]:
    chat = program.chat

    def settled() -> bool:
        return bool(chat.rows) and not chat.busy

    return [
        Command("chat.focus", tr("Write a message"), lambda: write(window), "Ctrl+M"),
        Command("chat.stop", tr("Stop"), lambda: stop(window, program), "Escape", lambda: can_stop(window, program)),
        Command("chat.again", tr("Answer again"), chat.again, "Ctrl+Return", lambda: chat.can_ask_again,
                ("Ctrl+Enter", "Ctrl+R")),
        Command("chat.continue", tr("Continue the answer"), chat.continue_answer, "Alt+Return",
                lambda: chat.can_continue, ("Alt+Enter",)),
        Command("chat.edit_last", tr("Edit your last message"), lambda: talk(window).edit_last(), "Ctrl+Up", settled),
        Command("chat.previous", tr("Previous version"), lambda: talk(window).step_version(-1), "Alt+Left", settled),
        Command("chat.next", tr("Next version"), lambda: talk(window).step_version(1), "Alt+Right", settled),
        Command("chat.copy_last", tr("Copy the last answer"), lambda: talk(window).copy_last(), "Ctrl+Shift+C",
                lambda: bool(chat.rows)),
        Command("chat.attach", tr("Add files or pictures…"), lambda: talk(window).composing.attach(), "Ctrl+O"),
        Command("chat.undo", tr("Undo the deletion"), chat.undo, "Ctrl+Shift+Z", lambda: bool(chat.undo_words)),
    ]  # fmt: skip


def _conversations(window: MainWindow, program: Program) -> list[Command]:
    chat = program.chat

    def export() -> None:
        if chat.conversation is not None:
            listed(window).conversations.exported.emit(chat.conversation.id)

    return [
        Command("chat.new", tr("New conversation"), lambda: begin(window, program), "Ctrl+N"),
        Command("chat.search", tr("Search"), lambda: search(window), "Ctrl+F"),
        Command("chat.new_folder", tr("New folder"), lambda: listed(window).conversations.new_folder(), "Ctrl+Shift+N"),
        Command("chat.export", tr("Export the conversation…"), export, "Ctrl+E", lambda: chat.conversation is not None),
        Command("chat.import", tr("Import conversations…"), lambda: listed(window).conversations.import_wanted.emit()),
    ]


def _models(program: Program) -> list[Command]:
    model = program.model
    return [
        Command("chat.load", tr("Load the model"), model.load, "Ctrl+L", lambda: model.variant is not None),
        Command("chat.unload", tr("Unload the model"), model.unload, "Ctrl+Shift+L", lambda: model.loaded is not None),
        Command("chat.load_beside", tr("Load beside what is loaded"), model.load_beside, "",
                lambda: model.variant is not None and model.loaded is not None),
        Command("chat.apply", tr("Apply the load settings"), model.load, "", lambda: model.needs_reload),
        Command("chat.apply_compare", tr("Apply and compare"), program.chat.trial.begin, "Ctrl+Shift+Return",
                lambda: program.chat.trial.possible, ("Ctrl+Shift+Enter",)),
    ]  # fmt: skip


def _comparing(window: MainWindow, program: Program) -> list[Command]:
    """What can be done while the Compare page is shown: what the buttons of its bar do."""

    def act(verb: str) -> Callable[[], None]:
        return lambda: compare_page(window).act(verb)

    def can(what: str) -> Callable[[], bool]:
        return lambda: window.shows("compare") and bool(getattr(program.compare, what))

    return [
        Command("compare.measure", tr("Measure the comparison"), act("measure"), "Ctrl+Shift+M", can("can_measure")),
        Command("compare.quick", tr("Compare quickly, within one load"), act("quick"), "", can("can_measure")),
        Command("compare.race", tr("Race all lanes, a show"), act("race"), "", can("can_measure")),
        Command("compare.stop", tr("Stop the comparison"), act("stop"), "", can("busy")),
        Command("compare.replay", tr("Replay the comparison"), act("replay"), "Ctrl+Shift+R", can("can_replay")),
        Command("compare.add_lane", tr("Add a lane"), act("add_lane"), "Ctrl+Shift+A", can("can_edit")),
    ]


def _going(window: MainWindow) -> list[Command]:
    return [
        Command(
            "window.palette", tr("Find a command, a conversation or a model"), lambda: window.finder.toggle(), "Ctrl+K"
        ),
        Command("page.chat", tr("Go to Chat"), lambda: window.show_page("chat"), "Ctrl+1"),
        Command("page.compare", tr("Go to Compare"), lambda: window.show_page("compare"), "Ctrl+2"),
        Command("page.models", tr("Go to Models"), lambda: window.show_page("models"), "Ctrl+3"),
        Command("page.servers", tr("Go to Servers"), lambda: window.show_page("servers"), "Ctrl+4"),
        Command("page.settings", tr("Settings"), lambda: window.show_page("settings"), "Ctrl+,"),
        Command("page.help", tr("Help"), lambda: window.show_page("help"), "F1"),
    ]


def _looking(window: MainWindow, program: Program) -> list[Command]:
    settings = program.settings

    def can_zoom(by: int) -> Callable[[], bool]:
        return lambda: zoom.step(settings.zoom, by) != settings.zoom

    return [
        Command("fold.left", tr("Show or hide the list"), lambda: window.fold("left"), "Ctrl+B", window.has_sides),
        Command("fold.inspector", tr("Show or hide the settings"), lambda: window.fold("inspector"), "Ctrl+I",
                window.has_sides),
        Command("zoom.in", tr("Larger"), lambda: settings.set_zoom(zoom.step(settings.zoom, 1)), "Ctrl++", can_zoom(1),
                ("Ctrl+=",)),
        Command("zoom.out", tr("Smaller"), lambda: settings.set_zoom(zoom.step(settings.zoom, -1)), "Ctrl+-",
                can_zoom(-1)),
        Command("zoom.reset", tr("Usual size"), lambda: settings.set_zoom(zoom.USUAL), "Ctrl+0",
                lambda: settings.zoom != zoom.USUAL),
        Command("chat.diagnostics", tr("Show or hide the engine's and the window's rate"),
                lambda: talk(window).toggle_diagnostics(), "Ctrl+Shift+D"),
        Command("window.full_screen", tr("Full screen, or back"), window.toggle_full_screen, "F11"),
        Command("window.close", tr("Close the window"), window.close, "Ctrl+Q"),
    ]  # fmt: skip


def talk(window: MainWindow) -> ChatPage:
    """The Chat page, in front."""
    window.show_page("chat")
    return window.chat


# --- what they do -----------------------------------------------------------------------


def compare_page(window: MainWindow) -> ComparePage:
    """The Compare page, which first takes what is still being typed."""
    return cast("ComparePage", window.page("compare"))


def stop(window: MainWindow, program: Program) -> None:
    """Escape: what runs on the page that is shown."""
    if window.shows("compare"):
        compare_page(window).act("stop")
    else:
        program.chat.stop()


def can_stop(window: MainWindow, program: Program) -> bool:
    """True while something runs on the page that is shown."""
    chat = program.chat
    return program.compare.busy if window.shows("compare") else chat.running or chat.waiting_for_load


def write(window: MainWindow) -> None:
    """Put the cursor where one writes."""
    window.show_page("chat")
    window.chat.focus_composer()


def begin(window: MainWindow, program: Program) -> None:
    """A fresh page to write on."""
    window.show_page("chat")
    program.chat.new()
    window.chat.focus_composer()


def listed(window: MainWindow) -> ChatPage:
    """The Chat page with its list in view."""
    window.show_page("chat")
    if not window.chat.bones.is_shown("left"):
        window.chat.bones.toggle("left")
    return window.chat


def search(window: MainWindow) -> None:
    """Put the cursor into the search of the page that is shown."""
    if window.shows("models"):
        cast("ModelsPage", window.page("models")).focus_search()
        return
    listed(window).conversations.focus_search()
