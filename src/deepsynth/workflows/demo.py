"""The `demo` verb: the whole road on real documents in a few minutes, from nothing to a report that says how good it is.

Real texts become pages; a model of DeepSeek-OCR's architecture, small and with random weights, learns to read them and then
to summarize them; its summaries are scored beside baselines; a file that the reader can change is summarized. What a few
minutes on two cores can teach is limited, and the report says what it taught.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from deepsynth.core.config import Config
from deepsynth.core.errors import InputError
from deepsynth.core.progress import Reporter, format_seconds
from deepsynth.rendering.config import RenderConfig

if TYPE_CHECKING:
    from deepsynth.data.prepared import PreparedDataset
    from deepsynth.evaluation.evaluator import Evaluator, Reading
    from deepsynth.inference.summarizer import Summarizer

PAGE = RenderConfig(mode="nano-128")
LINE = 20
"""Longest stretch of text, in characters, while the model learns to read."""
DOCUMENT = 150
"""Longest document, in characters: what one page of this size holds."""
CALIBRATION_STEPS = 8


class DemoConfig(Config):
    """What the demonstration uses."""

    document: Path = Path("examples/document.txt")
    """A text file of your own to summarize at the end; change it and run again."""
    out: Path = Path("runs/demo")
    """Folder of data, checkpoints and report.html; an earlier demonstration in it is replaced."""
    source: Literal["auto", "debian", "packages"] = "auto"
    """Where documents come from: Debian's package descriptions by apt, else the installed Python packages."""
    minutes: float = Field(default=6.5, gt=0, le=600)
    """Time to train, reading and summarizing together."""
    rows: int = Field(default=12_000, ge=50)
    """Documents to take from the source."""
    evaluation_rows: int = Field(default=200, ge=8)
    """Held-out documents to summarize for the scores."""
    batch_size: int = Field(default=64, ge=1)
    """Examples a step."""
    model: str = "nano"
    """Size to train from scratch: `nano`, or `tiny` to see the machinery alone."""
    seed: int = 0
    """Decides weights and order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoResult:
    """What the demonstration tells at its end."""

    report: Path
    verdict: tuple[str, ...]
    document: Path
    summary: str
    transcript: str
    checkpoint: Path

    def describe(self) -> str:
        """Return the end of the demonstration in words."""
        lines = [
            "", *self.verdict, "",
            f"{self.document} as the model reads it:  {self.transcript}",
            f"{self.document} summarized:  {self.summary}", "",
            f"The report with pages, texts and scores:  {self.report}",
            f"Summarize a file of your own:  deepsynth summarize FILE --model {self.checkpoint}",
        ]  # fmt: skip
        return "\n".join(lines)


def run(config: DemoConfig, reporter: Reporter) -> DemoResult:
    """Run the demonstration (see the module).

    Raises:
        InputError: the document to summarize is not there, or no source gives enough rows.
    """
    began = time.monotonic()
    if not config.document.is_file():
        raise InputError(f"no file at {config.document}; name a text file with --document", field="document")
    _clear(config.out)
    dataset, source = _prepare(config, reporter)
    reader = _train(config, "reading", reporter)
    writer = _train(config, "summarizing", reporter, start=reader)
    result = _judge(config, dataset, source, writer, reporter, began)
    reporter.message(f"all done in {format_seconds(time.monotonic() - began)}")
    return result


def _clear(out: Path) -> None:
    """Remove an earlier demonstration, and nothing that is none."""
    for name in ("data", "reading", "summarizing", "evaluation"):
        shutil.rmtree(out / name, ignore_errors=True)


def _prepare(config: DemoConfig, reporter: Reporter) -> tuple[PreparedDataset, str]:
    from deepsynth.data.prepare import Preparation, PrepareConfig
    from deepsynth.data.prepared import PreparedDataset

    source = config.source
    if source == "auto":
        source = "debian" if shutil.which("apt-get") else "packages"
    values: dict[str, Any] = {
        "out": config.out / "data",
        "source": source,
        "pages": "on-the-fly",
        "rendering": PAGE,
        "reading": {"limit": config.rows},
        # The source separates near copies by rules of its own.
        "cleaning": {"cut_chars": DOCUMENT, "near_duplicates": "keep", "leaks": "keep"},
    }
    reporter.message(f"1. taking real documents: {source}")
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


STAGES: dict[str, dict[str, Any]] = {
    "reading": {"tasks": {"read": 0.75, "random": 0.25}, "longest_text": LINE},
    "summarizing": {"tasks": {"summarize": 0.6, "read": 0.3, "random": 0.1}, "longest_text": LINE},
}
"""What each stage shows the model; reading goes on while it learns to summarize, or it would forget."""
SHARES = {"reading": 0.7, "summarizing": 0.3}


def _train(config: DemoConfig, stage: str, reporter: Reporter, start: Path | None = None) -> Path:
    from deepsynth.training.config import TrainerConfig
    from deepsynth.workflows import train

    seconds = config.minutes * 60 * SHARES[stage]
    values: dict[str, Any] = {
        "model": str(start or config.model),
        "output_dir": config.out / stage,
        "batch_size": config.batch_size,
        "freeze": (),
        "seed": config.seed,
        "rendering": PAGE,
        "log_interval": 5,
        "data": {"path": config.out / "data", **STAGES[stage]},
        "optimizer": {
            "name": "muon", "learning_rate": 2e-3, "muon_learning_rate": 0.02 if start is None else 0.01, "schedule": "wsd",
        },
    }  # fmt: skip
    steps = _steps_in(seconds, TrainerConfig.parse(values | {"max_steps": CALIBRATION_STEPS}))
    number = "2. learning to read" if stage == "reading" else "3. learning to summarize"
    reporter.message(f"{number}: {steps} steps of {config.batch_size} pages, about {format_seconds(seconds)}")
    result = train.run(TrainerConfig.parse(values | {"max_steps": steps}), reporter)
    reporter.message(f"   {result.examples:,} examples seen, loss {result.loss:.2f} nats a token")
    return result.checkpoint


def _steps_in(seconds: float, config: Any) -> int:
    """Return the steps that fit into a time on this machine, from a few that are timed and thrown away."""
    import tempfile

    from deepsynth.core.progress import SilentReporter
    from deepsynth.training.metrics import METRICS, read_metrics_lines
    from deepsynth.workflows import train

    with tempfile.TemporaryDirectory() as folder:
        train.run(config.override({"output_dir": folder, "log_interval": 2}), SilentReporter())
        lines = read_metrics_lines((Path(folder) / METRICS).read_text(encoding="utf-8"))
    fastest = max(line["samples_per_second"] for line in lines)  # others may be using the machine just now
    return max(10, int(seconds * fastest / config.batch_size))


def _judge(
    config: DemoConfig, dataset: PreparedDataset, source: str, checkpoint: Path, reporter: Reporter, began: float
) -> DemoResult:
    from deepsynth.core.documents import Document
    from deepsynth.data.config import DataConfig
    from deepsynth.data.prepared import TaskExamples
    from deepsynth.evaluation.evaluator import Evaluator
    from deepsynth.evaluation.probes import costs, timing
    from deepsynth.evaluation.report import RunReport, read_curve, verdict, write_report
    from deepsynth.evaluation.systems import evaluate_summaries
    from deepsynth.inference.summarizer import Summarizer, Writing

    reporter.message("4. summarizing documents it has never seen, beside the baselines")
    summarizer = Summarizer.load(checkpoint)
    evaluator = Evaluator(
        summarizer, config.out / "evaluation", reporter, batch_size=50, writing=Writing(max_new_tokens=40)
    )
    rows = TaskExamples(
        dataset.split("test"), DataConfig(path=dataset.folder), dataset.rendering, limit=config.evaluation_rows
    )
    examples = [rows[number] for number in range(len(rows))]
    summaries = evaluator.write(examples)
    evaluation = evaluate_summaries(
        examples,
        [summary.text for summary in summaries],
        list(dataset.split("train").rows()),
        settings=config.model_dump(mode="json"),
        data_fingerprint=dataset.fingerprint,
        seed=config.seed,
    )
    document = Document(id=config.document.name, text=_beginning(config.document))
    summary, transcript = _own_document(summarizer, document)
    told = RunReport(
        title="DeepSynth demonstration",
        evaluation=evaluation,
        examples=examples,
        readings=_readings(config, dataset, evaluator),
        page_use=evaluator.page_use(examples),
        costs=costs(summaries),
        timing=timing(summaries),
        curve=read_curve(config.out / "reading" / "metrics.jsonl"),
        facts=_facts(summarizer, source, time.monotonic() - began),
        closing="This model had random weights a few minutes ago and learned on this machine alone. It shows every part"
        " at work; it is far too small and too briefly trained for real use.",
    )
    return DemoResult(
        report=write_report(told, config.out),
        verdict=tuple(verdict(told)),
        document=config.document,
        summary=summary,
        transcript=transcript,
        checkpoint=checkpoint,
    )


def _readings(config: DemoConfig, dataset: PreparedDataset, evaluator: Evaluator) -> dict[str, Reading]:
    """Let the model read lines as long as those it learned from: real ones, and letters that no language explains."""
    from deepsynth.data.config import DataConfig
    from deepsynth.data.prepared import TaskExamples

    found: dict[str, Reading] = {}
    for name, task in (("short lines of real text", "read"), ("random letters", "random")):
        data = DataConfig(path=dataset.folder, tasks={task: 1.0}, longest_text=LINE)
        rows = TaskExamples(dataset.split("test"), data, dataset.rendering, limit=100, seed=config.seed)
        found[name] = evaluator.read_pages([rows[number] for number in range(len(rows))])
    return found


def _own_document(summarizer: Summarizer, document: Any) -> tuple[str, str]:
    from deepsynth.data.tasks import READ
    from deepsynth.inference.summarizer import Writing

    writing = Writing(max_new_tokens=40)
    (summary,) = summarizer.summarize(document, writing=writing)
    (transcript,) = summarizer.summarize(document, instruction=READ, writing=writing)
    return summary.text, transcript.text


def _beginning(path: Path) -> str:
    """Return as much of a file as the model has learned to see at once: its first page."""
    from deepsynth.rendering.renderer import read_text

    words, text = read_text(path).split(), ""
    for word in words:
        if len(text) + len(word) + 1 > DOCUMENT:
            break
        text = f"{text} {word}".strip()
    return text or words[0][:DOCUMENT]


def _facts(summarizer: Summarizer, source: str, seconds: float) -> dict[str, str]:
    parameters = sum(parameter.numel() for parameter in summarizer.loaded.model.parameters())
    return {
        "Documents": f"{source}, cut to {DOCUMENT} characters, one page of {PAGE.mode} each",
        "Model": f"DeepSeek-OCR's architecture with {parameters:,} parameters, from random weights",
        "Time": f"{format_seconds(seconds)} for data, training and evaluation",
    }
