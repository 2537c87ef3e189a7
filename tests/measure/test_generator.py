"""Whether a run says more about the load generator than about its target, on made runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.measure.generator import generator_limited, generator_metrics, lateness, loop_held_up
from harness.measure.record import Generator, Outcome, Run, Series
from harness.measure.stalls import Stall
from tests.measure.made_runs import run as made_run
from tests.measure.made_runs import workflows

COUNT = 1000
BUSY = Stall(0.4, 0.5, 3, ("fetch (app/flow.py:12)",))
OURS = Stall(0.4, 0.5, 3, ("_arrive (drive/sources.py:83)", "_run_once (asyncio/base_events.py:1)"))


def late_run(lag_s: float, latency_s: float = 0.0, count: int = COUNT, **given: Any) -> Run:
    """`count` workflows due over one second, each `lag_s` late; the loop's thread used 0.1 s."""
    due = np.arange(count) / count
    rows = [(t, t + lag_s, t + lag_s + latency_s, Outcome.SUCCEEDED) for t in due]
    generator = Generator(start_cost_s=1e-5, starved_s=0.0)
    return replace(
        made_run(workflows(rows)),
        **{
            "clock": "wall",
            "open_load": True,
            "ended_s": 1.0 + lag_s + latency_s,
            "driver_cpu_s": 0.1,
            "generator": generator,
            **given,
        },
    )


@pytest.mark.parametrize(
    ("run", "late"),
    [
        (late_run(0.005), False),
        (late_run(0.02), True),
        (late_run(0.02, latency_s=1.0), True),  # 2 % behind its schedule at the end
        (late_run(0.009, latency_s=1.0), False),
        (late_run(0.02, latency_s=1.0, open_load=False), False),  # a closed load has no schedule
        (late_run(0.2, latency_s=1.0, open_load=False), True),
        (late_run(0.5, clock="virtual"), False),
        (late_run(0.5, clock="hybrid"), False),
        (late_run(0.5, count=19), False),
    ],
)
def test_what_is_late(run: Run, late: bool) -> None:
    assert (lateness(run) is not None) is late


def test_an_overdriven_generator_is_named_with_what_to_change() -> None:
    run = late_run(0.5, count=100_000, driver_cpu_s=1.5, generator=Generator(1e-5, 0.1))
    said = generator_limited(run)
    assert said is not None
    assert said.startswith("generator-limited: 1 % of the workflows started 500 ms or more after they were due")
    assert "starting them took 1 s of CPU" in said
    assert "--loop uvloop" in said
    assert loop_held_up(run) is None


def test_a_machine_that_gives_no_core_is_named() -> None:
    said = generator_limited(late_run(0.5, generator=Generator(1e-5, 1.2)))
    assert said is not None
    assert "other work on the machine kept it from a core (for 1.2 s)" in said
    assert "use a machine that does nothing else" in said


@pytest.mark.parametrize(
    "given",
    [
        {"stalls": (BUSY,)},
        {"driver_cpu_s": 1.2},
        {"resources": Series(np.array([0.0, 1.0]), {"cpu_cores": np.array([1.0, 1.0])})},
        # on a busy machine it is held up all the same: the wait for a core is nobody's
        {"driver_cpu_s": 0.7, "generator": Generator(1e-5, 0.8)},
    ],
    ids=["it slept", "it computed", "its threads computed", "it computed on a busy machine"],
)
def test_a_target_that_holds_the_loop_up_is_not_the_generator_s_fault(given: dict[str, Any]) -> None:
    run = late_run(0.5, **given)
    assert generator_limited(run) is None
    said = loop_held_up(run)
    assert said is not None
    assert "the target's own code held the event loop" in said


def test_thousands_of_starts_in_a_row_are_no_stall_of_the_target() -> None:
    assert generator_limited(late_run(0.5, stalls=(OURS,))) is not None


def test_what_a_client_takes_is_the_generator_s_where_the_target_is_another_process() -> None:
    generator = Generator(1e-5, 0.0, in_process=False)
    said = generator_limited(late_run(0.5, driver_cpu_s=1.4, generator=generator))
    assert said is not None
    assert "starting them took 1.4 s of CPU" in said


def test_what_a_cap_holds_back_is_not_lag() -> None:
    run = late_run(0.5)
    held = replace(run, workflows=replace(run.workflows, held_s=np.full(COUNT, 0.499)))
    assert lateness(held) is None


def test_rates_and_lag() -> None:
    run = late_run(0.0)
    rows = run.workflows
    slowed = replace(run, workflows=replace(rows, started_s=rows.due_s * 2))
    seen = generator_metrics([slowed])
    assert seen.planned.value == pytest.approx(1000.0)
    assert seen.achieved.value == pytest.approx(500.0)
    assert seen.lag_p50.value == pytest.approx(0.4995)
    assert seen.lag_max.value == pytest.approx(0.999)
    closed = generator_metrics([replace(run, open_load=False)])
    assert closed.planned.value is None
    assert closed.lag_p99.value == 0.0
