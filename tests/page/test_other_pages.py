"""The pages of comparisons, capacities and histories, in the browser and from the command line."""

from __future__ import annotations

import itertools
import json
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.errors import ExitCode
from harness.judge.history import History, find_steps
from harness.report.comparison import comparison_mistakes
from harness.report.document import json_text, write_report
from harness.report.given import Given
from harness.report.history import history_document
from harness.report.model import Report
from harness.report.page.making import page_of
from harness.report.page.shell import write_page
from harness.report.page.sweep import sweep_page
from tests.github.made import comparison, metric
from tests.page.browsing import PHONE, Shown, barriers
from tests.page.changed import changed
from tests.page.test_hostile_page import HOSTILE

Open = Callable[..., Shown]
Document = dict[str, Any]
KINDS = ("comparison", "history", "capacity", "sweep", "advice")
_DRAWN = """() => [...harnessPage.drawn.values()].map(one => [one.chart.title, one.plot.data.map(column =>
  [...column].map(value => value === undefined ? null : value)), one.lines.map(line => line.name)])"""

_MARKED = """() => { const [{chart, values, lines}] = harnessPage.drawn.values();
  return [chart.marks, [...values[lines.findIndex(line => line.name === "level")]]]; }"""
# where the red of marks and labels is: pixels above the plot, on each mark's line within it, and elsewhere within it
_RED = """() => {
  const [{plot, chart}] = harnessPage.drawn.values();
  const {left, top, width, height} = plot.bbox;
  const lines = chart.marks.filter(mark => mark.colour === "red").map(mark => plot.valToPos(mark.at, "x", true) - left);
  const found = {above: 0, within: 0, lines: lines.map(() => 0)};
  const {data} = plot.ctx.getImageData(left, 0, width, top + height);
  for (let y = 0; y < top + height; y += 1) for (let x = 0; x < width; x += 1) {
    const [r, g, b, alpha] = data.slice(4 * (y * width + x), 4 * (y * width + x) + 4);
    if (!alpha || r < b + 90 || r < g + 60) continue;
    const line = lines.findIndex(at => Math.abs(x - at) < 3);
    if (y < top) found.above += 1;
    else if (line < 0) found.within += 1;
    else found.lines[line] += 1;
  }
  return found;
}"""
_TICKS = """() => {
  const [{plot, chart}] = harnessPage.drawn.values();
  const axis = plot.axes[0];
  const named = axis._splits.filter((_, k) => axis._values[k]);
  const {ctx} = plot;
  ctx.font = `${11 * uPlot.pxRatio}px ${getComputedStyle(document.documentElement).getPropertyValue("--font")}`;
  const places = named.map(at => plot.valToPos(at, "x", true));
  return [places, Math.max(...chart.ticks.map(name => ctx.measureText(name).width))];
}"""


def _noisy(name: str, verdict: str, effect: float, half: float, **more: Any) -> Document:
    given = {"kind": "noisy", "effect": effect, "p": 0.01, "p_adjusted": 0.02, "floor": 0.02, "margin": 0.03}
    interval = {"low": effect - half, "high": effect + half, "confidence": 0.99}
    return metric(name, verdict, **{**given, "interval": interval, **more})


@pytest.fixture(scope="module")
def compared() -> Document:
    made = comparison(
        [
            _noisy("peak.p95", "regressed", 0.12, 0.05),
            _noisy("peak.p50", "improved", -0.04, 0.01),
            _noisy("peak.p99", "inconclusive", 0.3, 0.9, runs_needed=40),
            _noisy("peak.memory", "unchanged", 0.001, 0.004),
            metric("peak.offered", "missing", base={"value": None, "n": 0}, head={"value": None, "n": 0}),
            metric("crowd.p50"),
        ]
    )
    assert not comparison_mistakes(made), comparison_mistakes(made)
    return made


