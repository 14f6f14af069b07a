"""Writing a prepared dataset: rows in, judged, compared, split, drawn, shards out; see `prepared` for the folder.

Three stages, each of which goes on where a kill left it: reading (each row judged by itself, then against the earlier ones,
into the ledger), separating (groups and held-out rows), drawing (shards). The manifest comes last.
"""

from __future__ import annotations

import collections
import functools
import itertools
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from deepsynth.core.config import Config
from deepsynth.core.documents import Document, Progress, Record
from deepsynth.core.errors import InputError
from deepsynth.core.files import MANIFEST, remove_leftovers, write_bytes, write_json, write_manifest, write_text
from deepsynth.core.progress import Reporter
from deepsynth.data.card import dataset_card
from deepsynth.data.cleaning import Judged, choose_split, judge
from deepsynth.data.config import CleaningConfig, EncodeConfig, SourceConfig, SplitConfig
from deepsynth.data.drawing import Drawn, document_of, draw_block
from deepsynth.data.executors import make_executor
from deepsynth.data.ledger import Ledger
from deepsynth.data.prepared import CARD, REJECTED, REPORT, SAMPLES, SETTINGS, WORK, exclusive
from deepsynth.data.samples import draw_samples
from deepsynth.data.scale import Executor, ScaleConfig
from deepsynth.data.shards import SCHEMA, FailedRow, failed_rows, picture, shard_rows, write_shard
from deepsynth.data.sources import DocumentSource, Rejection, open_source
from deepsynth.data.sources.base import make_fingerprint
from deepsynth.data.statistics import measure
from deepsynth.rendering.config import RenderConfig

FORMAT = 2
BLOCK_ROWS, BLOCK_CHARS = 128, 2_000_000
"""What a worker gets at once: many rows, unless they are long."""
DRAW_ROWS = 32
NOT_CONTENT = {"out", "scale", "encode"}
"""Settings that change nothing about the rows."""


class PrepareConfig(Config):
    """What `deepsynth prepare` reads, keeps and writes."""

    source: str = "packages"
    """A name (`packages`, `debian`, `man`, or a dataset such as `xsum`), a file, a folder, a URL, or a Hub id."""
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
    """Rows of a shard; a run that is killed loses at most the shard it had not finished."""
    scale: ScaleConfig = ScaleConfig()
    """How many processes or machines work."""
    encode: EncodeConfig | None = None
    """Fill the cache of visual tokens as well, ahead of training; needs nothing of the dataset to change."""

    @field_validator("reading")
    @classmethod
    def _source_stands_above(cls, reading: SourceConfig) -> SourceConfig:
        if "source" in reading.model_fields_set and reading.source != SourceConfig().source:
            raise ValueError("the source is named by `source`, not by `reading.source`")
        return reading


Row = Record | Rejection


