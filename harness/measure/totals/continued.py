"""The totals of a run that was cut off, put together with those of the run that went on from there."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np

from harness.measure.record import Outcome, Series
from harness.measure.totals.measured import together
from harness.measure.totals.record import Totals

CUT_OFF = "cut off"
"""The error of a workflow that was under way when a run was cut off."""


def continued(before: Totals, after: Totals) -> Totals:
    """One run of both: `after` had a clock of its own, begun where `before` ends, and windows that go on from there."""
    cut = given_up(before, CUT_OFF)
    lost = before.offered - int(before.outcomes.sum())
    doubt = f"cut off after {before.ended_s:.1f} s and resumed: {lost} workflow(s) under way then count as cancelled"
    return dataclasses.replace(
        after,
        offered=before.offered + after.offered,
        outcomes=cut.outcomes + after.outcomes,
        errors=dict(Counter(cut.errors) + Counter(after.errors)),
        windows=before.windows + after.windows,
        latency_sum_s=before.latency_sum_s + after.latency_sum_s,
        latency_max_s=max(before.latency_max_s, after.latency_max_s),
        lag=before.lag + after.lag,
        lag_sum_s=before.lag_sum_s + after.lag_sum_s,
        measured=together([before.measured, after.measured]),
        most_in_flight=max(before.most_in_flight, after.most_in_flight),
        resources=_one_after_the_other(before.resources, after.resources, before.ended_s),
        gauges=_one_after_the_other(before.gauges, after.gauges, before.ended_s),
        ended_s=before.ended_s + after.ended_s,
        driver_cpu_s=before.driver_cpu_s + after.driver_cpu_s,
        real_s=before.real_s + after.real_s,
        doubts=tuple(dict.fromkeys((*before.doubts, doubt, *after.doubts))),
        invalid=after.invalid or before.invalid,
    )


def given_up(totals: Totals, why: str) -> Totals:
    """The totals of a run that was cut off: what was under way counts as cancelled, because of `why`."""
    under_way = totals.offered - int(totals.outcomes.sum())
    outcomes = totals.outcomes.copy()
    outcomes[Outcome.CANCELLED] += under_way
    errors = dict(totals.errors) | ({why: totals.errors.get(why, 0) + under_way} if under_way else {})
    return dataclasses.replace(totals, outcomes=outcomes, errors=errors)


def _one_after_the_other(first: Series, second: Series, begin_s: float) -> Series:
    if not len(second.t_s):
        return first
    names = dict.fromkeys([*first.values, *second.values])

    def column(series: Series, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return series.values.get(name, np.full(len(series.t_s), np.nan))

    return Series(
        np.concatenate([first.t_s, begin_s + second.t_s]),
        {name: np.concatenate([column(first, name), column(second, name)]) for name in names},
        second.modelled,
    )
