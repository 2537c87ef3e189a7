"""What is asked of an orchestrator behind HTTP, and what counts as its answer: immutable records, no I/O.

All durations are seconds, all sizes bytes. Texts may hold placeholders (`{workflow_id}`, see `PLACEHOLDERS`), headers
also the names of environment variables (`${API_TOKEN}`): a record never holds what such a variable holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from harness.scenario.digest import digest_of

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
PLACEHOLDERS = ("workflow_id", "type", "seed", "number")
"""What a template may name: the id that is unique within a report, the workflow type, and the id's two numbers."""

PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""A placeholder, or one of the doubled braces that stand for a single one. Any other brace stands for itself."""
VARIABLE = re.compile(r"\$\{([^}]*)\}")
"""The name of an environment variable in a header."""

Texts = tuple[tuple[str, str], ...]

DEFAULT_JSON = '{"workflow_id": "{workflow_id}", "type": "{type}", "seed": "{seed}", "number": "{number}"}'
"""The body of a request that declares none."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """The request that carries out one workflow.

    `json` is a JSON document as text, whose strings are templates; one that is a placeholder and nothing else keeps the
    kind of its value (`"{number}"` becomes a number). At most one of `json` and `body` is given.
    """

    method: str = "POST"
    path: str = ""
    query: Texts = ()
    headers: Texts = ()
    json: str | None = DEFAULT_JSON
    body: str | None = None


@dataclass(frozen=True, slots=True)
class HttpSuccess:
    """When an answer is a success: every rule has to hold.

    `status` are inclusive ranges. `equals` pairs a JSON pointer (RFC 6901) with the JSON text that must stand there,
    `exists` are pointers to anything but null. An answer of a media type in `refuse_types` never is one: a page of a
    proxy, or of a wrong port, comes with status 200.
    """

    status: tuple[tuple[int, int], ...] = ((200, 299),)
    equals: Texts = ()
    exists: tuple[str, ...] = ()
    contains: tuple[str, ...] = ()
    max_size_b: int = 64 * 2**20
    refuse_types: tuple[str, ...] = ("text/html",)

    @property
    def reads_json(self) -> bool:
        """Whether the body has to be JSON."""
        return bool(self.equals or self.exists)


@dataclass(frozen=True, slots=True)
class HttpStream:
    """An answer that comes in pieces: server-sent events (`sse`) or chunks of any kind.

    `token` is the JSON pointer to an event's text: the first that is not empty is the first token (without it, the
    first event is). A stream of events that ends without the event `end` was cut.
    """

    form: Literal["sse", "chunks"] = "sse"
    token: str | None = None
    end: str | None = None


@dataclass(frozen=True, slots=True)
class HttpGauges:
    """Where the service shows its own figures: asked every `every_s`, on a connection of its own.

    `names` pairs a gauge's name with where it stands: a JSON pointer, or a Prometheus metric, with labels where one is
    meant (`jobs{state="queued"}`); samples that fit are added up.
    """

    url: str
    form: Literal["json", "prometheus"]
    names: Texts
    every_s: float = 0.5


@dataclass(frozen=True, slots=True)
class HttpRetryAfter:
    """What is done with a 429 or 503 that says when to come again: up to `max_attempts` attempts in all.

    1, the default, is what a load generator does: it notes the figure, and goes on. A wait that is asked for longer
    than `longest_s` is not waited for.
    """

    max_attempts: int = 1
    longest_s: float = 60.0


@dataclass(frozen=True, slots=True)
class HttpTarget:
    """An orchestrator behind a URL. `requests` pairs a workflow type with its request; all others make `request`.

    `connections` bounds the connections that are open at once; a workflow waits for one. `read_timeout_s` bounds the
    silence between two pieces of an answer; the whole is bounded by the scenario's own timeout. `ready` is a path
    that has to answer 2xx before the load starts; `ready_within_s` is how long that is waited for.
    """

    url: str
    request: HttpRequest = HttpRequest()
    requests: tuple[tuple[str, HttpRequest], ...] = ()
    success: HttpSuccess = HttpSuccess()
    stream: HttpStream | None = None
    gauges: HttpGauges | None = None
    retry_after: HttpRetryAfter = HttpRetryAfter()
    headers: Texts = ()
    id_header: str = "x-workflow-id"
    connections: int = 1000
    keep_alive: bool = True
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 300.0
    verify: bool = True
    ca_file: str | None = None
    ready: str | None = None
    ready_within_s: float = 0.0

    @property
    def digest(self) -> str:
        """A hash of what is asked and what counts as an answer, without where it is asked: 16 hexadecimal digits."""
        asked = (self.request, self.requests, self.success, self.stream, self.retry_after)
        limits = (self.connections, self.keep_alive, self.connect_timeout_s, self.read_timeout_s)
        return digest_of(_Asked(asked, (self.headers, *limits)))


@dataclass(frozen=True, slots=True)
class _Asked:
    asked: tuple[Any, ...]
    limits: tuple[Any, ...]


def digest_with(scenario_digest: str, target: HttpTarget) -> str:
    """The digest of a scenario that is run by this target's requests: 16 hexadecimal digits."""
    return digest_of(_Asked((scenario_digest, target.digest), ()))


def is_url(text: str) -> bool:
    """Whether a target's name is the address of a service."""
    return text.lower().startswith(("http://", "https://"))


def public_url(url: str) -> str:
    """`url` as it may be shown: without user, password, query and fragment, where secrets are kept."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return re.sub(r"(?i)^(https?://)(?:[^/?#]*@)?([^/?#]*).*", r"\1\2", url, flags=re.DOTALL)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
