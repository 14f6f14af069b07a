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
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from accelerate.utils import set_seed
from safetensors.torch import load_file

from deepsynth.core.control import Control, pause_on_signals
from deepsynth.core.errors import InputError, Paused, TrainingError
from deepsynth.core.files import new_folder
from deepsynth.core.progress import Reporter, SilentReporter
from deepsynth.data.batch import Batch
from deepsynth.data.collate import Collator
from deepsynth.models.parts import unwrap
from deepsynth.training.averaging import MovingAverage
from deepsynth.training.callbacks import Averaging, Callback, Checkpointing, Evaluation, Logging, Step
from deepsynth.training.checkpoint import (
    AVERAGE,
    TRAINER,
    TrainState,
    load_state,
    newest_checkpoint,
    remove_old,
    save_checkpoint,
)
from deepsynth.training.config import TrainerConfig
from deepsynth.training.examples import AugmentedExamples, Examples, NamedExamples, open_examples, set_epoch
from deepsynth.training.loader import epoch_batches
from deepsynth.training.metrics import StepLog
from deepsynth.training.model_utils import print_parameter_summary, validate_vision_model
from deepsynth.training.optimizers import make_optimizers, set_rates
from deepsynth.training.resuming import refuse_other_processes, refuse_other_settings
from deepsynth.training.sampler import EpochSampler
from deepsynth.training.schedule import rate_factor
from deepsynth.training.tuning import make_tuning

logger = logging.getLogger(__name__)

