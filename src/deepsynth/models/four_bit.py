"""Routed experts kept in 4 bits (nf4), for training that leaves them frozen.

The fused experts are 73 % of the full model. Quantizing what loaders usually quantize, the plain linear layers, would save next
to nothing here. So each stack of expert matrices is packed by bitsandbytes' functional interface, with its block scales packed
once more, at 4.13 bits a weight. A layer unpacks its stacks when it runs and forgets them afterwards; the backward pass unpacks
them again instead of having kept them, or eleven layers of unpacked weights would be alive at its start.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from deepsynth.core.errors import MissingExtraError, ModelError, SettingsError
from deepsynth.models.parts import unwrap

STACKS = ("gate_up_proj", "down_proj")
"""The two stacks of an experts module. *Shapes:* (experts, 2 * inner, hidden) and (experts, hidden, inner)."""
BLOCK, NESTED_BLOCK = 64, 256
"""Weights that share a scale, and scales that share one."""
BITS = 4 + 8 / BLOCK + 32 / (BLOCK * NESTED_BLOCK)
"""Bits a weight takes, scales included."""
DEVICES = ("cpu", "cuda", "xpu")


@dataclass(frozen=True, slots=True)
class _Unpacked:
    """What the backward pass keeps instead of a view of an unpacked stack."""

    stack: str
    size: torch.Size
    stride: tuple[int, ...]
    offset: int


class FourBitExperts(nn.Module):
    """Mixin in front of a fused experts class: its stacks are packed, and unpacked while it runs."""

    compute_dtype: torch.dtype
    shapes: dict[str, torch.Size]
    _open: dict[str, Tensor] | None
    _layer: tuple[nn.Module]

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """Run the class behind with unpacked stacks."""
        self._open = {}
        try:
            if self._is_recomputed():  # then nothing saved here lives until the backward pass anyway
                return super().forward(*args, **kwargs)
            with saved_tensors_hooks(self._keep, self._take_out):
                return super().forward(*args, **kwargs)
        finally:
            self._open = None

    @property
    def gate_up_proj(self) -> Tensor:
        """The unpacked stack of gate and up projections."""
        return self._unpacked("gate_up_proj")

    @property
    def down_proj(self) -> Tensor:
        """The unpacked stack of down projections."""
        return self._unpacked("down_proj")

    def pack(self, stack: str, weight: Tensor) -> None:
        """Keep a stack in 4 bits from now on."""
        functional = bitsandbytes_functional()
        packed, state = functional.quantize_4bit(
            weight.contiguous(), blocksize=BLOCK, compress_statistics=True, quant_type="nf4"
        )
        found = {
            "packed": packed,
            "scales": state.absmax,
            "nested_scales": state.state2.absmax,
            "offset": state.offset,
            "code": state.code,
            "nested_code": state.state2.code,
        }
        for name, value in found.items():
            self.register_buffer(f"{stack}_{name}", value, persistent=False)
        self.shapes[stack] = weight.shape

    def unpack(self, stack: str) -> Tensor:
        """Return a stack in the dtype that it had before."""
        functional = bitsandbytes_functional()
        packed, scales, nested, offset, code, nested_code = (
            getattr(self, f"{stack}_{name}")
            for name in ("packed", "scales", "nested_scales", "offset", "code", "nested_code")
        )
        scales_state = functional.QuantState(
            absmax=nested, blocksize=NESTED_BLOCK, code=nested_code, dtype=torch.float32
        )
        state = functional.QuantState(
            absmax=scales,
            shape=self.shapes[stack],
            dtype=self.compute_dtype,
            blocksize=BLOCK,
            code=code,
            quant_type="nf4",
            offset=offset,
            state2=scales_state,
        )
        return functional.dequantize_4bit(packed, state)

    def num_weights(self) -> int:
        """Return the number of weights that are packed."""
        return sum(shape.numel() for shape in self.shapes.values())

    def _unpacked(self, stack: str) -> Tensor:
        if self._open is None:
            return self.unpack(stack)
        if stack not in self._open:
            self._open[stack] = self.unpack(stack)
        return self._open[stack]

    def _is_recomputed(self) -> bool:
        layer = self._layer[0]
        return layer.training and bool(getattr(layer, "gradient_checkpointing", False))

    def _keep(self, tensor: Tensor) -> Tensor | _Unpacked:
        for stack, weight in (self._open or {}).items():
            if tensor.untyped_storage().data_ptr() == weight.untyped_storage().data_ptr():
                return _Unpacked(stack, tensor.size(), tensor.stride(), int(tensor.storage_offset()))
        return tensor

    def _take_out(self, kept: Tensor | _Unpacked) -> Tensor:
        if isinstance(kept, Tensor):
            return kept
        return self.unpack(kept.stack).as_strided(kept.size, kept.stride, kept.offset)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:  # noqa: FBT001, FBT002
        """Move with the model, but never take another dtype: scales in bfloat16 would be other scales."""

        def move(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            return moved if moved.dtype == tensor.dtype else tensor.to(moved.device)

        return super()._apply(move, recurse)


def quantize_experts(model: nn.Module, device: str = "cpu") -> int:
    """Put the routed experts of a model into 4 bits, in place, layer by layer on `device`; return their number of weights.

    Raises:
        MissingExtraError: bitsandbytes is not installed.
        SettingsError: the device has no 4-bit kernels.
        ModelError: the model has no routed experts.
    """
    check_available(device)
    layers: list[Any] = [layer for layer in unwrap(model).model.language_model.layers if hasattr(layer.mlp, "experts")]
    if not layers:
        raise ModelError("the model has no routed experts to keep in 4 bits")
    for layer in layers:
        _quantize(layer, device)
    return sum(layer.mlp.experts.num_weights() for layer in layers)


def check_available(device: str) -> None:
    """Refuse what cannot be had here.

    Raises:
        MissingExtraError: bitsandbytes is not installed.
        SettingsError: the device has no 4-bit kernels.
    """
    if importlib.util.find_spec("bitsandbytes") is None:
        raise MissingExtraError("bitsandbytes", "gpu")
    kind = torch.device(device).type
    if kind not in DEVICES:
        raise SettingsError(
            f"experts in 4 bits can be had on {', '.join(DEVICES)}, not on {kind}; leave them as they are",
            field="lora.quantize_experts",
        )


def packed_experts(members: Iterable[nn.Module | nn.Parameter]) -> list[FourBitExperts]:
    """Return the packed experts among the members of a part."""
    return [
        module
        for member in members
        if isinstance(member, nn.Module)
        for module in member.modules()
        if isinstance(module, FourBitExperts)
    ]


def bitsandbytes_functional() -> Any:
    """Return bitsandbytes' functional interface; its remark about a kernel that it would fetch is kept quiet."""
    logging.getLogger("bitsandbytes.backends").setLevel(logging.ERROR)
    return importlib.import_module("bitsandbytes.functional")


def _quantize(layer: Any, device: str) -> None:
    experts = layer.mlp.experts
    weights = {stack: getattr(experts, stack) for stack in STACKS}
    for stack in STACKS:
        delattr(experts, stack)
    experts.__class__ = _packed_class(type(experts))
    experts.compute_dtype, experts.shapes, experts._open = weights["down_proj"].dtype, {}, None
    experts._layer = (layer,)  # in a tuple, or it would become a submodule of itself
    for stack in STACKS:
        experts.pack(stack, weights.pop(stack).detach().to(device))


def _packed_class(stock: type[nn.Module]) -> type[FourBitExperts]:
    found = _CLASSES.get(stock)
    if found is None:
        found = _CLASSES[stock] = type(f"FourBit{stock.__name__}", (FourBitExperts, stock), {})
    return found


_CLASSES: dict[type[nn.Module], type[FourBitExperts]] = {}
