"""Targets with one fault each, and healthy ones that look alike: what the signals are tried on.

Each is a class: a fresh object, with no memory of other runs, serves each replication. Every one does the same work as
`Healthy` (two steps of about 10 ms on a bounded pool of connections, now and then a jittered retry) and adds one fault.
"""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from harness import Workflow


class Pool:
    """A bounded pool of connections that shows itself; `size` connections, no timeout."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.busy = 0
        self.waiting = 0
        self._slots = asyncio.Semaphore(size)

    async def __aenter__(self) -> None:
        self.waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self.waiting -= 1
        self.busy += 1

    async def __aexit__(self, *_: object) -> None:
        self.busy -= 1
        self._slots.release()


class Healthy:
    """Two calls per workflow through a pool that is large enough; one call in twenty fails once and is tried again.

    It keeps what a good service keeps: a bounded cache, one worker task of its own, three idle sockets.
    """

    SIZE = 30
    FAILS = 0.05
    CALL_S = 0.01

    def __init__(self) -> None:
        self.pool = Pool(self.SIZE)
        self.cache: dict[int, bytes] = {}
        self.worker: asyncio.Task[None] | None = None
        self.idle: list[Any] = []

    async def start(self) -> None:
        """Begin the worker task and open what is kept open."""
        self.worker = asyncio.create_task(self._work())
        self.idle = [open(os.devnull, "rb") for _ in range(3)]  # noqa: SIM115 - closed in stop()

    async def stop(self) -> None:
        """End the worker task and close what was opened."""
        if self.worker is not None:
            self.worker.cancel()
        for file in self.idle:
            file.close()

    async def _work(self) -> None:
        while True:
            await asyncio.sleep(0.05)

    async def run(self, workflow: Workflow) -> None:
        """Two steps."""
        for number, step in enumerate(("plan", "answer")):
            await self.step(workflow, step, number)
        self.cache[workflow.number % 64] = bytes(500)

    async def step(self, workflow: Workflow, step: str, number: int) -> None:
        """Try until it does not fail, at most five times."""
        for attempt in range(5):
            with workflow.attempt(step) as told:
                async with self.pool:
                    told.granted()
                    await self.call(workflow, number)
                if workflow.luck(20 * number + attempt) >= self.fails(workflow, attempt):
                    return
            await asyncio.sleep(self.backoff_s(workflow, 20 * number + attempt))

    def fails(self, workflow: Workflow, attempt: int) -> float:  # noqa: ARG002 - for the faults
        """Probability that an attempt fails."""
        return self.FAILS

    def backoff_s(self, workflow: Workflow, draw: int) -> float:
        """Full jitter."""
        return 0.05 * workflow.luck(1000 + draw)

    async def call(self, workflow: Workflow, number: int) -> None:
        """What a connection is held for."""
        await asyncio.sleep(self.CALL_S * (0.5 + workflow.luck(500 + number)))

    def gauges(self) -> Mapping[str, float]:
        """The pool, as a target may show it."""
        return {
            "connections_in_use": self.pool.busy,
            "connections_max": self.pool.size,
            "connections_waiting": self.pool.waiting,
        }


class BlockedLoop(Healthy):
    """One workflow in sixty does its work on the loop's thread."""

    async def call(self, workflow: Workflow, number: int) -> None:
        """Now and then without giving way."""
        await super().call(workflow, number)
        if number == 0 and workflow.number % 60 == 30:
            parse_report()


def parse_report() -> None:
    """A blocking call, as a synchronous client makes it."""
    time.sleep(0.3)


class LeakedTasks(Healthy):
    """Every third workflow leaves a task behind that never ends."""

    async def run(self, workflow: Workflow) -> None:
        """As above, and one task too many."""
        await super().run(workflow)
        if workflow.number % 3 == 0:
            self.idle_tasks = getattr(self, "idle_tasks", [])
            self.idle_tasks.append(asyncio.create_task(self.listen()))

    async def listen(self) -> None:
        """Waits for what never comes."""
        await asyncio.Event().wait()


class LeakedDescriptors(Healthy):
    """Every third workflow opens a file and forgets to close it until the service stops."""

    async def run(self, workflow: Workflow) -> None:
        """As above, and one descriptor too many."""
        await super().run(workflow)
        if workflow.number % 3 == 0:
            self.idle.append(open(os.devnull, "rb"))  # noqa: SIM115 - that is the fault


