"""Which signals fire: rules over what each run shows, one for each fault that is known to break orchestrators.

A signal that fires is a finding with its evidence, never a broken baseline: whoever wants a gate declares a line. Each
threshold is there for its false alarms on healthy targets and its power on the planted fault, both measured
(docs/signals.md). A rule looks at one run; a signal fires where its rule does in one run of ten or more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.judge.observed import UNSEEN
from harness.measure.metrics import MultiAgentLoadMetrics
from harness.measure.signals import RunSignals, SignalMetrics
from harness.measure.summary import Estimate
from harness.units import format_duration, format_share, format_size

State = Literal["fired", "quiet", "not_observable"]

BLOCKED_S = 0.1
LEFT_FEWEST = 5
LEFT_SHARE = 0.02
LEFT_SHARE_UNSEEN = 0.5
GROWN_SHARE = 0.5
FEW_SAMPLES_S = 2.0
QUEUED_SHARE = 0.5
SHORTEST_S = 0.5
MEMORY_B_PER_WORKFLOW = 4096
BLOCKS_PER_WORKFLOW = 60
MEMORY_FLOOR_B = 2**20
GC_PAUSE_S = 0.2
GC_SHARE = 0.5
ATTEMPTS_PER_STEP = 2.0
FEWEST_RETRIES = 20
TOGETHER_CHANCE = 1e-4
TOGETHER_RATIO = 4.0
WAIT_SHARE = 0.5
BACKLOG_GROWTH = 0.08
BACKLOG_LOW = 0.03
BACKLOG_RATIO = 2.5
BACKLOG_FLOOR_S = 0.05
REPLICATIONS_SHARE = 0.1
NO_ENDS = "the attempts do not tell when they ended (with workflow.attempt(...) as attempt:)"
_PER = 100


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal. `text` is the evidence where it fired, why it is not observable where it is not, else empty.

    `baseline` is the metric that makes a gate of it, `fired_in` the seeds of the replications in which its rule fired.
    """

    name: str
    fault: str
    baseline: str
    state: State
    text: str
    fired_in: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Rule:
    """`finds` returns the evidence in one run, or None; `figure` is what says whether the signal can be seen at all."""

    name: str
    fault: str
    baseline: str
    figure: Callable[[SignalMetrics], Estimate]
    finds: Callable[[RunSignals], str | None]


def judge_signals(metrics: MultiAgentLoadMetrics) -> tuple[Signal, ...]:
    """Every signal, in the order of docs/signals.md."""
    seeds = tuple(one.seed for one in metrics.replications)
    return tuple(_judge(rule, metrics.signals or SignalMetrics(), seeds) for rule in RULES)


def _judge(rule: _Rule, signals: SignalMetrics, seeds: Sequence[int]) -> Signal:
    found = [(k, text) for k, one in enumerate(signals.runs) if (text := rule.finds(one)) is not None]
    if found and len(found) >= math.ceil(REPLICATIONS_SHARE * len(signals.runs)):
        fired_in = tuple(seeds[k] if k < len(seeds) else k for k, _ in found)
        few = f" (in {len(found)} of {len(signals.runs)} replications)" if len(signals.runs) > 1 else ""
        return Signal(rule.name, rule.fault, rule.baseline, "fired", found[0][1] + few, fired_in)
    figure = rule.figure(signals)
    if figure.value is None and not found:
        return Signal(rule.name, rule.fault, rule.baseline, "not_observable", figure.doubt or UNSEEN)
    return Signal(rule.name, rule.fault, rule.baseline, "quiet", "")


# --------------------------------------------------------------------------- the loop and what is left behind


def _blocked(one: RunSignals) -> str | None:
    longest = max(one.stalls or (), key=lambda stall: stall.held_s, default=None)
    if longest is None or longest.held_s < BLOCKED_S:
        return None
    times = f", {longest.times} times" if longest.times > 1 else ""
    where = " < ".join(longest.stack[:3])
    return f"one call held the event loop for at least {format_duration(longest.held_s)}{times}: {where}"


