"""What may not stand in an `HttpTarget`. Each check yields every mistake it finds, with its path."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from harness.errors import Mistake
from harness.scenario.checks import LONGEST_S, between, count
from harness.scenario.http import METHODS, PLACEHOLDER, PLACEHOLDERS, VARIABLE, HttpRequest, HttpTarget, Texts
from harness.schema import one_of

URL = "an address such as 'http://127.0.0.1:8080/workflows'"
_POINTER = "a JSON pointer, such as '/state' or '/result/0'"
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PRINTABLE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
SELECTOR = re.compile(r'(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>(?:\s*\w+\s*=\s*"[^"]*"\s*,?)*)\})?')
"""A Prometheus metric, with labels where one of several is meant."""

SECRETS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key"})
"""Headers that hold secrets: what they hold comes from the environment, never from a file."""
_OURS = frozenset({"content-length", "transfer-encoding", "host", "connection"})


def target_mistakes(target: HttpTarget) -> Iterator[Mistake]:
    """Every mistake in `target`, each with its path from the top of the file."""
    if target.url:
        yield from url_mistakes("target.url", target.url)
        if "@" in target.url.partition("://")[2].partition("/")[0]:
            allowed = "an address without them, and headers = { Authorization = 'Basic ${NAME}' }"
            yield Mistake("target.url", "user and password in the address", allowed)
    yield from _request_mistakes("target.request", target.request)
    for name, request in target.requests:
        yield from _request_mistakes(f"target.requests.{name}", request)
    yield from _header_mistakes("target.headers", target.headers)
    if not _HEADER_NAME.fullmatch(target.id_header):
        yield Mistake("target.id_header", repr(target.id_header), "a header's name")
    yield from count("target.connections", target.connections, 1, 100_000)
    yield from between("target.connect_timeout", target.connect_timeout_s, 1e-3, LONGEST_S, "s")
    yield from between("target.read_timeout", target.read_timeout_s, 1e-3, LONGEST_S, "s")
    yield from between("target.ready_within", target.ready_within_s, 0, 50, "s")
    yield from count("target.retry_after.max_attempts", target.retry_after.max_attempts, 1, 1000)
    yield from between("target.retry_after.longest", target.retry_after.longest_s, 0, LONGEST_S, "s")
    yield from _answer_mistakes(target)


def url_mistakes(where: str, url: str) -> Iterator[Mistake]:
    """What keeps `url` from being the address of a service; what is shown of it holds no secret."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 0) >= 0
        usable = usable and not re.search(r"[\s\x00-\x1f]", url)
    except ValueError:
        usable = False
    if not usable:
        yield Mistake(where, "one that is not (it is not shown: an address may hold a password)", URL)
    elif parts.fragment:
        yield Mistake(where, "one with a fragment (#…), which is never sent", URL)


def _request_mistakes(where: str, request: HttpRequest) -> Iterator[Mistake]:
    if request.method not in METHODS:
        yield Mistake(f"{where}.method", repr(request.method), one_of(METHODS, request.method))
    if request.path and not request.path.startswith("/"):
        yield Mistake(f"{where}.path", repr(request.path), "a path that starts with '/'")
    yield from _template_mistakes(f"{where}.path", request.path)
    yield from _header_mistakes(f"{where}.headers", request.headers)
    for name, text in request.query:
        yield from _template_mistakes(f"{where}.query.{name}", text)
    if request.body is not None:
        yield from _template_mistakes(f"{where}.body", request.body)
    if request.json is not None:
        for text in _strings(json.loads(request.json)):
            yield from _template_mistakes(f"{where}.json", text)


def _template_mistakes(where: str, text: str) -> Iterator[Mistake]:
    for match in PLACEHOLDER.finditer(text):
        if match[1] is not None and match[1] not in PLACEHOLDERS:
            known = one_of([f"{{{name}}}" for name in PLACEHOLDERS], match[0])
            yield Mistake(where, f"the placeholder {match[0]}", f"{known}, or {{{match[0]}}} for the text itself")


def _header_mistakes(where: str, headers: Texts) -> Iterator[Mistake]:
    for name, text in headers:
        here = f"{where}.{name}"
        if not _HEADER_NAME.fullmatch(name):
            yield Mistake(here, f"the name {name!r}", "a header's name")
        elif name.lower() in _OURS:
            yield Mistake(here, name, "another header: this one is set by the client itself")
        if not _PRINTABLE.fullmatch(text):
            yield Mistake(here, "control characters, or such as no header can hold", "a text of one line")
        variables = VARIABLE.findall(text)
        for variable in variables:
            if not _VARIABLE_NAME.fullmatch(variable):
                yield Mistake(here, f"'${{{variable}}}'", "the name of an environment variable, such as '${API_TOKEN}'")
        if name.lower() in SECRETS and not variables:
            # not shown: it may be the secret itself
            allowed = "a secret from an environment variable, such as 'Bearer ${API_TOKEN}'"
            yield Mistake(here, "a text that names none", allowed)
        yield from _template_mistakes(here, VARIABLE.sub("", text))


def _answer_mistakes(target: HttpTarget) -> Iterator[Mistake]:
    pointers = [("target.success.exists", pointer) for pointer in target.success.exists]
    pointers += [("target.success.equals", pointer) for pointer, _ in target.success.equals]
    if target.stream is not None and target.stream.token is not None:
        pointers.append(("target.stream.token", target.stream.token))
    yield from (mistake for where, pointer in pointers for mistake in _pointer_mistakes(where, pointer))
    yield from count("target.success.max_size", target.success.max_size_b, 0, 2**40, "B")
    if target.stream is not None and target.stream.form == "chunks":
        for key in ("token", "end"):
            if getattr(target.stream, key) is not None:
                yield Mistake(f"target.stream.{key}", f"{key} with form 'chunks'", f"{key} only with form 'sse'")
    if target.stream is not None and target.success.reads_json:
        yield Mistake("target.success", "JSON rules for a stream", "status, contains and max_size with [target.stream]")
    yield from _gauge_mistakes(target)


def _gauge_mistakes(target: HttpTarget) -> Iterator[Mistake]:
    gauges = target.gauges
    if gauges is None:
        return
    yield from between("target.gauges.every", gauges.every_s, 0.05, 3600, "s")
    if not gauges.url.startswith("/"):
        yield from url_mistakes("target.gauges.url", gauges.url)
    for name, place in gauges.names:
        where = f"target.gauges.names.{name}"
        if gauges.form == "json":
            yield from _pointer_mistakes(where, place)
        elif not SELECTOR.fullmatch(place):
            yield Mistake(where, repr(place), "a Prometheus metric, such as 'jobs' or 'jobs{state=\"queued\"}'")


def _pointer_mistakes(where: str, pointer: str) -> Iterator[Mistake]:
    if (pointer and not pointer.startswith("/")) or re.search(r"~(?![01])", pointer):
        yield Mistake(where, repr(pointer), _POINTER)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from (key, *_strings(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
