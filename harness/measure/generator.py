"""Did the load generator keep up? What was late, and whose fault that was.

Late: on the wall clock, the p99 of lag (started - due, without what a cap on workflows in flight held back) is above
10 ms and above a tenth of the p99 latency, or an open load ended more than 1 % behind its schedule.

Whose fault: the target runs in the same process, and while its code holds the event loop nothing can start; users of an
orchestrator feel that too, and it belongs to the figures. So the time in which workflows were late (the union of their
waits from due to started), without what the loop's thread waited for a core, is compared with what the target is seen
to have done: CPU time of the loop's thread beyond what the harness's own code needs (measured with a target that does
nothing, right after a run that was late), CPU time of other threads in that time, and calls that were seen holding the
loop. Where these make up half of it, the target held the loop up, and the run is valid, with a doubt that says so.
Otherwise the generator could not keep up, and the figures say more about it than about the target. Where the target is
another process, all that happens on the loop is the generator's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.measure import estimates
from harness.measure.latency import carried_out
from harness.measure.percentiles import nearest_rank
from harness.measure.record import Floats, Run
from harness.measure.stalls import Stall
from harness.measure.summary import Estimate, GeneratorMetrics
from harness.units import format_duration

GENERATOR_LIMITED = "generator-limited"

_LATE_S = 0.01
_LATE_SHARE = 0.1
_BEHIND = 0.01
_FEWEST = 20
"""Of fewer workflows, the p99 is one unlucky start."""
_NOTICED_S = 1e-3
"""A selector wakes up to 1 ms late: no workflow is called late for less."""
_HALF = 0.5
_GENEROUS = 1.5
"""A run of many workflows takes more for each than a short one of idle ones: lists grow, garbage is collected."""
_OUR_FOLDERS = frozenset({"asyncio", "drive", "measure", "plan"})
"""Of the places in a stall's stack: the event loop's and ours."""
_WHAT_TO_DO = "lower the rate, spread it over processes (--workers), or use --loop uvloop"
_QUIET_MACHINE = "use a machine that does nothing else"
_NONE_STARTED = "no workflow started"
_NO_SCHEDULE = "a closed load, or a single instant, has no rate of its own"


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late one run was: seconds, workflows, and seconds in which some workflow was late."""

    lag_p99_s: float
    behind: float
    """By what share of the schedule's length its last workflows came late; 0 for a load without a schedule."""
    workflows: int
    spent_s: float


def lag_of(run: Run) -> Floats:
    """Lag of the workflows that started, in the order in which they came; shape (k,), seconds."""
    rows = run.workflows
    lag = rows.started_s - rows.due_s - rows.held_s
    return np.asarray(lag[~np.isnan(lag)])


def lateness(run: Run) -> Lateness | None:
    """How late a run was; None where it was not, or where its clock does not let the generator be late."""
    lag = lag_of(run)
    if run.clock != "wall" or len(lag) < _FEWEST:
        return None
    rows, chosen = run.workflows, carried_out(run)
    latency = (rows.finished_s - rows.due_s)[chosen]
    p99 = _p99(lag)
    allowed = max(_LATE_S, _LATE_SHARE * _p99(latency) if len(latency) else 0.0)
    behind = _behind(run, lag)
    if p99 <= allowed and behind <= _BEHIND:
        return None
    late = np.flatnonzero(rows.started_s - rows.due_s - rows.held_s > _NOTICED_S)
    begins, ends = rows.due_s[late], (rows.started_s - rows.held_s)[late]
    return Lateness(p99, behind, len(late), _union_s(begins, ends))


def generator_limited(run: Run) -> str | None:
    """Why a run says more about the load generator than about the target, and what to change; None: it does not."""
    late = lateness(run)
    if late is None or late.spent_s <= 0 or (run.generator.in_process and _by_target(run, late)):
        return None
    ours = run.generator
    starved_s = 0.0 if math.isnan(ours.starved_s) else ours.starved_s
    own_s = late.workflows * ours.start_cost_s if ours.in_process else run.driver_cpu_s
    if own_s >= starved_s and own_s >= _HALF * (late.spent_s - starved_s):
        why, change = f"starting them took {format_duration(own_s)} of CPU", _WHAT_TO_DO
    else:
        why = f"other work on the machine kept it from a core (for {format_duration(starved_s)})"
        change = f"{_QUIET_MACHINE}, or {_WHAT_TO_DO}"
    behind = f", and the load fell {100 * late.behind:.3g} % behind its schedule" if late.behind > _BEHIND else ""
    lag = f"1 % of the workflows started {format_duration(late.lag_p99_s)} or more after they were due"
    return f"{GENERATOR_LIMITED}: {lag}{behind}; {why}; {change}"


