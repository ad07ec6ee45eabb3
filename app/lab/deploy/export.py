"""The doors of deployment export: which servers, which forms, and the text with all that it leaves out."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from app.errors import TandemError
from app.lab.deploy import dynamo, sglang, tensorrt_llm, vllm
from app.lab.deploy.command import command, gpus
from app.lab.deploy.compose import compose
from app.lab.deploy.deployment import Deployment
from app.lab.deploy.kubernetes import beyond, kubernetes
from app.lab.deploy.source import METHODS, DeploySource, Options
from app.library.facts import plain

COMMAND, COMPOSE, KUBERNETES = "command", "compose", "kubernetes"
FORMS = (COMMAND, COMPOSE, KUBERNETES)


class Target(msgspec.Struct, frozen=True):
    """A server that can be exported to. forms: "command", "compose", "kubernetes"."""

    id: str
    title: str
    forms: tuple[str, ...] = FORMS


class Exported(msgspec.Struct, frozen=True):
    """text: the script or file, to be saved as `filename`. cannot: what it does not express. gpus: how many it wants."""

    text: str
    filename: str
    cannot: tuple[str, ...]
    notes: tuple[str, ...]
    gpus: int


_BUILDERS: dict[str, tuple[str, Callable[[DeploySource], Deployment]]] = {
    "vllm": ("vLLM", vllm.deployment),
    "sglang": ("SGLang", sglang.deployment),
    "tensorrt-llm": ("TensorRT-LLM", tensorrt_llm.deployment),
    "dynamo": ("Dynamo", dynamo.deployment),
}
_RENDERERS: dict[str, tuple[str, Callable[[Deployment], str]]] = {
    COMMAND: ("{name}.sh", command), COMPOSE: ("compose.yaml", compose), KUBERNETES: ("{name}.yaml", kubernetes),
}  # fmt: skip


def targets() -> tuple[Target, ...]:
    """Every server that can be exported to."""
    return tuple(Target(name, title) for name, (title, _) in _BUILDERS.items())


def export(target: str, form: str, source: DeploySource) -> Exported:
    """The lane for one server in one form. Raises TandemError `unknown_target`, `bad_options`."""
    if target not in _BUILDERS or form not in _RENDERERS:
        known = f"Servers: {', '.join(_BUILDERS)}. Forms: {', '.join(FORMS)}."
        raise TandemError("unknown_target", f"“{target[:40]}” as “{form[:40]}” cannot be exported.", known)
    _check(source.options)
    deployment = _BUILDERS[target][1](source)
    filename, render = _RENDERERS[form]
    cannot = list(deployment.cannot) + (beyond(deployment) if form == KUBERNETES else [])
    spoken = source.options.speculation
    if form != COMMAND and spoken is not None and re.match(r"[/\\~]|[A-Za-z]:", spoken.model):
        cannot.append(f"The draft model's files: mount {plain(spoken.model)} into the container under the same path")
    notes = list(deployment.notes)
    if form != KUBERNETES and deployment.operator:
        notes = [n for n in notes if "operator" not in n]
    if source.requests:
        notes.append("These travel with each request, not with the server: " + ", ".join(source.requests))
    if source.local and form == COMPOSE:
        notes.append(f"{source.model} is mounted from this machine, read-only")
    return Exported(
        render(deployment), filename.format(name=source.served), tuple(cannot), tuple(notes), gpus(deployment)
    )


def _check(options: Options) -> None:
    for name in ("tensor_parallel", "pipeline_parallel", "data_parallel", "prefill_workers", "decode_workers"):
        if not 1 <= getattr(options, name) <= 1024:
            words = name.replace("_", " ")
            raise TandemError(
                "bad_options", f"{words.capitalize()} cannot be {getattr(options, name)}.", "Give 1 to 1,024."
            )
    if not 1 <= options.port <= 65_535:
        raise TandemError("bad_options", f"{options.port} is no port.", "Give 1 to 65,535.")
    spoken = options.speculation
    if spoken is not None and spoken.method not in METHODS:
        hint = f"There are: {', '.join(METHODS)}."
        raise TandemError("bad_options", f"“{plain(spoken.method, 40)}” is no kind of speculation.", hint)
    if spoken is not None and not (1 <= spoken.tokens <= 1024 and 1 <= spoken.lookup <= 1024):
        raise TandemError("bad_options", f"{spoken.tokens:,} tokens cannot be drafted a step.", "Give 1 to 1,024.")
    if spoken is not None and spoken.method in ("draft_model", "eagle", "eagle3") and not spoken.model:
        raise TandemError("bad_options", "This kind of speculation needs a draft model.", "Name one, or choose n-gram.")
