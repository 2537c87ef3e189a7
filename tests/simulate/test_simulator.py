"""The public face of the simulator: replications, streams, the choice of the form, and what is refused."""

from __future__ import annotations

import signal
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import execute
from harness.errors import ClockError, MissingExtraError
from harness.measure.histogram import Histogram
from harness.measure.latency import latencies
from harness.measure.record import Outcome, Run
from harness.plan.arrivals import plan
from harness.plan.places import pools_of
from harness.plan.program import compile_programs
from harness.scenario.load import load_catalog
from harness.scenario.model import BurstLoad, ClosedLoad, Constant, Pool, RateLoad, Scenario, Step, WorkflowType
from harness.simulate import forms
from harness.simulate.forms import FormName
from harness.simulate.interpreted import Interpreted, Stepwise
from harness.simulate.simulator import AgentLoadSimulator, simulate
from tests.drive.random_scenarios import scenarios
from tests.simulate.same import differences
from tests.simulate.test_twin import FORMS

NO_TIME = WorkflowType("t", (Step("s"),))


def scenario(load: ClosedLoad | BurstLoad | RateLoad) -> Scenario:
    return Scenario(
        name="s", load=load, types=(NO_TIME,), mix=(("t", 1.0),), pools=(Pool("agents", 2),), run_timeout_s=1e5
    )


@settings(max_examples=150, deadline=None)
@given(scenarios(most=60), st.integers(0, 2**63 - 1))
def test_a_stream_counts_what_a_run_lists(drawn: Scenario, seed: int) -> None:
    for form in FORMS:
        simulator = AgentLoadSimulator(drawn, form)
        streamed, run = simulator.stream(seed), simulator.run(seed)
        counts = np.bincount(run.workflows.outcome, minlength=len(Outcome)).tolist()
        assert [streamed.outcomes[outcome.name.lower()] for outcome in Outcome] == counts
        assert (streamed.offered, streamed.ended_s, streamed.stopped) == (len(run.workflows), run.ended_s, run.stopped)
        np.testing.assert_array_equal(streamed.latency.counts, Histogram.of(latencies(run)).counts)
        kinds = [run.error_kinds[code] for code in run.workflows.error.tolist() if code >= 0]
        assert streamed.errors == {kind: kinds.count(kind) for kind in set(kinds)}
        needs_b = np.array([program.memory_b for program in compile_programs(drawn)])
        for index, place in enumerate(pools_of(drawn, cores=True)):
            mine = (run.attempts.pool == index) & np.isfinite(run.attempts.granted_s)
            stays_s = (run.attempts.released_s - run.attempts.granted_s)[mine]
            if place.kind == "memory":  # which is measured in bytes
                stays_s = stays_s * needs_b[run.workflows.type[run.attempts.workflow[mine]]]
            assert streamed.pools[place.name].busy_s == pytest.approx(stays_s.sum())


def test_replications_over_processes_are_the_same_and_in_order() -> None:
    simulator = AgentLoadSimulator(load_catalog()["test_10_concurrent_workflows"])
    alone = list(simulator.run_many(range(6)))
    together = list(simulator.run_many(range(6), processes=2))
    assert [run.seed for run in together] == list(range(6))
    assert not [text for one, other in zip(alone, together, strict=True) for text in differences(one, other)]


def test_a_stream_may_be_longer_than_its_load() -> None:
    short = scenario(RateLoad(100.0, "constant", duration_s=0.5))
    assert AgentLoadSimulator(short).stream().offered == 50
    assert AgentLoadSimulator(short).stream(workflows=12_345).offered == 12_345


def test_a_burst_load_is_as_long_as_its_sizes() -> None:
    with pytest.raises(ValueError, match="law burst is as long as"):
        AgentLoadSimulator(scenario(BurstLoad((3, 4)))).stream(workflows=10)


@pytest.mark.parametrize("form", FORMS)
def test_time_that_cannot_move_is_an_error_and_not_a_hang(form: FormName) -> None:
    with pytest.raises(ClockError, match="stands still at 0 s"):
        AgentLoadSimulator(scenario(ClosedLoad(2, duration_s=1.0)), form).stream()


@pytest.mark.parametrize("form", FORMS)
def test_a_run_that_is_asked_to_stop_says_so_and_counts_everything(form: FormName) -> None:
    kind = WorkflowType("t", (Step("s", wait=Constant(1.0)),))
    long = Scenario(
        name="long",
        load=ClosedLoad(10, workflows=500_000),
        types=(kind,),
        mix=(("t", 1.0),),
        pools=(Pool("agents", 10),),
        run_timeout_s=1e6,
    )
    done = simulate(plan(long, 0), form, lambda: "interrupted")
    assert done.stopped == "interrupted"
    assert done.error_kinds == ("interrupted",)
    assert 10 <= len(done.workflows) < 500_000
    assert (done.workflows.outcome == Outcome.CANCELLED).sum() == 10


def test_small_runs_start_at_once_and_much_work_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "_chooser", forms._Chooser())
    small = plan(load_catalog()["test_10_concurrent_workflows"], 0)
    large = plan(scenario(ClosedLoad(2, workflows=1_000_000)), 0)
    assert forms.form_for(small) is Stepwise
    assert (forms.form_for(large) is Interpreted) == (find_spec("numba") is None)
    assert issubclass(forms.form_for(small), Interpreted) == (find_spec("numba") is None)


def test_without_numba_the_compiled_form_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "_chooser", forms._Chooser())
    monkeypatch.setattr(forms, "find_spec", lambda _name: None)
    large = plan(scenario(ClosedLoad(2, workflows=1_000_000)), 0)
    assert forms.form_for(large) is Interpreted
    with pytest.raises(MissingExtraError, match=r"agent-load-harness\[fast\]"):
        forms.form_for(large, "compiled")


def test_importing_the_simulator_does_not_import_numba() -> None:
    code = "import sys, harness.simulate.simulator; raise SystemExit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(find_spec("numba") is None, reason="nothing to compile with")
def test_compiling_is_never_silent(tmp_path: object) -> None:
    code = (
        "from harness.scenario.load import load_catalog\n"
        "from harness.simulate.simulator import AgentLoadSimulator\n"
        "AgentLoadSimulator(load_catalog()['test_10_concurrent_workflows'], 'compiled').run()\n"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={"NUMBA_CACHE_DIR": str(tmp_path), "PATH": ""},
        ).stderr
        for _ in range(2)
    ]
    assert "compiling the simulation kernel" in said[0]
    assert "compiled the simulation kernel in" in said[0]
    assert said[1] == ""


@pytest.mark.skipif(not hasattr(signal, "SIGINT"), reason="no signals here")
@pytest.mark.parametrize("workflows", [200, 300_000])
def test_a_stop_signal_is_heard_in_a_short_run_and_in_a_long_one(
    monkeypatch: pytest.MonkeyPatch, workflows: int
) -> None:
    def signalled(*given: object, **named: object) -> Run:
        signal.raise_signal(signal.SIGINT)
        return simulate(*given, **named)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(execute, "simulate", signalled)
    kind = WorkflowType("t", (Step("s", wait=Constant(1.0)),))
    load = ClosedLoad(10, workflows=workflows)
    many = Scenario(
        name="many", load=load, types=(kind,), mix=(("t", 1.0),), pools=(Pool("agents", 10),), run_timeout_s=1e6
    )
    done = list(execute.run_all(many, range(5), clock="virtual", take_stop_signals=True))
    assert [run.stopped for run in done] == ["interrupted"]
