"""The one issue about the main branch, as its metrics get worse, recover, and get worse again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.bridges import series as series_module
from harness.bridges.github_alert import Done, Wishes, keep_issue
from harness.bridges.github_api import GitHubApi
from harness.bridges.github_job import access_from
from harness.bridges.github_standing import standing
from harness.bridges.series import Past
from harness.cli import main
from harness.report.alert_issue import Known, Places, alert_body
from harness.report.hidden_state import hidden, revealed
from harness.report.within_limit import LIMIT, length
from tests.github.fake_api import BOT, REPOSITORY, TOKEN, FakeGitHub
from tests.github.histories import commits, levels, past, series
from tests.github.test_hostile_names import HOSTILE, MENTION, tokens_of

FLAT = levels((1.0, 16))
WORSE = levels((1.0, 10), (1.3, 6))
RECOVERED = levels((1.0, 10), (1.3, 6), (1.0, 6))
IN_PART = levels((1.0, 10), (1.3, 6), (1.1, 6))
WORSE_TWICE = levels((1.0, 10), (1.3, 6), (1.0, 6), (1.2, 6))


def keep(github: FakeGitHub, found: Past, **wishes: Any) -> Done:
    access = access_from(github.environment())
    return keep_issue(GitHubApi(github.url, TOKEN), access, found, Wishes(author=BOT, key="default", **wishes))


def worse(**more: Any) -> Past:
    return past(series("few.p50", WORSE, **more), series("few.errors", FLAT))


def listed(github: FakeGitHub) -> list[tuple[str, str]]:
    return [(issue["state"], issue["title"]) for issue in github.issues]


def said(github: FakeGitHub) -> list[str]:
    return [one["body"] for found in github.comments.values() for one in found]


# --------------------------------------------------------------------------- its life


def test_nothing_worse_opens_nothing(github: FakeGitHub) -> None:
    assert keep(github, past(series("few.p50", FLAT))).said == "no metric stands worse"
    assert github.issues == []


def test_it_is_opened_once_and_left_alone_while_nothing_changes(github: FakeGitHub) -> None:
    assert "opened issue" in keep(github, worse()).said
    assert "says what is so" in keep(github, worse()).said
    assert listed(github) == [("open", "Benchmarks: 1 metric got worse")]
    assert [one for one in github.asked if not one.startswith("GET")] == [f"POST /repos/{REPOSITORY}/issues"]
    body = github.issues[0]["body"]
    old, new = commits(16)[9:11]
    assert f"[`{old[:10]}..{new[:10]}`](https://github.example/{REPOSITORY}/compare/{old}...{new})" in body
    assert "| `few.p50` |" in body
    assert "+30 %" in body
    assert "`harness history asv:.asv/results`" in body


def test_a_second_metric_edits_it_and_tells_subscribers(github: FakeGitHub) -> None:
    keep(github, worse())
    done = keep(github, past(series("few.p50", WORSE), series("few.p95", WORSE)))
    assert "edited issue" in done.said
    assert listed(github) == [("open", "Benchmarks: 2 metrics got worse")]
    assert said(github) == ["Got worse: `few.p95`. The table above has the commits.\n"]


def test_it_closes_when_all_recovered_and_opens_again_for_the_next_step(github: FakeGitHub) -> None:
    keep(github, worse())
    assert "closed issue" in keep(github, past(series("few.p50", RECOVERED))).said
    assert listed(github) == [("closed", "Benchmarks: every metric has recovered")]
    assert said(github)[-1].startswith("Recovered: `few.p50`.")
    assert "no metric stands worse" in keep(github, past(series("few.p50", RECOVERED))).said
    assert "again" in keep(github, past(series("few.p50", WORSE_TWICE))).said
    assert listed(github) == [("open", "Benchmarks: 1 metric got worse")]


def test_closing_it_by_hand_accepts_what_it_says(github: FakeGitHub) -> None:
    keep(github, worse())
    github.issues[0]["state"] = "closed"
    done = keep(github, worse())
    assert done.said == "no metric stands worse that nobody accepted by closing the issue"
    assert listed(github)[0][0] == "closed"
    keep(github, past(series("few.p50", WORSE), series("few.p95", WORSE)))
    assert listed(github) == [("open", "Benchmarks: 2 metrics got worse")]


def test_a_step_that_later_commits_move_a_little_is_the_same_one() -> None:
    noisy = [1.0, 1.01, 0.99, 1.0, 1.02, 0.98, 1.0, 1.01, 1.06, 1.1, 1.09, 1.1, 1.11, 1.1]
    found = past(series("few.p50", list(noisy)))
    (alert,) = standing(found, ()).alerts
    step = found.series[0].history.steps[-1]
    assert step.earliest != step.latest, "the example must leave room"
    for other in (step.earliest, step.latest):
        known = Known(digest=alert.digest, name="few.p50", first_after=other)
        assert standing(found, [known]).new == ()
    far = Known(digest=alert.digest, name="few.p50", first_after=commits(14)[2])
    assert len(standing(found, [far]).new) == 1
    stranger = Known(digest=alert.digest, name="few.p50", first_after="f" * 40)
    assert len(standing(found, [stranger]).new) == 1


@pytest.mark.parametrize(
    ("values", "direction", "count"),
    [
        (WORSE, "lower", 1),
        (WORSE, "higher", 0),
        (levels((1.3, 10), (1.0, 6)), "higher", 1),
        (RECOVERED, "lower", 0),
        (IN_PART, "lower", 1),
        (WORSE_TWICE, "lower", 1),
        (levels((1.3, 10), (1.0, 6), (1.2, 6)), "lower", 1),
        (levels((0.0, 10), (0.3, 6)), "lower", 1),
        (FLAT, "lower", 0),
        ([1.0] * 5, "lower", 0),
    ],
)
def test_what_stands_worse(values: list[float | None], direction: str, count: int) -> None:
    assert len(standing(past(series("few.p50", values, direction=direction)), ()).alerts) == count


def test_a_metric_that_is_measured_otherwise_now_is_not_called_recovered(github: FakeGitHub) -> None:
    keep(github, worse())
    redeclared = past(series("few.p50", [1.0] * 3), series("few.p50", WORSE, current=False), series("few.p95", FLAT))
    done = keep(github, redeclared)
    assert "edited issue" in done.said
    assert listed(github) == [("open", "Benchmarks: 1 metric got worse")]
    assert "too few commits to tell, as they are measured now: `few.p50`" in github.issues[0]["body"]
    assert "closed issue" in keep(github, past(series("few.p50", FLAT))).said


def test_too_short_a_history_is_not_enough_and_touches_nothing(github: FakeGitHub) -> None:
    keep(github, worse())
    done = keep(github, past(series("few.p50", [1.0] * 7)))
    assert (int(done.exit_code), listed(github)[0][0]) == (3, "open")
    assert int(keep(github, past()).exit_code) == 3


def test_it_is_found_by_marker_and_author_behind_pages(github: FakeGitHub) -> None:
    github.page_size = 2
    state = hidden("alert", "default", {})
    for number, (author, body) in enumerate(
        [("somebody", state), (BOT, f"> {state}"), (BOT, hidden("alert", "nightly", {})), (BOT, "other"), (BOT, state)]
    ):
        github.issues.append({"number": number, "state": "open", "user": {"login": author}, "body": body, "title": "t"})
    github.issues.append({**github.issues[-1], "number": 90, "pull_request": {}})
    keep(github, worse())
    assert [issue["title"] for issue in github.issues] == ["t"] * 4 + ["Benchmarks: 1 metric got worse", "t"]


def test_an_issue_whose_making_was_not_answered_is_not_opened_twice(github: FakeGitHub) -> None:
    real = github.answer

    def lose_the_answer(method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        found = real(method, path, query, body)
        if method == "POST":
            github.answer = real  # type: ignore[method-assign]  # once
            return 502, {"message": "lost"}
        return found

    github.answer = lose_the_answer  # type: ignore[method-assign]  # the answer is lost, not the request
    assert "opened issue" in keep(github, worse()).said
    assert len(github.issues) == 1


def test_a_dry_run_touches_nothing(github: FakeGitHub) -> None:
    done = keep(github, worse(), dry_run=True)
    assert "dry run" in done.said
    assert "few.p50" in done.body
    keep(github, worse())
    for found in (past(series("few.p50", RECOVERED)), past(series("few.p50", WORSE), series("few.p95", WORSE))):
        before = [dict(one) for one in github.issues]
        keep(github, found, dry_run=True)
        assert (github.issues, said(github)) == (before, [])


# --------------------------------------------------------------------------- what it says


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_a_name_acts_in_the_issue(github: FakeGitHub, text: str) -> None:
    keep(github, past(series(text, WORSE)))
    (issue,) = github.issues
    keep(github, past(series(text, WORSE), series(f"{text}2", WORSE)))
    assert issue["title"] == "Benchmarks: 2 metrics got worse"
    for body in (issue["body"], *said(github)):
        tokens = tokens_of(body)
        assert not {one.type for one in tokens} & {"image", "fence", "code_block", "s_open", "heading_open"}
        links = {one.attrGet("href") for one in tokens if one.type == "link_open"}
        assert all(str(link).startswith(f"https://github.example/{REPOSITORY}/compare/") for link in links)
        assert not [one.content for one in tokens if one.type == "text" and MENTION.search(one.content)]
        assert length(body) <= LIMIT


def test_more_than_fit_are_counted() -> None:
    found = past(*(series(f"scenario_{k:04}{'x' * 90}.p50", WORSE) for k in range(300)))
    alerts = standing(found, ()).alerts
    body = alert_body(alerts, (), Places(key="k", source="reports", repository_url="https://github.example/a/b"))
    assert length(body) <= LIMIT
    told = re.search(r"limit: (\d+) metrics", body)
    assert told
    assert int(told[1]) == 300 - body.count("\n| `")
    assert len((revealed(body, "alert", "k") or {})["alerts"]) == 150


# --------------------------------------------------------------------------- the command


def test_the_command_reads_a_past_and_ends_with_its_code(
    github: FakeGitHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(series_module, "read_past", lambda _: worse())
    arguments = ["github", "alert", "asv:.asv/results"]
    done = CliRunner().invoke(main, arguments, env=github.environment(), catch_exceptions=False)
    assert (done.exit_code, "opened issue" in done.output) == (0, True)
    monkeypatch.setattr(series_module, "read_past", lambda _: past())
    assert CliRunner().invoke(main, arguments, env=github.environment()).exit_code == 3
    monkeypatch.undo()
    missing = ["github", "alert", str(tmp_path / "nowhere")]
    done = CliRunner().invoke(main, missing, env=github.environment())
    assert (done.exit_code, "expected a folder of results" in done.output) == (2, True)
