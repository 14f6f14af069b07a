"""Golden tensors of the official code, and small models, for all tests of families."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from deepsynth.models import LoadedModel, families, load_model

ASSETS = Path(__file__).parent.parent / "assets"


@dataclass(frozen=True)
class Golden:
    """Inputs and outputs of the official code for a tiny random model."""

    folder: Path
    inputs: dict[str, torch.Tensor]
    outputs: dict[str, torch.Tensor]

    def batch(self, *samples: int) -> dict[str, Any]:
        """The samples as a batch mapping; all of them without arguments."""
        chosen = list(samples or range(len(self.inputs["input_ids"])))
        tiles = [self.inputs[name] for index in chosen if (name := f"pixel_values_local.{index}") in self.inputs]
        return {
            "input_ids": self.inputs["input_ids"][chosen],
            "attention_mask": self.inputs["attention_mask"][chosen],
            "labels": self.inputs["labels"][chosen],
            "image_token_mask": self.inputs["images_seq_mask"][chosen],
            "global_views": torch.cat([self.inputs[f"pixel_values_global.{index}"] for index in chosen]),
            "tiles": torch.cat(tiles) if tiles else None,
            "grids": [tuple(grid) for grid in self.inputs["images_spatial_crop"][chosen].tolist()],
            "page_counts": torch.ones(len(chosen), dtype=torch.long),
            "ids": tuple(f"sample-{index}" for index in chosen),
        }

    def prompt(self, sample: int) -> dict[str, Any]:
        """The prompt that the recorded greedy generation went on from: up to two ids after the last placeholder."""
        batch = self.batch(sample)
        end = int(batch["image_token_mask"][0].nonzero().max()) + 3
        cut = {name: batch[name][:, :end] for name in ("input_ids", "attention_mask", "image_token_mask")}
        return {**batch, **cut}

    def text_only(self) -> dict[str, Any]:
        """The prompt without pages."""
        ids = self.inputs["text_only_input_ids"]
        return {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "image_token_mask": torch.zeros_like(ids, dtype=torch.bool),
            "global_views": torch.zeros(0, 3, 192, 192),
            "tiles": None,
            "grids": [],
            "page_counts": torch.zeros(1, dtype=torch.long),
            "ids": ("text",),
        }

    def gradient(self, model: Any, key: str) -> torch.Tensor:
        """The model's gradient under an official key, cut out of the fused experts where they are fused."""
        native = key.replace("model.", "model.language_model.", 1) if key.startswith("model.") else key
        path, fused, rest = native.partition(".mlp.experts.")
        if not fused:
            return model.get_parameter(native).grad
        expert, projection = rest.split(".")[:2]
        if projection == "down_proj":
            return model.get_parameter(f"{path}.mlp.experts.down_proj").grad[int(expert)]
        both = model.get_parameter(f"{path}.mlp.experts.gate_up_proj").grad[int(expert)]
        return both.chunk(2)[0 if projection == "gate_proj" else 1]


def read_golden(name: str) -> Golden:
    folder = ASSETS / name
    return Golden(folder, load_file(folder / "inputs.safetensors"), load_file(folder / "outputs.safetensors"))


@pytest.fixture(scope="session")
def golden_v1() -> Golden:
    return read_golden("deepseek_ocr_v1_tiny")


@pytest.fixture(scope="session")
def golden_v2() -> Golden:
    return read_golden("deepseek_ocr_v2_tiny")


@pytest.fixture
def loaded_v1(golden_v1: Golden) -> LoadedModel:
    return load_model(golden_v1.folder)


@pytest.fixture
def loaded_v2(golden_v2: Golden) -> LoadedModel:
    return load_model(golden_v2.folder)


@pytest.fixture
def tiny() -> LoadedModel:
    return families.get("deepseek_ocr").build("tiny", seed=1)
