"""What the documents say of the code is so, and what they link to is there."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from harness.errors import ExitCode
from harness.schema import schema_names
from tests.docs.blocks import ROOT, documents, name_of

sys.path.insert(0, str(ROOT / "docs" / "_extensions"))
from generated import listed

README = (ROOT / "README.md").read_text(encoding="utf-8")
DECISIONS = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")


def test_the_exit_codes_are_those_of_the_code() -> None:
    table = re.findall(r"^\| (\d+) \| ([a-z ]+) \|", README, flags=re.MULTILINE)
    assert {int(code): name.strip() for code, name in table} == {
        code.value: code.name.lower().replace("_", " ") for code in ExitCode
    }


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_links_within_the_repository_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


def test_every_document_is_reached_from_the_index() -> None:
    """By the lists of the pages that have some below them; `make docs` holds the site to the same."""
    docs = ROOT / "docs"
    waiting, reached = ["index"], set()
    while waiting:
        page = waiting.pop()
        reached.add(page)
        text = (docs / f"{page}.md").read_text(encoding="utf-8")
        if "<!-- navigation -->" in text:
            waiting += [str(Path(page).parent / one) for one in listed(text)]
    written = {path.relative_to(docs).with_suffix("").as_posix() for path in docs.glob("**/*.md")}
    assert reached == written, f"a page is to list {sorted(written - reached)}: docs/how-to.md, or another of the four"


def test_every_schema_and_every_example_has_its_page() -> None:
    pages = {path.stem for path in (ROOT / "docs" / "reference" / "schemas").glob("*.md")}
    assert pages | {"scenario", "settings"} == set(schema_names())
    examples = {path.parent.name for path in ROOT.glob("examples/*/README.md")}
    assert {path.stem for path in (ROOT / "docs" / "examples").glob("*.md")} == examples


def dependencies() -> set[str]:
    """Every distribution that pyproject.toml asks for, to run, as an extra, to build or to develop."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    asked += [one for extra in project["project"]["optional-dependencies"].values() for one in extra]
    names = {re.split(r"[\[>=<; ]", one, maxsplit=1)[0] for one in asked}
    return names - {"agent-load-harness"}


@pytest.mark.parametrize("name", sorted(dependencies()))
def test_every_dependency_is_decided(name: str) -> None:
    spoken = name.removeprefix("types-").replace("-", "[-_ ]")
    assert re.search(rf"\b{spoken}\b", DECISIONS, flags=re.IGNORECASE), f"docs/decisions.md does not name {name}"


def test_the_site_is_built_as_a_part_of_make_test() -> None:
    asked = subprocess.run(["make", "--dry-run", "docs"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.search(r"sphinx .*-W .*docs", asked.stdout), asked.stdout
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^test:.* docs\b", makefile, flags=re.MULTILINE)
