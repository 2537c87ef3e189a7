"""Seeds as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.bridges.seeds import LARGEST_SEED, parse_seeds, write_seeds
from harness.errors import UnitError


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("0", (0,)),
        ("0-3", (0, 1, 2, 3)),
        (" 3, 7 ,20 - 22 ", (3, 7, 20, 21, 22)),
        ("5-5", (5,)),
        ("9,1", (9, 1)),
        (str(LARGEST_SEED), (LARGEST_SEED,)),
    ],
)
def test_seeds_and_ranges_are_read(text: str, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    "text", ["", ",", "1,", "-1", "1-", "a", "1.5", "3-1", "1,1", "0-5,3", "0-10000", str(LARGEST_SEED + 1), "٣"]
)
def test_what_is_not_a_list_of_different_seeds_is_refused(text: str) -> None:
    with pytest.raises(UnitError):
        parse_seeds(text)


def test_the_most_seeds_are_ten_thousand() -> None:
    assert len(parse_seeds("0-9999")) == 10_000


@given(st.lists(st.integers(0, LARGEST_SEED), min_size=1, max_size=30, unique=True))
def test_what_is_written_is_read_back(seeds: list[int]) -> None:
    assert parse_seeds(write_seeds(tuple(seeds))) == tuple(seeds)


def test_rows_are_written_as_ranges() -> None:
    assert write_seeds((0, 1, 2, 3, 7, 9, 10)) == "0-3,7,9,10"
