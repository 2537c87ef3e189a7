"""A small client of GitHub's REST API for a job that holds a token.

It asks one request after the other, waits out short rate limits and failures of the service within bounds, follows
pages and never sends the token to another origin than the API's.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urljoin, urlsplit

from harness.errors import GitHubError, MissingExtraError
from harness.report.text import visible

if TYPE_CHECKING:
    import httpx

ATTEMPTS = 4
LONGEST_WAIT_S = 60.0
"""A rate limit that lasts longer ends the command; the job is run again when it is over."""
MOST_PAGES = 100
_MOST_ANSWER_B = 16 * 2**20
_MOST_REDIRECTS = 3
_PER_PAGE = 100
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_NEXT = re.compile(r'<([^<>]+)>\s*;[^,]*\brel="?next"?')
_PERMISSIONS = "the token is not allowed to; the job needs the permissions that docs/ci.md lists"
_MEANINGS = {
    401: "the token is not valid (expired, revoked, or of another server)",
    403: _PERMISSIONS,
    404: "not found, or not visible to this token (see the permissions that docs/ci.md lists)",
}

Pause = Callable[[float], None]


class UncertainError(GitHubError):
    """A request that must not be repeated blindly has failed in a way that says nothing about what became of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    method: str
    url: str
    parameters: Mapping[str, str | int] | None = None
    body: Mapping[str, Any] | None = None
    most_b: int = _MOST_ANSWER_B
    secret: bool = True
    """Whether the token goes with it."""

    def __str__(self) -> str:
        """`GET /repos/…`, as errors name it: no query, no header."""
        return f"{self.method} {_path(self.url)}"


class GitHubApi:
    """The API below `url`, asked with `token`. `pause` waits for seconds; tests replace it.

    Raises `MissingExtraError` without httpx, and `GitHubError` for a URL that the token would travel to unencrypted.
    """

    def __init__(self, url: str, token: str, pause: Pause = time.sleep) -> None:
        try:
            import httpx  # noqa: PLC0415 - an extra: only this command needs it
        except ImportError as error:
            raise MissingExtraError("httpx", "github", "harness github") from error
        self._httpx = httpx
        self._url = url.rstrip("/") + "/"
        self._origin = _origin(self._url)
        if not _may_carry_secrets(self._url):
            raise GitHubError(f"GITHUB_API_URL: expected an https address, found {visible(url)}")
        self._pause = pause
        self._client = httpx.Client(timeout=httpx.Timeout(30.0, connect=10.0), follow_redirects=False)
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": "agent-load-harness",
        }

    def __enter__(self) -> Self:
        """Connections are kept until the end of the `with`."""
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    # ----------------------------------------------------------------------- asking

    def get(self, path: str, **parameters: str | int) -> Any:
        """What `path` (below the API's URL) holds, decoded. Raises `GitHubError`."""
        return _decoded(*self._asked(_Request(method="GET", url=urljoin(self._url, path), parameters=parameters)))

    def pages(self, path: str, key: str | None = None, **parameters: str | int) -> Iterator[dict[str, Any]]:
        """Every item of a listing, page after page; `key` names the list where the answer is an object.

        Raises `GitHubError`, also where the listing has more than `MOST_PAGES` pages or leads to another server.
        """
        url: str | None = urljoin(self._url, path)
        given: Mapping[str, str | int] = {"per_page": _PER_PAGE, **parameters}
        for _ in range(MOST_PAGES):
            if url is None:
                return
            answer, content = self._asked(_Request(method="GET", url=url, parameters=given))
            items = _decoded(answer, content)
            items = items.get(key) if key is not None and isinstance(items, dict) else items
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                raise GitHubError(f"GET {_path(url)}: expected a list of objects, found something else")
            yield from items
            url, given = self._next(answer), {}
        if url is not None:
            raise GitHubError(f"GET {path}: more than {MOST_PAGES} pages")

    def send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """POST or PATCH `body`; what came back, decoded.

        Raises `GitHubError`; `UncertainError` where a POST failed after it may have been carried out.
        """
        return _decoded(*self._asked(_Request(method=method, url=urljoin(self._url, path), body=body)))

    def download(self, path: str, most_b: int) -> bytes:
        """The bytes that `path` redirects to, at most `most_b`. The token stays behind.

        Raises `GitHubError` where it is larger, or leads to an address that is not encrypted.
        """
        url = urljoin(self._url, path)
        answer, content = self._asked(_Request(method="GET", url=url, most_b=most_b))
        for _ in range(_MOST_REDIRECTS):
            if not answer.is_redirect:
                return content
            url = urljoin(url, answer.headers.get("location", ""))
            if not (url.startswith("https://") or _on_loopback(url, self._url)):
                raise GitHubError(f"GET {path}: redirected to {visible(_without_query(url))}, which is not https")
            # a storage service of another owner, whose address is signed: it gets no token, wherever it is
            answer, content = self._asked(_Request(method="GET", url=url, most_b=most_b, secret=False))
        raise GitHubError(f"GET {path}: redirected more than {_MOST_REDIRECTS} times")

    # ----------------------------------------------------------------------- one request, repeated within bounds

    def _asked(self, request: _Request) -> tuple[httpx.Response, bytes]:
        for attempt in range(ATTEMPTS):
            last = attempt + 1 == ATTEMPTS
            try:
                answer, content = self._exchange(request)
            except self._httpx.TransportError as error:
                wait_s = self._after_failure(request, attempt, f"cannot be reached ({type(error).__name__})")
            except self._httpx.InvalidURL as error:
                raise GitHubError(f"{request}: led to an address that is none") from error
            else:
                limited_s = _limited_for_s(answer)
                if limited_s is not None:
                    wait_s = _bearable(request, limited_s, last)
                elif answer.status_code >= 500:
                    wait_s = self._after_failure(request, attempt, f"the server failed with {answer.status_code}")
                else:
                    return _accepted(request, answer, content), content
            self._pause(wait_s)
        raise AssertionError("the last attempt returns or raises")

    def _exchange(self, request: _Request) -> tuple[httpx.Response, bytes]:
        """Ask once; the answer and its body, of which no more than was allowed is ever taken in."""
        # no compression: a small body must not become a large one on the way in
        headers = {**(self._headers if request.secret else {}), "Accept-Encoding": "identity"}
        asked = self._client.build_request(
            request.method, request.url, params=request.parameters or None, json=request.body, headers=headers
        )
        with closing(self._client.send(asked, stream=True)) as answer:
            return answer, _read(request, answer)

    def _after_failure(self, request: _Request, attempt: int, said: str) -> float:
        """How long to wait before the next attempt, s. Raises where there is none."""
        if request.method == "POST":
            raise UncertainError(f"{request}: {said}; it may have been carried out all the same")
        if attempt + 1 == ATTEMPTS:
            raise GitHubError(f"{request}: {said}, {ATTEMPTS} times in a row")
        return float(2**attempt)

    def _next(self, answer: httpx.Response) -> str | None:
        found = _NEXT.search(answer.headers.get("link", ""))
        if found is None:
            return None
        url = urljoin(str(answer.url), str(found[1]))
        if _origin(url) != self._origin:
            raise GitHubError(f"GET {_path(str(answer.url))}: the next page is on another server")
        return url


