"""Quantities as people write them: durations, sizes, rates and shares. Parsing and printing, nothing else.

Internally a duration is float seconds, a size is int bytes, a rate is float per second, a share is float in [0, 1].
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from harness.errors import UnitError

_QUANTITY = re.compile(
    r"(?P<digits>[+-]?(?:[0-9][0-9_]*(?:\.[0-9]*)?|\.[0-9]+))(?:[eE](?P<power>[+-]?[0-9]+))?\s*(?P<unit>\S*)"
)

_LONGEST_TEXT = 64
"""Longer than any quantity, and short enough that no text makes the pattern, or an error message, take its time."""

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

UNCOUNTABLE = 1e15
"""Whole numbers from here on are shown by three digits and a power: a float soon tells them apart no more."""

_POWERS = {"ns": -9, "us": -6, "µs": -6, "ms": -3, "%": -2}

DURATION = "a duration with a unit (ns, us, ms, s, min, h), such as '300 ms'"
SIZE = "a size with a unit (B, kB, MB, GB, TB, KiB, MiB, GiB, TiB), such as '64 MiB'"
RATE = "a rate with a unit (/s, /min, /h), such as '50/s'"
SHARE = "a share in per cent between 0 % and 100 %, such as '80 %'"
COUNT = "a whole number without a unit, such as '60'"
RATIO = "a number without a unit, such as '1.5'"


def _parse(text: object, units: Mapping[str, float], allowed: str) -> float:
    if not isinstance(text, str):
        raise UnitError(f"{_short(text)} without a unit", allowed)
    match = _QUANTITY.fullmatch(text.strip()) if len(text) <= _LONGEST_TEXT else None
    if match is None:
        raise UnitError(_short(text), allowed)
    unit = match["unit"]
    if unit not in units:
        found = f"{text!r} with unit {unit!r}" if unit else f"{text!r} without a unit"
        raise UnitError(found, allowed)
    # a power of ten is moved in the text: "57 %" is then the float 0.57, and not 57 * 0.01, which is another one
    power = int(match["power"] or 0) + _POWERS.get(unit, 0)
    value = float(f"{match['digits'].replace('_', '')}e{power}") * (1 if unit in _POWERS else units[unit])
    if value < 0:
        raise UnitError(f"{text!r}, which is negative", allowed)
    if not math.isfinite(value):
        raise UnitError(f"{text!r}, which is too large", allowed)
    return value + 0.0  # "-0 s" is a zero like any other


def _short(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # a whole number of more digits than Python prints
        return "a number too long to show"
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"


def parse_duration(text: object) -> float:
    """Seconds from a text such as `"300 ms"`, `"1.5 s"`, `"2 min"`. Raises `UnitError`."""
    return _parse(text, DURATIONS_S, DURATION)


def parse_size(text: object) -> int:
    """Bytes from a text such as `"64 MiB"` (2**20) or `"512 MB"` (10**6). Raises `UnitError`."""
    return round(_parse(text, SIZES_B, SIZE))


def parse_rate(text: object) -> float:
    """Per second, from a text such as `"50 /s"` or `"600/min"`. Raises `UnitError`."""
    return _parse(text, RATES_PER_S, RATE)


def parse_share(text: object) -> float:
    """A share in [0, 1] from a text in per cent such as `"80 %"`. Raises `UnitError`."""
    value = _parse(text, SHARES, SHARE)
    if value > 1:
        raise UnitError(f"{text!r}, which is more than all", SHARE)
    return value


def parse_count(text: object) -> int:
    """A whole number from a text such as `"60"`. Raises `UnitError`."""
    value = _parse(text, {"": 1.0}, COUNT)
    if value != int(value):
        raise UnitError(f"{text!r}, which is not whole", COUNT)
    return int(value)


def parse_ratio(text: object) -> float:
    """A number from a text such as `"1.5"`. Raises `UnitError`."""
    return _parse(text, {"": 1.0}, RATIO)


def _digits(value: float) -> float:
    """`value` rounded to three significant digits, so that 999.7 ms is printed as 1 s and not as 1000 ms."""
    return float(f"{value:.3g}")


def _trim(value: float) -> str:
    text = f"{value:.0f}"
    return text if 1000 <= abs(float(text)) < UNCOUNTABLE else f"{_digits(value):g}"


def format_duration(seconds: float) -> str:
    """Three significant digits with the largest fitting unit: `1.24 s`, `310 ms`, `12 us`."""
    if seconds == 0:
        return "0 s"
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if abs(_digits(seconds / scale)) >= 1:
            return f"{_trim(seconds / scale)} {unit}"
    return f"{_trim(seconds / 1e-9)} ns"


def format_size(size_b: float) -> str:
    """Three significant digits in binary units: `512 MiB`, `1.5 GiB`."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if abs(_digits(size_b / SIZES_B[unit])) >= 1:
            return f"{_trim(size_b / SIZES_B[unit])} {unit}"
    return f"{size_b:.0f} B"


def format_rate(per_second: float) -> str:
    """Three significant digits per second: `49.8 /s`."""
    return f"{_trim(per_second)} /s"


def format_share(share: float) -> str:
    """Per cent with one decimal where it matters: `80 %`, `99.5 %`.

    What is not nothing is not printed as `0 %`, and what is not all is not printed as `100 %`: both get the decimals
    they need, up to six.
    """
    for decimals in range(1, 7):
        text = f"{share * 100:.{decimals}f}".rstrip("0").rstrip(".")
        if share in (0, 1) or text not in ("0", "100"):
            break
    return f"{text} %"
