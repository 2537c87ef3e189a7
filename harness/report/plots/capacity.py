"""The picture of a capacity: throughput and latency over the load, the curves, the knee, the baseline's limit."""

from __future__ import annotations

import textwrap
from typing import Any

from harness.report.capacity_document import Document
from harness.report.plots.picture import altair
from harness.report.plots.theme import BLUE, GREEN, GREY, INK, ORANGE, RED, light

_WIDTH, _HIGH, _LOW = 680, 280, 190
_NAMES = {"linear": "line", "hard_limit": "hard limit", "usl": "Universal Scalability Law"}
_AXES = {
    "in flight": "workflows in flight",
    "burst size": "workflows in flight",
    "rate per second": "offered rate (per second)",
    "times the declared rates": "times the declared rates",
}
_LOGARITHMIC_FROM = 12.0
"""Where the largest load is so many times the knee, a linear axis would hide the knee."""


def capacity_chart(document: Document) -> Any:
    """The chart (Altair); raises `MissingExtraError` where the extra `plot` is not installed."""
    alt = altair()
    x = _x(document)
    panels = [_throughput(alt, document, x), _latency(alt, document, x)]
    sentences = list(document["sentences"]) or ["nothing was found"]
    below = [line for one in sentences[1:] for line in _wrapped(one)]
    title = alt.TitleParams(_wrapped(sentences[0], 84), subtitle=[*below, _about(document)])
    return light(
        alt.vconcat(*panels, spacing=18).properties(title=title).resolve_scale(x="shared", color="independent")
    )


def _wrapped(sentence: str, longest: int = 104) -> list[str]:
    return textwrap.wrap(sentence[:1].upper() + sentence[1:], longest, max_lines=3, placeholder=" …")


def _about(document: Document) -> str:
    return f"{document['scenario']}, target {document['target']}, clock {document['clock']}"


def _x(document: Document) -> dict[str, Any]:
    """Field, title and scale of the axis that both panels share."""
    carried = [one for one in document["trials"] if one["not_fitted"] is None] or document["trials"]
    levels = [one["level"] for one in carried] or [1.0]
    if document["held"]["broken_at"] is not None:
        levels.append(document["held"]["broken_at"])
    knee = document["knee"]
    far = knee is not None and max(levels) > _LOGARITHMIC_FROM * knee["load"]["value"]
    scale: dict[str, Any] = {"type": "log", "base": 2} if far else {"domain": [0, 1.05 * max(levels)]}
    return {"field": "load", "title": _AXES[document["load"]["axis"]], "scale": scale}


def _throughput(alt: Any, document: Document, x: dict[str, Any]) -> Any:
    across = alt.X("load:Q", title=None, scale=alt.Scale(**x["scale"]), axis=alt.Axis(labels=False, ticks=False))
    rows = [_point(one) for one in document["trials"] if one["throughput_per_s"]["value"] is not None]
    y = alt.Y("throughput:Q", title="throughput (per second)", scale=alt.Scale(domainMin=0))
    points = alt.Chart(alt.Data(values=rows))
    layers = [*_knee(alt, document, across), *_curves(alt, document, rows, across, y)]
    layers.append(
        points.mark_rule(color=INK, opacity=0.7).encode(
            x=across, y=alt.Y("low:Q", title="throughput (per second)"), y2="high:Q"
        )
    )
    layers.append(points.mark_point(color=INK, filled=True, size=42, opacity=1).encode(x=across, y=y))
    return alt.layer(*layers).properties(width=_WIDTH, height=_HIGH)


def _point(one: dict[str, Any]) -> dict[str, Any]:
    rate = one["throughput_per_s"]
    low, high = (rate["value"] if bound is None else bound for bound in (rate["low"], rate["high"]))
    return {"load": one["level"], "throughput": rate["value"], "low": low, "high": high}


def _curves(alt: Any, document: Document, rows: list[dict[str, Any]], across: Any, y: Any) -> list[Any]:
    """Both curves that bend, the chosen one drawn through, the other dashed."""
    chosen = document["knee"]["model"] if document["knee"] else None
    most = 1.5 * max((row["high"] for row in rows), default=1.0)
    values = [
        {"load": load, "throughput": rate, "curve": _label(one, chosen)}
        for one in document["fits"]
        if one["model"] != "linear"
        for load, rate in _drawn(document, one)
        if rate <= most
    ]
    if not values:
        return []
    labels = [_label(one, chosen) for one in document["fits"] if one["model"] != "linear"]
    colour = alt.Color(
        "curve:N", scale=alt.Scale(domain=labels, range=[BLUE, ORANGE]), legend=alt.Legend(title=None, labelLimit=0)
    )
    dash = alt.StrokeDash(
        "curve:N",
        scale=alt.Scale(domain=labels, range=[[1, 0] if "chosen" in one else [5, 4] for one in labels]),
        legend=None,
    )
    lines = alt.Chart(alt.Data(values=values)).mark_line(strokeWidth=2.2, clip=True)
    return [lines.encode(x=across, y=y, color=colour, strokeDash=dash)]


