"""`ResourceMonitor`: what a run takes of the machine, sampled about ten times a second by a thread of its own.

What it costs (CPU time of the process, 8 s, a virtual machine with two cores, CPython 3.11): 0.6 % of one core with no
loop to watch and 1.2 % with one, nearly all of it the ten or thirty wake-ups a second; the first and the last sample
take about 5 ms each.
"""

from __future__ import annotations

import asyncio
import gc
import math
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType

from harness.measure.executors import FIGURES as EXECUTOR_FIGURES
from harness.measure.executors import executor_figures
from harness.measure.heartbeat import Heartbeat
from harness.measure.processes import FIGURES, ProcessTree, spread_back, usable_cores
from harness.measure.record import Series, empty_series
from harness.measure.samples import SampleLog
from harness.measure.stalls import Stall, StallWatch

INTERVAL_S = 0.1
_OWN_FIGURES = ("gc_collections", "gc_pause_s", "gc_pause_max_s", "blocks")
_BEATS_PER_SAMPLE = 2
"""A block of the loop shows from the first beat in it: with 50 ms between beats, all but 50 ms of it at least.

A beat costs two wake-ups, about 0.2 ms of CPU time on a virtual machine: ten per sample would be 2 % of a core.
"""
_LOOK_S = 0.01
"""While the loop does not answer, its stack is looked at so often."""
_SLOW_EVERY_S = 1.0
"""USS walks the page tables and the list of children walks all processes: both are looked at once a second."""
_SLOW_SHARE = 0.02
"""Share of the time that looking at both may take; where that is more, they are looked at less often."""


