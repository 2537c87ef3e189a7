"""`harness fake-llm` as a process: ready when it says so, one line to know it by, and an end that is clean."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families


@contextmanager
def fake_llm(*words: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "fake-llm", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read(url: str, body: object = None) -> bytes:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(url, data=data, timeout=5) as response:
        return response.read()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_serves_and_ends_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    file = tmp_path / "provider.toml"
    file.write_text('[provider.latency]\nfirst_token = "1 ms"\noutput_tokens = 3\n[provider.faults]\ncut = "100 %"\n')
    options = ("-f", str(file), "--tokens-per-second", "1000", "--cut", "0 %", "--seed", "5")
    with fake_llm("--json", *options) as process:
        told = json.loads(process.stdout.readline())
        assert told["seed"] == 5
        assert told["pid"] == process.pid
        assert json.loads(read(told["health"])) == {"status": "ready"}
        asked = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        answer = json.loads(read(f"{told['url']}/chat/completions", asked))
        assert answer["usage"]["completion_tokens"] == 3
        families = {family.name: family for family in text_string_to_metric_families(read(told["metrics"]).decode())}
        assert families["fake_llm_requests"].samples[0].value == 1
        assert [(s.labels, s.value) for s in families["fake_llm_calls"].samples] == [({"attempts": "1"}, 1.0)]
        assert json.loads(read(told["stats"]))["tokens"]["completion"] == 3
        process.send_signal(number)
        rest, said = process.communicate(timeout=60)
    assert (process.returncode, rest) == (0, "")
    assert said == "1 requests: 1 with 200; 0 were retries\n"


def test_the_first_line_is_the_base_url_and_a_port_that_is_taken_is_refused() -> None:
    with fake_llm() as process:
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        assert url.endswith("/v1")
        assert b"fake-model" in read(f"{url}/models")
        port = url.split(":")[2].split("/")[0]
        with fake_llm("--port", port) as other:
            said = other.communicate(timeout=60)[1]
        assert other.returncode == 2
        assert said == f"error: fake-llm: 127.0.0.1 port {port} cannot be had: address already in use\n" or (
            "cannot be had" in said and "Traceback" not in said
        )


def test_answers_under_way_do_not_keep_it_from_ending() -> None:
    with fake_llm("--first-token", "60 s") as process:
        url = process.stdout.readline().strip()
        host, port = url.removeprefix("http://").removesuffix("/v1").split(":")
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]})
        with socket.create_connection((host, int(port))) as connection:
            head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall((head + body).encode())
            while json.loads(read(f"{url.removesuffix('/v1')}/stats"))["in_service"] == 0:
                pass
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0
