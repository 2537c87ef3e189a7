"""`harness.run` as a library: what it takes, and what it refuses in a sentence."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import harness
from harness.errors import DeclarationError, HarnessError, TargetError
from tests.drive.small import outcomes, scenario


async def handle(_workflow: object) -> None:
    await asyncio.sleep(0)


class Desk:
    async def run(self, workflow: object) -> None:
        await handle(workflow)


@pytest.mark.parametrize("target", [handle, Desk(), Desk, "builtin"], ids=["function", "object", "class", "name"])
def test_a_target_may_be_handed_over_itself(target: Any) -> None:
    done = harness.run(scenario(workflows=3), target=target, clock="virtual")
    assert outcomes(done) == {"succeeded": 3}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"clock": "sundial"}, "--clock: expected one of wall"),
        ({"engine": "steam"}, "engine: expected one of fast, loop"),
        ({"seed": 1.5}, "--seed: expected a whole number"),
        ({"seed": -1}, "--seed: expected a whole number"),
    ],
)
def test_wrong_options_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(DeclarationError, match=said):
        harness.run(scenario(), **wrong)


def test_no_target_is_refused() -> None:
    with pytest.raises(HarnessError, match="expected an async function"):
        harness.run(scenario(), target=None)


def test_within_a_running_loop_it_says_what_to_do() -> None:
    async def notebook() -> None:
        harness.run(scenario(), clock="wall")

    with pytest.raises(HarnessError, match=r"asyncio\.to_thread"):
        asyncio.run(notebook())


def test_from_a_thread_beside_a_running_loop_it_runs() -> None:
    async def notebook() -> Any:
        return await asyncio.to_thread(harness.run, scenario(workflows=3), target=handle, clock="wall")

    assert outcomes(asyncio.run(notebook())) == {"succeeded": 3}


class NeverStarts(Desk):
    async def start(self) -> None:
        await asyncio.Event().wait()


def test_a_start_that_never_ends_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.drive.replication.START_STOP_S", 0.2)
    with pytest.raises(TargetError, match=r"start\(\) failed: TimeoutError"):
        harness.run(scenario(), target=NeverStarts, clock="wall")
