"""Recipes: the shipped six are right, a file reads back as it was written, and bad input is refused with its line."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from app.errors import TandemError
from app.lab.compare.plan import Plan
from app.lab.compare.recipe_lines import index
from app.lab.compare.recipes import all_recipes, load, plan_of, read, recipe_file, swept, to_toml, with_inputs
from app.paths import Paths

SIX = ("engines", "kv-types", "prefix-reuse", "prompt-lookup", "rounding", "threads")
GOOD = '''# a comment
title = "Two threads"
question = "Which?"
concepts = ["decode"]
quality = false
decide = ["decode_tok_s"]
input = "Read this: {note}"

[[lane]]
name = "one"
model = "smollm2-135m"
engine = "llama-cpp"
knobs = { n_threads = 1 }

[[lane]]
name = "two"
model = "smollm2-135m"
engine = "llama-cpp"

[lane.knobs]
n_threads = 2

[answer]
temperature = 0

[[step]]
name = "ask"
ask = """
model = "not a key"
{input}"""

[[step]]
name = "edited"
ask = "{input} {{literally}}"
fresh = false
edit = { word = 3, to = "CHANGED" }

[schedule]
n_out = "natural"
minutes = 3

[[expect]]
metric = "decode_tok_s"
lane = "two"
step = "ask"
sign = "higher"
because = "b"
source = "s"

[guess]
ask = "?"
metric = "decode_tok_s"
lane = "two"
step = "ask"
choices = ["Faster", "Slower"]
answers = { faster = 0, slower = 1 }
'''


@pytest.fixture
def resources(tmp_path: Path) -> Path:
    """Resources with one text, and a secret beside them."""
    folder = tmp_path / "resources"
    (folder / "texts" / "quality").mkdir(parents=True)
    (folder / "texts" / "note.txt").write_text("alpha beta gamma\n", encoding="utf-8")
    (folder / "texts" / "quality" / "prose.txt").write_text("words", encoding="utf-8")
    (folder / "secret.txt").write_text("secret", encoding="utf-8")
    shutil.copytree(Paths.resources / "measures", folder / "measures")
    shutil.copy(Paths.resources / "glossary.toml", folder)
    (folder / "recipes").mkdir()
    return folder


def asked(plan: Plan, step: int = 0) -> str:
    return plan.steps[step].request.messages[-1].content


# --- good input ---------------------------------------------------------------------------------


def test_a_recipe_becomes_a_plan(resources: Path):
    plan = load(GOOD, resources)
    assert [lane.knobs for lane in plan.lanes] == [{"n_threads": 1}, {"n_threads": 2}]
    assert asked(plan) == 'model = "not a key"\nRead this: alpha beta gamma'
    assert asked(plan, 1) == "Read this: CHANGED beta gamma {literally}"
    assert plan.steps[1].request.knobs == {"temperature": 0}
    assert (plan.steps[0].fresh, plan.steps[1].fresh) == (True, False)
    assert (plan.schedule.n_out, plan.schedule.minutes, plan.quality) == (None, 3, None)


def test_a_plan_reads_back_as_it_was_written(resources: Path):
    plan = load(GOOD, resources)
    assert load(to_toml(plan), resources) == plan
    odd = 'quote " back\\slash {brace} \t tab\nline """ end\r\n\x7f\x01 é 🙂'
    hard = with_inputs(msgspec.structs.replace(plan, title=odd, notes=(odd, "two")), [odd])
    hard = msgspec.structs.replace(hard, expect=(), guess=None)
    assert load(to_toml(hard), resources) == hard


@pytest.mark.parametrize("name", SIX)
def test_shipped_recipes_are_whole(name: str):
    plan = load(recipe_file(name, Paths.resources), Paths.resources, cores=4)
    assert plan.recipe == name
    assert 2 <= len(plan.lanes) <= 4
    assert plan.question
    assert plan.teaches
    assert plan.concepts
    assert plan.expect
    assert plan.guess is not None
    assert all(e.source and e.because and e.otherwise for e in plan.expect)
    assert plan.schedule.minutes is not None
    assert any("minutes" in note for note in plan.notes)
    assert load(to_toml(plan), Paths.resources) == plan


def test_the_list_has_the_six():
    listed = all_recipes(Paths.resources, cores=4)
    assert tuple(info.id for info in listed) == SIX
    assert not [info.problem for info in listed if info.problem]
    assert all(info.lanes >= 2 and info.minutes and info.question for info in listed)


def test_prefix_recipe_changes_word_12_only():
    plan = load(recipe_file("prefix-reuse", Paths.resources), Paths.resources)
    again, edited = asked(plan, 1).split(), asked(plan, 2).split()
    assert [i + 1 for i, (a, b) in enumerate(zip(again, edited, strict=True)) if a != b] == [12]
    assert len(again) > 1500


