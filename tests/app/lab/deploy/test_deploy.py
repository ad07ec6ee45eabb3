"""A lane's deployment: the flags are the servers' own, the files parse, and nothing is left out silently."""

import json
import re
import shlex

import msgspec
import pytest
import yaml

from app.errors import TandemError
from app.lab.deploy import DeploySource, Options, Speculation, export, source_of, targets
from app.library import SERVED, Lineage, Origin, Variant
from engines import registry
from engines.knobs import defaults

ALL = [(t.id, form) for t in targets() for form in t.forms]


def variant(**changes) -> Variant:
    base = Variant(
        id="llama-3.1-8b", variant="bf16", task="chat", title="Llama 3.1 8B", format="safetensors", licence="", bytes=1,
        bits_per_weight=16.0, lineage=Lineage("original"), mix={}, path="/models/llama", files=(),
        origin=Origin("hub", repo="meta-llama/Llama-3.1-8B-Instruct", revision="abc123"),
    )  # fmt: skip
    return msgspec.structs.replace(base, **changes)


def source(**options) -> DeploySource:
    spec = registry.spec("transformers")
    made = source_of(variant(), spec, defaults(spec.load) | {"n_ctx": 8192, "dtype": "bf16"})
    return msgspec.structs.replace(made, options=msgspec.structs.replace(made.options, **options))


def words(target: str, given: DeploySource) -> list[list[str]]:
    """Each command of the script as words, the shell's own lines left out."""
    text = re.sub(r"cat > .*?\nEND\n", "", export(target, "command", given).text, flags=re.DOTALL).replace(" \\\n", " ")
    lines = [shlex.split(line.removesuffix(" &"), comments=True) for line in text.splitlines()]
    skipped = ("set", "export", "wait", ":", "cat")
    return [line for line in lines if line and line[0] not in skipped]


def after(line: list[str], flag: str) -> str:
    return line[line.index(flag) + 1]


@pytest.mark.parametrize(("target", "form"), ALL)
@pytest.mark.parametrize("disaggregated", [False, True])
def test_every_server_in_every_form_parses_and_fills_every_place(target, form, disaggregated):
    given = source(
        disaggregated=disaggregated, tensor_parallel=2, prefill_workers=2, speculation=Speculation(method="ngram")
    )
    made = export(target, form, given)
    assert "{host" not in made.text
    assert "{model}" not in made.text
    assert "{config}" not in made.text
    assert made.gpus == (6 if disaggregated else 2)
    if form == "command":
        assert words(target, given)
    else:
        documents = list(yaml.safe_load_all(made.text))
        assert documents
        assert all(isinstance(d, dict) for d in documents)


def test_vllm_says_every_option_in_its_own_flags():
    given = source(
        tensor_parallel=4, pipeline_parallel=2, expert_parallel=True, prefix_caching=False, kv_dtype="fp8", max_seqs=64,
        speculation=Speculation(method="ngram", tokens=6, lookup=3),
    )  # fmt: skip
    (line,) = words("vllm", given)
    assert line[:3] == ["vllm", "serve", "meta-llama/Llama-3.1-8B-Instruct"]
    assert after(line, "--revision") == "abc123"
    assert after(line, "--max-model-len") == "8192"
    assert after(line, "--dtype") == "bfloat16"
    assert after(line, "--tensor-parallel-size") == "4"
    assert after(line, "--pipeline-parallel-size") == "2"
    assert "--enable-expert-parallel" in line
    assert "--no-enable-prefix-caching" in line
    assert after(line, "--kv-cache-dtype") == "fp8"
    assert after(line, "--max-num-seqs") == "64"
    config = json.loads(after(line, "--speculative-config"))
    assert config == {"method": "ngram", "num_speculative_tokens": 6, "prompt_lookup_max": 3}


def test_sglang_says_them_in_its_own():
    given = source(tensor_parallel=4, expert_parallel=True, prefix_caching=False, kv_dtype="fp8",
                   speculation=Speculation(method="eagle3", model="org/draft", tokens=4))  # fmt: skip
    (line,) = words("sglang", given)
    assert after(line, "--model-path") == "meta-llama/Llama-3.1-8B-Instruct"
    assert after(line, "--context-length") == "8192"
    assert after(line, "--tp-size") == "4"
    assert after(line, "--ep-size") == "4"
    assert "--disable-radix-cache" in line
    assert after(line, "--speculative-algorithm") == "EAGLE3"
    assert after(line, "--speculative-num-steps") == "3"
    assert after(line, "--speculative-draft-model-path") == "org/draft"


def test_tensorrt_llm_puts_caches_and_speculation_into_its_yaml():
    given = source(prefix_caching=True, kv_dtype="fp8", speculation=Speculation(method="mtp", tokens=2))
    text = export("tensorrt-llm", "command", given).text
    config = yaml.safe_load(text.split("<<'END'\n")[1].split("END\n")[0])
    assert config["kv_cache_config"] == {"enable_block_reuse": True, "dtype": "fp8"}
    assert config["speculative_config"] == {"decoding_type": "MTP", "num_nextn_predict_layers": 2}
    (line,) = words("tensorrt-llm", given)
    assert line[:2] == ["trtllm-serve", "meta-llama/Llama-3.1-8B-Instruct"]
    assert after(line, "--max_seq_len") == "8192"


