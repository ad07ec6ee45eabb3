"""The small print of a report: how sure it is, where it ran, what each setting really was, every raw run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from app.lab.compare.lane import letter, title_of
from app.lab.compare.plan import Mode
from app.lab.compare.result import LaneRun, Result
from app.lab.report import figures, rows
from app.lab.report.verdict_part import chip

METHOD = (
    "A block loads every lane afresh; lanes take turns in going first (A B, then B A). Repeats inside one load share its luck, "
    "so the load is the unit: each load gives one mean.",
    "The ratio's interval is the 95 % t interval of the blocks' mean log ratios. “Faster” and “slower” are said only if it "
    "excludes 1 and its near end is beyond 1 %; “same” only if it lies inside ±2 %; anything else is not decided.",
    "Speed runs have a fixed length and show no text; answers end by themselves and are what is shown, scored and replayed. The two are never mixed.",
    "Each timed run records what other programs did. More than 10 % of the processor used by others, throttling or swapping: the run is repeated, up to "
    "three times; after that it counts and is marked contended.",
    "Memory is what loading added to the process after the library was imported, with the model's mapped pages.",
)

TITLES = {"cpu": "processor", "gpus": "GPUs", "cores": "cores for Tandem", "cores_total": "cores in all"}


def sure(result: Result) -> Markup:
    """Noise floor, disturbances, repeats, and whether the lanes stood loaded side by side."""
    items = [*certainty(result), *result.notes]
    made = Markup("").join(Markup("<li>{}</li>").format(item) for item in items)
    return Markup('<section id="sure"><h2>How sure is this</h2><ul class="facts-list">{}</ul></section>').format(made)


def certainty(result: Result) -> list[str]:
    """The same in plain sentences, for every format."""
    found = [rows.MODES[result.mode] + "."]
    if result.blocks and result.mode is Mode.MEASURE:
        side = (
            "loaded side by side within a block"
            if result.resident
            else "loaded one after the other: together they did not fit"
        )
        found.append(
            f"{result.blocks} blocks; the lanes were {side}." if len(result.lanes) > 1 else f"{result.blocks} blocks."
        )
    for row in rows.rows(result):
        if row.spread is not None:
            first = letter(result.reference)
            found.append(f"Noise floor of {row.title}: {first}'s own blocks spread ±{figures.percent(row.spread)}.")
    found += _disturbances(result)
    return found


def _disturbances(result: Result) -> list[str]:
    timed = [run for run in result.runs if run.kind == "timed"]
    if not timed:
        return []
    again = f"{result.repeated} repeated because of disturbances" if result.repeated else "none had to be repeated"
    contended = sum(run.contended for run in timed if run.counts)
    found = [f"{len(timed)} timed runs; {again}; {contended or 'none'} counted although contended."]
    foreign = [r.disturbance.foreign_cpu for r in timed if r.counts and r.disturbance.foreign_cpu is not None]
    if foreign:
        found.append(
            f"Other programs used {figures.percent(max(foreign))} of the processor at most while a counted run went on."
        )
    if any(run.disturbance.throttled for run in timed):
        found.append("The processor was throttled during some runs.")
    if any(run.disturbance.on_battery for run in timed):
        found.append("The computer ran on battery.")
    return found


def older(moved: Sequence[str], created: float) -> Markup:
    """What moved against an older run of the same plan."""
    made = Markup("").join(Markup("<li>{}</li>").format(item) for item in moved)
    return Markup('<section id="older"><h2>Since the run of {}</h2><ul class="facts-list">{}</ul></section>').format(
        figures.moment(created), made
    )


def machine(result: Result) -> Markup:
    """The machine, every version, every file."""
    pairs = [*machine_facts(result.machine), ("Tandem", result.tandem or figures.NONE), ("experiment", result.id)]
    made = Markup("").join(Markup("<dt>{}</dt><dd>{}</dd>").format(k, v) for k, v in pairs)
    lanes = Markup("").join(
        Markup('<tr><td>{}</td><td>{} {}</td><td>{}</td><td>{}</td><td class="n">{}</td><td><code>{}</code></td></tr>').format(
            chip(i), title_of(lane.lane.engine), lane.engine_version, lane.build or figures.NONE, lane.device or figures.NONE,
            f"{lane.n_ctx:,}" if lane.n_ctx else figures.NONE,
            " ".join(hash_[:16] for hash_ in lane.files) or figures.NONE,
        )
        for i, lane in enumerate(result.lanes)
    )  # fmt: skip
    return Markup(
        '<section id="machine"><h2>Machine and versions</h2><dl>{}</dl><div class="wide"><table class="plain"><thead><tr><th></th><th>engine</th><th>build</th>'
        "<th>device</th><th>context</th><th>files (SHA-256)</th></tr></thead><tbody>{}</tbody></table></div></section>"
    ).format(made, lanes)


def machine_facts(machine_: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(name, words) of what is known of the machine, sizes in bytes as sizes."""
    return [(_title(key), _words(key, value)) for key, value in machine_.items()]


