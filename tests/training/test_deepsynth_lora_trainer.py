import json

import pytest
import torch
from safetensors.torch import load_file

from deepsynth.core.errors import ModelError, SettingsError
from deepsynth.models import load_model
from deepsynth.training.deepsynth_lora_trainer import DeepSynthLoRATrainer
from deepsynth.training.production_trainer import DeepSynthProductionTrainer
from deepsynth.training.tuning import load_trained

TARGETS = ["attention", "attention+shared", "attention+experts", "all-linear"]


def logits(loaded, batch):
    with torch.no_grad():
        return loaded.family.forward(loaded.model.eval(), batch.as_mapping(), with_logits=True).logits


def trained(config, rows, **lora):
    trainer = DeepSynthLoRATrainer(config.override({"lora": {"rank": 4, **lora}}))
    trainer.train(rows)
    return trainer


def optimizer_bytes(trainer) -> int:
    states = [state for optimizer in trainer.updater.optimizers for state in optimizer.state.values()]
    return sum(value.nbytes for state in states for value in state.values() if value.ndim)


@pytest.mark.parametrize("targets", TARGETS)
def test_merged_adapters_give_the_adapters_logits(config, rows, tmp_path, targets):
    trainer = trained(config, rows, targets=targets)
    batch = trainer.collator([rows[0], rows[1]])
    before = logits(trainer.loaded, batch)
    folder = trainer.save_merged(tmp_path / "merged")
    assert torch.allclose(logits(load_model(folder), batch), before, atol=1e-5)
    assert not [name for name, _ in trainer.loaded.model.named_parameters() if "lora" in name or "base_layer" in name]


@pytest.mark.parametrize("targets", TARGETS)
def test_a_checkpoint_holds_adapters_only_under_official_names_and_comes_back(config, rows, targets):
    trainer = trained(config, rows, targets=targets)
    folder = config.output_dir / "checkpoint-6"
    assert not (folder / "model.safetensors").exists()
    tensors = load_file(folder / "adapter_model.safetensors")
    assert all(".lora_A." in name or ".lora_B." in name for name in tensors)
    assert all(name.startswith("base_model.model.model.layers.") for name in tensors)
    assert any(bool(value.any()) for name, value in tensors.items() if "lora_B" in name)
    assert json.loads((folder / "adapter_config.json").read_text())["task_type"] == "CAUSAL_LM"
    batch = trainer.collator([rows[0]])
    assert torch.allclose(logits(load_trained(folder), batch), logits(trainer.loaded, batch), atol=1e-5)


def test_only_adapters_learn_and_memory_falls_by_more_than_half(config, rows, tmp_path):
    full = DeepSynthProductionTrainer(config.override({"output_dir": tmp_path / "full"}))
    full.train(rows)
    trainer = trained(config, rows)
    learning = {name for name, value in trainer.loaded.model.named_parameters() if value.requires_grad}
    assert learning
    assert all("lora_" in name and "language_model" in name for name in learning)
    counts = [sum(value.numel() for value in item.updater.learning.values()) for item in (trainer, full)]
    assert counts[0] < counts[1] / 2
    assert optimizer_bytes(trainer) < optimizer_bytes(full) / 2


def test_new_adapters_change_nothing_and_saved_ones_come_back(config, rows, tmp_path):
    trainer = trained(config, rows)
    saved = trainer.save_adapters(tmp_path / "adapters")
    fresh = DeepSynthLoRATrainer(config.override({"lora": {"rank": 4}, "output_dir": tmp_path / "fresh"}))
    plain = DeepSynthProductionTrainer(config.override({"output_dir": tmp_path / "plain"}))
    batch = trainer.collator([rows[0]])
    assert torch.equal(logits(fresh.loaded, batch), logits(plain.loaded, batch))
    fresh.load_adapters(saved)
    assert torch.equal(logits(fresh.loaded, batch), logits(trainer.loaded, batch))


def test_adapters_of_another_rank_are_refused(config, rows, tmp_path):
    saved = trained(config, rows).save_adapters(tmp_path / "adapters")
    other = DeepSynthLoRATrainer(config.override({"lora": {"rank": 8}, "output_dir": tmp_path / "other"}))
    with pytest.raises(ModelError, match="does not fit the model and its LoRA settings"):
        other.load_adapters(saved)


def test_merging_twice_is_refused(config, rows):
    trainer = trained(config, rows)
    trainer.merge()
    with pytest.raises(SettingsError, match="merged already"):
        trainer.merge()


def test_dropout_and_adapters_of_experts_exclude_each_other(config):
    with pytest.raises(SettingsError, match="take no dropout"):
        config.override({"lora": {"dropout": 0.1, "targets": "all-linear"}})
