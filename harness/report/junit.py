"""Reports and comparisons as JUnit XML, for the page of tests that a CI server shows.

A suite is a scenario, a case is a baseline line, or a compared metric. It fails closed: a failure or an error stands in
the file exactly where the command ends with another code than 0, so a reader that knows nothing else decides alike.

| what | case |
|---|---|
| line held, metric unchanged, improved or new | passed |
| line broken, metric regressed | failure |
| line that cannot be told; metric missing, incomparable or inconclusive | error |
| run that is invalid | error, in each of its cases |
| regression that is waived; metric nobody waits for | skipped |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

from harness.report.model import Report
from harness.report.replacing import refuse_file, replace_file
from harness.report.text import visible

OPTION = "--junit"
ENDINGS = (".xml",)
THE_RUN = "the run is valid"
THE_WHOLE = "all that is asked of it was compared"
_LONGEST_NAME = 200
_LONGEST_TEXT = 2000
End = Literal["passed", "failure", "error", "skipped"]


@dataclass(frozen=True, slots=True)
class Case:
    """One test case: how it ended, the kind of that (`broken`, `invalid`, …), why in words, and how long it took."""

    name: str
    end: End
    kind: str
    text: str
    time_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Suite:
    """The cases of one scenario, and what is known of the run beside them."""

    name: str
    cases: tuple[Case, ...]
    properties: Mapping[str, str]
    timestamp: str

    @property
    def time_s(self) -> float:
        """Seconds that all cases took together."""
        return sum(case.time_s for case in self.cases)


def refuse_junit(path: Path) -> None:
    """Raise before anything is run where no such file can be written to `path`."""
    refuse_file(path, OPTION, ENDINGS)


def write_junit(suites: Sequence[Suite], path: Path) -> Path:
    """Write the suites to `path`; what was there is replaced whole. Raises `ReportError`."""
    return replace_file(path, junit_xml(suites))


# --------------------------------------------------------------------------- reports


def suites_of_reports(reports: Sequence[Report]) -> list[Suite]:
    """One suite per report: whether the run is valid, which takes the time of the runs, then each baseline line."""
    often = Counter(report.scenario for report in reports)
    return [_suite(report, apart=often[report.scenario] > 1) for report in reports]


def _suite(report: Report, *, apart: bool) -> Suite:
    document = report.document
    commit = document["commit"] or {}
    known = {
        "scenario_digest": document["scenario_digest"],
        "commit": commit.get("id"),
        "dirty": commit.get("dirty"),
        "clock": report.clock,
        "target": report.target,
        "seeds": ", ".join(map(str, document["seeds"])),
        "run_id": document["run_id"],
        "harness_version": document["harness_version"],
    }
    name = report.scenario
    if apart:  # readers put together what has one name
        name += f" ({report.target}, {report.clock}, run {str(document['run_id'])[:8]})"
    return Suite(name, tuple(_cases(report)), _properties(known), str(document["timestamp"]))


def _cases(report: Report) -> Iterator[Case]:
    status = str(report.document["status"])
    time_s = sum(one["makespan_s"] or 0.0 for one in report.document["replications"])
    if report.valid:
        yield Case(THE_RUN, "passed", "valid", "", time_s)
    else:
        yield Case(THE_RUN, "error", "invalid", status.removeprefix("invalid: "), time_s)
    ends: dict[str, End] = {"held": "passed", "broken": "failure", "cannot_tell": "error"}
    for line in report.document["baseline"]["lines"]:
        name = f"{line['metric']} {line['text']}"
        if report.valid:
            yield Case(name, ends[line["verdict"]], line["verdict"], line["reason"])
        else:
            yield Case(name, "error", "invalid", f"the run is invalid; it would have been: {line['reason']}")


# --------------------------------------------------------------------------- comparisons


def suites_of_comparison(document: Mapping[str, Any]) -> list[Suite]:
    """One suite per scenario with a case per metric, and one named `comparison` for the verdict over all."""
    base, head = document["base"], document["head"]
    known = {
        "base": base["source"],
        "base_commit": base["commit"],
        "head": head["source"],
        "head_commit": head["commit"],
        "commit": head["commit"],
        "command": document["command"],
        "harness_version": document["harness_version"],
    }
    when = str(document["timestamp"])
    by_scenario: dict[str, list[Mapping[str, Any]]] = {}
    for metric in document["metrics"]:
        by_scenario.setdefault(metric["scenario"], []).append(metric)
    suites = [Suite("comparison", (_whole(document),), _properties(known), when)]
    for scenario, metrics in by_scenario.items():
        often = Counter(metric["metric"] for metric in metrics)
        cases = tuple(
            _compared(metric, apart=often[metric["metric"]] > 1, allowed=document["allow_inconclusive"])
            for metric in metrics
        )
        suites.append(Suite(scenario, cases, _properties(known | _identity(metrics)), when))
    return suites


def _whole(document: Mapping[str, Any]) -> Case:
    code, stopped = document["exit_code"], document["stopped"]
    if stopped:
        return Case(THE_WHOLE, "error", "stopped", f"measuring was stopped: {stopped}")
    counts = ", ".join(f"{count} {word}" for word, count in document["counts"].items() if count)
    end: End = "passed" if code == 0 else "failure" if document["verdict"] == "regressed" else "error"
    return Case(THE_WHOLE, end, document["verdict"], f"{counts or 'nothing was compared'}; exit code {code}")


def _compared(metric: Mapping[str, Any], *, apart: bool, allowed: bool) -> Case:
    verdict, waiver = metric["verdict"], metric["waiver"]
    end: End = "failure" if verdict == "regressed" else "error"
    kind, why = verdict, metric["reason"]
    if verdict in {"unchanged", "improved", "new"}:
        end = "passed"
    elif waiver and waiver["accepted"]:
        end, kind, why = "skipped", "waived", f"{why}; {waiver['reason']}"
    elif verdict == "inconclusive" and (allowed or metric["no_worse"] or metric.get("advisory")):
        end, why = "skipped", f"{why}; {metric.get('advisory') or 'it does not fail the command'}"
    name = str(metric["metric"] or metric["name"])
    if apart:  # the same scenario on several targets or clocks
        known = metric["identity"]
        name += f" ({known['target']}, {known['clock']})"
    return Case(name, end, kind, why)


def _identity(metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Digest, target and clock, where all metrics have the same."""
    keys = ("scenario_digest", "target", "clock")
    found = {key: {metric["identity"][key] for metric in metrics} for key in keys}
    return {key: values.pop() for key, values in found.items() if len(values) == 1}


