"""One round of one side, in a process of its own: `python -P measure_round.py JOB.json`.

Run by path, not as a module: which harness is imported, that of this environment or that of the checkout, is the job's
to say. So nothing of the harness may be imported before `main` has arranged the path, and only what older versions have
as well. The job names folders, scenarios, target, clock and seeds; the answer is a report per scenario, and
`round.json` with what was not found.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.scenario.model import Scenario

BUILTIN = "builtin"
ANSWER = "round.json"
_PREFIX = "test_"


def main(job_file: str) -> int:
    """Measure what the job says; the exit code is 0, or that of the refusal, whose text goes to standard error."""
    job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    paths = job["paths"]
    if job["own_harness"]:
        sys.path[:0] = paths
    from harness.errors import HarnessError  # noqa: PLC0415 - the path had to be arranged first

    if not job["own_harness"]:
        # the harness is imported already, so that a folder of that name in the checkout does not hide it
        sys.path[:0] = paths
    try:
        absent = _measure(job)
        _refuse_strangers(job)
    except HarnessError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    Path(job["out"], ANSWER).write_text(json.dumps({"absent": absent}), encoding="utf-8")
    return 0


def _measure(job: Mapping[str, Any]) -> list[str]:
    """Write a report of each scenario that this side has; returns the names it has not."""
    from harness.assess import assess  # noqa: PLC0415 - the path had to be arranged first
    from harness.drive.opening import target_factory  # noqa: PLC0415
    from harness.report.document import write_report  # noqa: PLC0415

    scenarios, absent = _chosen(job)
    if scenarios:
        target_factory(job["target"])
        _refuse_strange_target(job)
    how = {"target": job["target"], "clock": job["clock"], **job["clock_options"]}
    for scenario in scenarios:
        write_report(assess(scenario, job["seeds"], **how), job["out"])
    return absent


def _chosen(job: Mapping[str, Any]) -> tuple[list[Scenario], list[str]]:
    from harness.scenario.load import load_scenarios  # noqa: PLC0415 - the path had to be arranged first

    path = Path(job["file"]) if job["file"] else None
    if path is not None and not path.exists():
        return [], list(job["scenarios"]) or ["*"]
    catalog = load_scenarios(path)
    if not job["scenarios"]:
        return catalog.declared_here(), []
    found = {name: next((n for n in (name, _PREFIX + name) if n in catalog), None) for name in job["scenarios"]}
    chosen = [catalog[name] for name in found.values() if name is not None]
    return chosen, [name for name, known in found.items() if known is None]


def _refuse_strange_target(job: Mapping[str, Any]) -> None:
    """Raise `TargetError` where the target was imported from elsewhere: both sides would measure the same code."""
    from harness.errors import TargetError  # noqa: PLC0415 - the path had to be arranged first

    target = job["target"]
    if target == BUILTIN:
        module = sys.modules["harness"]
    else:
        name = target.removeprefix("langgraph:").rpartition(":")[0]
        if name.endswith(".py"):
            if not _within(name, job["roots"]):
                raise TargetError(f"--target {target}: {Path(name).resolve()} is not in the checkout")
            return
        module = sys.modules[name]
    origin = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", [])), None)
    if origin is None or not _within(origin, job["roots"]):
        raise TargetError(
            f"--target {target}: was imported from {origin}, not from the checkout: both sides would measure the same "
            "code; --build-environments installs each commit"
        )


def _refuse_strangers(job: Mapping[str, Any]) -> None:
    """Raise `TargetError` where any module came from the working tree instead of the checkout."""
    from harness.errors import TargetError  # noqa: PLC0415 - the path had to be arranged first

    for name, module in list(sys.modules.items()):
        origin = getattr(module, "__file__", None)
        # this file itself is the one that the command runs by, under whatever name
        if isinstance(origin, str) and origin != __file__ and _is_source_of(origin, job["origin"], job["roots"]):
            raise TargetError(
                f"the module {name} was imported from the working tree ({origin}), not from the checkout: both sides "
                "would measure the same code; --build-environments installs each commit"
            )


def _is_source_of(path: str, repository: str, roots: Sequence[str]) -> bool:
    resolved = Path(path).resolve()
    installed = {"site-packages", "dist-packages"} & set(resolved.parts) or resolved.is_relative_to(sys.base_prefix)
    return resolved.is_relative_to(repository) and not installed and not _within(path, roots)


def _within(path: str, roots: Sequence[str]) -> bool:
    resolved = Path(path).resolve()
    return any(resolved.is_relative_to(root) for root in roots)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
