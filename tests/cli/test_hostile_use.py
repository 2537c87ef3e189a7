"""Wrong input of every kind, over every command: one screen that names what is wrong, the right code, no traceback."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.cli_help import COMMANDS
from harness.errors import ExitCode

WRONG = """
run ''
run 10_concurrent_workflows -n 0
run 10_concurrent_workflows --seed 99999999999999999999999
run -f d
run -f bin.toml
run -f ff_missing
run -f dangling
run -t ex.py:h
run -t plain.py:x
run -t plain.py:y.z
run -t flow.py:
run -t :h
run -t ''
run -t http://
run -t 'http://['
run -t langgraph:
run -t langgraph:flow:h
run -t 'a b:c'
run 10_concurrent_workflows -c virtual --html d
run 10_concurrent_workflows -c virtual --junit d
run 10_concurrent_workflows -c virtual --csv x.csv --soak
run 10_concurrent_workflows --soak -n 2
run 10_concurrent_workflows --workers 2
run 10_concurrent_workflows --resume j.json
run 10_concurrent_workflows --checkpoint 5
run 10_concurrent_workflows -c virtual --job-grace nan
run 10_concurrent_workflows --scheduler ''
run 10_concurrent_workflows --loop uvloop -c virtual
run 10_concurrent_workflows --precise -c virtual
run 10_concurrent_workflows --report-dir txt
run 10_concurrent_workflows --json --markdown -c virtual
show
show a b
show 10_concurrent_workflows -f j.json
list -f txt
list extra
report
report d
report j.json
report txt
report dangling
report /dev/null
report j.json --html x.html
compare j.json j.json
compare d d
compare asv: asv:
compare txt txt
compare d d --waivers txt
compare d d --history nowhere
continuous HEAD HEAD
continuous nonsense HEAD
continuous HEAD~1 HEAD --rounds 5 --max-rounds 2
continuous HEAD HEAD --budget soon
history txt
history asv:nowhere
history d --html
capacity
capacity 10_concurrent_workflows --from 10 --to 5
capacity 10_concurrent_workflows --from -1
capacity 10_concurrent_workflows --from nan
capacity 10_concurrent_workflows --budget 0s
capacity 10_concurrent_workflows --plot x.gif
sweep 10_concurrent_workflows
sweep 10_concurrent_workflows --set
sweep 10_concurrent_workflows --set agents
sweep 10_concurrent_workflows --set agents=
sweep 10_concurrent_workflows --set agents=a..b
sweep 10_concurrent_workflows --set agents=10..1/0
sweep 10_concurrent_workflows --set agents=1..1000000000/1
sweep 10_concurrent_workflows --set agents=5 --out x.doc
sweep 10_concurrent_workflows --set agents=5 --metric ''
sweep 10_concurrent_workflows --set agents=5 --scheduler ''
advise 10_concurrent_workflows -n 1
advise 10_concurrent_workflows --apply x.json
advise 10_concurrent_workflows --apply d
calibrate j.json
calibrate j.json --tolerance 0%
calibrate j.json --tolerance lots
calibrate missing.json -o d
init --package 'not a name'
init --target ''
init --action nonsense
init --branch ''
init --force --skip-existing
doctor nowhere
doctor txt
fake-llm --port 99999
fake-llm --error 500
fake-llm --error 500=lots
fake-llm --error 500=5% --error "500 =6%"
fake-llm --host ''
fake-llm --first-token soon
fake-llm --requests 5
fake-llm -f j.json
fake-llm --concurrent -5
github
github comment --comparison j.json
github comment --comparison j.json --dry-run
github alert d
github alert d --key 'a b'
schema ../report
schema ''
completion tcsh
completion bash zsh
nonsense
--nonsense
-c virtual
run --file
run -f flow.py
run --target=flow.py:h --target=plain.py:x 10_concurrent_workflows -c virtual
compare '' ''
history ''
""".strip().splitlines()

LONGEST = 40
NOT_ENOUGH = {"compare d d", "github alert d"}
"""An empty folder is no mistake in what was typed: there is nothing to judge."""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_TOKEN", "GITHUB_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)
    Path("d").mkdir()
    Path("dangling").symlink_to("nowhere")
    for name, text in {
        "bin.toml": "\xff\xfe",
        "j.json": '{"a": 1}',
        "txt": "nope",
        "ex.py": "raise SystemExit(3)",
        "flow.py": "async def h(w): pass",
        "plain.py": "x = 1",
    }.items():
        Path(name).write_text(text, encoding="latin-1")


def harness(typed: str) -> Result:
    return CliRunner().invoke(main, shlex.split(typed), catch_exceptions=False)


@pytest.mark.parametrize("typed", WRONG)
def test_wrong_input_is_told_in_one_screen(typed: str) -> None:
    before = set(Path().iterdir())
    done = harness(typed)
    assert done.exit_code == (ExitCode.NOT_ENOUGH if typed in NOT_ENOUGH else ExitCode.USAGE), done.output
    assert "Traceback" not in done.output
    assert 1 <= len(done.output.splitlines()) <= LONGEST
    assert "\x1b" not in done.output
    assert set(Path().iterdir()) == before, "something was half written, or an empty folder left behind"


READING = """
history NAME
history asv:NAME
compare NAME d
compare d d --history NAME
compare d d --waivers NAME
doctor NAME
report NAME
calibrate NAME
run -f NAME
run -t NAME.py:h
github comment --dry-run --comparison NAME
""".strip().splitlines()


@pytest.mark.parametrize("typed", READING)
def test_what_the_system_refuses_to_look_at_is_named(typed: str) -> None:
    name = "x" * 300  # longer than any name of a file may be
    done = harness(typed.replace("NAME", name))
    assert done.exit_code == ExitCode.USAGE
    assert name in done.output
    assert "the output cannot be written" not in done.output
    assert "file name too long" in done.output.lower()


def test_no_command_was_left_out() -> None:
    tried = {typed.split()[0] for typed in WRONG}
    assert {name for names in COMMANDS.values() for name in names} <= tried


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_closed_streams_end_a_command_as_open_ones_do(closed: str) -> None:
    command = f"{shlex.quote(sys.executable)} -m harness run 10_concurrent_workflows -c virtual {closed}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == ExitCode.HELD, done.stderr
    assert done.stderr == ""
    (report,) = Path("reports").glob("*.json")
    assert report.read_text(encoding="utf-8").startswith("{")
    assert report.read_text(encoding="utf-8").rstrip().endswith("}")
