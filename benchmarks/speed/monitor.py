"""What watching costs: the resource monitor on an idle loop, and beside a busy one against no monitor."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from benchmarks.speed.rows import Row

if TYPE_CHECKING:
    from harness.measure.resources import ResourceMonitor

_IDLE_S = 5.0
_TASKS = 100
_TURNS = 12_000


def monitor_rows() -> Iterator[Row]:
    """CPU time of the process, monitor and loop together; both sides in turn."""
    idle = [asyncio.run(_idle()) for _ in range(3)]
    yield Row("resource monitor, idle loop", "% of a core", idle, bar=1.5)
    pairs = [(asyncio.run(_busy(True)), asyncio.run(_busy(False))) for _ in range(5)]
    watched, alone = zip(*pairs, strict=True)
    yield Row("a busy loop, watched", "s", watched, "not watched", alone, bar=1.05)


async def _idle() -> float:
    monitor = _monitor()
    monitor.start()
    before_s = time.process_time()
    await asyncio.sleep(_IDLE_S)
    used_s = time.process_time() - before_s
    monitor.stop()
    return 100 * used_s / _IDLE_S


async def _busy(watched: bool) -> float:
    monitor = _monitor() if watched else None
    if monitor is not None:
        monitor.start()
    before_s = time.process_time()
    await asyncio.gather(*(_work() for _ in range(_TASKS)))
    used_s = time.process_time() - before_s
    if monitor is not None:
        monitor.stop()
    return used_s


async def _work() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)
        sum(range(100))


def _monitor() -> ResourceMonitor:
    from harness.measure.resources import ResourceMonitor

    return ResourceMonitor(asyncio.get_running_loop())
