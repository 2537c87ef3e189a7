"""From what was found to the page of its kind."""

from __future__ import annotations

from harness.report.given import Given
from harness.report.page.shell import Page


def page_of(given: Given) -> Page:
    """The page: of reports, with a comparison in it where one is given beside them, or of one document by itself."""
    if given.reports:
        from harness.report.page.comparison import before  # noqa: PLC0415 - only the page that is written is needed
        from harness.report.page.run import run_page  # noqa: PLC0415

        return run_page(given.reports, before(given.other) if given.other is not None else None)
    assert given.other is not None
    if given.kind == "comparison":
        from harness.report.page.comparison import comparison_page  # noqa: PLC0415

        return comparison_page(given.other)
    if given.kind == "capacity":
        from harness.report.page.capacity import capacity_page  # noqa: PLC0415

        return capacity_page(given.other)
    if given.kind == "sweep":
        from harness.report.page.sweep import sweep_page  # noqa: PLC0415

        return sweep_page(given.other)
    if given.kind == "advice":
        from harness.report.page.advice import advice_page  # noqa: PLC0415

        return advice_page(given.other)
    from harness.report.page.history import history_page  # noqa: PLC0415

    return history_page(given.other)
