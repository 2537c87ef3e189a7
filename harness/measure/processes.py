"""What a process and its descendants take of the machine, by psutil. What cannot be had is NaN, never an error."""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Callable

import numpy as np
import psutil

from harness.measure.record import Floats

FIGURES = ("rss_b", "rss_peak_b", "uss_b", "cpu_share", "cpu_cores", "fds", "threads")
"""The columns that `ProcessTree.sample` fills."""
_NOTHING = (0.0, 0.0)
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
        self._known_cpu_s: dict[psutil.Process, tuple[float, float]] = {}
        self._reaped_s = 0.0
        self._owed_s = 0.0
        self._used_s = math.nan
        self._at_s = math.nan
        self._mark_at_start_b = math.nan

    def sample(self, now_s: float, slow: bool) -> dict[str, float]:
        """One row of `FIGURES` at `now_s`, CPU time first; `slow` also takes USS, which is expensive."""
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

    def too_soon_s(self, now_s: float) -> float:
        """How long to wait until a sample would have a figure of CPU time; 0 for none."""
        return 0.0 if math.isnan(self._at_s) else max(0.0, self._at_s + _SHORTEST_S - now_s)

    def look_for_children(self) -> None:
        """Find out which descendants there are, where they are included: expensive."""
        if not self._include_children:
            return
        try:
            if (pids := frozenset(psutil.pids())) == self._pids:
                return  # the walk over all processes costs thirty times as much as their numbers
            self._pids = pids
            found = {child.pid: child for child in self._own.children(recursive=True)}
        except Exception as error:  # whatever the system refuses must not end the run
            self._doubt("child processes", error)
            return
        # the number of a process that ended may have been given to another one since
        known = {pid: child for pid, child in self._children.items() if found.get(pid) == child}
        self._children = found | known
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
            except psutil.ZombieProcess:
                continue  # it ended and holds nothing, but nobody has been handed its CPU time yet
            except psutil.NoSuchProcess:
                self._children.pop(child.pid, None)
        return total

    def _cpu_cores(self, now_s: float) -> float:
        """Mean number of cores in use since the last sample; NaN for the first one and right after another.

        What a child used before it was first seen, or all of what one used that was never seen, comes with the sample
        that shows it: it may look like more cores than there are (`spread_back`).
        """
        elapsed = now_s - self._at_s
        if elapsed < _SHORTEST_S:
            return math.nan
        before, self._used_s, self._at_s = self._used_s, self._cpu_clock(), now_s
        try:
            used = self._used_s - before + (self._descendants_used_s() if self._include_children else 0.0)
        except Exception as error:  # whatever the system refuses must not end the run
            self._doubt("CPU time of children", error)
            return math.nan
        return used / elapsed

    def _descendants_used_s(self) -> float:
        """CPU seconds of all descendants since the last call, also of those that came and went in between.

        Who reaps a child is handed the CPU time of its whole life: what was counted while it lived is taken off that.
        Children known at the first call count from there, all others from their birth.
        """
        before, known = self._known_cpu_s, {}
        earlier_s, reaped_s = self._reaped_s, _reaped_cpu_s()
        for child in tuple(self._children.values()):
            # after the total of those that were reaped; gone, or a zombie that some systems do not look into
            with contextlib.suppress(psutil.NoSuchProcess):
                known[child] = _cpu_seconds(child)
        self._known_cpu_s, self._reaped_s = known, reaped_s
        living = math.fsum(max(0.0, own - before.get(child, _NOTHING)[0]) for child, (own, _) in known.items())
        handed = reaped_s - earlier_s
        handed += math.fsum(reaped - before.get(child, _NOTHING)[1] for child, (_, reaped) in known.items())
        gone = math.fsum(sum(before[child]) for child in before.keys() - known.keys())
        taken_off = gone + self._owed_s
        # one that was reaped while we looked is handed over by the next look; what never is, an orphan's, is let go
        self._owed_s = max(0.0, gone - handed)
        return living + max(0.0, handed - taken_off)

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


def spread_back(times_s: Floats, cores: Floats, most: float) -> Floats:
    """`cores`, each since the value before it (NaN: none), with what exceeds `most` moved to the time before.

    CPU time of a child comes in ticks of 10 ms and, where the child was seen late, in one piece: it was used earlier.
    """
    spread = cores.copy()
    seen = np.flatnonzero(~np.isnan(cores))
    # each of them reaches back to the one before; a first sample has no figure but begins the time of the next
    begins = np.concatenate((np.maximum(seen[:1] - 1, 0), seen[:-1]))
    surplus_s = 0.0
    for row, begin in zip(seen[::-1], begins[::-1], strict=True):
        length = float(times_s[row] - times_s[begin])
        used_s = float(cores[row]) * length + surplus_s
        surplus_s = max(0.0, used_s - most * length)
        spread[row] = min(used_s / length, most) if length > 0 else min(float(cores[row]), most)
    return spread


def process_counts() -> dict[str, float]:
    """Open descriptors and threads of this process; a figure that the system refuses is left out."""
    counts: dict[str, float] = {}
    with contextlib.suppress(psutil.Error, OSError):
        own = psutil.Process()
        counts["fds"], counts["threads"] = _descriptors(own), float(own.num_threads())
    return counts


def children() -> frozenset[int] | None:
    """Numbers of this process's descendants that are alive; None where the system refuses."""
    try:
        alive = psutil.Process().children(recursive=True)
        return frozenset(child.pid for child in alive if child.status() != psutil.STATUS_ZOMBIE)
    except (psutil.Error, OSError):
        return None


def _cpu_seconds(child: psutil.Process) -> tuple[float, float]:
    """CPU seconds of `child` itself, and of those that it has reaped; raises `psutil.NoSuchProcess` where it is gone.

    Gone too is one that is still listed as dead: from a zombie it became that before its parent was handed its time,
    so one that is no more than a zombie after the parent's total was read is not yet part of that.
    """
    with child.oneshot():  # both from one look
        times, status = child.cpu_times(), child.status()
    if status == psutil.STATUS_DEAD:
        raise psutil.NoSuchProcess(child.pid)
    return times.user + times.system, getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)


def _reaped_cpu_s() -> float:
    """CPU seconds of children that this process has waited for, and of theirs; 0 where the system does not tell."""
    if sys.platform == "win32":
        return 0.0
    import resource  # noqa: PLC0415 - there is none on Windows

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


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
