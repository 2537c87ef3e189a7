"""GitHub on this machine: the few parts of its REST API that are asked, over real HTTP, with its ways of refusing.

Artifacts are downloaded as they are there: the API answers with a redirect to another server, which must never see the
token. Listings come in pages with a `Link` header. Failures are put into a queue and answered in order.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

TOKEN = "ghs_a_token_of_the_job"
BOT = "github-actions[bot]"
REPOSITORY = "acme/flows"
LIMIT = 65_536


@dataclass
class Failure:
    """One refusal. `carried_out`: the request is done all the same, and only the answer is lost."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "no"
    carried_out: bool = False
    method: str = ""
    """Only for this method; empty: for any."""


@dataclass
class FakeGitHub:
    """What the repository holds, and what was asked of it."""

    page_size: int = 100
    pulls: list[dict[str, Any]] = field(default_factory=list)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    issues: list[dict[str, Any]] = field(default_factory=list)
    artifacts: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    blobs: dict[int, bytes] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    """Requests to the storage server that carried a token."""
    redirect_to: str | None = None
    """Where downloads lead instead of to the storage server."""
    storage_redirects: bool = False
    """Whether the storage server sends everyone round and round."""
    url: str = ""
    storage_url: str = ""
    counter: Iterator[int] = field(default_factory=lambda: itertools.count(1001))

    # ----------------------------------------------------------------------- filling it

    def add_pull(self, number: int, sha: str, branch: str = "topic", **more: Any) -> None:
        head = {"sha": sha, "ref": branch, "repo": {"full_name": more.pop("head_repository", REPOSITORY)}}
        base = {"ref": "main", "repo": {"full_name": more.pop("base_repository", REPOSITORY)}}
        self.pulls.append({"number": number, "state": "open", "head": head, "base": base, **more})

    def add_comment(self, pull: int, body: str, author: str = BOT) -> int:
        number = next(self.counter)
        self.comments.setdefault(pull, []).append({"id": number, "body": body, "user": {"login": author}})
        return number

    def add_artifact(self, run: int, content: bytes, name: str = "harness-comparison", **more: Any) -> int:
        number = next(self.counter)
        self.blobs[number] = content
        row = {"id": number, "name": name, "expired": False, "size_in_bytes": len(content), **more}
        self.artifacts.setdefault(run, []).append(row)
        return number

    # ----------------------------------------------------------------------- asking it

    def ours(self, pull: int) -> list[dict[str, Any]]:
        """The bot's comments on a pull request."""
        return [one for one in self.comments.get(pull, []) if one["user"]["login"] == BOT]

    def environment(self, **more: str) -> dict[str, str]:
        """What a job of this repository is given."""
        return {
            "GITHUB_API_URL": self.url,
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_TOKEN": TOKEN,
            **more,
        }

    # ----------------------------------------------------------------------- answering

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        where = f"/repos/{REPOSITORY}"
        for pattern, name in (
            (rf"{where}/pulls", "_pulls"),
            (rf"{where}/issues", "_issues"),
            (rf"{where}/issues/(\d+)", "_issue"),
            (rf"{where}/issues/(\d+)/comments", "_comments"),
            (rf"{where}/issues/comments/(\d+)", "_comment"),
            (rf"{where}/actions/runs/(\d+)/artifacts", "_artifacts"),
            (rf"{where}/actions/artifacts/(\d+)/zip", "_download"),
        ):
            found = re.fullmatch(pattern, path)
            if found:
                return getattr(self, name)(method, [int(one) for one in found.groups()], query, body)
        return 404, {"message": "Not Found"}

    def _pulls(self, _method: str, _ids: list[int], query: dict[str, str], _body: Any) -> tuple[int, Any]:
        owner, _, branch = query["head"].partition(":")
        return 200, [
            one
            for one in self.pulls
            if one["state"] == query["state"]
            and one["head"]["ref"] == branch
            and ((one["head"]["repo"] or {}).get("full_name", "") or "").startswith(f"{owner}/")
        ]

    def _comments(self, method: str, ids: list[int], _query: dict[str, str], body: Any) -> tuple[int, Any]:
        if method == "GET":
            return 200, self.comments.get(ids[0], [])
        if len(body["body"]) > LIMIT:
            return 422, {"message": "Validation Failed"}
        self.add_comment(ids[0], body["body"])
        return 201, self.comments[ids[0]][-1]

    def _comment(self, _method: str, ids: list[int], _query: dict[str, str], body: Any) -> tuple[int, Any]:
        for comment in itertools.chain(*self.comments.values()):
            if comment["id"] == ids[0] and len(body["body"]) <= LIMIT:
                comment.update(body)
                return 200, comment
        return 404, {"message": "Not Found"}

    def _issues(self, method: str, _ids: list[int], query: dict[str, str], body: Any) -> tuple[int, Any]:
        if method == "GET":
            return 200, [
                one
                for one in self.issues
                if query.get("state", "open") in ("all", one["state"])
                and query.get("creator", one["user"]["login"]) == one["user"]["login"]
            ]
        issue = {"number": next(self.counter), "state": "open", "user": {"login": BOT}, **body}
        self.issues.append(issue)
        return 201, issue

    def _issue(self, _method: str, ids: list[int], _query: dict[str, str], body: Any) -> tuple[int, Any]:
        for issue in self.issues:
            if issue["number"] == ids[0]:
                issue.update(body)
                return 200, issue
        return 404, {"message": "Not Found"}

    def _artifacts(self, _method: str, ids: list[int], query: dict[str, str], _body: Any) -> tuple[int, Any]:
        return 200, [one for one in self.artifacts.get(ids[0], []) if one["name"] == query.get("name", one["name"])]

    def _download(self, _method: str, ids: list[int], _query: dict[str, str], _body: Any) -> tuple[int, Any]:
        if ids[0] not in self.blobs:
            return 404, {"message": "Not Found"}
        return 302, self.redirect_to or f"{self.storage_url}/blob/{ids[0]}?signature=secret"


