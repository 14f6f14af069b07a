"""A model on a data set: predictions that survive a crash, controls that tell whether it reads, baselines on the same rows.

Two controls stand beside the scores. The permuted pages: each row is shown another row's page, and the loss of its summary
should rise. The transcript: the model is asked to read, and its errors are counted against the page's own text.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from deepsynth.core.documents import Example, Progress, Report
from deepsynth.core.errors import InputError
from deepsynth.core.files import storage_errors
from deepsynth.core.progress import Reporter
from deepsynth.data.collate import Collator
from deepsynth.data.tasks import READ
from deepsynth.evaluation.baselines import BASELINES, Known
from deepsynth.evaluation.metrics import score_readings, score_summaries
from deepsynth.evaluation.uncertainty import bootstrap
from deepsynth.inference.summarizer import Summarizer, Writing

MODEL = "model"
PREDICTIONS = "predictions.jsonl"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """How well a model reads pages aloud."""

    scores: Mapping[str, Any]
    rows: Sequence[Mapping[str, str]]


class Evaluator:
    """Evaluates one summarizer; predictions are kept in `folder` and not made again."""

    def __init__(
        self,
        summarizer: Summarizer,
        folder: Path,
        reporter: Reporter,
        *,
        batch_size: int = 32,
        writing: Writing | None = None,
    ) -> None:
        self._summarizer, self._folder, self._reporter = summarizer, folder, reporter
        self._batch_size, self._writing = batch_size, writing or Writing()

    def predict(self, examples: Sequence[Example], name: str = "summaries") -> list[str]:
        """Return one text a row; those made in an earlier, interrupted run are read from the folder."""
        path = self._folder / f"{name}-{PREDICTIONS}"
        known = read_predictions(path)
        keys = [self._key(example) for example in examples]
        left = [(key, example) for key, example in zip(keys, examples, strict=True) if key not in known]
        done = len(examples) - len(left)
        for start in range(0, len(left), self._batch_size):
            part = left[start : start + self._batch_size]
            written = self._summarizer.write(
                [example for _, example in part], batch_size=self._batch_size, writing=self._writing
            )
            found = {key: summary.text for (key, _), summary in zip(part, written, strict=True)}
            append_predictions(path, found)
            known |= found
            done += len(part)
            self._reporter.progress(Progress(done=done, total=len(examples), message=f"writing {name}"))
        return [known[key] for key in keys]

    def read_pages(self, examples: Sequence[Example]) -> Reading:
        """Ask the model to read each page, and count its errors."""
        asked = [replace(example, instruction=READ, summary=None) for example in examples]
        texts = [" ".join((example.text or "").split()) for example in examples]
        read = self.predict(asked, "transcripts")
        scores = {name: bootstrap(values) for name, values in score_readings(read, texts).items()}
        rows = [
            {"id": example.id, "text": text, "transcript": found}
            for example, text, found in zip(examples, texts, read, strict=True)
        ]
        return Reading(scores=scores, rows=rows)

    def losses(self, examples: Sequence[Example]) -> tuple[float, float]:
        """Return the loss per label token with the right pages, and with those of the row before.

        Raises:
            InputError: fewer than two rows: there is no other page to show.
        """
        if len(examples) < 2:
            raise InputError("permuting pages needs at least two rows")
        permuted = [replace(example, pages=examples[number - 1].pages) for number, example in enumerate(examples)]
        return self._loss(examples), self._loss(permuted)

    def _loss(self, examples: Sequence[Example]) -> float:
        loaded = self._summarizer.loaded
        collate = Collator(self._summarizer.processor)
        device = next(loaded.model.parameters()).device
        total, tokens = 0.0, 0
        with torch.inference_mode():
            for start in range(0, len(examples), self._batch_size):
                batch = collate(examples[start : start + self._batch_size])
                output = loaded.family.forward(loaded.model, batch.to(device).as_mapping())
                assert output.loss is not None
                total += float(output.loss)
                tokens += output.num_label_tokens
        return total / max(1, tokens)

    def _key(self, example: Example) -> str:
        """Return what a prediction depends on: model, pages, instruction and how it writes."""
        digest = hashlib.sha256(repr((self._summarizer.fingerprint, example.instruction, self._writing)).encode())
        for page in example.pages:
            digest.update(page.image.tobytes())
        return f"{example.id}:{digest.hexdigest()[:16]}"


def evaluate_summaries(
    examples: Sequence[Example],
    predictions: Sequence[str],
    training: Sequence[Known],
    *,
    settings: Mapping[str, Any],
    data_fingerprint: str,
    seed: int = 0,
) -> Report:
    """Return the report of a model's summaries beside every baseline, on the same rows.

    Raises:
        InputError: a row has no reference, or the lengths differ.
    """
    references = [_reference(example) for example in examples]
    documents = [example.text or "" for example in examples]
    systems: dict[str, Sequence[str]] = {
        **{name: baseline(examples, training, seed) for name, baseline in BASELINES.items()},
        MODEL: predictions,
    }
    scores = {
        name: {metric: bootstrap(values) for metric, values in score_summaries(texts, references, documents).items()}
        for name, texts in systems.items()
    }
    rows = [
        {
            "id": example.id,
            "text": documents[number],
            "reference": references[number],
            "predictions": {name: texts[number] for name, texts in systems.items()},
        }
        for number, example in enumerate(examples)
    ]
    return Report(
        title="Summaries", scores=scores, rows=tuple(rows), settings=settings, data_fingerprint=data_fingerprint
    )


def _reference(example: Example) -> str:
    if example.summary is None:
        raise InputError(f"row {example.id!r} has no reference summary to compare with")
    return example.summary


def read_predictions(path: Path) -> dict[str, str]:
    """Return what an earlier run has written; a last line that a crash cut short is left out."""
    found: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            row = json.loads(line)
        except ValueError:
            break
        found[row["key"]] = row["text"]
    return found


def append_predictions(path: Path, found: Mapping[str, str]) -> None:
    """Append predictions durably."""
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file() and (content := path.read_bytes()) and not content.endswith(b"\n"):
            path.write_bytes(content[: content.rfind(b"\n") + 1])
        with path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps({"key": key, "text": text}) + "\n" for key, text in found.items())
            file.flush()
            os.fsync(file.fileno())
