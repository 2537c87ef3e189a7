"""What is to be written, held against what is there: nothing of a user's is replaced unasked."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import DeclarationError, Mistake

NEW, SAME, DIFFERS, AMENDED = "new", "same", "differs", "amended"


@dataclass(frozen=True, slots=True)
class Planned:
    """One file. `before` is what stands there now, None where nothing does."""

    path: Path
    text: str
    before: str | None
    state: str
    """`new`; `same`: nothing to do; `differs`: a file of the user's; `amended`: lines are added, none is changed."""

    @property
    def diff(self) -> str:
        """From what is there to what is planned, as a patch that `git apply` takes."""
        path = self.path.as_posix()
        lines = difflib.unified_diff(
            (self.before or "").splitlines(keepends=True),
            self.text.splitlines(keepends=True),
            f"a/{path}" if self.before is not None else "/dev/null",
            f"b/{path}",
        )
        body = "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
        mode = "" if self.before is not None else "new file mode 100644\n"
        return f"diff --git a/{path} b/{path}\n{mode}{body}"


def plan(root: Path, files: Mapping[Path, str], amended: Mapping[Path, str]) -> list[Planned]:
    """Every file with its state. Raises `DeclarationError` for each place where no file of ours can stand."""
    mistakes = [mistake for path in (*files, *amended) for mistake in _obstacles(root, path)]
    if mistakes:
        raise DeclarationError("init", mistakes)
    whole = [planned(root, path, text) for path, text in files.items()]
    return whole + [planned(root, path, text, AMENDED) for path, text in amended.items()]


def refuse(files: Iterable[Planned]) -> None:
    """Raise `DeclarationError` that names every file which would be replaced."""
    allowed = "what init writes there (--force replaces it, --skip-existing keeps it, on a terminal init asks)"
    found = "a file of yours that differs; nothing was written"
    mistakes = [Mistake(one.path.as_posix(), found, allowed) for one in files if one.state == DIFFERS]
    if mistakes:
        raise DeclarationError("init", mistakes)


def planned(root: Path, path: Path, text: str, changed: str = DIFFERS) -> Planned:
    """One file with its state, which is `changed` where something else is there. Raises `DeclarationError`."""
    if mistakes := _obstacles(root, path):
        raise DeclarationError("init", mistakes)
    before = _read(root, path)
    state = NEW if before is None else SAME if before == text else changed
    return Planned(path, text, before, state)


def _read(root: Path, path: Path) -> str | None:
    try:
        return (root / path).read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        return "(not UTF-8 text)\n"
    except OSError as error:
        mistake = Mistake(path.as_posix(), error.strerror or str(error), "a file that can be read")
        raise DeclarationError("init", [mistake]) from error


def _obstacles(root: Path, path: Path) -> list[Mistake]:
    whole = root / path
    if not whole.resolve().is_relative_to(root.resolve()):
        return [Mistake(path.as_posix(), "a link that leads out of the repository", "a file within it")]
    if whole.exists() and not whole.is_file():
        return [Mistake(path.as_posix(), "no plain file", "a file, or a name that is still free")]
    for above in path.parents:
        if (root / above).exists() and not (root / above).is_dir():
            return [Mistake(above.as_posix(), "no folder", "a folder, or a name that is still free")]
    return []
