"""Manual pages as a source: the line that says what a page is about is the summary, the rest is the document.

Longer texts than package descriptions (250 to 300 words in half of the pages), in many languages; pages of one name are one
group, so that a translation never stands on the other side of a split. `mandoc` turns the sources into text.
"""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepsynth.core.documents import Document, Record
from deepsynth.core.errors import InputError
from deepsynth.data.config import SourceConfig
from deepsynth.data.sources.base import Rejection, RowSource, make_fingerprint, sources
from deepsynth.data.sources.columns import RowError, check_text
from deepsynth.data.sources.debian.apt import make_state, run_apt

LICENSE = (
    "Each manual page has the terms of its project (mostly the Linux man-pages license, GPL and BSD; translations GPL-3.0 or "
    "later). Built on your machine; do not republish without checking."
)
_PAGE = re.compile(r"(?P<name>.+)\.(?P<section>[1-9][a-z]*)(?:\.gz)?$")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:_[A-Z]{2})?")
_OVERSTRUCK = re.compile(".\b")
_DASH = re.compile(r"\s+(?:-+|[\u2010-\u2015\u2212])\s+")
_TIMEOUT_SECONDS = 20
_WIDTH = 1000
"""Letters of a line, the most that mandoc takes: nearly all paragraphs fit; a line over nine tenths of it goes on below."""
# What is left out is no prose (how it is called) or is about the page itself (who wrote it), in the larger translations.
_LEFT_OUT_TITLES = """
synopsis; syntax; authors; author; copyright; colophon; see also; reporting bugs; availability; translation; history
syntaxe; auteurs; auteur; voir aussi; traduction; signaler des bogues; disponibilité; historique
übersicht; autoren; autor; siehe auch; übersetzung; fehler melden; verfügbarkeit; geschichte
sinopsis; sintaxis; autores; véase también; traducción; informar de errores; disponibilidad
sintassi; sinossi; autori; autore; vedere anche; traduzione; segnalare i bug; disponibilità
書式; 著者; 関連項目; 翻訳; обзор; авторы; смотрите также; перевод; składnia; autorzy; zobacz także; tłumaczenie
"""
_LEFT_OUT = frozenset(title.strip() for title in _LEFT_OUT_TITLES.replace("\n", ";").split(";"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Manual:
    """The parts of a page that are read."""

    summary: str
    text: str


class ManualsSource(RowSource):
    """The manual pages in a folder such as /usr/share/man, or in Debian's packages of them."""

    license = LICENSE

    def __init__(self, config: SourceConfig) -> None:
        """Find the pages, fetching them if no folder is named.

        Raises:
            InputError: no mandoc, no folder, no page in a language, or apt fails.
        """
        super().__init__("man")
        if shutil.which("mandoc") is None:
            raise InputError(
                "source 'man' needs mandoc, which is not here; on Debian: apt install mandoc", field="source"
            )
        self.config = config
        folder = config.manuals or fetch_manuals(Path(config.cache).expanduser(), config.languages)
        self._pages = find_pages(folder, config.languages)
        self._folder = folder

    @property
    def fingerprint(self) -> str:
        """Of the names and sizes of the pages."""
        facts = [(str(path.relative_to(self._folder)), path.stat().st_size) for _, path in self._pages]
        return make_fingerprint({"pages": facts, "max_chars": self.config.max_chars})

    def expected_rows(self) -> int:
        """Return the number of pages."""
        return len(self._pages)

    def rows(self) -> Iterator[Record | Rejection]:
        """Yield one row a page; a page that only points to another is listed as an alias."""
        for index, (language, path) in enumerate(self._pages):
            where = path.relative_to(self._folder).as_posix()
            try:
                yield self._record(language, path, where, index)
            except RowError as error:
                yield Rejection(where=where, reason=error.reason, detail=error.detail)

    def _record(self, language: str, path: Path, where: str, index: int) -> Record:
        manual = parse_manual(render_manual(path))
        check_text(manual.text, "page", self.config.max_chars)
        match = _PAGE.fullmatch(path.name)
        assert match is not None
        document = Document(id=where, text=manual.text, language=language.replace("_", "-"), meta={"index": str(index)})
        return Record(document=document, summary=manual.summary, group=f"{match['name']}.{match['section'][0]}")


def find_pages(folder: Path, languages: Sequence[str]) -> list[tuple[str, Path]]:
    """Return language and path of each page below `folder`; pages outside a language's folder are English.

    Raises:
        InputError: the folder is absent, or holds no page in one of the languages.
    """
    if not folder.is_dir():
        raise InputError(f"no folder of manual pages at {folder}", field="manuals")
    found: list[tuple[str, Path]] = []
    for path in sorted(folder.rglob("man[1-9]*/*")):
        first = path.relative_to(folder).parts[0]
        language = first if _LANGUAGE.fullmatch(first) else "en"
        if language in languages and path.is_file() and _PAGE.fullmatch(path.name):
            found.append((language, path))
    missing = sorted(set(languages) - {language for language, _ in found})
    if missing:
        raise InputError(f"{folder} holds no manual page in {missing[0]!r}", field="languages")
    return found


def fetch_manuals(cache: Path, languages: Sequence[str]) -> Path:
    """Return the folder with the pages of Debian's packages, fetched and unpacked unless they are there already.

    Raises:
        InputError: there is no apt, or it cannot fetch them, or a package is damaged.
    """
    target = cache / ("man-" + "-".join(sorted(languages)))
    pages = target / "files" / "usr" / "share" / "man"
    if (target / "complete").is_file():
        return pages
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise InputError(
            "source 'man' needs apt to fetch pages, which is not here; name a folder of them with --reading.manuals",
            field="source",
        )
    debs = target / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    make_state(target)
    names = [
        f"manpages{'' if language == 'en' else '-' + language.replace('_', '-').lower()}" for language in languages
    ]
    run_apt(target, ["none"], "update")
    run_apt(target, ["none"], "download", *names, "manpages-dev" if "en" in languages else names[0], folder=debs)
    for path in sorted(debs.glob("*.deb")):
        _unpack(path, target / "files")
    find_pages(pages, languages)
    (target / "complete").touch()
    return pages


def _unpack(package: Path, target: Path) -> None:
    command = ["dpkg-deb", "-x", str(package), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        said = " ".join(done.stderr.strip().splitlines()[-1:]) or done.returncode
        raise InputError(f"{package} cannot be unpacked ({said}); remove {package.parent} and run it again")


def render_manual(path: Path) -> str:
    """Return a page as text, each paragraph on one line.

    Raises:
        RowError: it points to another page, is damaged, or mandoc cannot read it.
    """
    try:
        source = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise RowError("damaged-file", f"{path.name} cannot be unpacked: {error}") from error
    if source.lstrip().startswith(b".so "):
        raise RowError("alias", source.split(b"\n")[0].decode("utf-8", "replace"))
    command = ["mandoc", "-K", "utf-8", "-T", "utf8", "-O", f"width={_WIDTH}"]
    try:
        done = subprocess.run(command, input=source, capture_output=True, timeout=_TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise RowError("unreadable-document", f"mandoc did not finish in {_TIMEOUT_SECONDS} s") from error
    if not done.stdout.strip():
        raise RowError("unreadable-document", f"mandoc: {done.stderr.decode('utf-8', 'replace').strip()[:200]}")
    return _OVERSTRUCK.sub("", done.stdout.decode("utf-8", "replace"))


def parse_manual(page: str) -> Manual:
    """Return the summary and the text of a rendered page.

    Raises:
        RowError: its first section does not say what it is about, or nothing else is left.
    """
    sections = _sections(page)
    name = " ".join(" ".join(sections[0][1]).split()) if sections else ""
    parts = _DASH.split(name, maxsplit=1)
    if len(parts) < 2 or not parts[1].strip():
        raise RowError("missing-summary", f"the first section reads {name[:80]!r}")
    kept = ["\n".join([title, *lines]) for title, lines in sections[1:] if _key(title) not in _LEFT_OUT]
    text = re.sub(r"\n{3,}", "\n\n", "\n\n".join(kept)).strip()
    if not text:
        raise RowError("empty", "nothing but a name and how it is called")
    return Manual(summary=parts[1].strip(), text=text)


def _key(title: str) -> str:
    return " ".join(title.casefold().split())


def _sections(page: str) -> list[tuple[str, list[str]]]:
    """Return title and lines of each section; the first and the last line of a page are its head and foot."""
    found: list[tuple[str, list[str]]] = []
    before = ""
    for line in page.strip("\n").split("\n")[1:-1]:
        words = " ".join(line.split())
        if line and not line.startswith(" "):
            found.append((words, []))
        elif found and len(before) > 0.9 * _WIDTH and words:
            found[-1][1][-1] += f" {words}"
        elif found:
            found[-1][1].append(words)
        before = line
    return found


sources.register("man")(ManualsSource)
