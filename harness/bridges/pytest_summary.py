"""What a test session says about its load scenarios at the end: one line each, and why one is not held."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.bridges.rounds import codspeed_measures

KEY = "load_documents"
"""The attribute of a test's report that carries its documents, from an xdist worker to the terminal as well."""

_HEAVY = ("series", "replications", "machine")


def attach(report: pytest.TestReport, documents: Iterable[dict[str, Any]]) -> None:
    """Give a test's report what the summary needs of `documents`."""
    vars(report)[KEY] = [slim(document) for document in documents]


def slim(document: dict[str, Any]) -> dict[str, Any]:
    """A report's document without what is large and not shown."""
    kept = {key: value for key, value in document.items() if key not in _HEAVY}
    return {**kept, "latency": {**kept["latency"], "histogram": []}}


class LoadSummary:
    """Collects the documents as tests end, and prints them at the end of the session."""

    def __init__(self) -> None:
        self._documents: list[dict[str, Any]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test, on whichever worker, has ended."""
        self._documents.extend(vars(report).get(KEY, ()))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """One line per scenario; with -q only those that are not held, with -qq none."""
        verbosity = terminalreporter.config.get_verbosity()
        lines = list(summary_lines(self._documents, verbosity))
        if lines:
            terminalreporter.section("load scenarios")
            for line in lines:
                terminalreporter.write_line(line)
            if codspeed_measures(terminalreporter.config):
                terminalreporter.write_line("pytest-codspeed timed the replications in real seconds, not by makespan.")


def summary_lines(documents: list[dict[str, Any]], verbosity: int) -> Iterator[str]:
    """The summary's lines. The doubts of each figure are left to the reports unless pytest is verbose."""
    if not documents or verbosity < -1:
        return
    from harness.report.model import Report  # noqa: PLC0415 - for sessions that ran a load
    from harness.report.rows import verdict_of  # noqa: PLC0415
    from harness.report.terminal import plain  # noqa: PLC0415

    shown = documents if verbosity > 0 else [{**document, "doubts": []} for document in documents]
    reports = [Report(document) for document in shown]
    if verbosity < 0:
        reports = [report for report in reports if verdict_of(report) not in ("held", "none")]
    if reports:
        yield from plain(reports).splitlines()
        folders = dict.fromkeys(str(Path(report.document["path"]).parent) for report in reports)
        yield f"Reports, with every doubt, are in {', '.join(folders)}."
