"""The proof at length: `python -m tests.simulate.soak 100000 [first batch]` holds both engines together so often.

Scenarios are drawn in batches, each from its own seed, so that a soak does not draw the ones that the tests draw, and
can be taken up again at any batch. It ends at the first difference, with the scenario's file and seed.
"""

from __future__ import annotations

import sys

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from harness.scenario.model import Scenario
from tests.drive.random_scenarios import scenarios
from tests.simulate.same import check_twins
from tests.simulate.test_twin import FORMS

BATCH = 500


def soak(batch: int, size: int) -> None:
    """Check one batch of random scenarios; every tenth batch has hundreds in flight."""

    @seed(batch)
    @settings(
        max_examples=size,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(scenarios(most=500 if batch % 10 == 0 else 60), st.integers(0, 2**63 - 1))
    def check(scenario: Scenario, run_seed: int) -> None:
        check_twins(scenario, run_seed, FORMS)

    check()


def main(count: int, first: int) -> None:
    """Check `count` scenarios from batch `first` on."""
    batches = -(-count // BATCH)
    for batch in range(first, first + batches):
        soak(batch, BATCH)
        print(f"{(batch - first + 1) * BATCH} scenarios the same, forms {', '.join(FORMS)}", flush=True)  # noqa: T201 - a script


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
