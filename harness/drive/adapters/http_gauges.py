"""A service's own figures, asked for at a declared pace on a connection that the load does not use."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import jsonpointer
from prometheus_client.parser import text_string_to_metric_families

from harness.drive.adapters.http_errors import kind_of
from harness.scenario.http import HttpGauges
from harness.scenario.http_checks import SELECTOR

_LARGEST_B = 16 * 2**20
_PATIENCE_S = 2.0
_LABEL = re.compile(r'(\w+)\s*=\s*"([^"]*)"')

Figures = dict[str, float]


class GaugePoller:
    """Keeps the latest figures in `figures`; empty while the service does not show them: a stale figure is none."""

    def __init__(self, gauges: HttpGauges, url: str, headers: Mapping[str, str], tls: Any, doubts: list[str]) -> None:
        self._gauges = gauges
        self._url = url
        self._headers = headers
        self._tls = tls
        self._doubts = doubts
        self._read = _json_reader(gauges) if gauges.form == "json" else _prometheus_reader(gauges)
        self._client: aiohttp.ClientSession | None = None
        self._task: asyncio.Task[None] | None = None
        self._asked = 0
        self._failures: dict[str, int] = {}
        self._missing: set[str] = set()
        self.figures: Figures = {}

    async def start(self) -> None:
        """Ask once, so that the first sample has figures, and then every `every_s`."""
        timeout = aiohttp.ClientTimeout(total=max(_PATIENCE_S, self._gauges.every_s))
        connector = aiohttp.TCPConnector(limit=1, ssl=self._tls)
        self._client = aiohttp.ClientSession(
            connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), headers=self._headers
        )
        await self._ask(self._client)
        self._task = asyncio.get_running_loop().create_task(self._poll(self._client))

    async def stop(self) -> None:
        """Ask no more, and say what could not be read."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._client is not None:
            await self._client.close()
        for why, times in sorted(self._failures.items()):
            self._doubts.append(f"the service's gauges could not be read {times} of {self._asked} times: {why}")
        for name in sorted(self._missing - self.figures.keys()):
            place = dict(self._gauges.names)[name]
            self._doubts.append(f"the service shows nothing for the gauge {name}: no figure at {place}")

    async def _poll(self, client: aiohttp.ClientSession) -> None:
        loop = asyncio.get_running_loop()
        next_s = loop.time()
        while True:
            # absolute times, and none twice: a slow answer delays one poll, not all that follow
            next_s = max(next_s + self._gauges.every_s, loop.time())
            await asyncio.sleep(next_s - loop.time())
            await self._ask(client)

    async def _ask(self, client: aiohttp.ClientSession) -> None:
        self._asked += 1
        try:
            async with client.get(self._url, allow_redirects=False) as response:
                body = await response.content.read(_LARGEST_B) if response.content_length else await response.read()
                if response.status != 200:
                    raise ValueError(f"status {response.status}")
                figures = self._read(body)
        except Exception as error:  # whatever a service answers: its gauges are a help, not the run
            why = str(error) if isinstance(error, ValueError) else kind_of(error)
            self._failures[why] = self._failures.get(why, 0) + 1
            self.figures = {}
        else:
            self._missing |= {name for name, _ in self._gauges.names} - figures.keys()
            self.figures = figures


def _json_reader(gauges: HttpGauges) -> Callable[[bytes], Figures]:
    places = [(name, jsonpointer.JsonPointer(pointer)) for name, pointer in gauges.names]

    def read(body: bytes) -> Figures:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            raise ValueError("no JSON") from None
        found = {name: pointer.resolve(document, None) for name, pointer in places}
        return {name: float(value) for name, value in found.items() if _is_number(value)}

    return read


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _prometheus_reader(gauges: HttpGauges) -> Callable[[bytes], Figures]:
    wanted = [(name, *_selector(place)) for name, place in gauges.names]
    metrics = {metric for _, metric, _ in wanted}

    def read(body: bytes) -> Figures:
        # a service may show thousands of series: only the lines asked for are worth the loop's time
        lines = [line for line in body.decode("utf-8", "replace").splitlines() if _metric_of(line) in metrics]
        try:
            families = list(text_string_to_metric_families("\n".join(lines) + "\n"))
        except Exception:
            raise ValueError("no Prometheus text") from None
        samples = [sample for family in families for sample in family.samples]
        figures: Figures = {}
        for name, metric, labels in wanted:
            fitting = [s.value for s in samples if s.name == metric and labels.items() <= s.labels.items()]
            if fitting and math.isfinite(sum(fitting)):
                figures[name] = sum(fitting)
        return figures

    return read


def _selector(place: str) -> tuple[str, dict[str, str]]:
    match = SELECTOR.fullmatch(place)
    if match is None:
        raise ValueError(place)  # the declaration was checked
    return match["name"], dict(_LABEL.findall(match["labels"] or ""))


def _metric_of(line: str) -> str:
    return line.partition("{")[0].split(" ", 1)[0]
