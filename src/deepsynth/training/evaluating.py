"""Looking at a model while it trains: its loss on held-out rows, what it writes about them, and whether it sees its pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from deepsynth.core.errors import TrainingError
from deepsynth.core.files import storage_errors
from deepsynth.core.processor import Processor
from deepsynth.data.batch import Batch
from deepsynth.data.collate import Collator
from deepsynth.evaluation.page_files import save_pages
from deepsynth.models import LoadedModel
from deepsynth.training.averaging import MovingAverage
from deepsynth.training.config import TrainerConfig
from deepsynth.training.examples import Examples
from deepsynth.training.sharding import whole_weights
from deepsynth.training.team import Team

SAMPLES = "samples.jsonl"
LONGEST_SAMPLE = 128
"""Tokens that a sample summary is cut at."""


def evaluation_loss(
    model: nn.Module,
    loss_of: Callable[[Batch], Tensor],
    dataset: Examples,
    collate: Collator,
    batch_size: int,
    average: MovingAverage | None,
) -> float:
    """Return the loss per label token over all of `dataset`, of the averaged weights where there are some."""
    model.eval()
    loss, tokens = 0.0, 0
    with torch.no_grad(), _weights(average):
        for start in range(0, len(dataset), batch_size):
            batch = collate([dataset[index] for index in range(start, min(len(dataset), start + batch_size))])
            loss += loss_of(batch).item()
            tokens += batch.num_label_tokens
    model.train()
    return loss / max(1, tokens)


def write_samples(
    loaded: LoadedModel,
    processor: Processor,
    dataset: Examples,
    config: TrainerConfig,
    step: int,
    team: Team,
    average: MovingAverage | None,
) -> None:
    """Add what the model writes about the first rows, and their texts and pages, to samples.jsonl in the run's folder.

    Raises:
        StorageError: the disk refused.
    """
    rows = [dataset[index] for index in range(min(config.eval_samples, len(dataset)))]
    batch = Collator(processor, padding_side="left", with_summary=False)(rows).to(team.device).as_mapping()
    with _weights(average), whole_weights(loaded.model):
        written = loaded.family.generate(loaded.model, batch, max_new_tokens=LONGEST_SAMPLE)
    if not team.is_main:
        return
    path = config.output_dir / SAMPLES
    with storage_errors(path), path.open("a", encoding="utf-8") as file:
        pages = save_pages(config.output_dir, 0, rows)
        for row, ids, names in zip(rows, written, pages, strict=True):
            line = {"step": step, "id": row.id, "text": row.text, "reference": row.summary}
            line |= {"prediction": processor.decode(ids), "pages": names}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def check_pages_reach_decoder(loss_of: Callable[[Batch], Tensor], batch: Batch) -> None:
    """Check that the loss of a row changes with its page, so that a broken visual path cannot go unnoticed.

    Raises:
        TrainingError: another page gives the same loss.
    """
    if not batch.num_visual_tokens:
        return
    with torch.no_grad():
        losses = [loss_of(item).item() for item in (batch, _with_another_page(batch))]
    if losses[0] == losses[1]:
        raise TrainingError(
            f"row {batch.ids[0]} has the same loss with another page: its pages do not reach the decoder"
        )


def _with_another_page(batch: Batch) -> Batch:
    if batch.page_features is not None:
        return replace(batch, page_features=[-page for page in batch.page_features])
    views = batch.global_views
    return replace(batch, global_views=255 - views if views.dtype == torch.uint8 else -views)


def _weights(average: MovingAverage | None) -> AbstractContextManager[Any]:
    return average.in_place() if average else nullcontext()
