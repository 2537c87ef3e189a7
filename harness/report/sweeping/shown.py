"""A sweep for people: a line for each cell, as plain text or as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.report.markdown import code, prose
from harness.report.sweeping.cells import CellOfRows, Spread, cells_of_rows
from harness.report.text import columns_wide, visible
from harness.units import format_duration, format_rate, format_share, format_size

Document = Mapping[str, Any]
_MOST_LINES = 60
_MOST_REASONS = 8
_SHOWN = ("latency_p50_s", "latency_p95_s", "throughput_mean_per_s", "error_rate_share", "rejection_rate_share")
_TITLES = {
    "latency_p50_s": "p50",
    "latency_p95_s": "p95",
    "throughput_mean_per_s": "throughput",
    "error_rate_share": "errors",
    "rejection_rate_share": "rejected",
}


def figure_in_words(name: str, value: float) -> str:
    """A figure with its unit, which its name ends in."""
    for suffix, shown in (
        ("_per_s", format_rate),
        ("_s", format_duration),
        ("_b", format_size),
        ("_share", format_share),
    ):
        if name.endswith(suffix):
            return shown(value)
    return f"{value:.6g}"


def plain_sweep(document: Document, metric: str) -> str:
    """The sweep as lines of text; ends with a newline."""
    header, *lines = _rows(document, metric)
    widths = [max(columns_wide(line[k]) for line in (header, *lines)) for k in range(len(header))]
    parts = [f"{headline_of(document)}.", ""]
    for line in (header, *lines[:_MOST_LINES]):
        cells = [" " * (width - columns_wide(cell)) + cell for cell, width in zip(line, widths, strict=True)]
        parts.append("  ".join(cells).rstrip())
    return "\n".join([*parts, *_left_out(lines), *_reasons(document), *_legend(document)]) + "\n"


def sweep_markdown(document: Document, metric: str) -> str:
    """The sweep as GitHub-flavoured Markdown; ends with a newline."""
    header, *lines = _rows(document, metric)
    table = [header, ["--:"] * len(header), *lines[:_MOST_LINES]]
    rule = 1
    drawn = ["| " + " | ".join(line if k == rule else map(prose, line)) + " |" for k, line in enumerate(table)]
    said = [prose(line) for line in (*_left_out(lines), *_legend(document))]
    reasons = [f"- {prose(line)}" for line in _reasons(document)]
    parts = [f"**{prose(headline_of(document))}** {code(document['scenario'])}", "\n".join(drawn), *said]
    return "\n\n".join([*parts, *(["\n".join(reasons)] if reasons else [])]) + "\n"


def headline_of(document: Document) -> str:
    done, planned, failed = len(document["rows"]), document["planned"], document["failed"]
    varied = " and ".join(f"{len(axis['values'])} of {visible(axis['path'], 60)}" for axis in document["axes"])
    ended = f"; {document['stopped']} after {done} of {planned}" if document["stopped"] else ""
    amiss = f"; {failed} failed" if failed else ""
    seeds = len(document["seeds"])
    runs = f"{seeds} replication{'s' * (seeds > 1)}, {planned} run{'s' * (planned > 1)}"
    return (
        f"{visible(document['scenario'], 80)} on {visible(document['target'], 80)}, {document['clock']} clock: "
        f"{varied}, {runs}{amiss}{ended}"
    )


def _rows(document: Document, metric: str) -> list[list[str]]:
    names = [*_SHOWN] if metric in _SHOWN else [metric, *_SHOWN]
    paths = [axis["path"] for axis in document["axes"]]
    header = [
        *(visible(path, 40) for path in paths),
        *(_TITLES.get(name, name) for name in names),
        "limited by",
        "baseline",
    ]
    return [header, *(_line(cell, paths, names) for cell in cells_of_rows(document))]


def _line(cell: CellOfRows, paths: Sequence[str], names: Sequence[str]) -> list[str]:
    settings = [visible(str(cell.settings[path]), 40) for path in paths]
    return [*settings, *(_spread(name, cell.spread(name)) for name in names), _limits(cell), _verdict(cell)]


def _spread(name: str, seen: Spread | None) -> str:
    if seen is None:
        return "-"
    middle, low, high = (figure_in_words(name, value) for value in (seen.middle, seen.low, seen.high))
    return middle if low == high else f"{middle} [{low}, {high}]"


def _limits(cell: CellOfRows) -> str:
    found = dict.fromkeys(row["limited_by"].replace("_", " ", 1) for row in cell.measured if row["limited_by"])
    return visible(", ".join(found), 60) or "-"


def _verdict(cell: CellOfRows) -> str:
    counts: dict[str, int] = {}
    for row in cell.rows:
        word = row["verdict"].replace("_", " ")
        counts[word] = counts.get(word, 0) + 1
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))


def _left_out(lines: Sequence[object]) -> Iterator[str]:
    if len(lines) > _MOST_LINES:
        yield f"… and {len(lines) - _MOST_LINES} more cells; --out FILE.csv or FILE.parquet has all of them"


def _reasons(document: Document) -> Iterator[str]:
    """Why cells failed, each reason once."""
    counts: dict[str, int] = {}
    for row in document["rows"]:
        if row["verdict"] == "failed":
            counts[row["reason"]] = counts.get(row["reason"], 0) + 1
    for reason, count in list(counts.items())[:_MOST_REASONS]:
        yield f"failed ({count}): {visible(reason)}"
    if len(counts) > _MOST_REASONS:
        yield f"failed: {len(counts) - _MOST_REASONS} more reasons"


def _legend(document: Document) -> Iterator[str]:
    if len(document["seeds"]) > 1:
        yield "Each figure is the median over the replications [least, largest]."
