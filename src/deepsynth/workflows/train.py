"""The `train` verb: a prepared dataset becomes a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deepsynth.core.control import Control
from deepsynth.core.progress import Reporter
from deepsynth.training.config import TrainerConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainResult:
    """What a run has made."""

    checkpoint: Path
    model: Path
    """The folder to summarize with: the checkpoint itself, the averaged model, or base and adapters merged."""
    steps: int
    examples: int
    loss: float | None
    """Mean loss per label token of the last tenth of this run's steps; none when it was finished already."""
    parameters: str
    """The table of parts, FROZEN and TRAINABLE."""

    def describe(self) -> str:
        """Return the outcome in words."""
        loss = "" if self.loss is None else f", loss {self.loss:.3f}"
        return f"{self.parameters}\ntrained {self.steps} steps on {self.examples:,} examples{loss}\nwrote {self.model}"


def run(config: TrainerConfig, reporter: Reporter, control: Control | None = None) -> TrainResult:
    """Train, or go on where an earlier run of the same settings stopped.

    Raises:
        Paused: a pause was asked for; a checkpoint was saved.
        DeepSynthError: settings, data or model do not fit; see `DeepSynthProductionTrainer`.
    """
    from deepsynth.training.examples import open_examples
    from deepsynth.training.production_trainer import DeepSynthProductionTrainer
    from deepsynth.training.tuning import save_merged

    examples, watched = open_examples(config)
    trainer = DeepSynthProductionTrainer(config, reporter=reporter, control=control)
    state = trainer.train(examples, watched)
    checkpoint = config.output_dir / f"checkpoint-{state.step}"
    model = config.output_dir / "averaged" if config.ema_decay and config.lora is None else checkpoint
    if config.lora is not None:
        source = config.output_dir / "averaged" if config.ema_decay else checkpoint
        model = save_merged(source, config.output_dir / "merged")
    last = trainer.losses[-max(1, len(trainer.losses) // 10) :]
    return TrainResult(
        checkpoint=checkpoint,
        model=model,
        steps=state.step,
        examples=state.examples,
        loss=sum(last) / len(last) if last else None,
        parameters=trainer.summary,
    )
