"""Takes measured comparisons over as shipped replays: .venv/bin/python packaging/record_comparisons.py [RECIPE …]

Measure first (`tandem compare RECIPE`, or in the window). The newest finished measurement of each recipe in the home becomes
resources/replays/compare-<recipe>.json: the whole result, as it was found here and never typed in. Its table and verdict are
made anew from its raw runs, so that they are worded as the program words them now.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import msgspec  # noqa: E402

from app import compose  # noqa: E402
from app.lab.compare import finish  # noqa: E402
from app.lab.compare.measures import measures  # noqa: E402
from app.lab.compare.plan import Mode  # noqa: E402
from app.lab.compare.recipes import all_recipes  # noqa: E402
from app.lab.compare.result import Result, Status  # noqa: E402


def newest(found: list[Result], recipe: str) -> Result | None:
    """The newest finished measurement of a recipe; `found` is newest first."""
    fitting = (r for r in found if r.plan.recipe == recipe and r.mode is Mode.MEASURE and r.status is Status.DONE)
    return next(fitting, None)


def main(wanted: list[str]) -> int:
    with compose.services() as services:
        found = [msgspec.convert(e.result, Result) for e in services.store.experiments(1000) if e.result]
        recipes = wanted or [info.id for info in all_recipes(services.paths.resources)]
        missing = []
        for recipe in recipes:
            result = newest(found, recipe)
            if result is None:
                missing.append(recipe)
                continue
            known = measures(result.plan.task)
            result = msgspec.structs.replace(result, **finish.counted(result, known))
            result = msgspec.structs.replace(result, **finish.told(result, known))
            path = services.paths.resources / "replays" / f"compare-{recipe}.json"
            path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=0) + b"\n")
            print(
                f"{path.relative_to(ROOT)}: {path.stat().st_size / 1e3:,.0f} kB, {result.blocks} blocks, {result.words}"
            )
        for recipe in missing:
            print(f"{recipe}: not measured yet (tandem compare {recipe})", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
