"""What this machine has: display, compiler, system packages, room on the disk. Questions only; nothing is changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

QT_PACKAGES = (
    "libegl1",
    "libgl1",
    "libxkbcommon0",
    "libxkbcommon-x11-0",
    "libdbus-1-3",
    "libfontconfig1",
    "libxcb-cursor0",
    "libxcb-icccm4",
    "libxcb-keysyms1",
    "libxcb-shape0",
    "libxcb-randr0",
    "libxcb-render-util0",
    "libxcb-image0",
    "fonts-dejavu",
)
TEST_PACKAGES = ("xvfb",)
COMPILER_PACKAGES = ("g++", "make")
COMPILERS = ("c++", "g++", "clang++")

Query = Callable[[Iterable[str]], str]


def has_display(environment: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Whether a window could be shown. Windows and macOS always have a screen as far as we can tell."""
    if platform in {"win32", "darwin"}:
        return True
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def has_compiler(environment: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Whether a C++ compiler is on the PATH or in CXX. On Windows CMake finds Visual Studio itself: assume it."""
    if platform == "win32" or environment.get("CXX"):
        return True
    return any(shutil.which(name, path=environment.get("PATH")) for name in COMPILERS)


def compiler_advice(platform: str = sys.platform) -> str:
    if platform == "win32":
        return "Install the C++ build tools: winget install Microsoft.VisualStudio.2022.BuildTools (C++ workload)."
    if platform == "darwin":
        return "Install Apple's compiler: xcode-select --install"
    return "Install a C++ compiler: sudo apt-get install g++ make"


def is_debian() -> bool:
    return bool(shutil.which("dpkg-query") and shutil.which("apt-get"))


def has_venv() -> bool:
    """Debian splits `ensurepip` off Python: without it `venv` makes an environment without pip."""
    try:
        import ensurepip  # noqa: F401, PLC0415
    except ImportError:
        return False
    return True


def wanted_packages(*, window: bool, tests: bool, compiler: bool, venv: bool) -> list[str]:
    """The Debian packages that a command needs on this machine."""
    wanted: list[str] = []
    wanted += QT_PACKAGES if window else ()
    wanted += TEST_PACKAGES if tests else ()
    wanted += () if compiler else COMPILER_PACKAGES
    wanted += () if venv else (f"python{sys.version_info[0]}.{sys.version_info[1]}-venv",)
    return wanted


def missing_packages(wanted: Iterable[str], query: Query | None = None) -> list[str]:
    """Those of `wanted` that dpkg does not list as installed, in the given order."""
    wanted = list(wanted)
    installed = installed_packages((query or dpkg_query)(wanted))
    return [name for name in wanted if name not in installed]


def installed_packages(listing: str) -> set[str]:
    """Names out of `dpkg-query -W -f '${Package} ${db:Status-Status}\\n'`; a removed package is listed too."""
    rows = (line.split() for line in listing.splitlines())
    return {row[0] for row in rows if len(row) == 2 and row[1] == "installed"}


def dpkg_query(names: Iterable[str]) -> str:
    command = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\\n", *names]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def administrator() -> list[str] | None:
    """The words to put before apt-get: none for root, sudo where it asks no password; None where we may not."""
    if os.environ.get("TANDEM_NO_APT"):
        return None
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n"]
    return None


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def folder_bytes(folder: Path) -> int:
    """Bytes of the files below `folder`; 0 where it is not there."""
    total = 0
    pending = [str(folder)] if folder.is_dir() else []
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    total += entry.stat(follow_symlinks=False).st_size
    return total
