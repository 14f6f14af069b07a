"""The whole of training on real pages: what must hold before anything else is worth testing.

At the smallest size on any machine; and with `pytest -m gpu`, on an accelerator of 80 GB, at the published size with random weights.
"""

import math

import numpy as np
import pytest
import torch
from benchmarks.train import write_model

from deepsynth.training.deepsynth_lora_trainer import DeepSynthLoRATrainer
from deepsynth.training.examples import AugmentedExamples
from deepsynth.training.production_trainer import DeepSynthProductionTrainer


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """A folder with the published size."""
    if not torch.cuda.is_available():
        pytest.skip("needs an accelerator of 80 GB")
    return write_model(tmp_path_factory.mktemp("published") / "model", "full")


@pytest.fixture(params=["tiny", pytest.param("full", marks=pytest.mark.gpu)])
def settings(request, config):
    config = config.override({"max_steps": 40, "optimizer": {"name": "muon", "muon_learning_rate": 0.02}})
    if request.param == "tiny":
        return config
    model = str(request.getfixturevalue("published"))
    values = {"model": model, "weights": "bfloat16", "gradient_checkpointing": True, "keep_checkpoints": 1}
    return config.override({**values, "rendering": {"mode": "base"}})


def snapshot(trainer) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in trainer.loaded.model.named_parameters()}


def moved(trainer, before) -> set[str]:
    return {name for name, value in trainer.loaded.model.named_parameters() if not torch.equal(value, before[name])}


def assert_learned(losses: list[float], to: float) -> None:
    assert all(math.isfinite(loss) for loss in losses)
    assert np.mean(losses[-5:]) < to * np.mean(losses[:5])


def test_standard_training_smoke(settings, rows):
    trainer = DeepSynthProductionTrainer(settings)
    trainer.train(rows)
    assert_learned(trainer.losses, 0.6)
    assert (settings.output_dir / "checkpoint-40" / "model.safetensors").is_file()
    assert "FROZEN" in trainer.summary
    assert "TRAINABLE" in trainer.summary


def test_lora_training_smoke(settings, rows):
    # Adapters alone cannot teach a model whose output layer is random, so they start from one that has learned a little.
    values = {"output_dir": settings.output_dir.parent / "base", "max_steps": 20, "optimizer.learning_rate": 0.03}
    base = settings.override(values)
    DeepSynthProductionTrainer(base).train(rows)
    values = {
        "model": str(base.output_dir / "checkpoint-20"),
        "lora": {"rank": 8, "targets": "all-linear", "base_dtype": settings.weights},
        "weights": "float32",
        "optimizer": {"name": "adamw", "learning_rate": 0.01},
    }
    trainer = DeepSynthLoRATrainer(settings.override(values))
    before = snapshot(trainer)
    trainer.train(rows)
    assert_learned(trainer.losses, 0.85)
    changed = moved(trainer, before)
    assert changed
    assert all("lora_" in name for name in changed)
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (settings.output_dir / "checkpoint-40" / name).is_file()


def test_vision_encoder_frozen(settings, rows):
    trainer = DeepSynthProductionTrainer(settings)
    before = snapshot(trainer)
    batch = trainer.collator([rows[0], rows[1]])
    trainer.training_step(batch).backward()
    gradients = {name: value.grad for name, value in trainer.loaded.model.named_parameters()}
    encoder = {name for name in gradients if "vision_tower" in name}
    decoder = {name for name in gradients if "language_model" in name and ".experts." not in name}
    assert encoder
    assert all(gradients[name] is None for name in encoder)
    assert all(gradients[name] is not None and bool(gradients[name].any()) for name in decoder)
    trainer.loaded.model.zero_grad(set_to_none=True)
    trainer.train(rows)
    changed = moved(trainer, before)
    assert not changed & encoder
    assert decoder <= changed


def test_augmentations_work(settings, rows):
    settings = settings.override({"augmentation": {"rotation_degrees": 2.0, "noise": 0.02}})
    assert settings.augmentation is not None
    changed = AugmentedExamples(rows, settings.augmentation)
    first = [np.asarray(changed[0].pages[0].image) for _ in range(2)]
    changed.set_epoch(1)
    second = np.asarray(changed[0].pages[0].image)
    plain = np.asarray(rows[0].pages[0].image)
    assert (first[0] == first[1]).all()
    assert first[0].shape == second.shape == plain.shape
    assert (first[0] != second).any()
    assert (first[0] != plain).any()
    trainer = DeepSynthProductionTrainer(settings)
    trainer.train(rows)
    assert_learned(trainer.losses, 0.6)
