"""Token buckets: a rate limit on calls, and a budget for retries."""

from __future__ import annotations

from harness.scenario.model import RateLimit, RetryBudget


class RateLimiter:
    """The generic cell rate algorithm (ITU-T I.371), as a virtual scheduling: one time stands for the whole bucket.

    That time is when the bucket will be full again. A token that is waited for is booked at once, so tokens come in
    the order of the requests, and one whose attempt gave up is lost.
    """

    __slots__ = ("_slack_s", "_tat_s", "_token_s", "name", "refuses", "waiting")

    def __init__(self, declared: RateLimit) -> None:
        self.name = declared.name
        self.waiting = 0
        """How many attempts wait for their token."""
        self._token_s = 1.0 / declared.rate_per_s
        self._slack_s = (declared.burst - 1) / declared.rate_per_s
        self.refuses = declared.on_limit == "refuse"
        self._tat_s = 0.0

    def take(self, now_s: float) -> bool:
        """Take a token at `now_s`; False: there is none now."""
        tat_s = max(self._tat_s, now_s)
        if tat_s - now_s > self._slack_s:
            return False
        self._tat_s = tat_s + self._token_s
        return True

    def book(self, now_s: float) -> float:
        """Book the next token, where `take` found none: when it will be there."""
        tat_s = max(self._tat_s, now_s)
        self._tat_s = tat_s + self._token_s
        return max(now_s, tat_s - self._slack_s)

    def tokens(self, now_s: float) -> float:
        """How many tokens are in the bucket."""
        return (self._slack_s + self._token_s - (max(self._tat_s, now_s) - now_s)) / self._token_s


class Budget:
    """See `scenario.policies.RetryBudget`."""

    __slots__ = ("_reserve", "_share", "tokens")

    def __init__(self, declared: RetryBudget) -> None:
        self._share = declared.share
        self._reserve = declared.reserve
        self.tokens = declared.reserve

    def earn(self) -> None:
        """A first attempt at a step begins."""
        self.tokens = min(self._reserve, self.tokens + self._share)

    def spend(self) -> bool:
        """Take a token for a retry; whether there was one."""
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True
