"""Installed Python packages: the README is the document, the one-line Summary is the summary.

Real text that needs no network and no apt, wherever Python runs. There are about as many rows as installed packages
(40 to 300), each some hundred words long; the license of each text is that of its package.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions

from deepsynth.core.documents import Document, Record
from deepsynth.data.config import SourceConfig
from deepsynth.data.sources.base import Rejection, RowSource, make_fingerprint, sources
from deepsynth.data.sources.columns import RowError, check_text

_RULE_CHARACTERS = frozenset("=-~^\"'*#+_|:. \t")
_INLINE = (
    # Every repetition is bounded and none is nested: a README may hold anything, and time must stay linear.
    (re.compile(r"!\[[^\]]{0,200}\](?:\([^)]{0,1000}\)|\[[^\]]{0,200}\])"), ""),
    (re.compile(r"\[([^\]\[]{0,400})\](?:\([^)]{0,1000}\)|\[[^\]]{0,200}\])"), r"\1"),
    (re.compile(r"`([^`<]{1,300}?) ?<[^`>]{0,1000}>`__?"), r"\1"),
    (re.compile(r":[a-z]{1,20}:`([^`]{1,300})`"), r"\1"),
    (re.compile(r"</?[a-zA-Z][^<>]{0,1000}>"), ""),
    (re.compile(r"(\*\*|``|`)([^*`]{1,500})\1"), r"\2"),
)


class PackagesSource(RowSource):
    """The packages of the running Python, by name; a package found twice counts once."""

    license = "Each text has the terms of its package; no single license is stated."

    def __init__(self, config: SourceConfig) -> None:
        super().__init__("packages")
        self.config = config
        found: dict[str, Distribution] = {}
        for distribution in distributions():
            name = (distribution.metadata["Name"] or "").lower().replace("_", "-")
            if name:
                found.setdefault(name, distribution)
        self._found = sorted(found.items())

    @property
    def fingerprint(self) -> str:
        """Of the names and versions of the packages."""
        return make_fingerprint(
            {"packages": [(name, item.version) for name, item in self._found], "max_chars": self.config.max_chars}
        )

    def expected_rows(self) -> int:
        """Return the number of packages."""
        return len(self._found)

    def rows(self) -> Iterator[Record | Rejection]:
        """Yield one row a package."""
        for index, (name, distribution) in enumerate(self._found):
            where = f"{name} {distribution.version}"
            try:
                yield self._record(name, distribution, index)
            except RowError as error:
                yield Rejection(where=where, reason=error.reason, detail=error.detail)

    def _record(self, name: str, distribution: Distribution, index: int) -> Record:
        metadata = distribution.metadata
        payload = metadata.get_payload() if hasattr(metadata, "get_payload") else ""  # pyright: ignore[reportAttributeAccessIssue]
        text = plain_text(str(metadata["Description"] or payload or ""))
        summary = " ".join((metadata["Summary"] or "").split())
        check_text(text, "README", self.config.max_chars)
        check_text(summary, "Summary", self.config.max_chars)
        document = Document(
            id=name, text=text, language="en", meta={"index": str(index), "version": distribution.version}
        )
        return Record(document=document, summary=summary, group=name)


def plain_text(readme: str) -> str:
    """Return the prose of a Markdown or reStructuredText README: no code blocks, badges, tags, links or rules."""
    paragraphs: list[list[str]] = [[]]
    for line in _prose_lines(readme.replace("\r\n", "\n")):
        for pattern, replacement in _INLINE:
            line = pattern.sub(replacement, line)
        if line.strip():
            paragraphs[-1].append(html.unescape(line).lstrip("# "))
        else:
            paragraphs.append([])
    joined = (" ".join(" ".join(lines).split()) for lines in paragraphs)
    return "\n\n".join(paragraph for paragraph in joined if paragraph)


def _prose_lines(text: str) -> Iterator[str]:
    """Yield the lines outside code fences, comments and directives; a rule between paragraphs becomes a blank."""
    fence = ""
    in_directive = in_comment = False
    for line in text.split("\n"):
        stripped = line.strip()
        if fence or stripped.startswith(("```", "~~~")):
            fence = "" if fence and stripped.startswith(fence) else fence or stripped[:3]
        elif in_comment or stripped.startswith("<!--"):
            in_comment = "-->" not in stripped
        elif in_directive and (not stripped or line[0] in " \t"):
            yield ""
        else:
            in_directive = line.startswith((".. ", "|")) or (stripped.startswith("[") and "]:" in stripped)
            is_rule = in_directive or _RULE_CHARACTERS.issuperset(stripped)
            yield "" if is_rule else line


sources.register("packages")(PackagesSource)