def _by_target(run: Run, late: Lateness) -> bool:
    """Whether the target is seen to have held the loop up for half of the time, waiting for a core apart."""
    ours = run.generator
    own_s = _GENEROUS * ours.start_cost_s * len(run.workflows)
    on_loop_s = max(0.0, run.driver_cpu_s - own_s)
    held_s = sum(stall.held_s * stall.times for stall in run.stalls if _is_foreign(stall))
    seen_s = sum(spent for spent in (on_loop_s, held_s, _other_threads_s(run, late)) if not math.isnan(spent))
    starved_s = 0.0 if math.isnan(ours.starved_s) else min(ours.starved_s, late.spent_s)
    return seen_s >= _HALF * (late.spent_s - starved_s)


def _is_foreign(stall: Stall) -> bool:
    """Whether some call of a stall is of the target: thousands of starts in a row hold the loop up, too."""
    return any(place.partition("(")[2].partition("/")[0] not in _OUR_FOLDERS for place in stall.stack)


def _other_threads_s(run: Run, late: Lateness) -> float:
    """CPU seconds of all threads but the loop's in the time that was late, as if it were spread evenly."""
    series = run.resources
    cores = series.values.get("cpu_cores")
    if cores is None or not len(cores) or run.ended_s <= 0:
        return 0.0
    total_s = float(np.nanmean(cores)) * run.ended_s if not np.isnan(cores).all() else 0.0
    return max(0.0, total_s - run.driver_cpu_s) * min(1.0, late.spent_s / run.ended_s)


def loop_held_up(run: Run) -> str | None:
    """The doubt of a run that was late through its target's own fault; None where there is no such thing."""
    late = lateness(run)
    if late is None or generator_limited(run) is not None:
        return None
    return (
        f"1 % of the workflows started {format_duration(late.lag_p99_s)} or more after they were due, while the "
        "target's own code held the event loop or the interpreter; that is part of their latency"
    )


def generator_metrics(runs: Sequence[Run]) -> GeneratorMetrics:
    """Lag and rates over all runs: percentiles are pooled, rates are means over runs."""
    lag = np.concatenate([np.empty(0), *map(lag_of, runs)])
    missing = Estimate(None, doubt=_NONE_STARTED)
    return GeneratorMetrics(
        lag_p50=Estimate(float(np.median(lag))) if len(lag) else missing,
        lag_p99=Estimate(_p99(lag)) if len(lag) else missing,
        lag_max=Estimate(float(lag.max())) if len(lag) else missing,
        planned=estimates.mean((_rates(run)[0] for run in runs), _NO_SCHEDULE),
        achieved=estimates.mean((_rates(run)[1] for run in runs), _NO_SCHEDULE),
    )


def _rates(run: Run) -> tuple[float | None, float | None]:
    """Workflows per second between the first and the last: as planned, and as taken up."""
    rows = run.workflows
    started = ~np.isnan(rows.started_s)
    due, taken = rows.due_s[started], (rows.started_s - rows.held_s)[started]
    if not run.open_load or len(due) < 2 or due[-1] <= due[0]:
        return None, None
    span = float(taken[-1] - taken[0])
    return (len(due) - 1) / float(due[-1] - due[0]), (len(due) - 1) / span if span > 0 else None


def _behind(run: Run, lag: Floats) -> float:
    rows = run.workflows
    span = float(rows.due_s.max() - rows.due_s.min())
    if not run.open_load or span <= 0:
        return 0.0
    last = lag[-max(1, len(lag) // 100) :]
    return float(np.median(last)) / span


def _union_s(begins: Floats, ends: Floats) -> float:
    """Length of the union of intervals, seconds."""
    if not len(begins):
        return 0.0
    order = np.argsort(begins, kind="stable")
    begins, reach = begins[order], np.maximum.accumulate(ends[order])
    first = np.concatenate([[True], begins[1:] > reach[:-1]])
    last = np.concatenate([first[1:], [True]])
    return float((reach[last] - begins[first]).sum())


def _p99(values: Floats) -> float:
    return float(np.sort(values)[nearest_rank(len(values), 0.99) - 1])