def test_speculation_never_has_a_forced_length():
    assert load(recipe_file("prompt-lookup", Paths.resources), Paths.resources).schedule.n_out is None


@pytest.mark.parametrize(
    ("cores", "values"),
    [(1, (1, 2)), (2, (1, 2)), (4, (1, 2, 4)), (6, (1, 2, 4, 6)), (8, (1, 2, 4, 8)), (64, (1, 2, 8, 64))],
)
def test_threads_follow_the_machine(cores: int, values: tuple[int, ...]):
    assert swept(cores) == values
    plan = plan_of(read(recipe_file("threads", Paths.resources), Paths.resources), cores)
    assert tuple(lane.knobs["n_threads"] for lane in plan.lanes) == values
    assert plan.lanes[0].name == "1 thread"


def test_a_persons_text_takes_its_place(resources: Path):
    plan = load(GOOD, resources, inputs=["my own words {note}"])
    assert asked(plan).endswith("\nmy own words {note}")
    assert asked(plan, 1) == "my own CHANGED {note} {literally}"


def test_without_a_place_a_persons_text_is_the_last_message(resources: Path):
    text = GOOD.replace("{input}", "fixed {note}")
    plan = load(text, resources, inputs=["mine"])
    assert (asked(plan), asked(plan, 1)) == ("mine", "mine")
    assert asked(with_inputs(load(text, resources), ["mine"])) == "mine"


def test_each_of_several_texts_gets_all_steps(resources: Path):
    plan = load(GOOD, resources, inputs=["one two three", "four five six"])
    assert [step.name for step in plan.steps] == ["ask", "edited", "ask (text 2)", "edited (text 2)"]
    assert with_inputs(load(GOOD, resources), ["a", "b"]).steps[2].name == "ask (text 2)"


# --- bad input ----------------------------------------------------------------------------------


def refused(text: str, resources: Path) -> TandemError:
    with pytest.raises(TandemError) as caught:
        load(text, resources)
    assert caught.value.code == "bad_recipe"
    assert caught.value.hint
    return caught.value


def line_of(words: str, text: str) -> int:
    """The last line that has the words, counted from 1."""
    return max(number for number, row in enumerate(text.splitlines(), start=1) if words in row)


BAD = [
    ("[answer]", "nonsense = 1\n[answer]", "nonsense", "n_threads"),
    ('question = "Which?"', "question = 5", "question = 5", "a text"),
    ('question = "Which?"', 'colour = "red"', "colour", "question"),
    ('title = "Two threads"\n', "", "# a comment", "title"),
    ('name = "one"', 'name = "one"\nspeed = 3', "speed = 3", "knobs"),
    ("fresh = false", 'fresh = "no"', "fresh =", "true or false"),
    ('model = "smollm2-135m"', 'model = "../../etc/passwd"', "../..", "cannot name files"),
    ('model = "smollm2-135m"', 'model = "/tmp/x.gguf"', "/tmp/x", "cannot name files"),
    ('model = "smollm2-135m"', 'model = "a..b"', "a..b", "cannot name files"),
    ('name = "one"', 'name = "one"\nvariant = "../x"', "variant =", "precision"),
    ('engine = "llama-cpp"', 'engine = "nobody"', "nobody", "llama-cpp, transformers"),
    ("n_threads = 1", "n_thread = 1", "n_thread = 1", "n_threads"),
    ("n_threads = 1", 'n_threads = "many"', "many", "auto"),
    ("n_threads = 1", 'lora_path = "adapter"', "lora_path", "cannot name files"),
    ("n_threads = 1", 'flash_attn = "off", type_v = "q8_0"', "flash_attn", "Change"),
    ("temperature = 0", "temperature = 9", "temperature = 9", "0 to 2"),
    ("temperature = 0", "n_ctx = 512", "n_ctx = 512", "temperature"),
    ("{note}", "{../secret}", "{../secret}", "plain names"),
    ("{note}", "{secret}", "{secret}", "note"),
    ("{note}", "{note", "{note", "brace"),
    ('name = "two"', 'name = "one"', 'name = "one"', "of its own"),
    ('name = "edited"', 'name = "ask"', "[[step]]", "of its own"),
    ("edit = { word = 3", "edit = { word = 99", "word = 99", "smaller"),
    ('ask = "{input} {{literally}}"', 'ask = "x"\nprompt = "y"', "[[step]]", "ask, messages, prompt"),
    ("fresh = false", "depth = 1.5", "depth = 1.5", "quarter"),
    ('concepts = ["decode"]', 'concepts = ["magic"]', "magic", "decode"),
    ('decide = ["decode_tok_s"]', 'decide = ["model_bytes"]', "decide", "decode_tok_s"),
    ("quality = false", 'quality = { texts = ["../secret"] }', "quality =", "prose"),
    ("minutes = 3", "minutes = 0", "minutes = 0", "More than 0"),
    ("minutes = 3", "max_blocks = 3", "max_blocks", "min_blocks"),
    ('sign = "higher"', 'sign = "better"', "sign =", "higher, lower, same"),
    ('metric = "decode_tok_s"', 'metric = "beauty"', "beauty", "decode_tok_s"),
    ('step = "ask"\nsign', 'step = "gone"\nsign', 'step = "gone"', "ask"),
    ('lane = "two"\nstep = "ask"\nsign', 'lane = "one"\nstep = "ask"\nsign', 'lane = "one"', "two"),
    ("slower = 1 }", "slower = 7 }", "answers =", "0 to 1"),
    ("slower = 1 }", "quicker = 1 }", "answers =", "faster"),
]


