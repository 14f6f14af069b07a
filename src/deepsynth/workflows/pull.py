"""The `pull` verb: a published dataset comes back from the Hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from deepsynth.core.config import Config
from deepsynth.core.progress import Reporter


class PullConfig(Config):
    """What is fetched to where."""

    repo: str = ""
    """Dataset repository on the Hub, as OWNER/NAME."""
    out: Path = Path("data/pulled")
    """Folder to write; running again fetches what is missing or damaged."""
    revision: str | None = None
    """Branch, tag or commit; none means the newest."""
    attempts: int = Field(default=6, ge=1, le=20)
    """How often a call to the Hub is made before giving up; the wait between doubles from one second."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PullResult:
    """What was fetched."""

    repo: str
    out: Path
    downloaded: int
    total: int

    def describe(self) -> str:
        """Return where it is and how much was fetched."""
        return f"fetched {self.downloaded} of {self.total} files of {self.repo} into {self.out}; all are verified"


def run(config: PullConfig, reporter: Reporter) -> PullResult:
    """Fetch a dataset (see `deepsynth.data.pull.Pull` for what is refused)."""
    from deepsynth.data.hub_calls import HubCalls
    from deepsynth.data.pull import Pull

    pull = Pull(config.repo, config.out, HubCalls(reporter, config.attempts), reporter)
    total = pull.run(config.revision)
    return PullResult(repo=config.repo, out=config.out, downloaded=pull.downloaded, total=total)
