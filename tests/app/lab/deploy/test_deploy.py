"""A lane's deployment: the flags are the servers' own, the files parse, and nothing is left out silently."""

import json
import os
import re
import shlex
import signal
import subprocess

import msgspec
import psutil
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
    skipped = ("set", "export", "wait", ":", "cat", "trap")
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
    assert service["volumes"] == [{"type": "bind", "source": "/models/a", "target": "/model", "read_only": True}]
    assert service["command"][1] == "/model"


EVIL = '/m y/it\'s "q" $HOME ${X} $(id) `id` {config} {host:server}:\n#/a'


@pytest.mark.parametrize(("target", "form"), ALL)
def test_a_strangers_title_is_one_comment(target, form):
    made = msgspec.structs.replace(source(), title="T\nrm -rf here\r\nx: y\u2028z")
    first, *rest = export(target, form, made).text.splitlines()
    heading = rest[0] if form == "command" else first
    assert heading.startswith("# T rm -rf here x: y z on ")
    assert not [line for line in rest if line.startswith(("rm", "x:"))]


@pytest.mark.parametrize("target", [t.id for t in targets()])
def test_a_path_stays_itself_in_every_form(target):
    made = msgspec.structs.replace(source(), model=EVIL, local=True, revision="")
    script = export(target, "command", made).text
    done = subprocess.run(["sh", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert shlex.quote(EVIL) in script
    services = yaml.safe_load(export(target, "compose", made).text)["services"].values()
    mounts = [v for s in services for v in s.get("volumes", []) if isinstance(v, dict)]
    assert {m["source"].replace("$$", "\0").replace("$", "!").replace("\0", "$") for m in mounts} == {EVIL}
    assert EVIL not in export(target, "kubernetes", made).text.replace("# ", "")


@pytest.mark.parametrize("target", [t.id for t in targets()])
def test_a_draft_model_with_a_dollar_and_a_quote(target):
    model = "/d/it's $HOME {config}"
    made = source(speculation=Speculation(method="draft_model", model=model))
    file = export(target, "compose", made)
    assert "it's $$HOME {config}" in json.dumps(yaml.safe_load(file.text))
    assert any(word.startswith("The draft model's files: mount /d/it's") for word in file.cannot)
    assert not any("draft" in word for word in export(target, "command", made).cannot)
    assert (
        subprocess.run(["sh", "-n"], input=export(target, "command", made).text, text=True, check=False).returncode == 0
    )


@pytest.mark.parametrize("served", ["0.5b_model.x", "a" * 80, "x.y-z", "q_4", "con-model"])
@pytest.mark.parametrize("target", [t.id for t in targets()])
def test_names_are_those_that_kubernetes_and_compose_take(target, served):
    made = msgspec.structs.replace(source(disaggregated=True), served=served)
    for document in yaml.safe_load_all(export(target, "kubernetes", made).text):
        assert re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", document["metadata"]["name"])
    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]*", yaml.safe_load(export(target, "compose", made).text)["name"])


@pytest.mark.parametrize(
    "spoken",
    [Speculation(method="magic"), Speculation(method="ngram", tokens=-1), Speculation(method="ngram", lookup=0)],
)
@pytest.mark.parametrize("target", [t.id for t in targets()])
def test_impossible_speculation_is_refused(target, spoken):
    with pytest.raises(TandemError) as caught:
        export(target, "command", source(speculation=spoken))
    assert caught.value.code == "bad_options"


@pytest.mark.parametrize("count", ['"x"', "-1", "1e400", "null", "[1]"])
def test_a_speculative_config_with_nonsense_is_listed(count):
    text = f'{{"method": "ngram", "num_speculative_tokens": {count}}}'
    made = source_of(variant(), registry.spec("vllm"), {"speculative_config": text})
    assert made.options.speculation is None
    assert made.cannot[-1].startswith("Speculation {")


def named(process: psutil.Process) -> str:
    """ "" for one that is gone."""
    try:
        return process.name()
    except psutil.Error:
        return ""


def test_a_script_of_several_servers_ends_them_all(tmp_path):
    made = export("vllm", "command", source(disaggregated=True)).text
    script = re.sub(r"(?ms)^[A-Z_]+=.*?&$", "sleep 600 &", made)
    wanted = script.count("sleep 600 &")
    assert wanted >= 2
    process = subprocess.Popen(
        ["sh", "-c", script + "\n"], start_new_session=True, env={"PATH": os.environ["PATH"], "SERVER_API_KEY": "k"}
    )
    children: list[psutil.Process] = []
    while len(children) < wanted and process.poll() is None:  # a child that is not “sleep” yet is the shell's own copy
        children = [c for c in psutil.Process(process.pid).children() if named(c) == "sleep"]
    os.kill(process.pid, signal.SIGTERM)
    process.wait(timeout=20)
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []


@pytest.mark.parametrize(("target", "form"), ALL)
def test_no_yaml_refers_to_another_place_in_it(target, form):
    text = export(target, form, source(disaggregated=True, tensor_parallel=2)).text
    assert not re.search(r"[&*]id\d", text)
