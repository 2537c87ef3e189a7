"""The client against a server that behaves as GitHub does when it is well, busy, broken, or not what it says."""

from __future__ import annotations

import builtins
import time
from typing import Any

import pytest

from harness.bridges import github_api
from harness.bridges.github_api import ATTEMPTS, GitHubApi, UncertainError
from harness.errors import GitHubError, MissingExtraError
from tests.github.fake_api import REPOSITORY, TOKEN, Failure, FakeGitHub

COMMENTS = f"repos/{REPOSITORY}/issues/7/comments"


def api(github: FakeGitHub, waits: list[float] | None = None, token: str = TOKEN) -> GitHubApi:
    return GitHubApi(github.url, token, pause=(waits if waits is not None else []).append)


def test_a_listing_is_followed_over_its_pages(github: FakeGitHub) -> None:
    github.page_size = 3
    numbers = [github.add_comment(7, f"the {k}th") for k in range(8)]
    assert [one["id"] for one in api(github).pages(COMMENTS)] == numbers
    assert len(github.asked) == 3


def test_a_listing_that_is_an_object_is_followed_too(github: FakeGitHub) -> None:
    github.page_size = 1
    numbers = [github.add_artifact(5, b"x") for _ in range(3)]
    listing = api(github).pages(f"repos/{REPOSITORY}/actions/runs/5/artifacts", key="artifacts")
    assert [one["id"] for one in listing] == numbers


def test_a_listing_without_end_ends(github: FakeGitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(github_api, "MOST_PAGES", 4)
    github.page_size = 1
    for k in range(5):
        github.add_comment(7, str(k))
    with pytest.raises(GitHubError, match="more than 4 pages"):
        list(api(github).pages(COMMENTS))


def test_the_next_page_is_never_on_another_server(github: FakeGitHub) -> None:
    github.page_size = 1
    for k in range(2):
        github.add_comment(7, str(k))
    real, github.url = github.url, "https://evil.example"
    listing = GitHubApi(real, TOKEN).pages(COMMENTS)
    with pytest.raises(GitHubError, match="the next page is on another server"):
        list(listing)


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (Failure(401, message="Bad credentials"), "401: the token is not valid"),
        (Failure(403, message="Resource not accessible by integration"), "403: the token is not allowed to"),
        (Failure(404), "404: not found, or not visible to this token"),
        (Failure(422, message="Validation Failed"), "GitHub says: Validation Failed"),
    ],
)
def test_refusals_are_said_with_their_mend_and_not_repeated(github: FakeGitHub, failure: Failure, said: str) -> None:
    github.failures = [failure]
    with pytest.raises(GitHubError, match=said) as raised:
        api(github).get(COMMENTS)
    assert raised.value.exit_code == 2
    assert str(raised.value).startswith(f"GET /{COMMENTS}: ")
    assert len(github.asked) == 1


def test_a_wrong_token_is_said_and_not_shown(github: FakeGitHub) -> None:
    with pytest.raises(GitHubError, match="401") as raised:
        api(github, token="ghs_the_wrong_one").get(COMMENTS)
    assert "ghs_" not in str(raised.value)


def test_a_server_that_fails_is_asked_again_with_growing_waits(github: FakeGitHub) -> None:
    github.failures = [Failure(502), Failure(503), Failure(500)]
    waits: list[float] = []
    assert api(github, waits).get(COMMENTS) == []
    assert waits == [1.0, 2.0, 4.0]


def test_a_server_that_goes_on_failing_is_given_up(github: FakeGitHub) -> None:
    github.failures = [Failure(502)] * 9
    waits: list[float] = []
    with pytest.raises(GitHubError, match=f"failed with 502, {ATTEMPTS} times in a row"):
        api(github, waits).get(COMMENTS)
    assert (len(github.asked), len(waits)) == (ATTEMPTS, ATTEMPTS - 1)


def test_a_server_that_is_not_there_is_said() -> None:
    nobody = GitHubApi("http://127.0.0.1:1", TOKEN, pause=[].append)
    with pytest.raises(GitHubError, match=r"cannot be reached \(ConnectError\)"):
        nobody.get("repos")


@pytest.mark.parametrize("status", [403, 429])
def test_a_short_rate_limit_is_waited_out(github: FakeGitHub, status: int) -> None:
    github.failures = [Failure(status, {"retry-after": "7"})]
    waits: list[float] = []
    assert api(github, waits).get(COMMENTS) == []
    assert waits == [7.0]


