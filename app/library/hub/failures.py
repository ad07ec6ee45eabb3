"""What goes wrong with a hub, each as an error of its own that says what to do."""

from __future__ import annotations

from app.errors import TandemError

TOKEN_HINT = "Make a token on the hub (Settings, Access Tokens), then give it to Tandem, or set HF_TOKEN."  # noqa: S105
LATER = "Try again later; what was fetched is kept."


def of_status(status: int, code: str, what: str, host: str, token: bool) -> TandemError:
    """The error for an answer of 400 and more. code: its header X-Error-Code. what: a repository or file. token: one was sent."""
    if code == "GatedRepo" or (status == 403 and code in ("", "GatedRepo")):
        return gated(what, host, token)
    if code == "RevisionNotFound":
        return TandemError("not_found", f"{what} has no such branch or commit on {host}.", "Leave the revision away.")
    if code in ("RepoNotFound", "EntryNotFound") or status == 404:
        return missing(what, host, token, status)
    if status == 401:
        return bad_token(host) if token else missing(what, host, token, status)
    if status == 403:
        return gated(what, host, token)
    if status == 429:
        return TandemError(
            "rate_limited", f"{host} asks for fewer requests just now (429).", "Wait some minutes, try again."
        )
    if status >= 500:
        return TandemError("network", f"{host} has a problem of its own ({status}).", "Try again later.")
    return TandemError("hub_refused", f"{host} refused {what} ({status}).", "Check the name on the hub's page.")


def gated(what: str, host: str, token: bool) -> TandemError:
    """A repository whose owner wants a word first."""
    if token:
        hint = "Open its page, accept its conditions with the account of your token, then try again."
    else:
        hint = f"Open its page and accept its conditions. {TOKEN_HINT}"
    return TandemError("gated", f"{what} is gated: {host} gives it only to people who accepted its conditions.", hint)


def missing(what: str, host: str, token: bool, status: int = 404) -> TandemError:
    """404, and 401 without a token, by which the hub hides private repositories."""
    hint = "Check its name." if token else f"Check its name. If it is private: {TOKEN_HINT}"
    if status in (401, 403) and not token:
        return TandemError("no_token", f"{what} is not on {host}, or it is private.", hint)
    return TandemError("not_found", f"{what} is not on {host}, or it is private.", hint)


def bad_token(host: str) -> TandemError:
    return TandemError("bad_token", f"{host} does not accept your token.", TOKEN_HINT)


def unreachable(host: str, why: str) -> TandemError:
    """why: without a full stop."""
    return TandemError("network", f"{host} cannot be reached: {why}.", "Check the connection, then try again.")


def garbage(host: str) -> TandemError:
    return TandemError(
        "not_a_hub", f"{host} answered with something that is not the hub's language.",
        "Check HF_ENDPOINT. A network with a log-in page does this too.",
    )  # fmt: skip


def bad_checksum(name: str) -> TandemError:
    return TandemError(
        "bad_checksum", f"{name} arrived twice with another content than its publisher says.",
        "It was deleted. Try again later; if it stays so, something between here and the hub changes files.",
    )  # fmt: skip


def full(free_bytes: int, wanted: int) -> TandemError:
    return TandemError(
        "disk_full", f"The disk is nearly full: {wanted / 1e6:,.0f} MB are still to come, {free_bytes / 1e6:,.0f} MB are free.",
        "Free some space, then resume; what was fetched is kept.",
    )  # fmt: skip
