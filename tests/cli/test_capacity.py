"""`harness capacity` from the command line: what it prints, writes and draws, and how it ends."""

import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.errors import ExitCode
from harness.report.capacity_text import capacity_markdown, plain_capacity
from harness.schema import schema_mistakes

Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.chdir(tmp_path)

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(main, ["capacity", *words], catch_exceptions=False)

    return invoke


QUICK = ("10_concurrent_workflows", "--clock", "virtual", "-n", "2")


def test_it_prints_writes_and_draws(call: Call, tmp_path: Path) -> None:
    done = call(*QUICK, "--plot", "out/capacity.svg")
    assert done.exit_code == ExitCode.HELD, done.output
    assert done.stdout.startswith("Agent pool is exhausted at 10 [")
    assert "Holds its baseline up to 30 in flight" in done.stdout
    (written,) = (tmp_path / "reports").glob("capacity-*.json")
    document = json.loads(written.read_text("utf-8"))
    assert schema_mistakes("capacity", document) == []
    assert document["cause"]["name"] == "agents"
    assert document["held"]["level"] == 30
    picture = (tmp_path / "out" / "capacity.svg").read_text("utf-8")
    for said in ("hard limit, C = 10", "baseline holds to 30", "throughput (per second)", "workflows in flight"):
        assert said in picture
    assert not list(tmp_path.rglob("*.part"))


def test_json_and_markdown_say_the_same(call: Call) -> None:
    document = json.loads(call(*QUICK, "--json", "-q").stdout)
    marked = call(*QUICK, "--markdown").stdout
    assert marked.startswith("**Agent pool is exhausted at 10 ")
    assert schema_mistakes("capacity", document) == []
    assert "| in flight | throughput |" in marked
    # a search that was stopped before it had measured anything has no sentences
    nothing = document | {"sentences": [], "trials": [], "fits": []}
    assert plain_capacity(nothing).startswith("Nothing was found.\n")
    assert capacity_markdown(nothing).startswith("**Nothing was found.**")


@pytest.mark.parametrize("ending", ["png", "html"])
def test_pictures_of_other_kinds(call: Call, tmp_path: Path, ending: str) -> None:
    done = call("agent_pool_exhaustion", "--clock", "virtual", "-n", "1", "--to", "200", "--plot", f"c.{ending}")
    assert done.exit_code == ExitCode.HELD
    content = (tmp_path / f"c.{ending}").read_bytes()
    if ending == "png":
        assert content[:8] == b"\x89PNG\r\n\x1a\n"
        assert min(struct.unpack(">II", content[16:24])) > 600
    else:
        assert b"https://cdn" not in content  # it stands alone


def test_a_bound_too_low_cannot_tell(call: Call) -> None:
    done = call(*QUICK, "--to", "4")
    assert done.exit_code == ExitCode.NOT_ENOUGH
    assert "Holds its baseline at every load tried, up to 4 in flight." in done.stdout


def test_a_baseline_that_never_holds(call: Call, tmp_path: Path) -> None:
    (tmp_path / "hard.toml").write_text(
        '[scenario.hard]\nextends = "10_concurrent_workflows"\n[scenario.hard.baseline]\nlatency_p50 = "< 1 ms"\n'
    )
    done = call("hard", "-f", "hard.toml", "--clock", "virtual", "-n", "1", "--to", "20", "--json")
    document = json.loads(done.stdout)
    assert document["held"]["status"] == "never_held"
    assert done.exit_code in (ExitCode.BASELINE_BROKEN, ExitCode.HELD)
    assert done.exit_code == (ExitCode.HELD if document["knee"] else ExitCode.BASELINE_BROKEN)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nope"], "expected one of test_10"),
        (["10_concurrent_workflows", "--from", "0"], "--from: expected a whole number"),
        (["10_concurrent_workflows", "--to", "nan"], "--to: expected a whole number"),
        (["10_concurrent_workflows", "--budget", "soon"], "--budget: expected a duration"),
        (["10_concurrent_workflows", "--plot", "x.gif"], "one of .png, .svg, .html"),
        (["10_concurrent_workflows", "--report-dir", ""], "--report-dir: expected the name of a folder"),
        (["10_concurrent_workflows", "-t", "nowhere:at_all"], "importing nowhere failed"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(call: Call, words: list[str], said: str) -> None:
    done = call(*words, "--clock", "virtual")
    assert done.exit_code == ExitCode.USAGE
    assert said in done.stderr
    assert not done.stdout


def test_a_missing_extra_is_named(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "altair", None)
    monkeypatch.setattr("harness.report.plots.picture.find_spec", lambda name: None if name == "altair" else object())
    done = call(*QUICK, "--plot", "c.png")
    assert done.exit_code == ExitCode.USAGE
    assert "agent-load-harness[plot]" in done.stderr
