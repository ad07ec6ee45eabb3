"""What a page says when it cannot simply work: the problem and its mends, or the one obvious first step."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.errors import TandemError
from app.lab.session import SessionState
from app.library import SERVED
from app.ui.language import tr
from app.ui.state.model import ModelState
from app.ui.state.ports import Services
from engines.protocol import Failed, Unresponsive

STARTER = "smollm2-135m"
TRY = "Explain in three sentences what a KV cache is."
STDERR_LINES = 12


@dataclass(frozen=True, slots=True)
class Problem:
    """title: what happened. message: why. hint: what to do. actions: (id, words on the button)."""

    title: str
    message: str
    hint: str
    actions: tuple[tuple[str, str], ...]
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lesson:
    """An empty page: one sentence, one button (action id, words), one thing to try."""

    title: str
    sentence: str
    action: str
    button: str
    recipe: str = ""


def session_problem(model: ModelState, stuck: Unresponsive | None, was_loaded: bool) -> Problem | None:
    """The card for a session that failed or hangs."""
    if model.phase is SessionState.UNRESPONSIVE:
        seconds = tr("Nothing has moved for {seconds:,.0f} s", seconds=stuck.seconds) if stuck else tr("Nothing moves")
        where = tr(" while it was busy with “{phase}”", phase=stuck.phase) if stuck and stuck.phase else ""
        return Problem(
            tr("The engine does not answer"),
            f"{seconds}{where}.",
            tr("A very long step can look like this: wait, or restart the engine. What was written is kept."),
            (("restart", tr("Restart")), ("wait", tr("Wait"))),
        )
    failure = model.failure
    if failure is None:
        return None
    title = tr("The engine stopped") if was_loaded else tr("The model could not be loaded")
    details = tuple(failure.details[-STDERR_LINES:])
    return Problem(title, failure.message, failure.hint, (("restart", tr("Restart")),), details)


def run_problem(failed: Failed, bigger: int | None = None) -> Problem:
    """The card for a run that gave no answer while the engine lives on. bigger: a context (tokens) that could be loaded."""
    if failed.code == "no_vision":
        offer = ("without_pictures", tr("Ask without the pictures"))
        return Problem(tr("This model cannot see"), failed.message, failed.hint, (offer,))
    if failed.code != "context_full":
        return Problem(tr("There is no answer"), failed.message, failed.hint, (("again", tr("Try again")),))
    actions = [("cut_middle", tr("Cut the middle")), ("roll", tr("Leave out the oldest"))]
    if bigger is not None:
        actions.insert(0, ("bigger", tr("Load with {n} tokens", n=f"{bigger:,}")))
    words = tr(
        "Nothing was lost. Ask with a larger context, or with a part of the conversation left out, or stop here."
    )
    return Problem(tr("The conversation is longer than the context"), failed.message, words, tuple(actions))


def no_sight(why: str) -> TandemError:
    """A picture stands in the conversation, and the loaded model cannot see. why: the end of a sentence."""
    return TandemError(
        "no_vision",
        tr("There is a picture in this conversation, and the loaded model cannot see it: {why}.", why=why),
        tr("Load a model that sees, or go on with the words alone. The picture stays in the conversation."),
    )


def with_way_back(problem: Problem) -> Problem:
    """The same card while a changed setting is being tried: one button leads back."""
    return replace(problem, actions=(*problem.actions, ("keep_old", tr("Back to the old settings"))))


def lesson(model: ModelState, services: Services) -> Lesson:
    """What the empty page teaches now."""
    if not model.models:
        megabytes = next((s.bytes for s in services.library.starters() if s.id == STARTER), 98_362_432) / 1e6
        return Lesson(
            tr("No model yet"),
            tr(
                "A small chat model of {megabytes:,.0f} MB is enough to start; it runs on any computer.",
                megabytes=megabytes,
            ),
            "install",
            tr("Get the starter model"),
        )
    if model.variant is None:
        offer = model.offer()
        if offer is None:
            return Lesson(tr("{title} cannot be used here", title=model.title), model.trouble, "", "")
        engine = model.spec.title if model.spec else ""
        return Lesson(
            tr("{engine} needs a copy in its own format", engine=engine), offer.detail, "convert", offer.words
        )
    if model.loaded is None:
        served = model.variant.format == SERVED
        return Lesson(
            tr("Talk to a model on a server") if served else tr("Talk to a model on this computer"),
            tr("Load it, ask something, and watch what each answer costs at the foot of the window."),
            "load",
            tr("Load {title}", title=model.title),
            TRY,
        )
    sentence = tr("Ask something. Each answer's cost stands at the foot of the window.")
    if model.is_base:
        sentence = tr("This is a base model: it has no chat template and continues your text instead of answering it.")
    return Lesson(tr("{title} is ready", title=model.title), sentence, "", "", TRY)


def closable(title: str, message: str, hint: str) -> Problem:
    """A card that can only be closed."""
    return Problem(title, message, hint, (("dismiss", tr("Close")),))


def spoilt() -> Problem:
    """A measurement is wanted while a film or report is written."""
    title, hint = tr("A film or report is being written"), tr("Wait for it, or cancel it.")
    return closable(title, tr("It would spoil the figures."), hint)


def still_runs() -> Problem:
    """A comparison is to be deleted while it is measured."""
    title, message = tr("This comparison is running"), tr("It cannot be deleted while it is measured.")
    return closable(title, message, tr("Stop it first."))
