"""`[provider]` tables and options: every mistake is told with its place; what is declared is what is built."""

from __future__ import annotations

import tomllib

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.errors import DeclarationError
from harness.provider.build import build_provider
from harness.provider.declaration import Capacity, Faults, Latency, Limit, Provider
from harness.scenario.model import Constant, Exponential, Lognormal, Uniform

WHOLE = """
[provider]
seed = 9
models = ["a", "b"]
[provider.latency]
first_token = { dist = "lognormal", median = "300 ms", sigma = 0.5 }
time_per_token = { dist = "exponential", mean = "20 ms" }
output_tokens = { dist = "uniform", low = 10, high = 90 }
[provider.capacity]
concurrent = 4
queue = 8
overflow = 529
[provider.limits]
requests = "600/min"
requests_burst = 20
tokens = "90000/min"
[provider.faults]
errors = { "500" = "1 %", "529" = "0.5 %" }
stall = "2 %"
stall_for = "3 s"
cut = "4 %"
"""


def test_a_whole_declaration() -> None:
    assert build_provider(tomllib.loads(WHOLE), "x") == Provider(
        seed=9,
        models=("a", "b"),
        latency=Latency(Lognormal(0.3, 0.5), Exponential(0.02), Uniform(10.0, 90.0)),
        capacity=Capacity(4, 8, 529),
        requests=Limit(10.0, 20.0),
        tokens=Limit(1500.0, 90000.0),
        faults=Faults(((500, 0.01), (529, 0.005)), 0.02, Constant(3.0), 0.04),
    )
    assert build_provider({"provider": {}}, "x") == Provider()


MISTAKES = [
    ("{}", "provider: expected a table [provider], found nothing"),
    ("[provider]\nsede = 1", "provider.sede: expected one of seed, models, latency, capacity, limits, faults"),
    ("[provider]\nseed = -1", "provider.seed: expected at least 0"),
    (
        "[provider.latency]\nfirst_token = 3",
        "provider.latency.first_token: expected a duration, such as '300 ms', or a table",
    ),
    ("[provider.latency]\ntokens_per_second = 0", "provider.latency.tokens_per_second: expected more than 0"),
    (
        '[provider.latency]\ntokens_per_second = 1\ntime_per_token = "1 s"',
        "provider.latency: expected one of tokens_per_second",
    ),
    ("[provider.latency]\noutput_tokens = 0", "provider.latency.output_tokens: expected at least 1"),
    (
        '[provider.latency]\noutput_tokens = { dist = "lognormal", median = 50, p95 = 20 }',
        "provider.latency.output_tokens.p95: expected more than the median, 50, found 20",
    ),
    (
        '[provider.latency]\noutput_tokens = { dist = "uniform", low = 50, high = 20 }',
        "provider.latency.output_tokens.high: expected at least 50",
    ),
    ("[provider.capacity]\nconcurrent = 0", "provider.capacity.concurrent: expected at least 1"),
    ("[provider.capacity]\nqueue = 3", "provider.capacity.queue: expected queue only beside concurrent"),
    ("[provider.capacity]\noverflow = 200", "provider.capacity.overflow: expected one of 429, 503, 529"),
    ('[provider.limits]\nrequests = "600"', "provider.limits.requests: expected a rate with a unit"),
    ("[provider.limits]\ntokens_burst = 3", "provider.limits.tokens_burst: expected it only beside tokens"),
    ('[provider.faults]\nerrors = { "200" = "1 %" }', "provider.faults.errors.200: expected a status, such as '500'"),
    ('[provider.faults]\nerrors = { "418" = "1 %" }', "provider.faults.errors.418: expected one of 400, 401"),
    (
        '[provider.faults]\nerrors = { "500" = "60 %", "503" = "50 %" }',
        "provider.faults.errors: expected shares that sum to",
    ),
    ('[provider.faults]\ncut = "120 %"', "provider.faults.cut: expected a share in per cent between 0 % and 100 %"),
]


@pytest.mark.parametrize(("text", "told"), MISTAKES, ids=[told for _, told in MISTAKES])
def test_mistakes_are_told_with_their_place(text: str, told: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        build_provider(tomllib.loads(text.replace("{}", "", 1) if text == "{}" else text), "file.toml")
    assert any(str(one).startswith(told) for one in caught.value.mistakes), str(caught.value)


OPTIONS = [
    (("--error", "500"), "--error: expected STATUS=SHARE, such as '529=1 %', found '500'"),
    (("--error", "five=1 %"), "provider.faults.errors.five: expected a status"),
    (("--first-token", "3"), "provider.latency.first_token: expected a duration"),
    (("--requests", "fast"), "provider.limits.requests: expected a rate"),
    (("--concurrent", "0"), "provider.capacity.concurrent: expected at least 1"),
    (("--file", "no-such-file.toml"), "expected a readable TOML file"),
    (("--port", "70000"), "Invalid value for '--port'"),
    (("--host", "203.0.113.7", "--port", "0"), "203.0.113.7 port 0 cannot be had"),
]


@pytest.mark.parametrize(("words", "told"), OPTIONS, ids=[told for _, told in OPTIONS])
def test_options_are_refused_in_the_same_words(words: tuple[str, ...], told: str) -> None:
    done = CliRunner().invoke(main, ["fake-llm", *words])
    assert done.exit_code == 2
    assert told in done.stderr
    assert "Traceback" not in done.output + done.stderr
