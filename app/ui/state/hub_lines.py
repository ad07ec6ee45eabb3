"""The list at the left of the hub's view: an address that was pasted, the starter pack, and what a search found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from app.ui.language import tr
from app.ui.state import hub_words, words
from app.ui.state.hub_search import HubSearch
from app.ui.state.hub_starters import StarterLine

if TYPE_CHECKING:
    from app.library.hub import HubModel

Kind = Literal["open", "starter", "repo", "more"]


@dataclass(frozen=True, slots=True)
class ResultLine:
    """One line. chips: formats and licence. word: at the right, what a click there does or how it stands.

    acts: the word does something ("get", "cancel"), or "".
    """

    kind: Kind
    id: str
    title: str
    detail: str = ""
    chips: tuple[str, ...] = ()
    gated: bool = False
    word: str = ""
    acts: str = ""

    @property
    def key(self) -> str:
        """Tells it from every other line."""
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True, slots=True)
class ResultSection:
    """A heading and its lines."""

    title: str
    lines: tuple[ResultLine, ...]


def formats() -> dict[str, str]:
    """Our words for formats."""
    return {
        "gguf": "GGUF", "safetensors": "safetensors", "ctranslate2": "CTranslate2", "piper": "Piper",
        "diffusers": "Diffusers", "checkpoint": tr("checkpoint"), "onnx": "ONNX",
    }  # fmt: skip


def tasks() -> dict[str, str]:
    """What the tasks are called; "" is all of them."""
    return {
        "": tr("All"), "chat": tr("Chat"), "transcribe": tr("Transcribe"), "speak": tr("Speak"), "image": tr("Images"),
        "video": tr("Video"), "embed": tr("Embed"),
    }  # fmt: skip


def sections(search: HubSearch, starters: Sequence[StarterLine]) -> tuple[ResultSection, ...]:
    """What stands in the list now, without empty sections."""
    found = [
        ResultSection(tr("Address"), _address(search)),
        ResultSection(tr("Starter pack"), tuple(_starter(s) for s in starters if _wanted(search, s))),
        ResultSection(_heading(search), (*(_repo(model) for model in search.results), *_more(search))),
    ]
    return tuple(section for section in found if section.lines)


def _heading(search: HubSearch) -> str:
    if search.query:
        return tr("On the hub: “{query}”", query=hub_words.plain(search.query, 40))
    kind = tasks().get(search.task, "")
    return tr("On the hub: {kind}", kind=kind.lower()) if search.task else tr("On the hub")


def _address(search: HubSearch) -> tuple[ResultLine, ...]:
    address = search.address
    if address is None:
        return ()
    detail = tr("a file's address") if address.url else tr("a repository on the hub")
    if address.repo and address.wanted:
        detail = hub_words.plain(address.wanted, 80)
    shown = hub_words.plain(address.shown, 120)
    return (ResultLine("open", shown, tr("Open {address}", address=shown), detail, word=tr("Open"), acts="open"),)


def _wanted(search: HubSearch, starter: StarterLine) -> bool:
    """The pack is searched as the hub is: every word, and the task. It comes from elsewhere: while the hub cannot be
    reached all of it is offered."""
    if search.task and starter.task != search.task:
        return False
    if search.offline:
        return True
    here = f"{starter.title} {starter.id} {starter.upstream}".lower()
    return search.address is None and all(word in here for word in search.query.lower().split())


def _starter(starter: StarterLine) -> ResultLine:
    share = "" if starter.fraction is None else f"{starter.fraction:.0%}".replace("%", "\N{NO-BREAK SPACE}%")
    word, acts = {
        "here": (tr("here"), ""),
        "getting": (share or tr("getting…"), ""),
        "waiting": (tr("waiting"), ""),
    }.get(starter.state, (tr("Get"), "get"))
    detail = " · ".join((tasks().get(starter.task, starter.task), words.size(starter.bytes), starter.licence))
    return ResultLine("starter", starter.id, starter.title, detail, word=word, acts=acts)


def _repo(model: HubModel) -> ResultLine:
    counts = (
        hub_words.owner_of(model.repo),
        tr("1 download") if model.downloads == 1 else tr("{n} downloads", n=hub_words.count(model.downloads)),
        tr("1 like") if model.likes == 1 else tr("{n} likes", n=hub_words.count(model.likes)),
        hub_words.plain(model.updated, 10),
    )
    chips = [formats().get(name, hub_words.plain(name, 20)) for name in model.formats[:4]]
    if model.licence:
        chips.append(hub_words.plain(model.licence, 24))
    return ResultLine(
        "repo", model.repo, hub_words.title_of(model.repo), " · ".join(c for c in counts if c), tuple(chips), model.gated
    )  # fmt: skip


def _more(search: HubSearch) -> tuple[ResultLine, ...]:
    return (ResultLine("more", "more", tr("Show more"), word=""),) if search.more else ()
