"""Targets that read the wall clock themselves are told from all else that does, and can be given the run's clock."""

from __future__ import annotations

import asyncio
import datetime
import time
from pathlib import Path
from time import monotonic as now
from typing import Any

import pytest

from harness.drive.adapters.callables import factory_for
from harness.drive.target import Workflow
from harness.execute import run
from harness.measure.record import Run
from tests.drive.small import outcomes, scenario

REAL = {name: getattr(time, name) for name in ("monotonic", "perf_counter", "time", "sleep", "time_ns")}


def drive(target: Any, clock: Any = "virtual", patch_time: bool = False, **given: Any) -> Run:
    return run(scenario(**given), target=factory_for("tests:it", target), clock=clock, patch_time=patch_time)


async def times_itself(_workflow: Workflow) -> None:
    began = time.perf_counter()
    await asyncio.sleep(3)
    if time.perf_counter() - began < 3:
        raise RuntimeError("too early")


async def by_name(_workflow: Workflow) -> None:
    began = now()
    await asyncio.sleep(3)
    assert now() - began >= 3


async def stamps(_workflow: Workflow) -> None:
    datetime.datetime.now(tz=datetime.UTC)
    time.time_ns()
    await asyncio.sleep(1)


async def polite(_workflow: Workflow) -> None:
    async with asyncio.timeout(5):
        await asyncio.sleep(1)
    await asyncio.to_thread(sum, [1, 2])


async def naps(_workflow: Workflow) -> None:
    time.sleep(0.01)
    await asyncio.sleep(1)


def lies_down(_workflow: Workflow) -> None:
    time.sleep(2)


async def sleeps_per_step(_workflow: Workflow) -> None:
    for _ in range(3):
        await asyncio.to_thread(time.sleep, 0)  # nobody's line: the executor's thread calls it
        await asyncio.to_thread(lies_down, _workflow)


@pytest.mark.parametrize("clock", ["virtual", "hybrid"])
@pytest.mark.parametrize(
    ("target", "line", "name"), [(times_itself, 1, "perf_counter"), (by_name, 1, "monotonic"), (naps, 1, "sleep")]
)
def test_a_reader_is_named_with_its_place_and_how_often(target: Any, line: int, name: str, clock: Any) -> None:
    done = drive(target, clock, workflows=4)
    found = f"{Path(__file__).name}:{target.__code__.co_firstlineno + line} ({target.__name__}), 4 times: time.{name};"
    assert any(found in doubt for doubt in done.doubts), done.doubts


@pytest.mark.parametrize("clock", ["virtual", "hybrid"])
@pytest.mark.parametrize("target", [stamps, polite])
def test_who_reads_no_clock_is_not_accused(target: Any, clock: Any) -> None:
    assert drive(target, clock).doubts == ()


def test_on_the_wall_clock_nobody_is() -> None:
    assert drive(naps, "wall").doubts == ()


@pytest.mark.parametrize("clock", ["virtual", "hybrid"])
@pytest.mark.parametrize("target", [times_itself, by_name])
def test_patched_they_see_the_runs_clock(target: Any, clock: Any) -> None:
    done = drive(target, clock, patch_time=True)
    assert outcomes(done) == {"succeeded": 3}
    assert done.doubts == ()
    assert outcomes(drive(target, "virtual")) == {"failed": 3}


def test_a_patched_sleep_blocks_the_loop_in_virtual_time() -> None:
    async def blocks(_workflow: Workflow) -> None:
        time.sleep(5)

    done = drive(blocks, patch_time=True)
    assert done.workflows.finished_s.tolist() == [5.0, 10.0, 15.0]
    assert done.real_s < 10


def test_patched_sleeps_in_threads_go_by_virtual_time_side_by_side() -> None:
    done = drive(sleeps_per_step, patch_time=True)
    assert outcomes(done) == {"succeeded": 3}
    assert done.workflows.finished_s.tolist() == [6.0] * 3
    assert done.real_s < 5


def test_a_plain_function_can_be_timed_once_its_sleep_is_patched() -> None:
    done = drive(lies_down, patch_time=True)
    assert done.invalid is None
    assert done.workflows.finished_s.tolist() == [2.0] * 3
    assert drive(lies_down).invalid is not None


def test_everything_is_put_back() -> None:
    for target in (times_itself, naps):
        drive(target, patch_time=True)
    assert {name: getattr(time, name) for name in REAL} == REAL
    assert now is REAL["monotonic"]


def test_a_sleeper_left_behind_is_woken_when_the_run_is_over() -> None:
    woken = []

    def long(_workflow: Workflow) -> None:
        time.sleep(1000)
        woken.append(True)

    done = drive(long, patch_time=True, run_timeout_s=5)
    assert done.stopped == "run timeout"
    until = time.monotonic() + 60
    while len(woken) < 3 and time.monotonic() < until:
        time.sleep(0.01)
    assert len(woken) == 3
