"""The one issue about the main branch: opened, edited, closed and opened again as its metrics stand.

It is found by its marker and its author. Whoever closes it by hand accepts what it says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.bridges.github_api import GitHubApi
from harness.bridges.github_comment import number_of, once
from harness.bridges.github_job import Access
from harness.bridges.github_standing import Standing, standing
from harness.bridges.series import Past
from harness.errors import ExitCode
from harness.report.alert_issue import (
    KIND,
    Known,
    Places,
    alert_body,
    alert_title,
    known_in,
    recovered_comment,
    worse_comment,
)
from harness.report.hidden_state import revealed


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the user may choose."""

    author: str
    key: str
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """Our issue as it is."""

    number: int
    open: bool
    title: str
    body: str
    known: tuple[Known, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of it: `said` is a line for the log, `body` what the issue says or would say."""

    said: str
    body: str = ""
    exit_code: ExitCode = ExitCode.HELD


def keep_issue(api: GitHubApi, access: Access, past: Past, wishes: Wishes) -> Done:
    """Bring the issue in line with `past`. Raises `GitHubError` for what the API refuses."""
    if not any(one.history.newest != "too short" for one in past.series):
        said = "too few commits to tell: no series is long enough, and the issue is left as it is"
        return Done(said=said, exit_code=ExitCode.NOT_ENOUGH)
    keeper = _Keeper(api, access, wishes, past)
    issue = keeper.find()
    stands = standing(past, issue.known if issue else ())
    if issue is not None and issue.open:
        return keeper.keep_open(issue, stands)
    if not stands.new:
        accepted = " that nobody accepted by closing the issue" if issue and stands.alerts else ""
        return Done(said=f"no metric stands worse{accepted}")
    return keeper.reopen(issue, stands) if issue else keeper.open(stands)


@dataclass(frozen=True, slots=True)
class _Keeper:
    api: GitHubApi
    access: Access
    wishes: Wishes
    past: Past

    def find(self) -> Issue | None:
        """Our issue: the open one, else the newest."""
        mine = [issue for item in self._listing() if (issue := self._ours(item)) is not None]
        return max(mine, key=lambda one: (one.open, one.number), default=None)

    def open(self, stands: Standing) -> Done:
        content = self._content(stands)

        def create() -> str:
            return f"opened issue #{number_of(self.api.send('POST', self._where, content), 'issue')}"

        def there(issue: Issue) -> str:
            return f"opened issue #{issue.number}"

        said = self._dry or once(self.find, there, create)
        return Done(said=said, body=content["body"])

    def reopen(self, issue: Issue, stands: Standing) -> Done:
        content = self._content(stands)
        self._edit(issue, {**content, "state": "open"})
        self._say(issue, worse_comment(stands.new))
        return Done(said=self._dry or f"opened issue #{issue.number} again", body=content["body"])

    def keep_open(self, issue: Issue, stands: Standing) -> Done:
        content = self._content(stands)
        if not stands.alerts and not stands.untold:
            self._edit(issue, {**content, "state": "closed", "state_reason": "completed"})
            self._say(issue, recovered_comment(stands.recovered))
            return Done(said=self._dry or f"closed issue #{issue.number}: every metric recovered", body=content["body"])
        if (issue.title, issue.body) == (content["title"], content["body"].rstrip()):
            return Done(said=f"issue #{issue.number} says what is so", body=content["body"])
        self._edit(issue, content)
        if stands.new:
            self._say(issue, worse_comment(stands.new))
        return Done(said=self._dry or f"edited issue #{issue.number}", body=content["body"])

    # ----------------------------------------------------------------------- asking and telling

    @property
    def _where(self) -> str:
        return f"repos/{self.access.repository}/issues"

    @property
    def _dry(self) -> str:
        return "dry run: no issue was touched" if self.wishes.dry_run else ""

    def _content(self, stands: Standing) -> dict[str, Any]:
        places = Places(
            key=self.wishes.key,
            source=self.past.source,
            repository_url=f"{self.access.server_url}/{self.access.repository}",
        )
        return {
            "title": alert_title(stands.alerts, stands.untold, self.wishes.key),
            "body": alert_body(stands.alerts, stands.untold, places),
        }

    def _listing(self) -> list[dict[str, Any]]:
        return list(self.api.pages(self._where, state="all", creator=self.wishes.author))

    def _ours(self, item: dict[str, Any]) -> Issue | None:
        body, author = item.get("body"), (item.get("user") or {}).get("login")
        if not isinstance(body, str) or author != self.wishes.author or "pull_request" in item:
            return None
        state = revealed(body, KIND, self.wishes.key)
        if state is None:
            return None
        # a service may turn line ends and cut the last one
        same = body.replace("\r\n", "\n").rstrip()
        return Issue(
            number=number_of(item, "issues"),
            open=item.get("state") == "open",
            title=str(item.get("title")),
            body=same,
            known=known_in(state),
        )

    def _edit(self, issue: Issue, fields: dict[str, Any]) -> None:
        if not self.wishes.dry_run:
            self.api.send("PATCH", f"{self._where}/{issue.number}", fields)

    def _say(self, issue: Issue, text: str) -> None:
        if not self.wishes.dry_run:
            self.api.send("POST", f"{self._where}/{issue.number}/comments", {"body": text})
