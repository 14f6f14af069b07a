"""Every setting of the tree changes what a run does or leaves: none is there for show."""

import json
import zlib
from typing import ClassVar

import pytest
import torch

from deepsynth.core.config import model_in
from deepsynth.training import trackers
from deepsynth.training.config import TrainerConfig
from deepsynth.training.production_trainer import DeepSynthProductionTrainer

ELSEWHERE = ("data", "rendering", "output_dir")
"""Groups that are tested where they are used, and the folder, which all tests here set."""
LEARNING = {"optimizer.schedule": "constant", "optimizer.warmup_steps": 0}
BAD = {"optimizer.learning_rate": 0.9, "eval_interval": 1}
MUON = {"optimizer.name": "muon"}
LORA = {"lora.rank": 4}
AUGMENTED = {"augmentation.rotation_degrees": 1.0}
TRACKED = {"tracking.trackers": ["mine"]}

OPTIONS = {
    "model": ({}, "nano"),
    "batch_size": ({}, 2),
    "gradient_accumulation_steps": ({}, 2),
    "num_epochs": ({"max_steps": None}, 2),
    "max_steps": ({}, 2),
    "max_length": ({}, 33),
    "mixed_precision": ({}, "bf16"),
    "freeze": ({}, []),
    "max_grad_norm": ({"optimizer.name": "muon"}, 1e-3),
    "gradient_checkpointing": ({}, True),
    "ema_decay": ({}, 0.5),
    "early_stopping": (BAD, 1),
    "seed": ({}, 1),
    "log_interval": ({}, 3),
    "save_interval": ({}, 2),
    "eval_interval": ({}, 2),
    "keep_checkpoints": ({"save_interval": 1}, 1),
    "optimizer.name": ({}, "muon"),
    "optimizer.learning_rate": ({}, 1e-3),
    "optimizer.muon_learning_rate": (MUON, 0.1),
    "optimizer.part_rates": ({}, {"head": 0.1}),
    "optimizer.weight_decay": ({}, 0.5),
    "optimizer.betas": ({}, [0.5, 0.5]),
    "optimizer.schedule": ({}, "linear"),
    "optimizer.warmup_steps": ({"max_steps": 10}, 1),
    "optimizer.decay_share": ({"optimizer.schedule": "wsd"}, 0.9),
    "lora.rank": (LORA, 2),
    "lora.alpha": (LORA, 4),
    "lora.dropout": (LORA, 0.5),
    "lora.targets": (LORA, "all-linear"),
    "lora.base_dtype": (LORA, "bfloat16"),
    "lora.quantize_experts": (LORA, True),
    "augmentation.rotation_degrees": (AUGMENTED, 5.0),
    "augmentation.smallest_scale": (AUGMENTED, 0.6),
    "augmentation.brightness": (AUGMENTED, 0.5),
    "augmentation.contrast": (AUGMENTED, 0.5),
    "augmentation.noise": (AUGMENTED, 0.2),
    "augmentation.blur": (AUGMENTED, 3.0),
    "tracking.trackers": ({}, ["mine"]),
    "tracking.project": (TRACKED, "other"),
    "tracking.run": (TRACKED, "other"),
}
"""Option -> (settings under which it matters, another value)."""


class Tracker:
    heard: ClassVar[list[str]] = []

    def __init__(self, config, _folder) -> None:
        self.heard.append(f"{config.tracking.project} {config.tracking.run}")

    def log(self, step, values) -> None: ...

    def close(self) -> None: ...


def leaves(group, path=""):
    for name, field in group.model_fields.items():
        inner = model_in(field.annotation)
        if f"{path}{name}" in ELSEWHERE:
            continue
        yield from leaves(inner, f"{path}{name}.") if inner else [f"{path}{name}"]


def outcome(config, rows):
    """Return what a run did, as far as anybody can see: losses, weights, files, lines, what trackers heard."""
    Tracker.heard.clear()
    trainer = DeepSynthProductionTrainer(config)
    trainer.train(rows, rows)
    folder = config.output_dir
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    lines = [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
    weights = {
        name: zlib.crc32(value.cpu().view(torch.uint8).numpy().tobytes())
        for name, value in trainer.loaded.model.state_dict().items()
    }
    recomputes = trainer.loaded.model.is_activation_checkpointing
    return trainer.losses, weights, files, lines, list(Tracker.heard), recomputes


def test_the_table_holds_every_option():
    assert set(OPTIONS) == set(leaves(TrainerConfig))


def test_the_same_settings_do_the_same(config, rows, tmp_path):
    again = config.override({"output_dir": tmp_path / "again"})
    assert outcome(config, rows) == outcome(again, rows)


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_changes_what_runs(option, config, rows, tmp_path, monkeypatch):
    monkeypatch.setitem(trackers.trackers._items, "mine", Tracker)
    base, value = OPTIONS[option]
    config = config.override({"max_steps": 5, **LEARNING, **base})
    changed = config.override({option: value, "output_dir": tmp_path / "changed"})
    assert outcome(config, rows) != outcome(changed, rows)
