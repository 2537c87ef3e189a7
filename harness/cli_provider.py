"""The command `harness fake-llm`: a model provider to load against, with no bill and no key."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from harness.cli_help import TaughtCommand
from harness.errors import DeclarationError, MissingExtraError, Mistake

_PACKAGES = ("aiohttp", "prometheus_client")


@click.command("fake-llm", cls=TaughtCommand)
@click.option("-f", "--file", "path", type=click.Path(path_type=Path), metavar="FILE", help="A TOML file of it.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0: the system chooses one.")
@click.option("--seed", type=click.IntRange(0), help="Decides all luck: the same calls meet the same in every run.")
@click.option("--first-token", metavar="DURATION", help="Time to the first token, such as '300 ms'.")
@click.option("--tokens-per-second", type=float, metavar="N", help="Speed after that.")
@click.option("--output-tokens", type=int, metavar="N", help="Length of an answer.")
@click.option("--concurrent", type=int, metavar="N", help="Requests served at once; the others wait.")
@click.option("--queue", type=int, metavar="N", help="Requests that may wait; the others get a 503.")
@click.option("--requests", metavar="RATE", help="Rate limit, such as '600/min': a token bucket with real 429s.")
@click.option("--requests-burst", type=int, metavar="N", help="Its size; the requests of one minute if not given.")
@click.option("--tokens", metavar="RATE", help="Rate limit of tokens, prompt and answer, such as '90000/min'.")
@click.option("--tokens-burst", type=int, metavar="N", help="Its size; the tokens of one minute if not given.")
@click.option("--error", "errors", multiple=True, metavar="STATUS=SHARE", help="Plant errors, such as '529=1 %'.")
@click.option("--stall", metavar="SHARE", help="Share of answers with a pause in them.")
@click.option("--cut", metavar="SHARE", help="Share of streams that break off.")
@click.option("--json", "as_json", is_flag=True, help="Say where it listens as one line of JSON.")
def fake_llm(path: Path | None, host: str, port: int, as_json: bool, **given: Any) -> None:
    """Serve a fake model with OpenAI's API: chat completions (streamed, too), embeddings, models.

    \b
    harness fake-llm --port 8101 --first-token "200 ms" --concurrent 20 --requests 600/min
    harness fake-llm -f provider.toml --error "529=1 %"
    harness fake-llm --port 8101 --json > address.json     for a script that starts it

    The first line printed is the address for a client's base_url. Truth about what was served: /stats (JSON) and
    /metrics (Prometheus); POST /reset forgets it. Ends with Ctrl-C or SIGTERM.
    """
    if not host.strip():  # which a socket takes for every address that this machine has
        allowed = "an address or a name of this machine (0.0.0.0 for all it has)"
        raise DeclarationError("options", [Mistake("--host", "nothing", allowed)])
    for package in _PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "provider", "harness fake-llm")
    from harness.provider.build import build_provider  # noqa: PLC0415 - every command imports only what it needs
    from harness.provider.serving import serve  # noqa: PLC0415
    from harness.scenario.load import read_document  # noqa: PLC0415

    document = read_document(path) if path else {"provider": {}}
    _lay_over(document, given)
    folder = path.parent if path else None
    provider = build_provider(document, str(path) if path else "options", folder)

    def ready(address: str) -> None:
        told: dict[str, object] = {"url": f"{address}/v1", "stats": f"{address}/stats", "metrics": f"{address}/metrics"}
        told |= {"health": f"{address}/health", "reset": f"{address}/reset", "pid": os.getpid(), "seed": provider.seed}
        click.echo(json.dumps(told) if as_json else f"{address}/v1")
        sys.stdout.flush()  # whoever started it waits for this line

    counted = serve(provider, host, port, ready)
    click.echo(_farewell(counted), err=True)


def _lay_over(document: dict[str, Any], given: dict[str, Any]) -> None:
    """Options take the place of what the file says of the same thing."""
    table = document.get("provider")
    if not isinstance(table, dict):
        return  # the schema will say so
    errors = _errors(given.pop("errors"))
    homes = {
        "latency": ("first_token", "tokens_per_second", "output_tokens"),
        "capacity": ("concurrent", "queue"),
        "limits": ("requests", "requests_burst", "tokens", "tokens_burst"),
        "faults": ("stall", "cut"),
    }
    values = {name: value for name, value in given.items() if value is not None}
    if "seed" in values:
        table["seed"] = values["seed"]
    for home, names in homes.items():
        said = {name: values[name] for name in names if name in values}
        if isinstance(table.get(home, {}), dict) and said:
            if "tokens_per_second" in said:
                table.get(home, {}).pop("time_per_token", None)
            table[home] = table.get(home, {}) | said
    if errors and isinstance(table.get("faults", {}), dict):
        faults = table.setdefault("faults", {})
        faults["errors"] = faults.get("errors", {}) | errors


def _errors(given: Sequence[str]) -> dict[str, str]:
    errors = {}
    for text in given:
        status, equals, share = text.partition("=")
        if not equals:
            raise DeclarationError("options", [Mistake("--error", repr(text), "STATUS=SHARE, such as '529=1 %'")])
        if status.strip() in errors:
            raise DeclarationError("options", [Mistake("--error", f"{status.strip()} twice", "each status once")])
        errors[status.strip()] = share.strip()
    return errors


def _farewell(counted: dict[str, Any]) -> str:
    statuses = ", ".join(f"{count} with {status}" for status, count in counted["statuses"].items()) or "none answered"
    return f"{counted['requests']} requests: {statuses}; {counted['retries']} were retries"
