"""A service driven without rows, and by several processes: what the target measured neither is lost nor piles up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web

from harness.measure.totals.folding import TotalsRecorder
from harness.measure.totals.measured import MeasuredTotals, figures_of, together
from tests.http.servers import service


async def fine(_request: web.Request) -> web.Response:
    return web.json_response({})


@pytest.mark.parametrize("way", [("--soak",), ("--workers", "2")], ids=["soak", "workers"])
def test_what_the_target_measured_is_in_the_report(way: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "few.toml"
    with service(fine) as shown:
        file.write_text(
            f'[target]\nurl = "{shown.url}"\n[scenario.few]\nextends = "10_concurrent_workflows"\n'
            'load = { law = "constant", rate = "100/s", workflows = 40 }\n'
        )
        words = ["-m", "harness", "run", "-f", str(file), "--report-dir", str(tmp_path), "--json", "-q", *way]
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=60, check=False)
        posts = sum(method == "POST" for method, _, _, _ in shown.seen)
    (report,) = json.loads(done.stdout)["reports"]
    assert posts == report["offered"] == report["outcomes"]["succeeded"] == 40
    first = report["measured_by_target"]["time_to_first_byte_s"]
    assert first["samples"] == 40
    assert 0 < first["p50"] <= first["p99"] <= first["max"] * 1.001


def test_observations_are_folded_and_not_kept() -> None:
    recorder = TotalsRecorder()
    values = np.random.default_rng(1).lognormal(-3, 1, 20_000)
    for k, value in enumerate(values):
        recorder.measure("wait_s", float(value))
        index = recorder.offer(float(k), 0, 0)
        recorder.started[index] = float(k)
        recorder.end(index, float(k), 0, None)
        assert len(recorder.measured.get("wait_s", ())) <= 4096
    recorder.fold()
    assert recorder.measured == {}
    (figures,) = figures_of([recorder.kept])
    assert figures.samples == 20_000
    assert figures.mean.value == pytest.approx(values.mean())
    assert figures.max.value == values.max()
    for estimate, share in ((figures.p50, 0.5), (figures.p95, 0.95), (figures.p99, 0.99)):
        assert estimate.value == pytest.approx(np.quantile(values, share, method="inverted_cdf"), rel=1e-3)
        assert estimate.low < estimate.value < estimate.high
    halves = [{"wait_s": MeasuredTotals.of(half)} for half in (values[:5000], values[5000:])]
    assert (together(halves)["wait_s"].counts == recorder.kept["wait_s"].counts).all()
