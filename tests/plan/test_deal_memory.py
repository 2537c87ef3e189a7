"""A deal remembers little, and still knows everything."""

from __future__ import annotations

import pytest

from harness.plan import deal
from harness.plan.deal import Deal


def test_a_deal_that_forgets_deals_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Deal(7, (1.0, 2.0, 0.5), ())
    expected = [whole.type_of(k) for k in range(30_000)]
    monkeypatch.setattr(deal, "_REMEMBERED", 5_000)
    sparing = Deal(7, (1.0, 2.0, 0.5), ())
    assert [sparing.type_of(k) for k in range(30_000)] == expected
    assert len(sparing._dealt) < 10_000
    assert [sparing.type_of(k) for k in (3, 29_999, 12_345)] == [expected[k] for k in (3, 29_999, 12_345)]
