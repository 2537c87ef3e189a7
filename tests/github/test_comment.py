"""The one comment of a pull request: found, made, edited, resolved, and left alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.report.hidden_state import hidden, marker, revealed
from tests.github.fake_api import BOT, REPOSITORY, TOKEN, Failure, FakeGitHub
from tests.github.made import HEAD, LATER, NEXT, comparison, event, mended, metric, packed, slower

PULL = 7


def run_comment(github: FakeGitHub, path: Path, *options: str, **environment: str) -> Result:
    """`harness github comment` as the job runs it."""
    given = github.environment(GITHUB_EVENT_PATH=str(path), **environment)
    return CliRunner().invoke(main, ["github", "comment", *options], env=given, catch_exceptions=False)


@pytest.fixture
def posted(github: FakeGitHub, tmp_path: Path) -> FakeGitHub:
    """A pull request whose slower head has been commented on."""
    github.add_pull(PULL, HEAD)
    github.add_artifact(1, packed(slower()))
    done = run_comment(github, event(tmp_path / "1.json", 1))
    assert done.exit_code == 0, done.output
    return github


def push(github: FakeGitHub, sha: str, run: int, document: Any, tmp_path: Path, *options: str, **more: Any) -> Result:
    """A further commit of the pull request, measured by `run`."""
    github.pulls[0]["head"]["sha"] = sha
    if document is not None:
        github.add_artifact(run, packed(document))
    return run_comment(github, event(tmp_path / f"{run}.json", run, sha, **more), *options)


def heading(comment: dict[str, Any]) -> str:
    return str(comment["body"].splitlines()[2])


# --------------------------------------------------------------------------- one comment, edited in place


def test_a_regression_is_commented_on(posted: FakeGitHub) -> None:
    (comment,) = posted.ours(PULL)
    assert heading(comment) == "### Regressed: 2 of 3 metrics; 3 of 3 compared"
    body = comment["body"]
    assert body.startswith(marker("comparison", "default"))
    assert "| **regressed** | `few.p50` | 10 ms | 13 ms | +30 % |" in body
    assert "`harness run few --clock virtual --seed 0 --replications 5`" in body
    assert f"https://github.example/{REPOSITORY}/actions/runs/1" in body
    assert "Advisory" not in body


def test_the_mend_turns_the_same_comment_to_resolved(posted: FakeGitHub, tmp_path: Path) -> None:
    (before,) = [dict(one) for one in posted.ours(PULL)]
    done = push(posted, NEXT, 2, mended(), tmp_path)
    assert done.exit_code == 0, done.output
    (comment,) = posted.ours(PULL)
    assert comment["id"] == before["id"]
    assert heading(comment) == "### Resolved: 2 that had regressed are fine again; 3 of 3 compared"
    assert f"- `few.p50` had regressed at `{HEAD[:10]}`, is fine since `{NEXT[:10]}`" in comment["body"]
    assert "edited comment" in done.output


def test_after_that_it_holds_and_still_says_what_was_resolved(posted: FakeGitHub, tmp_path: Path) -> None:
    push(posted, NEXT, 2, mended(), tmp_path)
    push(posted, LATER, 3, mended(LATER), tmp_path)
    (comment,) = posted.ours(PULL)
    assert heading(comment) == "### Held: no metric regressed; 3 of 3 compared"
    assert f"`few.p50` had regressed at `{HEAD[:10]}`, is fine since `{NEXT[:10]}`" in comment["body"]


def test_a_part_that_is_mended_is_said_beside_what_is_not(posted: FakeGitHub, tmp_path: Path) -> None:
    rows = [metric("few.p50"), metric("few.p95", "regressed"), metric("few.errors")]
    push(posted, NEXT, 2, comparison(rows, NEXT), tmp_path)
    (comment,) = posted.ours(PULL)
    assert heading(comment) == "### Regressed: 1 of 3 metrics; 1 that had regressed is fine again; 3 of 3 compared"


def test_a_regression_whose_metric_is_gone_is_not_resolved(posted: FakeGitHub, tmp_path: Path) -> None:
    rows = [metric("few.p50"), metric("few.p95", "missing"), metric("few.errors")]
    push(posted, NEXT, 2, comparison(rows, NEXT), tmp_path)
    (comment,) = posted.ours(PULL)
    assert heading(comment) == "### Not enough to judge: 2 of 3 compared"
    assert "Had regressed on an earlier commit, and has not been shown to be fine since" in comment["body"]
    assert f"- `few.p95` at `{HEAD[:10]}`" in comment["body"]


def test_what_regresses_again_is_resolved_no_more(posted: FakeGitHub, tmp_path: Path) -> None:
    push(posted, NEXT, 2, mended(), tmp_path)
    push(posted, LATER, 3, slower(LATER), tmp_path)
    (comment,) = posted.ours(PULL)
    assert heading(comment) == "### Regressed: 2 of 3 metrics; 3 of 3 compared"
    assert "is fine since" not in comment["body"]


def test_a_waived_regression_is_neither_open_nor_resolved(posted: FakeGitHub, tmp_path: Path) -> None:
    waiver = {"accepted": True, "reason": "accepted by Ada"}
    rows = [metric("few.p50", "regressed", waiver=waiver), metric("few.p95"), metric("few.errors")]
    push(posted, NEXT, 2, comparison(rows, NEXT), tmp_path)
    (comment,) = posted.ours(PULL)
    assert heading(comment) == "### Resolved: 1 that had regressed is fine again; 3 of 3 compared"
    assert "regressed (waived)" in comment["body"]


def test_it_is_found_behind_pages_of_others(github: FakeGitHub, tmp_path: Path) -> None:
    github.page_size = 2
    github.add_pull(PULL, HEAD)
    github.add_artifact(1, packed(slower()))
    for k in range(5):
        github.add_comment(PULL, f"comment {k}", author="somebody")
    number = github.add_comment(PULL, hidden("comparison", "default", {}) + "\n\nold")
    github.add_comment(PULL, "the last word", author="somebody")
    assert run_comment(github, event(tmp_path / "1.json", 1)).exit_code == 0
    assert [one["id"] for one in github.ours(PULL)] == [number]
    assert "### Regressed" in github.ours(PULL)[0]["body"]


@pytest.mark.parametrize(
    ("author", "body"),
    [
        ("somebody", hidden("comparison", "default", {}) + "\n\nours, they say"),
        ("github-actions", hidden("comparison", "default", {})),
        (BOT, "somebody said: " + hidden("comparison", "default", {})),
        (BOT, hidden("comparison", "nightly", {})),
        (BOT, hidden("alert", "default", {})),
        (BOT, "no marker at all"),
    ],
)
def test_what_is_not_ours_is_not_touched(github: FakeGitHub, tmp_path: Path, author: str, body: str) -> None:
    github.add_pull(PULL, HEAD)
    github.add_artifact(1, packed(slower()))
    number = github.add_comment(PULL, body, author=author)
    assert run_comment(github, event(tmp_path / "1.json", 1)).exit_code == 0
    first, second = github.comments[PULL]
    assert (first["id"], first["body"]) == (number, body)
    assert "### Regressed" in second["body"]


def test_keys_keep_two_comments_apart(posted: FakeGitHub, tmp_path: Path) -> None:
    assert run_comment(posted, event(tmp_path / "1.json", 1), "--key", "nightly").exit_code == 0
    assert [one["body"].split()[3] for one in posted.ours(PULL)] == ["default", "nightly"]


def test_a_marker_whose_state_was_edited_away_is_still_ours(posted: FakeGitHub, tmp_path: Path) -> None:
    posted.ours(PULL)[0]["body"] = marker("comparison", "default") + "!!! -->\n\nx"
    assert push(posted, NEXT, 2, mended(), tmp_path).exit_code == 0
    (comment,) = posted.ours(PULL)
    assert heading(comment) == "### Held: no metric regressed; 3 of 3 compared"


@pytest.mark.parametrize(
    "state",
    [
        {"order": "x", "regressed": 7, "resolved": [[1, 2]], "forgotten": "y", "head": 3},
        {"order": [1], "regressed": [["a"], None, ["a", "b", "c", "d"]], "resolved": {"a": 1}},
        {"order": [None, None], "forgotten": None},
    ],
)
def test_a_state_that_somebody_edited_is_forgotten(posted: FakeGitHub, tmp_path: Path, state: dict[str, Any]) -> None:
    posted.ours(PULL)[0]["body"] = hidden("comparison", "default", state)
    assert push(posted, NEXT, 2, mended(), tmp_path).exit_code == 0
    assert "### Held" in posted.ours(PULL)[0]["body"]


def test_a_comment_whose_making_was_not_answered_is_not_made_twice(github: FakeGitHub, tmp_path: Path) -> None:
    github.add_pull(PULL, HEAD)
    github.add_artifact(1, packed(slower()))
    github.failures = []
    real = github.answer

    def lose_the_answer(method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        found = real(method, path, query, body)
        if method == "POST":
            github.answer = real  # type: ignore[method-assign]  # once
            return 502, {"message": "lost"}
        return found

    github.answer = lose_the_answer  # type: ignore[method-assign]  # the answer is lost, not the request
    done = run_comment(github, event(tmp_path / "1.json", 1))
    assert done.exit_code == 0, done.output
    assert len(github.ours(PULL)) == 1


# --------------------------------------------------------------------------- whose it is


def test_a_fork_is_marked_advisory(github: FakeGitHub, tmp_path: Path) -> None:
    fork = "mallory/flows"
    github.add_pull(PULL, HEAD, head_repository=fork)
    github.add_artifact(1, packed(slower()))
    done = run_comment(github, event(tmp_path / "1.json", 1, head_repository={"full_name": fork}))
    assert done.exit_code == 0, done.output
    assert "**Advisory**: measured by the workflow of a fork (`mallory/flows`)" in github.ours(PULL)[0]["body"]


def test_the_number_comes_from_the_api_and_never_from_the_artifact(github: FakeGitHub, tmp_path: Path) -> None:
    github.add_pull(PULL, HEAD)
    github.add_pull(8, LATER, branch="other")
    document = {**slower(), "pull_request": 8, "number": 8, "notes": ["#8"]}
    github.add_artifact(1, packed(document))
    assert run_comment(github, event(tmp_path / "1.json", 1)).exit_code == 0
    assert list(github.comments) == [PULL]


def test_another_branch_or_fork_with_the_same_head_is_not_it(github: FakeGitHub, tmp_path: Path) -> None:
    github.add_pull(3, HEAD, branch="elsewhere")
    github.add_pull(4, HEAD, head_repository="acme/another")
    github.add_pull(5, HEAD, base_repository="acme/upstream")
    github.add_pull(PULL, HEAD)
    github.add_artifact(1, packed(slower()))
    assert run_comment(github, event(tmp_path / "1.json", 1)).exit_code == 0
    assert list(github.comments) == [PULL]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"event": "push"}, "not by a pull request"),
        ({"conclusion": "cancelled"}, "it measured nothing"),
        ({"conclusion": "action_required"}, "it measured nothing"),
        ({"head_repository": None}, "the repository of the branch is gone"),
        ({"head_sha": LATER}, "no open pull request has the head dddddddddd"),
        ({"head_branch": "gone"}, "no open pull request"),
    ],
)
def test_what_asks_for_no_comment_ends_well_and_says_why(
    github: FakeGitHub, tmp_path: Path, fields: dict[str, Any], said: str
) -> None:
    github.add_pull(PULL, HEAD)
    github.add_artifact(1, packed(slower()))
    done = run_comment(github, event(tmp_path / "1.json", 1, **fields))
    assert (done.exit_code, github.comments) == (0, {})
    assert f"nothing to do: {said}" in done.output or said in done.output


def test_two_pull_requests_with_one_head_are_not_told_apart(github: FakeGitHub, tmp_path: Path) -> None:
    github.add_pull(PULL, HEAD)
    github.add_pull(8, HEAD)
    done = run_comment(github, event(tmp_path / "1.json", 1))
    assert done.exit_code == 3
    assert "pull requests #7, #8 have the head bbbbbbbbbb: which was measured is not known" in done.output


def test_an_older_run_does_not_overwrite_a_newer_one(posted: FakeGitHub, tmp_path: Path) -> None:
    push(posted, NEXT, 5, mended(), tmp_path)
    posted.add_artifact(4, packed(slower(NEXT)))
    done = run_comment(posted, event(tmp_path / "4.json", 4, NEXT))
    assert done.exit_code == 0
    assert "which is newer" in done.output
    assert "### Resolved" in posted.ours(PULL)[0]["body"]


# --------------------------------------------------------------------------- no result


def test_an_artifact_of_another_commit_is_refused(github: FakeGitHub, tmp_path: Path) -> None:
    github.add_pull(PULL, HEAD)
    github.add_artifact(1, packed(slower(LATER)))
    done = run_comment(github, event(tmp_path / "1.json", 1))
    assert done.exit_code == 2
    assert f"head.commit: expected {HEAD}, found {LATER}" in done.output
    assert github.comments == {}


def test_a_run_without_an_artifact_is_not_enough(github: FakeGitHub, tmp_path: Path) -> None:
    github.add_pull(PULL, HEAD)
    github.add_artifact(1, packed(slower()), name="another")
    github.add_artifact(1, packed(slower()), expired=True)
    done = run_comment(github, event(tmp_path / "1.json", 1))
    assert done.exit_code == 3
    assert "has no artifact harness-comparison" in done.output
    assert github.comments == {}


def test_a_refused_artifact_makes_no_comment_but_corrects_one_that_is_there(posted: FakeGitHub, tmp_path: Path) -> None:
    done = push(posted, NEXT, 2, {**mended(), "schema_version": 2}, tmp_path)
    assert done.exit_code == 2
    assert "schema_version: expected 1, found 2" in done.output
    (comment,) = posted.ours(PULL)
    assert heading(comment) == f"### No result for `{NEXT[:10]}`: 0 of 0 compared"
    assert "- `few.p50` at `bbbbbbbbbb`" in comment["body"]
    # what it remembered is still there for the run that does have a result
    push(posted, LATER, 3, mended(LATER), tmp_path)
    assert "### Resolved: 2 that had regressed" in posted.ours(PULL)[0]["body"]


def test_a_size_that_the_api_tells_is_enough_to_refuse(github: FakeGitHub, tmp_path: Path) -> None:
    github.add_pull(PULL, HEAD)
    github.add_artifact(1, packed(slower()), size_in_bytes=10**9)
    done = run_comment(github, event(tmp_path / "1.json", 1))
    assert (done.exit_code, "found 1000000000" in done.output) == (2, True)
    assert not [one for one in github.asked if one.endswith("/zip")]


def test_a_size_that_lies_is_found_out_while_it_comes(github: FakeGitHub, tmp_path: Path) -> None:
    github.add_pull(PULL, HEAD)
    github.add_artifact(1, b"x" * (5 * 2**20), size_in_bytes=10)
    done = run_comment(github, event(tmp_path / "1.json", 1))
    assert (done.exit_code, "the answer has more than" in done.output) == (2, True)


def test_of_two_attempts_the_newer_artifact_counts(github: FakeGitHub, tmp_path: Path) -> None:
    github.add_pull(PULL, HEAD)
    github.add_artifact(1, packed(slower()))
    github.add_artifact(1, packed(mended(HEAD)))
    run_comment(github, event(tmp_path / "1.json", 1))
    assert "### Held" in github.ours(PULL)[0]["body"]


# --------------------------------------------------------------------------- the command


def test_a_dry_run_posts_nothing(github: FakeGitHub, tmp_path: Path) -> None:
    github.add_pull(PULL, HEAD)
    github.add_artifact(1, packed(slower()))
    done = run_comment(github, event(tmp_path / "1.json", 1), "--dry-run")
    assert done.exit_code == 0
    assert "### Regressed: 2 of 3" in done.output
    assert "dry run: nothing was posted on #7" in done.output
    assert not [one for one in github.asked if not one.startswith("GET ")]


def test_a_local_look_needs_no_github(tmp_path: Path) -> None:
    path = tmp_path / "comparison.json"
    path.write_text(json.dumps(slower()))
    arguments = ["github", "comment", "--comparison", str(path), "--dry-run"]
    done = CliRunner().invoke(main, arguments, env={"GITHUB_TOKEN": ""}, catch_exceptions=False)
    assert done.exit_code == 0
    assert done.output.startswith("### Regressed: 2 of 3 metrics; 3 of 3 compared\n")


@pytest.mark.parametrize(
    ("options", "environment", "said"),
    [
        ((), {"GITHUB_TOKEN": ""}, "GITHUB_TOKEN: expected a token"),
        ((), {"GITHUB_TOKEN": "a\nb"}, "GITHUB_TOKEN: expected a token"),
        ((), {"GITHUB_REPOSITORY": "acme"}, "GITHUB_REPOSITORY: expected owner/name, found 'acme'"),
        ((), {"GITHUB_REPOSITORY": "a/b/../c"}, "GITHUB_REPOSITORY: expected owner/name"),
        ((), {"GITHUB_EVENT_PATH": ""}, "GITHUB_EVENT_PATH: expected the file of the event"),
        ((), {"GITHUB_EVENT_PATH": "/nowhere.json"}, "/nowhere.json: cannot read"),
        ((), {"GITHUB_API_URL": "http://api.example"}, "GITHUB_API_URL: expected an https address"),
        (("--key", "a b"), {}, "--key: expected up to 40 letters"),
        (("--key", "-->"), {}, "--key: expected up to 40 letters"),
        (("--comparison", "x.json"), {}, "--comparison: expected --dry-run beside it"),
        (("--comparison", "x.json", "--dry-run"), {}, "x.json: cannot read"),
    ],
)
def test_wrong_settings_are_named(
    github: FakeGitHub, tmp_path: Path, options: tuple[str, ...], environment: dict[str, str], said: str
) -> None:
    given = {**github.environment(GITHUB_EVENT_PATH=str(event(tmp_path / "1.json", 1))), **environment}
    done = CliRunner().invoke(main, ["github", "comment", *options], env=given, catch_exceptions=False)
    assert (done.exit_code, said in done.output) == (2, True), done.output
    assert TOKEN not in done.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "workflow_run: expected an object"),
        ("[]", "workflow_run: expected an object"),
        ('{"workflow_run": {"id": "7"}}', "workflow_run.id: expected a whole number, found '7'"),
        ('{"workflow_run": {"id": true}}', "workflow_run.id: expected a whole number, found True"),
        ("{", "expected JSON"),
    ],
)
def test_an_event_of_another_kind_is_refused(github: FakeGitHub, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "event.json"
    path.write_text(text)
    done = run_comment(github, path)
    assert (done.exit_code, said in done.output) == (2, True), done.output
    assert github.asked == []


def test_a_head_that_is_no_commit_is_refused(github: FakeGitHub, tmp_path: Path) -> None:
    done = run_comment(github, event(tmp_path / "1.json", 1, "../../x"))
    assert (done.exit_code, "workflow_run.head_sha: expected the hash" in done.output) == (2, True)


def test_refusals_of_the_api_end_the_command(github: FakeGitHub, tmp_path: Path) -> None:
    github.failures = [Failure(403, message="Resource not accessible by integration")]
    done = run_comment(github, event(tmp_path / "1.json", 1))
    assert (done.exit_code, "permissions that docs/ci.md lists" in done.output) == (2, True), done.output


def test_the_state_survives_its_way() -> None:
    state = {"name": "--> <!-- \ud800 é 😀", "n": [1, 2]}
    line = hidden("comparison", "default", state)
    assert line.count("-->") == 1
    assert revealed(line + "\n\nx", "comparison", "default") == {**state, "name": "--> <!-- ? é 😀"}
    assert revealed("x" + line, "comparison", "default") is None
