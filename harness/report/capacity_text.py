"""A capacity for eyes: the sentences first, then one line per level; as plain text and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from harness.report.capacity_document import Document
from harness.report.markdown import code, prose
from harness.report.text import columns_wide, encodable, visible
from harness.units import format_duration, format_rate, format_share

_HEADERS = {
    "in flight": "in flight",
    "burst size": "burst",
    "rate per second": "rate /s",
    "times the declared rates": "times",
}
_MODELS = {"linear": "X = N / S", "hard_limit": "X = min(N, C) / S", "usl": "Universal Scalability Law"}
_GAP = 2


def show_capacity(document: Document, stream: TextIO) -> None:
    """Print it on `stream`."""
    stream.write(encodable(plain_capacity(document), stream.encoding))


def plain_capacity(document: Document) -> str:
    """The result as lines of text; ends with a newline."""
    lines = [_headline(visible(one, 400)) for one in document["sentences"] or ["nothing was found"]]
    lines += [f"{visible(document['scenario'])}, {_context(document)}", ""]
    rows = _rows(document)
    widths = [max(columns_wide(row[k]) for row in rows) for k in range(len(rows[0]))]
    for row in rows:
        cells = (" " * (width - columns_wide(cell)) + cell for cell, width in zip(row, widths, strict=True))
        lines.append((" " * _GAP).join(cells).rstrip())
    said = list(_fits(document))
    lines += ["", *said] if said else []
    lines += [f"doubt: {visible(one, 400)}" for one in document["doubts"]]
    return "\n".join(lines) + "\n"


def capacity_markdown(document: Document) -> str:
    """The result as GitHub-flavoured Markdown; ends with a newline."""
    first, *others = document["sentences"] or ["nothing was found"]
    parts = [f"**{prose(_headline(first))}**" + "".join(f"  \n{prose(_headline(one))}" for one in others)]
    parts.append(f"{code(document['scenario'])}, {prose(_context(document))}")
    rows = _rows(document)
    lines = ["| " + " | ".join(prose(cell) for cell in row) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("--:" for _ in rows[0]) + "|")
    parts.append("\n".join(lines))
    said = [f"- {prose(one)}" for one in (*_fits(document), *document["doubts"])]
    parts += ["\n".join(said)] if said else []
    return "\n\n".join(parts) + "\n"


def _headline(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:] + "."


def _context(document: Document) -> str:
    seeds, count = document["seeds"], document["replications"]
    each = "1 replication" if count == 1 else f"{count} replications"
    return (
        f"target {visible(document['target'], 80)}, clock {document['clock']}, "
        f"{each} of each load, seeds from {seeds[0] if seeds else 0}"
    )


def _rows(document: Document) -> list[Sequence[str]]:
    names = list(dict.fromkeys(busy["name"] for one in document["trials"] for busy in one["busy"]))
    judged = any(one["verdict"] for one in document["trials"])
    header = [_HEADERS[document["load"]["axis"]], "throughput", "p50", "p95", "turned away"]
    header += [visible(name, 30) for name in names] + (["baseline"] if judged else [])
    return [header, *(_row(one, names, judged) for one in document["trials"])]


def _row(one: dict[str, Any], names: Sequence[str], judged: bool) -> list[str]:
    busy = {each["name"]: each["share"] for each in one["busy"]}
    cells = [
        f"{one['level']:.4g}",
        _shown(one["throughput_per_s"]["value"], format_rate),
        _shown(one["latency_p50_s"]["value"], format_duration),
        _shown(one["latency_p95_s"]["value"], format_duration),
        _shown(one["turned_away"], format_share),
    ]
    cells += [_shown(busy.get(name), format_share) for name in names]
    if judged:
        verdict = str(one["verdict"] or "").replace("_", " ")
        cells.append(verdict + ("" if one["settled"] else "?"))
    return cells


def _shown(value: float | None, form: Any) -> str:
    return "-" if value is None else str(form(value))


def _fits(document: Document) -> Iterator[str]:
    chosen = document["knee"]["model"] if document["knee"] else None
    for one in document["fits"]:
        mark = "chosen: " if one["model"] == chosen else ""
        knee = one["knee"]["value"]
        at = "" if knee is None else f", {'C' if one['model'] == 'hard_limit' else 'N*'} = {knee:.4g}"
        aicc = "too few levels" if one["aicc"] is None else f"AICc {one['aicc']:.1f}"
        yield f"{mark}{_MODELS[one['model']]}{at}, misses by {100 * one['error']:.2g} %, {aicc}"
