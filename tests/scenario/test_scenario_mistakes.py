"""Every mistake a user's file can hold is answered by one exact line: see mistakes.txt beside this file."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import DeclarationError, ExitCode
from harness.scenario.load import load_scenarios


def _cases():
    text = (Path(__file__).with_name("mistakes.txt")).read_text(encoding="utf-8")
    for block in text.split("\n### ")[1:]:
        title, _, rest = block.partition("\n")
        document, _, lines = rest.partition("\n--->\n")
        yield pytest.param(document, lines.strip().splitlines(), id=title)


@pytest.mark.parametrize(("document", "lines"), list(_cases()))
def test_every_mistake_is_named_with_its_file_and_path(tmp_path, document, lines):
    path = tmp_path / "mine.toml"
    path.write_text(document, encoding="utf-8")
    with pytest.raises(DeclarationError) as refusal:
        load_scenarios(path)
    assert str(refusal.value).splitlines() == [f"{path}: {line}" for line in lines]
    assert refusal.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    "line",
    [
        "pools.agents.size = 1",
        "pools.agents.size = 1_000_000",
        "pools.agents.size = 20.0",  # a whole number all the same
        "pools.agents.queue = 0",
        'pools.agents.queue = "unbounded"',
        "load.in_flight = 1",
        "load.workflows = 1",
        "cores = 1",
        "cores = 1024",
        'timeout = "1 us"',
        'timeout = "720 h"',
        'run_timeout = "1 ms"',
        "retry.max_attempts = 1000",
        "retry.factor = 1",
        "retry.on = []",
        'retry = { base = "1 s", cap = "1 s" }',
        'load = { law = "burst", sizes = [1] }',
        'load = { law = "burst", sizes = [3, 2], after = "drain", pause = "1 s", collect = true }',
        'load = { law = "poisson", rate = "1e-6/s", workflows = 1 }',
        'load = { duration = "1 ms" }',
        "mix = { simple = 0, complex = 1e-9 }",
        'baseline.success_rate = "=100%"',
        'baseline.rejected = "recorded"',
    ],
)
def test_the_neighbours_on_the_right_side_of_each_bound_are_accepted(tmp_path, line):
    path = tmp_path / "mine.toml"
    path.write_text(f'[scenario.x]\nextends = "test_10_concurrent_workflows"\n{line}\n', encoding="utf-8")
    assert load_scenarios(path)["x"].name == "x"


@pytest.mark.parametrize(
    "line",
    [
        'wait = { dist = "lognormal", median = "1 s", sigma = 5 }',
        'wait = { dist = "lognormal", median = "1 s", sigma = 1e-6 }',
        'wait = { dist = "uniform", low = "1 s", high = "1 s" }',
        'wait = { dist = "constant", value = "0 s" }',
        'wait = { dist = "exponential", mean = "1 ns" }',
        'burn = { dist = "gamma", mean = "1 s", shape = 0.01 }',
        'wait = { dist = "empirical", quantiles = ["1 s", "1 s"] }',
        'hold = "1024 TiB"',
        'fail = "100 %"',
        'fail = "0 %"',
    ],
)
def test_the_neighbours_of_a_step_are_accepted(tmp_path, line):
    path = tmp_path / "mine.toml"
    path.write_text(f'[workflow.w]\nsteps = [{{ name = "a", {line} }}]\n', encoding="utf-8")
    assert load_scenarios(path).types["w"].steps[0].name == "a"
