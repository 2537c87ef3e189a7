"""Targets for workers, and scenarios for them."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
from typing import Any

from harness.scenario.load import load_catalog
from harness.scenario.model import Load, Scenario

LETHAL = 33


def scenario_with(load: Load, **changes: Any) -> Scenario:
    """A small scenario without a baseline."""
    simple = load_catalog()["test_10_concurrent_workflows"]
    return dataclasses.replace(simple, name="small", load=load, baseline=(), **changes)


async def handle(workflow: Any) -> None:
    """Takes a time of its own, the same in every run."""
    await asyncio.sleep(0.01 + 0.02 * workflow.luck(1))


async def deadly(workflow: Any) -> None:
    """Workflow 33 takes its whole process with it."""
    await asyncio.sleep(0.02)
    if workflow.number == LETHAL:
        os.kill(os.getpid(), signal.SIGKILL)


async def failing(workflow: Any) -> None:
    """Every third fails, each with its own error."""
    await asyncio.sleep(0.001)
    if workflow.number % 3 == 0:
        raise (ValueError if workflow.number % 2 else KeyError)("no")


class Stubborn:
    """Does not start."""

    def start(self) -> None:
        """Refuse."""
        raise RuntimeError("no database")

    async def run(self, workflow: Any) -> None:
        """Never called."""
