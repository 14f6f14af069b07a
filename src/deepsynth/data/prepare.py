"""Writing a prepared dataset: rows in, judged, split, drawn, shards out; see `prepared` for the folder."""

from __future__ import annotations

import collections
import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from deepsynth.core.config import Config
from deepsynth.core.documents import Document, Progress, Record
from deepsynth.core.errors import InputError
from deepsynth.core.files import MANIFEST, write_json, write_manifest, write_text
from deepsynth.core.geometry import mode
from deepsynth.core.progress import Reporter
from deepsynth.data.card import dataset_card
from deepsynth.data.cleaning import Cleaner, choose_split
from deepsynth.data.config import CleaningConfig, SourceConfig, SplitConfig
from deepsynth.data.prepared import CARD, REJECTED, REPORT, SETTINGS, exclusive, write_shard
from deepsynth.data.sources import DocumentSource, Rejection, open_source
from deepsynth.data.sources.base import make_fingerprint
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.fonts import font_stack
from deepsynth.rendering.normalize import normalize_text
from deepsynth.rendering.png import encode_png
from deepsynth.rendering.renderer import make_renderer
from deepsynth.rendering.text import TextRenderer, page_size

FORMAT = 1
TELL_EVERY = 200


class PrepareConfig(Config):
    """What `deepsynth prepare` reads, keeps and writes."""

    source: str = "packages"
    """A name (`packages`, `debian`, or a dataset such as `xsum`), a file, a folder, or a Hub id."""
    out: Path = Path("data/prepared")
    """Folder to write; running again goes on where it stopped."""
    reading: SourceConfig = SourceConfig()
    """How the source is read: columns, languages, limits."""
    cleaning: CleaningConfig = CleaningConfig()
    """What is kept out."""
    split: SplitConfig = SplitConfig()
    """How rows are divided."""
    rendering: RenderConfig = RenderConfig()
    """How pages are drawn."""
    pages: Literal["stored", "on-the-fly"] = "stored"
    """Whether pages are drawn now and stored, or drawn each time a row is read; the pixels are the same."""
    rows_per_shard: int = Field(default=1000, ge=1)
    """Rows of a shard; a run that is killed loses at most the shards it had not finished."""

    @field_validator("reading")
    @classmethod
    def _source_stands_above(cls, reading: SourceConfig) -> SourceConfig:
        if "source" in reading.model_fields_set and reading.source != SourceConfig().source:
            raise ValueError("the source is named by `source`, not by `reading.source`")
        return reading