class Stage:
    """Which GitHub the two servers play at present: starting servers takes longer than most tests."""

    state: FakeGitHub


def _api_handler(stage: Stage) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve("GET")

        def do_POST(self) -> None:
            self._serve("POST")

        def do_PATCH(self) -> None:
            self._serve("PATCH")

        def _serve(self, method: str) -> None:
            state = stage.state
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            state.asked.append(f"{method} {parts.path}")
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self._reply(401, {"message": "Bad credentials"}, {})
                return
            failing = state.failures and state.failures[0].method in ("", method)
            failure = state.failures.pop(0) if failing else None
            if failure and not failure.carried_out:
                self._reply(failure.status, {"message": failure.message}, failure.headers)
                return
            status, found = state.answer(method, parts.path, query, body)
            if failure:
                self._reply(failure.status, {"message": failure.message}, failure.headers)
            elif status == 302:
                self._reply(302, None, {"Location": found})
            elif method == "GET" and isinstance(found, list):
                self._reply_page(parts.path, query, found)
            else:
                self._reply(status, found, {})

        def _reply_page(self, path: str, query: dict[str, str], found: list[Any]) -> None:
            page = int(query.get("page", "1"))
            size = min(int(query.get("per_page", "30")), stage.state.page_size)
            shown = found[(page - 1) * size : page * size]
            headers, url = {}, stage.state.url
            if page * size < len(found):
                following = urlencode({**query, "page": str(page + 1)})
                headers["Link"] = f'<{url}{path}?{following}>; rel="next", <{url}{path}>; rel="last"'
            whole = {"total_count": len(found), "artifacts": shown} if path.endswith("/artifacts") else shown
            self._reply(200, whole, headers)

        def _reply(self, status: int, document: Any, headers: dict[str, str]) -> None:
            content = b"" if document is None else json.dumps(document).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: Any) -> None:
            """Not on standard error."""

    return Handler


def _storage_handler(stage: Stage) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state = stage.state
            if self.headers.get("Authorization"):
                state.leaked.append(self.path)
            if state.storage_redirects:
                self.send_response(302)
                self.send_header("Location", self.path)
                self.end_headers()
                return
            content = state.blobs[int(urlsplit(self.path).path.rpartition("/")[2])]
            self.send_response(403 if self.headers.get("Authorization") else 200)
            # no Content-Length: the end of the stream is the end of the connection, as with a server that lies
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):  # a client that has had enough
                self.wfile.write(content)

        def log_message(self, *arguments: Any) -> None:
            """Not on standard error."""

    return Handler


@contextmanager
def servers() -> Iterator[Callable[[FakeGitHub], FakeGitHub]]:
    """The API and its storage on two ports of this machine; what is yielded puts another GitHub on the stage."""
    stage = Stage()
    made = [ThreadingHTTPServer(("127.0.0.1", 0), handler(stage)) for handler in (_api_handler, _storage_handler)]
    threads = [threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}) for server in made]
    for thread in threads:
        thread.start()

    def play(state: FakeGitHub) -> FakeGitHub:
        state.url, state.storage_url = (f"http://127.0.0.1:{server.server_address[1]}" for server in made)
        stage.state = state
        return state

    try:
        yield play
    finally:
        for server, thread in zip(made, threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()
