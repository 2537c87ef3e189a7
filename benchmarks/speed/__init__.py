"""How fast the harness itself is, beside its peers, as ratios of one run: `python -m benchmarks.speed`."""
