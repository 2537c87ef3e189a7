"""Traps in workflows and actions, read as YAML nodes, which know their lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from harness.adopt.commands import Line, logical_lines

_PINNED = re.compile(r"@[0-9a-f]{40}$|@sha256:[0-9a-f]{64}$")
_TRUSTED_EVENTS = {"pull_request_target", "workflow_run"}
_STRANGERS = re.compile(r"github\.event\.pull_request\.(head|merge)|github\.head_ref|workflow_run\.head_|refs/pull/")
_STRANGERS_IN_SHELL = re.compile(r"gh pr checkout|git (fetch|pull)\b.*\bpull/")
_ABOUT_BENCHMARKS = re.compile(r"\basv\b|\bharness\b|--benchmark|pytest-benchmark")

Found = tuple[int, str, str]
"""Line, trap, what was found."""


def is_about_benchmarks(text: str) -> bool:
    """Whether a workflow has anything to do with what this tool examines."""
    return bool(_ABOUT_BENCHMARKS.search(text))


def traps_in_nodes(root: Any) -> Iterator[Found]:
    """Traps of the workflow or action itself; those of its commands come from `command_lines`."""
    trusted = bool(_TRUSTED_EVENTS & set(_events(root)))
    for step in _mappings(root):
        uses = _scalar(step, "uses")
        if uses is not None and not uses.value.startswith("./") and not _PINNED.search(uses.value):
            yield uses.start_mark.line + 1, "unpinned-action", f"uses: {uses.value}"
        if trusted:
            yield from _strangers(step, uses)


def command_lines(root: Any) -> Iterator[Line]:
    """Every line of every `run:`, and the variables that steps, jobs and the workflow are given."""
    for step in _mappings(root):
        run = _scalar(step, "run")
        if run is not None:
            allowed = _scalar(step, "continue-on-error")
            first = run.start_mark.line + (2 if run.style in {"|", ">"} else 1)
            yield from logical_lines(run.value, first, forgiven=allowed is not None and allowed.value == "true")
        for key, value in _pairs(_child(step, "env")):
            if hasattr(value.value, "strip"):
                yield Line(key.start_mark.line + 1, f"{key.value}={value.value}")


def _strangers(step: Any, uses: Any) -> Iterator[Found]:
    run = _scalar(step, "run")
    if run is not None and _STRANGERS_IN_SHELL.search(run.value):
        yield run.start_mark.line + 1, "untrusted-checkout", "a pull request's branch is fetched in a trusted job"
    if uses is None or not uses.value.startswith("actions/checkout@"):
        return
    for key, value in _pairs(_child(step, "with")):
        if key.value in {"ref", "repository"} and _STRANGERS.search(str(value.value)):
            yield key.start_mark.line + 1, "untrusted-checkout", f"{key.value}: {value.value}"


def _events(root: Any) -> Iterator[str]:
    on = _child(root, "on")
    if on is None:
        return
    if isinstance(on.value, str):
        yield on.value
        return
    for one in on.value:
        named = one[0] if isinstance(one, tuple) else one
        yield str(named.value)


def _mappings(node: Any) -> Iterator[Any]:
    """Every mapping in the document once, aliases or not."""
    waiting, seen = [node], set()
    while waiting:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if one.id == "mapping":
            yield one
            waiting += [value for _, value in one.value]
        elif one.id == "sequence":
            waiting += one.value


def _pairs(node: Any) -> list[tuple[Any, Any]]:
    return list(node.value) if node is not None and node.id == "mapping" else []


def _child(node: Any, name: str) -> Any:
    return next((value for key, value in _pairs(node) if key.value == name), None)


def _scalar(node: Any, name: str) -> Any:
    found = _child(node, name)
    return found if found is not None and found.id == "scalar" else None
