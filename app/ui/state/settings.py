"""What the Settings page shows and changes: the look and its size, and where a person's data lies."""

from __future__ import annotations

import platform
from typing import Literal, get_args

from PySide6.QtCore import QObject, Signal

from app.ui import zoom
from app.ui.language import tr
from app.ui.state import words
from app.ui.state.kept import Kept
from app.ui.state.ports import Services
from engines import hardware

Look = Literal["light", "dark", "system"]


class SettingsState(QObject):
    """`look_changed(look)` when another look was chosen, `zoom_changed(percent)` when another size was."""

    look_changed = Signal(str)
    zoom_changed = Signal(int)

    def __init__(self, services: Services, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._kept = Kept(services.store)
        self.home = str(services.paths.home)

    @property
    def look(self) -> Look:
        """Light, dark, or what the system says."""
        kept = self._kept.get("window.theme", "system")
        return kept if kept in get_args(Look) else "system"  # type: ignore[return-value]

    def set_look(self, look: str) -> None:
        """Choose and remember."""
        if look in get_args(Look) and look != self.look:
            self._kept.set("window.theme", look)
            self.look_changed.emit(look)

    @property
    def zoom(self) -> int:
        """The size of everything in the window, in percent; one of `zoom.STEPS`."""
        return zoom.nearest(self._kept.get("window.zoom", zoom.USUAL))

    def set_zoom(self, percent: int) -> None:
        """Choose and remember."""
        if percent in zoom.STEPS and percent != self.zoom:
            self._kept.set("window.zoom", percent)
            self.zoom_changed.emit(percent)

    def facts(self) -> list[tuple[str, str]]:
        """This machine and this program, as (name, value)."""
        machine = hardware.machine()
        gpus = ", ".join(gpu.name for gpu in machine.gpus) or tr("none that can be used")
        return [
            (tr("Processor"), machine.cpu),
            (tr("Cores in use"), tr("{used} of {all}", used=f"{machine.cores:,}", all=f"{machine.cores_total:,}")),
            (tr("Memory"), words.size(machine.memory_bytes)),
            (tr("GPU"), gpus),
            (tr("System"), machine.system),
            (tr("Python"), platform.python_version()),
        ]
