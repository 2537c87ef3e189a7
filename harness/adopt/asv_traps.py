"""Traps in asv's configuration."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_OWN_PLUGINS = (
    "conda",
    "git",
    "github",
    "mercurial",
    "kcachegrind",
    "rattler",
    "regressions",
    "runsnake",
    "snakeviz",
    "summarygrid",
    "summarylist",
    "uv",
    "virtualenv",
)
"""What asv finds in its own folder under a name without a dot."""

Found = tuple[int, str, str]
"""Line, trap, what was found."""


def traps_in_configuration(configuration: Mapping[str, Any], text: str, *, depends: bool) -> Iterator[Found]:
    """`text` is the file as it stands, for the lines; `depends`: whether the project has any dependencies."""
    commands = configuration.get("build_command")
    if commands is None and depends:
        yield 1, "several-wheels", "no build_command, in a project with dependencies"
    for command in _texts(commands):
        if re.search(r"\bpip\s+wheel\b", command) and "--no-deps" not in command:
            yield _line(text, command), "several-wheels", command
    for plugin in _texts(configuration.get("plugins")):
        if not plugin.startswith(".") and not any(plugin in own for own in _OWN_PLUGINS):
            yield _line(text, plugin), "undotted-plugin", f"plugins: {json.dumps(plugin)}"


def _texts(value: Any) -> list[str]:
    given = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return [one for one in given if isinstance(one, str)]


def _line(text: str, part: str) -> int:
    """Where `part` stands, quoted; the first line where it was written in another way."""
    quoted = json.dumps(part)
    return next((number for number, line in enumerate(text.splitlines(), 1) if quoted in line), 1)
