"""From an Altair chart to a file: PNG and SVG by vl-convert (no browser, no network), or HTML that stands alone.

Altair and vl-convert come with the extra `plot` and are imported only here, when a picture is asked for.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import MissingExtraError
from harness.report.replacing import refuse_file, replace_file

if TYPE_CHECKING:
    import altair as alt

ENDINGS = (".png", ".svg", ".html")
EXTRA = "plot"
_SCALE = 2.0
"""Pixels of a PNG for each unit of the chart: sharp on a screen of double density."""


def refuse_picture(path: Path, option: str = "--plot") -> None:
    """Raise before anything is run where no picture can be written to `path`.

    `MissingExtraError` where the extra is not installed, `DeclarationError` for an ending that is no kind of picture,
    `ReportError` for a folder that cannot be written to.
    """
    refuse_file(path, option, ENDINGS)
    for package in ("altair", "vl_convert"):
        if find_spec(package) is None:
            raise MissingExtraError(package, EXTRA, option)


def altair() -> Any:
    """The module altair; raises `MissingExtraError` where the extra `plot` is not installed."""
    try:
        import altair as module  # noqa: PLC0415 - heavy, and only pictures need it
    except ImportError as error:
        raise MissingExtraError("altair", EXTRA, "a plot") from error
    return module


def write_picture(chart: alt.TopLevelMixin, path: Path) -> Path:
    """Draw `chart` into `path`, whose ending says as what; what is there is replaced whole.

    Raises `MissingExtraError` where the extra `plot` is not installed, `ReportError` where it cannot be written.
    """
    return replace_file(path, picture(chart, path.suffix.lower()))


def picture(chart: alt.TopLevelMixin, ending: str) -> bytes:
    """The bytes of `chart` as a PNG, an SVG or a page of HTML that loads nothing from anywhere."""
    try:
        import vl_convert  # noqa: PLC0415 - heavy, and only pictures need it
    except ImportError as error:
        raise MissingExtraError("vl_convert", EXTRA, "a plot") from error
    specification = chart.to_json()
    if ending == ".png":
        return bytes(vl_convert.vegalite_to_png(specification, scale=_SCALE))
    if ending == ".svg":
        return str(vl_convert.vegalite_to_svg(specification)).encode("utf-8")
    return str(vl_convert.vegalite_to_html(specification, bundle=True)).encode("utf-8")
