"""Uses of resources as gauges, reported attempts and samples of the machine show them: to the tenth of a second.

From a gauge of who waits, the share of the latency spent waiting follows by Little's law: waiters, integrated over
time, over workflows, integrated over time. Of the slowest workflows alone a gauge says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from harness.measure.gauges import PoolSamples, connection_samples, pool_samples
from harness.measure.record import Floats, Outcome, Run, Series
from harness.measure.uses import Latencies, ResourceUse, UseKind, part, window_of
from harness.units import format_duration

_MACHINE = "the machine"
_SHORTEST_S = 0.5
"""Of a shorter run, the samples (ten a second) say too little about the machine."""
_LEAST_CPU_S = 0.1
"""So much CPU time of the loop, which is no sample, says enough of a shorter run."""
_MOST_STARVED = 0.98
"""Of the rest of a run, less than this leaves nothing to judge a loop by."""


def uses_seen(
    runs: Sequence[Run], latencies: Sequence[Latencies], spent_s: Sequence[float], pool: str
) -> tuple[ResourceUse, ...]:
    """What the gauges of `runs` show, and what reported attempts tell; `spent_s` sums each run's latencies."""
    agents = _gauged("agents", pool, [pool_samples(run) for run in runs], spent_s)
    if agents is not None:
        refused, at_once = _rejected(runs, latencies)
        agents = replace(agents, refused=refused, at_once=at_once)
    connections = _gauged("connections", "connections", [connection_samples(run) for run in runs], spent_s)
    told = _told(runs, latencies)
    if told is None:
        return tuple(one for one in (agents, connections) if one is not None)
    # an attempt tells one wait only: for a connection where the target shows connections, else for its pool
    if connections is not None:
        connections = _with_told(connections, told)
    else:
        agents = _with_told(agents or ResourceUse("agents", "the steps it reports"), told)
    return tuple(one for one in (agents, connections) if one is not None)


def _gauged(
    kind: UseKind, name: str, sampled: Sequence[PoolSamples | None], spent_s: Sequence[float]
) -> ResourceUse | None:
    shown = [(one, spent) for one, spent in zip(sampled, spent_s, strict=True) if one is not None]
    if not shown:
        return None
    each = [one for one, _ in shown]
    waited = [_integral_s(one.depth, one) for one in each]
    seen = [(wait, spent) for wait, (_, spent) in zip(waited, shown, strict=True) if wait is not None]
    # an orchestrator may show more busy agents than it has: the signals say so, all of them are in use all the same
    used = _mean(one.avg_utilization() for one in each)
    utilisation = None if used is None else min(1.0, used)
    return ResourceUse(
        kind,
        name,
        size=None if each[-1].last_size is None else float(each[-1].last_size),
        utilisation=utilisation,
        working=utilisation,
        saturated=_mean(one.full_share() for one in each),
        contended=_mean(_waiting_share(one) for one in each),
        of_mean=part(sum(wait for wait, _ in seen), sum(spent for _, spent in seen)) if seen else None,
    )


def _rejected(runs: Sequence[Run], latencies: Sequence[Latencies]) -> tuple[float, float | None]:
    """The share of workflows that the target refused, and of those before it could have turned over once."""
    offered = sum(len(run.workflows) for run in runs)
    count = soon = 0
    for run, of in zip(runs, latencies, strict=True):
        rows = run.workflows
        refused = np.flatnonzero(rows.outcome == Outcome.REJECTED)
        if not len(refused):
            continue
        opens = np.full(int(rows.batch.max()) + 1, np.inf)
        np.minimum.at(opens, rows.batch, rows.due_s)
        turned_over = float(of.spent_s[of.counted].mean()) if of.counted.any() else 0.0
        count += len(refused)
        soon += int((rows.due_s[refused] - opens[rows.batch[refused]] <= turned_over).sum())
    return part(count, offered), soon / count if count else None


def _integral_s(values: Floats | None, samples: PoolSamples) -> float | None:
    if values is None or np.isnan(values).all():
        return None
    return float(np.nansum(values * samples.held_s))


def _waiting_share(samples: PoolSamples) -> float | None:
    return None if samples.depth is None else part(float(samples.held_s[samples.depth > 0].sum()), samples.held_s.sum())


def _told(runs: Sequence[Run], latencies: Sequence[Latencies]) -> tuple[float, float] | None:
    """Shares of the mean latency and of the slowest workflows', from attempts that tell when they were granted."""
    waits, spent = np.zeros(2), np.zeros(2)
    for run, of in zip(runs, latencies, strict=True):
        if run.tries is None or np.isnan(run.tries.granted_s).all():
            return None
        left = np.where(np.isnan(run.tries.granted_s), run.tries.ended_s, run.tries.granted_s)
        wait = np.nan_to_num(left - run.tries.begun_s)
        summed = np.bincount(run.tries.workflow, weights=wait, minlength=len(run.workflows))
        waits += of.shares([np.asarray(summed, dtype=np.float64)])
        spent += of.shares([of.spent_s])
    return part(waits[0], spent[0]), part(waits[1], spent[1])


def _with_told(use: ResourceUse, told: tuple[float, float]) -> ResourceUse:
    return replace(use, of_mean=told[0], of_p95=told[1])


# --------------------------------------------------------------------------- the process and the machine