def test_a_limit_that_is_over_soon_is_waited_out_by_its_reset(github: FakeGitHub) -> None:
    reset = str(int(time.time()) + 20)
    github.failures = [Failure(403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset})]
    waits: list[float] = []
    assert api(github, waits).get(COMMENTS) == []
    assert 0 < waits[0] <= 22


@pytest.mark.parametrize("status", [403, 429])
def test_a_long_rate_limit_ends_it_and_says_until_when(github: FakeGitHub, status: int) -> None:
    github.failures = [Failure(status, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "4102444800"})]
    with pytest.raises(GitHubError, match="rate limit is used up until 20"):
        api(github).get(COMMENTS)


def test_the_reset_is_said_as_a_time(github: FakeGitHub) -> None:
    reset = int(time.time()) + 3600
    github.failures = [Failure(403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(reset)})]
    with pytest.raises(GitHubError) as raised:
        api(github).get(COMMENTS)
    told = {time.strftime("until %Y-%m-%d %H:%M:%S UTC", time.gmtime(reset + late)) for late in range(4)}
    assert any(one in str(raised.value) for one in told)


def test_a_limit_with_no_hint_is_waited_for_a_minute(github: FakeGitHub) -> None:
    github.failures = [Failure(429)]
    waits: list[float] = []
    api(github, waits).get(COMMENTS)
    assert waits == [60.0]


def test_a_post_that_failed_is_not_repeated_blindly(github: FakeGitHub) -> None:
    github.failures = [Failure(502, carried_out=True)]
    with pytest.raises(UncertainError, match="may have been carried out"):
        api(github).send("POST", COMMENTS, {"body": "once"})
    assert len(github.comments[7]) == 1


def test_a_patch_that_failed_is_repeated(github: FakeGitHub) -> None:
    number = github.add_comment(7, "before")
    github.failures = [Failure(502, carried_out=True)]
    api(github).send("PATCH", f"repos/{REPOSITORY}/issues/comments/{number}", {"body": "after"})
    assert [one["body"] for one in github.comments[7]] == ["after"]


# --------------------------------------------------------------------------- downloads


def download(github: FakeGitHub, content: bytes, most_b: int = 1000) -> bytes:
    number = github.add_artifact(5, content)
    return api(github).download(f"repos/{REPOSITORY}/actions/artifacts/{number}/zip", most_b)


def test_a_download_follows_the_redirect_without_the_token(github: FakeGitHub) -> None:
    assert download(github, b"content") == b"content"
    assert github.leaked == []


def test_a_redirect_back_to_the_api_gets_no_token_either(github: FakeGitHub) -> None:
    github.redirect_to = f"{github.url}/repos/{REPOSITORY}/issues/7/comments"
    with pytest.raises(GitHubError, match="401"):
        download(github, b"content")


def test_a_download_that_is_too_large_is_broken_off(github: FakeGitHub) -> None:
    with pytest.raises(GitHubError, match="more than 1000 bytes"):
        download(github, b"x" * 50_000_000)


def test_redirects_end(github: FakeGitHub) -> None:
    github.storage_redirects = True
    with pytest.raises(GitHubError, match="redirected more than 3 times"):
        download(github, b"content")


@pytest.mark.parametrize("place", ["http://storage.example/blob", "ftp://storage.example/blob", "file:///etc/passwd"])
def test_a_redirect_to_what_is_not_encrypted_is_refused(github: FakeGitHub, place: str) -> None:
    github.redirect_to = f"{place}?signature=secret"
    with pytest.raises(GitHubError, match="which is not https") as raised:
        download(github, b"content")
    assert "signature" not in str(raised.value)


# --------------------------------------------------------------------------- what may not be


@pytest.mark.parametrize("url", ["http://api.github.com", "ftp://127.0.0.1", "127.0.0.1:80", "https://", ""])
def test_the_token_does_not_travel_unencrypted(url: str) -> None:
    with pytest.raises(GitHubError, match="GITHUB_API_URL: expected an https address"):
        GitHubApi(url, TOKEN)


def test_without_httpx_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **more: Any) -> Any:
        if name == "httpx":
            raise ImportError(name)
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"agent-load-harness\[github\]"):
        GitHubApi("https://api.github.com", TOKEN)


def test_an_answer_that_is_no_json_is_said(github: FakeGitHub) -> None:
    github.failures = [Failure(200)]
    with pytest.raises(GitHubError, match="expected a list of objects"):
        list(api(github).pages(COMMENTS))
