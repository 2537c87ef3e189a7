import pytest

from tests.bridges.sessions import SCENARIOS, TARGETS, TESTS


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A user's project: a test, scenarios and a target, with the virtual clock set in its ini file."""
    pytester.makefile(".toml", scenarios=SCENARIOS)
    pytester.makepyfile(test_load=TESTS, targets=TARGETS)
    pytester.makeini("[pytest]\nload_file = scenarios.toml\nload_clock = virtual\nload_rounds = 3\n")
    return pytester
