"""The figures of the card, on documents of groups never seen: how well the model reads, and what its summaries are worth."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from deepsynth.core.documents import Example, Score
from deepsynth.core.geometry import NO_TILES, mode
from deepsynth.core.progress import SilentReporter
from deepsynth.data.config import DataConfig
from deepsynth.data.prepared import PreparedDataset, TaskExamples
from deepsynth.data.tasks import READ
from deepsynth.evaluation.baselines import LEAD, RANDOM, STRIPPED
from deepsynth.evaluation.evaluator import Changed, Evaluator, Examples
from deepsynth.evaluation.systems import MODEL, evaluate_summaries
from deepsynth.inference.summarizer import Summarizer, Writing
from deepsynth.rendering.config import RenderConfig

LENGTHS = (20, 40, 80, 130)
"""Longest text, in characters."""
LINES = (1, 2, 4, 5, 6, 8)
"""Lines of a page at most; the last is what a page holds."""
READ_ROWS = 100
SUMMARY_ROWS = 75
"""For each language."""
LANGUAGES = ("en", "it", "fr", "de")
SHOWN = (MODEL, LEAD, STRIPPED, RANDOM)
KINDS = {"real text": "read", "shuffled words": "shuffled", "random letters": "random"}


def measure(model: str, data: Path) -> dict[str, Any]:
    """Return all figures; nothing is written but in a folder beside the data."""
    summarizer = Summarizer.load(model)
    dataset = PreparedDataset(data)
    bench = Bench(summarizer, dataset)
    return {
        "facts": {
            "parameters": sum(item.numel() for item in summarizer.loaded.model.parameters()),
            "data": "Debian's package descriptions and manual pages in English, Italian, French and German",
            "visual": mode(summarizer.rendering.mode).tokens(NO_TILES),
            "rows": f"drawn from {len(dataset.split('test')):,}",
        },
        "data": dataset.fingerprint,
        "weights": summarizer.fingerprint,
        "wrong_characters_percent": {str(length): bench.reading(length) for length in LENGTHS},
        "wrong_characters_by_lines": {
            str(lines): Bench(summarizer, dataset, lines=lines).whole_documents() for lines in LINES
        },
        "blind": bench.blind(),
        "summaries": {language: bench.summaries(language) for language in LANGUAGES},
        "page_use_nats": Bench(summarizer, dataset, lines=LINES[-1]).page_use(),
        "seconds_per_page": {f"{size} at once": bench.seconds(size) for size in (1, 16)},
    }


class Bench:
    """A model on the held-out documents, drawn as it likes them or with another number of lines on a page."""

    def __init__(self, summarizer: Summarizer, dataset: PreparedDataset, *, lines: int | None = None) -> None:
        self._rendering: RenderConfig = summarizer.rendering
        if lines is not None:
            self._rendering = self._rendering.override({"lines": lines})
        self._summarizer, self._dataset = summarizer.drawing(self._rendering), dataset
        self._evaluator = Evaluator(
            self._summarizer,
            dataset.folder.parent / "measured" / f"{self._rendering.lines}",
            SilentReporter(),
            batch_size=50,
            writing=Writing(max_new_tokens=120),
        )

    def _rows(self, task: str, length: int | None, limit: int) -> TaskExamples:
        data = DataConfig(path=self._dataset.folder, tasks={task: 1.0}, longest_text=length)
        return TaskExamples(self._dataset.split("test"), data, self._rendering, limit=limit)

    def _wrong(self, rows: Examples, name: str) -> list[float]:
        return _told(self._evaluator.read_pages(rows, name).scores["cer"])

    def reading(self, length: int) -> dict[str, list[float]]:
        """Return wrong characters of texts of up to `length` characters."""
        return {
            name: self._wrong(self._rows(task, length, READ_ROWS), f"read-{task}-{length}")
            for name, task in KINDS.items()
        }

    def whole_documents(self) -> dict[str, Any]:
        """Return wrong characters of whole documents, and how much text a visual token holds."""
        rows = self._rows("read", None, READ_ROWS)
        examples = [rows[number] for number in range(len(rows))]
        pages = sum(len(example.pages) for example in examples)
        characters = sum(len(example.text or "") for example in examples)
        return {
            "characters a visual token": round(characters / (pages * mode(self._rendering.mode).tokens(NO_TILES)), 2),
            "wrong characters": self._wrong(examples, "read-documents"),
        }

    def blind(self) -> list[float]:
        """Return wrong characters of random letters on wiped pages: what is right there is chance."""
        rows = Changed(self._rows("random", 40, READ_ROWS), lambda _, example: _wiped(example))
        return self._wrong(rows, "read-blank")

    def summaries(self, language: str) -> dict[str, Any]:
        """Return ROUGE-L beside the baselines."""
        rows = self._rows("summarize", None, len(self._dataset.split("test")))
        found = (rows[number] for number in range(len(rows)))
        examples = [example for example in found if example.language == language][:SUMMARY_ROWS]
        training = [row for row in self._dataset.split("train").rows() if row.language == language][:5000]
        texts = self._evaluator.predict(examples, f"summaries-{language}")
        fingerprint = self._dataset.fingerprint
        evaluation = evaluate_summaries(examples, texts, training, settings={}, data_fingerprint=fingerprint)
        told: dict[str, Any] = {"rows": len(examples)}
        return told | {name: _told(evaluation.report.scores[name]["rougeL"]) for name in SHOWN}

    def page_use(self) -> Mapping[str, list[float]]:
        """Return what a label token costs with the right page and with another row's: the difference is what the page tells."""
        rows = self._rows("summarize", None, 200)
        use = self._evaluator.page_use([rows[number] for number in range(len(rows))])
        return {"right page": _told(use.own), "another page": _told(use.other)}

    def seconds(self, size: int) -> float:
        """Return the wall time of reading a page, `size` of them side by side, on this machine."""
        rows = self._rows("read", 16, 32)
        examples = [replace(rows[number], instruction=READ) for number in range(len(rows))]
        began = time.perf_counter()
        list(self._summarizer.write(examples, batch_size=size))
        return round((time.perf_counter() - began) / len(examples), 3)


def _wiped(example: Example) -> Example:
    blank = [replace(page, image=Image.new(page.image.mode, page.image.size, "white")) for page in example.pages]
    return replace(example, pages=tuple(blank))


def _told(score: Score) -> list[float]:
    """Return mean and bounds of the interval."""
    return [round(value, 1 if score.mean >= 5 else 2) for value in (score.mean, score.low, score.high)]