def uses_of_process(runs: Sequence[Run]) -> tuple[ResourceUse, ...]:
    """Event loop, threads behind it and CPU of the machine, where they are real and the target's own."""
    real = [run for run in runs if run.clock != "virtual" and run.generator.in_process]
    loop = _event_loop([run for run in real if run.ended_s >= _SHORTEST_S or run.driver_cpu_s >= _LEAST_CPU_S])
    own = [run for run in real if run.ended_s >= _SHORTEST_S]
    cpu = _cpu([run for run in own if run.clock == "wall"], 0.0 if loop is None else loop.utilisation or 0.0)
    queued = _mean(_queued(run.resources) for run in own)
    found = [loop] if loop is not None else []
    if cpu is not None:
        found.append(cpu)
    if queued is not None:
        found.append(ResourceUse("threads", "executor", _limit(own), None, queued, queued, queued, queued))
    return tuple(found)


def _cpu(runs: Sequence[Run], loop: float) -> ResourceUse | None:
    """The machine's CPU, as it is seen, or as long as it kept the loop's thread waiting.

    A loop that is busy whenever it has a core is the limit by itself: then only what is seen counts.
    """
    seen = _mean(_weighted(run.resources, "cpu_share") for run in runs)
    if seen is None:
        return None
    full = _mean(_above(run.resources, "cpu_share", 0.95) for run in runs)
    starved = _mean(_starved(run) for run in runs) or 0.0
    if starved <= max(loop, seen):
        return ResourceUse("cpu", _MACHINE, None, None, seen, seen, full)
    kept = "for so long the event loop was kept from a core"
    return ResourceUse("cpu", _MACHINE, None, None, starved, starved, full, detail=kept)


def _event_loop(runs: Sequence[Run]) -> ResourceUse | None:
    """Busy by the CPU time of its thread, or unable to answer by the beats sent to it: whichever is more.

    While the thread waits for a core no loop answers, so that time is left out of both.
    """
    cpu = _mean(_had_a_core(run, _of_the_loop(run)) for run in runs if not math.isnan(run.driver_cpu_s))
    held = _mean(_had_a_core(run, _unanswered(run.resources), of_which_starved=True) for run in runs)
    if cpu is None and held is None:
        return None
    busy = min(1.0, max(cpu or 0.0, held or 0.0))
    return ResourceUse("event_loop", "event loop", 1.0, None, busy, busy, held, None, detail=_longest_stall(runs))


def _starved(run: Run) -> float:
    """The share of the run in which the loop's thread, ready to run, had no core; 0 where nothing tells."""
    starved_s = run.generator.starved_s
    return 0.0 if math.isnan(starved_s) or run.ended_s <= 0 else min(_MOST_STARVED, starved_s / run.ended_s)


def _had_a_core(run: Run, share: float | None, *, of_which_starved: bool = False) -> float | None:
    """A share of the run as one of the time in which the loop's thread was not starved."""
    away = _starved(run)
    return None if share is None else max(0.0, share - (away if of_which_starved else 0.0)) / (1.0 - away)


def _of_the_loop(run: Run) -> float:
    """The loop's CPU time as a share of the run, or of the window, each workflow's spread over its life: what is more.

    Of a short run, the drain is a third or more: over all of it, a loop that was busy until the last workflow came
    would look half idle. Where most of the CPU time comes early in a life, all of the run says more.
    """
    whole = run.driver_cpu_s / run.ended_s if run.ended_s > 0 else 0.0
    begin, end = window_of(run)
    rows = run.workflows
    begun = ~np.isnan(rows.started_s)
    started = rows.started_s[begun]
    finished = np.where(np.isnan(rows.finished_s), run.ended_s, rows.finished_s)[begun]
    life = finished - started
    inside = np.clip(finished, begin, end) - np.clip(started, begin, end)
    parts = np.divide(inside, life, out=((started >= begin) & (started <= end)).astype(np.float64), where=life > 0)
    return max(whole, run.driver_cpu_s * float(parts.mean()) / (end - begin)) if len(parts) and end > begin else whole


def _unanswered(series: Series) -> float | None:
    """The share of time in which a beat was out: the largest lag of each sample, at most the time it covers."""
    lag = series.values.get("loop_lag_s")
    if lag is None or not len(series.t_s) or np.isnan(lag).all():
        return None
    since = np.diff(series.t_s, prepend=min(0.0, float(series.t_s[0])))
    seen = ~np.isnan(lag) & (since > 0)
    return part(float(np.minimum(lag, since)[seen].sum()), float(since[seen].sum()))


def _longest_stall(runs: Sequence[Run]) -> str:
    stalls = [stall for run in runs for stall in run.stalls]
    if not stalls:
        return ""
    longest = max(stalls, key=lambda stall: stall.held_s * stall.times)
    times = f" at a time, {longest.times} times" if longest.times > 1 else ""
    return f"held for up to {format_duration(longest.held_s)}{times} by {longest.stack[0]}"


def _queued(series: Series) -> float | None:
    return _above(series, "executor_queue", 0.5)


def _limit(runs: Sequence[Run]) -> float | None:
    limits = [run.resources.values.get("executor_limit") for run in runs]
    seen = [float(np.nanmax(one)) for one in limits if one is not None and not np.isnan(one).all()]
    return max(seen, default=None)


def _above(series: Series, name: str, level: float) -> float | None:
    values = series.values.get(name)
    if values is None or not len(values) or np.isnan(values).all():
        return None
    return float((values[~np.isnan(values)] >= level).mean())


def _weighted(series: Series, name: str) -> float | None:
    values = series.values.get(name)
    if values is None or len(values) < 2 or np.isnan(values).all():
        return None
    since, seen = np.diff(series.t_s, prepend=0.0), ~np.isnan(values)
    total = float(since[seen].sum())
    return float((values[seen] * since[seen]).sum()) / total if total > 0 else None


def _mean(values: Iterable[float | None]) -> float | None:
    seen = [value for value in values if value is not None and not math.isnan(value)]
    return sum(seen) / len(seen) if seen else None
