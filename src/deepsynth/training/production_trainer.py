"""The one trainer: examples become a checkpoint.

A step reads `gradient_accumulation_steps` batches. Their losses are sums over label tokens, and each is divided by the
label tokens of all of them together: dividing by each batch's own count would give short summaries more weight than
long ones. Rates follow optimizer steps. Whatever happens between steps (a pause, a signal, a full disk), the newest
checkpoint is whole, and a run that goes on from it equals an unbroken one.

The parts: `feeding` orders batches, `team` knows the other processes, `stepping` takes a step, `updating` moves weights,
`callbacks` do the rest after each step.
"""

from __future__ import annotations

import itertools
import logging
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from accelerate.utils import set_seed
from safetensors.torch import load_file
from torch import Tensor

from deepsynth.core.control import Control, pause_on_signals
from deepsynth.core.errors import Paused
from deepsynth.core.files import new_folder
from deepsynth.core.progress import Reporter, SilentReporter
from deepsynth.data.batch import Batch
from deepsynth.data.collate import Collator
from deepsynth.data.tasks import ANSWERED
from deepsynth.inference.habits import after_training
from deepsynth.models.expert_load import ExpertLoad
from deepsynth.models.parts import decoder_layers, unwrap
from deepsynth.training.allocator import keep_freed_memory
from deepsynth.training.averaging import MovingAverage
from deepsynth.training.caching import cached_examples
from deepsynth.training.callbacks import Averaging, Callback, Checkpointing, Evaluation, HubPushing, Logging
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
from deepsynth.training.encoding import open_cache
from deepsynth.training.evaluating import check_pages_reach_decoder, evaluation_loss, write_samples
from deepsynth.training.examples import AugmentedExamples, Examples, NamedExamples, open_examples
from deepsynth.training.feeding import Feed, make_collator
from deepsynth.training.hub_push import HubPush
from deepsynth.training.metrics import StepLog
from deepsynth.training.model_utils import print_parameter_summary, validate_vision_model
from deepsynth.training.resuming import refuse_other_processes, refuse_other_rows, refuse_other_settings
from deepsynth.training.sharding import whole, whole_weights
from deepsynth.training.stepping import Stepper
from deepsynth.training.team import Team
from deepsynth.training.throughput import Throughput
from deepsynth.training.tuning import make_tuning
from deepsynth.training.updating import Updater