# --------------------------------------------------------------------------- what an answer says


def _read(request: _Request, answer: httpx.Response) -> bytes:
    """The body, counted as it comes in."""
    content = bytearray()
    for piece in answer.iter_raw():
        content += piece
        if len(content) > request.most_b:
            raise GitHubError(f"{request}: the answer has more than {request.most_b} bytes")
    return bytes(content)


def _limited_for_s(answer: httpx.Response) -> float | None:
    """How long the rate limit lasts, s; None where the answer is not about one."""
    if answer.status_code not in (403, 429):
        return None
    after = answer.headers.get("retry-after", "")
    if after.isdigit():
        return float(after)
    reset = answer.headers.get("x-ratelimit-reset", "")
    if answer.headers.get("x-ratelimit-remaining") == "0" and reset.isdigit():
        return max(float(reset) - datetime.now(UTC).timestamp(), 0.0) + 1
    return LONGEST_WAIT_S if answer.status_code == 429 else None


def _bearable(request: _Request, limited_s: float, last: bool) -> float:
    if limited_s <= LONGEST_WAIT_S and not last:
        return limited_s
    over = datetime.fromtimestamp(datetime.now(UTC).timestamp() + min(limited_s, 1e9), UTC)
    raise GitHubError(
        f"{request}: the rate limit is used up until {over:%Y-%m-%d %H:%M:%S} UTC; run the job again then"
    )


def _accepted(request: _Request, answer: httpx.Response, content: bytes) -> httpx.Response:
    if answer.status_code < 400:
        return answer
    meaning = _MEANINGS.get(answer.status_code, "the request was refused")
    raise GitHubError(f"{request}: {answer.status_code}: {meaning}{_message(answer, content)}")


def _message(answer: httpx.Response, content: bytes) -> str:
    try:
        said = _decoded(answer, content).get("message", "")
    except (AttributeError, GitHubError):
        return ""
    return f" (GitHub says: {visible(str(said))})" if said else ""


def _decoded(answer: httpx.Response, content: bytes) -> Any:

    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise GitHubError(f"{answer.request.method} {_path(str(answer.url))}: the answer is not JSON") from error


# --------------------------------------------------------------------------- addresses


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _may_carry_secrets(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    )


def _on_loopback(url: str, api: str) -> bool:
    """Whether both are on this machine, as in a rehearsal."""
    return urlsplit(url).scheme == "http" and {urlsplit(one).hostname for one in (url, api)} <= _LOOPBACK


def _path(url: str) -> str:
    return visible(urlsplit(url).path)


def _without_query(url: str) -> str:
    """An address without the signature that its query holds."""
    return url.partition("?")[0]
