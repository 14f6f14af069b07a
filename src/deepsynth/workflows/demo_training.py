"""The demonstration's training: real documents become a dataset, and the model learns to read them for some minutes."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepsynth.core.errors import InputError
from deepsynth.core.progress import Reporter, SilentReporter, format_seconds
from deepsynth.rendering.config import RenderConfig
from deepsynth.workflows.demo_config import DOCUMENT, PAGE, DemoConfig

if TYPE_CHECKING:
    from deepsynth.data.prepared import PreparedDataset
    from deepsynth.inference.habits import Habits
    from deepsynth.training.config import TrainerConfig

CALIBRATION_STEPS = 6


def take_documents(config: DemoConfig, rendering: RenderConfig, reporter: Reporter) -> tuple[PreparedDataset, str]:
    """Prepare the dataset; return it, and the name of the source that gave it."""
    from deepsynth.data.prepare import Preparation, PrepareConfig
    from deepsynth.data.prepared import PreparedDataset

    source = config.source
    if source == "auto":
        source = "debian" if shutil.which("apt-get") else "packages"
    values: dict[str, Any] = {
        "out": config.out / "data",
        "source": source,
        "pages": "on-the-fly",
        "rendering": rendering,
        "reading": {"limit": config.rows, "languages": (config.language,)},
        # The source separates near copies by rules of its own.
        "cleaning": {"cut_chars": DOCUMENT, "near_duplicates": "keep", "leaks": "keep"},
        "split": {"test": 0.2, "validation": 0.02},
    }
    reporter.message(f"2. taking real documents: {source}, {config.language}")
    try:
        Preparation(PrepareConfig.parse(values), reporter).run()
    except InputError as error:
        if config.source != "auto" or source == "packages":
            raise
        reporter.message(f"   {error}; taking the installed Python packages instead")
        shutil.rmtree(config.out / "data", ignore_errors=True)
        source = "packages"
        Preparation(PrepareConfig.parse(values | {"source": source}), reporter).run()
    dataset = PreparedDataset(config.out / "data")
    counts = ", ".join(f"{count:,} {name}" for name, count in dataset.splits().items())
    reporter.message(f"   {counts}; rows that were kept out are listed in {config.out / 'data' / 'rejected.jsonl'}")
    return dataset, source


def train_on(config: DemoConfig, dataset: PreparedDataset, habits: Habits, reporter: Reporter) -> Path:
    """Train on pages of the documents, as the model is used to reading them; random letters keep it from guessing."""
    from deepsynth.training.config import TrainerConfig
    from deepsynth.workflows import train

    values: dict[str, Any] = {
        "model": config.model,
        "output_dir": config.out / "training",
        "batch_size": config.batch_size,
        "freeze": (),
        "seed": config.seed,
        "rendering": dataset.rendering,
        "log_interval": 5,
        "data": {
            "path": dataset.folder,
            "tasks": {"read": 0.7, "random": 0.3},
            "longest_text": PAGE,
            "keep_lines": habits.keep_lines,
        },
        "batching": "bucketed",
        "optimizer": {"name": "muon", "learning_rate": 1e-3, "muon_learning_rate": 0.01, "schedule": "linear"},
    }
    seconds = config.minutes * 60
    rates = {
        kind: _rate(TrainerConfig.parse(values | {"mixed_precision": kind, "max_steps": CALIBRATION_STEPS}))
        for kind in ("no", "bf16")
    }
    values["mixed_precision"] = max(rates, key=lambda kind: rates[kind])
    steps = max(10, int(seconds * max(rates.values()) / config.batch_size))
    reporter.message(f"3. learning them: {steps} steps of {config.batch_size} pages, about {format_seconds(seconds)}")
    result = train.run(TrainerConfig.parse(values | {"max_steps": steps}), reporter)
    reporter.message(f"   {result.examples:,} examples seen, loss {result.loss:.2f} nats a token")
    return result.checkpoint


def _rate(config: TrainerConfig) -> float:
    """Return the samples a second of this machine, from a few steps that are timed and thrown away.

    Whether products in bfloat16 are faster than in float32 depends on the processor, so both are tried.
    """
    from deepsynth.training.metrics import METRICS, read_metrics_lines
    from deepsynth.workflows import train

    with tempfile.TemporaryDirectory() as folder:
        train.run(config.override({"output_dir": folder, "log_interval": 2}), SilentReporter())
        lines = read_metrics_lines((Path(folder) / METRICS).read_text(encoding="utf-8"))
    return max(line["samples_per_second"] for line in lines)  # others may be using the machine just now
