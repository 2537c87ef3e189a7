"""Comparisons and artifacts as the tests need them: real ones, and ones that no honest tool would make."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.github.fake_api import REPOSITORY

Document = dict[str, Any]
BASE = "a" * 40
HEAD = "b" * 40
NEXT = "c" * 40
LATER = "d" * 40


def metric(name: str, verdict: str = "unchanged", **more: Any) -> Document:
    """A metric of a comparison, exact, +30 % where it regressed."""
    effect = {"regressed": 0.3, "improved": -0.2, "unchanged": 0.0}.get(verdict)
    scenario, _, word = name.rpartition(".")
    return {
        "name": name,
        "scenario": scenario,
        "metric": word,
        "unit": "s",
        "direction": "lower",
        "kind": "exact",
        "verdict": verdict,
        "no_worse": False,
        "reason": "exact: 5 of 5 pairs differ",
        "waiver": None,
        "effect": effect,
        "effect_unit": "relative",
        "interval": None,
        "base": {"value": 0.01, "n": 5},
        "head": {"value": None if effect is None else 0.01 * (1 + effect), "n": 5},
        "n_effective": None,
        "p": None,
        "p_adjusted": None,
        "statistic": "mean",
        "method": "exact",
        "correction": "none",
        "runs_needed": None,
        "identity": {"scenario_digest": None, "target": None, "clock": "virtual", "environment": None},
        "seeds": [0, 1],
        "command": "harness run few --clock virtual --seed 0 --replications 5",
        "notes": [],
        **more,
    }


def comparison(metrics: list[Document], head: str = HEAD, **more: Any) -> Document:
    """A comparison of these metrics whose counts and verdict are those that follow from them."""
    words = ("regressed", "improved", "unchanged", "inconclusive", "missing", "new", "incomparable")
    counts = {word: sum(one["verdict"] == word for one in metrics) for word in words}
    compared = counts["regressed"] + counts["improved"] + counts["unchanged"] + counts["inconclusive"]
    waived = [bool(one["waiver"] and one["waiver"]["accepted"]) for one in metrics]
    open_words = {one["verdict"] for one, fine in zip(metrics, waived, strict=True) if not fine and not one["no_worse"]}
    gaps = open_words & {"missing", "incomparable", "inconclusive"}
    code = 1 if "regressed" in open_words else 3 if gaps or not compared else 0
    return {
        "schema_version": 1,
        "kind": "comparison",
        "timestamp": "2026-11-23T12:00:00.000000Z",
        "harness_version": "0.1.0",
        "command": "harness continuous main HEAD --clock virtual --json",
        "verdict": {0: "held", 1: "regressed", 3: "not_enough"}[code],
        "exit_code": code,
        "allow_inconclusive": False,
        "base": {"source": "main", "tool": "harness", "commit": BASE, "dirty": False},
        "head": {"source": "HEAD", "tool": "harness", "commit": head, "dirty": False},
        "seed": 0,
        "rounds": 2,
        "looks": {"made": 1, "planned": 1},
        "stopped": None,
        "rules": {"alpha": 0.002, "family_alpha": 0.02, "equivalence_alpha": 0.05, "confidence": 0.99},
        "counts": {**counts, "total": len(metrics) - counts["new"], "compared": compared, "waived": sum(waived)},
        "metrics": metrics,
        "waivers": [],
        "notes": [],
        **more,
    }


def slower(head: str = HEAD) -> Document:
    """Two of three metrics regressed."""
    return comparison([metric("few.p50", "regressed"), metric("few.p95", "regressed"), metric("few.errors")], head)


def mended(head: str = NEXT) -> Document:
    """Nothing regressed."""
    return comparison([metric("few.p50"), metric("few.p95", "improved"), metric("few.errors")], head)


def packed(content: bytes | str | Mapping[str, Any], name: str = "comparison.json") -> bytes:
    """An artifact with one member."""
    if isinstance(content, Mapping):
        content = json.dumps(content)
    return zipped([(name, content)])


def zipped(members: list[tuple[str | zipfile.ZipInfo, bytes | str]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An artifact with these members."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


def event(path: Path, run: int, sha: str = HEAD, **more: Any) -> Path:
    """The file of a `workflow_run` event."""
    workflow_run = {
        "id": run,
        "run_number": run,
        "run_attempt": 1,
        "event": "pull_request",
        "conclusion": "failure",
        "head_sha": sha,
        "head_branch": "topic",
        "head_repository": {"full_name": REPOSITORY},
        **more,
    }
    document = {
        "action": "completed",
        "workflow_run": workflow_run,
        "repository": {"full_name": REPOSITORY, "default_branch": "main"},
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return path
