"""The traps that `harness doctor` knows: why each matters, and how it is mended. All were met and measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trap:
    """One way in which a set-up goes wrong without saying so."""

    matters: str
    mend: str


TRAPS = {
    "shared-setup-cache": Trap(
        "asv keys a cache by the module and line of setup_cache: all these classes read what the first one computed",
        "make setup_cache a function of its own in each class, or use harness.bridges.asv_suite.ScenarioSuite",
    ),
    "async-benchmark": Trap(
        "asv calls the function and times the making of a coroutine, which never runs",
        "time a plain function that calls asyncio.run(...), or measure the coroutine with a ScenarioSuite",
    ),
    "leaking-name": Trap(
        "asv takes every public name of a module that looks like a benchmark, imported ones and base classes too: it "
        "runs a second time under this module's name",
        "give it a name that starts with an underscore (import … as _name, class _Base)",
    ),
    "several-wheels": Trap(
        "the dependencies' wheels lie beside the project's own, and asv cannot tell which one to install",
        'set "build_command": ["python -m pip wheel --no-deps -w {build_cache_dir} {build_dir}"]',
    ),
    "undotted-plugin": Trap(
        "asv imports only names that start with a dot; any other is looked for among its own plugins, and a name that "
        "is not found there is passed over in silence",
        "put a dot before the module's name",
    ),
    "dead-zone-samples": Trap(
        "with so few samples asv's rank test can never reach its threshold (6 against 6, 5 against 7, 4 against 9): a "
        "4.7 times slower commit passed",
        "take 10 samples or more a side",
    ),
    "quick-overwrites": Trap(
        "one sample per benchmark replaces the saved results of that commit",
        "add --dry-run, or leave --quick out",
    ),
    "compare-fail-gate": Trap(
        "--benchmark-compare-fail passes where nothing was compared: no earlier run, a renamed test, another machine",
        "gate on harness compare, which fails closed",
    ),
    "async-in-benchmark": Trap(
        "pytest-benchmark times the making of a coroutine, which never runs",
        "use the fixture load_scenario, or benchmark a plain function that calls asyncio.run(...)",
    ),
    "not-interleaved": Trap(
        "one commit is measured after the other: whatever the machine did meanwhile counts as the commit's",
        "add --interleave-rounds",
    ),
    "samples-not-recorded": Trap(
        "asv run saves no samples unless told to: what it wrote cannot be tested, only divided",
        "add --record-samples",
    ),
    "continuous-as-gate": Trap(
        "asv continuous exits with 1 for a regression and for any error alike, and with 0 where its test cannot fire",
        "gate on harness continuous BASE HEAD, or on harness compare of the results",
    ),
    "unpinned-action": Trap(
        "a tag can be moved: what measures today may be other code tomorrow, and it runs in your job",
        "name the commit, all 40 digits of it, with the tag as a comment",
    ),
    "untrusted-checkout": Trap(
        "this event's jobs have the repository's token and secrets, and the checkout brings a stranger's code to them",
        "measure in a job of the event pull_request, hand the figures on as an artifact, and comment from workflow_run",
    ),
    "unregistered-suite": Trap(
        "asv does not know the type of benchmark that a ScenarioSuite is, and finds none of them",
        "in the folder's __init__.py: from harness.bridges import asv_type as _asv_type; _asv_type.register()",
    ),
    "version-not-digest": Trap(
        "asv compares results as long as the version is the same: after a scenario changed, two loads are compared",
        "leave version to ScenarioSuite, or make it the scenario's digest",
    ),
}
