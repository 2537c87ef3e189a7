"""Before the load starts: is there a service at this address, and is it one that could carry out workflows?"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import aiohttp

from harness.drive.adapters.http_errors import kind_of, told
from harness.drive.adapters.http_templates import on_service
from harness.errors import TargetError
from harness.scenario.http import HttpTarget

_PATIENCE_S = 10.0
_AGAIN_S = 0.1
_GATEWAY = frozenset({502, 503, 504})
_FINAL = frozenset({"tls_error", "bad_http"})
"""What waiting does not change."""


class _NotUsable(Exception):  # noqa: N818 - a finding, not a fault of the program
    def __init__(self, why: str, final: bool = False) -> None:
        self.final = final
        super().__init__(why)


async def preflight(client: aiohttp.ClientSession, target: HttpTarget, name: str, headers: Mapping[str, str]) -> None:
    """Ask once, with a GET that carries out no workflow; again, until `ready_within_s` is over, while nobody answers.

    `name` is the target as it may be shown. Raises `TargetError` that says what is wrong: nobody there, no TLS, a
    certificate that is not valid, no answer, a page of HTML, a gateway without its service.
    """
    now_s = asyncio.get_running_loop().time
    until_s = now_s() + target.ready_within_s
    while True:
        try:
            await _ask(client, target, headers)
            return
        except _NotUsable as why:
            if why.final or now_s() >= until_s:
                raise TargetError(f"--target {name}: {why}{_waited(target)}; no workflow was sent") from None
        await asyncio.sleep(_AGAIN_S)


def _waited(target: HttpTarget) -> str:
    return f" (after {target.ready_within_s:g} s of waiting)" if target.ready_within_s else ""


async def _ask(client: aiohttp.ClientSession, target: HttpTarget, headers: Mapping[str, str]) -> None:
    url = target.url if target.ready is None else on_service(target.url, target.ready)
    patience = aiohttp.ClientTimeout(
        total=None, sock_connect=target.connect_timeout_s, sock_read=min(_PATIENCE_S, target.read_timeout_s)
    )
    try:
        async with client.get(url, headers=headers, allow_redirects=False, timeout=patience) as response:
            status, media_type = response.status, response.content_type
    except (aiohttp.ClientError, OSError) as error:
        raise _NotUsable(told(error), final=kind_of(error) in _FINAL) from error
    if target.ready is not None and not 200 <= status <= 299:
        raise _NotUsable(f"{target.ready} answers {status}, and has to answer 2xx before the load starts")
    if status in _GATEWAY:
        raise _NotUsable(f"it answers {status}: there is a gateway, and no service behind it")
    if media_type in target.success.refuse_types and 200 <= status <= 399:
        raise _NotUsable(
            f"it answers with a page of HTML (status {status}): is the address that of the service? "
            "(success = { html = true } in [target] lets pages pass)",
            final=True,
        )
