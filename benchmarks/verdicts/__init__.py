"""How often the judge is wrong, beside its peers, on the same numbers: `python -m benchmarks.verdicts`."""
