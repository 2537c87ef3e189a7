"""The proof at length: `python -m tests.simulate.soak 100000 [first batch [form]]` holds both engines together.

Scenarios are drawn in batches, each from its own seed, so that a soak does not draw the ones that the tests draw, and
can be taken up again at any batch. It ends at the first difference, with the scenario's file and seed. With a form,
only that one is held to the readable definition, which takes half the time.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from harness.scenario.model import Scenario
from harness.simulate.forms import FormName
from tests.drive.random_scenarios import scenarios
from tests.simulate.same import check_twins
from tests.simulate.test_twin import FORMS

BATCH = 500


def soak(batch: int, size: int, forms: Sequence[FormName]) -> None:
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
        check_twins(scenario, run_seed, forms)

    check()


def main(count: int, first: int, forms: Sequence[FormName]) -> None:
    """Check `count` scenarios from batch `first` on."""
    batches = -(-count // BATCH)
    for batch in range(first, first + batches):
        soak(batch, BATCH, forms)
        print(f"{(batch - first + 1) * BATCH} scenarios the same, forms {', '.join(forms)}", flush=True)  # noqa: T201 - a script


if __name__ == "__main__":
    chosen = [form for form in FORMS if form in sys.argv[3:4]] or FORMS
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1, chosen)
