"""Records built by hand: what was built is valid, on both sides of every bound."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.errors import DeclarationError
from harness.scenario.model import (
    BaselineLine,
    BurstLoad,
    ClosedLoad,
    Constant,
    Empirical,
    Gamma,
    Lognormal,
    Pool,
    RateLoad,
    Retry,
    Scenario,
    Step,
    WorkflowType,
)

BASE = Scenario(
    name="s",
    load=ClosedLoad(in_flight=2, workflows=4),
    types=(WorkflowType("w", (Step("a"),)),),
    mix=(("w", 1.0),),
    pools=(Pool("agents", 3),),
)


def _step(**changes):
    return {"types": (WorkflowType("w", (Step("a", **changes),)),)}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"pools": (Pool("agents", True),)}, "pools.agents.size: expected a whole number, found True"),
        ({"pools": (Pool("agents", 2.5),)}, "pools.agents.size: expected a whole number, found 2.5"),
        (
            {"pools": (Pool("agents", 10**400),)},
            "pools.agents.size: expected at least 1 and at most 1000000, found a number of more than 64 bits",
        ),
        (
            {"pools": (Pool("agents", 3), Pool("agents", 4))},
            "pools.agents: expected one pool of each name, found two pools of this name",
        ),
        (
            {"pools": ()},
            "workflow.w.steps[0].pool: expected a pool of scenario s (it has none), found 'agents'",
        ),
        (
            {"pools": (Pool("agents", 3, overflow="x"),)},
            "pools.agents.overflow: expected one of reject, drop_oldest, block, found 'x'",
        ),
        ({"types": ()}, "mix.w: expected one of none, found an unknown workflow type"),
        (
            {"types": BASE.types * 2},
            "mix.w: expected one workflow type of each name, found two workflow types of this name",
        ),
        (
            {"types": (WorkflowType("w", ()),), "pools": ()},
            "workflow.w.steps: expected at least one step, found no step",
        ),
        ({"mix": ()}, "mix: expected at least one weight above zero, found weights that sum to zero"),
        (_step(fail=math.nan), "workflow.w.steps[0].fail: expected at least 0 and at most 1, found nan"),
        (_step(fail=1.0000001), "workflow.w.steps[0].fail: expected at least 0 and at most 1, found 1.0000001"),
        (
            _step(hold_b=-1),
            "workflow.w.steps[0].hold: expected at least 0 B and at most 1125899906842624 B, found -1 B",
        ),
        (
            _step(wait=Constant(-1e-9)),
            "workflow.w.steps[0].wait: expected at least 0 s and at most 2592000 s, found -1e-09 s",
        ),
        (
            _step(wait=Constant(math.inf)),
            "workflow.w.steps[0].wait: expected at least 0 s and at most 2592000 s, found inf s",
        ),
        (
            _step(wait=Lognormal(1.0, math.nan)),
            "workflow.w.steps[0].wait.sigma: expected at least 1e-06 and at most 5, found nan",
        ),
        (
            _step(burn=Gamma(1.0, 0.009)),
            "workflow.w.steps[0].burn.shape: expected at least 0.01 and at most 1000000, found 0.009",
        ),
        (
            _step(wait=Empirical((1.0,))),
            "workflow.w.steps[0].wait.quantiles: expected at least 2 (the minimum and the maximum), found 1 values",
        ),
        ({"load": ClosedLoad(2)}, "load: expected exactly one of workflows and duration, found neither"),
        ({"load": ClosedLoad(2, 3, 4.0)}, "load: expected exactly one of workflows and duration, found both"),
        ({"load": BurstLoad(())}, "load.sizes: expected at least one size, found no burst"),
        (
            {"load": RateLoad(math.nan, "poisson", 3)},
            "load.rate: expected at least 1e-06 /s and at most 10000000 /s, found nan /s",
        ),
        (
            {"load": RateLoad(1e7, "poisson", duration_s=100.1)},
            "load: expected at most 1000000000 workflows in all, found 10000000 /s for 100.1 s",
        ),
        ({"retry": Retry(jitter="half")}, "retry.jitter: expected one of full, none, found 'half'"),
        (
            {"retry": Retry(on=("failed", "won"))},
            "retry.on[1]: expected one of failed, timed_out, rejected, found 'won'",
        ),
        (
            {"baseline": (BaselineLine("makespan", "<", math.nan, "?"),)},
            "baseline.makespan: expected a finite limit, found the limit nan",
        ),
        (
            {"baseline": (BaselineLine("makespan", "~", 1.0, "~ 1 s"),)},
            "baseline.makespan: expected one of < <= > >= = recorded, found the operator '~'",
        ),
    ],
)
def test_an_invalid_record_cannot_be_built(changes, line):
    with pytest.raises(DeclarationError) as refusal:
        replace(BASE, **changes)
    assert [str(mistake) for mistake in refusal.value.mistakes] == [line]


def test_every_mistake_is_told_at_once():
    with pytest.raises(DeclarationError) as refusal:
        replace(BASE, cores=0, timeout_s=0.0, run_timeout_s=0.0, load=ClosedLoad(0, 0))
    paths = [mistake.where for mistake in refusal.value.mistakes]
    assert paths == ["load.workflows", "load.in_flight", "cores", "run_timeout", "timeout"]


@pytest.mark.parametrize(
    "changes",
    [
        {"load": RateLoad(1e7, "poisson", duration_s=100.0)},
        {"load": BurstLoad((10**7,))},
        {"pools": (Pool("agents", 10**6, queue=0),)},
        {"cores": 1024},
        _step(fail=1.0),
        _step(hold_b=2**50),
        _step(wait=Constant(30 * 86400.0)),
    ],
)
def test_the_neighbours_of_a_bound_can(changes):
    assert replace(BASE, **changes).digest


def test_a_pool_is_found_by_name():
    assert BASE.pool_index("agents") == 0
    with pytest.raises(KeyError):
        BASE.pool_index("robots")
