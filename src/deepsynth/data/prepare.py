"""Writing a prepared dataset: rows in, judged, compared, split, drawn, shards out; see `prepared` for the folder.

Three stages, each of which goes on where a kill left it: reading (each row judged by itself, then against the earlier ones,
into the ledger), separating (groups and held-out rows), drawing (shards). The manifest comes last.
"""

from __future__ import annotations

import functools
import itertools
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from deepsynth.core.config import Config
from deepsynth.core.documents import Progress
from deepsynth.core.errors import InputError
from deepsynth.core.files import (
    MANIFEST,
    new_file,
    remove_leftovers,
    write_bytes,
    write_json,
    write_manifest,
    write_text,
)
from deepsynth.core.progress import Reporter
from deepsynth.data.card import dataset_card
from deepsynth.data.config import CleaningConfig, EncodeConfig, SourceConfig, SplitConfig
from deepsynth.data.entries import EntryMaker, cut_blocks
from deepsynth.data.executors import make_executor
from deepsynth.data.filling import Filling
from deepsynth.data.ledger import Ledger
from deepsynth.data.prepared import CARD, REJECTED, REPORT, SAMPLES, SETTINGS, WORK, exclusive
from deepsynth.data.samples import draw_samples
from deepsynth.data.scale import Executor, ScaleConfig
from deepsynth.data.shards import failed_rows, shard_rows, system_memory
from deepsynth.data.sources import DocumentSource, open_source
from deepsynth.data.sources.base import make_fingerprint
from deepsynth.data.statistics import measure
from deepsynth.rendering.config import RenderConfig

FORMAT = 2
LEDGER = "ledger.sqlite"
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


def stored_settings(folder: Path) -> dict[str, Any] | None:
    """Return the settings in a dataset's folder, whole or not yet; none where there are none.

    Raises:
        InputError: dataset.json is damaged, or of something else.
    """
    path = folder / SETTINGS
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is no JSON ({error}); remove it, or name another folder") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} holds no settings of a dataset; name another folder")
    return found


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
        with exclusive(out), system_memory():
            if self._finished():
                shutil.rmtree(out / WORK, ignore_errors=True)
                self._reporter.message(f"{out} is finished already; nothing to do")
                self._read_counts()
                return
            remove_leftovers(out)
            remove_leftovers(out / SAMPLES)
            write_json(out / SETTINGS, self.settings)
            ledger = Ledger(out / WORK / LEDGER, self._config.cleaning)
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
        """Tell whether the folder is whole; refuse one that was made with other settings, unless it holds no row yet."""
        known = stored_settings(self._config.out)
        if known is None:
            return False
        if known.get("fingerprint") != self.settings["fingerprint"]:
            if self._holds_no_row():
                shutil.rmtree(self._config.out / WORK, ignore_errors=True)
                return False
            changed = [
                name for name, value in self.settings.items() if known.get(name) != value and name != "fingerprint"
            ]
            raise InputError(
                f"{self._config.out} holds another dataset (differs in {', '.join(changed)}); name another folder with --out"
            )
        return (self._config.out / MANIFEST).is_file()

    def _holds_no_row(self) -> bool:
        """Tell whether an earlier start came to nothing, such as one with the wrong column."""
        out = self._config.out
        if (out / MANIFEST).is_file() or any(out.glob("*.parquet")):
            return False
        if not (out / WORK / LEDGER).is_file():
            return True
        ledger = Ledger(out / WORK / LEDGER, self._config.cleaning)
        try:
            return ledger.fact("kept") == 0
        finally:
            ledger.close()

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
        maker = EntryMaker(
            source=self.source.name,
            cleaning=self._config.cleaning,
            split=self._config.split,
            rendering=self._config.rendering,
        )
        number = begin
        for block in executor.map(maker, cut_blocks(rows)):
            taken = ledger.add(number, block, limit=limit)
            number += taken
            self._tell("reading", number, total)
            if taken < len(block) or (limit is not None and ledger.fact("kept") >= limit):
                break
        ledger.set_fact("all read", 1)

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
        filling = Filling(
            folder=self._config.out,
            rows_per_shard=self._config.rows_per_shard,
            rendering=self._config.rendering,
            max_pages=self._config.cleaning.max_pages,
            stored=self._config.pages == "stored",
        )
        total = sum(ledger.splits().values())
        filling.run(ledger, executor, lambda done: self._tell("drawing", done, total))

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
        self._list_rejected(ledger)
        report = {
            "splits": self.splits,
            "rejected": self.reasons,
            "flagged": ledger.flags(),
            "statistics": measure(itertools.chain.from_iterable(shards.values())),
            "provenance": self.source.provenance(),
        }
        write_json(out / REPORT, report)
        samples = draw_samples(shards, self._config.rendering, self._config.cleaning.max_pages)
        for sample in samples:
            write_bytes(out / SAMPLES / sample.name, sample.content)
        write_text(out / CARD, dataset_card(self.settings, report, self.source.license, samples))
        write_manifest(out, {"fingerprint": self.settings["fingerprint"]})

    def _list_rejected(self, ledger: Ledger) -> None:
        with new_file(self._config.out / REJECTED) as temporary, temporary.open("w", encoding="ascii") as file:
            for row in ledger.rejections():
                values = {"where": row.where, "reason": row.reason, "detail": row.detail}
                file.write(json.dumps(values, ensure_ascii=True) + "\n")
