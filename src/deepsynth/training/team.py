"""The processes that train together: one, several with a copy of the model each (DDP), or several with shards (FSDP2).

Gradients of processes are averaged, while a step's loss is a sum over the examples of all; whoever scales the loss accounts
for that by `processes`.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from torch import Tensor, nn

from deepsynth.core.errors import SettingsError
from deepsynth.training.config import TrainerConfig
from deepsynth.training.sharding import set_gradient_sync, shard_model


class Team:
    """What a process knows of the others."""

    def __init__(self, config: TrainerConfig) -> None:
        """Join the processes that the launcher started.

        Raises:
            SettingsError: shards are asked for and there is one process.
        """
        # accelerate keeps its settings for the process, but one process may train several times with other ones
        AcceleratorState._reset_state()  # pyright: ignore[reportPrivateUsage]
        # an expert that no token of a step was sent to has no gradient
        unused = DistributedDataParallelKwargs(find_unused_parameters=True)
        # unless told so, accelerate does not join processes without an accelerator: each would train alone
        on_cpu = not torch.accelerator.is_available()
        self._accelerator: Any = Accelerator(mixed_precision="no", cpu=on_cpu, kwargs_handlers=[unused])
        self._sharded = config.parallel == "fsdp"
        if self._sharded and self.processes == 1:
            raise SettingsError("parallel fsdp needs several processes; start with torchrun", field="parallel")

    @property
    def device(self) -> torch.device:
        """This process's device."""
        return self._accelerator.device

    @property
    def processes(self) -> int:
        """How many there are."""
        return self._accelerator.num_processes

    @property
    def process(self) -> int:
        """The number of this one, from 0."""
        return self._accelerator.process_index

    @property
    def is_main(self) -> bool:
        """Whether this one writes."""
        return self._accelerator.is_main_process

    def place(self, model: nn.Module) -> None:
        """Put a model on the device, in shards if that is asked for: before optimizers are made."""
        model.to(self.device)
        if self._sharded:
            shard_model(model, self.device.type, self.processes)

    def wrap(self, model: nn.Module) -> nn.Module:
        """Return what forward passes are called on."""
        return model if self._sharded else self._accelerator.prepare(model)

    @contextmanager
    def joining(self, model: nn.Module, *, join: bool) -> Generator[None]:
        """Join gradients with the other processes in this backward pass, or keep them for a later one."""
        if self._sharded:
            set_gradient_sync(model, sync=join)
            yield
        elif join:
            yield
        else:
            with self._accelerator.no_sync(model):
                yield

    def sum(self, *counts: int) -> list[int]:
        """Return counts summed over all processes."""
        if self.processes == 1:
            return list(counts)
        return self._accelerator.reduce(torch.tensor(counts, device=self.device), "sum").tolist()

    def sum_tensor(self, value: Tensor) -> Tensor:
        """Return a tensor summed over all processes."""
        return self._accelerator.reduce(value, "sum")

    def wait(self) -> None:
        """Wait for the others."""
        self._accelerator.wait_for_everyone()
