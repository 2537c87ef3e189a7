"""How much of each resource a run used, and what waiting for it took: the figures behind "what limited it?".

A resource is anything of which there is so much and no more: the agents of a pool, connections, a limit's tokens,
memory, cores, an event loop, the threads of an executor, the load's own cap. Where the target leaves rows of its
attempts, all of it is exact (`uses_rows`); elsewhere it is what gauges and samples show (`uses_seen`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.measure.latency import carried_out
from harness.measure.record import Flags, Floats, Run

UseKind = Literal["source", "memory", "agents", "connections", "rate_limit", "cores", "event_loop", "threads", "cpu"]

_TAIL = 0.05
_FEWEST_IN_TAIL = 10


@dataclass(frozen=True, slots=True)
class ResourceUse:
    """One resource over all replications. Shares in [0, 1]; None: not observable.

    `size` is how much of it there is: agents, connections, tokens per second, bytes, cores, workflows in flight.
    `utilisation` is the mean share in use over the window of `window_of`, `working` the same without those who held it
    only to wait for something within; `saturated` the share of the window in which all of it was in use, `contended`
    that in which somebody waited for it. `of_mean` and `of_p95` are shares of the latency, all together and of the
    slowest twentieth, that went into waiting for it or into backing off after it refused. `refused` is the share of
    the offered workflows that it turned away at once, `gave_up` of those that gave up waiting.
    `demand` is what was asked of it over what it can do in the time over which the load came (None: it came at once, or
    follows the target's pace), and `at_once` the share of refusals that came before it could have turned over.
    `detail` is evidence in words (the place in the code that held a loop, what kept it from a core).
    """

    kind: UseKind
    name: str
    size: float | None = None
    queue: int | None = None
    utilisation: float | None = None
    working: float | None = None
    saturated: float | None = None
    contended: float | None = None
    of_mean: float | None = None
    of_p95: float | None = None
    refused: float | None = None
    gave_up: float | None = None
    demand: float | None = None
    at_once: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Uses:
    """All resources of the runs of one scenario. `rows`: the target left rows of its attempts, the figures are exact.

    `carried_out` counts workflows with a latency. `generator` says why the load generator itself was the limit (None:
    it kept up). `unseen` names in words the kinds of resources that could not be looked at.
    """

    each: tuple[ResourceUse, ...]
    rows: bool
    carried_out: int
    in_flight: int | None = None
    generator: str | None = None
    unseen: tuple[str, ...] = ()


def window_of(run: Run) -> tuple[float, float]:
    """From the first workflow due to the last one, where those make up at least half of the run; else all of it.

    The end of a run, when its last stragglers drain, would make every resource look idler than the load did. A burst
    is all end: there the whole run counts.
    """
    due = run.workflows.due_s
    if len(due) > 1 and (last := float(due.max())) - float(due.min()) >= run.ended_s / 2:
        return float(due.min()), last
    return 0.0, run.ended_s


@dataclass(frozen=True, slots=True)
class Latencies:
    """Of one run: which workflows count (shape (n,)), and which of them are of the slowest twentieth of all runs."""

    spent_s: Floats
    counted: Flags
    tail: Flags

    def shares(self, waits: Sequence[Floats]) -> tuple[float, float]:
        """Seconds of `waits` (shape (n,) each) in the counted workflows and in those of the tail."""
        total = np.sum(waits, axis=0) if len(waits) else np.zeros(len(self.spent_s))
        return float(total[self.counted].sum()), float(total[self.tail].sum())


def latencies_of(runs: Sequence[Run]) -> list[Latencies]:
    """The latencies of each run. The slowest twentieth, of at least ten workflows, is taken over all runs together."""
    counted = [carried_out(run) for run in runs]
    spent = [run.workflows.finished_s - run.workflows.due_s for run in runs]
    pooled = np.concatenate([np.empty(0), *(one[of] for one, of in zip(spent, counted, strict=True))])
    if not len(pooled):
        return [Latencies(one, of, of) for one, of in zip(spent, counted, strict=True)]
    many = min(len(pooled), max(math.ceil(_TAIL * len(pooled)), _FEWEST_IN_TAIL))
    least = float(np.partition(pooled, len(pooled) - many)[len(pooled) - many])
    return [Latencies(one, of, of & (one >= least)) for one, of in zip(spent, counted, strict=True)]


def part(amount: float, total: float) -> float:
    """`amount` of `total`, 0 where there is nothing to share."""
    return min(1.0, max(0.0, amount / total)) if total > 0 else 0.0