def _left(name: str, words: str) -> Callable[[RunSignals], str | None]:
    """Counts at rest, where they are more than before, not few, and went on growing while workflows were done.

    What a target opens once and keeps (a pool, worker tasks) does not grow any more after warm-up. A run too short for
    a slope is told by its two ends, and one of which nothing was sampled by the count alone.
    """

    def finds(one: RunSignals) -> str | None:
        left = None if one.rest is None else one.rest.left(name)
        if one.rest is None or left is None or left < LEFT_FEWEST or left < LEFT_SHARE * one.workflows:
            return None
        if not _grew(one, name, left):
            return None
        after = "at once" if one.rest.after_s <= 0 else f"{format_duration(one.rest.after_s)} after"
        kinds = _kinds(one) if name == "tasks" else ""
        return f"{left:.0f} {words} {after} the last of {one.workflows} workflows ended{kinds}"

    return finds


def _grew(one: RunSignals, name: str, left: float) -> bool:
    growth = one.growths.get(name, Estimate(None))
    if growth.low is not None and growth.low > 0:
        return True
    if name not in one.grown:
        return left >= LEFT_SHARE_UNSEEN * one.workflows
    # of few samples, some of them late, even a clear growth may leave an interval that reaches 0
    return (growth.value is None or one.length_s < FEW_SAMPLES_S) and one.grown[name] >= GROWN_SHARE * left


def _kinds(one: RunSignals) -> str:
    kinds = list(((one.rest.kinds if one.rest else None) or {}).items())[:3]
    return "".join([": ", ", ".join(f"{count} {name}" for name, count in kinds)]) if kinds else ""


def _orphans(one: RunSignals) -> str | None:
    count = 0 if one.rest is None else one.rest.orphans or 0
    if not count:
        return None
    return f"{count} child process{'es' * (count > 1)} begun in the run still alive after the target stopped"


def _slots(one: RunSignals) -> str | None:
    if not one.slots_left:
        return None
    count = f"{one.slots_left:.0f} slot{'s' * (one.slots_left > 1)}"
    return f"{count} still held when no workflow was left: taken and not given back"


# --------------------------------------------------------------------------- the process


def _executor(one: RunSignals) -> str | None:
    share = one.executor_queued_share
    if share is None or share < QUEUED_SHARE or one.length_s < SHORTEST_S:
        return None
    limit = f" of at most {one.executor_limit:.0f}" if one.executor_limit is not None else ""
    return (
        f"jobs queued for a thread {format_share(share)} of the time, up to {one.executor_queue or 0:.0f} of them, "
        f"behind {one.executor_threads or 0:.0f} threads{limit}"
    )


def _memory(one: RunSignals) -> str | None:
    rss, blocks = one.growths.get("rss_b", Estimate(None)), one.growths.get("blocks", Estimate(None))
    grown_b = (rss.low or 0.0) / _PER * one.workflows
    resident = (rss.low or 0.0) / _PER > MEMORY_B_PER_WORKFLOW and grown_b > MEMORY_FLOOR_B
    objects = (blocks.low or 0.0) / _PER > BLOCKS_PER_WORKFLOW and one.workflows > 2 * _PER
    if not resident and not objects:
        return None
    said = [
        f"resident memory by {_interval(rss, format_size)}" if rss.value is not None else "",
        f"Python's heap by {_interval(blocks, '{:.0f} blocks'.format)}" if blocks.value is not None else "",
    ]
    return f"grew per 100 workflows: {' and '.join(text for text in said if text)}"


def _interval(estimate: Estimate, form: Callable[[float], str]) -> str:
    if estimate.value is None:
        return "an unknown amount"
    if estimate.low is None or estimate.high is None:
        return form(estimate.value)
    return f"{form(estimate.value)} [{form(estimate.low)}, {form(estimate.high)}]"


def _collections(one: RunSignals) -> str | None:
    pause, share = one.gc_pause_max_s, one.gc_share
    if (pause is None or pause < GC_PAUSE_S) and (share is None or share < GC_SHARE):
        return None
    part = "" if share is None else f"; {100 * share:.3g} % of the CPU time was spent collecting"
    return f"the garbage collector stopped everything for {format_duration(pause or 0.0)}{part}"


# --------------------------------------------------------------------------- retries, pools, queues


def _amplified(one: RunSignals) -> str | None:
    tried = one.retries
    if tried is None or tried.retries < FEWEST_RETRIES or tried.attempts < ATTEMPTS_PER_STEP * tried.steps:
        return None
    return (
        f"{tried.attempts / tried.steps:.3g} attempts per step: {tried.retries} of {tried.attempts} calls "
        "repeat a step that was tried before"
    )


