"""Traps in command lines: wherever a line of a script, a workflow or a configuration calls asv or pytest."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.bridges.seeds import parse_seeds
from harness.errors import UnitError

ENOUGH = 10
"""Samples a side from which on asv's rank test can fire at all sizes."""

_ASV = re.compile(r"(?<![\w./-])(?:python[\d.]* -m )?asv\s+(?P<verb>run|continuous)\b(?P<rest>.*)")
_SEEDS = re.compile(r"HARNESS_SEEDS\s*[=:]\s*[\"']?(?P<seeds>[0-9][0-9, -]*)")
_ENDS = {"&&", "||", ";", "|", "&", ">", ">>", "2>&1", "2>", "&>", ")", "done", "then"}
_SEVERAL = re.compile(r"\.\.|^(ALL|NEW|EXISTING)$|^HASHFILE:")


@dataclass(frozen=True, slots=True)
class Line:
    """One logical line of commands. `forgiven`: its failure fails nothing."""

    number: int
    text: str
    forgiven: bool = False


def logical_lines(text: str, first: int = 1, *, forgiven: bool = False) -> Iterator[Line]:
    """The lines of `text`, those that end with a backslash joined, without comments; `first` is the first's number."""
    held, began = "", 0
    for number, line in enumerate(text.splitlines(), first):
        began = began if held else number
        plain = re.sub(r"(^|\s)#.*$", "", line)
        if plain.rstrip().endswith("\\"):
            held += plain.rstrip()[:-1] + " "
            continue
        yield Line(began, held + plain, forgiven)
        held = ""
    if held:
        yield Line(began, held, forgiven)


def traps_in(line: Line, *, ordinary: bool) -> Iterator[tuple[str, str]]:
    """(trap, what was found). `ordinary`: there are benchmarks with rounds that could be interleaved."""
    if "--benchmark-compare-fail" in line.text:
        yield "compare-fail-gate", _cut(line.text)
    for match in _SEEDS.finditer(line.text):
        count = _count(match["seeds"])
        if count is not None and count < ENOUGH:
            yield "dead-zone-samples", f"{match[0].strip()}: {count} replications"
    for match in _ASV.finditer(line.text):
        words, gated = _words(match["rest"])
        shown = _cut(f"asv {match['verb']} {' '.join(words)}")
        gated = gated and not line.forgiven and not line.text.lstrip().startswith("-")
        found = _of_run(words, ordinary) if match["verb"] == "run" else _of_continuous(words, gated, ordinary)
        yield from ((trap, shown) for trap in found)


def _words(rest: str) -> tuple[list[str], bool]:
    """The command's own words, and whether its exit code decides how the line ends."""
    spaced = re.sub(r"(\|\||&&|;|(?<!\|)\|(?!\|))", r" \1 ", rest.rstrip().rstrip("\"'],"))
    try:
        words = shlex.split(spaced)
    except ValueError:  # a quote that is closed on another line
        words = spaced.split()
    for place, word in enumerate(words):
        if word in _ENDS:
            return words[:place], "||" not in words[place:]
    return words, True


def _of_run(words: Sequence[str], ordinary: bool) -> Iterator[str]:
    saved = not _has(words, "--dry-run", "-n") and (not _existing(words) or _has(words, "--set-commit-hash"))
    quick = _has(words, "--quick", "-q")
    if saved and quick:
        yield "quick-overwrites"
    elif saved and not _has(words, "--record-samples", "--append-samples", "-a"):
        yield "samples-not-recorded"
    several = any(_SEVERAL.search(word) and not word.endswith("^!") for word in words if not word.startswith("-"))
    if ordinary and several and not _has(words, "--interleave-rounds", "--interleave-processes"):
        yield "not-interleaved"


def _of_continuous(words: Sequence[str], gated: bool, ordinary: bool) -> Iterator[str]:
    if gated:
        yield "continuous-as-gate"
    if _has(words, "--quick", "-q") or _few(words):
        yield "dead-zone-samples"
    if ordinary and not _has(words, "--interleave-rounds", "--interleave-processes"):
        yield "not-interleaved"


def _few(words: Sequence[str]) -> bool:
    """Whether attributes given on the command line leave fewer samples than the test needs."""
    given = dict(re.findall(r"\b(repeat|rounds)=(\d+)", " ".join(words)))
    return "repeat" in given and 0 < int(given["repeat"]) * int(given.get("rounds", 2)) < ENOUGH


def _has(words: Sequence[str], *options: str) -> bool:
    return any(word == option or word.startswith(f"{option}=") for word in words for option in options)


def _existing(words: Sequence[str]) -> bool:
    """Whether it runs in an environment that is there already: then asv saves nothing."""
    text = " ".join(words)
    return bool(re.search(r"(-E|--environment)[ =]?existing|--python[ =]same", text))


def _count(seeds: str) -> int | None:
    try:
        return len(parse_seeds(seeds.strip(" ,")))
    except UnitError:
        return None


def _cut(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= 100 else f"{plain[:99]}…"
