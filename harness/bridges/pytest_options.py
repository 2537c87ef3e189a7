"""What a user may set for `load_scenario`: options, each with an ini twin, all checked before any test runs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import pytest

from harness.bridges.seeds import LARGEST_SEED, MOST_SEEDS, parse_seeds
from harness.errors import HarnessError, UnitError

if TYPE_CHECKING:
    from harness.bridges.settings import Settings
    from harness.drive.clock import ClockName

_Value = TypeVar("_Value")

_GRACES_S = (0.01, 86_400.0)
_YES, _NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")

_OF_PROJECT = {"target", "clock", "file", "report_dir"}
"""What is taken from the project's settings where neither an option nor the ini file says it."""
_TABLE = b"tool.harness"

_HELP = {
    "target": (
        "TARGET",
        "What is put under load: builtin (default), module:attribute, path/to/file.py:attribute or "
        "langgraph:module:graph.",
    ),
    "clock": (
        "CLOCK",
        "wall (default: really waits), virtual (jumps; exact, and the same on every machine) or hybrid (jumps, but "
        "counts what the target itself takes).",
    ),
    "patch-time": (
        "",
        "On virtual and hybrid: give the target's own time.sleep, time.monotonic and their like the run's clock.",
    ),
    "job-grace": (
        "SECONDS",
        "On virtual: the real time for which one thread, child process or peer may hold the clock (default 10).",
    ),
    "seed": ("N", "Seed of the first replication (default 0); replication k has seed N + k."),
    "seeds": ("LIST", "The seeds themselves, such as 0-9 or 3,7,20-29: one replication each. Instead of --load-seed."),
    "rounds": ("N", "Replications of each scenario (default 1). One replication is one round of pytest-benchmark."),
    "report-dir": (
        "DIR",
        "Where each scenario's report is written (default: beside the file of --benchmark-json, else reports/ in the "
        "root directory). Nothing there is overwritten.",
    ),
    "file": ("FILE", "A TOML file of scenarios that extends the built-in catalog."),
}


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """The settings of one session, as a test that says nothing else gets them.

    `report_dir` is absolute; `job_grace_s` None leaves the grace of outside work to the run.
    """

    target: str
    clock: ClockName
    seeds: tuple[int, ...]
    report_dir: Path
    file: Path | None
    patch_time: bool = False
    job_grace_s: float | None = None


class Setting(NamedTuple):
    """One setting as the user wrote it.

    `origin` is what to call its place, `folder` is where its paths start from, `typed` tells the command line from the
    ini file.
    """

    text: str
    origin: str
    folder: Path
    typed: bool

    def path(self) -> Path:
        """The text as an absolute path."""
        return (self.folder / self.text).absolute()


def add_options(parser: pytest.Parser) -> None:
    """Declare every option and its ini twin (`--load-report-dir` and `load_report_dir`)."""
    group = parser.getgroup("load", "load scenarios (agent-load-harness)")
    for name, (metavar, text) in _HELP.items():
        takes: dict[str, Any] = {"metavar": metavar} if metavar else {"action": "store_const", "const": _YES[0]}
        group.addoption(f"--load-{name}", dest=_key(name), default=None, help=text, **takes)
        parser.addini(_key(name), f"Same as --load-{name}.", type="string", default="")


def read_options(config: pytest.Config) -> LoadOptions:
    """The settings of this session; raises `pytest.UsageError` that names every one that cannot be."""
    settings = _Settings(config)
    options = LoadOptions(
        target=settings.value("target", _target, "builtin"),
        clock=settings.value("clock", _clock, "wall"),
        seeds=_seeds(settings),
        report_dir=settings.value("report-dir", _folder, _default_folder(config)),
        file=settings.value("file", _file, None),
        patch_time=settings.value("patch-time", _yes_or_no, False),
        job_grace_s=settings.value("job-grace", _grace, None),
    )
    if settings.mistakes:
        raise pytest.UsageError("\n".join(settings.mistakes))
    return options


def check_in_full(options: LoadOptions) -> None:
    """Import the target and read the file of scenarios; raises `pytest.UsageError` where that cannot be done."""
    from harness.drive.opening import target_factory  # noqa: PLC0415 - numpy and all, for sessions that run a load
    from harness.scenario.load import load_scenarios  # noqa: PLC0415

    try:
        load_scenarios(options.file)
        target_factory(options.target)
    except HarnessError as error:
        raise pytest.UsageError(as_options(str(error))) from error


def as_options(text: str) -> str:
    """`text`, which speaks of the options of `harness run`, with the names that they have here."""
    return re.sub(r"--(target|clock|seed|report-dir|patch-time|job-grace)\b", r"--load-\1", text)


# --------------------------------------------------------------------------- where settings come from


def _key(name: str) -> str:
    return f"load_{name.replace('-', '_')}"


class _Settings:
    """What the user wrote, by the option's name, and what is wrong with it."""

    def __init__(self, config: pytest.Config) -> None:
        project = _project(config.rootpath)
        self.found = {name: setting for name in _HELP if (setting := _setting(config, name, project)) is not None}
        self.mistakes: list[str] = []

    def value(self, name: str, read: Callable[[Setting], _Value], default: _Value) -> _Value:
        """What `read` makes of the setting; `default` where there is none, or where it is a mistake."""
        setting = self.found.get(name)
        if setting is None:
            return default
        try:
            return read(setting)
        except UnitError as error:
            self.mistakes.append(f"{setting.origin}: expected {error.allowed}, found {error.found}")
            return default


