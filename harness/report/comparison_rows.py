"""What every rendering of a comparison says, as plain cells and sentences, from its document alone.

All texts that come out of here are on one line and visible (`harness.report.text.visible`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.report.text import visible
from harness.units import format_duration, format_rate, format_share, format_size

Document = Mapping[str, Any]
Metric = Mapping[str, Any]

ORDER = ("regressed", "missing", "incomparable", "inconclusive", "improved", "new", "unchanged")
"""Verdicts as a reader needs them: what is wrong, what is not known, what is well."""
FIRST = ORDER[:3]
"""Verdicts whose metrics are never folded away."""
HEADERS = ("verdict", "metric", "base", "head", "effect", "interval", "n", "p", "correction")
WORDS = frozenset({"verdict", "metric", "correction"})
"""Columns of words, aligned to the left."""
NONE = "-"
_LONGEST_NAME = 120
_FORMS: dict[str, Callable[[float], str]] = {
    "s": format_duration,
    "B": format_size,
    "/s": format_rate,
    "share": format_share,
}

# --------------------------------------------------------------------------- sentences


def headline(document: Document) -> str:
    """The whole in one clause: `2 of 56 metrics regressed; 54 of 54 others compared`."""
    counts = document["counts"]
    total, regressed = counts["total"], counts["regressed"]
    if not total:
        return "nothing was compared" + (f", {_are(counts['new'])} new" if counts["new"] else "")
    if not counts["compared"]:
        return _nothing_comparable(counts)
    others = counts["compared"] - regressed
    if not regressed:
        return f"no metric regressed; {others} of {total} compared"
    waived = sum(bool(one["waiver"] and one["waiver"]["accepted"]) for one in with_verdict(document, "regressed"))
    told = f" ({waived} of them waived)" if waived else ""
    return f"{regressed} of {total} metrics regressed{told}; {others} of {total - regressed} others compared"


def _nothing_comparable(counts: Mapping[str, int]) -> str:
    """`nothing could be compared: 8 metrics are missing, 56 incomparable, 3 new`."""
    first, *others = [word for word in ORDER if counts[word]]
    rest = "".join(f", {counts[word]} {word}" for word in others)
    return f"nothing could be compared: {_are(counts[first])} {first}{rest}"


def _are(count: int) -> str:
    return "1 metric is" if count == 1 else f"{count} metrics are"


def tally_beside(document: Document) -> str:
    """The tally in brackets, to stand behind the headline; nothing where the headline has counted them already."""
    counts = document["counts"]
    return "" if counts["total"] and not counts["compared"] else f" ({tally(document)})"


def tally(document: Document) -> str:
    """How many metrics have each verdict: `2 regressed, 3 improved, 51 unchanged`."""
    counts = document["counts"]
    return ", ".join(f"{counts[word]} {word}" for word in ORDER if counts[word]) or "no metric on either side"


def outcome(document: Document) -> str:
    """How it ends and why, in a sentence."""
    words = {
        "held": "Nothing regressed that is not waived, and all that can be compared was.",
        "regressed": "At least one metric regressed, and no waiver accepts it.",
        "not_enough": "Not enough was compared to say that nothing regressed.",
    }
    stopped = f" Measuring was stopped: {document['stopped']}." if document["stopped"] else ""
    return f"{words[document['verdict']]} Exit code {document['exit_code']}.{stopped}"


def sides(document: Document) -> tuple[str, str]:
    """Base and head, as they were named, with their commits."""
    return _side(document["base"]), _side(document["head"])


def _side(side: Mapping[str, Any]) -> str:
    source = visible(side["source"])
    commit = side["commit"]
    known = f" ({commit[:10]})" if commit and not source.endswith(commit) else ""
    return f"{source}{known}{' with uncommitted changes' if side['dirty'] else ''}"


def measuring(document: Document) -> str:
    """Rounds, looks and seed, where the comparison measured its sides itself."""
    if document["rounds"] is None:
        return ""
    looks = document["looks"]
    return f"{document['rounds']} rounds a side, {looks['made']} of {looks['planned']} looks, seed {document['seed']}"


def notes(document: Document) -> list[str]:
    """What is to be known beside the rows: the sides' notes, and waivers that accept nothing."""
    said = [visible(note) for note in document["notes"]]
    for waiver in document["waivers"]:
        if waiver["state"] in {"unused", "expired"}:
            name = visible(f"{waiver['scenario']} / {waiver['metric']}")
            word = "was not needed" if waiver["state"] == "unused" else f"expired on {waiver['expires']}"
            said.append(f"the waiver for {name} {word}")
    return said


