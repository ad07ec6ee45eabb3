"""Whose work a server's is: by the address that its model has."""

from __future__ import annotations

import os
import socket

import psutil
import pytest

from app.lab.listeners import is_here, server_pids
from app.library import SERVED, Lineage, Variant


def variant(url: str, format: str = SERVED) -> Variant:
    return Variant(
        id="s.m", variant="served", task="chat", title="m", format=format, licence="", bytes=0, bits_per_weight=None,
        lineage=Lineage("original", "", ""), mix={}, path=url, files=(), served="m",
    )  # fmt: skip


def own_address() -> str:
    """Of a card of this machine, its loopback aside; "" where it has none."""
    cards = [card for cards in psutil.net_if_addrs().values() for card in cards if card.family == socket.AF_INET]
    return next((card.address for card in cards if not card.address.startswith("127.")), "")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "[::1]", socket.gethostname(), own_address()])
def test_addresses_of_this_machine(host: str) -> None:
    if not host:
        pytest.skip("this machine has no other address")
    assert is_here(f"http://{host}:8000/v1")


@pytest.mark.parametrize("host", ["192.0.2.7", "gpu-box.example", "127.0.0.1.example"])
def test_addresses_of_others(host: str) -> None:
    assert not is_here(f"http://{host}:8000/v1")


def test_who_listens_there_is_the_lanes_own() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        assert os.getpid() in server_pids(variant(url))
        assert server_pids(variant(url, format="gguf")) == []
        assert server_pids(variant(url.replace("127.0.0.1", "192.0.2.7"))) == []