class Preparation:
    """One run over a source."""

    def __init__(self, config: PrepareConfig, reporter: Reporter) -> None:
        """Open the source.

        Raises:
            InputError: the source cannot be opened.
        """
        self._config, self._reporter = config, reporter
        self.source: DocumentSource = open_source(config.reading.override({"source": config.source}))
        self.splits: dict[str, int] = {}
        """Rows written, by split."""
        self.reasons: dict[str, int] = {}
        """Rows kept out, by reason."""

    @functools.cached_property
    def settings(self) -> Mapping[str, Any]:
        """What dataset.json holds: everything that decides the rows, and their fingerprint."""
        values = self._config.model_dump(mode="json", exclude=NOT_CONTENT)
        facts = {**values, "source_fingerprint": self.source.fingerprint, "format": FORMAT}
        return {**facts, "fingerprint": make_fingerprint(facts)}

    def run(self) -> None:
        """Write the dataset; a finished one with the same settings is left as it is.

        Raises:
            InputError: the folder holds another dataset, another process writes it, or no row is left.
            WorkerError: a worker process died again and again.
        """
        out = self._config.out
        with exclusive(out):
            if self._finished():
                shutil.rmtree(out / WORK, ignore_errors=True)
                self._reporter.message(f"{out} is finished already; nothing to do")
                self._read_counts()
                return
            remove_leftovers(out)
            remove_leftovers(out / SAMPLES)
            write_json(out / SETTINGS, self.settings)
            ledger = Ledger(out / WORK / "ledger.sqlite", self._config.cleaning)
            executor = make_executor(self._config.scale)
            try:
                self._read(ledger, executor)
                self._separate(ledger)
                self._draw(ledger, executor)
                self._finish(ledger)
            finally:
                executor.close()
                ledger.close()
            shutil.rmtree(out / WORK)

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
        self.splits, self.reasons = report["splits"], report["rejected"]

    # Reading ----------------------------------------------------------------------------------------------------------

    def _read(self, ledger: Ledger, executor: Executor) -> None:
        """Judge every row of the source that the ledger does not know yet."""
        if ledger.fact("all read"):
            return
        begin, limit = ledger.fact("read"), self._config.reading.limit
        total = self.source.expected_rows()
        self._tell("reading", begin, total)
        rows = itertools.islice(self.source.rows(), begin, None)
        work = functools.partial(judge_block, self._config.cleaning, self._config.rendering)
        number = begin
        for block in executor.map(work, _blocks(rows)):
            taken = ledger.add(number, (self._stored(row) for row in block), limit=limit)
            number += taken
            self._tell("reading", number, total)
            if taken < len(block) or (limit is not None and ledger.fact("kept") >= limit):
                break
        ledger.set_fact("all read", 1)

    def _stored(self, row: Judged | Rejection) -> tuple[Judged, str, dict[str, Any]] | Rejection:
        """Return a judged row with its split and what the dataset will hold of it."""
        if isinstance(row, Rejection):
            return row
        document, meta = row.record.document, row.record.document.meta
        values = {
            "id": document.id,
            "text": row.text,
            "path": None if document.path is None else str(document.path.resolve()),
            "kind": meta.get("kind"),
            "summary": row.record.summary,
            "language": document.language,
            "group": row.record.group,
            "source": self.source.name,
            "configuration": meta.get("configuration", ""),
            "original_split": meta.get("split", ""),
            "original_index": int(meta["index"]) if "index" in meta else None,
            "content_hash": document.content_hash,
        }
        return row, choose_split(row.record, self._config.split), values

    def _separate(self, ledger: Ledger) -> None:
        if ledger.fact("separated"):
            return
        held_out = sum(count for split, count in ledger.splits().items() if split != "train")
        for done in ledger.separate():
            self._tell("keeping splits apart", done, held_out)
        ledger.set_fact("separated", 1)

    def _tell(self, message: str, done: int, total: int | None) -> None:
        total = None if total is None else max(total, done)
        self._reporter.progress(Progress(done=done, total=total, message=message))

    # Drawing ----------------------------------------------------------------------------------------------------------

    def _draw(self, ledger: Ledger, executor: Executor) -> None:
        """Write every shard that is not there yet."""
        if not ledger.splits():
            self._refuse_empty(ledger)
        drawn = self._drawn_rows(_missing_shards(ledger, self._config), executor, sum(ledger.splits().values()))
        for path, rows in itertools.groupby(drawn, key=lambda item: item[0]):
            write_shard(path, (row for _, row in rows))

    def _drawn_rows(
        self, blocks: Iterable[_Block], executor: Executor, total: int
    ) -> Iterator[tuple[Path, dict[str, Any] | FailedRow]]:
        """Yield each row with the shard that it belongs to, its pages drawn by the executor."""
        waiting: collections.deque[_Block] = collections.deque()
        stored = self._config.pages == "stored"

        def documents() -> Iterator[list[Document]]:
            for block in blocks:
                waiting.append(block)
                yield [document_of(row) for _, row in block.rows if stored or row["path"]]

        work = functools.partial(draw_block, self._config.rendering, self._config.cleaning.max_pages)
        for drawn in executor.map(work, documents()):
            block, pages = waiting.popleft(), iter(drawn)
            for number, row in block.rows:
                yield block.path, _finished_row(number, row, next(pages) if stored or row["path"] else None)
            self._tell("drawing", block.done, total)

    def _refuse_empty(self, ledger: Ledger) -> None:
        reasons = ", ".join(f"{count} {reason}" for reason, count in ledger.reasons().items())
        first = next(ledger.rejections(), None)
        example = f"; the first: {first.where}: {first.detail}" if first and first.detail else ""
        raise InputError(
            f"source {self._config.source!r} gave no row that can be used ({reasons or 'it is empty'}{example})"
        )

    # Finishing --------------------------------------------------------------------------------------------------------

    def _finish(self, ledger: Ledger) -> None:
        out = self._config.out
        shards = {split: sorted(out.glob(f"{split}-[0-9]*.parquet")) for split in ledger.splits()}
        for path in itertools.chain.from_iterable(shards.values()):
            for item in failed_rows(path):
                ledger.note(item.number, item.rejection)
        counts = {split: sum(map(shard_rows, paths)) for split, paths in shards.items()}
        self.splits = {split: count for split, count in counts.items() if count}
        self.reasons = ledger.reasons()
        if not self.splits:
            self._refuse_empty(ledger)
        write_text(out / REJECTED, "".join(map(_rejection_line, ledger.rejections())))
        report = {
            "splits": self.splits,
            "rejected": self.reasons,
            "flagged": ledger.flags(),
            "statistics": measure(itertools.chain.from_iterable(shards.values())),
            "provenance": self.source.provenance(),
        }
        write_json(out / REPORT, report)
        samples = draw_samples(shards, self._config.rendering, self._config.cleaning.max_pages)
        for name, content in samples.items():
            write_bytes(out / SAMPLES / name, content)
        names = [f"{SAMPLES}/{name}" for name in samples]
        write_text(out / CARD, dataset_card(self.settings, report, self.source.license, names))
        write_manifest(out, {"fingerprint": self.settings["fingerprint"]})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Block:
    """Some rows of a shard, with their numbers in the source."""

    path: Path
    rows: list[tuple[int, dict[str, Any]]]
    done: int
    """Rows of the dataset up to the end of this block."""


