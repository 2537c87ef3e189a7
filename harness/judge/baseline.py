"""Does a scenario hold its baseline? Each line is judged alone and answered in three values, with the reason in words.

The rule. The point estimate decides: a line is `held` where the figure satisfies it and `broken` where it does not.
Where the figure's 95 % interval reaches across the limit, the verdict still stands on the point estimate, and the
reason says so: a gate that answers "cannot tell" whenever an interval touches a limit would never end, and a doubt
that is not shown would be lost. `cannot_tell` is left for what was not seen: a figure that this target or clock does
not show, no workflow that could carry it, or a limit that the load never reached.

A figure within 1e-9 of the limit, relatively, is at the limit: `<` and `>` are broken there, `<=`, `>=` and `=` hold.
Times are differences of clock readings, whose last digits are rounding: 30 ms came out as 0.03000000000000027 s. Counts
are whole numbers without rounding and are compared exactly.

A pool's line is judged on the agent pool in which it is worst; modelled cores are not an agent pool.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from harness.judge.observed import METRICS, UNSEEN, Observed, finite
from harness.measure.metrics import Estimate, MultiAgentLoadMetrics
from harness.scenario.model import BASELINE_METRICS, BaselineLine, Scenario
from harness.units import UNCOUNTABLE, format_duration, format_rate, format_share, format_size

BaselineVerdict = Literal["held", "broken", "cannot_tell"]
AT_THE_LIMIT = 1e-9
"""A figure that differs from the limit by at most this share of the limit is equal to it; counts are held exactly."""


@dataclass(frozen=True, slots=True)
class LineVerdict:
    """One baseline line with its verdict. `observed` is in the line's base unit (None: not observed).

    `reason` says why in words, with the figures: `latency p95 3.1 s < 5 s`.
    """

    line: BaselineLine
    verdict: BaselineVerdict
    observed: float | None
    reason: str


def judge_baseline(scenario: Scenario, metrics: MultiAgentLoadMetrics) -> tuple[LineVerdict, ...]:
    """The verdict on each line of the scenario's baseline, in the order in which they are declared.

    A line reads the unit its metric has in `BASELINE_METRICS` (s, B, a share, per second, a count, a ratio).
    """
    return tuple(_judge(line, METRICS[line.metric].extract(scenario, metrics)) for line in scenario.baseline)


def overall(lines: Iterable[LineVerdict]) -> BaselineVerdict:
    """The verdict on all lines together: broken if any is, else cannot tell if any is (or there is none), else held.

    It fails closed: a scenario of which something asked was not seen is not called held.
    """
    return overall_of(line.verdict for line in lines)


def overall_of(verdicts: Iterable[str]) -> BaselineVerdict:
    """`overall`, of the lines' verdicts alone."""
    found = set(verdicts)
    if "broken" in found:
        return "broken"
    return "held" if found == {"held"} else "cannot_tell"


def is_at_limit(value: float, limit: float, unit: str) -> bool:
    """Whether `value` is the limit but for rounding; `unit` is a kind of quantity as in `BASELINE_METRICS`."""
    return value == limit or (unit != "count" and abs(value - limit) <= AT_THE_LIMIT * abs(limit))


def satisfies(op: str, value: float, limit: float, unit: str) -> bool:
    """Whether `value op limit` holds, for a key of `OPERATORS`, as this module's rule has it."""
    return OPERATORS[op](limit if is_at_limit(value, limit, unit) else value, limit)


# --------------------------------------------------------------------------- one line


def _judge(line: BaselineLine, observed: Observed) -> LineVerdict:
    observed = _in_its_worst_replication(line, observed)
    value = finite(observed.estimate.value)
    if value is None:
        return _judge_unseen(line, observed)
    label = METRICS[line.metric].label
    shown, limit = _shown_apart(line, value)
    if line.op == "recorded":
        return LineVerdict(line, "held", value, _noted(f"{label} {shown}, recorded", observed.note))
    held = _satisfies(line, value)
    sentence = f"{label} {shown} {line.op} {limit}" if held else f"{label} {shown}, not {line.op} {limit}"
    reason = _noted(sentence, observed.note) + _interval_doubt(line, observed.estimate)
    return LineVerdict(line, "held" if held else "broken", value, reason)


def _in_its_worst_replication(line: BaselineLine, observed: Observed) -> Observed:
    """The first replication that breaks the line, where there is one."""
    if line.op == "recorded":
        return observed
    for seed, value in observed.each:
        if not _satisfies(line, value):
            return replace(observed, estimate=Estimate(value), note=f"with seed {seed}")
    return observed


def _judge_unseen(line: BaselineLine, observed: Observed) -> LineVerdict:
    label = METRICS[line.metric].label
    verdict: BaselineVerdict = "cannot_tell"
    why = _clause(observed.estimate.doubt)
    if observed.above is not None:
        # not reached by a load of `above`: that settles a line only where every value above it gives the same answer
        why = f"not reached with up to {observed.above:.0f} in flight"
        if line.op in (">", ">=") and observed.above >= line.limit:
            verdict = "held"
        elif line.op in ("<", "<=", "=") and observed.above >= line.limit:
            verdict = "broken"
    return LineVerdict(line, verdict, None, f"{label}: {_noted(why, observed.note)}")


def _satisfies(line: BaselineLine, value: float) -> bool:
    return satisfies(line.op, value, line.limit, BASELINE_METRICS[line.metric])


def _interval_doubt(line: BaselineLine, estimate: Estimate) -> str:
    """What the interval adds to the sentence: nothing where all of it gives the same answer as the point estimate."""
    low, high = finite(estimate.low), finite(estimate.high)
    said = f"; {_clause(estimate.doubt)}" if estimate.doubt else ""
    if low is None or high is None:
        return said
    if line.op == "=" or _satisfies(line, low) == _satisfies(line, high):
        return ""
    return f"; its 95 % interval [{_shown(line, low)}, {_shown(line, high)}] spans the limit{said}"


def _clause(doubt: str | None) -> str:
    return (doubt or UNSEEN).strip().rstrip(".")


def _noted(text: str, note: str) -> str:
    return f"{text} ({note})" if note else text


# --------------------------------------------------------------------------- figures in words


def _count(value: float) -> str:
    return f"{value:.0f}" if value == round(value) and abs(value) < UNCOUNTABLE else f"{value:.3g}"


FORMATS: Mapping[str, Callable[[float], str]] = {
    "share": format_share,
    "duration": format_duration,
    "size": format_size,
    "rate": format_rate,
    "count": _count,
    "ratio": "{:.3g}".format,
}
OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}
_BASE_UNITS = {"share": "", "duration": " s", "size": " B", "rate": " /s", "count": "", "ratio": ""}


def _shown(line: BaselineLine, value: float) -> str:
    return FORMATS[BASELINE_METRICS[line.metric]](value)


def _shown_apart(line: BaselineLine, value: float) -> tuple[str, str]:
    """Value and limit as texts; in full where three digits would print two different figures alike."""
    shown, limit = _shown(line, value), _shown(line, line.limit)
    if shown == limit and not is_at_limit(value, line.limit, BASELINE_METRICS[line.metric]):
        unit = _BASE_UNITS[BASELINE_METRICS[line.metric]]
        return f"{value!r}{unit}", f"{line.limit!r}{unit}"
    written = line.text.removeprefix(line.op).strip()
    # a limit of "512 MB" beside a figure in MiB: say it as it was written and in the unit of the figure
    return shown, limit if written in ("", limit) else f"{written} ({limit})"
