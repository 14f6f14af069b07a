"""A prepared dataset: a folder of Parquet shards with a manifest, written once and read by any number of runs.

train-00000.parquet ...   the rows: text, summary, where they come from, pages (PNG) or none: then drawn when read (`shards`)
dataset.json              the settings it was made with, and the source's fingerprint
rejected.jsonl            every row that was kept out, with the reason
report.json README.md     counts and statistics, and the card
samples/                  pages of a few rows, for the card
manifest.json             sizes and hashes; written last
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
import random
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from deepsynth.core.documents import Document, EncodedPage, Example, Page
from deepsynth.core.errors import InputError
from deepsynth.core.files import read_manifest, storage_errors, sync_folder
from deepsynth.core.geometry import mode
from deepsynth.data.config import DATASET, AugmentationConfig, DataConfig
from deepsynth.data.looks import VariedRenderer, varies_looks
from deepsynth.data.sources.base import make_fingerprint
from deepsynth.data.tasks import TASKS, Row, Wishes, check_tasks, generator_for, lengths, make_example, shorten
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.png import quantize
from deepsynth.rendering.renderer import Renderer, make_renderer
from deepsynth.rendering.text import page_size

SETTINGS, REJECTED, REPORT, CARD, SAMPLES = DATASET, "rejected.jsonl", "report.json", "README.md", "samples"
LOCK, WORK = ".lock", ".work"


@contextmanager
def exclusive(folder: Path) -> Generator[None]:
    """Hold the folder for this process alone.

    Raises:
        InputError: another process holds it; names its process id.
    """
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = _lock(folder)
    try:
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        yield
        (folder / LOCK).unlink(missing_ok=True)
        sync_folder(folder)
    finally:
        os.close(handle)


def _lock(folder: Path) -> int:
    """Return the open, locked file; one that its last holder has just removed is no lock, so another is made."""
    import fcntl

    path = folder / LOCK
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.read(handle, 32).decode() or "unknown"
            os.close(handle)
            raise InputError(
                f"{folder} is being written by process {owner}; wait for it or name another folder"
            ) from error
        if _inode(path) == os.fstat(handle).st_ino:
            return handle
        os.close(handle)


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


class PreparedDataset:
    """Reads what `deepsynth prepare` wrote."""

    def __init__(self, folder: Path) -> None:
        """Open a finished dataset.

        Raises:
            InputError: there is no such folder.
            CheckpointError: it was never finished, or a file is damaged.
        """
        if not folder.is_dir():
            raise InputError(f"no dataset at {folder}; make one with: deepsynth prepare SOURCE --out {folder}")
        self.folder = folder
        self.manifest = read_manifest(folder)
        self.settings: dict[str, Any] = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))

    @property
    def fingerprint(self) -> str:
        """Changes whenever settings or source do."""
        return str(self.settings["fingerprint"])

    @property
    def rendering(self) -> RenderConfig:
        """How its pages were drawn, or are when they are read."""
        return RenderConfig.parse(self.settings["rendering"])

    def splits(self) -> dict[str, int]:
        """Return the number of rows by split."""
        return dict(self.settings_report["splits"])

    @functools.cached_property
    def settings_report(self) -> dict[str, Any]:
        """The report that was written beside the rows."""
        return json.loads((self.folder / REPORT).read_text(encoding="utf-8"))

    def split(self, name: str) -> Split:
        """Return the rows of a split.

        Raises:
            InputError: it has no such split, or an empty one; names those that there are.
        """
        shards = sorted(self.folder.glob(f"{name}-*.parquet"))
        if not shards:
            known = ", ".join(f"{split} ({count} rows)" for split, count in self.splits().items())
            raise InputError(f"{self.folder} has no split {name!r}; it has {known}")
        return Split(pa.concat_tables([pq.read_table(path, memory_map=True) for path in shards]))


class Split:
    """The rows of one split, in memory as Arrow columns."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __len__(self) -> int:
        return self._table.num_rows

    def row(self, index: int) -> Row:
        """Return a row without its pages."""
        values = {name: self._table[name][index].as_py() for name in ("id", "text", "summary", "language", "source")}
        return Row(**values)

    def pages(self, index: int) -> tuple[Page, ...]:
        """Return the pages that are stored with a row; none when they are drawn on reading."""
        name = self._table["id"][index].as_py()
        stored = self.stored(index)
        return tuple(
            Page(document_id=name, number=number, image=_decode(content)) for number, content in enumerate(stored)
        )

    def stored(self, index: int) -> list[bytes]:
        """Return the encoded pictures that are stored with a row."""
        found: list[dict[str, bytes]] = self._table["pages"][index].as_py() or []
        return [page["bytes"] for page in found]

    def rows(self) -> Iterator[Row]:
        """Yield every row in order."""
        return (self.row(index) for index in range(len(self)))


def _decode(content: bytes) -> Image.Image:
    with Image.open(io.BytesIO(content)) as image:
        return image.convert("RGB" if image.mode == "RGB" else "L")