@pytest.mark.parametrize(("good", "bad", "stands", "hint"), BAD)
def test_bad_input_is_refused_with_its_line(good: str, bad: str, stands: str, hint: str, resources: Path):
    assert good in GOOD
    text = GOOD.replace(good, bad, 1) if good != "slower = 1 }" else GOOD.replace(good, bad)
    error = refused(text, resources)
    assert error.message.startswith(f"recipe, line {line_of(stands, text)}: "), error.message
    assert hint in error.hint, error.hint


def test_syntax_errors_have_their_line(resources: Path):
    line = line_of("[guess", GOOD)
    error = refused(GOOD.replace("[guess]", "[guess"), resources)
    assert error.message.startswith(f"recipe, line {line}: this is not TOML")


def test_lanes_are_one_to_four(resources: Path):
    lane = '[[lane]]\nname = "l{}"\nmodel = "m"\nengine = "echo"\n'
    head, tail = 'title = "t"\nquality = false\n', '[[step]]\nask = "Hi"\n'
    assert "no lanes" in refused(head + tail, resources).message
    five = refused(head + "".join(lane.format(i) for i in range(5)) + tail, resources)
    assert five.message == "recipe, line 19: there are 5 lanes."
    assert len(load(head + "".join(lane.format(i) for i in range(4)) + tail, resources).lanes) == 4


def test_a_link_out_of_the_texts_is_not_followed(resources: Path):
    (resources / "texts" / "linked.txt").symlink_to(resources / "secret.txt")
    assert "linked" in refused(GOOD.replace("{note}", "{linked}"), resources).message


def test_a_sweep_is_checked(resources: Path):
    sweep = (
        'title = "t"\nquality = false\n[sweep]\nknob = "n_threads"\nvalues = {}\n[sweep.lane]\nmodel = "m"\nengine = "llama-cpp"\n'
        '[[step]]\nask = "Hi"\n'
    )
    assert [lane.name for lane in load(sweep.format("[1, 3]"), resources).lanes] == ["1 thread", "3 threads"]
    assert refused(sweep.format("[1, 0]"), resources).message.startswith("recipe, line 5")
    assert "cores" in refused(sweep.format('"all"'), resources).hint
    assert "5 lanes" in refused(sweep.format("[1, 2, 3, 4, 5]"), resources).message
    assert "n_thread" in refused(sweep.format("[1]").replace('"n_threads"', '"n_thread"'), resources).message


def test_files_are_named_and_a_broken_one_is_listed(resources: Path):
    file = resources / "recipes" / "broken.toml"
    file.write_text(GOOD.replace("fresh = false", "frsh = false"), encoding="utf-8")
    (info,) = all_recipes(resources)
    assert info.id == "broken"
    assert info.problem.startswith(f"broken.toml, line {line_of('fresh = false', GOOD)}: ")
    (resources / "recipes" / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(TandemError, match=r"binary\.toml, line 1: this is not UTF-8"):
        load(resources / "recipes" / "binary.toml", resources)


def test_only_a_shipped_file_has_a_recipes_id(resources: Path, tmp_path: Path):
    (resources / "recipes" / "mine.toml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "mine.toml").write_text(GOOD, encoding="utf-8")
    assert load(resources / "recipes" / "mine.toml", resources).recipe == "mine"
    assert load(tmp_path / "mine.toml", resources).recipe == ""


@pytest.mark.parametrize("name", ["nothing", "../glossary", ""])
def test_an_unknown_recipe_names_those_that_there_are(name: str):
    with pytest.raises(TandemError, match="There is no recipe") as caught:
        recipe_file(name, Paths.resources)
    assert "kv-types" in caught.value.hint


def test_lines_of_keys_and_tables_are_found():
    places = index(GOOD)
    rows = GOOD.splitlines()
    assert rows[places[("lane", 1, "name")] - 1] == 'name = "two"'
    assert rows[places[("lane", 1, "knobs", "n_threads")] - 1] == "n_threads = 2"
    assert rows[places[("lane", 0, "knobs", "n_threads")] - 1].startswith("knobs = {")
    assert rows[places[("step", 1, "edit")] - 1].startswith("edit")
    assert ("step", 0, "model") not in places  # it stands in a text
