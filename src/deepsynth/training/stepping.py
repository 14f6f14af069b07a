"""One optimizer step: the batches of a group forward and backward, gradients clipped, weights moved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from deepsynth.core.errors import TrainingError
from deepsynth.data.batch import Batch
from deepsynth.models import ModelFamily, ModelOutput
from deepsynth.models.expert_load import ExpertLoad
from deepsynth.training.checkpoint import newest_checkpoint
from deepsynth.training.config import TrainerConfig
from deepsynth.training.schedule import rate_factor
from deepsynth.training.team import Team
from deepsynth.training.updating import Updater

EXPLODED = 1e4
"""A loss per token above this is no longer learning (a uniform guess costs about 12)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One optimizer step, done; counts are over all processes."""

    loss: float
    """Mean over its label tokens."""
    label_tokens: int
    rate: float
    grad_norm: float
    examples: int
    last: bool
    """Whether it is the last step of the schedule."""
    tokens: int = 0
    """Tokens that are no padding, visual ones included."""
    visual_tokens: int = 0
    squared_lengths: int = 0
    """Sum of the squares of the examples' lengths, to which the cost of attention is proportional."""
    pixels: int = 0
    """Pixels that the encoder read; none when pages came encoded."""
    experts: dict[str, float] = field(default_factory=dict[str, float])
    """How evenly experts were used by this process, when it was listened to."""


class Stepper:
    """Takes steps."""

    def __init__(
        self,
        model: nn.Module,
        family: ModelFamily,
        updater: Updater,
        team: Team,
        config: TrainerConfig,
        experts: ExpertLoad,
    ) -> None:
        self._model, self._family, self._updater = model, family, updater
        self._team, self._config, self._experts = team, config, experts

    def forward(self, batch: Batch, *, with_balance_loss: bool = False) -> ModelOutput:
        """Return what the model makes of a batch.

        Raises:
            TrainingError: the model failed on it; names its rows.
        """
        mapping = batch.to(self._team.device, non_blocking=True).as_mapping()
        try:
            with self._updater.autocast():
                return self._family.forward(self._model, mapping, with_balance_loss=with_balance_loss)
        except (RuntimeError, ValueError) as error:
            raise TrainingError(f"the batch of rows {', '.join(batch.ids)} failed: {error}") from error

    def step(self, group: Sequence[Batch], done: int, total: int, *, listen: bool = False) -> Step:
        """Take the step behind `done` of `total`, on a group of batches; `listen` to the routers if asked.

        Raises:
            TrainingError: the loss or the gradient is no number, or the loss exploded; names rows and last good checkpoint.
        """
        self._updater.set_rates(rate_factor(self._config.optimizer, done, total))
        labels, examples, tokens, visual, squares, pixels = self._team.sum(*_counts(group))
        if not labels:
            raise TrainingError(f"the rows {', '.join(_ids(group))} hold no label token: their summaries were cut away")
        self._experts.listening = listen
        mean = self._gradients(group, labels, examples) / labels
        self._experts.listening = False
        if not math.isfinite(mean) or mean > EXPLODED:
            self._fail(done, f"the loss is {mean}", group)
        norm = self._updater.clip(self._config.max_grad_norm)
        if not math.isfinite(norm) and not self._updater.may_skip():  # before it reaches weights and checkpoints
            self._fail(done, f"the gradient is {norm}", group)
        self._updater.step()
        return Step(
            loss=mean,
            label_tokens=labels,
            rate=self._updater.rate,
            grad_norm=norm,
            examples=examples,
            last=done + 1 == total,
            tokens=tokens,
            visual_tokens=visual,
            squared_lengths=squares,
            pixels=pixels,
            experts=self._experts.take() if listen else {},
        )

    def _gradients(self, group: Sequence[Batch], labels: int, examples: int) -> float:
        """Add the gradients of a group; return its loss, summed over label tokens and processes."""
        total = torch.zeros((), device=self._team.device)
        weight = self._config.balance_loss
        for number, batch in enumerate(group):
            with self._team.joining(self._model, join=number == len(group) - 1):
                output = self.forward(batch, with_balance_loss=weight > 0)
                assert output.loss is not None
                objective = output.loss / labels
                if output.balance_loss is not None:
                    objective = objective + weight * output.balance_loss * len(batch) / examples
                # gradients of processes are averaged, and this is a sum over them: hence their number
                self._updater.backward(objective * self._team.processes)
                total += output.loss.detach()
        return self._team.sum_tensor(total).item()

    def _fail(self, done: int, what: str, group: Sequence[Batch]) -> None:
        good = newest_checkpoint(self._config.output_dir)
        raise TrainingError(
            f"step {done + 1}: {what} on rows {', '.join(_ids(group))};"
            f" the last good checkpoint is {good.folder if good else 'none'}; lower the learning rate or look at these rows"
        )


def _ids(group: Sequence[Batch]) -> list[str]:
    return [row for batch in group for row in batch.ids]


def _counts(group: Sequence[Batch]) -> tuple[int, ...]:
    """Return label tokens, examples, tokens, visual tokens, squared lengths and pixels of a group."""
    return (
        sum(batch.num_label_tokens for batch in group),
        sum(len(batch) for batch in group),
        sum(batch.num_tokens for batch in group),
        sum(batch.num_visual_tokens for batch in group),
        sum(length**2 for batch in group for length in batch.lengths),
        sum(batch.num_pixels for batch in group),
    )