class Preparation:
    """One run over a source."""

    def __init__(self, config: PrepareConfig, reporter: Reporter) -> None:
        """Open the source.

        Raises:
            InputError: the source cannot be opened.
        """
        self._config, self._reporter = config, reporter
        self.source: DocumentSource = open_source(config.reading.override({"source": config.source}))
        self._renderer = make_renderer(config.rendering)
        self._cleaner = Cleaner(config.cleaning)
        self._rejected: list[Rejection] = []
        self._waiting: dict[str, list[Record]] = collections.defaultdict(list)
        self.splits: collections.Counter[str] = collections.Counter()

    @property
    def settings(self) -> Mapping[str, Any]:
        """What dataset.json holds: everything that decides the rows, and their fingerprint."""
        values = self._config.model_dump(mode="json", exclude={"out"})
        facts = {**values, "source_fingerprint": self.source.fingerprint, "format": FORMAT}
        return {**facts, "fingerprint": make_fingerprint(facts)}

    def run(self) -> None:
        """Write the dataset; a finished one with the same settings is left as it is.

        Raises:
            InputError: the folder holds another dataset, another process writes it, or no row is left.
        """
        out = self._config.out
        with exclusive(out):
            if self._finished():
                self._reporter.message(f"{out} is finished already; nothing to do")
                self._read_counts()
                return
            write_json(out / SETTINGS, self.settings)
            for count, record in enumerate(self._kept()):
                self._add(record)
                if count % TELL_EVERY == 0:
                    self._reporter.progress(Progress(done=count, total=self._config.reading.limit, message="preparing"))
            for split in list(self._waiting):
                self._flush(split)
            self._finish()

    def _finished(self) -> bool:
        """Tell whether the folder is whole; refuse one that was made with other settings."""
        path = self._config.out / SETTINGS
        if not path.is_file():
            return False
        known = json.loads(path.read_text(encoding="utf-8"))
        if known["fingerprint"] != self.settings["fingerprint"]:
            changed = [
                name for name, value in self.settings.items() if known.get(name) != value and name != "fingerprint"
            ]
            raise InputError(
                f"{self._config.out} holds another dataset (differs in {', '.join(changed)}); name another folder with --out"
            )
        return (self._config.out / MANIFEST).is_file()

    def _read_counts(self) -> None:
        report = json.loads((self._config.out / REPORT).read_text(encoding="utf-8"))
        self.splits.update(report["splits"])

    def _kept(self) -> Iterator[Record]:
        """Yield the rows to keep; the others are noted with their reason."""
        kept, limit = 0, self._config.reading.limit
        for row in self.source.rows():
            if isinstance(row, Rejection):
                self._rejected.append(row)
                continue
            record = self._cleaner.cut(row)
            reason = self._cleaner.reason(record) or self._undrawable(record) or self._too_long(record)
            if reason is not None:
                self._rejected.append(Rejection(where=record.document.id, reason=reason))
                continue
            yield record
            kept += 1
            if limit is not None and kept >= limit:
                return

    def _undrawable(self, record: Record) -> str | None:
        """Return why a text cannot be drawn, by its table of characters alone: nothing is laid out yet."""
        text, rendering = record.document.text, self._config.rendering
        if text is None or rendering.missing != "error":
            return None
        missing = font_stack(rendering.font, record.document.language).missing(normalize_text(text))
        return "character-without-glyph" if missing else None

    def _too_long(self, record: Record) -> str | None:
        """Return why a document is too long for one prompt; only texts near the limit are laid out to know."""
        text, limit = record.document.text, self._config.cleaning.max_pages
        if text is None or len(text) < limit * self._fewest_characters():
            return None
        renderer = TextRenderer(self._config.rendering.override({"max_pages": None}))
        pages = renderer.layout_pages(renderer.text(record.document), record.document.language)
        return "too-many-pages" if next(itertools.islice(pages, limit, None), None) is not None else None

    def _fewest_characters(self) -> int:
        """Return how many characters a page holds at the very least: wide letters, and lines that end early."""
        rendering = self._config.rendering
        width, height = page_size(mode(rendering.mode))
        margins = 2 * rendering.margin
        letters = (width - margins) / (1.5 * rendering.px)
        return max(1, int(letters * (height - margins) / (1.5 * rendering.px * rendering.leading) / 4))

    def _add(self, record: Record) -> None:
        split = choose_split(record, self._config.split)
        self._waiting[split].append(record)
        if len(self._waiting[split]) == self._config.rows_per_shard:
            self._flush(split)

    def _flush(self, split: str) -> None:
        """Write the waiting rows of a split as its next shard, unless an earlier run has written it."""
        number = self.splits[split] // self._config.rows_per_shard
        path = self._config.out / f"{split}-{number:05}.parquet"
        rows = self._waiting.pop(split)
        if not path.is_file():
            write_shard(path, [self._shard_row(record) for record in rows])
        self.splits[split] += len(rows)

    def _shard_row(self, record: Record) -> dict[str, Any]:
        document = record.document
        drawn = self._config.pages == "stored" or document.path is not None
        return {
            "id": document.id,
            "text": document.text,
            "summary": record.summary,
            "language": document.language,
            "group": record.group,
            "source": self.source.name,
            "pages": self._draw(document) if drawn else None,
        }

    def _draw(self, document: Document) -> list[bytes]:
        return [encode_png(page.image) for page in self._renderer.render(document)]

    def _finish(self) -> None:
        if not self.splits:
            reasons = ", ".join(f"{count} {reason}" for reason, count in self.reasons.items())
            raise InputError(
                f"source {self._config.source!r} gave no row that can be used ({reasons or 'it is empty'})"
            )
        out = self._config.out
        write_text(out / REJECTED, "".join(_rejection_line(row) for row in self._rejected))
        write_json(out / REPORT, self.report)
        write_text(out / CARD, dataset_card(self.settings, self.report, getattr(self.source, "license", "")))
        write_manifest(out, {"fingerprint": self.settings["fingerprint"]})

    @property
    def reasons(self) -> Mapping[str, int]:
        """Rows kept out, counted by reason."""
        return dict(collections.Counter(row.reason for row in self._rejected).most_common())

    @property
    def report(self) -> Mapping[str, Any]:
        """What report.json holds."""
        return {
            "splits": dict(sorted(self.splits.items())),
            "rejected": self.reasons,
            "flagged": self._cleaner.flags,
            "provenance": self.source.provenance(),
        }


def _rejection_line(row: Rejection) -> str:
    values = {"where": row.where, "reason": row.reason, "detail": row.detail}
    return json.dumps(values, ensure_ascii=True) + "\n"
