"""From gradients to weights: precision, clipping, optimizers, and what of them a checkpoint must hold.

Weights in float32 are moved as they are. Weights in bfloat16 are too coarse to be moved by small steps, so the optimizer moves
float32 copies and rounds. Products in float16 need a scaled loss, or small gradients vanish; a step whose gradients
overflow is left out, and the scale halved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from deepsynth.models.family import Part
from deepsynth.training.config import TrainerConfig
from deepsynth.training.optimizers import make_optimizers, set_rates
from deepsynth.training.sharding import like, whole

AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}
SMALLEST_SCALE = 1.0
"""A loss scale below this means that gradients are no numbers whatever the scale."""


class Updater:
    """Owns the optimizers of a model's trainable parameters."""

    def __init__(
        self, model: nn.Module, parts: Mapping[str, list[Part]], config: TrainerConfig, device: torch.device
    ) -> None:
        """Make the optimizers, and float32 copies where weights are coarser."""
        self._device, self._dtype = device, AUTOCAST.get(config.mixed_precision)
        self.learning = {name: value for name, value in model.named_parameters() if value.requires_grad}
        self.masters: dict[str, nn.Parameter] = {
            name: nn.Parameter(value.detach().float().clone())
            for name, value in self.learning.items()
            if value.dtype != torch.float32
        }
        places = {id(self.learning[name]): master for name, master in self.masters.items()}
        self.optimizers = make_optimizers(model, parts, config.optimizer, stand_ins=places)
        self._scaler = torch.amp.GradScaler(device.type) if config.mixed_precision == "fp16" else None

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context of forward passes."""
        return torch.autocast(self._device.type, self._dtype) if self._dtype else nullcontext()

    def backward(self, loss: Tensor) -> None:
        """Add the loss's gradients."""
        (self._scaler.scale(loss) if self._scaler else loss).backward()

    def clip(self, longest: float) -> float:
        """Scale the gradients down to a norm of at most `longest`; return the norm that they had."""
        for optimizer in self.optimizers if self._scaler else ():
            self._scaler.unscale_(optimizer)  # pyright: ignore[reportOptionalMemberAccess]
        return float(whole(nn.utils.clip_grad_norm_(list(self.learning.values()), longest)))

    def may_skip(self) -> bool:
        """Tell whether gradients that are no numbers may be left out: only while the loss scale can still fall."""
        return self._scaler is not None and self._scaler.get_scale() > SMALLEST_SCALE

    @torch.no_grad()
    def step(self) -> None:
        """Move the weights and drop the gradients."""
        for name, master in self.masters.items():
            value = self.learning[name]
            master.grad = None if value.grad is None else value.grad.float()
            value.grad = None
        for optimizer in self.optimizers:
            if self._scaler:
                self._scaler.step(optimizer)
            else:
                optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if self._scaler:
            self._scaler.update()
        for name, master in self.masters.items():
            self.learning[name].copy_(master)
            master.grad = None

    def set_rates(self, factor: float) -> None:
        """Set every rate to `factor` times its peak."""
        set_rates(self.optimizers, factor)

    @property
    def rate(self) -> float:
        """The rate of the first group."""
        return float(self.optimizers[0].param_groups[0]["lr"])

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """Return what a checkpoint holds by file, whole; every process of a sharded run must ask."""
        found = {f"optimizer-{number}": optimizer_tensors(item) for number, item in enumerate(self.optimizers)}
        if self.masters:
            found["masters"] = {name: whole(value.detach()).contiguous() for name, value in self.masters.items()}
        return found

    def scale_state(self) -> dict[str, Any] | None:
        """Return the state of the loss scale, in numbers; none without one."""
        return self._scaler.state_dict() if self._scaler else None

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Mapping[str, Tensor]], scale: Mapping[str, Any] | None) -> None:
        """Go on from what `tensors` and `scale_state` gave."""
        for number, optimizer in enumerate(self.optimizers):
            load_optimizer(optimizer, tensors[f"optimizer-{number}"])
        for name, master in self.masters.items():
            master.copy_(like(tensors["masters"][name], master))
        if self._scaler and scale:
            self._scaler.load_state_dict(dict(scale))


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return an optimizer's state as whole tensors named `<parameter>.<slot>`; a count kept as an int has no axes."""
    state: Mapping[int, Mapping[str, Any]] = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": whole(torch.as_tensor(value)).contiguous()
        for index, slots in state.items()
        for name, value in _flat(slots)
    }


def _flat(slots: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield an optimizer's slots; 8-bit AdamW gives some of them in a mapping of their own, and takes them without."""
    for name, value in slots.items():
        if isinstance(value, Mapping):
            for inner, tensor in value.items():
                yield inner, tensor.clone() if inner.startswith("qmap") else tensor  # a table that all parameters share
        else:
            yield name, value


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Fill an optimizer's state from `optimizer_tensors`."""
    parameters: Sequence[Tensor] = [value for group in optimizer.param_groups for value in group["params"]]
    state: dict[int, dict[str, Any]] = {}
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        parameter = parameters[int(index)]
        state.setdefault(int(index), {})[name] = _slot(value, parameter)
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _slot(value: Tensor, parameter: Tensor) -> Tensor | int:
    if value.ndim == 0 and value.dtype == torch.int64:
        return int(value)
    return like(value, parameter) if value.shape == parameter.shape else value
