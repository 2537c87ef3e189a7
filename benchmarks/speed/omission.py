"""Coordinated omission: 100 requests/s for 10 s to a server that freezes for 1 s. What p99 is reported?

Of 1000 requests, 100 are due in the freeze; the one due 0.1 s into it waits 0.9 s, and 10 of the 1000 wait longer: the
p99 is 900 ms, for whoever counts from when a request was due. Beside ours, with any cap on what is in flight: a loop
that keeps 5 in flight and times from when it sent, and Locust with 5 users at the same pace.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from benchmarks.speed.rows import Row

RATE_PER_S, SECONDS = 100.0, 10.0
TRUE_P99_MS = 900.0
CAPS = (1, 5, 50, None)
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def omission_rows() -> Iterator[Row]:
    """How far each p99 is from the true one, in per cent of it; and what the peers report, in ms."""
    for cap in CAPS:
        p99 = _ours_ms(cap)
        off = [100 * abs(p99 - TRUE_P99_MS) / TRUE_P99_MS]
        what = f"frozen server, p99 with {'no cap' if cap is None else f'at most {cap} in flight'}, off by"
        yield Row(what, "%", off, bar=5.0, note=f"{p99:.0f} ms; true: {TRUE_P99_MS:.0f} ms")
    yield Row("frozen server, p99 of a loop of 5 that times from the send", "ms", [_capped_peer_ms()], note="no bar")
    locust = _locust_ms()
    if locust is not None:
        yield Row("frozen server, p99 of Locust, 5 users", "ms", [locust], note="no bar")


@contextmanager
def _frozen_server() -> Iterator[int]:
    command = [sys.executable, "-m", "benchmarks.speed.frozen_server"]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield int(server.stdout.readline())
    finally:
        server.communicate(timeout=10)


class _Client:
    """Asks a server on kept connections, as many as are in use."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, _workflow: object = None) -> None:
        """One request."""
        connection = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        connection[1].write(REQUEST)
        await connection[0].readuntil(b"ok")
        self._idle.append(connection)

    async def stop(self) -> None:
        """Close what is open."""
        for _, writer in self._idle:
            writer.close()


class _Target:
    """The client as a target."""

    in_process = False

    def __init__(self, port: int) -> None:
        self._client = _Client(port)
        self.run, self.stop = self._client.ask, self._client.stop


def _ours_ms(cap: int | None) -> float:
    import harness
    from harness.scenario.model import Pool, RateLoad, Scenario, Step, WorkflowType

    scenario = Scenario(
        name="frozen",
        load=RateLoad(RATE_PER_S, "constant", duration_s=SECONDS, max_in_flight=cap),
        types=(WorkflowType("simple", (Step("s"),)),),
        mix=(("simple", 1.0),),
        pools=(Pool("agents", 1),),
    )
    with _frozen_server() as port:
        rows = harness.run(scenario, target=_Target(port)).workflows
    return _p99_ms(rows.finished_s - rows.due_s)


def _capped_peer_ms() -> float:
    """Five tasks that share the rate, each asking, then sleeping what is left of its share of the gap."""
    taken: list[float] = []

    async def user(client: _Client, until: float) -> None:
        while (sent := time.monotonic()) < until:
            await client.ask()
            took = time.monotonic() - sent
            taken.append(took)
            await asyncio.sleep(max(0.0, 5 / RATE_PER_S - took))

    async def main(port: int) -> None:
        client, until = _Client(port), time.monotonic() + SECONDS
        await asyncio.gather(*(user(client, until) for _ in range(5)))
        await client.stop()

    with _frozen_server() as port:
        asyncio.run(main(port))
    return _p99_ms(np.array(taken))


def _locust_ms() -> float | None:
    with _frozen_server() as port:
        command = [sys.executable, "-m", "benchmarks.speed.locust_frozen", str(port), str(RATE_PER_S), str(SECONDS)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        if "No module named" in done.stderr:
            return None
        raise RuntimeError(done.stderr)
    return float(json.loads(done.stdout)["p99_ms"])


def _p99_ms(seconds: np.ndarray) -> float:
    """The nearest rank, as the report has it."""
    return float(np.sort(seconds)[int(np.ceil(0.99 * len(seconds))) - 1]) * 1e3
