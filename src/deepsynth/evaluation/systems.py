"""A model's summaries beside everything that it should be compared with, on the same rows, with paired differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepsynth.core.documents import Report, Score
from deepsynth.core.errors import InputError
from deepsynth.core.progress import Reporter
from deepsynth.evaluation.baselines import BASELINES, NEED_TRAINING, RANDOM, Known
from deepsynth.evaluation.embedding import encoder_name, load_encoder, similarity
from deepsynth.evaluation.metrics import METRICS, Scores, score_systems
from deepsynth.evaluation.overlap import corpus_scores
from deepsynth.evaluation.uncertainty import Difference, bootstrap_all, paired_difference

MODEL = "model"
OTHER_PAGES = "model, another row's pages"
TEXT_IN_FULL = "same decoder, plain text in full"
TEXT_CUT = "same decoder, plain text cut to as many tokens"
UNTRAINED_ON_TEXT = (
    "The plain-text rows ask the same weights for a summary of text in the prompt; a decoder that has only ever been trained on"
    " pages fails there for that reason alone."
)
PAIRED = ("rouge1", "rouge2", "rougeL", "rougeLsum", "chrf", "bleu", "similarity", "rougeLsum_stemmed")
"""Metrics whose differences to each other system are tested."""
NEED_DOCUMENT = ("novel_", "copied", "unsupported_")
"""Beginnings of the metrics that mean nothing without the documents' texts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """Scores of all systems, and how the model differs from each of the others."""

    report: Report
    differences: Mapping[str, Mapping[str, Difference]]
    """System -> metric -> the model's score minus that system's, row by row."""
    corpus: Mapping[str, Mapping[str, float | str]] = field(default_factory=dict[str, Mapping[str, float | str]])
    """Corpus BLEU and chrF of the model, with sacrebleu's signatures."""
    notes: tuple[str, ...] = ()
    """What was left out and why."""


def evaluate_summaries(
    rows: Sequence[Known],
    predictions: Sequence[str],
    training: Sequence[Known],
    *,
    settings: Mapping[str, Any],
    data_fingerprint: str,
    controls: Mapping[str, Sequence[str]] | None = None,
    stemmed: bool = False,
    similarity_model: Path | None = None,
    seed: int = 0,
    reporter: Reporter | None = None,
) -> Evaluation:
    """Return the scores of a model's summaries beside every baseline and control, on the same rows.

    Without training rows the baselines that draw on them are left out; without texts, all that read them.

    Raises:
        InputError: a row has no reference, or the lengths differ.
    """
    references = [_reference(row) for row in rows]
    documents = [row.text or "" for row in rows]
    named, notes = _baselines(rows, training, documents, seed)
    systems: dict[str, Sequence[str]] = {**named, **(controls or {}), MODEL: predictions}
    if reporter is not None:
        reporter.message(f"scoring {len(systems)} systems on {len(rows):,} rows")
    values = score_systems(systems, references, documents, stemmed=stemmed)
    if similarity_model is not None:
        notes.append(f"Similarity by {encoder_name(similarity_model)}.")
        encoder = load_encoder(similarity_model)
        for name, texts in systems.items():
            values[name]["similarity"] = similarity(texts, references, encoder)
    if {TEXT_IN_FULL, TEXT_CUT} & set(systems):
        notes.append(UNTRAINED_ON_TEXT)
    values = _in_order_of_columns(values, with_documents=all(documents))
    report = Report(
        title="Summaries",
        scores=_with_intervals(values, seed),
        rows=tuple(_row(number, row, systems, values[MODEL]) for number, row in enumerate(rows)),
        settings=settings,
        data_fingerprint=data_fingerprint,
    )
    return Evaluation(
        report=report,
        differences=_differences(values, seed),
        corpus=corpus_scores(predictions, references),
        notes=tuple(notes),
    )


def _in_order_of_columns(
    values: Mapping[str, Mapping[str, Scores]], *, with_documents: bool
) -> dict[str, dict[str, Scores]]:
    """Return each system's metrics in the order of `METRICS`, without those that mean nothing where documents are missing."""
    shown = [name for name in METRICS if with_documents or not name.startswith(NEED_DOCUMENT)]
    return {system: {metric: row[metric] for metric in shown if metric in row} for system, row in values.items()}


def _differences(values: Mapping[str, Mapping[str, Scores]], seed: int) -> dict[str, dict[str, Difference]]:
    """Return how the model differs from each other system, row by row."""
    model = values[MODEL]
    return {
        name: {metric: paired_difference(model[metric], row[metric], seed=seed) for metric in PAIRED if metric in row}
        for name, row in values.items()
        if name != MODEL
    }


def _baselines(
    rows: Sequence[Known], training: Sequence[Known], documents: Sequence[str], seed: int
) -> tuple[dict[str, list[str]], list[str]]:
    """Return the baselines that these rows allow, and a note about those that they do not."""
    summaries = any(row.summary for row in training)
    texts = all(documents)
    allowed = {
        name: baseline
        for name, baseline in BASELINES.items()
        if (summaries or name not in NEED_TRAINING) and (texts or name == RANDOM)
    }
    notes: list[str] = []
    left = [name for name in BASELINES if name not in allowed]
    if left:
        why = "some rows have no text" if not texts else "there are no training rows"
        notes.append(f"Left out because {why}: {', '.join(left)}.")
    return {name: baseline(rows, training, seed) for name, baseline in allowed.items()}, notes


def _with_intervals(values: Mapping[str, Mapping[str, Scores]], seed: int) -> dict[str, dict[str, Score]]:
    columns = {f"{name}\n{metric}": column for name, row in values.items() for metric, column in row.items()}
    found: dict[str, dict[str, Score]] = {name: {} for name in values}
    for key, score in bootstrap_all(columns, seed=seed).items():
        name, _, metric = key.partition("\n")
        found[name][metric] = score
    return found


def _row(number: int, row: Known, systems: Mapping[str, Sequence[str]], scores: Mapping[str, Scores]) -> dict[str, Any]:
    return {
        "id": row.id,
        "text": row.text or "",
        "reference": row.summary,
        "predictions": {name: texts[number] for name, texts in systems.items()},
        "scores": {metric: round(float(values[number]), 6) for metric, values in scores.items()},
    }


def _reference(row: Known) -> str:
    if row.summary is None:
        raise InputError(f"row {row.id!r} has no reference summary to compare with")
    return row.summary
