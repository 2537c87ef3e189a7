"""Answers read piece by piece: when the first byte and the first token came, and the longest silence between pieces."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import jsonpointer

from harness.drive.adapters.http_answers import Expected
from harness.drive.target import Failed
from harness.scenario.http import HttpStream

Now = Callable[[], float]

_LINE_END = re.compile(rb"\r\n|\n|\r")
_EVENT_STREAM = "text/event-stream"


async def whole_body(response: aiohttp.ClientResponse, max_size_b: int) -> bytes:
    """The body, read to its end; raises `Failed` ("too_large") at the first piece that is too much."""
    pieces: list[bytes] = []
    size_b = 0
    async for piece in response.content.iter_any():
        size_b += len(piece)
        if size_b > max_size_b:
            response.close()
            raise Failed("too_large")
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


@dataclass(slots=True)
class Pace:
    """When the pieces of one answer came: `first_s` and `last_s` on the run's clock, and the gaps between them."""

    first_s: float | None = None
    last_s: float = 0.0
    pieces: int = 0
    longest_gap_s: float = 0.0
    token_s: float | None = None

    def tick(self, now_s: float) -> None:
        """A piece came."""
        if self.first_s is None:
            self.first_s = now_s
        else:
            self.longest_gap_s = max(self.longest_gap_s, now_s - self.last_s)
        self.last_s = now_s
        self.pieces += 1


class StreamReader:
    """Reads answers of one form. `read` raises `Failed` where a stream is cut or breaks a rule."""

    def __init__(self, stream: HttpStream, expected: Expected, now: Now) -> None:
        self._stream = stream
        self._expected = expected
        self._now = now
        self._token = None if stream.token is None else jsonpointer.JsonPointer(stream.token)

    async def read(self, response: aiohttp.ClientResponse, pace: Pace) -> None:
        """Read `response` to its end; `pace` holds what came, also where it broke off."""
        if self._stream.form == "sse" and response.content_type != _EVENT_STREAM:
            raise Failed("bad_body")
        try:
            await self._read(self._pieces(response, pace), pace)
        except aiohttp.ClientPayloadError as error:
            raise Failed("stream_cut") from error

    async def _read(self, pieces: AsyncIterator[bytes], pace: Pace) -> None:
        kept = bytearray()
        events = Events()
        ended = self._stream.end is None
        async for piece in pieces:
            if self._expected.contains:
                kept += piece
            if self._stream.form == "sse":
                for data in events.feed(piece):
                    ended = ended or data == self._stream.end
                    if pace.token_s is None and self._is_token(data):
                        pace.token_s = pace.last_s
        if not ended:
            raise Failed("stream_cut")
        if not all(text in kept for text in self._expected.contains):
            raise Failed("bad_body")

    async def _pieces(self, response: aiohttp.ClientResponse, pace: Pace) -> AsyncIterator[bytes]:
        size_b = 0
        async for piece in response.content.iter_any():
            pace.tick(self._now())
            size_b += len(piece)
            if size_b > self._expected.max_size_b:
                response.close()
                raise Failed("too_large")
            yield piece

    def _is_token(self, data: str) -> bool:
        if self._token is None:
            return True
        try:
            found: Any = self._token.resolve(json.loads(data), None)
        except (ValueError, RecursionError):
            return False
        return bool(found)


class Events:
    """Server-sent events from pieces that may end anywhere (WHATWG HTML, section 9.2.6): the data of each."""

    def __init__(self) -> None:
        self._rest = b""
        self._half = False
        self._data: list[str] = []

    def feed(self, piece: bytes) -> Iterator[str]:
        """The data of every event that `piece` completes; comments and events without data have none."""
        # a line feed may be the second half of a line's end whose first half came with the piece before
        text = self._rest + (piece[1:] if self._half and piece.startswith(b"\n") else piece)
        self._half = piece.endswith(b"\r") if piece else self._half
        *lines, self._rest = _LINE_END.split(text)
        for line in lines:
            if line:
                field, _, value = line.decode("utf-8", "replace").partition(":")
                if field.removeprefix("\ufeff") == "data":
                    self._data.append(value.removeprefix(" "))
            elif self._data:
                yield "\n".join(self._data)
                self._data = []
