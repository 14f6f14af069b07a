"""Tensors and models in shards over several processes (FSDP2): into shards, whole again, and back.

Each decoder layer is a unit that is gathered just before it is used; the rest of the model is one more. Weights, gradients,
optimizer states and averages then lie in shards of equal size. What a checkpoint holds is always whole, so it is the same
folder whoever wrote it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from deepsynth.models.parts import decoder_layers, unwrap


def shard_model(model: nn.Module, device_type: str, processes: int) -> None:
    """Put a model's weights into shards, in place; its parameters are others afterwards."""
    mesh = init_device_mesh(device_type, (processes,))
    for layer in decoder_layers(model):
        fully_shard(layer, mesh=mesh)
    fully_shard(unwrap(model), mesh=mesh)


def whole(tensor: Tensor) -> Tensor:
    """Return a tensor whole; for one in shards every process must ask."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def like(tensor: Tensor, example: Tensor) -> Tensor:
    """Return a whole tensor in shards if the example is; every process holds the same."""
    if not isinstance(example, DTensor):
        return tensor
    return distribute_tensor(tensor.to(example.device), example.device_mesh, example.placements)


def set_gradient_sync(model: nn.Module, *, sync: bool) -> None:
    """Say whether the next backward pass joins the gradients of all processes."""
    assert isinstance(model, FSDPModule)
    model.set_requires_gradient_sync(sync)


@contextmanager
def whole_weights(model: nn.Module) -> Generator[None]:
    """Hold all weights whole on every process for the length of the block, and the model under its own class.

    A model that is not in shards is left as it is.
    """
    parts = list(_shards(model))
    if not parts:
        yield
        return
    root: Any = unwrap(model)
    sharded_class = type(root)
    for part in parts:
        part.unshard()
    root.__class__ = sharded_class.__mro__[2]  # key mappings are registered under the name of the model's own class
    # FSDP puts weights back into shards before each state_dict(); to make them whole again every process would have to ask,
    # while one alone writes the checkpoint
    hooks = [(module, module._state_dict_pre_hooks) for module in root.modules()]
    for module, _ in hooks:
        module._state_dict_pre_hooks = OrderedDict()
    try:
        yield
    finally:
        for module, own in hooks:
            module._state_dict_pre_hooks = own
        root.__class__ = sharded_class
        for part in parts:
            part.reshard()


def _shards(model: nn.Module) -> Iterator[FSDPModule]:
    return (module for module in model.modules() if isinstance(module, FSDPModule))
