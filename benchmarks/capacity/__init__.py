"""How well `harness capacity` finds limits that were planted: `python -m benchmarks.capacity` prints the table."""
