"""Every setting of the tree changes what a run does or leaves: none is there for show."""

import json
import os
import zlib
from typing import ClassVar

import pytest
import torch
from safetensors.torch import load_file

from deepsynth.core.config import model_in
from deepsynth.models.parts import decoder_layers
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

CACHED = {"cache.precision": "float32", "cache.folder": "cache"}
HUB = {"hub.repository": "somebody/model", "save_interval": 2}

OPTIONS = {
    "model": ({}, "nano"),
    "batch_size": ({}, 2),
    "gradient_accumulation_steps": ({}, 2),
    "num_epochs": ({"max_steps": None}, 2),
    "max_steps": ({}, 2),
    "max_length": ({}, 33),
    "batching": ({}, "packed"),
    "mixed_precision": ({}, "bf16"),
    "weights": ({}, "bfloat16"),
    "balance_loss": ({}, 0.5),
    "compile": ({}, True),
    "freeze": ({}, []),
    "max_grad_norm": ({"optimizer.name": "muon"}, 1e-3),
    "gradient_checkpointing": ({}, True),
    "ema_decay": ({}, 0.5),
    "early_stopping": (BAD, 1),
    "seed": ({}, 1),
    "log_interval": ({}, 3),
    "save_interval": ({}, 2),
    "eval_interval": ({}, 2),
    "eval_samples": ({"eval_interval": 5}, 1),
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
    "cache.folder": (CACHED, "elsewhere"),
    "cache.features": ({**CACHED, "freeze": ["sam", "clip", "projector"]}, "projected"),
    "cache.precision": (CACHED, "int8"),
    "cache.compute": (CACHED, "bfloat16"),
    "cache.variants": ({**CACHED, **AUGMENTED, "max_steps": 6}, 2),
    "hub.repository": (HUB, "somebody/other"),
    "hub.private": (HUB, False),
    "hub.every": (HUB, 2),
    "augmentation.rotation_degrees": (AUGMENTED, 5.0),
    "augmentation.smallest_scale": (AUGMENTED, 0.6),
    "augmentation.brightness": (AUGMENTED, 0.5),
    "augmentation.contrast": (AUGMENTED, 0.5),
    "augmentation.noise": (AUGMENTED, 0.2),
    "augmentation.blur": (AUGMENTED, 3.0),
    "augmentation.perspective": (AUGMENTED, 0.1),
    "augmentation.weight": (AUGMENTED, 0.5),
    "augmentation.paper": (AUGMENTED, 0.5),
    "augmentation.jpeg": (AUGMENTED, 1.0),
    "tracking.trackers": ({}, ["mine"]),
    "tracking.project": (TRACKED, "other"),
    "tracking.run": (TRACKED, "other"),
}
"""Option -> (settings under which it matters, another value)."""


TESTED_ELSEWHERE = {
    "parallel": "test_distributed.py, with two processes",
    "hub.wait_seconds": "test_hub_push.py, with a network that hangs",
}


class Api:
    """Stands for the Hub, and remembers what it was told."""

    heard: ClassVar[list[str]] = []

    def create_repo(self, name, *, private, exist_ok) -> None:
        self.heard.append(f"{name} private={private}")

    def upload_folder(self, *, repo_id, folder_path, commit_message) -> None:
        self.heard.append(f"{repo_id} {commit_message} {sorted(path.name for path in folder_path.iterdir())}")


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
    Api.heard.clear()
    home = config.output_dir.with_name(f"{config.output_dir.name}-home")
    home.mkdir()
    os.chdir(home)
    trainer = DeepSynthProductionTrainer(config)
    trainer.train(rows, rows)
    folder = config.output_dir
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    lines = [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
    weights = {
        name: zlib.crc32(value.cpu().view(torch.uint8).numpy().tobytes())
        for name, value in trainer.loaded.model.state_dict().items()
    }
    model = trainer.loaded.model
    ways = model.is_activation_checkpointing, any(layer._compiled_call_impl for layer in decoder_layers(model))
    heard = [*Tracker.heard, *Api.heard]
    return trainer.losses, weights, files, lines, heard, ways, shards(home)


def shards(home):
    """The cache's folders in the working directory, less the hash in their names, and the shapes of what they hold."""
    found = []
    for path in sorted(home.rglob("pages-*")):
        cache, kind = path.relative_to(home).parts[0], path.parent.name.partition("-")[2]
        found.append((cache, kind, sorted(tuple(tensor.shape) for tensor in load_file(path).values())))
    return found


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path):
    """A Hub that is not there, a cache of its own, and layers that are marked for compiling but not compiled."""
    monkeypatch.setattr("deepsynth.training.hub_push.HfApi", Api)
    monkeypatch.setitem(trackers.trackers._items, "mine", Tracker)
    monkeypatch.chdir(tmp_path)
    torch.compiler.set_stance("force_eager")
    yield
    torch.compiler.set_stance("default")


def test_the_table_holds_every_option():
    assert set(OPTIONS) | set(TESTED_ELSEWHERE) == set(leaves(TrainerConfig))


def test_the_same_settings_do_the_same(config, rows, tmp_path):
    again = config.override({"output_dir": tmp_path / "again"})
    assert outcome(config, rows) == outcome(again, rows)


def test_batches_of_like_length_are_other_batches(config, rows, tmp_path):
    config = config.override({**LEARNING, "batch_size": 2})
    bucketed = config.override({"batching": "bucketed", "output_dir": tmp_path / "bucketed"})
    assert outcome(config, rows)[0] != outcome(bucketed, rows)[0]


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning")
@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_changes_what_runs(option, config, rows, tmp_path):
    base, value = OPTIONS[option]
    config = config.override({"max_steps": 5, **LEARNING, **base})
    changed = config.override({option: value, "output_dir": tmp_path / "changed"})
    assert outcome(config, rows) != outcome(changed, rows)
