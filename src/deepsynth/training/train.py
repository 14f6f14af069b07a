r"""`python -m deepsynth.training.train`: the training command under its older names.

    PYTHONPATH=./src python3 -m deepsynth.training.train --use-deepseek-ocr \
        --hf-dataset owner/name --output ./model --num-epochs 1 --batch-size 4

It prepares the dataset if need be and then runs what `deepsynth train` runs. `--hf-dataset` takes a Hub id, a known name, a
file, a folder, or a dataset that `deepsynth prepare` wrote.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepsynth.core.documents import Progress
from deepsynth.core.errors import DeepSynthError
from deepsynth.core.files import MANIFEST
from deepsynth.core.progress import Rate, format_seconds
from deepsynth.data.prepare import Preparation, PrepareConfig
from deepsynth.training.config import TrainerConfig
from deepsynth.training.examples import open_examples
from deepsynth.training.production_trainer import DeepSynthProductionTrainer

logger = logging.getLogger(__name__)

DEEPSEEK_OCR = "deepseek-ai/DeepSeek-OCR"
OFFICIAL_PAGE = {"rendering.mode": "base", "rendering.px": 16}
"""Pages that suit the published model."""
ALIASES = {
    "--hf-dataset": "data.path",
    "--output": "output_dir",
    "--model-name": "model",
    "--num-epochs": "num_epochs",
    "--batch-size": "batch_size",
    "--max-steps": "max_steps",
    "--seed": "seed",
}
"""Old flag -> path in the settings tree. Everything else is set by `--config FILE`."""


class _LoggingReporter:
    """Tells through the log, one line a report."""

    def __init__(self) -> None:
        self._rate: Rate | None = None
        self._work = ""

    def progress(self, progress: Progress) -> None:
        """Log how far the work is."""
        if self._rate is None or progress.message != self._work:
            self._rate, self._work = Rate(progress.total, progress.done), progress.message
        left = format_seconds(self._rate.seconds_left(progress.done))
        numbers = " ".join(f"{name} {value:.4g}" for name, value in progress.metrics.items())
        logger.info("%s %s/%s %s %s left", progress.message, progress.done, progress.total, numbers, left)

    def message(self, text: str) -> None:
        """Log one line."""
        logger.info("%s", text)


def main(argv: Sequence[str] | None = None) -> int:
    """Train from a command line; return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    arguments = _parser().parse_args(argv)
    try:
        config = _settings(arguments)
        config = _with_dataset(config)
        examples, watched = open_examples(config)
        trainer = DeepSynthProductionTrainer(config, reporter=_LoggingReporter())
        state = trainer.train(examples, watched)
    except DeepSynthError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    logger.info("trained %d steps; wrote %s", state.step, config.output_dir / f"checkpoint-{state.step}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deepsynth.training.train", description="Train a model on page images."
    )
    parser.add_argument(
        "--use-deepseek-ocr", action="store_true", help=f"start from {DEEPSEEK_OCR} unless a model is named"
    )
    parser.add_argument("--config", type=Path, help="settings file (YAML or JSON); flags win over it")
    for flag, path in ALIASES.items():
        parser.add_argument(flag, dest=path, help=f"setting `{path}`")
    return parser


def _settings(arguments: argparse.Namespace) -> TrainerConfig:
    base = TrainerConfig.load(arguments.config) if arguments.config else TrainerConfig()
    given: dict[str, Any] = {
        path: value for path in ALIASES.values() if (value := getattr(arguments, path)) is not None
    }
    if arguments.use_deepseek_ocr and "model" not in given and arguments.config is None:
        given |= {"model": DEEPSEEK_OCR, **OFFICIAL_PAGE}
    return base.override(given)


def _with_dataset(config: TrainerConfig) -> TrainerConfig:
    """Return the settings with `data.path` leading to a prepared dataset, which is made beside the run if need be."""
    if (config.data.path / MANIFEST).is_file():
        return config
    out = config.output_dir / "data"
    values = {"source": str(config.data.path), "out": out, "pages": "on-the-fly", "rendering": config.rendering}
    Preparation(PrepareConfig.parse(values), _LoggingReporter()).run()
    return config.override({"data.path": out})


if __name__ == "__main__":
    sys.exit(main())
