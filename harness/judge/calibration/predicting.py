"""How well a model predicts: its target's runs at other loads, measured and simulated, figure by figure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.errors import DeclarationError, Mistake
from harness.judge.calibration.modelling import scenario_of_load
from harness.judge.calibration.records import Measured, Model, PredictedFigure, Prediction, Simulate, Verdict
from harness.judge.calibration.sampling import NAMES, estimates_of
from harness.measure.summary import Estimate

GROUPS = 20
"""Simulated twins of a measured run, whose spread is the interval of a prediction."""
_MOST_REPLICATIONS = 10
JUDGED = ("latency_p50", "latency_p95", "throughput")
_SLACK = 1.02
_LATE_S = 0.003
_LATER = 3.0
"""Lag, in seconds and beside that of the calibrated run, that an idle machine does not show."""


def predict(model: Model, source: Measured, simulate: Simulate, tolerance: float) -> Prediction:
    """What `model` says of the load of `source`, beside what was measured; `tolerance` is a share.

    Raises `DeclarationError` where the load has a workflow type that the model does not know.
    """
    known = {kind.name for kind in model.scenario.types}
    unknown = [name for name, weight in source.scenario.mix if weight > 0 and name not in known]
    if unknown:
        allowed = f"types that the calibrated runs had ({', '.join(sorted(known))})"
        raise DeclarationError(
            source.name, [Mistake(f"mix.{name}", "a type without a fit", allowed) for name in unknown]
        )
    scenario = scenario_of_load(model.scenario, source.scenario)
    replications = min(len(source.seeds), _MOST_REPLICATIONS)
    told = estimates_of(scenario, GROUPS, replications, simulate)
    widened = {name: _widened(told[name], *model.spread.get(name, (0.0, 0.0))) for name in NAMES}
    figures = tuple(_figure(name, source.figures[name], widened[name], tolerance) for name in NAMES)
    return Prediction(source, figures, source.times.in_flight > _SLACK * model.limit.seen_up_to)


def _widened(told: Estimate, below: float, above: float) -> Estimate:
    """`told`, whose interval is the luck of the run that is predicted, with that of the run it was fitted to."""
    if told.value is None or told.low is None or told.high is None:
        return told
    low = told.value - math.hypot(told.value - told.low, below * told.value)
    high = told.value + math.hypot(told.high - told.value, above * told.value)
    return Estimate(told.value, max(0.0, low), high)


def shared_machine(base: Measured, other: Measured) -> str | None:
    """Why what was measured of `other` may be the machine's doing: a generator that does next to nothing was late.

    Only where the target is another process: one on the generator's own loop makes it late by itself.
    """
    if other.times.in_process or base.late_s is None or other.late_s is None:
        return None
    if other.late_s < max(_LATE_S, _LATER * base.late_s):
        return None
    return (
        f"{other.name}: half of the workflows were started {1000 * other.late_s:.1f} ms late or more, "
        f"{1000 * base.late_s:.1f} ms in {base.name}: other processes took the machine's cores, which no model of the "
        "target has"
    )


def overall(predictions: Sequence[Prediction]) -> Verdict:
    """`broken` where a judged figure is off by more than was tolerated, else the least certain of them."""
    verdicts = [figure.verdict for one in predictions for figure in one.figures if figure.judged]
    if "broken" in verdicts:
        return "broken"
    return "held" if verdicts and set(verdicts) == {"held"} else "cannot_tell"


def _figure(name: str, measured: Estimate, predicted: Estimate, tolerance: float) -> PredictedFigure:
    judged = name in JUDGED
    if not measured.value or predicted.value is None:
        return PredictedFigure(name, measured, predicted, None, "cannot_tell", judged)
    error = predicted.value / measured.value - 1
    return PredictedFigure(name, measured, predicted, error, _verdict(error, measured, predicted, tolerance), judged)


def _verdict(error: float, measured: Estimate, predicted: Estimate, tolerance: float) -> Verdict:
    """Within tolerance; beyond it; or beyond it by no more than chance makes of two runs of one system."""
    if abs(error) <= tolerance:
        return "held"
    bounds = (measured.low, measured.high, predicted.low, predicted.high)
    if any(bound is None for bound in bounds):
        return "cannot_tell"
    low, high, told_low, told_high = (bound or 0.0 for bound in bounds)
    return "cannot_tell" if told_low <= high and low <= told_high else "broken"
