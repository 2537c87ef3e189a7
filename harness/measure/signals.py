"""The figures behind the signals: what each run shows of the faults that break orchestrators in production.

Here is only what was seen. Which of it is a finding is for `harness.judge.signals` to say.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.measure import estimates
from harness.measure.agents import AgentAttempts, agent_pools
from harness.measure.backlog import Backlog, backlog_of
from harness.measure.gauges import PoolSamples, connection_samples, pool_samples
from harness.measure.growth import growth_per_100
from harness.measure.latency import NOT_ON_TARGET
from harness.measure.machine import NOT_ON_HYBRID, NOT_ON_VIRTUAL, NOT_SAMPLED
from harness.measure.record import Floats, Run
from harness.measure.rest import SLOT_GAUGES, Rest
from harness.measure.retries import Retries, retries_of
from harness.measure.sampled import growth_points
from harness.measure.sizes import beyond_size, sizes_of
from harness.measure.stalls import Stall
from harness.measure.summary import Estimate
from harness.scenario.model import Scenario

NOT_AT_REST = "the run did not come to rest"
NO_ATTEMPTS = "this target tells of no attempts (workflow.attempt)"
NO_SLOTS = "this target shows no slots (gauges)"
NO_LIMIT = "this target shows no limit (gauges)"
NO_TREND = "an open load of 36 workflows or more is needed"
NO_EXECUTOR = "no thread pool was seen"
ELSEWHERE = "the target is another process, and this is the load generator's own"
_UNSEEN = Estimate(None, doubt=NOT_SAMPLED)


@dataclass(frozen=True, slots=True)
class Waits:
    """One pool, or one step that tells when it was granted: `share` of the time there that was spent waiting.

    `wait_s` and `service_s` are means per request (None: only seen through gauges), `given_up` counts requests that
    left without having been granted. `full_share` is that of the time at which all was busy (None: not seen).
    """

    name: str
    share: float
    wait_s: float | None = None
    service_s: float | None = None
    given_up: int = 0
    full_share: float | None = None


@dataclass(frozen=True, slots=True)
class RunSignals:
    """What one run shows; None: not observable. `growths` are per 100 workflows, of this run alone.

    `grown` is how much more of something there is at rest than right after warm-up (counts).
    """

    workflows: int
    length_s: float
    stalls: tuple[Stall, ...] | None = None
    lag_max_s: float | None = None
    rest: Rest | None = None
    growths: Mapping[str, Estimate] = field(default_factory=dict)
    grown: Mapping[str, float] = field(default_factory=dict)
    executor_queued_share: float | None = None
    executor_queue: float | None = None
    executor_threads: float | None = None
    executor_limit: float | None = None
    gc_pause_max_s: float | None = None
    gc_share: float | None = None
    retries: Retries | None = None
    waits: Waits | None = None
    connections: float | None = None
    slots_left: float | None = None
    over_limit: float | None = None
    oldest_s: float | None = None
    backlog: Backlog | None = None


@dataclass(frozen=True, slots=True)
class SignalMetrics:
    """The figures over all replications: the largest of each, slopes and means over all of them.

    Seconds, bytes, counts, shares; `memory_blocks_per_100` counts the blocks of Python's own allocator. Slopes are per
    100 workflows, `backlog_growth` is seconds of age per second of load.
    """

    loop_blocked_max_s: Estimate = _UNSEEN
    tasks_at_rest: Estimate = _UNSEEN
    fds_at_rest: Estimate = _UNSEEN
    threads_at_rest: Estimate = _UNSEEN
    children_at_rest: Estimate = _UNSEEN
    slots_at_rest: Estimate = _UNSEEN
    tasks_per_100: Estimate = _UNSEEN
    fds_per_100: Estimate = _UNSEEN
    threads_per_100: Estimate = _UNSEEN
    memory_blocks_per_100: Estimate = _UNSEEN
    executor_queue_max: Estimate = _UNSEEN
    executor_threads_max: Estimate = _UNSEEN
    executor_queued_share: Estimate = _UNSEEN
    gc_pause_max_s: Estimate = _UNSEEN
    gc_share: Estimate = _UNSEEN
    attempts_per_step: Estimate = _UNSEEN
    retry_synchrony: Estimate = _UNSEEN
    pool_wait_share: Estimate = _UNSEEN
    connections_max: Estimate = _UNSEEN
    over_limit: Estimate = _UNSEEN
    queue_oldest_s: Estimate = _UNSEEN
    backlog_growth: Estimate = _UNSEEN
    runs: tuple[RunSignals, ...] = ()


_COUNTED = ("tasks", "fds", "threads")
_GROWING = (*_COUNTED, "blocks", "rss_b")


# long: one line for each field of the record
def signal_metrics(scenario: Scenario, runs: Sequence[Run], attempts: Sequence[AgentAttempts]) -> SignalMetrics:
    """The figures of `runs`, and of each of them; `attempts` is one per run."""
    each = tuple(_of_run(scenario, run, of) for run, of in zip(runs, attempts, strict=True))
    machine, loop = _machine_missing(runs), _loop_missing(runs)

    def peak(figure: Callable[[RunSignals], float | None], missing: str) -> Estimate:
        return estimates.largest(map(figure, each), missing)

    def left(name: str, missing: str) -> Estimate:
        return peak(lambda one: None if one.rest is None else one.rest.left(name), missing)

    own = [run for run in runs if run.generator.in_process]
    rest = NOT_AT_REST if machine is NOT_SAMPLED else machine
    executor = NO_EXECUTOR if loop is NOT_SAMPLED else loop
    return SignalMetrics(
        loop_blocked_max_s=peak(_longest_stall_s, loop),
        tasks_at_rest=left("tasks", NOT_AT_REST if _any_rest(each) or machine is NOT_SAMPLED else machine),
        fds_at_rest=left("fds", rest),
        threads_at_rest=left("threads", rest),
        children_at_rest=peak(_orphans, NOT_ON_TARGET if machine is NOT_SAMPLED else machine),
        slots_at_rest=peak(lambda one: one.slots_left, NO_SLOTS),
        tasks_per_100=growth_per_100(own, "tasks", loop),
        fds_per_100=growth_per_100(own, "fds", machine),
        threads_per_100=growth_per_100(own, "threads", machine),
        memory_blocks_per_100=growth_per_100(own, "blocks", machine),
        executor_queue_max=peak(lambda one: one.executor_queue, executor),
        executor_threads_max=peak(lambda one: one.executor_threads, executor),
        executor_queued_share=peak(lambda one: one.executor_queued_share, executor),
        gc_pause_max_s=peak(lambda one: one.gc_pause_max_s, loop),
        gc_share=peak(lambda one: one.gc_share, loop),
        attempts_per_step=estimates.mean(map(_per_step, each), NO_ATTEMPTS),
        retry_synchrony=peak(lambda one: None if one.retries is None else one.retries.share_together, _no_retry(each)),
        pool_wait_share=peak(lambda one: None if one.waits is None else one.waits.share, NOT_ON_TARGET),
        connections_max=peak(lambda one: one.connections, NOT_ON_TARGET),
        over_limit=peak(lambda one: one.over_limit, NO_LIMIT),
        queue_oldest_s=peak(lambda one: one.oldest_s, NOT_ON_TARGET),
        backlog_growth=peak(lambda one: None if one.backlog is None else one.backlog.growth, NO_TREND),
        runs=each,
    )


def _machine_missing(runs: Sequence[Run]) -> str:
    """Why a figure of the process is missing, where one is."""
    if any(not run.generator.in_process for run in runs):
        return ELSEWHERE
    return NOT_ON_VIRTUAL if any(run.clock == "virtual" for run in runs) else NOT_SAMPLED


def _loop_missing(runs: Sequence[Run]) -> str:
    """Why a figure of the real event loop is missing, where one is."""
    if any(not run.generator.in_process for run in runs):
        return ELSEWHERE
    return NOT_ON_HYBRID if any(run.clock == "hybrid" for run in runs) else _machine_missing(runs)


def _any_rest(each: Sequence[RunSignals]) -> bool:
    return any(one.rest is not None for one in each)


def _no_retry(each: Sequence[RunSignals]) -> str:
    return "no step was tried again" if any(one.retries is not None for one in each) else NO_ATTEMPTS


def _longest_stall_s(one: RunSignals) -> float | None:
    return None if one.stalls is None else max((stall.held_s for stall in one.stalls), default=0.0)


def _orphans(one: RunSignals) -> float | None:
    return None if one.rest is None or one.rest.orphans is None else float(one.rest.orphans)


def _per_step(one: RunSignals) -> float | None:
    return one.retries.attempts / one.retries.steps if one.retries is not None and one.retries.steps else None


# --------------------------------------------------------------------------- one run


# long: one line for each field of the record
def _of_run(scenario: Scenario, run: Run, attempts: AgentAttempts) -> RunSignals:
    columns = _columns(run)
    agents, connections = pool_samples(run), connection_samples(run)
    growths = {name: growth_per_100((run,), name, NOT_SAMPLED) for name in _GROWING if name in columns}
    queue = columns.get("executor_queue")
    return RunSignals(
        workflows=int((~np.isnan(run.workflows.finished_s)).sum()),
        length_s=run.ended_s,
        stalls=run.stalls if "loop_lag_s" in columns else None,
        lag_max_s=_largest(columns.get("loop_lag_s")),
        rest=run.rest if run.generator.in_process else None,
        growths=growths,
        grown=_grown(run, columns),
        executor_queued_share=None if queue is None else float(np.nanmean(queue > 0)),
        executor_queue=_largest(queue),
        executor_threads=_largest(columns.get("executor_threads")),
        executor_limit=_largest(columns.get("executor_limit")),
        gc_pause_max_s=_largest(columns.get("gc_pause_max_s")),
        gc_share=_gc_share(run, columns.get("gc_pause_s")),
        retries=retries_of(run, attempts),
        waits=_waits(scenario, run, attempts, (agents, connections)),
        connections=None if connections is None else connections.max_busy(),
        slots_left=_slots_left(run, attempts),
        over_limit=_over_limit(run, attempts, (agents, connections)),
        oldest_s=_oldest_s(run, attempts),
        backlog=backlog_of(scenario.load, run),
    )


def _gc_share(run: Run, pauses: Floats | None) -> float | None:
    """Of the CPU time of the loop's thread: against real time, a busy machine would make it smaller."""
    if pauses is None or math.isnan(run.driver_cpu_s) or run.driver_cpu_s <= 0:
        return None
    return min(1.0, float(np.nanmax(pauses)) / run.driver_cpu_s)


