"""A fake GitHub for each test that asks for one; what asks it is closed, and never really waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from harness.bridges import github_api
from tests.github.fake_api import FakeGitHub, servers


@pytest.fixture(scope="session")
def _play() -> Iterator[Callable[[FakeGitHub], FakeGitHub]]:
    with servers() as play:
        yield play


@pytest.fixture
def github(_play: Callable[[FakeGitHub], FakeGitHub]) -> Iterator[FakeGitHub]:
    """A GitHub of its own for each test; its token has reached no other server in the end."""
    state = _play(FakeGitHub())
    yield state
    assert state.leaked == [], "the token was sent to the storage server"


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The waits that clients of this test asked for, none of which is waited."""
    found: list[float] = []
    made = github_api.GitHubApi.__init__
    with ExitStack() as opened:

        def make(self: github_api.GitHubApi, url: str, token: str, pause: Any = found.append) -> None:
            made(self, url, token, pause)
            opened.enter_context(self)

        monkeypatch.setattr(github_api.GitHubApi, "__init__", make)
        yield found
