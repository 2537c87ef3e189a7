"""Advice rests on runs, finds what was planted, and says so where nothing helps."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from click.testing import CliRunner, Result

from harness.cli import main
from harness.errors import ExitCode
from harness.execute import run
from harness.judge.advice.advise import Advice, advise
from harness.judge.advice.candidates import Candidate, dials, policies
from harness.judge.advice.measuring import agent_seconds, goal_of
from harness.judge.advice.paired import paired
from harness.measure.metrics import summarise
from harness.measure.record import Run
from harness.report.advising.changes import MARK, overlay, whole_toml
from harness.scenario.load import load_catalog, load_scenarios
from harness.scenario.model import (
    BaselineLine,
    BurstLoad,
    ClosedLoad,
    ConnectionPool,
    Constant,
    DynamicPool,
    MemoryAdmission,
    Pool,
    RateLimit,
    Scenario,
    Step,
    WorkflowType,
)

SEEDS, OTHERS = range(6), range(100, 106)


def once(scenario: Scenario, seed: int) -> Run:
    return run(scenario, clock="virtual", seed=seed)


def advice_on(scenario: Scenario) -> Advice:
    return advise(scenario, run=once, search_seeds=OTHERS, seeds=SEEDS)


def planted(agents: int, limit_s: float = 2.5) -> Scenario:
    """Bursts of 56 workflows of exactly 1 s each: ceil(56 / agents) rounds, so that 28 agents are what 2 s needs."""
    kind = WorkflowType("exact", (Step("only", wait=Constant(1.0)),))
    return Scenario(
        name="planted",
        load=BurstLoad((56, 56), every_s=20.0),
        types=(kind,),
        mix=(("exact", 1.0),),
        pools=(Pool("agents", agents, queue=100),),
        baseline=(BaselineLine("latency_max", "<", limit_s, f"< {limit_s} s"),),
    )


def test_28_agents_are_found_and_come_first() -> None:
    advice = advice_on(planted(20))
    assert advice.goal.metric == "latency_max"
    assert "agent pool" in advice.limited_by
    best = advice.best
    assert best is not None
    assert best.candidate.words == "28 agents instead of 20"
    assert advice.tried[0] is best
    assert best.holds
    assert best.pareto
    assert best.effect is not None
    # exactly: 3 rounds become 2, in every replication
    assert (best.effect.mean, best.effect.low, best.effect.high) == (-1.0, -1.0, -1.0)


def test_figures_are_those_of_the_changed_scenario_run_by_hand() -> None:
    base = load_catalog()["test_10_concurrent_workflows"]
    line = BaselineLine("latency_p95", "<", 1.0, "< 1 s")
    scenario = replace(
        base, load=ClosedLoad(40, workflows=300), pools=(Pool("agents", 20, queue=60),), baseline=(line,)
    )
    advice = advice_on(scenario)
    best = advice.best
    assert best is not None
    assert best.measured is not None
    size = best.candidate.scenario.pools[0].size
    by_hand = replace(scenario, pools=(Pool("agents", size, queue=60),))
    assert by_hand == best.candidate.scenario
    p95 = [summarise(by_hand, [once(by_hand, seed)]).latency.p95.value for seed in SEEDS]
    now = [summarise(scenario, [once(scenario, seed)]).latency.p95.value for seed in SEEDS]
    assert list(best.measured.values) == p95
    assert list(advice.now.values) == now
    assert best.effect is not None
    assert best.effect.mean == pytest.approx(np.mean(np.array(p95) - np.array(now)), rel=1e-12)
    # one agent fewer is not enough: the search ended where it should, on its own seeds
    fewer = replace(scenario, pools=(Pool("agents", size - 1, queue=60),))
    searched = [summarise(fewer, [once(fewer, seed)]).latency.p95.value or 0.0 for seed in OTHERS]
    assert not advice.goal.holds(paired([0.0] * len(searched), searched).high)


def test_where_nothing_helps_it_says_so() -> None:
    kind = WorkflowType("exact", (Step("only", burn=Constant(0.0), wait=Constant(1.0)),))
    idle = replace(planted(100), types=(kind,), load=BurstLoad((10, 10), every_s=20.0))
    advice = advice_on(idle)
    assert advice.best is None
    for one in advice.tried:
        assert one.does in ("nothing", "harms") or one.candidate.assumption, one.candidate.words
    # what would help rests on what nobody declared, and says so
    assert [one.candidate.words for one in advice.tried if one.does == "helps"] in (
        [],
        ["a cache for step only of exact"],
    )


def test_turning_work_away_is_not_sold_as_help() -> None:
    # 20 at once and 20 who wait end within 2 s; the other 16 of each burst are turned away, which costs no agent
    cut = "a queue of 20 instead of 40 in pool agents"
    scenario = replace(planted(20), pools=(Pool("agents", 20, queue=40),))
    advice = advice_on(scenario)
    one = next(each for each in advice.tried if each.candidate.words == cut)
    assert (one.does, one.holds, one.sheds, one.pareto) == ("helps", True, True, True)
    assert one.succeeded is not None
    assert one.succeeded.mean == pytest.approx(-16 / 56)
    assert advice.best is not None
    assert advice.best.candidate.words == "28 agents instead of 20"
    # where a line asks that work is done, it is no help at all
    strict = replace(scenario, baseline=(*scenario.baseline, BaselineLine("success_rate", ">=", 0.99, ">= 99 %")))
    one = next(each for each in advice_on(strict).tried if each.candidate.words == cut)
    assert (one.does, one.newly_broken) == ("harms", ("success_rate",))


def test_the_goal_is_the_worst_broken_line_else_the_tightest() -> None:
    scenario = planted(20)

    def goal(*lines: BaselineLine) -> str:
        changed = replace(scenario, baseline=lines)
        return goal_of(changed, summarise(changed, [once(changed, 0)])).metric

    p95, p50 = BaselineLine("latency_p95", "<", 3.5, ""), BaselineLine("latency_p50", "<", 1.0, "")
    assert goal(p95, p50) == "latency_p50"
    assert goal(p95, BaselineLine("latency_p50", "<", 30.0, "")) == "latency_p95"
    assert goal(BaselineLine("rejection_rate", ">", 0.0, "")) == "latency_p95"
    assert goal(BaselineLine("throughput_mean", ">", 1000.0, ""), p95) == "throughput_mean"
    assert goal() == "latency_p95"
    # every workflow succeeds: however near the limit is, no more than all can
    assert (
        goal(BaselineLine("success_rate", ">=", 0.99, ""), BaselineLine("latency_p50", "<", 30.0, "")) == "latency_p50"
    )


def test_the_interval_of_paired_differences_covers() -> None:
    """Seeded: 2,000 sets of 10 pairs whose luck is shared; 95 % intervals hold the true shift 93 to 97 times in 100."""
    draws = np.random.default_rng(20261123)
    covered = 0
    for _ in range(2000):
        luck = draws.lognormal(0.0, 0.5, 10)
        after = luck - 0.2 + draws.normal(0.0, 0.1, 10)
        seen = paired(luck.tolist(), after.tolist())
        covered += seen.low <= -0.2 <= seen.high
    assert 0.93 <= covered / 2000 <= 0.97


def test_paired_refuses_what_is_no_pair_and_one_has_no_interval() -> None:
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        paired([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="at least one pair"):
        paired([], [])
    assert not paired([1.0], [2.0]).differs


def test_agents_times_seconds_follow_a_pool_that_changes() -> None:
    fixed = once(planted(20), 0)
    assert agent_seconds(fixed) == pytest.approx(20 * fixed.ended_s)
    dynamic = replace(planted(20), pools=(Pool("agents", 20, dynamic=DynamicPool(min=10, max=60)),))
    done = once(dynamic, 0)
    sizes = done.pool_changes.size
    assert len(sizes) > 0
    assert 10 * done.ended_s <= agent_seconds(done) <= 60 * done.ended_s
    assert agent_seconds(done) != pytest.approx(20 * done.ended_s)


def everything() -> Scenario:
    """A scenario to which every candidate applies."""
    base = load_catalog()["test_25_concurrent_workflows"]
    types = tuple(
        replace(
            kind,
            name=f"my_{kind.name}",
            steps=tuple(replace(step, connections="db", rate_limit="llm") for step in kind.steps),
        )
        for kind in base.types
    )
    return replace(
        base,
        name="everything",
        types=types,
        mix=tuple((f"my_{name}", weight) for name, weight in base.mix),
        connections=(ConnectionPool("db", 10),),
        rate_limits=(RateLimit("llm", 100.0, 10),),
        memory=MemoryAdmission(2**30),
    )


def candidates_of(scenario: Scenario) -> list[Candidate]:
    turned, _ = dials(scenario)
    return [*(dial.at(dial.now + 1) for dial in turned), *policies(scenario, 0.2)[0]]


@pytest.mark.parametrize("candidate", candidates_of(everything()), ids=lambda one: one.words)
def test_what_is_to_be_written_makes_the_scenario_that_was_run(candidate: Candidate, tmp_path: Path) -> None:
    base = everything()
    assert candidate.scenario.digest != base.digest
    whole = tmp_path / "whole.toml"
    whole.write_text(whole_toml(candidate.scenario), encoding="utf-8")
    assert load_scenarios(whole)["everything"].digest == candidate.scenario.digest
    # the few lines, put into a file that has the scenario as it was
    document = overlay(base, candidate.scenario)
    (tmp_path / "base.toml").write_text(whole_toml(base), encoding="utf-8")
    before = tomllib.loads((tmp_path / "base.toml").read_text(encoding="utf-8"))
    merged = {
        "scenario": {
            "base": before["scenario"]["everything"],
            "everything": {"extends": "base", **document["scenario"]["everything"]},
        },
        "workflow": before["workflow"] | document.get("workflow", {}),
    }
    (tmp_path / "merged.toml").write_text(tomli_w.dumps(merged), encoding="utf-8")
    assert load_scenarios(tmp_path / "merged.toml")["everything"].digest == candidate.scenario.digest


def test_what_is_not_tried_has_a_reason() -> None:
    scenario = planted(20)
    (_, one), (_, two) = dials(scenario), policies(scenario, 0.0)
    said = {each.what: each.why for each in (*one, *two)}
    assert said["more connections"] == "no connection pool is declared"
    assert said["a circuit breaker"] == "no step fails or times out"
    assert said["more cores"] == "no step declares CPU time"
    assert all(said.values())


# --------------------------------------------------------------------------- the command


def harness(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["advise", *arguments], catch_exceptions=False)


@pytest.fixture
def planted_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("planted.toml").write_text(whole_toml(planted(20)).removeprefix(MARK), encoding="utf-8")
    return "planted.toml"


def test_the_command_says_what_to_change_and_writes_it(planted_file: str) -> None:
    done = harness("planted", "-f", planted_file, "-n", "2", "-q", "--apply", "advised.toml")
    assert done.exit_code == ExitCode.HELD, done.output
    first = done.stdout.splitlines()[0]
    assert first == "planted: 28 agents instead of 20: latency max 3 s → 2 s [2 s, 2 s]."
    assert load_scenarios(Path("advised.toml"))["planted"].pools[0].size == 28
    assert done.stdout.rstrip().endswith("size = 28")
    assert "not tried: a circuit breaker: no step fails or times out" in done.stdout


def test_what_alone_holds_every_line_is_said_with_its_assumption(tmp_path: Path) -> None:
    """60 a second against a limit of 40: only a higher limit helps, and that is for somebody else to grant."""
    file = tmp_path / "limited.toml"
    file.write_text(
        """
        [workflow.ask]
        steps = [{ name = "ask", wait = "100 ms", rate_limit = "models" }]
        [scenario.limited]
        load = { law = "constant", rate = "60 /s", duration = "10 s" }
        mix = { ask = 1 }
        pools.agents = { size = 500 }
        rate_limits.models = { rate = "40 /s", on_limit = "wait" }
        baseline = { latency_p95 = "< 1 s" }
        """
    )
    said = harness("limited", "-f", str(file)).output
    rests = next(line for line in said.splitlines() if line.startswith("What holds every line rests on an assumption"))
    assert "rate limit models raised by 50%" in rests
    assert "100 ms" in rests  # 60 of 60: nobody waits for a token any more


def test_json_and_markdown(planted_file: str) -> None:
    document = json.loads(harness("planted", "-f", planted_file, "-n", "2", "-q", "--json").stdout)
    best = document["tried"][document["best"]]
    assert best["what"] == "28 agents instead of 20"
    assert best["then"]["values"] == [2.0, 2.0]
    shown = harness("planted", "-f", planted_file, "-n", "2", "-q", "--markdown").stdout
    assert shown.startswith("**planted: 28 agents instead of 20")
    assert "```toml\n[scenario.planted.pools.agents]\nsize = 28\n```" in shown


def test_where_nothing_helps_the_command_says_so_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("idle.toml").write_text(whole_toml(replace(planted(56), name="idle")), encoding="utf-8")
    done = harness("idle", "-f", "idle.toml", "-n", "2", "-q", "--apply", "advised.toml")
    assert done.exit_code == ExitCode.NOT_ENOUGH, done.output
    assert done.stdout.startswith("idle: nothing that was tried helps")
    assert not Path("advised.toml").exists()


def test_it_replaces_its_own_file_and_no_other(planted_file: str) -> None:
    """The file of scenarios itself may well be named, and would lose all the others."""
    before = Path(planted_file).read_bytes()
    refused = harness("planted", "-f", planted_file, "-n", "2", "-q", "--apply", planted_file)
    assert refused.exit_code == ExitCode.USAGE
    assert "--apply planted.toml: expected a name that is free, or a file that harness advise wrote" in refused.stderr
    assert Path(planted_file).read_bytes() == before
    for _ in range(2):
        assert harness("planted", "-f", planted_file, "-n", "2", "-q", "--apply", "own.toml").exit_code == ExitCode.HELD


WRONG = [
    (("nothing",), "expected one of test_10"),
    (("10_concurrent_workflows", "-n", "1"), "1 is not in the range"),
    (("10_concurrent_workflows", "--apply", "x.json"), "a file that ends in one of .toml"),
    (("10_concurrent_workflows", "--clock", "sundial"), "'sundial' is not one of"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG, ids=[" ".join(arguments) for arguments, _ in WRONG])
def test_wrong_options(arguments: tuple[str, ...], said: str) -> None:
    done = harness(*arguments)
    assert done.exit_code == ExitCode.USAGE
    assert said in done.stderr