def _columns(run: Run) -> Mapping[str, Floats]:
    """What was sampled of the target's own process; nothing where that is another one."""
    if not run.generator.in_process:
        return {}
    return {name: of for name, of in run.resources.values.items() if len(of) and not np.isnan(of).all()}


def _grown(run: Run, columns: Mapping[str, Floats]) -> dict[str, float]:
    """Counts at rest less those of the first sample after warm-up, where both were seen."""
    seen = {name: growth_points(run, name) for name in _COUNTED if name in columns}
    after = {} if run.rest is None else run.rest.after
    return {name: after[name] - float(of[1][0]) for name, of in seen.items() if of and len(of[1]) and name in after}


def _largest(values: Floats | None) -> float | None:
    return None if values is None else float(np.nanmax(values))


_Samples = tuple[PoolSamples | None, PoolSamples | None]


def _slots_left(run: Run, attempts: AgentAttempts) -> float | None:
    """Slots that are held when nothing is left to do, by the target's gauges or by its attempts."""
    if run.rest is None:
        return None if run.clock != "virtual" or run.stopped or not len(attempts) else _unreleased(attempts)
    shown = [left for name in SLOT_GAUGES if (left := run.rest.left(name)) is not None]
    if shown:
        return max(shown)
    return _unreleased(attempts) if len(attempts) else None


