"""Quantities as people write them: durations, sizes, rates and shares. Parsing and printing, nothing else.

Internally a duration is float seconds, a size is int bytes, a rate is float per second, a share is float in [0, 1].
"""

from __future__ import annotations

import math
import re

from harness.errors import UnitError

_QUANTITY = re.compile(r"\s*(?P<number>[+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(?P<unit>\S*)\s*")

DURATIONS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
SIZES_B = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
RATES_PER_S = {"/s": 1.0, "/min": 1 / 60, "/h": 1 / 3600}
SHARES = {"%": 0.01}


def _parse(text: object, units: dict[str, float] | dict[str, int], allowed: str) -> float:
    if not isinstance(text, str):
        raise UnitError(f"{text!r} without a unit", allowed)
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise UnitError(repr(text), allowed)
    unit = match["unit"]
    if unit not in units:
        found = f"{text!r} without a unit" if not unit else f"{text!r} with unit {unit!r}"
        raise UnitError(found, allowed)
    value = float(match["number"].replace("_", "")) * units[unit]
    if not math.isfinite(value) or value < 0:
        raise UnitError(repr(text), f"{allowed}, not negative and finite")
    return value


def parse_duration(text: object) -> float:
    """Seconds from a text such as `"300 ms"`, `"1.5 s"`, `"2 min"`. Raises `UnitError`."""
    return _parse(text, DURATIONS_S, "a duration with a unit (ns, us, ms, s, min, h), such as '300 ms'")


def parse_size(text: object) -> int:
    """Bytes from a text such as `"64 MiB"` (2**20) or `"512 MB"` (10**6). Raises `UnitError`."""
    return round(_parse(text, SIZES_B, "a size with a unit (B, kB, MB, GB, TB, KiB, MiB, GiB, TiB), such as '64 MiB'"))


def parse_rate(text: object) -> float:
    """Per second, from a text such as `"50 /s"` or `"600/min"`. Raises `UnitError`."""
    return _parse(text, RATES_PER_S, "a rate with a unit (/s, /min, /h), such as '50/s'")


def parse_share(text: object) -> float:
    """A share in [0, 1] from a text in per cent such as `"80 %"`. Raises `UnitError`."""
    allowed = "a share in per cent between 0 % and 100 %, such as '80 %'"
    value = _parse(text, SHARES, allowed)
    if value > 1:
        raise UnitError(repr(text), allowed)
    return value


def parse_count(text: object) -> int:
    """A whole number from a text such as `"60"`. Raises `UnitError`."""
    allowed = "a whole number without a unit, such as '60'"
    value = _parse(text, {"": 1}, allowed)
    if value != int(value):
        raise UnitError(repr(text), allowed)
    return int(value)


def _trim(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def format_duration(seconds: float) -> str:
    """Three significant digits with the largest fitting unit: `1.24 s`, `310 ms`, `12 us`."""
    if seconds == 0:
        return "0 s"
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if abs(seconds) >= scale:
            return f"{_trim(seconds / scale)} {unit}"
    return f"{_trim(seconds / 1e-9)} ns"


def format_size(size_b: float) -> str:
    """Three significant digits in binary units: `512 MiB`, `1.5 GiB`."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if abs(size_b) >= SIZES_B[unit]:
            return f"{_trim(size_b / SIZES_B[unit])} {unit}"
    return f"{size_b:.0f} B"


def format_rate(per_second: float) -> str:
    """Three significant digits per second: `49.8 /s`."""
    return f"{_trim(per_second)} /s"


def format_share(share: float) -> str:
    """Per cent with one decimal where it matters: `80 %`, `99.5 %`."""
    return f"{share * 100:.1f} %".replace(".0 %", " %")
