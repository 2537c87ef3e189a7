"""Whatever a target does, and whoever breaks in: the run ends in time, and every workflow offered is accounted for."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.drive.interrupts import Interrupts, LoopBlockedError
from harness.drive.target import Workflow
from harness.measure.rest import REST_S
from tests.drive.small import drive, errors, outcomes

ROOT = Path(__file__).parents[2]


async def never(_workflow: Workflow) -> None:
    await asyncio.Event().wait()


async def sleeps_long(_workflow: Workflow) -> None:
    await asyncio.sleep(1000)


async def swallows(_workflow: Workflow) -> None:
    for _ in range(1000):
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            continue


async def spins(_workflow: Workflow) -> None:
    while True:
        await asyncio.sleep(0)


# --------------------------------------------------------------------------------------------- targets that never end


@pytest.mark.parametrize("clock", ["wall", "virtual"])
@pytest.mark.parametrize("target", [sleeps_long, never])
def test_a_workflow_that_never_ends_times_out(target: Any, clock: Any) -> None:
    done = drive(target, clock=clock, workflows=3, timeout_s=0.1)
    assert outcomes(done) == {"timed_out": 3}
    assert errors(done) == {"workflow_timeout": 3}
    assert done.stopped is None
    assert done.workflows.finished_s == pytest.approx(0.1, abs=1.0 if clock == "wall" else 1e-12)


@pytest.mark.parametrize("clock", ["wall", "virtual"])
def test_a_run_that_never_ends_is_stopped_at_its_limit(clock: Any) -> None:
    done = drive(sleeps_long, clock=clock, workflows=5, at_once=2, run_timeout_s=0.2)
    assert done.stopped == "run timeout"
    assert outcomes(done) == {"cancelled": 2}
    assert errors(done) == {"run timeout": 2}
    # on a busy machine the loop comes late to its own limit
    assert 0.2 - 1e-12 <= done.ended_s <= (2.0 if clock == "wall" else 0.2 + 1e-12)


@pytest.mark.parametrize("clock", ["wall", "virtual"])
def test_what_ended_before_the_limit_keeps_its_outcome(clock: Any) -> None:
    async def every_other(workflow: Workflow) -> None:
        await asyncio.sleep(0.001 if workflow.number % 2 else 1000)

    done = drive(every_other, clock=clock, workflows=10, run_timeout_s=1.0)
    assert outcomes(done) == {"succeeded": 5, "cancelled": 5}


@pytest.mark.parametrize("clock", ["wall", "virtual"])
def test_a_target_that_swallows_cancellation_is_left_behind(clock: Any) -> None:
    done = drive(swallows, clock=clock, workflows=2, timeout_s=0.05, run_timeout_s=0.1)
    assert done.stopped == "run timeout"
    assert outcomes(done) == {"cancelled": 2}
    assert any("swallows cancellation" in doubt for doubt in done.doubts)


def test_a_late_end_after_a_swallowed_timeout_is_still_a_timeout() -> None:
    async def finishes_anyway(_workflow: Workflow) -> None:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            await asyncio.sleep(0.5)

    done = drive(finishes_anyway, clock="virtual", workflows=2, timeout_s=1.0)
    assert outcomes(done) == {"timed_out": 2}
    assert done.workflows.finished_s == pytest.approx(1.5)


def test_a_target_that_blocks_the_loop_is_broken_out_of() -> None:
    async def blocks(workflow: Workflow) -> None:
        if workflow.number == 2:
            time.sleep(1000)

    done = drive(blocks, workflows=4, run_timeout_s=0.5)
    assert done.stopped == "run timeout"
    assert outcomes(done) == {"succeeded": 2, "cancelled": 2}
    assert any("blocked the event loop" in doubt for doubt in done.doubts)


def test_a_long_collection_of_garbage_is_not_the_targets_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """It calls back when objects die, and an alarm raised in such a call is swallowed and printed."""
    monkeypatch.setattr("harness.drive.replication._ALARM_AFTER_S", 0.5 - REST_S)
    collected = []

    def slowly() -> None:
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            pass
        collected.append(True)

    monkeypatch.setattr("harness.drive.rest.collect", slowly)
    left = []

    async def leaves_open(_workflow: Workflow) -> None:
        left.append(open(__file__))  # noqa: SIM115 - that is its fault

    done = drive(leaves_open, workflows=1)
    for file in left:
        file.close()
    assert collected
    assert done.stopped is None
    assert done.rest is not None
    assert done.rest.left("fds") == 1


# --------------------------------------------------------------------------------------------- clocks that cannot go on


def test_a_loop_that_came_round_is_given_as_long_again_as_was_last_said() -> None:
    """And not as long as the limit that it began with, which is that of a target's start."""
    came_round = iter((True, False))
    with Interrupts(3600.0, lambda _reason: None, False, lambda: next(came_round)) as interrupts:
        interrupts.rearm(0.05)
        with pytest.raises(LoopBlockedError):
            threading.Event().wait(60)
    assert next(came_round, None) is None