@dataclass(frozen=True)
class Past:
    """A metric's past, as `harness history` reads it."""

    name: str
    commits: tuple[str, ...]
    values: tuple[float | None, ...]
    unit: str = "s"
    direction: str = "lower"

    @property
    def history(self) -> History:
        return find_steps(self.values, self.commits, direction=self.direction)  # type: ignore[arg-type]  # one of two


@pytest.fixture(scope="module")
def past() -> Document:
    """Sixty commits: one metric becomes 15 % slower at the 36th, one stays, one has eight commits without a value."""
    draw = random.Random(3)
    commits = tuple(f"{draw.getrandbits(160):040x}" for _ in range(60))
    step = tuple((0.3 if k < 35 else 0.345) * (1 + draw.gauss(0, 0.02)) for k in range(60))
    flat = tuple(2.0 * (1 + draw.gauss(0, 0.01)) if k % 8 else None for k in range(60))
    series = [Past("peak.p95", commits, step), Past("peak.p50", commits, flat), Past("peak.new", commits[:3], step[:3])]
    return history_document("reports/", series, ["a note"], harness_version="0", timestamp=datetime.now(UTC))


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Document, Path]:
    """A search in a process of its own, and the page that it wrote."""
    folder = tmp_path_factory.mktemp("capacity")
    words = ["capacity", "10_concurrent_workflows", "--clock", "virtual", "-n", "2", "--to", "32", "--quiet"]
    words += ["--report-dir", str(folder), "--html", str(folder / "page.html"), "--json"]
    done = subprocess.run([sys.executable, "-m", "harness", *words], capture_output=True, text=True, check=False)
    return json.loads(done.stdout), folder / "page.html"


def _printed(*words: str) -> Document:
    """The document that a command prints, in a process of its own."""
    command = [sys.executable, "-m", "harness", *words, "--clock", "virtual", "--quiet", "--json"]
    found: Document = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    return found


@pytest.fixture(scope="module")
def documents(compared: Document, past: Document, searched: tuple[Document, Path]) -> dict[str, Document]:
    """One of each kind."""
    return {
        "comparison": compared,
        "history": past,
        "capacity": searched[0],
        "sweep": _printed(
            "sweep",
            "agent_pool_exhaustion",
            "--set",
            "agents=20,80",
            "--set",
            "queue=20,50",
            "-n",
            "2",
            "--processes",
            "1",
        ),
        "advice": _printed("advise", "queue_overflow_handling", "-n", "2"),
    }


def _page(kind: str, document: Document, folder: Path) -> Path:
    return write_page(page_of(Given(kind=kind, other=document)), folder / f"{kind}.html")


def test_a_comparison_says_whether_it_is_worse(compared: Document, tmp_path: Path, opened: Open) -> None:
    shown = opened(_page("comparison", compared, tmp_path))
    shown.drawn()
    assert shown.clean
    assert shown.text("h1 span:nth-child(2)") == "1 of 6 metrics regressed; 4 of 5 others compared."
    assert "At least one metric regressed" in shown.text(".answers > div:nth-child(1) dd")
    assert shown.text(".answers > div:nth-child(2) dd").startswith("peak.p95 +12 %")
    titles = ["Regressed (1)", "Missing or not to be compared (1)", "Not settled (1)", "Improved (1)"]
    assert shown.page.locator("section > h2").all_inner_texts()[:4] == titles
    assert shown.page.locator("details.group summary").inner_text() == "Unchanged (2)"


def test_a_strip_lies_where_its_interval_lies(compared: Document, tmp_path: Path, opened: Open) -> None:
    shown = opened(_page("comparison", compared, tmp_path))
    read = """all => all.map(one => [one.querySelector("title").textContent, ...["span", "floor", "zero"].map(name =>
      { const box = one.querySelector("." + name); const at = box && box.getBoundingClientRect();
        return at && [at.left, at.right]; })])"""
    strips = shown.page.locator("svg.strip[role=img]").evaluate_all(read)
    regressed = next(one for one in strips if one[0].startswith("+12 %"))
    improved = next(one for one in strips if one[0].startswith("-4 %"))
    assert regressed[0] == "+12 %, from +7 to +17; too small to matter: up to 2 %"
    assert regressed[1][0] > regressed[2][1] > regressed[3][1] > regressed[2][0]
    assert improved[1][1] < improved[2][0]
    open_one = next(one for one in strips if one[0].startswith("+30 %"))
    assert open_one[1][0] < open_one[2][0] < open_one[2][1] < open_one[1][1]
    values = shown.page.locator(".compared tbody tr:first-child data").evaluate_all("all => all.map(one => one.value)")
    first = compared["metrics"][0]
    assert list(map(float, values[:3])) == [first["base"]["value"], first["head"]["value"], first["effect"]]