class LeakedThreads(Healthy):
    """Every tenth workflow begins a thread that waits for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.over = threading.Event()

    async def run(self, workflow: Workflow) -> None:
        """As above, and one thread too many."""
        await super().run(workflow)
        if workflow.number % 10 == 0:
            threading.Thread(target=self.over.wait, daemon=True).start()

    async def stop(self) -> None:
        """Let them go, so that the next test has none of them."""
        await super().stop()
        self.over.set()


class LeftChild(Healthy):
    """Begins a helper process and does not end it."""

    child: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """As above, and a child process."""
        await super().start()
        LeftChild.child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])


class ExhaustedExecutor(Healthy):
    """An API that looks asynchronous and calls a blocking client in the loop's default executor."""

    async def call(self, workflow: Workflow, number: int) -> None:  # noqa: ARG002 - as long for all
        """Ten milliseconds in one of few threads."""
        await asyncio.to_thread(time.sleep, 2 * self.CALL_S)


class KeptMemory(Healthy):
    """Keeps 32 KB of small objects per workflow, as a chain of checkpoints in memory does."""

    def __init__(self) -> None:
        super().__init__()
        self.checkpoints: dict[str, list[dict[str, float]]] = {}

    async def run(self, workflow: Workflow) -> None:
        """As above, and a checkpoint too many."""
        await super().run(workflow)
        self.checkpoints[workflow.id] = [{f"value-{k}": float(k)} for k in range(100)]


class LongCollections(Healthy):
    """Holds a large heap and collects all of it by hand after every thirtieth workflow."""

    HEAP = 1_000_000

    def __init__(self) -> None:
        super().__init__()
        self.heap = [[None] for _ in range(self.HEAP)]

    async def run(self, workflow: Workflow) -> None:
        """As above, and a collection."""
        await super().run(workflow)
        if workflow.number % 30 == 5:
            gc.collect()

    async def stop(self) -> None:
        """Give the heap back."""
        await super().stop()
        self.heap = []


class RetryStorm(Healthy):
    """Three attempts of four fail: every call is made four times."""

    FAILS = 0.75
    CALL_S = 0.003


class Lockstep(Healthy):
    """A provider turns away whoever comes within the same second, and all wait exactly as long."""

    FAILS = 0.0

    async def run(self, workflow: Workflow) -> None:
        """The first workflows meet a 429 with `Retry-After: 1`; none is jittered."""
        if workflow.number < 10:
            with workflow.attempt("model"):
                await asyncio.sleep(0.01)
            await asyncio.sleep(1.0)
            with workflow.attempt("model"):
                await asyncio.sleep(0.01)
        await super().run(workflow)


class ExhaustedPool(Healthy):
    """Three connections for all."""

    SIZE = 3


class LeakedSlots(Healthy):
    """One workflow in forty forgets to give its connection back; there are many of them."""

    SIZE = 200

    async def run(self, workflow: Workflow) -> None:
        """As above, and one slot too many."""
        await super().run(workflow)
        if workflow.number % 40 == 0:
            await self.pool.__aenter__()


class Backlog(Healthy):
    """Takes workflows from a queue without bound, more slowly than they come; shows nothing of it."""

    CALL_S = 0.001

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Lock()

    async def run(self, workflow: Workflow) -> None:
        """One at a time."""
        async with self.gate:
            await super().run(workflow)

    def gauges(self) -> Mapping[str, float]:
        """Nothing."""
        return {}


class LimitNotEnforced(Healthy):
    """Says it has four connections and makes one for each call."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = Pool(1000)

    def gauges(self) -> Mapping[str, float]:
        """The limit as it is configured."""
        return {"connections_in_use": self.pool.busy, "connections_max": 4}


FAULTS: Mapping[str, type[Healthy]] = {
    "blocked_loop": BlockedLoop,
    "tasks_left": LeakedTasks,
    "descriptors_left": LeakedDescriptors,
    "threads_left": LeakedThreads,
    "children_left": LeftChild,
    "executor_exhausted": ExhaustedExecutor,
    "memory_grows": KeptMemory,
    "long_collections": LongCollections,
    "retries_amplify": RetryStorm,
    "retries_in_step": Lockstep,
    "pool_exhausted": ExhaustedPool,
    "slots_left": LeakedSlots,
    "backlog_grows": Backlog,
    "limit_exceeded": LimitNotEnforced,
}
"""Signal -> the target whose fault it must show, and no other."""