def _unreleased(attempts: AgentAttempts) -> float:
    return float((attempts.granted & np.isnan(attempts.columns.released_s)).sum())


def _over_limit(run: Run, attempts: AgentAttempts, sampled: _Samples) -> float | None:
    if len(attempts):
        return float(max(_beyond_size(run, attempts, pool) for pool in range(attempts.pools)))
    seen = [over for one in sampled if one is not None and (over := one.over_limit()) is not None]
    return max(seen, default=None)


def _beyond_size(run: Run, attempts: AgentAttempts, pool: int) -> int:
    """By how many the busy agents of a pool exceeded what it had right then, at most."""
    mine = attempts.granted & (attempts.columns.pool == pool)
    busy, granted_s, released_s = attempts.columns.busy[mine], attempts.left_s[mine], attempts.ended_s[mine]
    return int(beyond_size(sizes_of(run, pool), busy, granted_s, released_s).max(initial=0))


def _oldest_s(run: Run, attempts: AgentAttempts) -> float | None:
    """The greatest age that a waiter reached: as an attempt tells it, or the target's gauge `queue_oldest_s`."""
    if len(attempts):
        return float((attempts.left_s - attempts.columns.requested_s).max())
    shown = run.gauges.values.get("queue_oldest_s")
    if shown is not None and not np.isnan(shown).all():
        return float(np.nanmax(shown))
    told = _told_waits(run)
    return None if told is None else float(told[0].max())