def test_a_run_beside_a_comparison_says_whether_it_is_worse(
    compared: Document, eight: tuple[Report, ...], tmp_path: Path, opened: Open
) -> None:
    report, beside = write_report(eight[0], tmp_path), tmp_path / "comparison.json"
    beside.write_text(json_text(compared), encoding="utf-8")
    done = _called("report", report, beside, "--html", tmp_path / "page.html")
    assert done.exit_code == ExitCode.REGRESSION
    shown = opened(tmp_path / "page.html")
    shown.drawn()
    assert shown.clean
    assert "1 of 6 metrics regressed" in shown.text(".answers > div:nth-child(3) dd")
    assert shown.page.locator("#compared svg.strip[role=img]").count() == 5


def test_a_capacity_is_drawn_with_its_curves_and_knee(searched: tuple[Document, Path], opened: Open) -> None:
    document, path = searched
    shown = opened(path)
    shown.drawn()
    assert shown.clean
    assert shown.text("h1 span:nth-child(2)").lower() == f"{document['sentences'][0]}.".lower()
    (title, data, names), latency = shown.page.evaluate(_DRAWN)
    assert title == "Throughput"
    measured = data[1 + names.index("measured")]
    drawn = {x: y for x, y in zip(data[0], measured, strict=True) if y is not None}
    trials = [one for one in document["trials"] if one["throughput_per_s"]["value"] is not None]
    assert drawn == {one["level"]: one["throughput_per_s"]["value"] for one in trials}
    assert any("hard limit" in name for name in names)
    assert latency[2] == ["p95", "p50"]
    figures = shown.page.locator("data[data-path]").evaluate_all("all => all.map(one => [one.dataset.path, one.value])")
    assert len(figures) > 3 * len(trials)
    for name, value in figures:
        found: Any = document
        for key in name.split("."):
            found = found[int(key)] if isinstance(found, list) else found[key]
        assert float(value) == found, name
    ends = shown.page.locator("tbody td:last-child").all_text_contents()
    assert any("broken " in end for end in ends), ends


def test_a_history_shows_where_a_metric_changed(past: Document, tmp_path: Path, opened: Open) -> None:
    shown = opened(_page("history", past, tmp_path))
    shown.drawn()
    assert shown.clean
    step = past["series"][0]["steps"][0]
    assert f"peak.p95 +{step['effect'] * 100:.3g} % at {step['first_after'][:10]}" in shown.text(".answers dd")
    charts = {title: (data, names) for title, data, names in shown.page.evaluate(_DRAWN)}
    (places, values, levels), names = charts["peak.p95"]
    assert names == ["measured", "level"]
    assert values == past["series"][0]["points"]["values"]
    assert len(set(levels)) == 2
    assert past["series"][0]["points"]["commits"][levels.index(step["after"])] == step["first_after"]
    assert places == list(range(60))
    assert charts["peak.p50"][0][1] == past["series"][1]["points"]["values"]


