"""The luck of each attempt: f(seed, call, attempt), never of when it comes or what came before it.

A call is one thing that a client wants to know; its attempts are the requests with which it asks. A call is known by
the headers `x-workflow-id` and `x-workflow-step` (without a step, by the workflow and what is asked), without them by
what is asked alone.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.plan.draws import QuantileTable, table_of, uniform, workflow_key
from harness.provider.declaration import Provider

WORKFLOW, STEP, ATTEMPT = "x-workflow-id", "x-workflow-step", "x-workflow-attempt"
_MOST_ATTEMPTS = 2**16


class Purpose(enum.IntEnum):
    """What a draw is for; no two share luck."""

    FIRST_TOKEN = 0
    PER_TOKEN = 1
    OUTPUT_TOKENS = 2
    ERROR = 3
    STALL = 4
    STALL_FOR = 5
    STALL_AT = 6
    CUT = 7
    CUT_AT = 8
    WORDS = 9


@dataclass(frozen=True, slots=True)
class CallId:
    """Which call a request belongs to. `named`: a header said so; `attempt` is what a header says, from 1 (or None)."""

    key: int
    named: bool
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to one attempt, if it is served. Seconds; `stall_at` and `cut_at` are counts of tokens before it."""

    first_token_s: float
    per_token_s: float
    tokens: int
    error: int | None
    stall_s: float
    stall_at: int
    cut_at: int | None
    words: int


def call_id(headers: Mapping[str, str], asked: Any) -> CallId | str:
    """The call that a request belongs to, or what is wrong with its headers; `asked` is what it asks, as JSON."""
    workflow, step, attempt = headers.get(WORKFLOW), headers.get(STEP), headers.get(ATTEMPT)
    if attempt is not None and not (attempt.isascii() and attempt.isdigit() and 1 <= int(attempt) < _MOST_ATTEMPTS):
        return f"{ATTEMPT}: expected a whole number from 1, found {attempt!r:.40}"
    content = step if workflow and step else json.dumps(asked, sort_keys=True)
    text = f"{workflow or ''}\0{'step' if workflow and step else 'content'}\0{content}"
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return CallId(int.from_bytes(digest, "big"), bool(workflow), None if attempt is None else int(attempt))


class Luck:
    """Draws fates for one provider."""

    def __init__(self, provider: Provider) -> None:
        self._seed = provider.seed
        latency, faults = provider.latency, provider.faults
        self._first_token = table_of(latency.first_token)
        self._per_token = table_of(latency.per_token)
        self._output_tokens = table_of(latency.output_tokens)
        self._stall_for = table_of(faults.stall_for)
        self._faults = faults

    def fate(self, call: int, attempt: int, most_tokens: int | None = None) -> Fate:
        """What attempt `attempt` (from 1) at `call` meets; `most_tokens` is the client's own limit of the answer."""
        key = workflow_key(self._seed, call)

        def draw(purpose: Purpose) -> float:
            return uniform(key, 0, attempt % _MOST_ATTEMPTS, purpose)

        tokens = max(1, round(_at(self._output_tokens, draw(Purpose.OUTPUT_TOKENS))))
        if most_tokens is not None:
            tokens = min(tokens, most_tokens)
        faults = self._faults
        stalls = faults.stall > 0 and draw(Purpose.STALL) < faults.stall
        cut = faults.cut > 0 and draw(Purpose.CUT) < faults.cut
        return Fate(
            first_token_s=_at(self._first_token, draw(Purpose.FIRST_TOKEN)),
            per_token_s=_at(self._per_token, draw(Purpose.PER_TOKEN)),
            tokens=tokens,
            error=self._error(draw(Purpose.ERROR)),
            stall_s=_at(self._stall_for, draw(Purpose.STALL_FOR)) if stalls else 0.0,
            stall_at=int(draw(Purpose.STALL_AT) * tokens) if stalls else 0,
            cut_at=int(draw(Purpose.CUT_AT) * tokens) if cut else None,
            words=int(draw(Purpose.WORDS) * 2**32),
        )

    def _error(self, at: float) -> int | None:
        below = 0.0
        for status, share in self._faults.errors:
            below += share
            if at < below:
                return status
        return None


def _at(table: QuantileTable | float, u: float) -> float:
    return table if isinstance(table, float) else table.at(u)
