"""The same work on three loops, and the same model in SimPy. One measurement is the CPU time of one run's thread.

Two kinds of work: the built-in orchestrator itself, with all that it records (what a virtual run costs), and the same
model as anybody would write it for asyncio, with semaphores and sleeps (what the loop itself costs).
"""

from __future__ import annotations

import asyncio
import gc
import random
import selectors
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.speed.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 9
WORKFLOWS = 3000


class JumpingSelector(selectors.DefaultSelector):
    """The usual way to give asyncio's own loop a virtual clock: what would be waited for is added to it instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Look at the descriptors, and jump if there is nothing."""
        found = super().select(0)
        if not found and timeout:
            self.now_s += timeout
        return found


class PeerLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop, on a selector that jumps. Its timers have no rank: that is what our loop adds."""

    def __init__(self, *_limits: float) -> None:
        self._jumping = JumpingSelector()
        super().__init__(self._jumping)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Virtual seconds."""
        return self._jumping.now_s

    def call_ranked(self, when: float, _rank: int, callback: Any, *args: Any) -> asyncio.TimerHandle:
        """What the orchestrator's clock calls."""
        return self.call_at(when, callback, *args)


def loop_rows() -> Iterator[Row]:
    """The built-in orchestrator and the plain model, each on our loop, on the peer, and in SimPy."""
    from benchmarks.simulator.models import simpy_three_steps
    from benchmarks.virtual_loop.same_job import simpy_same_job
    from harness.drive.virtual_loop import VirtualLoop

    ours = {"built-in": lambda: _built_in(VirtualLoop), "plain": lambda: _plain(VirtualLoop)}
    peer = {"built-in": lambda: _built_in(PeerLoop), "plain": lambda: _plain(PeerLoop)}
    for what, name in (("built-in", "built-in orchestrator"), ("plain", "the same model in plain asyncio")):
        measured = _in_turn(
            ours[what], peer[what], lambda: simpy_three_steps(WORKFLOWS), lambda: simpy_same_job(WORKFLOWS)
        )
        yield _row(name, measured, 1, "asyncio's loop, jumping selector", 0.5)
        yield _row(name, measured, 2, "SimPy", 1.0)
        if what == "built-in":
            yield _row(name, measured, 3, "SimPy with the same draws and the same rows", 1.0)


def _row(name: str, measured: list[list[float]], side: int, peer: str, bar: float) -> Row:
    return Row(name, "us per workflow", measured[0], peer, measured[side], bar=bar, paired=True)


def _in_turn(*sides: Callable[[], object]) -> list[list[float]]:
    """CPU microseconds per workflow of each side, the sides taking turns; the first turn is for warming up."""
    took: list[list[float]] = [[] for _ in sides]
    for turn in range(ROUNDS + 1):
        for side, run in enumerate(sides):
            gc.collect()
            began_s = time.thread_time()
            run()
            if turn:
                took[side].append((time.thread_time() - began_s) / WORKFLOWS * 1e6)
    return took


def _built_in(loop: type[Any]) -> object:
    from benchmarks.simulator.models import three_steps
    from harness.execute import run

    with _clock_on(loop):
        return run(three_steps(WORKFLOWS), clock="virtual", engine="loop")


@contextmanager
def _clock_on(loop: type[Any]) -> Iterator[None]:
    """Let the virtual clock be made with another loop."""
    from harness.drive import clock

    before = clock._jumping_loop
    clock._jumping_loop = lambda *_: loop()
    try:
        yield
    finally:
        clock._jumping_loop = before


def _plain(loop: type[Any]) -> object:
    from benchmarks.simulator.models import AGENTS, BURN_S, CORES, IN_FLIGHT, STEPS, WAIT_S

    draw, latencies, left = random.Random(1).expovariate, [], [WORKFLOWS]

    async def main() -> None:
        agents, cores, now = asyncio.Semaphore(AGENTS), asyncio.Semaphore(CORES), asyncio.get_running_loop().time

        async def client() -> None:
            while left[0] > 0:
                left[0] -= 1
                due_s = now()
                for _ in range(STEPS):
                    async with agents:
                        await asyncio.sleep(draw(1 / WAIT_S))
                        async with cores:
                            await asyncio.sleep(draw(1 / BURN_S))
                latencies.append(now() - due_s)

        await asyncio.gather(*(client() for _ in range(IN_FLIGHT)))

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())
    return latencies
