"""Answers in pieces: when the first came, and the first token, how long the silence was, whether it was whole."""

from __future__ import annotations

import asyncio
import itertools
import json

import numpy as np
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from harness.drive.adapters.http_streams import Events
from harness.scenario.http import HttpStream, HttpSuccess, HttpTarget
from tests.http.servers import service
from tests.http.small import ends, run_on

TOKEN = "/choices/0/delta/content"
OPENAI = HttpStream("sse", TOKEN, "[DONE]")


def event(document: object) -> bytes:
    return f"data: {document if isinstance(document, str) else json.dumps(document)}\n\n".encode()


def token(text: str) -> bytes:
    return event({"choices": [{"delta": {"content": text}}]})


def streaming(*steps: bytes | float, media_type: str = "text/event-stream", cut: bool = False):
    """A handler that writes the bytes, and pauses for the numbers, of `steps`."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return web.Response(status=204)
        response = web.StreamResponse(headers={"Content-Type": media_type})
        await response.prepare(request)
        for step in steps:
            if isinstance(step, bytes):
                await response.write(step)
            else:
                await asyncio.sleep(step)
        if cut:
            request.transport.close()
        return response

    return handle


def test_first_byte_first_token_and_the_longest_silence() -> None:
    steps = (0.05, event({"choices": [{"delta": {"role": "assistant", "content": ""}}]}), 0.1, token("One"), 0.15)
    with service(streaming(*steps, token(" two"), event("[DONE]"))) as shown:
        done = run_on(HttpTarget(shown.url, stream=OPENAI), workflows=3, in_flight=3)
    assert ends(done) == {"succeeded": 3}
    first_byte, first_token, stall = (
        done.measured[name] for name in ("time_to_first_byte_s", "time_to_first_token_s", "longest_stall_s")
    )
    # the head of the answer comes at once, its first event after 50 ms, the first word after another 100
    assert len(first_byte) == len(first_token) == len(stall) == 3
    assert (first_token >= 0.15).all()
    assert (first_token - first_byte > 0.1).all()
    assert (stall >= 0.145).all()
    latency = done.workflows.finished_s - done.workflows.due_s
    assert (latency >= first_token + 0.145).all()
    assert (stall <= latency).all()
    assert (done.measured["time_per_piece_s"] <= stall).all()


def test_without_a_pointer_the_first_event_is_the_first_token() -> None:
    with service(streaming(b": a comment\n\n", 0.1, event("hello"))) as shown:
        done = run_on(HttpTarget(shown.url, stream=HttpStream("sse")), workflows=2)
    assert ends(done) == {"succeeded": 2}
    assert (done.measured["time_to_first_token_s"] >= 0.1).all()


CUTS = [
    ((token("One"),), OPENAI, False, {"failed:stream_cut": 2}),
    ((token("One"),), OPENAI, True, {"failed:stream_cut": 2}),
    ((token("One"), event("[DONE]")), OPENAI, True, {"failed:stream_cut": 2}),
    ((token("One"),), HttpStream("sse"), True, {"failed:stream_cut": 2}),
    ((token("One"),), HttpStream("sse"), False, {"succeeded": 2}),
    ((b"piece", 0.01, b"piece"), HttpStream("chunks"), False, {"succeeded": 2}),
    ((b"piece", 0.01, b"piece"), HttpStream("chunks"), True, {"failed:stream_cut": 2}),
]


@pytest.mark.parametrize(("steps", "stream", "cut", "expected"), CUTS)
def test_a_stream_without_its_end_was_cut(steps, stream: HttpStream, cut: bool, expected: dict[str, int]) -> None:
    with service(streaming(*steps, cut=cut)) as shown:
        assert ends(run_on(HttpTarget(shown.url, stream=stream), workflows=2)) == expected


def test_rules_hold_for_streams_too() -> None:
    whole = (token("One"), token("two"), event("[DONE]"))
    with service(streaming(*whole)) as shown:
        for rule, expected in (
            (HttpSuccess(contains=("two",)), "succeeded"),
            (HttpSuccess(contains=("three",)), "failed:bad_body"),
            (HttpSuccess(max_size_b=20), "failed:too_large"),
            (HttpSuccess(status=((201, 201),)), "failed:http_200"),
        ):
            assert ends(run_on(HttpTarget(shown.url, stream=OPENAI, success=rule), workflows=1)) == {expected: 1}
    with service(streaming(*whole, media_type="application/json")) as shown:
        assert ends(run_on(HttpTarget(shown.url, stream=OPENAI), workflows=1)) == {"failed:bad_body": 1}


def test_what_was_seen_of_a_stream_that_was_cut_is_kept() -> None:
    with service(streaming(token("One"), 0.05, token("two"), cut=True)) as shown:
        done = run_on(HttpTarget(shown.url, stream=OPENAI), workflows=2)
    assert len(done.measured["time_to_first_token_s"]) == 2
    assert np.all(done.measured["longest_stall_s"] >= 0.045)


# --------------------------------------------------------------------------- server-sent events

LINES = st.lists(
    st.one_of(
        st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\n\0"), max_size=8).map(
            "data: {}".format
        ),
        st.sampled_from(["", "", ":", ": note", "event: x", "id: 3", "data", "data:", "retry: 5", "datum: 1"]),
    ),
    max_size=12,
)


def read(pieces: list[bytes]) -> list[str]:
    events = Events()
    return [data for piece in pieces for data in events.feed(piece)]


@given(LINES, st.sampled_from(["\n", "\r\n", "\r"]), st.lists(st.integers(0, 200)))
def test_it_does_not_matter_where_the_pieces_end(lines: list[str], end: str, cuts: list[int]) -> None:
    text = "".join(line + end for line in lines).encode()
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[a:b] for a, b in itertools.pairwise(places)]
    assert read(pieces) == read([text]) == expected(lines)


def expected(lines: list[str]) -> list[str]:
    """By the standard's own words, line by line: an event that no empty line ends is none."""
    found: list[str] = []
    data: list[str] = []
    for line in lines:
        if not line:
            if data:
                found.append("\n".join(data))
            data = []
        elif line == "data" or line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
    return found


def test_a_pointer_to_nothing_and_events_that_are_no_json_are_no_tokens() -> None:
    steps = (event("not json"), event([1]), event({"choices": []}), 0.1, token("One"), event("[DONE]"))
    with service(streaming(*steps)) as shown:
        done = run_on(HttpTarget(shown.url, stream=OPENAI), workflows=2)
    assert ends(done) == {"succeeded": 2}
    assert (done.measured["time_to_first_token_s"] >= 0.1).all()
