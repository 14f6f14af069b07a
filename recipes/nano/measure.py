"""The figures of the card, on documents of groups never seen: how well the model reads, and what its summaries are worth."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from deepsynth.core.documents import Example, Score
from deepsynth.core.geometry import NO_TILES, mode
from deepsynth.core.progress import SilentReporter
from deepsynth.data.config import DataConfig
from deepsynth.data.prepared import PreparedDataset, TaskExamples
from deepsynth.evaluation.baselines import LEAD, RANDOM, STRIPPED
from deepsynth.evaluation.evaluator import Changed, Evaluator
from deepsynth.evaluation.systems import MODEL, evaluate_summaries
from deepsynth.inference.summarizer import Summarizer, Writing

LENGTHS = (20, 40, 60, 80, 100)
"""Longest text on a page, in characters."""
READ_ROWS = 100
SUMMARY_ROWS = 150
"""For each language."""
LANGUAGES = ("en", "it", "fr", "de")
SHOWN = (MODEL, LEAD, STRIPPED, RANDOM)


def measure(model: str, data: Path) -> dict[str, Any]:
    """Return all figures; no file is written but in a folder beside the data."""
    summarizer = Summarizer.load(model)
    dataset = PreparedDataset(data)
    evaluator = Evaluator(
        summarizer, data.parent / "measured", SilentReporter(), batch_size=50, writing=Writing(max_new_tokens=120)
    )
    rows = sum(1 for _ in dataset.split("test").rows())
    return {
        "facts": {
            "parameters": sum(item.numel() for item in summarizer.loaded.model.parameters()),
            "data": "Debian's package descriptions in English, Italian, French and German",
            "visual": mode(summarizer.rendering.mode).tokens(NO_TILES),
            "rows": f"drawn from {rows:,}",
        },
        "data": dataset.fingerprint,
        "weights": summarizer.fingerprint,
        "wrong_characters_percent": {str(length): _reading(evaluator, dataset, length) for length in LENGTHS},
        "blind": _blind(evaluator, dataset),
        "summaries": {language: _summaries(evaluator, dataset, language) for language in LANGUAGES},
        "page_use_nats": _page_use(evaluator, dataset),
        "seconds_per_page": _seconds(summarizer, dataset),
    }


def _rows(dataset: PreparedDataset, task: str, length: int | None, limit: int) -> TaskExamples:
    data = DataConfig(path=dataset.folder, tasks={task: 1.0}, longest_text=length)
    return TaskExamples(dataset.split("test"), data, dataset.rendering, limit=limit)


def _reading(evaluator: Evaluator, dataset: PreparedDataset, length: int) -> dict[str, Any]:
    tasks = {"real text": "read", "shuffled words": "shuffled", "random letters": "random"}
    return {
        name: _told(
            evaluator.read_pages(_rows(dataset, task, length, READ_ROWS), f"read-{task}-{length}").scores["cer"]
        )
        for name, task in tasks.items()
    }


def _blind(evaluator: Evaluator, dataset: PreparedDataset) -> Any:
    """Random letters on pages that were wiped: nothing to see, so what is right there is chance."""
    rows = Changed(_rows(dataset, "random", 40, READ_ROWS), lambda _, example: _wiped(example))
    return _told(evaluator.read_pages(rows, "read-blank").scores["cer"])


def _wiped(example: Example) -> Example:
    blank = [replace(page, image=Image.new(page.image.mode, page.image.size, "white")) for page in example.pages]
    return replace(example, pages=tuple(blank))


def _summaries(evaluator: Evaluator, dataset: PreparedDataset, language: str) -> dict[str, Any]:
    rows = _rows(dataset, "summarize", None, len(dataset.split("test")))
    found = (rows[number] for number in range(len(rows)))
    examples = [example for example in found if example.language == language][:SUMMARY_ROWS]
    training = [row for row in dataset.split("train").rows() if row.language == language][:5000]
    texts = evaluator.predict(examples, f"summaries-{language}")
    evaluation = evaluate_summaries(examples, texts, training, settings={}, data_fingerprint=dataset.fingerprint)
    told: dict[str, Any] = {"rows": len(examples)}
    told |= {name: _told(evaluation.report.scores[name]["rougeL"]) for name in SHOWN}
    return told


def _page_use(evaluator: Evaluator, dataset: PreparedDataset) -> Mapping[str, Any]:
    """What a label token costs with the right page and with another row's: the difference is what the page tells."""
    rows = _rows(dataset, "summarize", None, 200)
    use = evaluator.page_use([rows[number] for number in range(len(rows))])
    return {"right page": _told(use.own), "another page": _told(use.other)}


def _seconds(summarizer: Summarizer, dataset: PreparedDataset) -> dict[str, float]:
    """Wall time on this machine for a page, one at a time and sixteen side by side."""
    rows = _rows(dataset, "summarize", None, 32)
    examples = [rows[number] for number in range(len(rows))]
    return {f"{size} at once": round(_timed(summarizer, examples, size), 2) for size in (1, 16)}


def _timed(summarizer: Summarizer, examples: Sequence[Example], size: int) -> float:
    began = time.perf_counter()
    list(summarizer.write(examples, batch_size=size))
    return (time.perf_counter() - began) / len(examples)


def _told(score: Score) -> list[float]:
    """Return mean and bounds of the interval."""
    return [round(value, 1 if score.mean >= 5 else 2) for value in (score.mean, score.low, score.high)]
