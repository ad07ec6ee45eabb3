"""A deployment as a shell script for one machine."""

from __future__ import annotations

import shlex

from app.lab.deploy.deployment import Deployment, Process, filled, hosted
from app.lab.deploy.yaml_text import as_yaml

KEY = "SERVER_API_KEY"
TOGETHER = "trap 'trap - EXIT INT TERM; kill 0' EXIT INT TERM  # all end together"


def command(deployment: Deployment) -> str:
    """The script: one command in the foreground, or several in the background and a wait."""
    alone = len(deployment.processes) == 1
    lines = ["#!/bin/sh", deployment.heading, "set -eu"]
    if deployment.keyed:
        lines.append(f': "${{{KEY}:?Set {KEY} to a long random text: clients send it as their key}}"')
    if deployment.key_env:
        lines.append(f'export {deployment.key_env}="${KEY}"')
    for process in deployment.processes:
        if process.config is not None:
            name, value = process.config
            text = as_yaml(hosted(value, _hosts(deployment)))
            lines += [f"cat > {shlex.quote(name)} <<'END'", text.rstrip(), "END"]
    if not alone:
        lines.append(TOGETHER)
    first = 0
    for process in deployment.processes:
        for _ in range(process.replicas):
            gpus = ",".join(str(n) for n in range(first, first + process.gpus))
            lines.append(_line(deployment, process, "" if alone else gpus) + ("" if alone else " &"))
            first += process.gpus
    return "\n".join([*lines, *([] if alone else ["wait"])]) + "\n"


def gpus(deployment: Deployment) -> int:
    """GPUs of all processes together."""
    return sum(p.gpus * p.replicas for p in deployment.processes)


def _line(deployment: Deployment, process: Process, devices: str) -> str:
    hosts = _hosts(deployment)
    config = process.config[0] if process.config is not None else ""
    words = [shlex.quote(filled(a, deployment.source.model, hosts, config)) for a in process.argv]
    if deployment.key_flag and process.name in deployment.keyed:
        words += [deployment.key_flag, f'"${KEY}"']
    env = [f"{name}={shlex.quote(filled(value, '', hosts))}" for name, value in process.env.items()]
    env = [f"CUDA_VISIBLE_DEVICES={devices}", *env] if devices else env
    return _wrapped([*env, *words])


def _hosts(deployment: Deployment) -> dict[str, str]:
    return {p.name: "localhost" for p in deployment.processes}


def _wrapped(words: list[str]) -> str:
    """A flag with its value on a line of its own, so that a person can read and change it."""
    lines: list[list[str]] = [[]]
    for word in words:
        if word.startswith("--") and lines[-1]:
            lines.append([])
        lines[-1].append(word)
    return " \\\n  ".join(" ".join(line) for line in lines)
