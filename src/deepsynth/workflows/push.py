"""The `push` verb: a prepared dataset goes to the Hub, private unless said otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from deepsynth.core.config import Config
from deepsynth.core.progress import Reporter


class PushConfig(Config):
    """What is published where."""

    folder: Path = Path("data/prepared")
    """Folder that `deepsynth prepare` wrote."""
    repo: str = ""
    """Dataset repository on the Hub, as OWNER/NAME; made if it is not there. There is no default on purpose."""
    public: bool = False
    """Publish for everyone to see; else a new repository is private, and an existing public one is refused."""
    replace: bool = False
    """Replace another dataset, or other files, that the repository holds."""
    shards_per_commit: int = Field(default=16, ge=1, le=100)
    """Shards that are sent and indexed in one commit."""
    attempts: int = Field(default=6, ge=1, le=20)
    """How often a call to the Hub is made before giving up; the wait between doubles from one second."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PushResult:
    """What was sent."""

    repo: str
    commit: str
    uploaded: int
    total: int

    def describe(self) -> str:
        """Return where it is and how much was sent."""
        if not self.uploaded:
            return f"{self.repo} holds all {self.total} files already (commit {self.commit[:12]})"
        return (
            f"sent {self.uploaded} of {self.total} files to {self.repo}; all are verified (commit {self.commit[:12]})"
        )


def run(config: PushConfig, reporter: Reporter) -> PushResult:
    """Publish a dataset (see `deepsynth.data.push.Push` for what is refused)."""
    from deepsynth.data.hub_calls import HubCalls
    from deepsynth.data.push import Push

    calls = HubCalls(reporter, config.attempts)
    push = Push(config.folder, config.repo, calls, reporter, shards_per_commit=config.shards_per_commit)
    commit = push.run(public=config.public, replace=config.replace)
    return PushResult(repo=config.repo, commit=commit, uploaded=push.uploaded, total=len(list(push.files())))
