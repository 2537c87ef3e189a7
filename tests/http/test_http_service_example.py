"""examples/http_service as its README has it: a provider, a service, and the load, three processes."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "http_service"


@contextmanager
def process(*words: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen(
        [sys.executable, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    try:
        yield started
    finally:
        started.terminate()
        started.communicate(timeout=60)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def read(url: str) -> dict:
    with urllib.request.urlopen(url, timeout=5) as response:
        return json.load(response)


def test_the_three_commands_of_the_readme(tmp_path: Path) -> None:
    port = str(free_port())
    scenarios = tmp_path / "scenarios.toml"
    text = (EXAMPLE / "scenarios.toml").read_text(encoding="utf-8")
    scenarios.write_text(
        text.replace("127.0.0.1:8102", f"127.0.0.1:{port}").replace('duration = "3 s"', 'duration = "1.5 s"')
    )
    with process("-m", "harness", "fake-llm", "-f", str(EXAMPLE / "provider.toml"), "--json") as provider:
        told = json.loads(provider.stdout.readline())
        with process(str(EXAMPLE / "service.py"), "--provider", told["url"], "--port", port):
            done = subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "harness",
                    "run",
                    "-f",
                    str(scenarios),
                    "--report-dir",
                    str(tmp_path),
                    "--json",
                    "-q",
                ],
                capture_output=True,
                text=True,
                cwd=ROOT,
                timeout=60,
                check=False,
            )
            truth = read(told["stats"])
    assert done.returncode in (0, 4, 5), done.stderr
    usual, rush = json.loads(done.stdout)["reports"]
    for report in (usual, rush):
        # a machine that is busy with other things may keep the generator from its times; it is then said, with 5
        assert report["status"] == "valid" or report["status"].startswith("invalid: generator-limited")
        assert sum(report["outcomes"].values()) == report["offered"]
        assert report["pools"][0]["size"] == 8
        assert "time_to_first_byte_s" in report["measured_by_target"]
    assert usual["offered"] == 30
    # the service turned away what pool and queue do not hold, and said so; the harness counted each of them
    assert rush["offered"] == 60
    assert rush["errors"].get("http_503", 0) == rush["outcomes"]["rejected"] > 0
    assert rush["queue_metrics"]["max_depth"] <= 16
    assert rush["measured_by_target"]["retry_after_s"]["max"] == 1.0
    # the provider's own count agrees with what the service said it had done: one call for each step
    succeeded = usual["outcomes"]["succeeded"] + rush["outcomes"]["succeeded"]
    assert truth["calls"]["succeeded"] >= succeeded
    assert truth["statuses"]["200"] + sum(truth["planted_errors"].values()) == truth["requests"]


def test_the_same_file_runs_on_a_model_of_the_service(tmp_path: Path) -> None:
    words = ["-f", str(EXAMPLE / "scenarios.toml"), "--target", "builtin", "--clock", "virtual"]
    done = subprocess.run(
        [sys.executable, "-m", "harness", "run", *words, "--report-dir", str(tmp_path), "-q"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_readme_names_what_there_is() -> None:
    text = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"examples/http_service/([\w.]+)", text))
    assert named == {"provider.toml", "service.py", "scenarios.toml"}
    assert all((EXAMPLE / name).is_file() for name in named)
    commands = re.findall(r"^(harness|python) .*$", text, re.MULTILINE)
    assert len(commands) >= 3
