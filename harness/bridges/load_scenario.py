"""Behind the fixture `load_scenario`: run a scenario in a test, write its report, fail where a line is broken."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from harness.assess import report_on
from harness.bridges.pytest_options import LoadOptions, as_options, grace_s
from harness.bridges.rounds import Benchmark, MakespanTimer, Rounds
from harness.bridges.seeds import write_seeds
from harness.drive.clock import ClockName
from harness.errors import HarnessError, UnitError
from harness.execute import run
from harness.judge.observed import rejections_seen
from harness.measure.metrics import MultiAgentLoadMetrics, summarise
from harness.measure.record import Run
from harness.report.document import refuse_folder, write_report
from harness.report.model import Report
from harness.scenario.load import find_scenario, load_scenarios
from harness.scenario.model import Scenario

DOCUMENTS: pytest.StashKey[list[dict[str, Any]]] = pytest.StashKey()
"""The reports that a test made, for the lines at the end of the session."""

_SHARED_MACHINE = "run beside other tests (pytest-xdist): they took CPU from it, its times are not to be believed"


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What `load_scenario` returns: the scenario, one `Run` per seed, their summary, the report and its file."""

    scenario: Scenario
    runs: tuple[Run, ...]
    metrics: MultiAgentLoadMetrics
    report: Report
    path: Path