class GcWatch:
    """Collections of the garbage collector, the seconds they took and the longest of them, since `start`.

    CPU time of the collecting thread: a collection waits for nothing, and what a busy machine adds is not its doing.
    """

    def __init__(self) -> None:
        self.collections = 0
        self.pause_s = 0.0
        self.longest_s = 0.0
        self._since_s = math.nan

    def start(self) -> None:
        """Begin to count."""
        gc.callbacks.append(self._on_phase)

    def stop(self) -> None:
        """Stop counting."""
        if self._on_phase in gc.callbacks:
            gc.callbacks.remove(self._on_phase)

    def _on_phase(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._since_s = time.thread_time()
        elif not math.isnan(self._since_s):  # counting may begin in the middle of a collection
            took_s = max(0.0, time.thread_time() - self._since_s)
            self.collections += 1
            self.pause_s += took_s
            self.longest_s = max(self.longest_s, took_s)


class ResourceMonitor:
    """Samples this process (and its children) from `start()` to `stop()`; both ends are always sampled.

    `loop` is the event loop to watch (None: lag and tasks are not observed). `interval_s` is the time between samples;
    they keep to absolute due times, and one that is missed is left out, not made up for. `time_origin` returns the time
    on the run's clock in seconds (monotonic; default: seconds since `start()`) and may be called from any thread.

    The columns of the `Series` (see its docstring for the names and units):

    - `rss_b`, `cpu_cores`, `cpu_share`, `fds`, `threads` sum over the process and, with `include_children`, all its
      descendants. `cpu_*` are means since the last sample; `cpu_share` is of the cores this process may run on. A child
      counts with its memory and descriptors from the first time it is seen, at most a second after its birth, and with
      all its CPU time, also if it was never seen: what was used before it shows is moved to the samples before.
    - `uss_b` is measured once a second (less often where that is slow), NaN in between.
    - `rss_peak_b` is the true peak of a process without children, from the kernel's high-water mark, once the mark has
      risen since the start; NaN before that, and where the system has none. The mark cannot be reset without taking it
      from others, so a peak below an earlier one (of the process, or of who executed it) is known from samples only.
    - `loop_lag_s` is the largest lag of the loop since the last sample (beats every `interval_s` / 2), `tasks` the
      number of live tasks as counted by the loop itself.
    - `gc_collections`, `gc_pause_s` count since `start()`; `gc_pause_max_s` is the longest pause since then.
    - `blocks` is the number of memory blocks that Python's own allocator has given out and not got back: objects that
      are kept show in it to the object, which resident memory cannot do.
    - `executor_queue`, `executor_threads`, `executor_limit`: see `harness.measure.executors`.

    `stalls` says where the loop was held up, with stacks; `core_wait_s(native_id)` returns how long a thread has waited
    for a core so far (NaN: unknown), so that a busy machine is not taken for a blocked loop.

    A figure that the system refuses is NaN, and `doubts` says why; the monitor never ends a run.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop | None = None,
        interval_s: float = INTERVAL_S,
        *,
        time_origin: Callable[[], float] | None = None,
        include_children: bool = True,
        core_wait_s: Callable[[int], float] = lambda _: math.nan,
    ) -> None:
        if not interval_s > 0:
            raise ValueError(f"interval_s: expected more than 0 s, found {interval_s:g} s")
        self._interval_s = interval_s
        self._clock = time_origin
        self._tree = ProcessTree(include_children, time.process_time)
        self._loop = loop
        self._heart = None if loop is None else Heartbeat(loop, time.monotonic, interval_s)
        self._loop_thread = 0
        self._core_wait_s = core_wait_s
        self._stalls = StallWatch(self._excused_s)
        self._gc = GcWatch()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._log = SampleLog()
        self._slow_from_s = -math.inf
        self._begun_s = math.nan
        self.marks: list[tuple[float, str]] = []
        """(time, mark) of each `sample_now`."""

    @property
    def doubts(self) -> tuple[str, ...]:
        """What could not be observed, and why, each once."""
        return tuple(self._tree.doubts)

    @property
    def stalls(self) -> tuple[Stall, ...]:
        """Where the loop was held up, the longest first; only where `start()` was called on the loop's own thread."""
        return self._stalls.stalls()

    def start(self) -> None:
        """Take the first sample and start the thread. A monitor is started once; again raises `RuntimeError`."""
        if self._thread is not None:
            raise RuntimeError("this monitor was started before; use a new one for each run")
        self._begun_s = time.monotonic()
        if asyncio._get_running_loop() is self._loop and self._loop is not None:
            self._loop_thread = threading.get_native_id()
            self._stalls.begin(threading.get_ident(), sys._getframe())
        self._gc.start()
        self._sample()
        self._thread = threading.Thread(target=self._watch, name="resource-monitor", daemon=True)
        self._thread.start()

    def stop(self) -> Series:
        """Take the last sample and return the series; empty if never started. Again returns the same."""
        if self._thread is not None and not self._stopping.is_set():
            self._stopping.set()
            self._thread.join()
            self._slow_from_s = -math.inf
            # no sample follows that could tell of what was used, or of a child that was reaped, since the last one
            time.sleep(self._tree.too_soon_s(time.monotonic()))
            self._sample()
            self._gc.stop()
            self._stalls.end()
        return self.series()

    def sample_now(self, mark: str) -> None:
        """Take one more sample at once (between batches, say) and keep `mark` beside its time."""
        self.marks.append((self._sample(), mark))

    def __enter__(self) -> ResourceMonitor:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _now(self) -> float:
        return time.monotonic() - self._begun_s if self._clock is None else self._clock()

    def _watch(self) -> None:
        """The thread: a beat at each tick, a sample at every second one (at each, where no loop is watched)."""
        per_sample = _BEATS_PER_SAMPLE if self._heart is not None else 1
        tick_s = self._interval_s / per_sample
        tick, sample_at = 1, per_sample
        while True:
            due_s = self._begun_s + tick * tick_s
            if self._waits_until(due_s):
                return
            if self._heart is not None:
                self._heart.beat(due_s)
            if tick >= sample_at:
                self._sample()
            # what fell due while this thread itself was sampling is left out: it is not the loop that was late
            tick = max(tick, math.floor((time.monotonic() - self._begun_s) / tick_s)) + 1
            sample_at = math.ceil(tick / per_sample) * per_sample

    def _waits_until(self, due_s: float) -> bool:
        """Wait, and look at the loop's stack meanwhile if it does not answer; True where the monitor is to stop."""
        while (left_s := due_s - time.monotonic()) > 0:
            late = self._heart is not None and self._heart.unanswered_s() > _LOOK_S
            if late:
                self._stalls.look(time.monotonic(), self._now())
            else:
                self._stalls.over()
            if self._stopping.wait(min(left_s, _LOOK_S) if late else left_s):
                return True
        return self._stopping.is_set()

    def _excused_s(self) -> float:
        """For how long the loop's thread could not go on so far, through no fault of what it runs."""
        waited_s = self._core_wait_s(self._loop_thread)
        return self._gc.pause_s + (0.0 if math.isnan(waited_s) else waited_s)

    def _sample(self) -> float:
        """One row; returns its time."""
        with self._lock:
            began_s = time.monotonic()
            slow = began_s >= self._slow_from_s
            if slow:
                self._tree.look_for_children()
            # one moment for both clocks and, right after it, for the CPU time: the rest may be kept from its core
            at_s, now_s = time.monotonic(), self._now()
            row = self._tree.sample(at_s, slow)
            if slow:
                took_s = time.monotonic() - began_s
                self._slow_from_s = began_s + max(_SLOW_EVERY_S, took_s / _SLOW_SHARE)
            row["gc_collections"], row["gc_pause_s"] = float(self._gc.collections), self._gc.pause_s
            row["gc_pause_max_s"] = self._gc.longest_s
            row["blocks"] = float(sys.getallocatedblocks())
            row |= executor_figures(self._loop)
            if self._heart is not None:
                row["loop_lag_s"], row["tasks"] = self._heart.worst_lag_s(), self._heart.tasks()
            self._log.add((now_s, at_s), row)
            return now_s

    def series(self) -> Series:
        """What was sampled so far."""
        if not len(self._log):
            return empty_series()
        names = (*FIGURES, *_OWN_FIGURES, *EXECUTOR_FIGURES, *(("loop_lag_s", "tasks") if self._heart else ()))
        columns = self._log.columns(names)
        # by real seconds: the clock of the run may have stood still or jumped meanwhile
        columns["cpu_cores"] = spread_back(self._log.times(1), columns["cpu_cores"], float(usable_cores()))
        columns["cpu_share"] = columns["cpu_cores"] / usable_cores()
        return Series(self._log.times(), columns)