def _missing_shards(ledger: Ledger, config: PrepareConfig) -> Iterator[_Block]:
    """Yield the rows of the shards that no earlier run has written, in blocks that belong to one shard each."""
    done = 0
    for split in ledger.splits():
        rows = ledger.rows(split)
        for number in itertools.count():
            path = config.out / f"{split}-{number:05}.parquet"
            chunk = itertools.islice(rows, config.rows_per_shard)
            if path.is_file():
                done += sum(1 for _ in chunk)
                continue
            before = done
            while block := list(itertools.islice(chunk, DRAW_ROWS)):
                done += len(block)
                yield _Block(path=path, rows=block, done=done)
            if done == before:
                break


def _finished_row(number: int, row: dict[str, Any], drawn: Drawn | None) -> dict[str, Any] | FailedRow:
    """Return a row as a shard holds it; `drawn` is none where pages are drawn on reading."""
    if drawn is not None and drawn.reason is not None:
        return FailedRow(number=number, rejection=Rejection(where=row["id"], reason=drawn.reason, detail=drawn.detail))
    values = {name: row[name] for name in SCHEMA.names if name != "pages"}
    return {**values, "pages": None if drawn is None else [picture(page) for page in drawn.pages]}


def judge_block(cleaning: CleaningConfig, rendering: RenderConfig, block: Sequence[Row]) -> list[Judged | Rejection]:
    """Judge each row of a block by itself; rows that the source could not read stay what they are."""
    return [row if isinstance(row, Rejection) else judge(row, cleaning, rendering) for row in block]


def _blocks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield the rows in blocks that are bounded by rows and by characters."""
    block: list[Row] = []
    size = 0
    for row in rows:
        block.append(row)
        size += len(row.document.text or "") if isinstance(row, Record) else 0
        if len(block) == BLOCK_ROWS or size >= BLOCK_CHARS:
            yield block
            block, size = [], 0
    if block:
        yield block


def _rejection_line(row: Rejection) -> str:
    values = {"where": row.where, "reason": row.reason, "detail": row.detail}
    return json.dumps(values, ensure_ascii=True) + "\n"
