"""The blocks of code in README.md and docs/: where they stand, and whether they say that they cannot be run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(path for path in (ROOT / "docs").rglob("*.md") if "reference" not in path.parts)]
BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>.*?) -->\n)?```(?P<language>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
SHELL, PYTHON = ("", "bash", "sh", "shell", "console"), ("python", "py")
REASONS = (
    "a clean machine",
    "a container engine",
    "a server",
    "a store",
    "an accelerator",
    "other software",
    "several machines",
    "several processes",
    "the Hub",
    "the published size",
    "the whole tests",
)
"""What a block may want that a test has not got; it is said in a comment above the block that no reader sees."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """One block of code."""

    page: str
    line: int
    language: str
    text: str
    reason: str | None
    """Why it is not run; none when it is."""

    @property
    def is_shell(self) -> bool:
        return self.language in SHELL

    @property
    def is_python(self) -> bool:
        return self.language in PYTHON

    def commands(self) -> Iterator[str]:
        """Yield each line that a user would type, continued lines joined."""
        for line in self.text.replace("\\\n", " ").splitlines():
            if line.strip():
                yield re.sub(r"^\$ ", "", line.strip())

    def deepsynth(self) -> Iterator[list[str]]:
        """Yield the words of each `deepsynth VERB ...`, without the first and without comments."""
        for command in self.commands():
            if command.startswith("deepsynth "):
                yield shlex.split(command, comments=True)[1:]


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of a page in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            page=page.relative_to(ROOT).as_posix(),
            line=text.count("\n", 0, found.start("text")),
            language=found["language"].strip(),
            text=found["text"],
            reason=found["reason"],
        )
        for found in BLOCK.finditer(text)
    ]


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
