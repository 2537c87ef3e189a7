"""Measures two checkouts in rounds: each round runs a fresh process per side, in an order drawn from the seed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.bridges import measure_round
from harness.bridges.checkout import Checkout, Repository, clean_environment
from harness.bridges.environments import Interpreter
from harness.bridges.kept_rounds import Keeper
from harness.bridges.sides import read_runs
from harness.errors import ExitCode, HarnessError, RunInvalidError, TargetError
from harness.judge.metrics_form import Measured
from harness.plan.draws import Purpose, uniform, workflow_key

SIDES = ("base", "head")
_POLL_S = 0.2
_SHOWN_LINES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is measured on each side."""

    scenarios: tuple[str, ...]
    files: Mapping[str, str | None]
    """Side -> its file of scenarios, from the checkout's folder on; None: the built-in catalog."""
    target: str
    clock: str
    seed: int
    replications: int
    """Replications, each with its seed, in the one process of a round."""
    clock_options: Mapping[str, Any] = field(default_factory=dict)
    """What `harness.assess` takes beside the clock's name."""

    def seeds(self, number: int) -> list[int]:
        """Round `number`'s seeds. On the virtual clock all rounds have the same: they show that it is exact."""
        first = self.seed if self.clock == "virtual" else self.seed + number * self.replications
        return list(range(first, first + self.replications))


class StoppedError(Exception):
    """A signal asked to stop; `reason` is `interrupted` or `terminated`."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(slots=True)
class Rounds:
    """Everything measured so far. A round counts once both sides have ended."""

    repository: Repository
    checkouts: Mapping[str, Checkout]
    interpreters: Mapping[str, Interpreter]
    load: Load
    folder: Path
    advanced: Callable[[int], None]
    """Told how many processes have ended."""
    asked: Sequence[str]
    """Filled by a signal with why to stop."""
    keeper: Keeper | None = None
    """Keeps each round's reports, also those of a round that a signal ends; None: they are gone with the checkouts."""
    measured: dict[str, list[Measured]] = field(default_factory=lambda: {side: [] for side in SIDES})
    absent: dict[str, list[str]] = field(default_factory=lambda: {side: [] for side in SIDES})
    repeated: list[str] = field(default_factory=list)
    """For each round that was measured again, the side or sides whose run was invalid."""
    done: int = 0

    def run(self, count: int) -> None:
        """Run rounds until there are `count`. Raises `StoppedError`, and what a side refuses, named by its side.

        A round in which a side's run was invalid (the machine gave the load no core) is measured again as a whole, so
        that neither side is favoured; but no more than one for four that are done, at least 2: beyond that it is no
        accident, and the metrics become incomparable.
        """
        while self.done < count:
            found: dict[str, list[Measured]] = {}
            for place, side in enumerate(self.order(self.done)):
                found[side] = self._one(side)
                self.advanced(2 * self.done + place + 1)
            invalid = [side for side in SIDES if any(one.invalid for one in found[side])]
            again = bool(invalid) and self.load.clock != "virtual" and len(self.repeated) < max(self.done // 4, 2)
            if again:
                self.repeated.append(" and ".join(invalid))
                if self.keeper is not None:
                    self.keeper.set_aside(self.done)
                continue
            for side in SIDES:
                self.measured[side] += found[side]
            if self.keeper is not None:
                self.keeper.completed(self.done)
            self.done += 1

    def order(self, number: int) -> tuple[str, ...]:
        """Which side goes first in round `number`: drawn, so that nothing that drifts favours one of them."""
        first = uniform(workflow_key(self.load.seed, number), 0, 0, Purpose.DEAL) < 0.5
        return SIDES if first else SIDES[::-1]

    def _one(self, side: str) -> list[Measured]:
        out = self.folder / f"round-{self.done}-{len(self.repeated)}-{side}"
        out.mkdir()
        job = out.with_suffix(".job")
        job.write_text(json.dumps(self._job(side, out)), encoding="utf-8")
        try:
            self._wait(side, [self.interpreters[side].python, "-P", str(measure_round.__file__), str(job)], out)
        finally:
            self._keep(side, out)
        answer = out / measure_round.ANSWER
        self.absent[side] = json.loads(answer.read_text(encoding="utf-8"))["absent"]
        answer.unlink()
        return self._read(side, out)

    def _keep(self, side: str, out: Path) -> None:
        """Keep the scenarios that this process has come through, however it ended."""
        reports = sorted(path for path in out.glob("*.json") if path.name != measure_round.ANSWER)
        if self.keeper is not None and reports:
            self.keeper.measured(side, self.done, reports)

    def _job(self, side: str, out: Path) -> dict[str, Any]:
        interpreter = self.interpreters[side]
        return {
            "own_harness": interpreter.own_harness,
            "paths": interpreter.paths,
            "roots": interpreter.roots,
            "origin": str(self.repository.top),
            "file": self.load.files[side],
            "scenarios": self.load.scenarios,
            "target": self.load.target,
            "clock": self.load.clock,
            "clock_options": dict(self.load.clock_options),
            "seeds": self.load.seeds(self.done),
            "out": str(out),
        }

    def _wait(self, side: str, command: list[str], out: Path) -> None:
        """Wait for the process, which gets no Ctrl-C of its own: a round is whole, or it is not counted."""
        log = out.with_suffix(".log")
        with log.open("wb") as said:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                cwd=self.checkouts[side].cwd,
                env=clean_environment(),
                start_new_session=True,
            )
            try:
                code = self._poll(process)
            finally:
                _end(process)
        if code:
            raise self._refusal(side, code, log.read_text(encoding="utf-8", errors="replace"))

    def _poll(self, process: subprocess.Popen[bytes]) -> int:
        while True:
            if self.asked:
                raise StoppedError(self.asked[0])
            try:
                return process.wait(_POLL_S)
            except subprocess.TimeoutExpired:
                continue

    def _refusal(self, side: str, code: int, said: str) -> HarnessError:
        told = "\n".join(said.strip().splitlines()[-_SHOWN_LINES:]) or f"its process ended with {code}"
        text = f"{self.checkouts[side]}: {told}"
        return RunInvalidError(text) if code == ExitCode.RUN_INVALID else TargetError(text)

    def _read(self, side: str, out: Path) -> list[Measured]:
        runs = read_runs(sorted(out.glob("*.json")))
        checkout = self.checkouts[side]
        for run in runs:
            if run.commit != checkout.commit:
                raise HarnessError(f"{checkout}: its report names the commit {run.commit}, not {checkout.commit}")
        return [one for run in runs for one in run.measured]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what still runs of it: the process leads a group of its own, in which the target may have started others."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
