"""From a `[target]` table, whose shape the schema has accepted, to an `HttpTarget`, with every mistake noted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from harness.errors import Mistake
from harness.scenario.http import (
    HttpGauges,
    HttpRequest,
    HttpRetryAfter,
    HttpStream,
    HttpSuccess,
    HttpTarget,
    Texts,
)
from harness.scenario.http_checks import target_mistakes
from harness.scenario.reading import Reading, Table
from harness.schema import one_of
from harness.units import parse_size

_BODILESS = frozenset({"GET", "HEAD", "DELETE"})
_CLASS = re.compile(r"([1-5])xx")
_SPAN = re.compile(r"([1-5][0-9]{2})\s*-\s*([1-5][0-9]{2})")


def build_target(table: Table, types: Iterable[str], reading: Reading) -> HttpTarget:
    """The target of a `[target]` table; `types` are the workflow types that it may name. Mistakes go to `reading`.

    A target without an address has the empty text for `url`: the command line then has to give one.
    """
    default = HttpTarget(url="")
    request = _request("target.request", table.get("request", {}), HttpRequest(), reading)
    target = HttpTarget(
        url=table.get("url", ""),
        request=request,
        requests=_requests(table.get("requests", {}), request, list(types), reading),
        success=_success(table.get("success", {}), reading),
        stream=_stream(table),
        gauges=_gauges(table, reading),
        retry_after=_retry_after(table, reading),
        headers=_texts(table.get("headers", {})),
        id_header=table.get("id_header", default.id_header),
        connections=table.get("connections", default.connections),
        keep_alive=table.get("keep_alive", default.keep_alive),
        connect_timeout_s=reading.duration("target", table, "connect_timeout", default.connect_timeout_s),
        read_timeout_s=reading.duration("target", table, "read_timeout", default.read_timeout_s),
        verify=table.get("verify", default.verify),
        ca_file=_beside(reading, table.get("ca")),
        ready=table.get("ready"),
        ready_within_s=reading.duration("target", table, "ready_within", default.ready_within_s),
    )
    reading.meanings.extend(target_mistakes(target))
    return target


def _beside(reading: Reading, name: str | None) -> str | None:
    return name if name is None or reading.folder is None else str(reading.folder / name)


def _texts(table: Mapping[str, str]) -> Texts:
    return tuple((name, str(text)) for name, text in table.items())


def _requests(
    tables: Mapping[str, Table], request: HttpRequest, types: list[str], reading: Reading
) -> tuple[tuple[str, HttpRequest], ...]:
    for name in tables:
        if name not in types:
            reading.meanings.append(
                Mistake(f"target.requests.{name}", "an unknown workflow type", one_of(sorted(types), name))
            )
    return tuple((name, _request(f"target.requests.{name}", of, request, reading)) for name, of in tables.items())


def _request(where: str, table: Table, base: HttpRequest, reading: Reading) -> HttpRequest:
    """What `table` says laid over `base`: headers and query are merged, one kind of body replaces the other."""
    if "json" in table and "body" in table:
        reading.meanings.append(Mistake(where, "json and body", "one of json and body"))
    changed: dict[str, Any] = {key: table[key] for key in ("method", "path") if key in table}
    if changed.get("method", base.method) in _BODILESS:
        changed |= {"json": None, "body": None}
    if "json" in table:
        changed |= {"json": json.dumps(table["json"], ensure_ascii=False), "body": None}
    elif "body" in table:
        changed |= {"json": None, "body": table["body"]}
    for key, known in (("headers", base.headers), ("query", base.query)):
        changed[key] = _texts(dict(known) | dict(table.get(key, {})))
    return replace(base, **changed)


def _success(table: Table, reading: Reading) -> HttpSuccess:
    default = HttpSuccess()
    given: dict[str, Any] = {}
    if "status" in table:
        given["status"] = tuple(_statuses(table["status"], reading))
    if "max_size" in table:
        given["max_size_b"] = int(reading.quantity(parse_size, "target.success.max_size", table["max_size"]))
    if "contains" in table:
        given["contains"] = (table["contains"],) if isinstance(table["contains"], str) else tuple(table["contains"])
    if table.get("html", False):
        given["refuse_types"] = ()
    equals = tuple((pointer, json.dumps(value)) for pointer, value in table.get("equals", {}).items())
    return replace(default, equals=equals, exists=tuple(table.get("exists", ())), **given)


def _statuses(given: Any, reading: Reading) -> Iterable[tuple[int, int]]:
    for one in given if isinstance(given, list) else [given]:
        if isinstance(one, int):
            yield one, one
        elif match := _CLASS.fullmatch(one):
            yield int(match[1]) * 100, int(match[1]) * 100 + 99
        elif (match := _SPAN.fullmatch(one)) and int(match[1]) <= int(match[2]):
            yield int(match[1]), int(match[2])
        else:
            allowed = "a status (200), a class ('2xx') or a span ('200-204')"
            reading.meanings.append(Mistake("target.success.status", repr(one), allowed))


def _stream(table: Table) -> HttpStream | None:
    given = table.get("stream")
    return None if given is None else HttpStream(given["form"], given.get("token"), given.get("end"))


def _gauges(table: Table, reading: Reading) -> HttpGauges | None:
    given = table.get("gauges")
    if given is None:
        return None
    every_s = reading.duration("target.gauges", given, "every", HttpGauges("", "json", ()).every_s)
    return HttpGauges(given["url"], given["form"], _texts(given["names"]), every_s)


def _retry_after(table: Table, reading: Reading) -> HttpRetryAfter:
    given, default = table.get("retry_after", {}), HttpRetryAfter()
    longest_s = reading.duration("target.retry_after", given, "longest", default.longest_s)
    return HttpRetryAfter(given.get("max_attempts", default.max_attempts), longest_s)
