"""A calibration for eyes, and the scenario file it ends in: both made from the document."""

from __future__ import annotations

import os
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.errors import Mistake, ReportError
from harness.report.calibration_document import Document
from harness.report.document import cause, move_exclusively, refuse
from harness.report.replacing import probe
from harness.report.text import visible
from harness.scenario.load import catalog_of
from harness.units import format_duration

_NAMES = {
    "latency_p50": "p50",
    "latency_p95": "p95",
    "latency_p99": "p99",
    "throughput": "throughput",
}
_LIMITS = {
    "declared": "as declared",
    "shown": "shown by the target's gauges",
    "fitted": "found from several loads",
}
_WORDS = {"held": "within", "broken": "BEYOND", "cannot_tell": "cannot tell"}


def calibration_lines(document: Document) -> list[str]:
    """What was fitted, how well it predicts, and what to doubt, one line each, without colour."""
    return [
        *_origin(document),
        "",
        *_fits(document),
        *_failures(document),
        "",
        *(line for one in document["predictions"] for line in _prediction(one)),
        _outcome(document),
        *(f"doubt: {visible(doubt)}" for doubt in document["doubts"]),
    ]


def _origin(document: Document) -> Iterator[str]:
    yield f"Model of {visible(document['target'])}, from measured runs on the {document['clock']} clock:"
    for one in document["sources"]:
        yield f"  {_measured(one)}"
    limit = document["limit"]
    if limit["found_by"] in _LIMITS:
        queue = "" if limit["queue"] is None else f", queue of {limit['queue']}"
        yield f"  at most {limit['size']} at once{queue} ({_LIMITS[limit['found_by']]})"
    else:
        yield f"  no limit seen up to {limit['seen_up_to']:.0f} in flight"
    if document["cpu_per_workflow_s"]:
        yield f"  CPU time of one thread: {format_duration(document['cpu_per_workflow_s'])} per workflow"


def _measured(one: Mapping[str, Any]) -> str:
    seeds = one["seeds"]
    said = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"
    return (
        f"{visible(one['file'])}: {visible(one['scenario'])} (digest {one['scenario_digest']}), {said}, "
        f"{one['workflows']} workflows, {one['in_flight']:.1f} in flight, {one['timestamp']}"
    )


def _fits(document: Document) -> Iterator[str]:
    for one in document["fits"]:
        others = ", ".join(f"{c['kind']} {c['ks']:.3f}" for c in one["candidates"])
        compared = f"; distance (KS) of others: {others}" if others else ""
        own = "its own quantiles" if one["kind"] == "empirical" else f"{one['kind']} (KS {one['ks']:.3f})"
        place = f"{visible(one['type'])}.{visible(one['step'])}.{one['part']}"
        yield f"fit: {place}: {own}, from {one['count']} durations{compared}"


def _failures(document: Document) -> Iterator[str]:
    for one in document["failures"]:
        place = ".".join(visible(part) for part in (one["type"], one["step"]) if part)
        share = one["share"]
        if share["value"] is not None:
            interval = f"[{100 * share['low']:.2f} %, {100 * share['high']:.2f} %]"
            yield f"failures: {place}: {one['failed']} of {one['attempts']}, {100 * share['value']:.2f} % {interval}"


def _prediction(one: Mapping[str, Any]) -> Iterator[str]:
    role = "its own load" if one["role"] == "source" else "another load"
    beyond = ", more in flight than it was made from" if one["beyond"] else ""
    place = f"{visible(one['scenario'])} in {visible(one['file'])}"
    yield f"{role}: {place}, {one['in_flight']:.1f} in flight{beyond}"
    for figure in one["figures"]:
        error = "n/a" if figure["error"] is None else f"{100 * figure['error']:+.1f} %"
        word = _WORDS[figure["verdict"]] if one["role"] == "check" and figure["judged"] else "not judged"
        unit = "throughput" in figure["metric"]
        measured, predicted = (_estimate(figure[name], unit) for name in ("measured", "predicted"))
        name = _NAMES[figure["metric"]]
        yield f"  {name:<10}  measured {measured:<34}  predicted {predicted:<34}  {error:>8}  {word}"


def _estimate(one: Mapping[str, float | None], per_second: bool) -> str:
    def said(value: float) -> str:
        return f"{value:.3g}/s" if per_second else format_duration(value)

    if one["value"] is None:
        return "n/a"
    if one["low"] is None or one["high"] is None:
        return said(one["value"])
    return f"{said(one['value'])} [{said(one['low'])}, {said(one['high'])}]"


def _outcome(document: Document) -> str:
    tolerance = f"{100 * document['tolerance']:g} %"
    checks = [one for one in document["predictions"] if one["role"] == "check"]
    figures = [f for one in checks for f in one["figures"] if f["judged"] and f["error"] is not None]
    worst = max((abs(f["error"]) for f in figures), default=None)
    most = "" if worst is None else f"; the largest error of p50, p95 and throughput is {100 * worst:.1f} %"
    return {
        "held": f"Predicts {len(checks)} other load(s) within {tolerance}{most}.",
        "broken": f"Does NOT predict {len(checks)} other load(s) within {tolerance}{most}.",
        "cannot_tell": f"Cannot tell whether it predicts within {tolerance}: what was measured is too uncertain{most}.",
        "unchecked": "Not checked against another load: measure one, and give its report with --check.",
    }[document["verdict"]]


# --------------------------------------------------------------------------- the scenario file


def scenario_file(document: Document) -> str:
    """The TOML file of the model, with where it comes from as comments. Reads back as the same scenario.

    Raises `ReportError` where it would not.
    """
    import tomli_w  # noqa: PLC0415 - only what writes scenarios needs it

    said = [
        f"A model of {visible(document['target'])}: harness calibrate {document['harness_version']}, "
        f"{document['timestamp']}.",
        "harness run -f THIS_FILE --clock virtual   carries it out.",
        *calibration_lines(document),
    ]
    if document["limit"]["found_by"] == "none":
        said.append("The agents below stand for no limit: they are more than any load asks for.")
    body = tomli_w.dumps(document["declaration"])
    text = "".join(f"{line}\n" for long in said for line in _comment(long)) + "\n" + body
    read = catalog_of(tomllib.loads(text), "calibration")[document["scenario"]]
    if read.digest != document["scenario_digest"]:
        found = f"{read.digest} as it would be read"
        refuse("calibration", [Mistake("scenario_digest", found, f"{document['scenario_digest']}, as it was fitted")])
    return text


def _comment(line: str) -> list[str]:
    return textwrap.wrap(line, 118, initial_indent="# ", subsequent_indent="#     ", break_long_words=False) or ["#"]


def refuse_output(path: Path) -> None:
    """Raise `ReportError` where a scenario file cannot be written to `path`: known before the work, not after."""
    if os.path.lexists(path):
        raise ReportError(f"--output {path}: expected a name that is free, found a file or folder of that name")
    if not os.path.isdir(path.parent):
        raise ReportError(f"--output {path}: expected a file in a folder that exists, found no folder {path.parent}")
    try:
        probe(path)
    except OSError as error:
        raise ReportError(f"--output {path}: cannot write there: {error.strerror or error}") from error


def write_scenario(text: str, path: Path) -> None:
    """Write the scenario file whole, or not at all; never over another. Raises `ReportError`."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            with part.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            move_exclusively(part, path)
        finally:
            part.unlink(missing_ok=True)
    except FileExistsError as error:
        raise ReportError(f"--output {path}: expected a name that is free, found a file of that name") from error
    except OSError as error:
        raise ReportError(f"--output {path}: cannot be written: {cause(error)}") from error
