"""Every word that is shown has its entry: short enough for a hover, and pointing only at entries that exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.glossary import Glossary
from app.lab.compare.measures import measures
from engines import metrics, registry
from engines.metrics import ChatCounts, Clock

RESOURCES = Path(__file__).resolve().parents[2] / "resources"
MEMORY = (
    "runtime_bytes",
    "model_bytes",
    "mapped_bytes",
    "peak_bytes",
    "estimate_bytes",
    "weights",
    "kv",
    "compute",
    "other",
)
LOAD = ("import_s", "read_s", "prime_s", "compile_s", "convert_s", "load_s")
WORDS = (
    "task", "engine", "runtime", "worker", "model", "variant", "lineage", "knob", "session", "run", "token", "tokenizer",
    "template", "base_model", "system_prompt", "gguf", "safetensors", "quantization", "bits_per_weight", "kv_cache",
    "prefill", "decode", "sampling", "effect", "auto", "effective", "device", "context", "speculation",
    "lane", "experiment", "block", "interval", "spread", "quick", "race", "replay", "resident", "flips", "contended",
    "kl_mean", "kl_p99", "kl_max", "top1", "ppl_ratio", "task_score", "divergence",
)  # fmt: skip


@pytest.fixture(scope="module")
def glossary() -> Glossary:
    return Glossary.load(RESOURCES)


def test_entries_are_short_and_whole(glossary: Glossary) -> None:
    for key in glossary.keys():  # noqa: SIM118  not a mapping
        entry = glossary.entry(key)
        assert entry.term, key
        assert 20 <= len(entry.short) <= 160, key
        assert entry.short.rstrip().endswith("."), key
        assert all(glossary.has(other) and other != key for other in entry.see), key


def test_no_key_is_taken_twice(glossary: Glossary) -> None:
    keys = set(glossary.keys())
    others = [name for fields in glossary._table.values() for name in fields.get("also", [])]
    assert not keys & set(others)
    assert len(others) == len(set(others))


def test_every_knob_is_explained(glossary: Glossary) -> None:
    specs = registry.specs().values()
    assert specs
    missing = {
        (spec.id, knob.name, knob.concept) for spec in specs for knob in spec.knobs if not glossary.has(knob.concept)
    }
    assert not missing


def test_every_figure_is_explained(glossary: Glossary) -> None:
    figures = metrics.chat(Clock(), ChatCounts(0, 0, 0, 0, 0))
    assert [key for key in (*figures, *MEMORY, *LOAD) if not glossary.has(key)] == []


def test_every_technical_word_is_explained(glossary: Glossary) -> None:
    assert [word for word in WORDS if not glossary.has(word)] == []


def test_other_names_lead_to_the_same_entry(glossary: Glossary) -> None:
    assert glossary.entry("ttft") is glossary.entry("ttft_s")
    with pytest.raises(KeyError):
        glossary.entry("no_such_word")
    assert glossary.tooltip("no_such_word") == ""


def test_a_tooltip_is_safe_rich_text(tmp_path: Path) -> None:
    (tmp_path / "glossary.toml").write_text('[a]\nterm = "A < B"\nshort = "x & y"\n')
    assert Glossary.load(tmp_path).tooltip("a") == "<b>A &lt; B</b><br>x &amp; y"


def test_every_measure_of_a_comparison_is_explained(glossary: Glossary) -> None:
    keys = [measure.key for measure in measures("chat").metric]
    assert keys
    assert [key for key in keys if not glossary.has(key)] == []
