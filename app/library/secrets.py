"""Keys and tokens: in the system's keyring; where there is none, in this process alone and gone with it."""

from __future__ import annotations

import importlib
import threading
from typing import Any, Protocol

SERVICE = "tandem"
NOBODY = ("fail", "null")  # keyring's own backends that keep nothing


class Keyring(Protocol):
    """What is needed of the library `keyring`."""

    def get_password(self, service: str, name: str) -> str | None: ...
    def set_password(self, service: str, name: str, value: str) -> None: ...
    def delete_password(self, service: str, name: str) -> None: ...


class Secrets:
    """Secrets by name. Safe to use from several threads. A keyring that fails is as good as none."""

    def __init__(self, keyring: Keyring | None = None) -> None:
        self._given = keyring
        self._session: dict[str, str] = {}
        self._guard = threading.Lock()
        self._looked = keyring is not None

    @property
    def kept(self) -> bool:
        """True if what is set outlives this process: there is a keyring that can be used."""
        return self._keyring() is not None

    def get(self, name: str) -> str:
        """The secret, or ""."""
        with self._guard:
            if name in self._session:
                return self._session[name]
        ring = self._keyring()
        if ring is None:
            return ""
        try:
            return ring.get_password(SERVICE, name) or ""
        except Exception:  # noqa: BLE001 - locked, denied, gone: as good as not there
            return ""

    def set(self, name: str, value: str) -> bool:
        """Keep it. True: in the system's keyring; False: for this session only."""
        ring = self._keyring()
        if ring is not None:
            try:
                ring.set_password(SERVICE, name, value)
            except Exception:  # noqa: BLE001 - locked or denied: the session keeps it
                ring = None
        with self._guard:
            if ring is None:
                self._session[name] = value
            else:
                self._session.pop(name, None)
        return ring is not None

    def forget(self, name: str) -> None:
        """Delete it, wherever it is."""
        with self._guard:
            self._session.pop(name, None)
        ring = self._keyring()
        if ring is not None:
            try:
                ring.delete_password(SERVICE, name)
            except Exception:  # noqa: BLE001 - it was not there
                return

    def _keyring(self) -> Keyring | None:
        """Looked for once, when it is first needed: finding it takes a tenth of a second."""
        with self._guard:
            if not self._looked:
                self._looked, self._given = True, _system()
            return self._given


def _system() -> Keyring | None:
    try:
        library: Any = importlib.import_module("keyring")
        backend: Any = library.get_keyring()
    except Exception:  # noqa: BLE001 - not installed, or no backend could be made
        return None
    module = type(backend).__module__
    return None if module.rpartition(".")[2] in NOBODY else backend
