"""A grid of variations of one scenario, each run with every seed: one row for each, whatever became of it.

Cells are spread over processes, or over the workers of a Dask cluster. A cell that cannot be declared, run or believed
is a row too, with its reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

from harness.distribute.tasks import Lost, over_cluster, over_processes
from harness.drive.clock import ClockName
from harness.drive.opening import BUILTIN
from harness.errors import DeclarationError, HarnessError, Mistake
from harness.execute import run
from harness.judge.baseline import judge_baseline, overall
from harness.judge.bottleneck.limiting import limiting
from harness.judge.observed import agent_pools, finite
from harness.measure.metrics import summarise
from harness.measure.summary import Estimate, MultiAgentLoadMetrics
from harness.scenario.declare import declaration_of
from harness.scenario.load import catalog_of
from harness.scenario.model import Scenario, TraceLoad
from harness.scenario.variation import MOST_CELLS, Axis, Settings, cells_of, checks_of, varied

Verdict = Literal["held", "broken", "cannot_tell", "no_baseline", "failed"]
MOST_ROWS = MOST_CELLS


@dataclass(frozen=True, slots=True)
class Row:
    """One cell with one seed. `figures` maps a metric, its unit last in its name, to its value (None: not observable).

    `limited_by` names the resource that limited the run ("agent_pool agents", "none", "unknown"; None: it failed).
    `verdict` is that on the baseline; where it is `failed`, `reason` says why and there are no figures, else `reason`
    holds the broken lines in words (empty: none).
    """

    index: int
    settings: Settings
    seed: int
    digest: str | None
    verdict: Verdict
    reason: str = ""
    figures: Mapping[str, float | None] = field(default_factory=dict)
    limited_by: str | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """What is swept: a scenario, the axes it is varied along, the seeds of each cell, and on what it is run."""

    scenario: Scenario
    axes: tuple[Axis, ...]
    seeds: tuple[int, ...]
    target: object = BUILTIN
    clock: ClockName = "virtual"
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of `harness.run`."""

    @property
    def count(self) -> int:
        """Rows."""
        return math.prod(len(axis.values) for axis in self.axes) * len(self.seeds)

    @property
    def cells(self) -> tuple[Settings, ...]:
        """Every combination, the last axis varying fastest."""
        return tuple(cells_of(self.axes))


def grid(
    scenario: Scenario,
    axes: Sequence[Axis],
    seeds: Sequence[int],
    *,
    target: object = BUILTIN,
    clock: ClockName = "virtual",
    **options: Any,
) -> Grid:
    """A grid of which every value was tried in a declaration; raises `DeclarationError` with all mistakes.

    A value is tried beside the first value of each other axis: what cannot stand together elsewhere becomes a row.
    """
    document, source = document_of(scenario), "--set"
    mistakes: dict[Mistake, None] = {}
    for settings in checks_of(axes):
        try:
            catalog_of(varied(document, scenario.name, settings), source)
        except DeclarationError as error:
            mistakes |= dict.fromkeys(error.mistakes)
    of = Grid(scenario, tuple(axes), tuple(seeds), target, clock, options)
    if (rows := of.count) > MOST_ROWS:
        mistakes[Mistake("--set and --replications", f"{rows} runs", f"at most {MOST_ROWS} in all")] = None
    if mistakes:
        raise DeclarationError(source, mistakes)
    return of


def document_of(scenario: Scenario) -> dict[str, Any]:
    """The declaration of `scenario`, which needs no file: a trace's times are written out."""
    if isinstance(scenario.load, TraceLoad):
        scenario = replace(scenario, load=replace(scenario.load, file=None))
    return declaration_of(scenario)


