"""Descriptions are asked once and kept by versions."""

from __future__ import annotations

import msgspec

from app.lab.describe import Descriptions, missing_distributions
from app.lab.services import Services
from engines import registry


def test_asked_once_then_read_from_the_cache(services: Services) -> None:
    spec = registry.spec("echo")
    asked = services.descriptions.ask(spec)
    assert asked.available
    files = list(services.paths.cache.glob("describe-echo-*.json"))
    assert len(files) == 1
    files[0].write_bytes(msgspec.json.encode(msgspec.structs.replace(asked, build="from the cache")))
    assert Descriptions(services.launcher).ask(spec).build == "from the cache"


def test_a_broken_cache_is_asked_again(services: Services) -> None:
    spec = registry.spec("echo")
    services.descriptions.ask(spec)
    (file,) = services.paths.cache.glob("describe-echo-*.json")
    file.write_text("{")
    fresh = Descriptions(services.launcher)
    assert fresh.get(spec) is None
    assert fresh.ask(spec).available


def test_a_missing_package_is_said_without_a_worker(services: Services) -> None:
    spec = msgspec.structs.replace(registry.spec("echo"), distributions=("no-such-package",))
    known = services.descriptions.get(spec)
    assert known is not None
    assert not known.available
    assert "no-such-package" in known.reason
    assert missing_distributions(registry.spec("echo")) == []