def test_a_change_is_marked_where_the_level_jumps_and_its_label_covers_nothing(tmp_path: Path, opened: Open) -> None:
    draw = random.Random(5)
    commits = tuple(f"{draw.getrandbits(160):040x}" for _ in range(60))
    level = [0.3 if not 20 <= k < 26 else 0.39 for k in range(52)] + [0.39] * 8
    values = tuple(value * (1 + draw.gauss(0, 0.005)) for value in level)
    series = [Past("peak.p95", commits, values)]
    made = history_document("reports/", series, [], harness_version="0", timestamp=datetime.now(UTC))
    steps = made["series"][0]["steps"]
    assert [commits.index(step["first_after"]) for step in steps] == [20, 26, 52], "two so near need two rows"
    shown = opened(_page("history", made, tmp_path), color_scheme="light")
    shown.drawn()
    (marks, levels), red = shown.page.evaluate(_MARKED), shown.page.evaluate(_RED)
    assert [mark["at"] for mark in marks] == [k for k in range(1, 60) if levels[k] != levels[k - 1]]
    assert red["above"] > 100, "the labels stand above the plot"
    assert red["within"] == 0, "and nothing but the lines stands within it"
    assert len(red["lines"]) == 2
    assert min(red["lines"]) > 40


def test_names_of_commits_do_not_run_into_each_other(tmp_path: Path, opened: Open) -> None:
    commits = tuple(f"{random.Random(k).getrandbits(160):040x}" for k in range(8))
    series = [Past("peak.p95", commits, tuple(0.3 + 0.001 * (k % 3) for k in range(8)))]
    made = history_document("reports/", series, [], harness_version="0", timestamp=datetime.now(UTC))
    shown = opened(_page("history", made, tmp_path))
    shown.drawn()
    places, widest = shown.page.evaluate(_TICKS)
    assert len(places) > 2
    assert min(b - a for a, b in itertools.pairwise(places)) > widest


def test_a_history_of_an_earlier_version_has_its_table(past: Document, tmp_path: Path, opened: Open) -> None:
    older = {**past, "series": [{k: v for k, v in one.items() if k != "points"} for one in past["series"]]}
    shown = opened(_page("history", older, tmp_path))
    assert shown.clean
    assert shown.page.get_by_text("written by an earlier version").is_visible()
    assert shown.page.locator("tbody tr").count() == 1


def test_a_sweep_is_drawn_over_what_was_varied(documents: dict[str, Document], tmp_path: Path, opened: Open) -> None:
    shown = opened(_page("sweep", documents["sweep"], tmp_path))
    shown.drawn()
    assert shown.clean
    assert shown.text("h1 span:nth-child(2)") == "test_agent_pool_exhaustion holds its baseline in all 4 cells."
    charts = {title: (data, names) for title, data, names in shown.page.evaluate(_DRAWN)}
    (agents, *lines), names = charts["p95 latency"]
    assert (agents, names) == ([20, 80], ["queue 20", "queue 50"])
    rows = documents["sweep"]["rows"]
    for name, values in zip(names, lines, strict=True):
        for x, value in zip(agents, values, strict=True):
            cell = {"agents": x, "queue": int(name.split()[1])}
            found = [row["figures"]["latency_p95_s"] for row in rows if row["settings"] == cell]
            assert value == pytest.approx(sum(found) / 2)  # the median of two
    assert shown.page.locator(".overview tbody tr").count() == 4


@pytest.mark.parametrize(
    ("seeds", "differ", "name", "foot"),
    [
        (1, False, "measured", "A line joins what was measured in the cells, each in one replication."),
        (2, True, "median", "medians of the cells' replications; a bar is from their least to their most."),
        (2, False, "median", "medians of the cells' replications, which do not differ."),
    ],
)
def test_a_sweep_says_what_its_lines_are(
    seeds: int, differ: bool, name: str, foot: str, documents: dict[str, Document]
) -> None:
    whole = documents["sweep"]
    kept = [row for row in whole["rows"] if row["settings"]["queue"] == 20]
    if not differ:  # every replication as the first of its cell
        first = {row["settings"]["agents"]: row for row in reversed(kept)}
        kept = [first[row["settings"]["agents"]] for row in kept]
    one = {row["settings"]["agents"]: row for row in kept}
    rows = [{**row, "settings": {"agents": row["settings"]["agents"]}} for row in (kept if seeds > 1 else one.values())]
    made = {**whole, "axes": whole["axes"][:1], "rows": rows, "seeds": whole["seeds"][:seeds]}
    page = sweep_page(made)
    assert {line.name for chart in page.gallery.charts for line in chart.tables[0].lines} == {name}
    text = "".join(page.foot[0].itertext())
    assert foot in text
    assert ("bar" in text) == differ


