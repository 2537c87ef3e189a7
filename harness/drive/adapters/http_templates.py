"""Requests from templates: texts are filled in, nothing in them is ever run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from yarl import URL

from harness.drive.target import Workflow
from harness.errors import TargetError
from harness.scenario.http import PLACEHOLDER, VARIABLE, HttpRequest, HttpTarget, Texts

Fill = Callable[[Mapping[str, object]], Any]


@dataclass(frozen=True, slots=True)
class Prepared:
    """One workflow's request, ready to be sent."""

    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes | None


class RequestTemplate:
    """The request of one workflow type. `headers` are those of the target, environment variables already filled in."""

    def __init__(self, target: HttpTarget, request: HttpRequest, headers: Mapping[str, str]) -> None:
        self._method = request.method
        self._id_header = target.id_header
        own = {name: _text(text) for name, text in filled_headers(request.headers).items()}
        self._headers = {name: _text(text) for name, text in headers.items()} | own
        self._url = URL(target.url)
        self._path = _text(request.path)
        self._fixed = isinstance(self._path, str) and not request.query
        self._query = {name: _text(text) for name, text in request.query}
        self._at = self._address({}) if self._fixed else self._url
        self._body = _body(request)

    def prepare(self, workflow: Workflow) -> Prepared:
        """The request that carries out `workflow`."""
        values: dict[str, object] = {
            "workflow_id": workflow.id,
            "type": workflow.type,
            "seed": workflow.seed,
            "number": workflow.number,
        }
        headers = {name: _filled(text, values) for name, text in self._headers.items()}
        headers.setdefault(self._id_header, workflow.id)
        url = self._at if self._fixed else self._address(values)
        return Prepared(self._method, url, headers, None if self._body is None else self._body(values))

    def _address(self, values: Mapping[str, object]) -> URL:
        path = _filled(self._path, values)
        url = self._url.with_path(self._url.path.rstrip("/") + path, keep_query=True) if path else self._url
        return url.extend_query({name: _filled(text, values) for name, text in self._query.items()})


def filled_headers(headers: Texts) -> dict[str, str]:
    """Headers with the values of environment variables in place of their names.

    Raises `TargetError` that names a variable that is not set, or holds what no header can; never its value.
    """
    return {name: _from_environment(name, text) for name, text in headers}


def for_no_workflow(headers: Mapping[str, str]) -> dict[str, str]:
    """Those of `headers`, environment variables filled in, that are the same for every workflow."""
    ready = {name: _text(text) for name, text in headers.items()}
    return {name: text for name, text in ready.items() if isinstance(text, str)}


def on_service(url: str, path: str) -> str:
    """The address of `path` on the host of `url`."""
    return str(URL(url).origin()) + path


def _from_environment(header: str, text: str) -> str:
    for variable in VARIABLE.findall(text):
        value = os.environ.get(variable)
        if not value:
            found = "one that is not set" if value is None else "an empty one"
            raise TargetError(f"target.headers.{header}: expected the environment variable {variable}, found {found}")
        if not value.isprintable() or not value.isascii():
            raise TargetError(
                f"target.headers.{header}: expected printable ASCII on one line in the environment variable "
                f"{variable}, found other characters in it (not shown: it may be a secret)"
            )
    # braces that a secret holds are no placeholders
    return VARIABLE.sub(lambda match: os.environ[match[1]].replace("{", "{{").replace("}", "}}"), text)


def _body(request: HttpRequest) -> Callable[[Mapping[str, object]], bytes] | None:
    if request.json is not None:
        fill = _json(json.loads(request.json))
        return lambda values: json.dumps(fill(values) if callable(fill) else fill, separators=(",", ":")).encode()
    if request.body is not None:
        text = _text(request.body)
        return lambda values: str(_filled(text, values)).encode()
    return None


def _json(value: Any) -> Any:
    """`value` with its templates made ready: a function of the workflow's values, or itself where it has none."""
    if isinstance(value, str):
        match = PLACEHOLDER.fullmatch(value)
        if match is not None and match[1] is not None:
            name = match[1]
            return lambda values: values[name]
        return _text(value)
    if isinstance(value, list):
        parts = [_json(inner) for inner in value]
        return (lambda values: [_filled(part, values) for part in parts]) if any(map(callable, parts)) else value
    if isinstance(value, dict):
        pairs = [(_text(key), _json(inner)) for key, inner in value.items()]
        if any(callable(one) for pair in pairs for one in pair):
            return lambda values: {_filled(key, values): _filled(inner, values) for key, inner in pairs}
        return dict(pairs)
    return value


def _text(text: str) -> Fill | str:
    """`text` as a function of the workflow's values, or as it is to be sent where it names none of them."""
    pieces: list[str | tuple[str]] = []
    end = 0
    for match in PLACEHOLDER.finditer(text):
        pieces.append(text[end : match.start()])
        pieces.append((match[1],) if match[1] is not None else match[0][0])
        end = match.end()
    pieces.append(text[end:])
    if all(isinstance(piece, str) for piece in pieces):
        return "".join(piece for piece in pieces if isinstance(piece, str))
    return lambda values: "".join(piece if isinstance(piece, str) else str(values[piece[0]]) for piece in pieces)


def _filled(template: Any, values: Mapping[str, object]) -> Any:
    return template(values) if callable(template) else template