def test_dynamo_on_kubernetes_is_one_resource_of_its_operator():
    given = source(disaggregated=True, tensor_parallel=2, prefill_workers=3)
    graph = yaml.safe_load(export("dynamo", "kubernetes", given).text)
    assert graph["kind"] == "DynamoGraphDeployment"
    services = graph["spec"]["services"]
    assert services["PrefillWorker"]["replicas"] == 3
    assert services["PrefillWorker"]["subComponentType"] == "prefill"
    assert services["PrefillWorker"]["resources"]["limits"]["gpu"] == "2"
    args = services["DecodeWorker"]["extraPodSpec"]["mainContainer"]["args"]
    assert after(args, "--disaggregation-mode") == "decode"


@pytest.mark.parametrize("target", ["vllm", "sglang", "tensorrt-llm"])
def test_the_front_of_a_disaggregated_deployment_knows_every_worker(target):
    given = source(disaggregated=True, prefill_workers=2, decode_workers=3)
    text = export(target, "compose", given).text
    services = yaml.safe_load(text)["services"]
    front = next(s for s in services.values() if "ports" in s)
    workers = [name for name, s in services.items() if s is not front]
    assert len(workers) == 5
    assert sorted(front["depends_on"]) == sorted(workers)
    for name in workers:
        assert name in text.split("depends_on")[0] or name in json.dumps(front)
    devices = [
        i
        for s in services.values()
        if "deploy" in s
        for i in s["deploy"]["resources"]["reservations"]["devices"][0]["device_ids"]
    ]
    assert sorted(devices) == ["0", "1", "2", "3", "4"]


def test_the_key_is_asked_for_and_never_written_down():
    for target in ("vllm", "sglang"):
        assert "SERVER_API_KEY:?" in export(target, "command", source()).text
        manifest = export(target, "kubernetes", source())
        assert "secretKeyRef" in manifest.text
        assert any("kubectl create secret" in word for word in manifest.cannot)


def test_settings_without_a_counterpart_are_listed():
    spec = registry.spec("llama-cpp")
    load = defaults(spec.load) | {"n_ctx": 4096, "type_k": "q4_0", "n_threads": 6, "lora_path": "x.gguf"}
    run = defaults(spec.run) | {"temperature": 0.2}
    given = source_of(variant(format="gguf", origin=Origin(), path="/models/a.gguf"), spec, load, run)
    assert given.local
    assert given.model == "/models/a.gguf"
    assert given.options.max_len == 4096
    assert given.options.kv_dtype == ""
    said = export("tensorrt-llm", "command", given)
    assert any("q4_0" in word for word in said.cannot)
    assert any(word.startswith("Threads 6:") for word in said.cannot)
    assert any("LoRA" in word or "lora" in word.lower() for word in said.cannot)
    assert any("GGUF" in word for word in said.cannot)
    assert any("temperature 0.2" in word for word in said.notes)


def test_defaults_leave_the_choice_to_the_server():
    spec = registry.spec("llama-cpp")
    given = source_of(variant(format="gguf", origin=Origin()), spec, defaults(spec.load))
    assert given.cannot == ()
    assert given.options == Options()


def test_prompt_lookup_becomes_ngram_speculation():
    spec = registry.spec("llama-cpp")
    load = defaults(spec.load) | {"prompt_lookup_num_tokens": 8, "max_matching_ngram_size": 3}
    given = source_of(variant(), spec, load)
    assert given.options.speculation == Speculation(method="ngram", tokens=8, lookup=3)


def test_weights_made_here_are_not_looked_for_on_the_hub():
    made = variant(lineage=Lineage("made", "a:q4_1", "dequantized from q4_1"))
    assert source_of(made, registry.spec("transformers"), {}).model == "/models/llama"


def test_what_lies_on_a_server_cannot_be_deployed():
    with pytest.raises(TandemError, match="on a server already"):
        source_of(variant(format=SERVED), registry.spec("transformers"), {})


@pytest.mark.parametrize(
    "options", [{"tensor_parallel": 0}, {"port": 70_000}, {"speculation": Speculation(method="eagle3")}]
)
def test_impossible_options_are_refused(options):
    with pytest.raises(TandemError) as caught:
        export("vllm", "command", source(**options))
    assert caught.value.code == "bad_options"


def test_an_unknown_server_is_refused_with_the_known_ones():
    with pytest.raises(TandemError) as caught:
        export("nobody", "command", source())
    assert "dynamo" in caught.value.hint


def test_a_model_of_this_machine_is_mounted_read_only():
    made = msgspec.structs.replace(source(), model="/models/a", local=True, revision="")
    service = yaml.safe_load(export("vllm", "compose", made).text)["services"]["server"]
    assert service["volumes"] == ["/models/a:/model:ro"]
    assert service["command"][1] == "/model"