def test_advice_shows_each_change_with_its_interval(
    documents: dict[str, Document], tmp_path: Path, opened: Open
) -> None:
    advice = documents["advice"]
    shown = opened(_page("advice", advice, tmp_path))
    assert shown.clean
    tried = [one for one in advice["tried"] if one["does"] != "nothing"]
    assert shown.page.locator(".compared tbody tr").count() == len(tried)
    strips = shown.page.locator("svg.strip[role=img] title").all_text_contents()
    now, first = advice["now"]["value"], tried[0]["effect"]
    ends = [f"{first[end] / now * 100:+.3g}" for end in ("mean", "low", "high")]
    assert strips[0] == f"{ends[0]} %, from {ends[1]} to {ends[2]}"


def test_none_is_wider_than_a_phone(documents: dict[str, Document], tmp_path: Path, opened: Open) -> None:
    for kind, document in documents.items():
        shown = opened(_page(kind, document, tmp_path), size=PHONE)
        shown.drawn()
        assert shown.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"], kind


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_keeps_anybody_out(kind: str, documents: dict[str, Document], tmp_path: Path, opened: Open) -> None:
    shown = opened(_page(kind, documents[kind], tmp_path))
    shown.drawn()
    assert barriers(shown) == []


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_names_stay_text(kind: str, documents: dict[str, Document], tmp_path: Path, opened: Open) -> None:
    shown = opened(_page(kind, _poisoned(kind, documents[kind]), tmp_path))
    shown.drawn()
    assert shown.clean
    assert shown.page.evaluate("window.run === undefined")
    assert [shown.page.locator(tag).count() for tag in ("script", "style", "img", "iframe")] == [3, 1, 0, 0]
    assert shown.page.evaluate("document.documentElement.scrollWidth") == 1280
    text = shown.page.locator("body").text_content()
    assert all(one[:20] in text for one in HOSTILE[:4])


def _poisoned(kind: str, document: Document) -> Document:
    """A copy with another hostile text wherever a text of somebody else may stand."""
    found: Document = json.loads(json.dumps(document))
    text = itertools.cycle(HOSTILE)
    if kind == "comparison":
        found["notes"] = list(HOSTILE)
        found["base"]["source"] = found["head"]["source"] = HOSTILE[0]
        found["metrics"] *= len(HOSTILE)
        for one in (copies := [dict(metric) for metric in found["metrics"]]):
            one.update(name=next(text), reason=next(text), command=f"harness run '{next(text)}'", unit=next(text))
        found["metrics"] = copies
    elif kind == "history":
        found["source"], found["notes"] = HOSTILE[0], list(HOSTILE)
        for one in found["series"]:
            one.update(name=next(text), reason=next(text), unit=next(text))
            one["points"]["commits"] = [f"{k}{next(text)}" for k, _ in enumerate(one["points"]["commits"])]
    elif kind == "sweep":
        found["scenario"] = found["target"] = HOSTILE[0]
        found["axes"] = [{"path": one, "values": list(HOSTILE)} for one in HOSTILE[1:3]]
        for row in found["rows"]:
            row.update(limited_by=next(text), reason=next(text))
            row["settings"] = {HOSTILE[1]: next(text), HOSTILE[2]: next(text)}
        found["rows"][0]["settings"][HOSTILE[2]] = HOSTILE[3]
    elif kind == "advice":
        found["scenario"] = found["target"] = HOSTILE[0]
        found["limited_by"], found["change"] = HOSTILE[1], HOSTILE[2]
        for one in found["tried"]:
            one.update(what=next(text), assumption=next(text), why=next(text))
        found["tried"][0]["what"] = HOSTILE[3]
    else:
        found["scenario"] = found["target"] = found["command"] = HOSTILE[0]
        found["sentences"] = found["doubts"] = list(HOSTILE)
        found["cause"]["because"] = HOSTILE[1]
        for one in found["trials"]:
            one["invalid"] = next(text)
            one["busy"] = [{"name": next(text), "kind": "agents", "share": 0.5}]
    return found