def _title(key: str) -> str:
    return TITLES.get(key) or key.removesuffix("_bytes").replace("_", " ")


def _words(key: str, value: Any) -> str:
    if value is None or value in ([], {}, "", ()):
        return figures.NONE
    if key.endswith("_bytes") and isinstance(value, int | float):
        return " ".join(figures.size(value))
    if isinstance(value, Mapping):
        return ", ".join(f"{k.replace('_', ' ')} {_words(str(k), v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_words("", v) for v in value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def settings(result: Result) -> Markup:
    """Every knob that was asked for or is known, asked against effective, with why where they differ."""
    body = Markup("").join(
        Markup("<tr{}><td>{}</td><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td></tr>").format(
            Markup(' class="changed"') if changed else "", chip(i), knob, asked, effective, why
        )
        for i, knob, asked, effective, why, changed in setting_rows(result)
    )
    if not body:
        return Markup("")
    return Markup(
        '<section id="settings"><h2>Settings, asked and effective</h2><details><summary>All settings of all lanes</summary>'
        '<div class="wide"><table class="plain"><thead><tr><th></th><th>knob</th><th>asked</th>'
        "<th>effective</th><th>why</th></tr></thead><tbody>{}</tbody></table></div></details></section>"
    ).format(body)


def setting_rows(result: Result) -> Iterable[tuple[int, str, str, str, str, bool]]:
    """(lane, knob, asked, effective, why, they differ)."""
    for i, lane in enumerate(result.lanes):
        for knob in dict.fromkeys([*lane.lane.knobs, *lane.effective]):
            asked = _value(lane.lane.knobs[knob]) if knob in lane.lane.knobs else "not set"
            known = knob in lane.effective
            effective = _value(lane.effective[knob]) if known else figures.NONE
            changed = known and knob in lane.lane.knobs and asked != effective
            yield i, knob, asked, effective, lane.why.get(knob, ""), changed


def _value(value: Any) -> str:
    if value is None:
        return "none"
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def runs(result: Result) -> Markup:
    """Every run as it was, folded away."""
    if not result.runs:
        return Markup("")
    keys = [
        m
        for m in rows.measures_of(result).metric
        if any(m.key in step.metrics for r in result.runs for step in r.steps)
    ]
    head = Markup("").join(Markup("<th>{}</th>").format(f"{m.title}, {m.unit}" if m.unit else m.title) for m in keys)
    body = Markup("").join(_run(run, [m.key for m in keys]) for run in result.runs)
    return Markup(
        '<section id="runs"><h2>Raw runs</h2><details><summary>{:,} runs</summary><div class="wide"><table class="plain"><thead><tr><th></th><th>block</th>'
        "<th>kind</th><th>step</th>{}<th>others' CPU</th><th>at</th><th></th></tr></thead><tbody>{}</tbody></table></div></details></section>"
    ).format(len(result.runs), head, body)


def _run(run: LaneRun, keys: Sequence[str]) -> Markup:
    made = Markup("")
    for step in run.steps:
        values = Markup("").join(Markup('<td class="n">{}</td>').format(_number(step.metrics.get(key))) for key in keys)
        why = run.disturbance.verdict
        said = f"repeated: {why}" if why and run.kind == "timed" and not run.counts else why
        made += Markup('<tr><td>{}</td><td class="n">{}</td><td class="n">{}</td><td class="n">{}</td>{}<td class="n">{}</td><td class="n">{}</td><td>{}</td></tr>').format(
            chip(run.lane), run.block, run.kind + (f" ({run.attempt})" if run.attempt > 1 else ""), step.name, values,
            figures.percent(run.disturbance.foreign_cpu), figures.seconds(run.at_s), said,
        )  # fmt: skip
    return made


def _number(value: float | None) -> str:
    return figures.NONE if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.4g}"


def method(result: Result) -> Markup:
    """METRICS "Comparing" in short."""
    made = Markup("").join(Markup("<li>{}</li>").format(line) for line in METHOD)
    notes = Markup("").join(Markup("<li>{}</li>").format(note) for note in result.plan.notes)
    return Markup('<section id="method"><h2>How it was measured</h2><ul class="facts-list">{}{}</ul></section>').format(
        notes, made
    )
