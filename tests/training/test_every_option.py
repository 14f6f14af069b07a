"""Every setting of the tree changes what a run does or leaves: none is there for show."""

import json
import os
import zlib
from typing import ClassVar, Literal, get_args, get_origin

import pytest
import torch
from safetensors.torch import load_file

from deepsynth.core.config import model_in
from deepsynth.core.progress import SilentReporter
from deepsynth.data.prepare import Preparation, PrepareConfig
from deepsynth.models import families
from deepsynth.models.parts import decoder_layers
from deepsynth.training import trackers
from deepsynth.training.config import TrainerConfig
from deepsynth.training.examples import open_examples
from deepsynth.training.feeding import make_collator
from deepsynth.training.loader import epoch_loader
from deepsynth.training.production_trainer import DeepSynthProductionTrainer
from deepsynth.training.sampler import EpochSampler

WORDS = ("lamp", "rope", "sail", "buoy", "chart", "gauge", "storm", "tide", "alarm", "anchor", "harbor", "keeper")
FOLDER = "output_dir"
"""Set by all tests here: a run in another folder is another run."""
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
    "max_length": ({}, 36),
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


OTHER_TASKS = {"data.tasks": {"read": 1.0}}
READ_OPTIONS = {
    "augmentation.fonts": (AUGMENTED, ["sans"]),
    "augmentation.letter_size": (AUGMENTED, 0.4),
    "data.path": ({}, "other"),
    "data.train_split": ({}, "validation"),
    "data.evaluation_split": ({}, "test"),
    "data.max_train_samples": ({}, 2),
    "data.max_eval_samples": ({}, 1),
    "data.tasks": ({}, {"read": 1.0}),
    "data.longest_text": (OTHER_TASKS, 12),
    "data.read_first": ({}, 1.0),
    "data.keep_lines": ({"data.tasks": {"read": 1.0}}, True),
    "data.num_workers": ({}, 1),
    "data.pad_to_multiple_of": ({}, 7),
    "rendering.mode": ({}, "nano-256"),
    "rendering.font": ({}, "sans"),
    "rendering.px": ({}, 14.0),
    "rendering.leading": ({}, 2.0),
    "rendering.margin": ({}, 12),
    "rendering.columns": ({}, 2),
    "rendering.lines": ({}, 1),
    "rendering.missing": ({"data.path": "odd", "rendering.missing": "replace"}, "drop"),
    "rendering.max_pages": ({"data.path": "long"}, 1),
}
"""The same for what decides which examples are read, and how."""


TESTED_ELSEWHERE = {
    "parallel": "test_distributed.py, with two processes",
    "rendering.hyphenate": "tests/rendering/test_cutting.py, for a language that has patterns",
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
        if f"{path}{name}" == FOLDER:
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


def datasets(folder):
    """Write small prepared datasets whose pages are drawn when they are read."""
    texts = {
        "prepared": [f"The {word} number {number} stands in the harbor." for number, word in enumerate(WORDS * 2)],
        "other": [f"A {word} is for sale." for word in WORDS * 2],
        "odd": [f"The {word} says \u0378 {number}." for number, word in enumerate(WORDS * 2)],
        "long": [
            " ".join([f"The {word} stands in the harbor {number}."] * 30) for number, word in enumerate(WORDS * 2)
        ],
    }
    cleaning = {
        "near_duplicates": "keep",
        "leaks": "keep",
        "min_chars": 1,
        "min_summary_chars": 1,
        "min_compression": 0,
    }
    for name, own in texts.items():
        lines = [json.dumps({"text": text, "summary": f"{number} {text[4:9]}"}) for number, text in enumerate(own)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
        values = {
            "source": str(folder / f"{name}.jsonl"), "out": folder / name, "pages": "on-the-fly", "cleaning": cleaning,
            "split": {"validation": 0.3, "test": 0.3}, "rendering": {"missing": "drop"},
        }  # fmt: skip
        Preparation(PrepareConfig.parse(values), SilentReporter()).run()


def seen(config):
    """Return what a run would read: every example, the first batch, and the processes that read."""
    processor = families.get("deepseek_ocr").build("tiny")
    processor = processor.family.processor(processor, config.rendering.mode)
    train, held_out = open_examples(config)
    rows = [
        [(row.id, row.instruction, row.summary, [page.image.tobytes() for page in row.pages]) for row in part]
        for part in ([split[index] for index in range(len(split))] for split in (train, held_out))
    ]
    collate = make_collator(processor, config, 4096)
    loader = epoch_loader(
        train, EpochSampler(len(train), 2, seed=0), collate, workers=config.data.num_workers, pin_memory=False
    )
    return rows, collate([train[0]]).input_ids.shape, loader.num_workers


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
    assert set(OPTIONS) | set(READ_OPTIONS) | set(TESTED_ELSEWHERE) == set(leaves(TrainerConfig))


def choices():
    """Every word that a setting may be, but for its default and those in the table, which are tried there."""
    for option in leaves(TrainerConfig):
        owner = TrainerConfig
        for name in option.split(".")[:-1]:
            owner = model_in(owner.model_fields[name].annotation)
        field = owner.model_fields[option.split(".")[-1]]
        if get_origin(field.annotation) is Literal and option in OPTIONS:
            words = set(get_args(field.annotation)) - {field.default, OPTIONS[option][1]}
            yield from ((option, word) for word in sorted(words))


NEEDED = {
    "batching": {"batch_size": 2},
    "optimizer.name": {"model": "nano", "max_steps": 2},
}
"""Settings under which a choice can be told from the default: like lengths need several batches, 8-bit moments large tensors."""


def test_the_same_settings_do_the_same(config, rows, tmp_path):
    again = config.override({"output_dir": tmp_path / "again"})
    assert outcome(config, rows) == outcome(again, rows)


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning")
@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_changes_what_runs(option, config, rows, tmp_path):
    base, value = OPTIONS[option]
    config = config.override({"max_steps": 5, **LEARNING, **base})
    changed = config.override({option: value, "output_dir": tmp_path / "changed"})
    assert outcome(config, rows) != outcome(changed, rows)


@pytest.mark.parametrize(("option", "word"), list(choices()))
def test_each_choice_is_another_run_than_the_default(option, word, config, rows, tmp_path):
    if word == "adamw8bit":
        pytest.importorskip("bitsandbytes")
    base = {"max_steps": 5, **LEARNING, **OPTIONS[option][0], **NEEDED.get(option, {})}
    base.pop(option, None)
    if option == "optimizer.schedule":
        base["optimizer.warmup_steps"] = 0
    config = config.override(base)
    assert outcome(config, rows) != outcome(config.override({option: word, "output_dir": tmp_path / "other"}), rows)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    datasets(folder)
    return folder


@pytest.mark.parametrize("option", READ_OPTIONS)
def test_an_option_changes_what_is_read(option, config, prepared, monkeypatch):
    base, value = READ_OPTIONS[option]
    monkeypatch.chdir(prepared)
    config = config.override({"data.path": "prepared", "eval_interval": 1, **base})
    assert seen(config) == seen(config)
    assert seen(config) != seen(config.override({option: value}))
