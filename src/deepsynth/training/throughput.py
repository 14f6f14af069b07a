"""How much arithmetic a step is, and what share of the device's peak that makes (MFU).

Counted is what the model needs: each matrix product of the forward pass, once more for the gradient of its input, and once more
for the gradient of its weight where that learns. Values that are computed a second time to save memory are not counted, nor is
padding. The encoder's cost is measured on one view, and taken in proportion to the pixels that it reads.
"""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from deepsynth.core.geometry import mode
from deepsynth.models.encoder_apart import lacks_encoder
from deepsynth.models.parts import model_parts, parameters_of, unwrap
from deepsynth.models.reading import encode_views
from deepsynth.training.config import TrainerConfig
from deepsynth.training.stepping import Step

PEAKS = {
    "GB200": 2500e12, "B200": 2250e12, "H200": 989e12, "H100 PCIe": 756e12, "H100 NVL": 835e12, "H100": 989e12, "A100": 312e12,
    "L40S": 362e12, "L40": 181e12, "L4": 121e12, "A10": 125e12, "T4": 65e12, "RTX 4090": 165e12, "RTX 3090": 71e12,
}  # fmt: skip
"""Dense products in 16 bits a second, by words of the device's name; the first that fits. Tables that count sparse products are
halved.

NVIDIA's own documents were not at hand. The figures were compared, in November 2026, with what others quote of them:
A100, H100 (1,979 and 1,513 sparse) and T4 from the data sheets that OLMo's trainer cites; L40 and L40S from a dealer's copy of
their table; L4 (242 sparse) and H200 from articles; B200 and GB200 (1,000, 1,200 W) from G. Lockwood's notes on the Blackwell
brief; H100 NVL and the two RTX cards from nanochat's table. A10 is from memory.
"""


class Throughput:
    """Knows a model's arithmetic."""

    def __init__(self, model: nn.Module, config: TrainerConfig) -> None:
        """Look at the model while it is whole, before it is put into shards."""
        root, parts = unwrap(model), model_parts(model)
        text = root.config.text_config
        learns = {
            name: any(parameter.requires_grad for parameter in parameters_of(members))
            for name, members in parts.items()
        }
        experts = len(parts["router"]) * text.num_experts_per_tok * 3 * text.hidden_size * text.moe_intermediate_size
        sizes = {
            name: sum(item.numel() for item in parameters_of(parts[name]))
            for name in ("attention", "shared_experts", "dense", "router")
        } | {"experts": experts}
        self.per_token = sum(2.0 * size * (3 if learns[name] else 2) for name, size in sizes.items())
        self.per_label = 2.0 * text.vocab_size * text.hidden_size * (3 if learns["head"] else 2)
        self.per_squared_length = 3 * 2.0 * text.hidden_size * text.num_hidden_layers
        self.per_pixel = 0.0 if lacks_encoder(root) else _encoder_per_pixel(root, config)
        if learns["sam"] or learns["clip"]:
            self.per_pixel *= 3

    def operations(self, step: Step) -> float:
        """Return the floating-point operations that a step needs, over all processes."""
        return (
            step.tokens * self.per_token
            + step.label_tokens * self.per_label
            + step.squared_lengths * self.per_squared_length
            + step.pixels * self.per_pixel
        )


def peak(device: torch.device) -> float | None:
    """Return the device's peak in operations a second; none when it is unknown, as for every CPU."""
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    if "Laptop" in name:  # the same names on slower chips
        return None
    return next((value for words, value in PEAKS.items() if re.search(rf"\b{words}\b", name)), None)


@torch.no_grad()
def _encoder_per_pixel(model: Any, config: TrainerConfig) -> float:
    size = mode(config.rendering.mode).size
    device = next(model.parameters()).device
    before = {module: module.training for module in model.modules()}
    with FlopCounterMode(display=False) as counter:
        encode_views(model, torch.zeros(1, 3, size, size, dtype=torch.uint8, device=device))
    for module, training in before.items():
        module.training = training
    return counter.get_total_flops() / size**2
