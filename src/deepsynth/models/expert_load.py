"""How evenly the routed experts are used: counted by listening to the routers, without waiting for the device."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from deepsynth.models.parts import model_parts


class ExpertLoad:
    """Counts which experts tokens are sent to, while `listening`."""

    def __init__(self, model: nn.Module) -> None:
        """Put a listener on every router of the model."""
        self.listening = False
        routers = [part for part in model_parts(model)["router"] if isinstance(part, nn.Module)]
        self._counts: list[Tensor | None] = [None] * len(routers)
        for place, router in enumerate(routers):
            router.register_forward_hook(self._listener(place))

    def take(self) -> dict[str, float]:
        """Return the load since last time, and forget it: the busiest expert's share over an even one, and the idle ones."""
        counts = [count for count in self._counts if count is not None]
        self._counts = [None] * len(self._counts)
        if not counts:
            return {}
        found = torch.stack(counts).float()
        shares = found / found.sum(dim=1, keepdim=True).clamp_min(1) * found.shape[1]
        return {
            "busiest_expert": float(shares.max()),
            "idle_experts": float((found == 0).float().mean()),
        }

    def _listener(self, place: int) -> Any:
        def hear(router: Any, _inputs: Any, output: tuple[Tensor, Tensor, Tensor]) -> None:
            if not self.listening:
                return
            chosen = output[2].detach().flatten()
            counted = torch.bincount(chosen, minlength=router.num_experts)
            before = self._counts[place]
            self._counts[place] = counted if before is None else before + counted

        return hear
