"""`tandem models search`, and `get` and `add` for what lies on the hub or at an address."""

from __future__ import annotations

from typing import Any

import click

from app.cli.figures import duration, rate, size
from app.cli.models_shape import show_one
from app.cli.program import Interrupts, Program, Ticker, json_option, pass_program, say, show_json
from app.errors import TandemError
from app.lab.hub_fit import verdicts
from app.lab.services import Services
from app.library.hub import Download, HubListing, HubModel, Offer
from app.library.hub.hub import SORTS
from engines import registry
from engines.spec import Task

LOOK_S = 0.2
PREFIX = "hf:"


@click.command()
@click.argument("query", metavar="QUERY|hf:ORG/NAME")
@click.option("--task", type=click.Choice([t.value for t in Task]), help="Only models for one task.")
@click.option("--sort", type=click.Choice(list(SORTS)), default="downloads", show_default=True)
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@json_option
@pass_program
def search(program: Program, query: str, task: str | None, sort: str, limit: int, as_json: bool) -> None:
    """Find models on the hub; with hf:ORG/NAME the variants of one, and whether they fit this machine."""
    with program.services() as services:
        if query.startswith(PREFIX):
            listing = services.hub.offers(query.removeprefix(PREFIX))
            _show_listing(services, listing, as_json)
        else:
            _show_found(services.hub.search(query, task or "", sort, limit), as_json)


def get_from_hub(program: Program, text: str, as_json: bool) -> None:
    """`tandem models get hf:ORG/NAME[:VARIANT]`: download it, or go on with it, and show the variant."""
    with program.services() as services:
        again = f"tandem models get {PREFIX}{text.removeprefix(PREFIX)}"
        _get(services, services.hub.find(text), again, as_json)


def add_url(program: Program, text: str, as_json: bool) -> None:
    """`tandem models add URL`: a file's or a page's address on the hub, or of a model file elsewhere."""
    with program.services() as services:
        _get(services, services.hub.offer_of_url(text), "tandem models add with the same address", as_json)


def _get(services: Services, offer: Offer, again: str, as_json: bool) -> None:
    say(
        f"{offer.repo} {offer.name}: {size(offer.bytes or None)}, {offer.licence or 'licence not said'}{_fits(services, offer)}"
    )
    done = _download(services, offer, again)
    if done.note:
        say(f"note: {done.note}")
    show_one(services.library.get(done.ref), as_json)


def _download(services: Services, offer: Offer, again: str) -> Download:
    """Until it has ended; an interrupt pauses it. Raises TandemError with the reason it did not end well."""
    downloads, ticker = services.downloads, Ticker()
    with Interrupts().watching() as interrupts:
        key = downloads.start(offer)
        try:
            while (seen := downloads.wait(key, LOOK_S)).state in ("queued", "running", "checking"):
                ticker(_line(seen))
                if interrupts.asked() and not seen.elsewhere:
                    downloads.pause(key)
        finally:
            ticker.done()
    if seen.state == "done":
        return seen
    if seen.state == "failed" or seen.code:
        raise TandemError(seen.code or "network", seen.message, seen.hint)
    kept = f"{size(seen.done_bytes)} of {size(seen.bytes)} are kept."
    raise TandemError("cancelled", f"The download is {seen.state}: {kept}", f"{again} goes on with it.")


def _line(seen: Download) -> str:
    speed = f", {rate(seen.rate / 1e6, 'MB/s')}" if seen.rate else ""
    left = f", {duration(seen.eta_s)} left" if seen.eta_s is not None else ""
    words = f" ({seen.message})" if seen.message else ""
    return f"{seen.state}: {size(seen.done_bytes)} of {size(seen.bytes)}{speed}{left}{words}"


def _verdicts(services: Services, offer: Offer) -> dict[str, str]:
    """Engine → fits, tight or no. What cannot be said of one variant does not keep the others from being listed."""
    if offer.why_not:
        return {}
    try:
        found = verdicts(services.hub, offer, services.store, registry.visible())
    except TandemError as error:
        say(f"note: {offer.name}: {error.message}")
        return {}
    return {engine: estimate.verdict for engine, estimate in found}


def _fits(services: Services, offer: Offer) -> str:
    words = [f"{engine}: {verdict}" for engine, verdict in _verdicts(services, offer).items()]
    return f", here {', '.join(words)}" if words else ""


def _show_listing(services: Services, listing: HubListing, as_json: bool) -> None:
    found = [(offer, _verdicts(services, offer)) for offer in listing.offers]
    if as_json:
        show_json({
            "repo": listing.repo, "revision": listing.revision, "licence": listing.licence, "gated": listing.gated,
            "refused": listing.refused, "variants": [_shape(offer, fits) for offer, fits in found],
        })  # fmt: skip
        return
    gated = ", gated" if listing.gated else ""
    click.echo(f"{listing.repo} at {listing.revision[:7]}, {listing.licence or 'licence not said'}{gated}\n")
    for offer, fits in found:
        words = offer.why_not or ", ".join(f"{engine}: {verdict}" for engine, verdict in fits.items())
        click.echo(f"{offer.name:<24} {offer.format:<12} {size(offer.bytes):>8}  {words}".rstrip())
    for line in listing.refused:
        say(f"note: left out {line}")
    if any(not offer.why_not for offer in listing.offers):
        click.echo(f"\nGet one: tandem models get {PREFIX}{listing.repo}:VARIANT")


def _shape(offer: Offer, fits: dict[str, str]) -> dict[str, Any]:
    return {
        "name": offer.name, "format": offer.format, "task": offer.task, "bytes": offer.bytes, "why_not": offer.why_not or None,
        "fits": fits, "files": [{"path": f.path, "bytes": f.bytes, "sha256": f.sha256 or None} for f in offer.files],
    }  # fmt: skip


def _show_found(found: tuple[HubModel, ...], as_json: bool) -> None:
    if as_json:
        show_json({"models": found})
        return
    if not found:
        click.echo("The hub has no model of that name.")
    for model in found:
        formats = ", ".join(model.formats) or "–"
        gated = "gated" if model.gated else ""
        click.echo(
            f"{model.repo:<56} {model.downloads:>12,}  {model.updated:<10}  {model.licence:<14} {formats:<22} {gated}".rstrip()
        )
