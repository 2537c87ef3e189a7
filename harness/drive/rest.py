"""Lets a target come to rest after its last workflow, and counts what it still holds then."""

from __future__ import annotations

import asyncio
import math
import threading
from typing import Any

from harness.drive.clock import Clock
from harness.drive.interrupts import Interrupts
from harness.drive.target import BUILTIN, Gauged
from harness.drive.threads import Worker
from harness.measure.processes import children, process_counts
from harness.measure.rest import REST_S, SLOT_GAUGES, Rest, collect, kinds_of, live_tasks

_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.2


class RestWatch:
    """Counts before the first workflow, at rest, and after the target's `stop()`.

    A target that has let go of its tasks and slots when its last workflow ends costs one look; one that has not is
    looked at until it has, or until `REST_S` is over. What belongs to the process (descriptors, threads, children) is
    not counted on a virtual clock, where nothing of the real machine may show.
    """

    def __init__(self, target_name: str, clock: Clock) -> None:
        self._clock = clock
        self._real = not clock.virtual
        self._foreign = target_name != BUILTIN
        self._target: object = None
        self._looks_for_children = self._foreign and self._real
        self._children = children() if self._looks_for_children else None
        self._before: dict[str, float] = {}
        self._after: dict[str, float] = {}
        self._after_s = 0.0
        self._known: set[asyncio.Task[Any]] = set()
        self._kinds: dict[str, int] = {}
        self._seen = False
        self._orphans: int | None = None

    def first_look(self, target: object) -> None:
        """Right before the first workflow, on the loop's thread."""
        self._target = target
        self._known = live_tasks(self._clock.loop)
        self._before = self._counts(self._known)

    async def settle(self) -> None:
        """Look at once, and again until the target is at rest or its time for that is over."""
        began_s, pause_s = self._clock.now(), _FIRST_PAUSE_S
        while not self._look(began_s) and (left_s := began_s + REST_S - self._clock.now()) > 0:
            await asyncio.sleep(min(pause_s, left_s))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    @property
    def holds_descriptors(self) -> bool:
        """Whether more are open than before: garbage may be what holds them."""
        return self._real and self._after.get("fds", 0.0) > self._before.get("fds", math.inf)

    def collected(self, interrupts: Interrupts) -> None:
        """Collect garbage, and look once more. Takes as long as the heap is large: without an alarm meanwhile."""
        with interrupts.paused():
            collect()
        self._look(self._clock.now() - self._after_s)

    def after_stop(self) -> None:
        """The target has stopped: which children that it began are alive?"""
        now = children() if self._looks_for_children else None
        if now is not None and self._children is not None:
            self._orphans = len(now - self._children)

    def rest(self) -> Rest | None:
        """What was counted; None where the run did not come to rest.

        Nor for the built-in orchestrator on the virtual clock: its compiled twin has no tasks, and their runs are one.
        """
        if not self._seen or not (self._real or self._foreign):
            return None
        return Rest(self._before, self._after, self._after_s, self._orphans, self._kinds)

    def _look(self, began_s: float) -> bool:
        tasks = live_tasks(self._clock.loop)
        self._after = self._counts(tasks)
        self._after_s = self._clock.now() - began_s
        self._kinds = kinds_of(tasks - self._known)
        self._seen = True
        held = ("tasks", *SLOT_GAUGES)
        return all(self._after[name] <= self._before.get(name, 0.0) for name in held if name in self._after)

    def _counts(self, tasks: set[asyncio.Task[Any]]) -> dict[str, float]:
        counts = {"tasks": float(len(tasks)), **self._slots()}
        if not self._real:
            return counts
        counts |= process_counts()
        if "threads" in counts:
            # the harness's own: they carry out plain functions and what is handed to the default executor, and stay
            counts["threads"] -= sum(isinstance(thread, Worker) for thread in threading.enumerate())
        return counts

    def _slots(self) -> dict[str, float]:
        if not isinstance(self._target, Gauged):
            return {}
        try:
            shown = self._target.gauges()
            return {name: float(shown[name]) for name in SLOT_GAUGES if name in shown}
        except Exception:  # the sampler says so, with the reason
            return {}
