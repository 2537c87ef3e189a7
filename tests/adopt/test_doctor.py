"""`harness doctor`: every planted trap is found at its place, and nothing else; sound set-ups have none."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.adopt.doctor import examine
from harness.adopt.project import Project
from harness.adopt.starter import Wishes, own_scenarios, starter_files
from harness.adopt.traps import TRAPS
from harness.cli import main
from harness.schema import schema_mistakes

ROOT = Path(__file__).resolve().parents[2]
CACHED = """\
class _Base:
    size = 1

    def setup_cache(self):
        return self.size


class Small(_Base):
    def time_it(self, cache):
        pass
"""
SECOND = "\n\nclass Large(_Base):\n    def time_it(self, cache):\n        pass\n"
PLAIN = "def time_it():\n    pass\n"
WORKFLOW = "on: push\njobs:\n  bench:\n    steps:\n      - run: |\n          echo measuring\n          {command}\n"
TRUSTED = """\
on:
  pull_request_target:
jobs:
  bench:
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2
        with:
          ref: ${{ github.event.pull_request.head.sha }}
      - run: harness run
"""
PYTEST = """\
import asyncio


async def flow():
    await asyncio.sleep(0)


def test_flow(benchmark):
    benchmark(flow)
"""
SUITE = "from harness.bridges.asv_suite import ScenarioSuite as _Suite\n\n\nclass Few(_Suite):\n    scenario = 'x'\n"

PLANTED = [
    ("shared-setup-cache", {"benchmarks/cached.py": CACHED + SECOND}, "benchmarks/cached.py", 4),
    (
        "shared-setup-cache",
        {
            "benchmarks/cached.py": "def make(n):\n    class Made:\n        def setup_cache(self):\n"
            "            return self\n\n        def time_it(self, cache):\n            pass\n\n"
            "    return Made\n\n\nOne, Two = make(1), make(2)\n"
        },
        "benchmarks/cached.py",
        3,
    ),
    (
        "shared-setup-cache",
        {
            "benchmarks/cached.py": CACHED.replace("class Small(_Base):", "class _Small(_Base):")
            + "\n\nfor n in 'ab':\n    globals()[n] = type('Made' + n, (_Small,), {})\n"
        },
        "benchmarks/cached.py",
        4,
    ),
    ("async-benchmark", {"benchmarks/a.py": "async def time_it():\n    pass\n"}, "benchmarks/a.py", 1),
    (
        "async-benchmark",
        {"benchmarks/a.py": "class A:\n    async def track_it(self):\n        pass\n"},
        "benchmarks/a.py",
        2,
    ),
    ("leaking-name", {"benchmarks/a.py": "from demo.watch import time_spent\n"}, "benchmarks/a.py", 1),
    (
        "leaking-name",
        {"benchmarks/a.py": "try:\n    from fast import now as track_now\nexcept ImportError:\n    pass\n"},
        "benchmarks/a.py",
        2,
    ),
    (
        "leaking-name",
        {
            "benchmarks/a.py": "class A:\n    def time_it(self):\n        pass\n",
            "benchmarks/b.py": "\nfrom .a import A\n",
        },
        "benchmarks/b.py",
        2,
    ),
    (
        "leaking-name",
        {"benchmarks/a.py": "class Base:\n    def time_it(self):\n        pass\n\n\nclass A(Base):\n    pass\n"},
        "benchmarks/a.py",
        1,
    ),
    (
        "several-wheels",
        {"asv.conf.json": '{\n    "version": 1, "repo": ".",\n    "project": "demo"\n}\n'},
        "asv.conf.json",
        1,
    ),
    (
        "several-wheels",
        {
            "asv.conf.json": '{\n  "version": 1, "repo": ".",  // comments are allowed\n'
            '  "build_command": [\n    "python -m pip wheel -w {build_cache_dir} {build_dir}",\n  ],\n}\n'
        },
        "asv.conf.json",
        4,
    ),
    (
        "undotted-plugin",
        {
            "asv.conf.json": '{\n  "version": 1, "repo": ".", "build_command": [],\n'
            '  "plugins": [".mine", "virtualenv",\n    "tools.their_plugin"]\n}\n'
        },
        "asv.conf.json",
        4,
    ),
    (
        "dead-zone-samples",
        {"benchmarks/a.py": "class A:\n    repeat = 3\n\n    def time_it(self):\n        pass\n"},
        "benchmarks/a.py",
        2,
    ),
    ("dead-zone-samples", {"benchmarks/a.py": PLAIN + "\n\ntime_it.repeat = (1, 4, 10.0)\n"}, "benchmarks/a.py", 5),
    (
        "dead-zone-samples",
        {"benchmarks/a.py": SUITE + "    seeds = '0-4'\n"},
        "benchmarks/a.py",
        6,
    ),
    ("dead-zone-samples", {"Makefile": "bench:\n\tHARNESS_SEEDS=0-5 make all\n"}, "Makefile", 2),
    ("quick-overwrites", {"Makefile": "bench:\n\tasv run --quick HEAD^!\n"}, "Makefile", 2),
    ("quick-overwrites", {"tox.ini": "[testenv]\ncommands =\n    asv run \\\n        -q\n"}, "tox.ini", 3),
    (
        "compare-fail-gate",
        {"pytest.ini": "[pytest]\naddopts = --benchmark-compare --benchmark-compare-fail=mean:5%\n"},
        "pytest.ini",
        2,
    ),
    ("async-in-benchmark", {"tests/test_a.py": PYTEST}, "tests/test_a.py", 9),
    (
        "async-in-benchmark",
        {"tests/test_a.py": PYTEST.replace("benchmark(flow)", "benchmark.pedantic(lambda: flow(), rounds=20)")},
        "tests/test_a.py",
        9,
    ),
    (
        "async-in-benchmark",
        {
            "src/demo/flows.py": "async def answer():\n    pass\n",
            "tests/test_a.py": "from demo.flows import answer\n\n\ndef test_a(benchmark):\n    benchmark(answer)\n",
        },
        "tests/test_a.py",
        5,
    ),
    (
        "async-in-benchmark",
        {"tests/test_a.py": "def test_a(benchmark):\n    @benchmark\n    async def measured():\n        pass\n"},
        "tests/test_a.py",
        3,
    ),
    (
        "not-interleaved",
        {"benchmarks/a.py": PLAIN, "Makefile": "bench:\n\tasv run --record-samples main..HEAD\n"},
        "Makefile",
        2,
    ),
    (
        "samples-not-recorded",
        {".github/workflows/b.yml": WORKFLOW.format(command="asv run HEAD^!")},
        ".github/workflows/b.yml",
        7,
    ),
    (
        "continuous-as-gate",
        {".github/workflows/b.yml": WORKFLOW.format(command="asv continuous --factor 1.1 main HEAD && echo fine")},
        ".github/workflows/b.yml",
        7,
    ),
    (
        "unpinned-action",
        {
            ".github/workflows/b.yml": "on: push\njobs:\n  b:\n    steps:\n      - uses: x/y@v4\n"
            "      - run: harness run\n"
        },
        ".github/workflows/b.yml",
        5,
    ),
    ("untrusted-checkout", {".github/workflows/b.yml": TRUSTED}, ".github/workflows/b.yml", 8),
    (
        "untrusted-checkout",
        {
            ".github/workflows/b.yaml": "on: [workflow_run]\njobs:\n  b:\n    steps:\n"
            "      - run: gh pr checkout 7 && harness run\n"
        },
        ".github/workflows/b.yaml",
        5,
    ),
    ("unregistered-suite", {"benchmarks/__init__.py": ""}, "benchmarks/load_scenarios.py", 5),
    (
        "version-not-digest",
        {"benchmarks/a.py": SUITE + "    version = '1'\n"},
        "benchmarks/a.py",
        6,
    ),
    (
        "version-not-digest",
        {"benchmarks/a.py": "import harness\n\n\ndef track_p95():\n    return harness.run(None)\n"},
        "benchmarks/a.py",
        4,
    ),
]

SOUND = {
    "a cache of its own": {"benchmarks/cached.py": CACHED},
    "a cache that is the same for all": {"benchmarks/cached.py": (CACHED + SECOND).replace("self.size", "7")},
    "names that are hidden": {"benchmarks/a.py": "from demo.watch import time_spent as _time_spent\n"},
    "a dependency-free project": {
        "asv.conf.json": '{"version": 1, "repo": "."}',
        "pyproject.toml": '[project]\nname = "demo"\ndependencies = []\n',
    },
    "quick and dry": {"Makefile": "check:\n\tasv run --quick --dry-run\n\tasv run -q -E existing:python\n"},
    "no gate": {"Makefile": "look:\n\t-asv continuous main HEAD\n\tasv continuous main HEAD || true\n"},
    "a comment": {"ci.sh": "# asv run --quick\n"},
    "one commit": {"benchmarks/a.py": PLAIN, "ci.sh": "asv run --record-samples HEAD^!\n"},
    "interleaved": {"benchmarks/a.py": PLAIN, "ci.sh": "asv run --record-samples --interleave-rounds main..HEAD\n"},
    "many samples": {"benchmarks/a.py": PLAIN + "\n\ntime_it.repeat = (2, 5, 10.0)\n"},
    "another project's workflow": {
        ".github/workflows/docs.yml": "on: push\njobs:\n  d:\n    steps:\n      - uses: x/y@v1\n"
    },
    "a coroutine that is run": {
        "tests/test_a.py": PYTEST.replace("benchmark(flow)", "benchmark(lambda: asyncio.run(flow()))")
    },
    "a version that says what it measures": {
        "benchmarks/a.py": "import harness\n\n\nclass A:\n    version = digest()\n\n    def track_it(self):\n"
        "        return harness.run(None)\n"
    },
}


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """A project as `harness init` leaves it."""
    project = Project(
        root=tmp_path,
        name="demo",
        package="demo",
        source=Path("src/demo"),
        layout="src",
        backend="hatchling",
        manager="pip",
        python="3.13",
        branch="main",
        tests=Path("tests"),
    )
    files = starter_files(project, Wishes(), "benchmarks", own_scenarios("benchmarks"))
    write(tmp_path, {path.as_posix(): text for path, text in files.items()})
    return tmp_path


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def doctor(*words: str) -> Result:
    return CliRunner().invoke(main, ["doctor", *words], catch_exceptions=False)


@pytest.mark.parametrize(("trap", "files", "path", "line"), PLANTED)
def test_a_planted_trap_is_found_and_nothing_else(
    sound: Path, trap: str, files: dict[str, str], path: str, line: int
) -> None:
    write(sound, files)
    found = examine(sound)
    assert [(one.trap, one.path, one.line) for one in found.findings] == [(trap, path, line)]
    assert found.exit_code == 3
    assert path in found.examined


def test_an_asv_of_a_subfolder_is_found(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "perf/asv.conf.json": '{"version": 1, "repo": "..", "benchmark_dir": "suites", "build_command": []}',
            "perf/suites/__init__.py": "",
            "perf/suites/a.py": "async def time_it():\n    pass\n",
        },
    )
    (one,) = examine(tmp_path).findings
    assert (one.path, one.trap) == ("perf/suites/a.py", "async-benchmark")


def test_every_trap_is_planted() -> None:
    assert {trap for trap, *_ in PLANTED} == set(TRAPS)


@pytest.mark.parametrize("name", SOUND)
def test_what_only_looks_like_a_trap_is_none(sound: Path, name: str) -> None:
    write(sound, SOUND[name])
    found = examine(sound)
    assert found.findings == ()
    assert found.exit_code == 0


def test_what_init_writes_is_sound(sound: Path) -> None:
    found = examine(sound)
    assert (found.findings, found.unreadable) == ((), ())
    assert len(found.examined) >= 6


def test_this_repository_is_sound() -> None:
    done = doctor(str(ROOT))
    assert done.exit_code == 0, done.output


def test_a_finding_says_where_what_why_and_the_mend(sound: Path) -> None:
    write(sound, {"benchmarks/a.py": "async def time_it():\n    pass\n"})
    done = doctor(str(sound))
    assert done.exit_code == 3
    assert "benchmarks/a.py:1: async-benchmark\n  found: async def time_it\n  why:   asv calls" in done.output
    assert "  mend:  time a plain function" in done.output
    assert done.output.endswith("1 finding in 9 files\n")


def test_the_document_fits_its_schema(sound: Path) -> None:
    write(sound, {"benchmarks/a.py": "async def time_it():\n    pass\n", "harness.toml": "clock = 3\n"})
    done = doctor(str(sound), "--json")
    document = json.loads(done.stdout)
    assert schema_mistakes("doctor", document) == []
    assert (done.exit_code, document["exit_code"]) == (2, 2)
    assert [one["trap"] for one in document["findings"]] == ["async-benchmark"]
    assert document["unreadable"] == [f"{sound}/harness.toml: clock: expected one of wall, virtual, hybrid, found 3"]


GARBAGE = {
    "asv.conf.json": (b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"a": 1}}', b""),
    "pyproject.toml": (b"= 3", b"\xff", b"[tool.harness]\nclock = 'warp'"),
    "harness.toml": (b"= 3", b"\x00"),
    "benchmarks/a.py": (b"def (", b"\x00", b"\xff\xfe", b"(" * 5000, b"x = " + b"-" * 100_000 + b"1"),
    "tests/test_a.py": (b"def f(:\n",),
    ".github/workflows/b.yml": (b"a: [", b"\xff", b"a: b: c", b"\x00", b"- " * 5000, b"x: &a [*a"),
    "Makefile": (b"\xff\xfe\x00",),
}


@pytest.mark.parametrize(("name", "content"), [(name, one) for name, all_ in GARBAGE.items() for one in all_])
def test_garbage_is_named_without_a_traceback(sound: Path, name: str, content: bytes) -> None:
    (sound / name).write_bytes(content)
    done = doctor(str(sound))
    assert done.exit_code == 2, done.output
    assert f"unreadable: {sound / name}: " in done.output
    assert ": expected " in done.output
    assert "Traceback" not in done.output


def test_a_file_that_may_not_be_read_or_is_none_is_named(sound: Path) -> None:
    (sound / "benchmarks/a.py").symlink_to(sound / "nowhere")
    done = doctor(str(sound))
    assert done.exit_code == 2
    assert "benchmarks/a.py: file: expected a file that can be read, found no such file or directory" in done.output


def test_a_pipe_is_not_waited_for(sound: Path) -> None:
    os.mkfifo(sound / ".github/workflows/pipe.yml")
    done = doctor(str(sound))
    assert done.exit_code == 2
    assert "pipe.yml: file: expected a plain file, found a pipe, a socket or a device" in done.output


def test_harmless_oddities_are_no_reason_to_stop(sound: Path) -> None:
    write(
        sound, {".github/workflows/empty.yml": "", "benchmarks/empty.py": "", ".github/workflows/text.yml": "harness"}
    )
    (sound / ".github/workflows/tags.yml").write_text(
        "on: !!python/object:os.system harness\n? [1, 2]\n: {run: [asv]}\n"
    )
    assert doctor(str(sound)).exit_code == 0


def test_a_folder_with_nothing_in_it_is_not_called_sound(tmp_path: Path) -> None:
    done = doctor(str(tmp_path))
    assert done.exit_code == 3
    assert "nothing to examine" in done.output
    assert doctor(str(tmp_path / "nowhere")).exit_code == 2


def test_nothing_of_the_repository_is_imported(sound: Path) -> None:
    write(sound, dict.fromkeys(("benchmarks/a.py", "tests/test_a.py", "demo.py"), "raise SystemExit('imported')\n"))
    assert doctor(str(sound)).exit_code == 0