def test_a_deadlock_on_the_virtual_clock_names_who_waits_where() -> None:
    done = drive(never, clock="virtual", workflows=2)
    assert done.stopped == "clock error"
    assert outcomes(done) == {"cancelled": 2}
    (doubt,) = done.doubts
    assert "deadlock" in doubt
    assert f"{Path(__file__).name}:{never.__code__.co_firstlineno + 1}" in doubt


def test_a_spinner_on_the_virtual_clock_is_named() -> None:
    done = drive(spins, clock="virtual", workflows=2, run_timeout_s=0.5)
    assert done.stopped == "clock error"
    assert outcomes(done) == {"cancelled": 2}
    (doubt,) = done.doubts
    assert "polls without waiting" in doubt


# ----------------------------------------------------------------------------------------------- seen from the outside

SCRIPT = """
import asyncio, json, signal, sys, time
from harness.drive.adapters.callables import factory_for
from harness.execute import run
sys.path.insert(0, "tests/drive")
from small import errors, outcomes, scenario

async def ends(workflow):
    await asyncio.sleep(0.01)

async def half(workflow):
    print("running", flush=True)
    await asyncio.sleep(0.01 if workflow.number % 2 else 1000)

async def blocks(workflow):
    print("running", flush=True)
    time.sleep(1000)

async def spins(workflow):
    print("running", flush=True)
    while True:
        await asyncio.sleep(0)

def hangs(workflow):
    time.sleep(1000)

async def hangs_in_thread(workflow):
    await asyncio.to_thread(time.sleep, 1000)

class SlowStart:
    async def start(self):
        print("running", flush=True)
        await asyncio.sleep(0.5)
    run = staticmethod(ends)

name, clock, given = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
signal.signal(signal.SIGINT, signal.SIG_IGN)  # a signal that comes when the run is over must not cost the result
done = run(scenario(**given), target=factory_for(name, globals()[name]), clock=clock, take_stop_signals=True)
print(json.dumps({"stopped": done.stopped, "outcomes": outcomes(done), "errors": errors(done)}), flush=True)
"""


@contextlib.contextmanager
def spawned(name: str, clock: str = "wall", **given: Any) -> Iterator[subprocess.Popen[str]]:
    """A process that runs a scenario, says "running" on a line of its own, and prints what came of it."""
    command = [sys.executable, "-c", SCRIPT, name, clock, json.dumps(given)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for_running(process: subprocess.Popen[str], times: int = 1) -> None:
    assert process.stdout is not None
    for _ in range(times):
        assert process.stdout.readline() == "running\n"


def result(process: subprocess.Popen[str], within_s: float) -> dict[str, Any]:
    """What the process printed last; it must end well, in time, and with nothing on its standard error."""
    out, err = process.communicate(timeout=within_s)
    assert process.returncode == 0, err
    assert err == ""
    last: dict[str, Any] = json.loads(out.splitlines()[-1])
    return last


@pytest.mark.parametrize("name", ["hangs", "hangs_in_thread"])
def test_threads_that_hang_do_not_keep_the_process(name: str) -> None:
    with spawned(name, workflows=3, timeout_s=0.2) as process:
        done = result(process, within_s=60)
    assert done == {"stopped": None, "outcomes": {"timed_out": 3}, "errors": {"workflow_timeout": 3}}


def test_a_thread_that_hangs_stops_the_virtual_clock_by_name() -> None:
    with spawned("hangs", "virtual", workflows=3, run_timeout_s=0.5) as process:
        done = result(process, within_s=60)
    assert done["stopped"] == "clock error"
    assert done["outcomes"] == {"cancelled": 3}


STOPS = [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")]


@pytest.mark.parametrize(("number", "reason"), STOPS)
def test_a_stop_signal_in_the_middle_keeps_what_was_measured(number: signal.Signals, reason: str) -> None:
    with spawned("half", workflows=6) as process:
        wait_for_running(process, times=6)
        time.sleep(0.2)
        process.send_signal(number)
        done = result(process, within_s=60)
    assert done == {"stopped": reason, "outcomes": {"succeeded": 3, "cancelled": 3}, "errors": {reason: 3}}


@pytest.mark.parametrize(("name", "clock"), [("blocks", "wall"), ("blocks", "virtual"), ("spins", "virtual")])
def test_a_second_signal_breaks_into_a_loop_that_does_not_come_round(name: str, clock: str) -> None:
    with spawned(name, clock, workflows=2) as process:
        wait_for_running(process)
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        done = result(process, within_s=60)
    assert done["stopped"] == "interrupted"
    assert done["outcomes"] == {"cancelled": 2}


def test_a_signal_while_the_target_starts_stops_the_run_before_it_offers() -> None:
    with spawned("SlowStart", workflows=2) as process:
        wait_for_running(process)
        process.send_signal(signal.SIGINT)
        done = result(process, within_s=60)
    assert done["stopped"] == "interrupted"
    assert sum(done["outcomes"].values()) in {0, 2}