EXPLODED = 1e4
"""A loss per token above this is no longer learning (a uniform guess costs about 12)."""
AVERAGED = "averaged"
"""Folder of the averaged model in the run's folder."""


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
        self._reporter: Reporter = reporter or SilentReporter()
        self._control = control or Control()
        set_seed(config.seed)
        self.accelerator = _accelerator(config)
        self.state = TrainState(processes=self.accelerator.num_processes)
        newest = newest_checkpoint(config.output_dir)
        self._resume_from = newest.folder if newest else None
        self.tuning = make_tuning(config)
        self.loaded = self.tuning.load(config, self._resume_from, str(self.accelerator.device))
        model = self.loaded.model
        self.processor = self.loaded.family.processor(self.loaded, config.rendering.mode)
        validate_vision_model(model)
        self.summary = print_parameter_summary(model)
        if config.gradient_checkpointing:
            model.activation_checkpointing_enable({"use_reentrant": False})
        self._optimizers = make_optimizers(model, self.loaded.family.parts(model), config.optimizer)
        self._model = self.accelerator.prepare(model)
        self._model.train()
        self._learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.average = None if config.ema_decay is None else MovingAverage(model, config.ema_decay)

    def train(self, dataset: Examples | None = None, evaluation: Examples | None = None) -> TrainState:
        """Train to the end, from the newest checkpoint where there is one, and return where the run stands.

        Without a dataset, the one that the settings name is read.

        Raises:
            Paused: a pause was asked for; a checkpoint was saved first.
            TrainingError: the loss is not a number or exploded; names the rows and the last good checkpoint.
            InputError: a row cannot be read; names it.
        """
        if dataset is None:
            dataset, evaluation = open_examples(self.config)
        if self.config.augmentation is not None:
            dataset = AugmentedExamples(dataset, self.config.augmentation, seed=self.config.seed)
        dataset = NamedExamples(dataset)
        sampler = self._sampler(dataset)
        total = self.total_steps(sampler)
        self._start_or_resume(dataset, total)
        log = StepLog(self.config, total, self._reporter, self.state, writes=self.accelerator.is_main_process)
        callbacks = self._callbacks(evaluation, log)
        with pause_on_signals(self._control), closing(log):
            batches = self._batches(dataset, sampler)
            while self.state.step < total and not self.state.stopped:
                if self._should_pause():
                    self._pause()
                group = list(itertools.islice(batches, self.config.gradient_accumulation_steps))
                set_rates(self._optimizers, rate_factor(self.config.optimizer, self.state.step, total))
                step = self._optimize(group, last=self.state.step + 1 == total)
                self._count(step, len(group), sampler)
                self.losses.append(step.loss)
                for callback in callbacks:
                    callback.after_step(self, step)
        self._save_average()
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
            save_checkpoint(
                folder,
                self.loaded,
                self._optimizers,
                self.state,
                self.config,
                tuning=self.tuning,
                average=self.average.tensors if self.average else None,
            )
            remove_old(self.config.output_dir, self.config.keep_checkpoints, self.state.best_step)
        self.accelerator.wait_for_everyone()
        return folder

    def evaluation_loss(self, dataset: Examples) -> float:
        """Return the loss per label token over all of `dataset`, of the averaged weights where there are some."""
        self._model.eval()
        collate, loss, tokens = self._collator(), 0.0, 0
        with torch.no_grad(), self.average.in_place() if self.average else nullcontext():
            for start in range(0, len(dataset), self.config.batch_size):
                rows = [dataset[index] for index in range(start, min(len(dataset), start + self.config.batch_size))]
                batch = collate(rows)
                loss += self.training_step(batch).item()
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
            losses = [self.training_step(item).item() for item in (batch, other)]
        if losses[0] == losses[1]:
            raise TrainingError(
                f"row {batch.ids[0]} has the same loss with another page: its pages do not reach the decoder"
            )

    def total_steps(self, sampler: EpochSampler) -> int:
        """Return the optimizer steps of the whole run."""
        steps = self.config.num_epochs * sampler.batches_per_epoch // self.config.gradient_accumulation_steps
        return self.config.max_steps or max(1, steps)

    def _callbacks(self, evaluation: Examples | None, log: StepLog) -> list[Callback]:
        found: list[Callback] = [Averaging(self.average)] if self.average else []
        found.append(Logging(log))
        if evaluation is not None:
            found.append(Evaluation(evaluation, log))
        return [*found, Checkpointing()]

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
            self.processor,
            max_length=self.config.max_length or unwrap(self.loaded.model).config.text_config.max_position_embeddings,
            pad_to_multiple_of=self.config.data.pad_to_multiple_of,
        )

    def _start_or_resume(self, dataset: Examples, total: int) -> None:
        if self._resume_from is None:
            self.check_pages_reach_decoder(dataset)
            if self.accelerator.is_main_process:
                self.config.save(self.config.output_dir / "config.json")
            return
        refuse_other_settings(TrainerConfig.load(self._resume_from / TRAINER), self.config, self._resume_from)
        self.state = load_state(self._resume_from, self._optimizers)
        refuse_other_processes(self.state.processes, self.accelerator.num_processes, self._resume_from)
        if self.average:
            self.average.load(load_file(self._resume_from / AVERAGE))
        self._reporter.message(f"resuming from {self._resume_from.name} ({self.state.step} of {total} steps)")

    def _batches(self, dataset: Examples, sampler: EpochSampler) -> Iterator[Batch]:
        """Yield batches from the run's place on, over one epoch after another."""
        for epoch in itertools.count(self.state.epoch):
            start = self.state.batches if epoch == self.state.epoch else 0
            sampler.set_place(epoch, start)
            set_epoch(dataset, epoch)
            yield from epoch_batches(
                dataset,
                sampler,
                self._collator(),
                workers=self.config.data.num_workers,
                pin_memory=self.accelerator.device.type == "cuda",
            )

    def _optimize(self, group: Sequence[Batch], *, last: bool) -> Step:
        """Take one optimizer step."""
        tokens, examples = self._sum_over_processes(
            sum(batch.num_label_tokens for batch in group), sum(len(batch) for batch in group)
        )
        if not tokens:
            raise TrainingError(f"the rows {', '.join(_ids(group))} hold no label token: their summaries were cut away")
        total = torch.zeros((), device=self.accelerator.device)
        for number, batch in enumerate(group):
            # gradients of processes are averaged only at the last batch of a step
            with nullcontext() if number == len(group) - 1 else self.accelerator.no_sync(self._model):
                loss = self.training_step(batch)
                # gradients of processes are averaged, and this is a sum over them: hence their number
                self.accelerator.backward(loss * self.accelerator.num_processes / tokens)
                total += loss.detach()
        mean = self.accelerator.reduce(total, "sum").item() / tokens
        if not math.isfinite(mean) or mean > EXPLODED:
            self._fail(f"the loss is {mean}", group)
        norm = float(self.accelerator.clip_grad_norm_(self._learning, self.config.max_grad_norm))
        if not math.isfinite(norm):  # before it reaches the weights, and with them the next checkpoint
            self._fail(f"the gradient is {norm}", group)
        for optimizer in self._optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return Step(loss=mean, label_tokens=tokens, rate=self._rate(), grad_norm=norm, examples=examples, last=last)

    def _sum_over_processes(self, *counts: int) -> list[int]:
        if self.accelerator.num_processes == 1:
            return list(counts)
        return self.accelerator.reduce(torch.tensor(counts, device=self.accelerator.device), "sum").tolist()

    def _fail(self, what: str, group: Sequence[Batch]) -> None:
        good = newest_checkpoint(self.config.output_dir)
        raise TrainingError(
            f"step {self.state.step + 1}: {what} on rows {', '.join(_ids(group))};"
            f" the last good checkpoint is {good.folder if good else 'none'}; lower the learning rate or look at these rows"
        )

    def _count(self, step: Step, batches: int, sampler: EpochSampler) -> None:
        state = self.state
        state.step += 1
        state.examples += step.examples
        state.label_tokens += step.label_tokens
        epochs, state.batches = divmod(state.batches + batches, sampler.batches_per_epoch)
        state.epoch += epochs

    def _rate(self) -> float:
        return float(self._optimizers[0].param_groups[0]["lr"])

    def _should_pause(self) -> bool:
        """Tell whether any process was asked to pause, so that all of them stop at the same step."""
        return bool(self._sum_over_processes(int(self._control.should_pause()))[0])

    def _save_average(self) -> None:
        """Write the averaged model as a folder of its own."""
        if self.average is None or not self.accelerator.is_main_process:
            return
        with self.average.in_place(), new_folder(self.config.output_dir / AVERAGED) as folder:
            self.tuning.save(self.loaded, folder)
            self.config.save(folder / TRAINER)

    def _pause(self) -> None:
        folder = self.save_checkpoint(self.state.step)
        raise Paused(f"paused after step {self.state.step}; saved {folder}; run the same command again to go on")


def _ids(group: Sequence[Batch]) -> list[str]:
    return [row for batch in group for row in batch.ids]


def _accelerator(config: TrainerConfig) -> Any:
    # accelerate keeps its settings for the process, but one process may train several times with other ones
    AcceleratorState._reset_state()  # pyright: ignore[reportPrivateUsage]
    # an expert that no token of a step was sent to has no gradient
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)
    return Accelerator(mixed_precision=config.mixed_precision, kwargs_handlers=[unused])
