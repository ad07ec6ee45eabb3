"""A deployment as a compose file for one machine."""

from __future__ import annotations

from typing import Any

from app.lab.deploy.command import KEY
from app.lab.deploy.deployment import HUB_CACHE, MODEL, Deployment, Process, filled, hosted
from app.lab.deploy.yaml_text import as_yaml

CONFIGS = "/config"


def compose(deployment: Deployment) -> str:
    """The file; the key and the hub's token come from the environment or an `.env` file beside it."""
    services: dict[str, Any] = {}
    first = 0
    for process in deployment.processes:
        for number in range(process.replicas):
            name = process.name if process.replicas == 1 else f"{process.name}-{number + 1}"
            services[name] = _service(deployment, process, range(first, first + process.gpus))
            first += process.gpus
    file: dict[str, Any] = {"name": deployment.source.served.replace(".", "-"), "services": services}
    configs = {
        p.config[0]: {"content": _literal(as_yaml(hosted(p.config[1], _hosts(deployment))))}
        for p in deployment.processes
        if p.config is not None
    }
    if configs:
        file["configs"] = configs
    volumes = {"hub": None} if not deployment.source.local else {}
    if deployment.operator:
        volumes["discovery"] = None
    if volumes:
        file["volumes"] = volumes
    return f"{deployment.heading}: docker compose up\n" + as_yaml(file)


def _service(deployment: Deployment, process: Process, devices: range) -> dict[str, Any]:
    argv = _argv(deployment, process)
    made: dict[str, Any] = {"image": deployment.image, "entrypoint": argv[:1], "command": argv[1:]}
    made |= {"environment": env} if (env := _env(deployment, process)) else {}
    made |= {"volumes": volumes} if (volumes := _volumes(deployment, process)) else {}
    if process.config is not None:
        made["configs"] = [{"source": process.config[0], "target": f"{CONFIGS}/{process.config[0]}"}]
    if process.gpus:
        made |= {"ipc": "host", "deploy": _gpus(devices)}
    if process.name == deployment.front:
        made["ports"] = [f"127.0.0.1:{process.port}:{process.port}"]
    if process.needs:
        made["depends_on"] = list(process.needs)
    return made | {"restart": "unless-stopped"}


def _argv(deployment: Deployment, process: Process) -> list[str]:
    source = deployment.source
    config = f"{CONFIGS}/{process.config[0]}" if process.config is not None else ""
    model = MODEL if source.local else source.model
    argv = [_literal(filled(a, model, _hosts(deployment), config)) for a in process.argv]
    if deployment.key_flag and process.name in deployment.keyed:
        argv += [deployment.key_flag, f"${{{KEY}:?set it}}"]
    return argv


def _env(deployment: Deployment, process: Process) -> dict[str, str]:
    env = {name: _literal(filled(value, "", _hosts(deployment))) for name, value in process.env.items()}
    if deployment.key_env and process.name in deployment.keyed:
        env[deployment.key_env] = f"${{{KEY}:?set it}}"
    if not deployment.source.local and _reads(deployment, process):
        env["HF_TOKEN"] = "${HF_TOKEN:-}"  # noqa: S105 - taken from the environment
    return env


def _volumes(deployment: Deployment, process: Process) -> list[Any]:
    source, volumes = deployment.source, list[Any]()
    if _reads(deployment, process):
        # the long form: a path may hold a colon
        mount = {"type": "bind", "source": _literal(source.model), "target": MODEL, "read_only": True}
        volumes.append(mount if source.local else f"hub:{HUB_CACHE}")
    if deployment.operator:
        volumes.append("discovery:/tmp/dynamo_store_kv")
    return volumes


def _literal(text: str) -> str:
    """compose fills in every $NAME: a dollar that is meant is written twice."""
    return text.replace("$", "$$")


def _reads(deployment: Deployment, process: Process) -> bool:
    """Workers read the model; a frontend its tokenizer."""
    return process.gpus > 0 or process.name == deployment.front


def _hosts(deployment: Deployment) -> dict[str, str]:
    return {p.name: p.name for p in deployment.processes}


def _gpus(devices: range) -> dict[str, Any]:
    wanted = {"driver": "nvidia", "device_ids": [str(n) for n in devices], "capabilities": ["gpu"]}
    return {"resources": {"reservations": {"devices": [wanted]}}}
