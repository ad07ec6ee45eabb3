"""A deployment as Kubernetes manifests; Dynamo's as one resource of its operator."""

from __future__ import annotations

import re
from typing import Any

from app.lab.deploy.deployment import HUB_CACHE, MODEL, SECRET, Deployment, Process, filled, hosted
from app.lab.deploy.yaml_text import as_yaml

CLAIM = "models"  # the volume claim that holds models of one's own
CONFIGS = "/config"
NODE_GPUS = 8


def kubernetes(deployment: Deployment) -> str:
    """All documents, in the order in which they are applied."""
    documents = [_graph(deployment)] if deployment.operator else _plain(deployment)
    return f"{deployment.heading}\n" + "---\n".join(as_yaml(d) for d in documents)


def beyond(deployment: Deployment) -> list[str]:
    """What these manifests leave out."""
    found = []
    if deployment.source.local:
        found.append(
            f"The files of {deployment.source.model}: copy them into a volume claimed as “{CLAIM}”, under {folder(deployment)}"
        )
    if any(p.gpus > NODE_GPUS for p in deployment.processes):
        found.append("A server over several nodes: it needs a LeaderWorkerSet (or Ray) in place of a Deployment")
    if deployment.keyed and not deployment.operator:
        found.append(f"The key: kubectl create secret generic {SECRET} --from-literal=key=…")
    found.append("Ingress, TLS and autoscaling: your cluster's own")
    return found


def folder(deployment: Deployment) -> str:
    """Where in the volume a model of this machine is expected."""
    return deployment.source.served


def _plain(deployment: Deployment) -> list[dict[str, Any]]:
    documents: list[dict[str, Any]] = []
    for process in deployment.processes:
        if process.config is not None:
            data = {process.config[0]: as_yaml(hosted(process.config[1], _hosts(deployment)))}
            documents.append(_thing("v1", "ConfigMap", _name(deployment, process)) | {"data": data})
        documents += [_workload(deployment, process), _service(deployment, process)]
    return documents


def _workload(deployment: Deployment, process: Process) -> dict[str, Any]:
    name = _name(deployment, process)
    labels = {"app": name}
    volumes: list[dict[str, Any]] = [{"name": "shm", "emptyDir": {"medium": "Memory"}}]
    if deployment.source.local:
        volumes.append({"name": "models", "persistentVolumeClaim": {"claimName": CLAIM, "readOnly": True}})
    else:
        volumes.append({"name": "hub", "emptyDir": {}})
    if process.config is not None:
        volumes.append({"name": "config", "configMap": {"name": name}})
    pod = {"containers": [_container(deployment, process)], "volumes": volumes}
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"replicas": process.replicas, "selector": {"matchLabels": labels}, "template": template}
    return _thing("apps/v1", "Deployment", name) | {"spec": spec}


def _container(deployment: Deployment, process: Process) -> dict[str, Any]:
    argv = _argv(deployment, process)
    mounts = [{"name": "shm", "mountPath": "/dev/shm"}]  # noqa: S108 - the name that NCCL expects
    if deployment.source.local:
        mounts.append({"name": "models", "mountPath": MODEL, "subPath": folder(deployment)})
    else:
        mounts.append({"name": "hub", "mountPath": HUB_CACHE})
    if process.config is not None:
        mounts.append({"name": "config", "mountPath": CONFIGS})
    made: dict[str, Any] = {
        "name": process.name, "image": deployment.image, "command": argv[:1], "args": argv[1:],
        "ports": [{"containerPort": process.port}], "volumeMounts": mounts,
    }  # fmt: skip
    made |= {"env": env} if (env := _env(deployment, process)) else {}
    if process.gpus:
        made["resources"] = {"limits": {"nvidia.com/gpu": process.gpus}}
    probe = {"httpGet": {"path": "/health", "port": process.port}, "periodSeconds": 10, "failureThreshold": 180}
    return made | {"startupProbe": probe}


def _argv(deployment: Deployment, process: Process) -> list[str]:
    config = f"{CONFIGS}/{process.config[0]}" if process.config is not None else ""
    model = MODEL if deployment.source.local else deployment.source.model
    argv = [filled(a, model, _hosts(deployment), config) for a in process.argv]
    if deployment.key_flag and process.name in deployment.keyed:
        argv += [deployment.key_flag, "$(SERVER_API_KEY)"]
    return argv


def _env(deployment: Deployment, process: Process) -> list[dict[str, Any]]:
    hosts = _hosts(deployment)
    found: list[dict[str, Any]] = []
    for name, value in process.env.items():
        if value == f"{{host:{process.name}}}":  # its own address, which only the pod knows
            found.append({"name": name, "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}})
        else:
            found.append({"name": name, "value": filled(value, "", hosts)})
    if process.name in deployment.keyed:
        key = {"secretKeyRef": {"name": SECRET, "key": "key"}}
        found.append({"name": deployment.key_env or "SERVER_API_KEY", "valueFrom": key})
    if not deployment.source.local:
        token = {"secretKeyRef": {"name": "hf-token-secret", "key": "HF_TOKEN", "optional": True}}
        found.append({"name": "HF_TOKEN", "valueFrom": token})
    return found


def _service(deployment: Deployment, process: Process) -> dict[str, Any]:
    name = _name(deployment, process)
    spec = {"selector": {"app": name}, "ports": [{"port": process.port, "targetPort": process.port}]}
    return _thing("v1", "Service", name) | {"spec": spec}


def _graph(deployment: Deployment) -> dict[str, Any]:
    """DynamoGraphDeployment (nvidia.com/v1alpha1), as ai-dynamo's examples/backends/vllm/deploy have it."""
    services: dict[str, Any] = {}
    for process in deployment.processes:
        container: dict[str, Any] = {"image": deployment.image}
        if process.gpus:
            argv = _argv(deployment, process)
            container |= {"command": argv[:3], "args": argv[3:]}
            if deployment.source.local:
                container["volumeMounts"] = [{"name": "models", "mountPath": MODEL, "subPath": folder(deployment)}]
        elif len(process.argv) > 5:
            container |= {"command": list(process.argv[:3]), "args": list(process.argv[3:])}
        pod: dict[str, Any] = {"mainContainer": container}
        if process.gpus and deployment.source.local:
            pod["volumes"] = [{"name": "models", "persistentVolumeClaim": {"claimName": CLAIM, "readOnly": True}}]
        made: dict[str, Any] = {"componentType": "worker" if process.gpus else "frontend", "replicas": process.replicas}
        if process.role:
            made["subComponentType"] = process.role
        if process.gpus:
            made |= {"envFromSecret": "hf-token-secret", "resources": {"limits": {"gpu": str(process.gpus)}}}
        services[_camel(process.name)] = made | {"extraPodSpec": pod}
    return _thing("nvidia.com/v1alpha1", "DynamoGraphDeployment", _slug(deployment.source.served)) | {
        "spec": {"services": services}
    }


def _hosts(deployment: Deployment) -> dict[str, str]:
    return {p.name: _name(deployment, p) for p in deployment.processes}


def _name(deployment: Deployment, process: Process) -> str:
    return f"{_slug(deployment.source.served)}-{process.name}"


def _slug(text: str) -> str:
    """A name that Kubernetes takes: at most 40 small letters, digits and dashes, beginning with a letter."""
    word = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].rstrip("-")
    return word if word[:1].isalpha() else f"m-{word}".rstrip("-")


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))


def _thing(version: str, kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}}