logger = logging.getLogger(__name__)

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
        self.team = Team(config)
        if self.team.device.type == "cpu":
            keep_freed_memory()
        self.state = TrainState(processes=self.team.processes)
        newest = newest_checkpoint(config.output_dir)
        self._resume_from = newest.folder if newest else None
        self.cache = None if config.cache is None else open_cache(config.cache, config.model, seed=config.seed)
        self.tuning = make_tuning(config)
        loaded = self.tuning.load(config, self._resume_from, str(self.team.device))
        answers = any(config.data.tasks.get(task) for task in ANSWERED)
        read_first = config.data.read_first >= 0.5 if answers else None
        asked = after_training(loaded.tokenizer, read_first=read_first, keep_lines=config.data.keep_lines)
        loaded = replace(loaded, tokenizer=asked)
        self.loaded = loaded if self.cache is None else replace(loaded, encoder_file=self.cache.encoder_file)
        self.processor = self.loaded.family.processor(self.loaded, config.rendering.mode)
        self._prepare_model(self.loaded.model)

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
        with pause_on_signals(self._control):
            feed, evaluation = self._feed(dataset, evaluation)
            self._start_or_resume(feed)
            total, team = feed.total_steps, self.team
            log = StepLog(self.config, total, self._reporter, self.state, writes=team.is_main, device=team.device)
            with closing(log):
                self._loop(feed, log, self._callbacks(evaluation, log))
        self._save_average()
        return self.state

    def training_step(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, summed over its label tokens, ready for the backward pass.

        Raises:
            TrainingError: the model failed on this batch; names its rows.
        """
        loss = self._stepper.forward(batch).loss
        assert loss is not None
        return loss

    def save_checkpoint(self, step: int) -> Path:
        """Save a checkpoint as `checkpoint-<step>` and remove those that are no longer kept.

        Raises:
            StorageError: the disk refused; the checkpoints before are whole.
        """
        folder = self.config.output_dir / f"checkpoint-{step}"
        updating = self.updater.tensors()
        average = {name: whole(value) for name, value in self.average.tensors.items()} if self.average else None
        with whole_weights(self.loaded.model):
            if self.team.is_main:
                save_checkpoint(
                    folder,
                    self.loaded,
                    updating,
                    self.state,
                    self.config,
                    scale=self.updater.scale_state(),
                    tuning=self.tuning,
                    average=average,
                )
                remove_old(self.config.output_dir, self.config.keep_checkpoints, self.state.best_step)
        self.team.wait()
        return folder

    def evaluation_loss(self, dataset: Examples) -> float:
        """Return the loss per label token over all of `dataset`, of the averaged weights where there are some."""
        return evaluation_loss(
            self._model, self.training_step, dataset, self.collator, self.config.batch_size, self.average
        )

    def write_samples(self, dataset: Examples) -> None:
        """Write summaries of the first rows of `dataset` into samples.jsonl, of the averaged weights where there are some."""
        write_samples(self.loaded, self.processor, dataset, self.config, self.state.step, self.team, self.average)

    def _prepare_model(self, model: Any) -> None:
        validate_vision_model(model)
        self.summary = print_parameter_summary(model)
        if self.config.gradient_checkpointing:
            model.activation_checkpointing_enable({"use_reentrant": False})
        for layer in decoder_layers(model) if self.config.compile else ():
            layer.compile(dynamic=True)
        self._throughput = Throughput(model, self.config)
        self.team.place(model)
        self.updater = Updater(model, self.loaded.family.parts(model), self.config, self.team.device)
        self._model = self.team.wrap(model)
        self._model.train()
        self.average = None if self.config.ema_decay is None else MovingAverage(model, self.config.ema_decay)
        self._stepper = Stepper(
            self._model, self.loaded.family, self.updater, self.team, self.config, ExpertLoad(model)
        )

    @property
    def collator(self) -> Collator:
        """What makes training batches."""
        longest = unwrap(self.loaded.model).config.text_config.max_position_embeddings
        return make_collator(self.processor, self.config, longest)

    def _feed(self, dataset: Examples, evaluation: Examples | None) -> tuple[Feed, Examples | None]:
        config = self.config
        if config.augmentation is not None:
            variants = config.cache.variants if config.cache else None
            dataset = AugmentedExamples(dataset, config.augmentation, seed=config.seed, variants=variants)
        if self.cache is not None:
            plan = Feed(dataset, config, self.collator, self.team).indices()
            dataset, evaluation = cached_examples(
                self.cache, config, dataset, plan, evaluation, self.team, self._reporter, self._control
            )
        return Feed(NamedExamples(dataset), config, self.collator, self.team), evaluation

    def _start_or_resume(self, feed: Feed) -> None:
        if self._resume_from is None:
            check_pages_reach_decoder(self.training_step, self.collator([feed.first()]))
            self.state.rows = len(feed.examples)
            if self.team.is_main:
                self.config.save(self.config.output_dir / "config.json")
            return
        refuse_other_settings(TrainerConfig.load(self._resume_from / TRAINER), self.config, self._resume_from)
        self.state = load_state(self._resume_from, self.updater)
        refuse_other_processes(self.state.processes, self.team.processes, self._resume_from)
        refuse_other_rows(self.state.rows, len(feed.examples), self._resume_from)
        self.state.rows = len(feed.examples)
        if self.average:
            self.average.load(load_file(self._resume_from / AVERAGE))
        self._reporter.message(
            f"resuming from {self._resume_from.name} ({self.state.step} of {feed.total_steps} steps)"
        )

    def _callbacks(self, evaluation: Examples | None, log: StepLog) -> list[Callback]:
        found: list[Callback] = [Averaging(self.average)] if self.average else []
        found.append(Logging(log, self._throughput))
        if evaluation is not None:
            found.append(Evaluation(evaluation, log))
        found.append(Checkpointing())
        if self.config.hub is not None and self.team.is_main:
            found.append(HubPushing(HubPush(self.config.hub, self.config.output_dir), log))
        return found

    def _loop(self, feed: Feed, log: StepLog, callbacks: list[Callback]) -> None:
        batches, total = feed.batches(self.state), feed.total_steps
        while self.state.step < total and not self.state.stopped:
            if self.team.sum(int(self._control.should_pause()))[0]:  # all of them stop at the same step
                self._pause()
            group = list(itertools.islice(batches, self.config.gradient_accumulation_steps))
            step = self._stepper.step(group, self.state.step, total, listen=log.is_due(self.state.step + 1))
            self.state.count(step.examples, step.label_tokens)
            feed.advance(self.state, len(group))
            self.losses.append(step.loss)
            for callback in callbacks:
                callback.after_step(self, step)

    def _save_average(self) -> None:
        """Write the averaged model as a folder of its own."""
        if self.average is None:
            return
        with self.average.in_place(), whole_weights(self.loaded.model):
            if self.team.is_main:
                with new_folder(self.config.output_dir / AVERAGED) as folder:
                    self.tuning.save(self.loaded, folder)
                    self.config.save(folder / TRAINER)

    def _pause(self) -> None:
        folder = self.save_checkpoint(self.state.step)
        raise Paused(f"paused after step {self.state.step}; saved {folder}; run the same command again to go on")