def sweep(
    of: Grid, *, processes: int = 1, scheduler: str | None = None, progress: Callable[[int], None] | None = None
) -> Iterator[Row]:
    """The rows of a grid, as they come; `progress` is told how many there are so far.

    With `scheduler`, the workers of that Dask cluster run them, else `processes` of this machine (1: this one). Ends
    early where this process was asked to stop (`StopSignals`). Raises what `over_cluster` raises.
    """
    cells, seeds = of.cells, of.seeds
    work = partial(_row, _Work(document_of(of.scenario), of.scenario.name, cells, seeds, of))
    if scheduler is not None:
        endings = over_cluster(work, of.count, scheduler)
    else:
        endings = over_processes(work, of.count, processes)
    for done, ended in enumerate(endings, start=1):
        if progress is not None:
            progress(done)
        if isinstance(ended.result, Lost):
            settings, seed = cells[ended.index // len(seeds)], seeds[ended.index % len(seeds)]
            yield Row(ended.index, settings, seed, None, "failed", ended.result.why)
        elif ended.result is not None:
            yield ended.result


@dataclass(frozen=True, slots=True)
class _Work:
    """What each process is sent once."""

    document: dict[str, Any]
    name: str
    cells: tuple[Settings, ...]
    seeds: tuple[int, ...]
    of: Grid


def _row(work: _Work, index: int) -> Row | None:
    """The row `index`; None where the run was cut off by a stop that was asked for."""
    settings, seed = work.cells[index // len(work.seeds)], work.seeds[index % len(work.seeds)]
    digest = None
    try:
        scenario = catalog_of(varied(work.document, work.name, settings), "--set")[work.name]
        digest = scenario.digest
        how = dict(work.of.options)
        done = run(scenario, target=work.of.target, clock=work.of.clock, seed=seed, take_stop_signals=True, **how)
        if done.stopped in ("interrupted", "terminated"):
            return None
        if done.invalid:
            return Row(index, settings, seed, digest, "failed", done.invalid)
        metrics = summarise(scenario, [done])
    except HarnessError as error:
        return Row(index, settings, seed, digest, "failed", "; ".join(str(error).splitlines()))
    except MemoryError:
        return Row(index, settings, seed, digest, "failed", "not enough memory for its rows")
    lines = judge_baseline(scenario, metrics)
    verdict: Verdict = overall(lines) if lines else "no_baseline"
    said = [f"ended early: {done.stopped}"] if done.stopped else []
    said += [line.reason for line in lines if line.verdict == "broken"]
    found = limiting(scenario, metrics)
    limited_by = f"{found.cause} {found.name}".rstrip()
    return Row(index, settings, seed, digest, verdict, "; ".join(said), figures_of(scenario, metrics), limited_by)


_OF_POOLS = ("utilization_mean_share", "queue_depth_max", "wait_max_s", "drops")
OF_EVERY_CELL = (
    *("offered", "succeeded", "failed", "timed_out", "rejected", "cancelled"),
    *("in_flight_max", "success_rate_share", "error_rate_share", "rejection_rate_share"),
    *("latency_p50_s", "latency_p95_s", "latency_p99_s", "latency_mean_s", "latency_max_s"),
    *("queue_wait_mean_s", "service_mean_s", "throughput_mean_per_s", "makespan_s"),
    *("attempts_per_workflow", "memory_peak_b", "cpu_mean_share"),
)


def figure_names(scenario: Scenario) -> list[str]:
    """The figures that every row of `scenario` has, in their order, before it is run."""
    pools = [f"pool_{pool.name}_{of}" for pool in scenario.pools for of in _OF_POOLS]
    return [*OF_EVERY_CELL, *pools]


# long: one line for each figure
def figures_of(scenario: Scenario, metrics: MultiAgentLoadMetrics) -> dict[str, float | None]:
    """The figures of a row: counts, shares, seconds, per second, bytes; the unit is last in each name."""
    latency, resources = metrics.latency, metrics.resources
    figures: dict[str, float | None] = {"offered": float(metrics.offered)}
    figures |= {outcome: float(count) for outcome, count in metrics.outcomes.items()}
    estimates: dict[str, Estimate] = {
        "success_rate_share": metrics.success_rate,
        "error_rate_share": metrics.error_rate,
        "rejection_rate_share": metrics.rejection_rate,
        "latency_p50_s": latency.p50,
        "latency_p95_s": latency.p95,
        "latency_p99_s": latency.p99,
        "latency_mean_s": latency.mean,
        "latency_max_s": latency.max,
        "queue_wait_mean_s": latency.queue_wait,
        "service_mean_s": latency.service,
        "throughput_mean_per_s": metrics.throughput.mean,
        "makespan_s": metrics.makespan,
        "attempts_per_workflow": metrics.attempts_per_workflow,
        "memory_peak_b": resources.memory_peak_b,
        "cpu_mean_share": resources.cpu_mean,
    }
    figures["in_flight_max"] = float(metrics.concurrent_workflows)
    for pool in agent_pools(scenario, metrics):
        estimates[f"pool_{pool.name}_utilization_mean_share"] = pool.avg_utilization
        estimates[f"pool_{pool.name}_queue_depth_max"] = pool.max_depth
        estimates[f"pool_{pool.name}_wait_max_s"] = pool.max_wait_s
        estimates[f"pool_{pool.name}_drops"] = pool.drops
    return figures | {name: finite(estimate.value) for name, estimate in estimates.items()}