class LoadScenario:
    """Runs one scenario. Made anew for each test."""

    def __init__(
        self, node: pytest.Item, options: LoadOptions, benchmark: Benchmark | None, timer: MakespanTimer | None
    ) -> None:
        self._node = node
        self._options = options
        self._benchmark = benchmark
        self._timer = timer
        self._used_for = ""

    def __call__(
        self,
        scenario: str | Scenario,
        *,
        target: Any = None,
        clock: ClockName | None = None,
        seeds: Sequence[int] | None = None,
        file: str | Path | None = None,
        patch_time: bool | None = None,
        job_grace_s: float | None = None,
    ) -> LoadResult:
        """Run `scenario` once per seed, each time on a fresh loop and clock, and write the report.

        `scenario` is a name (`test_` in front may be left out) or a `Scenario`. What is given here goes before the
        options of the session: `target` is a name, an async or plain function, or an object or class with `run`;
        `file`, a TOML file of scenarios, is looked for beside the test; `patch_time` and `job_grace_s` are those of
        `harness.run`, for clocks that jump. The test fails where a baseline line is broken, the run is invalid, or
        anything asked for does not exist; what cannot be told is shown at the end of the session.
        """
        self._refuse_misuse(scenario)
        __tracebackhide__ = True
        try:
            how = {
                "target": self._options.target if target is None else target,
                "clock": clock or self._options.clock,
                **self._outside(patch_time, job_grace_s),
            }
            return self._run(self._chosen(scenario, file), seeds, how)
        except HarnessError as error:
            pytest.fail(as_options(str(error)), pytrace=False)

    def _run(self, chosen: Scenario, seeds: Sequence[int] | None, how: dict[str, Any]) -> LoadResult:
        __tracebackhide__ = True
        refuse_folder(self._options.report_dir)
        notes = self._notes(how["clock"])

        def replicate(seed: int) -> Run:
            done = run(chosen, seed=seed, take_stop_signals=True, **how)
            return replace(done, doubts=(*done.doubts, *notes))

        rounds = Rounds(replicate, self._options.seeds if seeds is None else tuple(seeds), self._timer)
        try:
            rounds.run_under(self._benchmark)
        except KeyboardInterrupt:
            if rounds.runs:
                self._reported(chosen, rounds.runs)
            raise
        result = self._reported(chosen, rounds.runs)
        if result.report.verdict in {"broken", "invalid"}:
            pytest.fail(failure(result.report, self._shown(result.path)), pytrace=False)
        return result

    def _reported(self, scenario: Scenario, runs: Sequence[Run]) -> LoadResult:
        """Write the report and leave it for the summary; nothing is judged here, so a bad result is reported too."""
        report = report_on(scenario, runs)
        path = write_report(report, self._options.report_dir)
        result = LoadResult(scenario, tuple(runs), summarise(scenario, runs), report, path)
        if self._benchmark is not None:
            self._benchmark.extra_info.update(extra_info(result, self._shown(path)))
        self._node.stash.setdefault(DOCUMENTS, []).append({**report.document, "path": self._shown(path)})
        return result

    # ---------------------------------------------------------------- what was asked for

    def _refuse_misuse(self, scenario: object) -> None:
        __tracebackhide__ = True
        if inspect.iscoroutinefunction(scenario) or callable(scenario):
            kind = "coroutine function" if inspect.iscoroutinefunction(scenario) else "callable"
            name = getattr(scenario, "__qualname__", type(scenario).__qualname__)
            _refuse(
                f"load_scenario: expected the name of a scenario, found the {kind} {name!r}; to put it under load: "
                f'load_scenario("10_concurrent_workflows", target={name})'
            )
        if not isinstance(scenario, (str, Scenario)):
            _refuse(f"load_scenario: expected the name of a scenario or a Scenario, found {type(scenario).__name__}")
        if self._used_for:
            _refuse(
                f"load_scenario: expected one scenario per test, but {self._used_for} was run in this one already; "
                "write a second test, or use pytest.mark.parametrize"
            )
        if _inside_a_loop():
            _refuse("load_scenario: expected a plain test function, found one that runs in an event loop (async def)")
        self._used_for = scenario if isinstance(scenario, str) else scenario.name

    def _chosen(self, scenario: str | Scenario, file: str | Path | None) -> Scenario:
        if isinstance(scenario, Scenario):
            return scenario
        path = self._options.file if file is None else self._node.path.parent / file
        return find_scenario(load_scenarios(path), scenario)

    def _outside(self, patch_time: bool | None, job_grace_s: float | None) -> dict[str, Any]:
        """How the clock deals with what goes on outside the loop, as `harness.run` takes it."""
        __tracebackhide__ = True
        if patch_time is not None and not isinstance(patch_time, bool):
            _refuse(f"load_scenario: patch_time: expected True or False, found {patch_time!r}")
        outside: dict[str, Any] = {"patch_time": self._options.patch_time if patch_time is None else patch_time}
        grace = self._options.job_grace_s if job_grace_s is None else job_grace_s
        if grace is not None:
            try:
                outside["job_grace_s"] = grace_s(grace)
            except UnitError as error:
                _refuse(f"load_scenario: job_grace_s: {error}")
        return outside

    def _notes(self, clock: ClockName) -> Iterable[str]:
        beside_others = hasattr(self._node.config, "workerinput")
        return (_SHARED_MACHINE,) if beside_others and clock != "virtual" else ()

    def _shown(self, path: Path) -> str:
        root = self._node.config.rootpath
        return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def extra_info(result: LoadResult, path: str) -> dict[str, Any]:
    """What goes into the benchmark's JSON: finite numbers, None, texts; lists have one entry per replication."""
    each = result.metrics.replications
    seen = rejections_seen(result.scenario, result.metrics)
    first = result.runs[0]
    return {
        "scenario": result.scenario.name,
        "scenario_digest": first.digest,
        "target": result.report.target,
        "clock": first.clock,
        "seeds": [one.seed for one in each],
        "baseline": result.report.verdict,
        "report": path,
        "makespan_s": [one.makespan_s for one in each],
        "latency_p50_s": [one.latency_p50_s for one in each],
        "latency_p95_s": [one.latency_p95_s for one in each],
        "latency_p99_s": [one.latency_p99_s for one in each],
        "throughput_per_s": [one.succeeded / one.makespan_s if one.makespan_s > 0 else None for one in each],
        "error_rate": [one.error_rate for one in each],
        "rejection_rate": [one.rejection_rate if seen else None for one in each],
    }


def failure(report: Report, path: str) -> str:
    """Why a test fails, in a few lines: the verdict, each line that does not hold, and where the report is."""
    seeds = write_seeds(tuple(report.document["seeds"]))
    what = f"{report.scenario} on {report.target}, {report.clock} clock, seeds {seeds}"
    if not report.valid:
        said = [f"{what}: the run is {report.document['status']}"]
    else:
        lines = report.document["baseline"]["lines"]
        broken = [line["reason"] for line in lines if line["verdict"] == "broken"]
        said = [f"{what}: {len(broken)} of {len(lines)} baseline lines are broken", *(f"  {text}" for text in broken)]
    return "\n".join([*said, f"report: {path}"])


def _inside_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _refuse(text: str) -> NoReturn:
    __tracebackhide__ = True
    pytest.fail(text, pytrace=False)
