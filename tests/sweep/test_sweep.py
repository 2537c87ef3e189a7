"""A sweep: every run is a row with the figures of that run, whatever becomes of processes and cells."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.distribute.tasks import Lost, over_processes
from harness.errors import ExitCode
from harness.execute import run
from harness.measure.metrics import summarise
from harness.report.sweeping.document import sweep_document
from harness.report.sweeping.tidy import columns_of, in_base_units
from harness.scenario.load import load_catalog
from harness.scenario.model import Uniform
from harness.scenario.variation import axes_of
from harness.schema import load_schema
from harness.sweep import Grid, Row, figure_names, grid, sweep

ROOT = Path(__file__).resolve().parents[2]
EXHAUSTION = load_catalog()["test_agent_pool_exhaustion"]


def rows_of(of: Grid, processes: int = 1) -> list[Row]:
    return sorted(sweep(of, processes=processes), key=lambda row: row.index)


def harness(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_row_has_the_figures_of_the_changed_scenario_run_by_hand() -> None:
    rows = rows_of(grid(EXHAUSTION, axes_of(["agents=20,40", "queue=60"]), [3, 4]))
    assert [(row.settings, row.seed) for row in rows] == [
        ((("agents", agents), ("queue", 60)), seed) for agents in (20, 40) for seed in (3, 4)
    ]
    changed = replace(EXHAUSTION, pools=(replace(EXHAUSTION.pools[0], size=40, queue=60),))
    metrics = summarise(changed, [run(changed, clock="virtual", seed=4)])
    assert rows[3].digest == changed.digest
    assert rows[3].figures["latency_p95_s"] == metrics.latency.p95.value
    assert rows[3].figures["rejected"] == metrics.outcomes["rejected"]
    assert rows[3].figures["pool_agents_wait_max_s"] == metrics.pools[0].max_wait_s.value
    assert list(rows[0].figures) != []
    assert sorted(rows[0].figures) == sorted(figure_names(EXHAUSTION))


def test_processes_give_the_same_rows() -> None:
    of = grid(EXHAUSTION, axes_of(["agents=20..80/20", "queue=50,100"]), [0, 1])
    assert rows_of(of, processes=2) == rows_of(of)


def test_cells_that_cannot_stand_together_are_rows_with_their_reason() -> None:
    # each value stands in a declaration beside the first of the other axis; the last of both do not stand together
    wait = "workflow.simple.steps.answer.wait"
    axes = axes_of([f"{wait}.low=1,5 s", f"{wait}.high=9,3 s", f"{wait}.dist=uniform"])
    base = load_catalog()["test_10_concurrent_workflows"]
    kind = base.types[0]
    steps = (replace(kind.steps[0], wait=Uniform(1.0, 2.0)),)
    rows = rows_of(grid(replace(base, types=(replace(kind, steps=steps),)), axes, [0]))
    assert [row.verdict == "failed" for row in rows] == [False, False, False, True]
    assert "workflow.simple.steps[0].wait.high" in rows[3].reason
    assert not rows[3].figures


def dies_at_two(index: int) -> int:
    if index == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return index * index


def test_a_process_that_dies_costs_its_own_task_only() -> None:
    ended = {one.index: one.result for one in over_processes(dies_at_two, 12, 2)}
    assert sorted(ended) == list(range(12))
    lost = ended.pop(2)
    assert isinstance(lost, Lost)
    assert "SIGKILL" in lost.why
    assert ended == {index: index * index for index in range(12) if index != 2}


def test_a_target_that_raises_at_every_start_is_told_in_each_row() -> None:
    Path("flow.py").write_text("async def handle(workflow):\n    raise OSError('no')\n", encoding="utf-8")
    rows = rows_of(
        grid(load_catalog()["test_10_concurrent_workflows"], axes_of(["in_flight=1,2"]), [0], target="flow.py:handle")
    )
    assert [row.verdict for row in rows] == ["broken", "broken"]
    assert {row.figures["failed"] for row in rows} == {140.0}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of distributed's own, at its start and its end
def test_a_cluster_gives_the_same_rows() -> None:
    made: Any = pytest.importorskip("distributed").LocalCluster
    of = grid(EXHAUSTION, axes_of(["agents=20..80/20", "queue=50,100"]), [0])
    with made(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster:
        rows = list(sweep(of, scheduler=cluster.scheduler_address))
    assert sorted(rows, key=lambda row: row.index) == rows_of(of)


COMMAND = ("sweep", "agent_pool_exhaustion", "--processes", "1", "-q")


def test_the_table_csv_parquet_and_plot_say_the_same() -> None:
    set_to = ("--set", "agents=10..30/10", "--set", "timeout=5,20 s", "-n", "2")
    for name in ("g.csv", "g.parquet", "g.json"):
        done = harness(*COMMAND, *set_to, "--out", name)
        assert done.exit_code == ExitCode.HELD, done.output
    document = json.loads(Path("g.json").read_text(encoding="utf-8"))
    table = columns_of(document)
    assert table["agents"] == [10] * 4 + [20] * 4 + [30] * 4
    assert table["timeout_s"] == [5.0, 5.0, 20.0, 20.0] * 3
    (header, *lines) = csv.reader(io.StringIO(Path("g.csv").read_text(encoding="utf-8")))
    assert header == list(table)
    assert [float(line[header.index("latency_p95_s")]) for line in lines] == table["latency_p95_s"]
    parquet = pytest.importorskip("pyarrow.parquet")
    read = parquet.read_table("g.parquet")
    assert read.column_names == list(table)
    assert read.column("latency_p95_s").to_pylist() == table["latency_p95_s"]
    assert str(read.schema.field("agents").type) == "int64"
    assert json.loads(read.schema.metadata[b"agent-load-harness"])["scenario"] == "test_agent_pool_exhaustion"


def test_pictures() -> None:
    pytest.importorskip("altair")
    done = harness(*COMMAND, "--set", "agents=10..90/10", "--set", "queue=50..140/10", "--plot", "map.svg")
    assert done.exit_code == ExitCode.HELD, done.output
    assert "latency_p95_s" in Path("map.svg").read_text(encoding="utf-8")
    done = harness(*COMMAND, "--set", "agents=10,20", "--set", "queue=50,60", "--plot", "l.svg", "--metric", "rejected")
    assert done.exit_code == ExitCode.HELD, done.output
    assert "queue 60" in Path("l.svg").read_text(encoding="utf-8")


def test_json_and_markdown() -> None:
    document = json.loads(harness(*COMMAND, "--set", "agents=10,20", "--json").stdout)
    assert document["planned"] == len(document["rows"]) == 2
    shown = harness(*COMMAND, "--set", "agents=10,20", "--markdown").stdout
    assert "| agents |" in shown
    assert shown.count("\n| ") == 4


def test_mistakes_of_values_are_told_before_anything_is_run() -> None:
    done = harness(*COMMAND, "--set", "agents=0,5", "--set", "queue=-1", "--out", "g.csv")
    assert done.exit_code == ExitCode.USAGE
    assert "pools.agents.size: expected at least 1" in done.stderr
    assert "pools.agents.queue" in done.stderr
    assert not Path("g.csv").exists()


WRONG = [
    (("--set", "agents=5", "--out", "g.txt"), "one of .parquet, .csv, .json"),
    (("--set", "agents=5", "--out", "."), "a name without an ending"),
    (("--set", "agents=5", "--plot", "g.gif"), ".png, .svg, .html"),
    (("--set", "agents=5", "--metric", "p95"), "found 'p95'"),
    (("--set", "agents=1..1000", "-n", "1000"), "found 1000000 runs"),
    (("--set", "agents=5", "--out", "/dev/null/x.csv"), "cannot write there"),
    ((), "Missing option '--set'"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG, ids=[" ".join(arguments) for arguments, _ in WRONG])
def test_wrong_options(arguments: tuple[str, ...], said: str) -> None:
    done = harness(*COMMAND, *arguments)
    assert done.exit_code == ExitCode.USAGE
    assert said in done.stderr


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)]
)
def test_a_stopped_sweep_writes_what_was_run(number: signal.Signals, code: ExitCode, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "harness", "sweep", "agent_pool_exhaustion", "--set", "agents=1..30000"]
    command += ["--processes", "2", "--out", "g.json"]
    going = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while len(psutil.Process(going.pid).children()) < 2:  # the sweep has begun: its processes are there
        time.sleep(0.05)
    time.sleep(1.0)
    going.send_signal(number)
    _, errors = going.communicate(timeout=60)
    assert going.returncode == code, errors
    assert "Traceback" not in errors
    document = json.loads((tmp_path / "g.json").read_text(encoding="utf-8"))
    assert document["stopped"] == {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}[number]
    assert len(document["rows"]) < document["planned"] == 30000
    assert all(row["figures"] for row in document["rows"])


@pytest.mark.parametrize(
    ("values", "name", "numbers"),
    [
        (["10 ms", "2 s"], "p_s", [0.01, 2.0]),
        (["10 /s", "60 /min"], "p_per_s", [10.0, 1.0]),
        (["1 KiB"], "p_b", [1024]),
        (["5 %"], "p_share", [0.05]),
        ([1, 2], "p", [1, 2]),
        ([50, "unbounded"], "p", ["50", "unbounded"]),
        (["reject", "block"], "p", ["reject", "block"]),
    ],
)
def test_what_was_set_becomes_a_column_of_one_kind(values: list[object], name: str, numbers: list[object]) -> None:
    column, number = in_base_units("p", values)
    assert column == name
    assert [number(value) for value in values] == numbers


def test_a_row_that_failed_is_in_the_document_with_its_reason() -> None:
    rows = [Row(0, (("agents", 1),), 0, None, "failed", "it died")]
    document = sweep_document(
        scenario="x",
        digest="d",
        target="builtin",
        clock="virtual",
        axes={"agents": (1, 2)},
        seeds=[0],
        rows=rows,
        stopped="interrupted",
        commit=None,
        machine={},
        harness_version="0",
        timestamp=datetime.now(UTC),
    )
    assert document["failed"] == 1
    assert document["rows"][0]["reason"] == "it died"
    assert columns_of(document)["reason"] == ["it died"]
    assert load_schema("sweep")["properties"]["rows"]["items"]["properties"]["verdict"]["enum"][-1] == "failed"