def remarks(metric: Metric) -> list[str]:
    """Why a metric has its verdict, why nobody waits for it, its waiver, and its doubts."""
    waiver, advisory = metric["waiver"], metric.get("advisory")
    waived = [visible(waiver["reason"])] if waiver else []
    return [
        visible(metric["reason"]),
        *([visible(advisory)] if advisory else []),
        *waived,
        *(visible(note) for note in metric["notes"]),
    ]


def told_by_its_row(metric: Metric) -> bool:
    """Whether the table says all there is: an exact change, with no waiver and no doubt."""
    return metric["kind"] == "exact" and metric["verdict"] == "regressed" and len(remarks(metric)) == 1


def commands(metrics: Sequence[Metric]) -> list[tuple[str, str]]:
    """The command that measures each of these metrics again, once each, with the metrics it measures in words."""
    found: dict[str, list[str]] = {}
    for metric in metrics:
        if metric["command"]:
            found.setdefault(metric["command"], []).append(metric["name"])
    return [
        (visible(command), visible(names[0], _LONGEST_NAME) + (f" and {len(names) - 1} more" if len(names) > 1 else ""))
        for command, names in found.items()
    ]


# --------------------------------------------------------------------------- rows


def with_verdict(document: Document, *words: str) -> list[Metric]:
    """The metrics with one of these verdicts, in the order of `words`, and of the document within each."""
    return [metric for word in words for metric in document["metrics"] if metric["verdict"] == word]


def cells(metric: Metric) -> tuple[str, ...]:
    """A metric's cells, one per entry of `HEADERS`."""
    return (
        word(metric),
        visible(metric["name"], _LONGEST_NAME),
        _value(metric, metric["base"]["value"]),
        _value(metric, metric["head"]["value"]),
        _effect(metric, metric["effect"]),
        _interval(metric),
        f"{metric['base']['n']}+{metric['head']['n']}",
        _p(metric),
        visible(metric["correction"]) if metric["p"] is not None else NONE,
    )


def word(metric: Metric) -> str:
    """The verdict, with `waived` where a waiver accepts it, `no worse` where that much is shown, `advisory` where it is
    no gap.
    """
    accepted = metric["waiver"] and metric["waiver"]["accepted"]
    if metric["no_worse"]:
        return f"{metric['verdict']} (no worse)"
    if metric.get("advisory"):
        return f"{metric['verdict']} (advisory)"
    return f"{metric['verdict']} (waived)" if accepted else str(metric["verdict"])


def _value(metric: Metric, value: float | None) -> str:
    return NONE if value is None else in_unit(value, metric["unit"])


def in_unit(value: float, unit: str) -> str:
    """A value with its unit, scaled for people where the unit is one of ours."""
    form = _FORMS.get(unit)
    if form is None or value < 0:
        return f"{value:.4g} {visible(unit, 20)}".rstrip()
    return form(value)


def _effect(metric: Metric, effect: float | None) -> str:
    if effect is None:
        return NONE
    return f"{effect * 100:+.3g} {'points' if metric['effect_unit'] == 'points' else '%'}"


def _interval(metric: Metric) -> str:
    found = metric["interval"]
    if found is None:
        return "exact" if metric["kind"] == "exact" and metric["effect"] is not None else NONE
    return f"{found['low'] * 100:+.3g} to {found['high'] * 100:+.3g}"


def _p(metric: Metric) -> str:
    p, adjusted = metric["p"], metric["p_adjusted"]
    return NONE if p is None else f"{p:.2g} ({adjusted:.2g})"


def columns(rows: Sequence[Sequence[str]]) -> list[int]:
    """The columns in which anything stands; a comparison of exact metrics needs no p."""
    return [k for k in range(len(HEADERS)) if k < 2 or any(row[k] != NONE for row in rows)]
