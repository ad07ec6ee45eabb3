"""Where other programs keep their models, on each system and as their settings say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.library.extra_paths import extra_folders
from app.library.places import usual_places


def made(home: Path, *folders: str) -> None:
    for name in folders:
        (home / name).mkdir(parents=True, exist_ok=True)


def found(home: Path, env: Mapping[str, str] = {}, system: str = "linux") -> list[tuple[str, str]]:
    return [(p.kind, Path(p.path).relative_to(home).as_posix()) for p in usual_places(home, env, system)]


@pytest.fixture
def person(tmp_path: Path) -> Path:
    folder = tmp_path / "person"
    folder.mkdir()
    return folder


def test_the_usual_folders(person: Path) -> None:
    made(person, ".lmstudio/models", ".ollama/models", ".cache/huggingface/hub", ".cache/llama.cpp", ".cache/whisper",
         "ComfyUI/models", "stable-diffusion-webui/models", ".local/share/piper")  # fmt: skip
    assert found(person) == [
        ("lm-studio", ".lmstudio/models"), ("ollama", ".ollama/models"), ("hf-cache", ".cache/huggingface/hub"),
        ("llama-cpp", ".cache/llama.cpp"), ("comfyui", "ComfyUI/models"), ("a1111", "stable-diffusion-webui/models"),
        ("whisper", ".cache/whisper"), ("piper", ".local/share/piper"),
    ]  # fmt: skip


def test_nothing_there_is_nothing(person: Path) -> None:
    assert found(person) == []


@pytest.mark.parametrize(
    ("variable", "folder", "kind"),
    [
        ("OLLAMA_MODELS", "big/ollama", "ollama"), ("HF_HUB_CACHE", "big/hub", "hf-cache"), ("HUGGINGFACE_HUB_CACHE", "big/h", "hf-cache"),
        ("LLAMA_CACHE", "big/llama", "llama-cpp"),
    ],
)  # fmt: skip
def test_variables_name_other_folders(person: Path, variable: str, folder: str, kind: str) -> None:
    made(person, folder)
    assert found(person, {variable: str(person / folder)}) == [(kind, folder)]


def test_hf_home_and_the_cache_folder_move_their_own(person: Path) -> None:
    made(person, "hf/hub", "cache/huggingface/hub", "cache/whisper", "cache/llama.cpp")
    env = {"XDG_CACHE_HOME": str(person / "cache")}
    assert ("hf-cache", "cache/huggingface/hub") in found(person, env)
    assert ("hf-cache", "hf/hub") in found(person, {**env, "HF_HOME": str(person / "hf")})
    assert ("whisper", "cache/whisper") in found(person, env)


def test_systems_differ(person: Path) -> None:
    made(person, "Library/Caches/llama.cpp", "Local/llama.cpp")
    assert ("llama-cpp", "Library/Caches/llama.cpp") in found(person, system="darwin")
    assert ("llama-cpp", "Local/llama.cpp") in found(person, {"LOCALAPPDATA": str(person / "Local")}, "win32")
    assert found(person) == []


def test_lm_studio_says_where_its_models_are(person: Path) -> None:
    made(person, ".lmstudio", "drive/models", "moved/models")
    (person / ".lmstudio" / "settings.json").write_text(
        json.dumps({"downloadsFolder": str(person / "drive" / "models")})
    )
    assert found(person) == [("lm-studio", "drive/models")]
    (person / ".lmstudio-home-pointer").write_text(f"{person / 'moved'}\n")
    assert found(person) == [("lm-studio", "moved/models"), ("lm-studio", "drive/models")]
    (person / ".lmstudio" / "settings.json").write_text("[" * 9000)
    assert found(person) == [("lm-studio", "moved/models")]


EXTRA = """
a1111:
    base_path: {base}/stable-diffusion-webui/
    checkpoints: models/Stable-diffusion
    loras: |
         models/Lora
         models/LyCORIS
         models/nowhere
comfyui:
    is_default: true
    base_path: $SHARED/comfy
    checkpoints: checkpoints/
    custom_nodes: custom_nodes
beside:
    vae: ../vae
empty:
broken: [1, 2]
"""


def test_comfyuis_extra_paths(person: Path) -> None:
    made(person, "ComfyUI/models", "stable-diffusion-webui/models/Stable-diffusion", "stable-diffusion-webui/models/Lora",
         "stable-diffusion-webui/models/LyCORIS", "shared/comfy/checkpoints", "shared/comfy/custom_nodes", "vae")  # fmt: skip
    file = person / "ComfyUI" / "extra_model_paths.yaml"
    file.write_text(EXTRA.format(base=person).replace("$SHARED", "${SHARED}"))
    env = {"SHARED": str(person / "shared")}
    assert [p.relative_to(person).as_posix() for p in extra_folders(file, env, person)] == [
        "stable-diffusion-webui/models/Stable-diffusion", "stable-diffusion-webui/models/Lora",
        "stable-diffusion-webui/models/LyCORIS", "shared/comfy/checkpoints", "vae",
    ]  # fmt: skip
    kinds = {path: kind for kind, path in found(person, env)}
    assert kinds["stable-diffusion-webui/models/Lora"] == "a1111"
    assert kinds["shared/comfy/checkpoints"] == "comfyui"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "a: [b",
        "- 1",
        "!!python/object/apply:os.system ['touch canary']",
        "a: &x [*x]",
        "x: {base_path: 3, y: 4}",
    ],
)
def test_a_broken_file_names_nothing_and_runs_nothing(person: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(person)
    file = person / "extra_model_paths.yaml"
    file.write_text(text)
    assert extra_folders(file, {}, person) == ()
    assert not (person / "canary").exists()


def test_one_folder_by_two_names_is_one_place(person: Path) -> None:
    made(person, ".lmstudio/models", ".cache")
    (person / ".cache" / "lm-studio").symlink_to(person / ".lmstudio")
    assert found(person) == [("lm-studio", ".lmstudio/models")]
    assert usual_places(person, {}, "linux")[0].id == usual_places(person, {}, "linux")[0].id


@pytest.mark.parametrize("variable", ["OLLAMA_MODELS", "HF_HOME", "HF_HUB_CACHE", "LLAMA_CACHE", "COMFYUI_PATH"])
def test_a_variable_with_the_home_of_nobody_names_nothing(person: Path, variable: str) -> None:
    assert found(person, {variable: "~nobody-of-this-name/models"}) == []


@pytest.mark.parametrize("folder", ["/", "..", ".", "{home}", "{home}/.."])
def test_a_setting_that_means_all_the_disk_names_nothing(person: Path, folder: str) -> None:
    path = person / ".lmstudio" / "settings.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"downloadsFolder": folder.format(home=person)}))
    assert found(person) == []
