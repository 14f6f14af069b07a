"""AdamW, and Muon for matrices beside it.

Muon (Jordan et al., 2024): the momentum of a matrix is replaced by the nearest orthogonal matrix, found by five
Newton-Schulz iterations in bfloat16, so that every direction of the weight learns at the same speed. Learning to read page
images from scratch it needs about a third of AdamW's samples. Embeddings, norms, biases and the head stay with AdamW.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from deepsynth.core.errors import MissingExtraError
from deepsynth.models.family import Part
from deepsynth.training.config import OptimizerConfig
from deepsynth.training.sharding import like, whole

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic iteration, chosen by its authors for the steepest slope at zero."""
NUMBERS_TOGETHER = 2**24
"""Matrices worked on together hold about so many numbers at most."""
ADAMW_PARTS = ("embeddings", "norms", "head")
_FUSED = {"qkv": (3, 0), "gate_up_proj": (2, -2)}
"""Matrices that are several in one: number of pieces and the dimension they are stacked in."""


class Muon(torch.optim.Optimizer):
    """Orthogonalized momentum for parameters of two or more dimensions; convolutions are flattened to matrices."""

    def __init__(self, groups: Iterable[Mapping[str, Any]], lr: float, momentum: float = 0.95) -> None:
        """Each group may say `pieces` and `dim` for parameters that hold several matrices."""
        super().__init__([dict(group) for group in groups], {"lr": lr, "momentum": momentum, "pieces": 1, "dim": 0})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Move every parameter that has a gradient."""
        assert closure is None
        for group in self.param_groups:
            moving = [parameter for parameter in group["params"] if parameter.grad is not None]
            gradients = [whole(self._nesterov(parameter, group["momentum"])) for parameter in moving]
            updates = orthogonal_updates(gradients, group["pieces"], group["dim"])
            for parameter, update in zip(moving, updates, strict=True):
                parameter.add_(like(update, parameter), alpha=-group["lr"])

    def _nesterov(self, parameter: Tensor, momentum: float) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        buffer: Tensor = state["momentum"]
        assert parameter.grad is not None
        buffer.mul_(momentum).add_(parameter.grad)
        return parameter.grad.add(buffer, alpha=momentum)


def orthogonal_updates(gradients: Sequence[Tensor], pieces: int = 1, dim: int = 0) -> list[Tensor]:
    """Return the update for each gradient, with the root of rows over columns as its scale where rows are more.

    Matrices of one size are worked on together, which on a CPU takes a third of the time.

    *Shapes:* (rows, columns), (experts, rows, columns) or a convolution (out, in, height, width); the same is returned.
    """
    split = [(gradient.flatten(1) if gradient.ndim == 4 else gradient).chunk(pieces, dim) for gradient in gradients]
    found = iter(_orthogonalize_all([piece for parts in split for piece in parts]))
    joined = [torch.cat([next(found) for _ in parts], dim) for parts in split]
    return [update.reshape(gradient.shape) for update, gradient in zip(joined, gradients, strict=True)]


def _orthogonalize_all(matrices: Sequence[Tensor]) -> list[Tensor]:
    """Return the scaled updates of matrices, or of stacks of them, in their order."""
    results: list[Tensor] = list(matrices)
    batches: dict[tuple[int, ...], list[int]] = {}
    for place, matrix in enumerate(matrices):
        batches.setdefault(tuple(sorted(matrix.shape[-2:])), []).append(place)
    for (short, long), places in batches.items():
        room = max(1, NUMBERS_TOGETHER // (short * long))
        for some in _within(places, [matrices[place].numel() // (short * long) for place in places], room):
            flat = [_wide(matrices[place]).reshape(-1, short, long) for place in some]
            solved = _orthogonalize(torch.cat(flat)).split([len(stack) for stack in flat])
            for place, stack in zip(some, solved, strict=True):
                results[place] = _as_it_was(stack, matrices[place])
    return results


def _within(places: Sequence[int], sizes: Sequence[int], room: int) -> Iterator[list[int]]:
    """Yield runs of places whose sizes fit into the room together; what is larger comes alone."""
    some, used = [], 0
    for place, size in zip(places, sizes, strict=True):
        if some and used + size > room:
            yield some
            some, used = [], 0
        some.append(place)
        used += size
    yield some


def _wide(matrix: Tensor) -> Tensor:
    return matrix.mT if matrix.shape[-2] > matrix.shape[-1] else matrix


def _as_it_was(stack: Tensor, matrix: Tensor) -> Tensor:
    rows, columns = matrix.shape[-2:]
    update = (stack.mT if rows > columns else stack).reshape(matrix.shape).to(matrix.dtype)
    return update * max(1.0, rows / columns) ** 0.5


def _orthogonalize(x: Tensor) -> Tensor:
    """*Shape:* (matrices, rows, columns), rows not more than columns."""
    first, second, third = NEWTON_SCHULZ
    x = x.to(torch.bfloat16)
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=second, alpha=third), x, beta=first)
    return x


def make_optimizers(
    model: nn.Module,
    parts: Mapping[str, list[Part]],
    config: OptimizerConfig,
    stand_ins: Mapping[int, nn.Parameter] | None = None,
) -> list[torch.optim.Optimizer]:
    """Return the optimizers of the trainable parameters; each group keeps its peak rate as `peak`.

    `stand_ins` holds, by the id of a parameter, what is moved in its place.

    Raises:
        MissingExtraError: 8-bit moments are asked for and bitsandbytes is not installed.
    """
    stand_ins = stand_ins or {}
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    adamw: dict[float, list[nn.Parameter]] = {}
    muon: dict[tuple[float, int, int], list[nn.Parameter]] = {}
    for part, members in parts.items():
        factor = config.part_rates.get(part, 1.0)
        for parameter in _trainable(members):
            moved = stand_ins.get(id(parameter), parameter)
            if config.name == "muon" and part not in ADAMW_PARTS and _is_matrix(names[id(parameter)], parameter):
                pieces, dim = next((cut for key, cut in _FUSED.items() if key in names[id(parameter)]), (1, 0))
                muon.setdefault((factor, pieces, dim), []).append(moved)
            else:
                adamw.setdefault(factor, []).append(moved)
    found: list[torch.optim.Optimizer] = []
    if muon:
        groups = [
            {"params": members, "lr": config.muon_learning_rate * factor, "pieces": pieces, "dim": dim}
            for (factor, pieces, dim), members in muon.items()
        ]
        found.append(Muon(groups, config.muon_learning_rate))
    if adamw:
        plain = [{"params": members, "lr": config.learning_rate * factor} for factor, members in adamw.items()]
        kind = _eight_bit_adamw() if config.name == "adamw8bit" else torch.optim.AdamW
        found.append(kind(plain, betas=config.betas, weight_decay=config.weight_decay))
    for optimizer in found:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return found


def _eight_bit_adamw() -> Any:
    try:
        return importlib.import_module("bitsandbytes.optim").AdamW8bit
    except ImportError as error:
        raise MissingExtraError("bitsandbytes", "gpu") from error


def _trainable(members: list[Part]) -> Iterable[nn.Parameter]:
    for member in members:
        parameters = member.parameters() if isinstance(member, nn.Module) else (member,)
        yield from (parameter for parameter in parameters if parameter.requires_grad)


def _is_matrix(name: str, parameter: nn.Parameter) -> bool:
    tables = ("pos_embed", "position", "rel_pos", "class_embedding", "newline", "separator")
    return parameter.ndim >= 2 and not any(table in name for table in tables)


def set_rates(optimizers: Iterable[torch.optim.Optimizer], factor: float) -> None:
    """Set each group's rate to `factor` times its peak."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor
