import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from deepsynth.models import families
from deepsynth.training.production_trainer import DeepSynthProductionTrainer
from deepsynth.training.stepping import Step
from deepsynth.training.throughput import Throughput, peak


@pytest.mark.parametrize(
    "settings", [{"freeze": ["sam", "clip"]}, {"freeze": []}, {"lora": {"targets": "attention"}}],
    ids=["frozen-encoder", "whole", "adapters"],
)  # fmt: skip
def test_the_count_is_that_of_torchs_counter(config, rows, settings):
    """Within a tenth: torch counts masked attention in full, and adapters; both are small here."""
    trainer = DeepSynthProductionTrainer(config.override({"data": {"pad_to_multiple_of": None}, **settings}))
    batch = trainer.collator([rows[0]])
    with FlopCounterMode(display=False) as counter:
        trainer.training_step(batch).backward()
    step = Step(
        loss=1, label_tokens=batch.num_label_tokens, rate=1, grad_norm=1, examples=1, last=False,
        tokens=batch.num_tokens, visual_tokens=batch.num_visual_tokens, pixels=batch.num_pixels,
        squared_lengths=sum(length**2 for length in batch.lengths),
    )  # fmt: skip
    assert trainer._throughput.operations(step) == pytest.approx(counter.get_total_flops(), rel=0.1)


def test_a_cpu_has_no_known_peak():
    assert peak(torch.device("cpu")) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA A100-SXM4-40GB", 312e12),
        ("NVIDIA L40", 181e12),
        ("NVIDIA GB200", 2500e12),
        ("Tesla T4", 65e12),
        ("NVIDIA T400 4GB", None),
        ("NVIDIA A10G", None),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
        ("Somebody's chip", None),
    ],
)
def test_a_devices_peak_is_found_by_whole_words_of_its_name(name, expected, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _device: name)
    assert peak(torch.device("cuda")) == expected


def test_looking_at_the_encoder_leaves_the_model_in_training(config):
    loaded = families.get("deepseek_ocr").build("tiny")
    loaded.model.train()
    Throughput(loaded.model, config)
    assert all(module.training for module in loaded.model.modules())
