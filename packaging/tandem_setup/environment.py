"""The checkout's virtual environment: made, repaired, filled by pip, stamped."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tandem_setup import machine, pins, piplog
from tandem_setup.errors import SetupError
from tandem_setup.progress import Progress, run_logged


class Environment:
    """`.venv` in `root`; pip's output lies in `root/.cache/logs`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / ".venv"
        self.scripts = self.folder / ("Scripts" if os.name == "nt" else "bin")
        self.python = self.script("python")
        self.stamps = self.folder / ".tandem"
        self.logs = root / ".cache" / "logs"
        self.starter = root / ".cache" / "starter"

    def script(self, name: str) -> Path:
        return self.scripts / (f"{name}.exe" if os.name == "nt" else name)

    def requirements(self, group: str) -> Path:
        return self.root / "packaging" / "requirements" / f"{group}.txt"

    def variables(self, **more: str) -> dict[str, str]:
        """The person's environment (so also their pip configuration) without what would lead into another Python."""
        kept = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}}
        return {**kept, "TANDEM_STARTER": str(self.starter), "PYTHONUTF8": "1", **more}

    @property
    def usable(self) -> bool:
        """Whether its Python starts, is of our version and has pip."""
        test = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
        return self.python.exists() and self._says(test) == f"{sys.version_info[0]}.{sys.version_info[1]}"

    def make(self, progress: Progress) -> None:
        """A fresh environment in place of none, a broken one or one of another Python version."""
        if self.folder.exists():
            shutil.rmtree(self.folder)
        code = run_logged(
            [sys.executable, "-m", "venv", str(self.folder)], self._log("venv"), self.variables(), progress
        )
        if code != 0:
            hint = "Debian and Ubuntu keep this apart: " + install_line(
                machine.wanted_packages(window=False, tests=False, compiler=True, venv=False)
            )
            raise SetupError("Python could not make a virtual environment.\n" + self._tail("venv"), hint)

    def installed(self, group: str) -> bool:
        return pins.is_stamped(self.stamps, group, pins.digest(self.requirements(group)))

    def install(self, group: str, proof: str, progress: Progress) -> None:
        """Installs a group's exact pins and proves it by `import proof`. Resumes what an earlier try left."""
        pins.unstamp(self.stamps, group)
        self._sweep()
        self.pip(group, ["-r", str(self.requirements(group))], progress)
        problem = self._import_problem(proof)
        if problem:
            raise SetupError(f"{group} is installed but does not start: {problem}", _start_hint(problem))
        pins.stamp(self.stamps, group, pins.digest(self.requirements(group)))

    def install_checkout(self, progress: Progress) -> None:
        """Tandem itself, editable: gives the command `tandem`. Needs the group core (setuptools is pinned there)."""
        self.pip("tandem", ["--no-deps", "--no-build-isolation", "-e", str(self.root)], progress)
        pins.stamp(self.stamps, "tandem", self._checkout_digest())

    @property
    def checkout_installed(self) -> bool:
        stamped = pins.is_stamped(self.stamps, "tandem", self._checkout_digest())
        return stamped and self.script("tandem").exists()

    def _checkout_digest(self) -> str:
        return pins.project_digest(self.root / "pyproject.toml")

    def pip(self, name: str, arguments: list[str], progress: Progress) -> None:
        """`pip install arguments`. Raises SetupError with the end of pip's log and what to do."""
        command = [str(self.python), "-m", "pip", "install", "--no-input", "--disable-pip-version-check", *arguments]
        jobs = {"CMAKE_BUILD_PARALLEL_LEVEL": os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL", str(machine.cores()))}
        if run_logged(command, self._log(name), self.variables(**jobs), progress) == 0:
            return
        log = self._log(name).read_text(encoding="utf-8", errors="replace")
        hint = piplog.advice(log, machine.compiler_advice()) or "Run the same command again: it goes on from here."
        shown = self._log(name).relative_to(self.root)
        raise SetupError(f"pip could not install {name}. The end of {shown}:\n{self._tail(name)}", hint)

    def _sweep(self) -> None:
        for site_packages in self.folder.glob("[Ll]ib/**/site-packages"):
            pins.sweep_half_installed(site_packages)

    def _import_problem(self, proof: str) -> str:
        """The last line of a failed `import proof`, "" if it works."""
        command = [str(self.python), "-c", f"import {proof}"]
        result = subprocess.run(command, capture_output=True, text=True, env=self.variables(), check=False)
        if result.returncode == 0:
            return ""
        return (result.stderr.strip().splitlines() or [f"exit code {result.returncode}"])[-1]

    def _says(self, code: str) -> str:
        command = [str(self.python), "-c", code]
        result = subprocess.run(command, capture_output=True, text=True, env=self.variables(), check=False)
        return result.stdout.strip() if result.returncode == 0 else ""

    def _log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def _tail(self, name: str) -> str:
        return piplog.tail(self._log(name).read_text(encoding="utf-8", errors="replace"))


def install_line(packages: list[str]) -> str:
    return "sudo apt-get install " + " ".join(packages)


def _start_hint(problem: str) -> str:
    if "cannot open shared object" in problem and machine.is_debian():
        missing = machine.missing_packages(machine.QT_PACKAGES)
        return install_line(missing or list(machine.QT_PACKAGES))
    return "Remove .venv and run the same command again; if that does not help, the line above is what to report."
