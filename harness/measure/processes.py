"""What a process and its descendants take of the machine, by psutil. What cannot be had is NaN, never an error."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable

import psutil

FIGURES = ("rss_b", "rss_peak_b", "uss_b", "cpu_share", "cpu_cores", "fds", "threads")
"""The columns that `ProcessTree.sample` fills."""
_SHORTEST_S = 0.02
"""CPU time over less than this says more about the scheduler than about the load."""


def usable_cores() -> int:
    """Cores that this process may run on (its affinity; a quota of its control group is not looked at)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class ProcessTree:
    """This process and, with `include_children`, all its descendants, looked at whenever `sample` is called.

    `cpu_clock` returns the CPU seconds of this process. `doubts` collects what could not be observed, each once.
    """

    def __init__(self, include_children: bool, cpu_clock: Callable[[], float]) -> None:
        self.doubts: list[str] = []
        self._own = psutil.Process()
        self._include_children = include_children
        self._cpu_clock = cpu_clock
        self._children: dict[int, psutil.Process] = {}
        self._had_children = False
        self._pids: frozenset[int] = frozenset()
        self._child_cpu_s: dict[int, float] = {}
        self._used_s = math.nan
        self._at_s = math.nan
        self._mark_at_start_b = math.nan

    def sample(self, now_s: float, slow: bool) -> dict[str, float]:
        """One row of `FIGURES` at `now_s`; `slow` also takes what is expensive (USS, the list of children)."""
        if slow and self._include_children:
            self._find_children()
        cores = self._cpu_cores(now_s)
        return {
            "rss_b": self._sum("resident memory", lambda process: process.memory_info().rss),
            "rss_peak_b": self._peak_b(),
            "uss_b": self._sum("unique memory", lambda process: process.memory_full_info().uss) if slow else math.nan,
            "cpu_share": cores / usable_cores(),
            "cpu_cores": cores,
            "fds": self._sum("open descriptors", _descriptors),
            "threads": self._sum("threads", lambda process: process.num_threads()),
        }

    def _find_children(self) -> None:
        try:
            if (pids := frozenset(psutil.pids())) == self._pids:
                return  # the walk over all processes costs thirty times as much as their numbers
            self._pids = pids
            found = {child.pid: child for child in self._own.children(recursive=True)}
        except Exception as error:  # whatever the system refuses must not end the run
            self._doubt("child processes", error)
            return
        self._children = {pid: self._children.get(pid, child) for pid, child in found.items()}
        self._had_children = self._had_children or bool(found)

    def _sum(self, what: str, read: Callable[[psutil.Process], float]) -> float:
        """`read` of this process and of every descendant, together; NaN and a doubt where the system refuses."""
        try:
            return float(read(self._own) + self._sum_children(read))
        except Exception as error:  # whatever the system refuses must not end the run
            self._doubt(what, error)
            return math.nan

    def _sum_children(self, read: Callable[[psutil.Process], float]) -> float:
        total = 0.0
        for child in tuple(self._children.values()):
            try:
                total += read(child)
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                self._children.pop(child.pid, None)
        return total

    def _cpu_cores(self, now_s: float) -> float:
        """Mean number of cores in use since the last sample; NaN for the first one and right after another."""
        elapsed = now_s - self._at_s
        if elapsed < _SHORTEST_S:
            return math.nan
        before, self._used_s, self._at_s = self._used_s, self._cpu_clock(), now_s
        try:
            used = self._used_s - before + self._sum_children(self._child_used_s)
        except Exception as error:  # whatever the system refuses must not end the run
            self._doubt("CPU time of children", error)
            return math.nan
        # a child's CPU time comes in ticks of 10 ms, which may look like more than there is
        return min(used / elapsed, float(usable_cores()))

    def _child_used_s(self, child: psutil.Process) -> float:
        """CPU seconds of a child since it was last seen."""
        times = child.cpu_times()
        total = times.user + times.system
        before = self._child_cpu_s.get(child.pid, total)
        self._child_cpu_s[child.pid] = total
        return float(max(0.0, total - before))

    def _peak_b(self) -> float:
        """True peak since the first sample: the kernel's high-water mark where it has risen since; NaN otherwise."""
        mark = _high_water_mark_b()
        if math.isnan(self._mark_at_start_b):
            self._mark_at_start_b = mark
        return mark if mark > self._mark_at_start_b and not self._had_children else math.nan

    def _doubt(self, what: str, error: Exception) -> None:
        text = f"{what}: not observable here ({type(error).__name__}: {error})"
        if text not in self.doubts:
            self.doubts.append(text)


def _descriptors(process: psutil.Process) -> float:
    if sys.platform == "win32":
        return float(process.num_handles())
    return float(process.num_fds())


def _high_water_mark_b() -> float:
    """Largest resident set of this process so far; NaN where the system keeps none."""
    if sys.platform == "win32":
        return math.nan
    import resource  # noqa: PLC0415 - there is none on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
