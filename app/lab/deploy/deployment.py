"""A deployment as data: which processes of which image, with what arguments; three renderers write it down."""

from __future__ import annotations

import re

import msgspec

from app.lab.deploy.source import DeploySource
from app.library.facts import plain

HUB_CACHE = "/root/" + ".cache/huggingface"  # inside the images
MODEL = "/model"  # where a model of this machine is mounted in a container
SECRET = "server-api-key"  # noqa: S105 - the name of a secret


_PLACE = re.compile(r"\{(?:model|config|host:[\w-]+)\}")


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """One server or worker. argv[0] is the program. `{model}`, `{host:NAME}` and `{config}` are filled in by the renderer.

    config: (file name, YAML-able mapping) that it reads. replicas: how many of it. role: of disaggregation.
    """

    name: str
    argv: tuple[str, ...]
    port: int
    gpus: int = 0
    replicas: int = 1
    role: str = ""
    env: dict[str, str] = {}
    config: tuple[str, dict[str, object]] | None = None
    needs: tuple[str, ...] = ()


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """front: the process that people talk to. operator: a Kubernetes operator makes the pods (Dynamo).

    key_env: the variable from which the server takes its API key; key_flag: the flag for it where there is none. Both ""
    where it knows no key.
    """

    title: str
    image: str
    processes: tuple[Process, ...]
    front: str
    source: DeploySource
    cannot: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    operator: bool = False
    key_env: str = ""
    key_flag: str = ""

    @property
    def heading(self) -> str:
        """One comment for the file: a model's title is a stranger's text, and a line of its own would be run."""
        return f"# {plain(self.source.title)} on {self.title}"

    @property
    def keyed(self) -> tuple[str, ...]:
        """The processes that take a key: those that load a model."""
        return tuple(p.name for p in self.processes if p.gpus) if self.key_env or self.key_flag else ()

    def process(self, name: str) -> Process:
        """One process by its name."""
        return next(p for p in self.processes if p.name == name)


def filled(text: str, model: str, hosts: dict[str, str], config: str = "") -> str:
    """An argument with the renderer's own places in it."""
    fills = {f"{{host:{name}}}": host for name, host in hosts.items()}
    fills |= {place: value for place, value in (("{model}", model), ("{config}", config)) if value}
    return _PLACE.sub(lambda found: fills.get(found[0], found[0]), text)  # in one go: a path may look like a place


def hosted(value: object, hosts: dict[str, str]) -> object:
    """A configuration with the other processes' addresses in it."""
    if isinstance(value, dict):
        return {k: hosted(v, hosts) for k, v in value.items()}
    if isinstance(value, list):
        return [hosted(v, hosts) for v in value]
    return filled(value, "", hosts) if isinstance(value, str) else value
