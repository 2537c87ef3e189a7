"""A digest is the same everywhere, and another one as soon as the outcome may be another."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from harness.scenario.digest import digest_of
from harness.scenario.load import load_catalog
from harness.scenario.model import (
    BaselineLine,
    BurstLoad,
    ClosedLoad,
    Constant,
    Exponential,
    Pool,
    Retry,
    Scenario,
    Step,
    WorkflowType,
)

BASE = Scenario(
    name="s",
    load=ClosedLoad(in_flight=2, workflows=4),
    types=(WorkflowType("w", (Step("a", wait=Constant(1.0)),)),),
    mix=(("w", 1.0),),
    pools=(Pool("agents", 3),),
)


def _with_step(**changes):
    kind = BASE.types[0]
    return replace(BASE, types=(replace(kind, steps=(replace(kind.steps[0], **changes),)),))


@pytest.mark.parametrize("seed", ["0", "1", "4711"])
def test_it_is_the_same_in_every_process(seed):
    code = "from harness.scenario.load import load_catalog; print(*(s.digest for s in load_catalog().values()))"
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == [scenario.digest for scenario in load_catalog().values()]


def test_it_is_written_down_so_that_no_change_of_its_making_goes_unseen():
    assert BASE.digest == "3537b8a53f6a7380"


@pytest.mark.parametrize(
    "other",
    [
        replace(BASE, load=ClosedLoad(in_flight=3, workflows=4)),
        replace(BASE, load=ClosedLoad(in_flight=2, workflows=5)),
        replace(BASE, load=BurstLoad((2,))),
        replace(BASE, pools=(Pool("agents", 4),)),
        replace(BASE, pools=(Pool("agents", 3, queue=0),)),
        replace(BASE, retry=Retry(max_attempts=2)),
        replace(BASE, timeout_s=1.0),
        replace(BASE, run_timeout_s=1.0),
        replace(BASE, cores=1),
        replace(BASE, mix=(("w", 2.0),)),
        _with_step(wait=Exponential(1.0)),  # the same number in another distribution
        _with_step(wait=Constant(1.0000000000000002)),
        _with_step(burn=Constant(0.1)),
        _with_step(hold_b=1),
        _with_step(fail=0.1),
        _with_step(timeout_s=9.0),
    ],
)
def test_what_changes_the_outcome_changes_it(other):
    assert other.digest != BASE.digest


@pytest.mark.parametrize(
    "other",
    [
        replace(BASE, description="words"),
        replace(BASE, types=(replace(BASE.types[0], description="words"),)),
        replace(BASE, baseline=(BaselineLine("makespan", "<", 1.0, "< 1 s"),)),
    ],
)
def test_words_and_baselines_do_not(other):
    assert other.digest == BASE.digest


def test_all_of_the_catalog_differ():
    digests = {scenario.digest for scenario in load_catalog().values()}
    assert len(digests) == 8
    assert all(len(digest) == 16 for digest in digests)


def test_fields_are_left_out_at_every_depth():
    assert digest_of(BASE.types[0], leave_out=("name",)) == digest_of(
        WorkflowType("other", (replace(BASE.types[0].steps[0], name="b"),)), leave_out=("name",)
    )