def _setting(config: pytest.Config, name: str, project: Settings | None) -> Setting | None:
    given = config.getoption(_key(name))
    if given is not None:
        return Setting(str(given), f"--load-{name}", Path(config.invocation_params.dir), typed=True)
    written = str(config.getini(_key(name)))
    folder = config.inipath.parent if config.inipath else config.rootpath
    if written:
        return Setting(written, f"ini option {_key(name)}", folder, typed=False)
    return _of_project(config, name, project)


def _of_project(config: pytest.Config, name: str, project: Settings | None) -> Setting | None:
    key = name.replace("-", "_")
    if project is None or key not in _OF_PROJECT or key not in project.values:
        return None
    text, origin = str(project.values[key]), f"{project.source}: {key}"
    if key == "target" and text.rpartition(":")[0].endswith(".py"):
        # a target's path starts from the working directory
        text = os.path.relpath(config.rootpath / text, config.invocation_params.dir)
    return Setting(text, origin, config.rootpath, typed=False)


def _project(folder: Path) -> Settings | None:
    """What `harness.toml` of the root directory says, or `[tool.harness]`: the same that `harness run` goes by."""
    pyproject = folder / "pyproject.toml"
    # most sessions have none, and are not to wait for a parser
    if not (folder / "harness.toml").is_file() and not (pyproject.is_file() and _TABLE in pyproject.read_bytes()):
        return None
    from harness.bridges.settings import read_settings  # noqa: PLC0415 - see above

    try:
        return read_settings(folder)
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from error


def _default_folder(config: pytest.Config) -> Path:
    beside = config.getoption("benchmark_json", None)
    return Path(beside).absolute().parent if beside else config.rootpath / "reports"


# --------------------------------------------------------------------------- what each may say


def _target(setting: Setting) -> str:
    if not setting.text.strip():
        raise UnitError("nothing", "the name of a target")
    return setting.text.strip()


def _clock(setting: Setting) -> ClockName:
    from harness.drive.clock import CLOCKS  # noqa: PLC0415 - brings asyncio, so only where a clock was chosen

    for name in CLOCKS:
        if setting.text == name:
            return name  # type: ignore[return-value]  # CLOCKS holds the values of ClockName
    raise UnitError(repr(setting.text), f"one of {', '.join(CLOCKS)}")


def _yes_or_no(setting: Setting) -> bool:
    text = setting.text.strip().lower()
    if text not in (*_YES, *_NO):
        raise UnitError(repr(setting.text), "true or false")
    return text in _YES


def _grace(setting: Setting) -> float:
    text = setting.text.strip()
    try:
        return grace_s(float(text) if text.isascii() and "_" not in text else text)
    except ValueError:
        raise grace_refused(repr(setting.text)) from None


def grace_s(value: object) -> float:
    """`value` as a grace in seconds; raises `UnitError` for anything that is not a number in range."""
    least_s, most_s = _GRACES_S
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not least_s <= value <= most_s:
        raise grace_refused(repr(value))
    return float(value)


def grace_refused(found: str) -> UnitError:
    """What to say where a grace is none."""
    return UnitError(found, "a number of seconds from {:g} to {:.0f}".format(*_GRACES_S))


def _whole(low: int, high: int) -> Callable[[Setting], int]:
    def read(setting: Setting) -> int:
        text = setting.text.strip()
        if not (text.isascii() and text.isdecimal()) or len(text) > 19 or not low <= int(text) <= high:
            raise UnitError(repr(setting.text), f"a whole number from {low} to {high}")
        return int(text)

    return read


def _seeds(settings: _Settings) -> tuple[int, ...]:
    """`seeds` are taken as they are; `seed` and `rounds` count up. What was typed goes before the ini file."""
    rounds = settings.value("rounds", _whole(1, MOST_SEEDS), 1)
    listed, first = settings.found.get("seeds"), settings.found.get("seed")
    if listed is not None and first is not None and first.typed == listed.typed:
        settings.mistakes.append(f"{first.origin} and {listed.origin}: expected one of the two, found both")
    if listed is None or (first is not None and first.typed and not listed.typed):
        start = settings.value("seed", _whole(0, LARGEST_SEED - MOST_SEEDS), 0)
        return tuple(range(start, start + rounds))
    seeds = settings.value("seeds", lambda setting: parse_seeds(setting.text), tuple(range(rounds)))
    counted = settings.found.get("rounds")
    if counted is not None and counted.typed >= listed.typed and rounds != len(seeds):
        settings.mistakes.append(
            f"{counted.origin}: expected {len(seeds)}, the number of seeds in {listed.origin}, found {rounds}"
        )
    return seeds


def _folder(setting: Setting) -> Path:
    if not setting.text.strip():
        raise UnitError("nothing", "the name of a folder (. for the one that its path is taken from)")
    path = setting.path()
    if path.exists() and not path.is_dir():
        raise UnitError(f"the file {setting.text}", "a folder, or a name that is still free")
    return path


def _file(setting: Setting) -> Path:
    path = setting.path()
    if not path.is_file():
        raise UnitError(f"nothing at {path}", "a TOML file of scenarios")
    return path
