"""Quantities: what is read, what is refused in which words, and that what is printed can be read again."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness import units
from harness.errors import UnitError
from harness.units import (
    format_duration,
    format_rate,
    format_share,
    format_size,
    parse_count,
    parse_duration,
    parse_rate,
    parse_share,
    parse_size,
)


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parse_duration, "300 ms", 0.3),
        (parse_duration, "300ms", 0.3),
        (parse_duration, "  1.5 s ", 1.5),
        (parse_duration, ".5 h", 1800.0),
        (parse_duration, "1_000 us", 0.001),
        (parse_duration, "7 µs", 7e-6),
        (parse_duration, "2 min", 120.0),
        (parse_duration, "1e3 ns", 1e-6),
        (parse_duration, "0 s", 0.0),
        (parse_size, "64 MiB", 64 * 2**20),
        (parse_size, "512 MB", 512 * 10**6),
        (parse_size, "1.5 GiB", 3 * 2**29),
        (parse_rate, "20/s", 20.0),
        (parse_rate, "600 /min", 10.0),
        (parse_share, "100 %", 1.0),
        (parse_share, "57 %", 0.57),
        (parse_share, "99.9%", 0.999),
        (parse_count, "60", 60),
    ],
)
def test_a_quantity_is_the_nearest_float_to_what_is_written(parse, text, value):
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text", "found", "allowed"),
    [
        (parse_duration, "5", "'5' without a unit", units.DURATION),
        (parse_duration, 5, "5 without a unit", units.DURATION),
        (parse_duration, True, "True without a unit", units.DURATION),
        (parse_duration, None, "None without a unit", units.DURATION),
        (parse_duration, "5 MB", "'5 MB' with unit 'MB'", units.DURATION),
        (parse_duration, "5 S", "'5 S' with unit 'S'", units.DURATION),
        (parse_duration, "-1 ns", "'-1 ns', which is negative", units.DURATION),
        (parse_duration, "1e400 s", "'1e400 s', which is too large", units.DURATION),
        (parse_duration, "nan s", "'nan s'", units.DURATION),
        (parse_duration, "inf s", "'inf s'", units.DURATION),
        (parse_duration, "", "''", units.DURATION),
        (parse_duration, "1 2 s", "'1 2 s'", units.DURATION),
        (parse_duration, "٣ s", "'٣ s'", units.DURATION),
        pytest.param(parse_duration, 10**5000, "a number too long to show without a unit", units.DURATION, id="huge"),
        (parse_size, "3 s", "'3 s' with unit 's'", units.SIZE),
        (parse_size, "3 Mb", "'3 Mb' with unit 'Mb'", units.SIZE),
        (parse_rate, "20", "'20' without a unit", units.RATE),
        (parse_rate, "20 Hz", "'20 Hz' with unit 'Hz'", units.RATE),
        (parse_share, "0.8", "'0.8' without a unit", units.SHARE),
        (parse_share, "100.1 %", "'100.1 %', which is more than all", units.SHARE),
        (parse_count, "1.5", "'1.5', which is not whole", units.COUNT),
        (parse_count, "60 %", "'60 %' with unit '%'", units.COUNT),
        (parse_count, "-1", "'-1', which is negative", units.COUNT),
    ],
)
def test_a_refusal_says_what_was_found_and_what_is_allowed(parse, text, found, allowed):
    with pytest.raises(UnitError) as refusal:
        parse(text)
    assert (refusal.value.found, refusal.value.allowed) == (found, allowed)


@pytest.mark.parametrize(
    ("phrase", "table"),
    [(units.DURATION, units.DURATIONS_S), (units.SIZE, units.SIZES_B), (units.RATE, units.RATES_PER_S)],
)
def test_the_phrase_names_every_unit(phrase, table):
    named = phrase.partition("(")[2].partition(")")[0].split(", ")
    assert named == [unit for unit in table if unit != "µs"]  # another spelling of us


def test_a_negative_zero_is_a_zero():
    assert math.copysign(1, parse_duration("-0 s")) == 1


def test_a_long_text_is_refused_at_once_and_shown_cut():
    with pytest.raises(UnitError) as refusal:
        parse_duration("1" * 1_000_000 + " s")
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(
    ("printed", "text"),
    [
        (format_duration(0), "0 s"),
        (format_duration(0.31), "310 ms"),
        (format_duration(1.2391), "1.24 s"),
        (format_duration(0.9994), "999 ms"),
        (format_duration(0.9996), "1 s"),
        (format_duration(1234.4), "1234 s"),
        (format_duration(12e-6), "12 us"),
        (format_duration(4e-9), "4 ns"),
        (format_duration(-0.5), "-500 ms"),
        (format_size(0), "0 B"),
        (format_size(1023), "1023 B"),
        (format_size(1024), "1 KiB"),
        (format_size(1024 * 1023.9), "1 MiB"),
        (format_size(512 * 2**20), "512 MiB"),
        (format_size(1.5 * 2**30), "1.5 GiB"),
        (format_rate(49.81), "49.8 /s"),
        (format_rate(12345.6), "12346 /s"),
        (format_share(0), "0 %"),
        (format_share(1), "100 %"),
        (format_share(0.8), "80 %"),
        (format_share(0.995), "99.5 %"),
        (format_share(0.0004), "0.04 %"),
        (format_share(0.9999), "99.99 %"),
    ],
)
def test_printing(printed, text):
    assert printed == text


@example(999999999999999.5)
@given(st.floats(min_value=1e-9, max_value=1e15))
def test_a_printed_duration_reads_as_itself_within_three_digits(seconds):
    text = format_duration(seconds)
    assert parse_duration(text) == pytest.approx(seconds, rel=0.00501)
    assert format_duration(parse_duration(text)) == text


@given(st.integers(min_value=0, max_value=2**60))
def test_a_printed_size_reads_as_itself_within_three_digits(size_b):
    text = format_size(size_b)
    assert parse_size(text) == pytest.approx(size_b, rel=0.00501)
    assert format_size(parse_size(text)) == text


@given(st.floats(min_value=1e-6, max_value=1e12))
def test_a_printed_rate_reads_as_itself_within_three_digits(per_second):
    assert parse_rate(format_rate(per_second)) == pytest.approx(per_second, rel=0.00501)


@given(st.floats(min_value=0, max_value=1))
def test_a_printed_share_reads_as_itself_within_a_tenth_of_a_per_cent(share):
    text = format_share(share)
    assert parse_share(text) == pytest.approx(share, abs=0.000501)
    assert format_share(parse_share(text)) == text


@given(st.text() | st.integers() | st.floats() | st.none() | st.binary())
def test_whatever_is_read_nothing_but_a_unit_error_comes_out(value):
    for parse in (parse_duration, parse_size, parse_rate, parse_share, parse_count):
        try:
            assert 0 <= parse(value) < math.inf
        except UnitError:
            continue