class QuantizedRenderer:
    """Draws pages with the sixteen levels that stored pages have, so that both ways give the same pixels."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def render(self, document: Document) -> Iterator[Page]:
        """Yield the pages."""
        for page in self._renderer.render(document):
            yield replace(page, image=quantize(page.image))

    def count(self, document: Document) -> int:
        """Return how many pages there will be."""
        return self._renderer.count(document)


class TaskExamples:
    """A split as examples: each row becomes one of the tasks, chosen by row and epoch alone."""

    def __init__(
        self,
        split: Split,
        config: DataConfig,
        rendering: RenderConfig,
        *,
        limit: int | None = None,
        seed: int = 0,
        looks: AugmentationConfig | None = None,
        variants: int | None = None,
    ) -> None:
        """`limit` takes the first rows only; `looks` varies faces and sizes of letters, in so many `variants` by turns.

        Raises:
            SettingsError: a task is unknown.
        """
        check_tasks(config.tasks)
        self._split, self._config, self._rendering, self._seed = split, config, rendering, seed
        self._length = len(split) if limit is None else min(limit, len(split))
        self._looks = VariedRenderer(rendering, looks, seed=seed) if looks and varies_looks(looks) else None
        self._variants = variants
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Draw tasks and stretches of text anew; the same epoch always gives the same examples."""
        self._epoch = epoch
        if self._looks is not None:
            self._looks.epoch = epoch % self._variants if self._variants else epoch

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Example:
        return self._make(index)

    def encoded_example(self, index: int, pages: tuple[EncodedPage, ...]) -> Example:
        """Return the example with its pages as an encoder has read them; nothing is drawn."""
        return self._make(index, pages)

    def page_key(self, index: int) -> str:
        """Return a hash of what decides the pixels of an example's pages, without drawing them.

        That is the stored pictures, or the text with the settings of rendering and the version that draws it.
        """
        row, task, generator = self._choice(index)
        stored = self._split.stored(index) if task == "summarize" else []
        if stored:
            return make_fingerprint({"stored": [hashlib.blake2b(page).hexdigest() for page in stored]})
        shown = row if task == "summarize" else shorten(row, self._config.longest_text, generator)
        text, _, _ = TASKS[task](shown, generator)
        rendering = self._rendering.model_dump(mode="json")
        facts = {"text": text, "language": row.language, "rendering": rendering, "version": version("deepsynth")}
        if self._looks is not None:
            document = Document(id=row.id, text=text, language=row.language)
            facts["look"] = self._looks.look(document).model_dump(mode="json")
        return make_fingerprint(facts)

    def size_hint(self, index: int) -> int:
        """Return about how many tokens an example takes, by which those of like size are found without drawing them.

        Visual tokens of the pages that its text would fill, and the characters of the answer: nobody counts its tokens here.
        """
        row, task, generator = self._choice(index)
        if task != "summarize":
            row = shorten(row, self._config.longest_text, generator)
        on_pages, answer = lengths(row, task, generator, self._wishes, line=self._across)
        pages = -(-on_pages // (self._across * self._down))
        return pages * mode(self._rendering.mode).tokens() + answer

    @functools.cached_property
    def _across(self) -> int:
        """Letters of a usual width on a line."""
        width, _ = page_size(mode(self._rendering.mode))
        return max(1, int((width - 2 * self._rendering.margin) / (0.6 * self._rendering.px)))

    @functools.cached_property
    def _down(self) -> int:
        """Lines on a page."""
        _, height = page_size(mode(self._rendering.mode))
        lines = int((height - 2 * self._rendering.margin) / (self._rendering.px * self._rendering.leading))
        return max(1, min(lines, self._rendering.lines or lines))

    def _choice(self, index: int) -> tuple[Row, str, random.Random]:
        row = self._split.row(index)
        generator = generator_for(self._seed, self._epoch, row.id)
        task = generator.choices(list(self._config.tasks), list(self._config.tasks.values()))[0]
        return row, task, generator

    def _make(self, index: int, encoded: tuple[EncodedPage, ...] | None = None) -> Example:
        row, task, generator = self._choice(index)
        pages = self._split.pages(index) if task == "summarize" and not encoded else ()
        if task != "summarize":
            row = shorten(row, self._config.longest_text, generator)
        return make_example(row, task, self._renderer, generator, encoded, pages=pages, wishes=self._wishes)

    @functools.cached_property
    def _wishes(self) -> Wishes:
        return Wishes(read_first=self._config.read_first, keep_lines=self._config.keep_lines)

    @functools.cached_property
    def _renderer(self) -> QuantizedRenderer:
        return QuantizedRenderer(self._looks or make_renderer(self._rendering))

    def __getstate__(self) -> dict[str, Any]:
        """Leave the renderer's caches behind when a loader's worker gets a copy."""
        return {name: value for name, value in self.__dict__.items() if name != "_renderer"}
