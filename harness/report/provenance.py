"""Where a report comes from: the machine and the commit. Never a host name, a user name or a path."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_SHOWN_VERSIONS = ("numpy", "scipy", "psutil", "langgraph", "asv", "pytest-benchmark")
_GIT_PATIENCE_S = 10


def collect_machine(packages: Iterable[str] = _SHOWN_VERSIONS) -> dict[str, Any]:
    """The machine block of a report: platform, processor, Python, cores, memory, versions of `packages`.

    `cpu_count` is what the system has, `cpu_usable` what this process may use; memory in bytes. What the platform does
    not tell is None.
    """
    import psutil  # noqa: PLC0415  - only a run's report needs it, and it is not free to import

    return {
        "platform": platform.platform(),
        "architecture": platform.machine(),
        "processor": _processor(),
        "cpu_count": os.cpu_count(),
        "cpu_usable": usable_cores(),
        "memory_total_b": int(psutil.virtual_memory().total),
        "python": platform.python_version(),
        "python_implementation": platform.python_implementation(),
        "versions": {name: _version(name) for name in sorted(packages)},
    }


def _processor() -> str | None:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip() or None
    except OSError:
        pass  # not Linux: the platform module knows, or nobody does
    return platform.processor() or None


def usable_cores() -> int | None:
    """Cores that this process may use; None where the platform does not tell."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def collect_commit(folder: Path | str = ".") -> dict[str, Any] | None:
    """The git commit checked out in `folder` and whether tracked files differ from it; None outside a checkout.

    None, too, where git is not installed, does not answer in time, or there is no commit yet.
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if commit is None:
        return None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"id": commit, "dirty": None if changes is None else bool(changes)}


def _git(folder: Path | str, *arguments: str) -> str | None:
    # a checkout may be a stranger's: its configured monitor is not run, and its index is not written
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_PATIENCE_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
