"""The one trainer: examples become a checkpoint.

A step reads `gradient_accumulation_steps` batches. Their losses are sums over label tokens, and each is divided by the
label tokens of all of them together: dividing by each batch's own count would give short summaries more weight than
long ones. Rates follow optimizer steps. Whatever happens between steps (a pause, a signal, a full disk), the newest
checkpoint is whole, and a run that goes on from it equals an unbroken one.
"""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import set_seed
from torch.utils.data import DataLoader

from deepsynth.core.control import Control, pause_on_signals
from deepsynth.core.documents import Example
from deepsynth.core.errors import CheckpointError, InputError, Paused, TrainingError
from deepsynth.core.progress import Reporter, SilentReporter
from deepsynth.data.batch import Batch
from deepsynth.data.collate import Collator
from deepsynth.models import LoadedModel, families, load_model
from deepsynth.training.checkpoint import (
    TRAINER,
    TrainState,
    load_state,
    newest_checkpoint,
    remove_old,
    save_checkpoint,
)
from deepsynth.training.config import TrainerConfig
from deepsynth.training.metrics import StepLog
from deepsynth.training.model_utils import freeze_parts, print_parameter_summary, validate_vision_model
from deepsynth.training.optimizers import make_optimizers, set_rates
from deepsynth.training.sampler import EpochSampler
from deepsynth.training.schedule import rate_factor

logger = logging.getLogger(__name__)

EXPLODED = 1e4
"""A loss per token above this is no longer learning (a uniform guess costs about 12)."""


