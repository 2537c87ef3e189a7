"""Reproduce the table of verdicts: seeds fixed, peers beside us, Markdown out."""

import argparse
import sys
from pathlib import Path
from time import monotonic

from benchmarks.verdicts import recorded, series, synthetic
from benchmarks.verdicts.table import Section

HEAD = """# How often the verdicts are wrong

Made by `make verdicts` (`python -m benchmarks.verdicts`), seeds fixed. Figures in brackets are 95 % binomial intervals.
`harness` is `harness.judge.verdict.judge_metric` with its defaults; the peers are their tools' own rules on the same
numbers.
"""


def main(arguments: list[str]) -> int:
    """Print or write the table. Exit code 0; the figures are for reading, the tests hold the bounds."""
    options = _parse(arguments)
    start = monotonic()
    text = "\n".join([HEAD, *(section.markdown() for section in _sections(options.quick, options.data))])
    sys.stderr.write(f"{monotonic() - start:.0f} s\n")
    if options.out is None:
        sys.stdout.write(text)
    else:
        options.out.write_text(text, encoding="utf-8")
    return 0


def _sections(quick: bool, data: Path | None) -> list[Section]:
    share = 20 if quick else 1
    found = [
        synthetic.false_alarms(10_000 // share),
        synthetic.whole_comparisons(400 // share),
        synthetic.power(4000 // share),
        synthetic.special(2000 // share),
        series.history(800 // share),
        synthetic.speed(),
    ]
    return found if data is None else [*found, *recorded.sections(data, 400 // share)]


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdicts", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a twentieth of the comparisons, under a minute")
    parser.add_argument("--data", type=Path, help="folder with interleaved.json.gz and runs.json.gz")
    parser.add_argument("--out", type=Path, help="write the Markdown here instead of printing it")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