# --------------------------------------------------------------------------- waiting and service


def _waits(scenario: Scenario, run: Run, attempts: AgentAttempts, sampled: _Samples) -> Waits | None:
    """Where most of the time was spent waiting rather than being served."""
    if len(attempts):
        pools = agent_pools(scenario, run)
        return _worst([_pool_waits(run, attempts, pool) for pool in pools])
    told = _told(run)
    shown = [_gauge_waits(name, one) for name, one in zip(("the pool", "the connections"), sampled, strict=True)]
    return _worst([told, *shown])


def _worst(waits: Sequence[Waits | None]) -> Waits | None:
    return max((one for one in waits if one is not None), key=lambda one: one.share, default=None)


def _pool_waits(run: Run, attempts: AgentAttempts, pool: int) -> Waits | None:
    mine = attempts.columns.pool == pool
    wait = (attempts.left_s - attempts.columns.requested_s)[mine]
    service = (attempts.ended_s - attempts.left_s)[mine]
    given_up = int((~attempts.granted[mine]).sum())
    return _waits_from(f"pool {run.pool_names[pool]}", wait, service, given_up)


def _waits_from(name: str, wait: Floats, service: Floats, given_up: int) -> Waits | None:
    total = float(wait.sum() + service.sum())
    if total <= 0:
        return None
    return Waits(name, float(wait.sum()) / total, float(wait.mean()), float(service.mean()), given_up)


def _told_waits(run: Run) -> tuple[Floats, Floats, int] | None:
    """Waits, services and how many were never granted, of the reported attempts; None where no grant was told."""
    told = run.tries
    if told is None or np.isnan(told.granted_s).all():
        return None
    left = np.where(np.isnan(told.granted_s), told.ended_s, told.granted_s)
    known = ~np.isnan(left) & ~np.isnan(told.ended_s)
    if not known.any():
        return None
    given_up = int((np.isnan(told.granted_s) & known).sum())
    return (left - told.begun_s)[known], (told.ended_s - left)[known], given_up


def _told(run: Run) -> Waits | None:
    told = _told_waits(run)
    return None if told is None else _waits_from("the steps it reports", *told)


def _gauge_waits(name: str, samples: PoolSamples | None) -> Waits | None:
    if samples is None:
        return None
    share, full = samples.wait_share(), samples.full_share()
    if share is None or math.isnan(share):
        return None
    return Waits(name, share, full_share=full)