def _drawn(document: Document, fit: dict[str, Any]) -> list[tuple[float, float]]:
    """The curve over the load: what passes through, where the load is a rate."""
    in_flight, rates = fit["curve"]["in_flight"], fit["curve"]["throughput_per_s"]
    if document["load"]["axis"] != "rate per second":
        return list(zip(in_flight, rates, strict=True))
    top = max(rates)
    levels = sorted({one["level"] for one in document["trials"]} | {top})
    return [(level, min(level, top)) for level in levels]


def _label(fit: dict[str, Any], chosen: str | None) -> str:
    knee = fit["knee"]["value"]
    at = "" if knee is None else f", {'C' if fit['model'] == 'hard_limit' else 'N*'} = {knee:.3g}"
    return f"{_NAMES[fit['model']]}{at}{' (chosen)' if fit['model'] == chosen else ''}"


def _knee(alt: Any, document: Document, across: Any) -> list[Any]:
    """The knee as a line with its interval as a band, and the highest load that holds the baseline."""
    layers = []
    knee, held = document["knee"], document["held"]
    if knee is not None:
        at = knee["load"]
        band = {"load": at["low"] or at["value"], "end": at["high"] or at["value"]}
        shaded = alt.Chart(alt.Data(values=[band])).mark_rect(color=RED, opacity=0.16)
        layers.append(shaded.encode(x=across, x2="end:Q"))
        layers += _marked(alt, across, at["value"], RED, (f"knee {at['value']:.4g}", "left"), up=10)
    if held["status"] == "found":
        # the limit may stand at the right edge: its label stands to its left
        layers += _marked(alt, across, held["level"], GREEN, (f"baseline holds to {held['level']:.4g}", "right"), up=28)
    return layers


def _marked(alt: Any, across: Any, at: float, colour: str, label: tuple[str, str], *, up: int) -> list[Any]:
    source = alt.Chart(alt.Data(values=[{"load": at, "label": label[0]}]))
    offset = 5 if label[1] == "left" else -5
    return [
        source.mark_rule(color=colour, strokeWidth=1.6).encode(x=across),
        source.mark_text(color=colour, align=label[1], dx=offset, fontSize=11).encode(
            x=across, y=alt.value(_HIGH - up), text="label:N"
        ),
    ]


def _latency(alt: Any, document: Document, x: dict[str, Any]) -> Any:
    across = alt.X("load:Q", title=x["title"], scale=alt.Scale(**x["scale"]))
    rows = [
        {"load": one["level"], "seconds": one[f"latency_{name}_s"]["value"], "percentile": name}
        for one in document["trials"]
        for name in ("p50", "p95")
        if one[f"latency_{name}_s"]["value"] is not None and one["not_fitted"] is None
    ] or [{"load": 1.0, "seconds": 0.0, "percentile": "p50"}]
    y = alt.Y("seconds:Q", title="latency (s)", scale=alt.Scale(domainMin=0))
    colour = alt.Color("percentile:N", scale=alt.Scale(domain=["p50", "p95"], range=[GREY, INK]))
    lines = alt.Chart(alt.Data(values=rows)).mark_line(point=alt.OverlayMarkDef(size=30), strokeWidth=2)
    layers = [lines.encode(x=across, y=y, color=colour), *_limits(alt, document, rows, y)]
    knee = document["knee"]
    if knee is not None:
        mark = alt.Chart(alt.Data(values=[{"load": knee["load"]["value"]}])).mark_rule(color=RED, strokeWidth=1.2)
        layers.append(mark.encode(x=across))
    return alt.layer(*layers).properties(width=_WIDTH, height=_LOW)


def _limits(alt: Any, document: Document, rows: list[dict[str, Any]], y: Any) -> list[Any]:
    """The baseline's limits on latency, where they are within reach of what was measured."""
    most = 2 * max(row["seconds"] for row in rows)
    values = [
        {"seconds": one["limit"], "label": f"{one['metric'].replace('_', ' ')} {one['op']} {one['limit']:g} s"}
        for one in document["baseline_limits"]
        if one["metric"] in ("latency_p50", "latency_p95") and one["limit"] <= most
    ]
    if not values:
        return []
    source = alt.Chart(alt.Data(values=values))
    rule = source.mark_rule(color=GREEN, strokeDash=[4, 3], strokeWidth=1.4).encode(y=y)
    text = source.mark_text(color=GREEN, align="left", dx=4, dy=-6, fontSize=11)
    return [rule, text.encode(y=y, x=alt.value(0), text="label:N")]
