"""The `evaluate` verb: a model's summaries on a prepared dataset, beside every baseline, as a report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from deepsynth.core.config import Config
from deepsynth.core.progress import Reporter


class EvaluateConfig(Config):
    """What is evaluated, on what, and where the report goes."""

    model: str = "nano"
    """Checkpoint, model folder, Hub id or built-in size."""
    data: Path = Path("data/prepared")
    """Dataset that `deepsynth prepare` wrote."""
    split: str = "test"
    """Split whose rows are summarized."""
    training_split: str = "train"
    """Split that the random and the nearest baseline draw from."""
    limit: int | None = Field(default=None, ge=2)
    """Evaluate the first rows only."""
    reading_rows: int = Field(default=64, ge=0)
    """Rows that are also read aloud, to count wrong characters; 0 leaves it out."""
    out: Path = Path("runs/evaluation")
    """Folder of the report and the predictions; a run that was stopped goes on from them."""
    batch_size: int = Field(default=32, ge=1)
    """Documents written at once."""
    max_new_tokens: int = Field(default=64, ge=1)
    """Longest summary, in tokens."""
    num_beams: int = Field(default=1, ge=1, le=16)
    """Beams of the search; 1 is greedy."""
    seed: int = 0
    """Decides what the random baseline draws."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluateResult:
    """Where the report lies, and its table."""

    path: Path
    table: str

    def describe(self) -> str:
        """Return the table and the place of the report."""
        return f"{self.table}\nwrote {self.path}"


def run(config: EvaluateConfig, reporter: Reporter) -> EvaluateResult:
    """Evaluate a model.

    Raises:
        InputError: the dataset or split is not there, or a row has no reference.
        ModelError: the model cannot be read.
    """
    from deepsynth.data.config import DataConfig
    from deepsynth.data.prepared import PreparedDataset, TaskExamples
    from deepsynth.evaluation.evaluator import Evaluator, evaluate_summaries
    from deepsynth.evaluation.report import RunReport, markdown, write_report
    from deepsynth.inference.summarizer import Summarizer, Writing, stored_rendering

    dataset = PreparedDataset(config.data)
    rendering = stored_rendering(config.model) or dataset.rendering
    summarizer = Summarizer.load(config.model, rendering=rendering)
    plain = DataConfig(path=config.data)
    rows = TaskExamples(dataset.split(config.split), plain, rendering, limit=config.limit)
    examples = [rows[number] for number in range(len(rows))]
    training = [row for row in dataset.split(config.training_split).rows() if row.summary]
    writing = Writing(max_new_tokens=config.max_new_tokens, num_beams=config.num_beams)
    evaluator = Evaluator(summarizer, config.out, reporter, batch_size=config.batch_size, writing=writing)
    report = evaluate_summaries(
        examples,
        evaluator.predict(examples),
        training,
        settings=config.model_dump(mode="json"),
        data_fingerprint=dataset.fingerprint,
        seed=config.seed,
    )
    told = RunReport(
        title=f"{config.model} on {config.data} ({config.split})",
        report=report,
        examples=examples,
        readings={"the pages": evaluator.read_pages(examples[: config.reading_rows])} if config.reading_rows else {},
        losses=evaluator.losses(examples),
    )
    return EvaluateResult(path=write_report(told, config.out), table=markdown(told))
