"""What a person pastes is understood, and what is a secret in it is not shown."""

from __future__ import annotations

import pytest

from app.ui.state import hub_address
from app.ui.state.hub_address import Address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("bartowski/Qwen2.5-7B-Instruct-GGUF", Address("bartowski/Qwen2.5-7B-Instruct-GGUF")),
        (" org/name:Q4_K_M ", Address("org/name", wanted="Q4_K_M")),
        ("https://huggingface.co/org/name", Address("org/name")),
        ("hf.co/org/name:Q8_0", Address("org/name", wanted="Q8_0")),
        ("https://huggingface.co/org/name/tree/refs%2Fpr%2F1", Address("org/name", "refs/pr/1")),
        (
            "https://huggingface.co/org/name/resolve/main/sub/a%20b.gguf?download=true",
            Address("org/name", "main", "sub/a b.gguf"),
        ),
        ("https://x.org/files/m.gguf", Address(url="https://x.org/files/m.gguf")),
    ],
)
def test_addresses(text: str, address: Address):
    assert hub_address.read(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "qwen 7b", "gpt2", "", "https://", "https://x.org/", "ftp://x.org/m.gguf", "../../etc", "a/../b", "/etc/passwd",
        "https://huggingface.co/datasets/org/name", "https://huggingface.co/org", "models/org", "http://[::1/x",
    ],
)  # fmt: skip
def test_words_and_what_is_no_model(text: str):
    assert hub_address.read(text) is None


def test_the_endpoint_in_use_is_the_hub_too():
    hosts = hub_address.hosts("http://127.0.0.1:8080")
    assert hub_address.read("http://127.0.0.1:8080/org/name", hosts) == Address("org/name")
    assert hub_address.read("http://127.0.0.1:8080/org/name") == Address(url="http://127.0.0.1:8080/org/name")


def test_a_key_in_an_address_is_not_shown():
    found = hub_address.read("https://me:hunter2@x.org/m.gguf?token=hunter3#hunter4")
    assert found is not None
    assert found.shown == "x.org/m.gguf"
