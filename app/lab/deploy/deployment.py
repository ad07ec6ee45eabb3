"""A deployment as data: which processes of which image, with what arguments; three renderers write it down."""

from __future__ import annotations

import msgspec

from app.lab.deploy.source import DeploySource

HUB_CACHE = "/root/" + ".cache/huggingface"  # inside the images
MODEL = "/model"  # where a model of this machine is mounted in a container
SECRET = "server-api-key"  # noqa: S105 - the name of a secret


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
    def keyed(self) -> tuple[str, ...]:
        """The processes that take a key: those that load a model."""
        return tuple(p.name for p in self.processes if p.gpus) if self.key_env or self.key_flag else ()

    def process(self, name: str) -> Process:
        """One process by its name."""
        return next(p for p in self.processes if p.name == name)


def filled(text: str, model: str, hosts: dict[str, str], config: str = "") -> str:
    """An argument with the renderer's own places in it."""
    text = text.replace("{model}", model).replace("{config}", config)
    for name, host in hosts.items():
        text = text.replace(f"{{host:{name}}}", host)
    return text


def hosted(value: object, hosts: dict[str, str]) -> object:
    """A configuration with the other processes' addresses in it."""
    if isinstance(value, dict):
        return {k: hosted(v, hosts) for k, v in value.items()}
    if isinstance(value, list):
        return [hosted(v, hosts) for v in value]
    return filled(value, "", hosts) if isinstance(value, str) else value
