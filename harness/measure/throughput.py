"""Throughput: workflows that succeeded, per second of the steady part of a run.

The steady part begins when the first workflow is done (until then the pipeline fills) and ends when the last one comes
(from then on it drains). What is done at its very beginning is not counted, what is done at its end is, so that
workflows that finish in step are counted once per step. `max` and `min` are taken over whole windows of one length.
A burst has no steady part, and a short run too few workflows in it: both are measured over the whole run, and say so.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.measure import estimates
from harness.measure.record import Floats, Outcome, Run
from harness.measure.summary import Estimate, ThroughputMetrics
from harness.measure.warm_up import counted_from_s, warm_up_in_words
from harness.scenario.model import BurstLoad, Load, Scenario, is_open

_FEWEST = 10
"""Fewer workflows done in the steady part than this, and it says nothing."""
_PER_WINDOW = 5
"""At least so many workflows, on average, in a window."""
_MOST_WINDOWS = 20


@dataclass(frozen=True, slots=True)
class _Span:
    """The part of one run that is measured, and when the workflows that succeeded in it were done (ascending)."""

    begin_s: float
    end_s: float
    done_s: Floats

    @property
    def length_s(self) -> float:
        return self.end_s - self.begin_s


def throughput_metrics(scenario: Scenario, runs: Sequence[Run]) -> ThroughputMetrics:
    """Succeeded workflows per second; the same kind of span, and windows of the same length, for all runs."""
    load, warm_up = scenario.load, bool(scenario.warm_up_s or scenario.warm_up_workflows)
    froms = [counted_from_s(scenario, run) if warm_up else 0.0 for run in runs]
    before = f"warm-up ({warm_up_in_words(scenario)})" if warm_up else ""
    steady = [_steady(load, run, from_s) for run, from_s in zip(runs, froms, strict=True)]
    spans = [span for span in steady if span is not None]
    if spans and len(spans) == len(steady):
        excluded = "ramp-up (until the first workflow was done) and drain (after the last one came)"
        return _over(spans, f"{before}, {excluded}" if before else excluded, None)
    short = "bursts have no steady part" if isinstance(load, BurstLoad) else "the run is too short for a steady part"
    whole = [span for run, from_s in zip(runs, froms, strict=True) if (span := _whole(run, from_s)) is not None]
    return _over(whole, before, f"{short}: ramp-up and drain are included")


def _over(spans: Sequence[_Span], excluded: str, doubt: str | None) -> ThroughputMetrics:
    if not spans:
        nothing = Estimate(None, doubt="the run took no time")
        return ThroughputMetrics(nothing, nothing, nothing, 0.0, excluded)
    average = estimates.mean((len(span.done_s) / span.length_s for span in spans), "", doubt)
    window_s = max(_window_s(span) for span in spans)
    rates = np.concatenate([_window_rates(span, window_s) for span in spans])
    if len(rates) < 2:
        few = f"{doubt}; fewer than two windows" if doubt else "fewer than two windows"
        extreme = Estimate(average.value, doubt=few)
        return ThroughputMetrics(average, extreme, extreme, max(span.length_s for span in spans), excluded)
    high, low = Estimate(float(rates.max()), doubt=doubt), Estimate(float(rates.min()), doubt=doubt)
    return ThroughputMetrics(average, high, low, window_s, excluded)


def _steady(load: Load, run: Run, from_s: float) -> _Span | None:
    """The steady part of `run`; None where it has none, or too little is done in it."""
    if isinstance(load, BurstLoad) or not len(run.workflows):
        return None
    ends = run.workflows.finished_s[run.workflows.outcome <= Outcome.TIMED_OUT]
    comes = run.workflows.due_s if is_open(load) else run.workflows.started_s
    if not len(ends) or np.isnan(comes).all():
        return None
    begin, end = max(float(ends.min()), from_s), float(np.nanmax(comes))
    if not begin < end or np.count_nonzero((ends > begin) & (ends <= end)) < _FEWEST:
        return None
    done = _done(run)
    return _Span(begin, end, done[(done > begin) & (done <= end)])


def _whole(run: Run, from_s: float) -> _Span | None:
    done = _done(run)
    return _Span(from_s, run.ended_s, done[done >= from_s]) if run.ended_s > from_s else None


def _done(run: Run) -> Floats:
    return np.sort(run.workflows.finished_s[run.workflows.outcome == Outcome.SUCCEEDED])


def _window_s(span: _Span) -> float:
    """The shortest round length (1, 2, 5, 10 …) that gives at most 20 windows, of 5 workflows or more on average."""
    least = max(span.length_s / _MOST_WINDOWS, _PER_WINDOW * span.length_s / max(1, len(span.done_s)))
    decade = math.floor(math.log10(least))
    lengths = (float(f"{step}e{power}") for power in itertools.count(decade) for step in (1, 2, 5))
    return next(length for length in lengths if length >= least)


def _window_rates(span: _Span, window_s: float) -> Floats:
    """Rates in the whole windows of `span`; what is left after the last whole window is not one."""
    count = math.floor(span.length_s / window_s + 1e-9)
    edges = span.begin_s + window_s * np.arange(count + 1)
    passed = np.searchsorted(span.done_s, edges, side="right")
    passed[:1] = 0  # a span counts what it holds, also what was done at the instant zero of a whole run
    return np.diff(passed) / window_s
