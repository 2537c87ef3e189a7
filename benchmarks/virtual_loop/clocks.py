"""The LangGraph example on the hybrid clock and on the wall: how much faster, how near, and how steady beside a burner.

Overhead is what a workflow takes beyond its model waits: its latency less that of the same workflow on the virtual
clock, where the same seed waits as long for its models and nothing else takes time.
"""

from __future__ import annotations

import functools
import gc
import os
import statistics
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.speed.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.scenario.model import Scenario

GRAPH = "langgraph:examples.langgraph_research.graph:graph"
WAIT_S = 2.0
RUNS = 10
REPLICATIONS = 30
"""Of the same 100 workflows: what one replication takes of CPU time depends on the second in which it runs."""


def clock_rows() -> Iterator[Row]:
    """Speed and agreement at 2 s model waits, then the steadiness of the overhead beside a process that burns."""
    from examples.langgraph_research import models

    models.FIXED_WAIT_S = WAIT_S
    _measure("virtual", workflows=25)
    pairs = [(_measure("hybrid"), _measure("wall")) for _ in range(3)]
    hybrid, wall = ([pair[side] for pair in pairs] for side in (0, 1))
    assert {one["succeeded"] for one in hybrid} == {one["succeeded"] for one in wall}, "success figures differ"
    real = [[one["real_s"] for one in side] for side in (hybrid, wall)]
    p50 = [[one["p50_s"] for one in side] for side in (hybrid, wall)]
    yield Row("real time, 25 in flight, 2 s waits", "s", real[0], "wall", real[1], bar=1 / 20)
    yield Row("p50, 25 in flight, 2 s waits", "s", p50[0], "wall", p50[1], bar=1.05)
    models.FIXED_WAIT_S = 0.0  # as the example is: each wait drawn from its own distribution
    for name, burners in (("alone", 0), ("beside one burner", 1), ("beside a burner per core", os.cpu_count() or 1)):
        with burning(burners):
            _overhead("hybrid")  # for warming up, and dropped
            pairs_ms = [_overhead("hybrid") for _ in range(RUNS)]
            on_wall = [_overhead("wall")[0] for _ in range(RUNS)]
        yield Row(f"p50 overhead {name}", "ms", [ms for ms, _ in pairs_ms], "wall", on_wall, note=_note(pairs_ms))
    yield from _replicated()


def _replicated() -> Iterator[Row]:
    """Runs of many replications beside one burner: one run after the other, and in turns, as `continuous` has them.

    What a core gives drifts over tens of seconds: runs that take turns have all the same share of it.
    """
    with burning(1):
        after = [[_one("hybrid") for _ in range(REPLICATIONS)] for _ in range(RUNS)]
        turns = [[_one("hybrid") for _ in range(RUNS)] for _ in range(REPLICATIONS)]
    for how, pairs_ms in (
        ("one after the other", [_pooled(run) for run in after]),
        ("in turns", [_pooled(run) for run in zip(*turns, strict=True)]),
    ):
        found = [ms for ms, _ in pairs_ms]
        name = f"p50 overhead beside one burner, runs of {REPLICATIONS} replications {how}"
        yield Row(name, "ms", found, note=_note(pairs_ms))
        yield Row(f"how far those {RUNS} are from their median, {how}", "of it", [_spread(found)], bar=0.05)


def _note(pairs_ms: list[tuple[float, float]]) -> str:
    """How steady overhead, CPU time, and the one over the other were."""
    overheads, cpus = zip(*pairs_ms, strict=True)
    per_cpu = [overhead / cpu for overhead, cpu in pairs_ms]
    return (
        f"hybrid within ±{_spread(overheads):.1%} of its median, CPU time of the same work within "
        f"±{_spread(cpus):.1%}, the one over the other within ±{_spread(per_cpu):.1%}; "
        f"load average {os.getloadavg()[0]:.1f}"
    )


def _spread(values: Sequence[float]) -> float:
    """Half of the range, as a share of the median."""
    return (max(values) - min(values)) / statistics.median(values) / 2


def _overhead(clock: str) -> tuple[float, float]:
    """Median over the workflows of one run, and what that run took of CPU time per workflow: milliseconds."""
    return _pooled([_one(clock)])


def _one(clock: str) -> tuple[Any, float]:
    """One run: the overhead of each workflow, and CPU time per workflow, in seconds."""
    gc.collect()  # or a collection of what earlier runs left falls into one run and not into another
    measured = _measure(clock)
    return measured["latency_s"] - _pure_s(), measured["cpu_s"] / len(measured["latency_s"])


@functools.cache
def _pure_s() -> Any:
    """The latencies where nothing but the models takes time, once the example's own waits are in force."""
    return _measure("virtual")["latency_s"]


def _pooled(replications: Sequence[tuple[Any, float]]) -> tuple[float, float]:
    """Median over the workflows of all replications, and their mean CPU time per workflow: milliseconds."""
    import numpy as np

    overheads_s, cpus_s = zip(*replications, strict=True)
    return float(np.median(np.concatenate(overheads_s))) * 1e3, statistics.mean(cpus_s) * 1e3


def _measure(clock: str, workflows: int = 100) -> dict[str, Any]:
    import numpy as np

    from harness.execute import run

    done = run(_scenario(workflows), target=GRAPH, clock=clock)  # type: ignore[arg-type]  # one of the three
    latency_s = done.workflows.finished_s - done.workflows.due_s
    return {
        "real_s": done.real_s,
        "p50_s": float(np.median(latency_s)),
        "latency_s": latency_s,
        "cpu_s": done.driver_cpu_s,
        "succeeded": int((done.workflows.outcome == 0).sum()),
    }


def _scenario(workflows: int) -> Scenario:
    from harness.scenario.model import ClosedLoad, Pool, Scenario, Step, WorkflowType

    return Scenario(
        name="research",
        load=ClosedLoad(25, workflows=workflows),
        types=(WorkflowType("report", (Step("all"),)),),
        mix=(("report", 1.0),),
        pools=(Pool("agents", 1),),
        run_timeout_s=600.0,
    )


@contextmanager
def burning(processes: int) -> Iterator[None]:
    """So many processes, each with a core to burn."""
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
