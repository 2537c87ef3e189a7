"""The signals in a report: each with its state and evidence, the figures behind them, and what held the loop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.judge.signals import Signal, judge_signals
from harness.measure.metrics import MultiAgentLoadMetrics
from harness.measure.stalls import Stall
from harness.report.figures import Figures, estimates_of, text
from harness.report.model import Report
from harness.report.rows import Sentence
from harness.report.text import visible

FIRED = "signal"
"""What is said of a signal that fired."""
_MOST_STALLS = 5
_PATH = "signals.figures"


def signals_block(metrics: MultiAgentLoadMetrics, figures: Figures) -> dict[str, Any]:
    """The block `signals` of a report; empty where the summary was made without looking at them."""
    if metrics.signals is None:
        return {}
    block = {
        "each": [_signal(one) for one in judge_signals(metrics)],
        "figures": figures.block(_PATH, estimates_of(metrics.signals)),
        "stalls": [_stall(one) for one in _longest(metrics)],
    }
    return {"signals": block}


def fired(reports: Iterable[Report]) -> tuple[Sentence, ...]:
    """One sentence for each signal that fired: what was found, the fault it points to, the key that makes a gate."""
    return tuple(
        Sentence(visible(report.scenario, 80), FIRED, f"{visible(one['evidence'])} ({visible(one['name'])})")
        for report in reports
        for one in report.document.get("signals", {}).get("each", ())
        if one["state"] == "fired"
    )


def _signal(one: Signal) -> dict[str, Any]:
    return {
        "name": one.name,
        "fault": one.fault,
        "baseline": one.baseline,
        "state": one.state,
        "evidence": text(one.text),
        "seeds": list(one.fired_in),
    }


def _longest(metrics: MultiAgentLoadMetrics) -> list[Stall]:
    """The longest holds of the loop, of all replications; of those with one and the same stack the longest."""
    runs = metrics.signals.runs if metrics.signals is not None else ()
    stalls = sorted((stall for one in runs for stall in one.stalls or ()), key=lambda stall: stall.held_s)
    return sorted({stall.stack: stall for stall in stalls}.values(), key=lambda stall: -stall.held_s)[:_MOST_STALLS]


def _stall(one: Stall) -> dict[str, Any]:
    return {
        "held_s": one.held_s,
        "at_s": one.at_s,
        "times": one.times,
        "stack": [text(place) for place in one.stack],
    }