class Examples(Protocol):
    """What the trainer reads: examples by index. With `set_epoch` it may vary them by epoch, reproducibly."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Example: ...


class DeepSynthProductionTrainer:
    """Trains a model of any family on examples; see the module for what it promises."""

    def __init__(
        self, config: TrainerConfig, *, reporter: Reporter | None = None, control: Control | None = None
    ) -> None:
        """Load or build the model, freeze what is to be frozen, and make the optimizers.

        Raises:
            ModelError: the model cannot be read, or a part to freeze holds nothing.
            SettingsError: the mode does not fit the model.
        """
        self.config = config
        self.losses: list[float] = []
        """Loss per label token of each optimizer step of this process."""
        self.state = TrainState()
        self._reporter: Reporter = reporter or SilentReporter()
        self._control = control or Control()
        set_seed(config.seed)
        # accelerate keeps its settings for the process, but one process may train several times with other ones
        AcceleratorState._reset_state()  # pyright: ignore[reportPrivateUsage]
        self.accelerator: Any = Accelerator(mixed_precision=config.mixed_precision)
        self._resume_from = newest_checkpoint(config.output_dir)
        self.loaded = self._load(str(self._resume_from or config.model))
        self.processor = self.loaded.family.processor(self.loaded, config.rendering.mode)
        if config.freeze:
            freeze_parts(self.loaded.model, config.freeze)
        validate_vision_model(self.loaded.model)
        self.summary = print_parameter_summary(self.loaded.model)
        self._optimizers = make_optimizers(
            self.loaded.model, self.loaded.family.parts(self.loaded.model), config.optimizer
        )
        self._model = self.accelerator.prepare(self.loaded.model)
        self._model.train()

    def train(self, dataset: Examples, evaluation: Examples | None = None) -> TrainState:
        """Train to the end, from the newest checkpoint where there is one, and return where the run stands.

        Raises:
            Paused: a pause was asked for; a checkpoint was saved first.
            TrainingError: the loss is not a number or exploded; names the rows and the last good checkpoint.
            InputError: a row cannot be read; names it.
        """
        sampler = self._sampler(dataset)
        total = self.total_steps(sampler)
        self._start_or_resume(dataset, total)
        log = StepLog(self.config, total, self._reporter, self.state)
        with pause_on_signals(self._control):
            batches = self._batches(dataset, sampler)
            while self.state.step < total:
                # once in a while: stop, measure, save
                if self._control.should_pause():
                    self._pause()
                # one step
                group = list(itertools.islice(batches, self.config.gradient_accumulation_steps))
                set_rates(self._optimizers, rate_factor(self.config.optimizer, self.state.step, total))
                loss, tokens = self._optimize(group)
                self._count(group, tokens, sampler)
                self.losses.append(loss)
                # then tell
                log.step(loss, tokens, self._rate(), self._grad_norm, sum(len(batch) for batch in group))
                self._occasionally(evaluation, log, last=self.state.step == total)
        return self.state

    def training_step(self, batch: Batch) -> torch.Tensor:
        """Return the loss of a batch, summed over its label tokens, ready for the backward pass.

        Raises:
            TrainingError: the model failed on this batch; names its rows.
        """
        mapping = batch.to(self.accelerator.device, non_blocking=True).as_mapping()
        try:
            with self.accelerator.autocast():
                output = self.loaded.family.forward(self._model, mapping)
        except (RuntimeError, ValueError) as error:
            raise TrainingError(f"the batch of rows {', '.join(batch.ids)} failed: {error}") from error
        assert output.loss is not None
        return output.loss

    def save_checkpoint(self, step: int) -> Path:
        """Save a checkpoint as `checkpoint-<step>` and remove those that are no longer kept.

        Raises:
            StorageError: the disk refused; the checkpoints before are whole.
        """
        folder = self.config.output_dir / f"checkpoint-{step}"
        if self.accelerator.is_main_process:
            save_checkpoint(folder, self.loaded, self._optimizers, self.state, self.config)
            remove_old(self.config.output_dir, self.config.keep_checkpoints, self.state.best_step)
        self.accelerator.wait_for_everyone()
        return folder

    def evaluation_loss(self, dataset: Examples) -> float:
        """Return the loss per label token over all of `dataset`, without learning from it."""
        self._model.eval()
        collate, loss, tokens = self._collator(), 0.0, 0
        with torch.inference_mode():
            for start in range(0, len(dataset), self.config.batch_size):
                rows = [dataset[index] for index in range(start, min(len(dataset), start + self.config.batch_size))]
                batch = collate(rows)
                loss += float(self.training_step(batch))
                tokens += batch.num_label_tokens
        self._model.train()
        return loss / max(1, tokens)

    def check_pages_reach_decoder(self, dataset: Examples) -> None:
        """Check that the loss of a row changes with its page, so that a broken visual path cannot go unnoticed.

        Raises:
            TrainingError: another page gives the same loss.
        """
        batch = self._collator()([dataset[0]])
        if not len(batch.global_views):
            return
        other = replace(batch, global_views=255 - batch.global_views)
        with torch.no_grad():
            losses = [float(self.training_step(item)) for item in (batch, other)]
        if losses[0] == losses[1]:
            raise TrainingError(
                f"row {batch.ids[0]} has the same loss with another page: its pages do not reach the decoder"
            )

    def total_steps(self, sampler: EpochSampler) -> int:
        """Return the optimizer steps of the whole run."""
        steps = self.config.num_epochs * sampler.batches_per_epoch // self.config.gradient_accumulation_steps
        return max(
            1, min(steps, self.config.max_steps or steps) if self.config.max_steps is None else self.config.max_steps
        )

    def _load(self, source: str) -> LoadedModel:
        family = families.get("deepseek_ocr")
        if source in family.sizes:
            return family.build(source, seed=self.config.seed)
        return load_model(source, device=str(self.accelerator.device))

    def _sampler(self, dataset: Examples) -> EpochSampler:
        if not len(dataset):
            raise InputError("the training split holds no example")
        return EpochSampler(
            len(dataset),
            self.config.batch_size,
            seed=self.config.seed,
            process=self.accelerator.process_index,
            processes=self.accelerator.num_processes,
        )

    def _collator(self) -> Collator:
        return Collator(
            self.processor, max_length=self.config.max_length, pad_to_multiple_of=self.config.data.pad_to_multiple_of
        )

    def _start_or_resume(self, dataset: Examples, total: int) -> None:
        if self._resume_from is None:
            self.check_pages_reach_decoder(dataset)
            if self.accelerator.is_main_process:
                self.config.save(self.config.output_dir / "config.json")
            return
        saved = TrainerConfig.load(self._resume_from / TRAINER)
        _refuse_other_run(saved, self.config, self._resume_from)
        self.state = load_state(self._resume_from, self._optimizers)
        self._reporter.message(f"resuming from {self._resume_from.name} ({self.state.step} of {total} steps)")

    def _batches(self, dataset: Examples, sampler: EpochSampler) -> Iterator[Batch]:
        """Yield batches from the run's place on, over one epoch after another."""
        for epoch in itertools.count(self.state.epoch):
            start = self.state.batches if epoch == self.state.epoch else 0
            sampler.set_place(epoch, start)
            vary = getattr(dataset, "set_epoch", None)
            if vary is not None:
                vary(epoch)
            workers = self.config.data.num_workers
            # Its own generator: a loader would draw its workers' seed from the global one, which resuming must not shift.
            loader: DataLoader[Any] = DataLoader(
                dataset,  # pyright: ignore[reportArgumentType]  (a protocol, not a subclass)
                batch_sampler=sampler,
                collate_fn=self._collator(),
                num_workers=workers,
                pin_memory=self.accelerator.device.type == "cuda",
                multiprocessing_context="spawn" if workers else None,
                generator=torch.Generator().manual_seed(epoch),
            )
            yield from loader

    def _optimize(self, group: Sequence[Batch]) -> tuple[float, int]:
        """Take one optimizer step; return its loss per label token and the number of them."""
        counts = torch.tensor(sum(batch.num_label_tokens for batch in group), device=self.accelerator.device)
        tokens = int(self.accelerator.reduce(counts, "sum"))
        if not tokens:
            raise TrainingError(f"the rows {', '.join(_ids(group))} hold no label token: their summaries were cut away")
        total = torch.zeros((), device=self.accelerator.device)
        for number, batch in enumerate(group):
            with _synchronize(self.accelerator, self._model, last=number == len(group) - 1):
                loss = self.training_step(batch)
                # gradients of processes are averaged, and this is a sum over them: hence their number
                self.accelerator.backward(loss * self.accelerator.num_processes / tokens)
                total += loss.detach()
        mean = float(self.accelerator.reduce(total, "sum")) / tokens
        if not math.isfinite(mean) or mean > EXPLODED:
            self._fail(mean, group)
        learning = [parameter for parameter in self._model.parameters() if parameter.requires_grad]
        self._grad_norm = float(self.accelerator.clip_grad_norm_(learning, self.config.max_grad_norm))
        for optimizer in self._optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return mean, tokens

    def _fail(self, loss: float, group: Sequence[Batch]) -> None:
        good = newest_checkpoint(self.config.output_dir)
        raise TrainingError(
            f"step {self.state.step + 1}: the loss is {loss} on rows {', '.join(_ids(group))};"
            f" the last good checkpoint is {good or 'none'}; lower the learning rate or look at these rows"
        )

    def _count(self, group: Sequence[Batch], tokens: int, sampler: EpochSampler) -> None:
        state = self.state
        state.step += 1
        state.examples += sum(len(batch) for batch in group) * self.accelerator.num_processes
        state.label_tokens += tokens
        epochs, state.batches = divmod(state.batches + len(group), sampler.batches_per_epoch)
        state.epoch += epochs

    def _rate(self) -> float:
        return float(self._optimizers[0].param_groups[0]["lr"])

    def _occasionally(self, evaluation: Examples | None, log: StepLog, *, last: bool) -> None:
        step, interval = self.state.step, self.config.eval_interval
        if evaluation is not None and interval and (last or step % interval == 0):
            loss = self.evaluation_loss(evaluation)
            if self.state.best_loss is None or loss < self.state.best_loss:
                self.state.best_loss, self.state.best_step = loss, step
            log.evaluation(loss)
        if last or step % self.config.save_interval == 0 or self.state.best_step == step:
            self.save_checkpoint(step)

    def _pause(self) -> None:
        folder = self.save_checkpoint(self.state.step)
        raise Paused(f"paused after step {self.state.step}; saved {folder}; run the same command again to go on")


def _ids(group: Sequence[Batch]) -> list[str]:
    return [row for batch in group for row in batch.ids]


def _synchronize(accelerator: Accelerator, model: Any, *, last: bool) -> Any:
    """Average gradients over processes only at the last batch of a step."""
    return accelerator.no_sync(model) if not last else torch.enable_grad()


MAY_CHANGE = frozenset({"output_dir", "log_interval", "save_interval", "eval_interval", "keep_checkpoints"})
"""Settings that a resumed run may have otherwise than the checkpoint: they change no weight."""


def _refuse_other_run(saved: TrainerConfig, wanted: TrainerConfig, folder: Path) -> None:
    """Refuse to go on from a checkpoint under other settings, which would be neither the one run nor the other.

    Raises:
        CheckpointError: names the settings that differ.
    """
    before, now = saved.model_dump(mode="json"), wanted.model_dump(mode="json")
    changed = [name for name in before if before[name] != now[name] and name not in MAY_CHANGE]
    if changed:
        raise CheckpointError(
            f"{folder} belongs to a run with other settings ({', '.join(changed)}); use another output_dir, or start from"
            f" its weights with --model {folder}"
        )
