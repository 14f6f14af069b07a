"""Comparing a written folder with the model that it was written from: every bit, and the logits of one batch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from deepsynth.core.errors import ModelError
from deepsynth.core.geometry import NO_TILES, Mode
from deepsynth.models.exporting import Dtype, Layout, exported_config, exported_tensors
from deepsynth.models.family import LoadedModel
from deepsynth.models.folders import CONFIG
from deepsynth.models.loading import load_model
from deepsynth.models.parts import unwrap

PROBE_WORDS = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """How a folder compares with the model that it was written from."""

    tensors: int
    parameters: int
    logit_difference: float
    """Greatest absolute difference of a logit, both models in the dtype of the first."""
    logit_scale: float
    """Greatest absolute logit."""

    def describe(self) -> str:
        """Return it in words."""
        return (
            f"{self.tensors} tensors, {self.parameters:,} parameters, every bit compared; greatest logit difference"
            f" {self.logit_difference:.2g} where logits reach {self.logit_scale:.1f}"
        )


def compare_export(
    loaded: LoadedModel, folder: Path, layout: Layout, dtype: Dtype = "auto", *, expected: Tensor | None = None
) -> Comparison:
    """Load an export again and compare weights, config and logits; `expected` are logits to compare with instead.

    Raises:
        ModelError: a weight is missing, left over or differs by a single bit, or config.json does; names it.
    """
    model_dtype = next(loaded.model.parameters()).dtype
    logits = probe_logits(loaded) if expected is None else expected
    again = load_model(folder, dtype=model_dtype)
    check_same_tensors(exported_tensors(loaded, layout, dtype), exported_tensors(again, layout, dtype), folder)
    if (folder / CONFIG).read_bytes() != exported_config(loaded, layout, dtype):
        raise ModelError(f"{folder / CONFIG} differs from the settings that were written")
    return compared(again, logits)


def check_same_tensors(wanted: dict[str, Tensor], found: dict[str, Tensor], folder: Path) -> None:
    """Compare two sets of tensors bit by bit.

    Raises:
        ModelError: names the tensors that differ.
    """
    if found.keys() != wanted.keys():
        differing = sorted(found.keys() ^ wanted.keys())
        raise ModelError(f"{folder} does not hold the model's weights again: {', '.join(differing[:8])}")
    for name, value in wanted.items():
        if value.dtype != found[name].dtype or not torch.equal(value, found[name]):
            raise ModelError(f"{folder}: weight {name} differs from the model it was written from")


def compared(again: LoadedModel, expected: Tensor) -> Comparison:
    """Return the comparison of a reloaded model with the logits of the first."""
    state = again.model.state_dict().values()
    return Comparison(
        tensors=len(state),
        parameters=sum(value.numel() for value in state),
        logit_difference=float((probe_logits(again) - expected).abs().max()),
        logit_scale=float(expected.abs().max()),
    )


@torch.no_grad()
def probe_logits(loaded: LoadedModel) -> Tensor:
    """Return the logits of a batch that is the same for every model of this shape: one page of noise, a few words.

    *Shape:* (1, T, vocabulary), float32.
    """
    training = loaded.model.training
    loaded.model.eval()
    output = loaded.family.forward(loaded.model, probe_batch(loaded), with_logits=True)
    loaded.model.train(training)
    assert output.logits is not None
    return output.logits.float()


def probe_batch(loaded: LoadedModel) -> dict[str, Any]:
    """Return the batch of `probe_logits`, of the size of view that the encoder was made for."""
    settings, layout = unwrap(loaded.model).config, loaded.family.layout
    sam = settings.vision_config.sam_config
    page = Mode("probe", layout, sam.image_size, token_px=4 * sam.patch_size)
    generator = torch.Generator().manual_seed(0)
    words = torch.randint(4, settings.text_config.vocab_size, (PROBE_WORDS,), generator=generator)
    words[words == settings.image_token_id] = 4
    visual = torch.full((page.tokens(),), settings.image_token_id)
    ids = torch.cat([words[:1], visual, words[1:]])[None]
    view = torch.randint(0, 256, (1, 3, page.size, page.size), generator=generator, dtype=torch.uint8)
    place = next(loaded.model.parameters()).device
    return {
        "input_ids": ids.to(place),
        "attention_mask": torch.ones_like(ids).to(place),
        "image_token_mask": (ids == settings.image_token_id).to(place),
        "global_views": view.to(place),
        "tiles": None,
        "grids": [NO_TILES],
        "page_counts": torch.ones(1, dtype=torch.long),
        "ids": ("probe",),
    }