# --------------------------------------------------------------------------- harness report


def _called(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def _written(folder: Path, name: str, document: Document) -> Path:
    path = folder / name
    path.write_text(json_text(document), encoding="utf-8")
    return path


def test_every_kind_is_shown_again(documents: dict[str, Document], tmp_path: Path) -> None:
    for name, code, said in (
        ("comparison", ExitCode.REGRESSION, "1 of 6 metrics regressed"),
        ("history", ExitCode.HELD, "1 of 2 metrics changed"),
        ("capacity", ExitCode(documents["capacity"]["exit_code"]), "throughput"),
        ("sweep", ExitCode.HELD, "queue"),
        ("advice", ExitCode.NOT_ENOUGH, "helps"),
    ):
        path = _written(tmp_path, f"{name}.json", documents[name])
        done = _called("report", path, "--html", tmp_path / f"{name}.html")
        assert done.exit_code == code
        assert said in done.stdout
        assert json.loads(_called("report", path, "--json").stdout) == documents[name]
        assert said.split()[-1] in _called("report", path, "--markdown").stdout
        assert (tmp_path / f"{name}.html").read_text("utf-8").startswith("<!doctype html>")


def test_compare_writes_its_page_and_refuses_another_ending_first(eight: tuple[Report, ...], tmp_path: Path) -> None:
    again = changed(eight[0], lambda document: document.update(run_id="another-run"))
    base, head = (write_report(one, tmp_path / side).parent for side, one in (("base", eight[0]), ("head", again)))
    done = _called("compare", base, head, "--html", tmp_path / "page.html")
    assert f"html: {tmp_path / 'page.html'}" in done.stderr
    assert "Worse than before?" in (tmp_path / "page.html").read_text("utf-8")
    for words in (("compare", base, head), ("history", base), ("capacity", "peak"), ("continuous", "a", "b")):
        done = _called(*words, "--html", tmp_path / "page.pdf")
        assert done.exit_code == ExitCode.USAGE
        assert "expected " in done.stderr
        assert not (tmp_path / "page.pdf").exists()


def test_kinds_that_do_not_belong_together_are_refused(
    compared: Document, past: Document, searched: tuple[Document, Path], eight: tuple[Report, ...], tmp_path: Path
) -> None:
    report = write_report(eight[0], tmp_path / "reports")
    one, two = _written(tmp_path, "one.json", compared), _written(tmp_path, "two.json", compared)
    other, third = _written(tmp_path, "past.json", past), _written(tmp_path, "capacity.json", searched[0])
    page = tmp_path / "page.html"
    for files, name, found in (
        ((report, other), "past.json", "a history beside reports"),
        ((third, report), "capacity.json", "a capacity beside reports"),
        ((one, two), "two.json", "a comparison beside a comparison"),
        ((report, one, two), "two.json", "a comparison beside a comparison"),
        ((one, third), "capacity.json", "a capacity beside a comparison"),
    ):
        done = _called("report", *files, "--html", page)
        assert done.exit_code == ExitCode.USAGE
        assert len(done.stderr.splitlines()) == 1
        assert name in done.stderr
        assert found in done.stderr
        assert not page.exists()


def test_what_a_comparison_cannot_become_is_refused(compared: Document, tmp_path: Path) -> None:
    path = _written(tmp_path, "comparison.json", compared)
    done = _called("report", path, "--openmetrics", tmp_path / "load.prom")
    assert done.exit_code == ExitCode.USAGE
    assert "--openmetrics: expected reports, found a comparison" in done.stderr
    assert not (tmp_path / "load.prom").exists()
    wrong = _written(tmp_path, "wrong.json", {**compared, "verdict": "held"})
    assert "verdict" in _called("report", wrong).stderr
