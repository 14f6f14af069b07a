"""Reads Debian's stanzas: package -> source, and package -> synopsis and description, with its lines joined again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from deepsynth.data.sources.debian.lists import PackageList

_BULLET = re.compile(r"^\s*(?:[-*+•·o]|\d{1,2}[.)])\s+(?=\S)")
_META_SECTIONS = ("metapackages", "oldlibs", "debug")


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageFacts:
    """What the list of packages says beyond the description."""

    source: str
    section: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Description:
    """A package's description in one language."""

    package: str
    source: str
    language: str
    summary: str
    document: str
    """Paragraphs, an empty line between them; list items one a line."""
    is_meta: bool
    """Whether its section holds only packages that pull in others."""

    @property
    def id(self) -> str:
        """Language and package."""
        return f"{self.language}/{self.package}"

    @property
    def paragraphs(self) -> list[str]:
        """The paragraphs of the document."""
        return self.document.split("\n\n")


def read_packages(lists: Iterable[PackageList]) -> dict[str, PackageFacts]:
    """Return package -> facts from the lists of packages."""
    found: dict[str, PackageFacts] = {}
    for item in lists:
        if item.language is not None:
            continue
        for fields in _stanzas(item.read(), ("Package", "Source", "Section")):
            package = fields.get("Package", "")
            # `Source: name (version)` where the versions differ; absent where the names are equal.
            source = fields.get("Source", package).split(" ")[0]
            found.setdefault(package, PackageFacts(source=source, section=fields.get("Section", "").split("/")[-1]))
    return found


def read_descriptions(lists: Iterable[PackageList], packages: dict[str, PackageFacts]) -> Iterator[Description]:
    """Yield each package once a language; one that no list of packages knows counts as its own source."""
    seen: set[tuple[str, str]] = set()
    for item in lists:
        if item.language is None:
            continue
        key = f"Description-{item.language}"
        for fields in _stanzas(item.read(), ("Package", key)):
            package, text = fields.get("Package"), fields.get(key)
            if not package or not text or (item.language, package) in seen:
                continue
            seen.add((item.language, package))
            facts = packages.get(package, PackageFacts(source=package, section=""))
            summary, _, rest = text.partition("\n")
            yield Description(
                package=package,
                source=facts.source,
                language=item.language,
                summary=" ".join(summary.split()),
                document=reflow(rest),
                is_meta=facts.section in _META_SECTIONS,
            )


def _stanzas(text: str, wanted: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Yield the wanted fields of each stanza; the further lines of a field follow its first, their indent kept."""
    for stanza in text.split("\n\n"):
        fields: dict[str, str] = {}
        name = ""
        for line in stanza.split("\n"):
            if line[:1] in (" ", "\t"):
                if name in wanted:
                    fields[name] += "\n" + line
                continue
            name, _, value = line.partition(":")
            if name in wanted:
                fields[name] = value.strip()
        if fields:
            yield fields


def reflow(description: str) -> str:
    """Return the indented lines of a description as paragraphs: lines joined, list items one a line.

    A line of a single dot ends a paragraph; a line indented twice stands for itself unless it goes on with an item.
    """
    paragraphs: list[list[str]] = [[]]
    in_item = False
    for line in description.split("\n"):
        body = line[1:].rstrip()
        if body.strip() in ("", "."):
            paragraphs.append([])
            in_item = False
            continue
        lines = paragraphs[-1]
        is_item = _BULLET.match(body) is not None
        joins = bool(lines) and not is_item and (in_item or not body.startswith((" ", "\t")))
        in_item = is_item or (in_item and joins)
        if joins:
            lines[-1] += " " + body.strip()
        else:
            lines.append(body.strip())
    return "\n\n".join("\n".join(" ".join(line.split()) for line in lines) for lines in paragraphs if lines)