def _in_step(one: RunSignals) -> str | None:
    together = None if one.retries is None else one.retries.together
    if one.retries is None or together is None or together.chance > TOGETHER_CHANCE:
        return None
    if together.most < max(LEFT_FEWEST, TOGETHER_RATIO * together.expected):
        return None
    return (
        f"{together.most} of {one.retries.retries} retries came within 100 ms at {format_duration(together.at_s)}, "
        f"after the same wait of about {format_duration(together.wait_s)}; with jitter {together.expected:.2g} "
        "would have"
    )


def _waits_told(signals: SignalMetrics) -> Estimate:
    """Whether retries in step would be seen: only where it is known how long each of them waited."""
    untold = any(one.retries is not None and one.retries.retries and not one.retries.together for one in signals.runs)
    return Estimate(None, doubt=NO_ENDS) if untold else signals.attempts_per_step


def _pool(one: RunSignals) -> str | None:
    waits = one.waits
    if waits is None or waits.share < WAIT_SHARE or one.length_s <= 0:
        return None
    means = ""
    if waits.wait_s is not None and waits.service_s is not None:
        means = f": {format_duration(waits.wait_s)} of waiting against {format_duration(waits.service_s)} of service"
    given_up = f"; {waits.given_up} gave up or were turned away" if waits.given_up else ""
    return f"{100 * waits.share:.3g} % of the time at {waits.name} was spent waiting{means}{given_up}"


def _over(one: RunSignals) -> str | None:
    if not one.over_limit:
        return None
    return f"{one.over_limit:.0f} more in use at once than the limit allows: it is not enforced"


def _backlog(one: RunSignals) -> str | None:
    trend = one.backlog
    if trend is None or trend.low <= BACKLOG_LOW or trend.growth < BACKLOG_GROWTH:
        return None
    if trend.last_s < BACKLOG_RATIO * trend.first_s + BACKLOG_FLOOR_S:
        return None
    return (
        f"workflows grew older by {format_duration(trend.growth)} with each second of load: "
        f"{format_duration(trend.first_s)} at first, {format_duration(trend.last_s)} at last"
    )


RULES: tuple[_Rule, ...] = (
    _Rule(
        "blocked_loop",
        "a call that blocks the event loop",
        "loop_blocked_max",
        lambda m: m.loop_blocked_max_s,
        _blocked,
    ),
    _Rule(
        "tasks_left",
        "tasks that never end",
        "tasks_at_rest",
        lambda m: m.tasks_at_rest,
        _left("tasks", "tasks still alive"),
    ),
    _Rule(
        "descriptors_left",
        "descriptors that are not closed",
        "fds_at_rest",
        lambda m: m.fds_at_rest,
        _left("fds", "descriptors still open"),
    ),
    _Rule(
        "threads_left",
        "threads that never end",
        "threads_at_rest",
        lambda m: m.threads_at_rest,
        _left("threads", "threads still alive"),
    ),
    _Rule(
        "children_left",
        "child processes that are not ended",
        "children_at_rest",
        lambda m: m.children_at_rest,
        _orphans,
    ),
    _Rule(
        "executor_exhausted",
        "too few threads behind an asynchronous call",
        "executor_queued_share",
        lambda m: m.executor_queued_share,
        _executor,
    ),
    _Rule(
        "memory_grows", "memory that is kept per workflow", "memory_slope", lambda m: m.memory_blocks_per_100, _memory
    ),
    _Rule(
        "long_collections",
        "garbage collections that stop everything",
        "gc_pause_max",
        lambda m: m.gc_pause_max_s,
        _collections,
    ),
    _Rule(
        "retries_amplify",
        "retries that multiply the load",
        "attempts_per_step",
        lambda m: m.attempts_per_step,
        _amplified,
    ),
    _Rule("retries_in_step", "retries that come all at once", "retry_synchrony", _waits_told, _in_step),
    _Rule("pool_exhausted", "a pool that is too small", "pool_wait_share", lambda m: m.pool_wait_share, _pool),
    _Rule("slots_left", "slots that are not given back", "slots_at_rest", lambda m: m.slots_at_rest, _slots),
    _Rule("backlog_grows", "a backlog without bound", "backlog_growth", lambda m: m.backlog_growth, _backlog),
    _Rule("limit_exceeded", "a limit that is not enforced", "over_limit", lambda m: m.over_limit, _over),
)
"""In the order of docs/signals.md; `tests/signals` plants each fault and shows that its rule alone fires."""