# --------------------------------------------------------------------------- XML


def junit_xml(suites: Sequence[Suite]) -> bytes:
    """The document in UTF-8. Texts are made visible first: XML 1.0 has no form for most control characters."""
    root = ElementTree.Element("testsuites", {"name": "harness", **_sums(suites)})
    for suite in suites:
        root.append(_element(suite))
    ElementTree.indent(root, " ")
    whole: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return whole + b"\n"


def _element(suite: Suite) -> ElementTree.Element:
    name = visible(suite.name, _LONGEST_NAME)
    about = {"name": name, **_sums([suite]), "timestamp": visible(suite.timestamp)}
    found = ElementTree.Element("testsuite", about)
    properties = ElementTree.SubElement(found, "properties")
    for key, value in suite.properties.items():
        ElementTree.SubElement(properties, "property", {"name": key, "value": value})
    for case in suite.cases:
        known = {"classname": name, "name": visible(case.name, _LONGEST_NAME), "time": _seconds(case.time_s)}
        element = ElementTree.SubElement(found, "testcase", known)
        text = visible(case.text, _LONGEST_TEXT)
        if case.end != "passed":
            ElementTree.SubElement(element, case.end, {"type": visible(case.kind), "message": text}).text = text
        elif text:
            ElementTree.SubElement(element, "system-out").text = text
    return found


def _sums(suites: Iterable[Suite]) -> dict[str, str]:
    cases = [case for suite in suites for case in suite.cases]
    ends = Counter(case.end for case in cases)
    failures, errors, skipped = (str(ends[end]) for end in ("failure", "error", "skipped"))
    time = _seconds(sum(case.time_s for case in cases))
    return {"tests": str(len(cases)), "failures": failures, "errors": errors, "skipped": skipped, "time": time}


def _seconds(time_s: float) -> str:
    return f"{time_s:.6f}"


def _properties(known: Mapping[str, Any]) -> dict[str, str]:
    """Those that are known, as texts."""
    texts = {key: str(value).lower() if isinstance(value, bool) else value for key, value in known.items()}
    return {key: visible(str(value), _LONGEST_TEXT) for key, value in texts.items() if value not in (None, "")}
