"""The `demo` verb: the whole road on real documents in a few minutes, to a report that says how good it is.

The bundled model reads and summarizes a file at once. Then it learns to read another kind of text: real documents become
pages, the model is trained on them for some minutes, and what it read and wrote before and after is scored beside baselines,
on documents that it has never seen. What a few minutes on two cores can teach is limited, and the report says what it taught.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from deepsynth.core.built_in import BUNDLED
from deepsynth.core.config import Config
from deepsynth.core.errors import InputError
from deepsynth.core.progress import Reporter, format_seconds
from deepsynth.rendering.config import RenderConfig

if TYPE_CHECKING:
    from deepsynth.core.documents import Example, Summary
    from deepsynth.data.prepared import PreparedDataset
    from deepsynth.evaluation.evaluator import Reading
    from deepsynth.inference.habits import Habits
    from deepsynth.inference.summarizer import Summarizer, Writing
    from deepsynth.training.config import TrainerConfig

PAGE = 60
"""Longest stretch of text to train on, in characters: what a page of the bundled model is sure to hold."""
DOCUMENT = 100
"""Longest document, in characters."""
CALIBRATION_STEPS = 6
READ_ROWS = 100
BEFORE = "the bundled model before"


class DemoConfig(Config):
    """What the demonstration uses."""

    document: Path = Path("examples/document.txt")
    """A text file of your own to read and summarize first; change it and run again."""
    out: Path = Path("runs/demo")
    """Folder of data, checkpoints and report.html; an earlier demonstration in it is replaced."""
    source: Literal["auto", "debian", "packages"] = "auto"
    """Where documents come from: Debian's package descriptions by apt, else the installed Python packages."""
    language: str = "es"
    """Language of Debian's descriptions; the bundled model has learned en, it, fr and de."""
    minutes: float = Field(default=4.0, gt=0, le=600)
    """Time to train."""
    rows: int = Field(default=12_000, ge=50)
    """Documents to take from the source."""
    evaluation_rows: int = Field(default=200, ge=8)
    """Held-out documents to summarize for the scores."""
    batch_size: int = Field(default=64, ge=1)
    """Examples a step."""
    model: str = BUNDLED
    """Model to start from: the bundled one, another folder, or `tiny` to see the machinery alone."""
    seed: int = 0
    """Decides weights and order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoResult:
    """What the demonstration tells at its end."""

    report: Path
    verdict: tuple[str, ...]
    checkpoint: Path

    def describe(self) -> str:
        """Return the end of the demonstration in words."""
        lines = [
            "", *self.verdict, "",
            f"The report with pages, texts and scores:  {self.report}",
            f"Let it read a file of your own:  deepsynth summarize FILE --instruction Read. --model {self.checkpoint}",
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
    from deepsynth.inference.summarizer import Summarizer

    first = Summarizer.load(config.model)
    _own_document(first, config, reporter)
    dataset, source = _prepare(config, first.rendering, reporter)
    before = _work(config, dataset, first, "before", reporter)
    trained = Summarizer.load(_train(config, dataset, first.engine.facts.habits, reporter))
    reporter.message("4. reading and summarizing the same documents again, beside the baselines")
    after = _work(config, dataset, trained, "after", reporter)
    report, told = _report(config, dataset, source, before, after, time.monotonic() - began)
    reporter.message(f"all done in {format_seconds(time.monotonic() - began)}")
    return DemoResult(
        report=report,
        verdict=tuple(told),
        checkpoint=Path(trained.name),
    )


def _clear(out: Path) -> None:
    """Remove an earlier demonstration, and nothing that is none."""
    for name in ("data", "training", "before", "after"):
        shutil.rmtree(out / name, ignore_errors=True)


def _own_document(model: Summarizer, config: DemoConfig, reporter: Reporter) -> None:
    from deepsynth.core.documents import Document
    from deepsynth.data.tasks import READ

    reporter.message(f"1. {config.document}, by {model.name} as it is, its first {DOCUMENT} characters:")
    document = Document(id=config.document.name, text=_beginning(config.document))
    (summary,) = model.summarize(document, writing=_writing())
    (transcript,) = model.summarize(document, instruction=READ, writing=_writing())
    read = " ".join(transcript.text.split())
    seconds = (
        f"{summary.seconds:.1f} s; {summary.pages_used} pages, {summary.visual_tokens} visual tokens in all prompts"
    )
    for line in (
        f"   on the pages:  {document.text}",
        f"   it reads:      {read}",
        f"   it summarizes: {summary.text or '(nothing)'}",
    ):
        reporter.message(line)
    reporter.message(f"   ({seconds})")


def _writing() -> Writing:
    from deepsynth.inference.summarizer import Writing

    return Writing(max_new_tokens=round(1.5 * DOCUMENT))


def _prepare(config: DemoConfig, rendering: RenderConfig, reporter: Reporter) -> tuple[PreparedDataset, str]:
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


def _train(config: DemoConfig, dataset: PreparedDataset, habits: Habits, reporter: Reporter) -> Path:
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
    import tempfile

    from deepsynth.core.progress import SilentReporter
    from deepsynth.training.metrics import METRICS, read_metrics_lines
    from deepsynth.workflows import train

    with tempfile.TemporaryDirectory() as folder:
        train.run(config.override({"output_dir": folder, "log_interval": 2}), SilentReporter())
        lines = read_metrics_lines((Path(folder) / METRICS).read_text(encoding="utf-8"))
    return max(line["samples_per_second"] for line in lines)  # others may be using the machine just now


@dataclass(frozen=True, kw_only=True, slots=True)
class _Work:
    """What a model made of the held-out documents."""

    summarizer: Summarizer
    examples: Sequence[Example]
    summaries: Sequence[Summary]
    readings: dict[str, Reading]


def _work(config: DemoConfig, dataset: PreparedDataset, model: Summarizer, when: str, reporter: Reporter) -> _Work:
    """Let a model read and summarize documents that no training saw."""
    from deepsynth.data.config import DataConfig
    from deepsynth.data.prepared import TaskExamples
    from deepsynth.evaluation.evaluator import Evaluator

    evaluator = Evaluator(
        model.drawing(dataset.rendering), config.out / when, reporter, batch_size=50, writing=_writing()
    )

    def rows(task: str, longest: int | None, limit: int) -> list[Example]:
        data = DataConfig(path=dataset.folder, tasks={task: 1.0}, longest_text=longest)
        found = TaskExamples(dataset.split("test"), data, dataset.rendering, limit=limit, seed=config.seed)
        return [found[number] for number in range(len(found))]

    examples = rows("summarize", None, config.evaluation_rows)
    wanted = {"whole documents": ("read", None), "random letters": ("random", DOCUMENT)}
    return _Work(
        summarizer=model,
        examples=examples,
        summaries=evaluator.write(examples),
        readings={
            name: evaluator.read_pages(rows(task, longest, READ_ROWS), f"read-{name.replace(' ', '-')}")
            for name, (task, longest) in wanted.items()
        },
    )


def _report(
    config: DemoConfig, dataset: PreparedDataset, source: str, before: _Work, after: _Work, seconds: float
) -> tuple[Path, list[str]]:
    from deepsynth.evaluation.probes import costs, timing
    from deepsynth.evaluation.report import read_curve, write_report
    from deepsynth.evaluation.report_words import RunReport, verdict
    from deepsynth.evaluation.systems import MODEL, evaluate_summaries

    evaluation = evaluate_summaries(
        after.examples,
        [summary.text for summary in after.summaries],
        list(dataset.split("train").rows()),
        controls={BEFORE: [summary.text for summary in before.summaries]},
        settings=config.model_dump(mode="json"),
        data_fingerprint=dataset.fingerprint,
        seed=config.seed,
    )
    parameters = sum(parameter.numel() for parameter in after.summarizer.loaded.model.parameters())
    told = RunReport(
        title="DeepSynth demonstration",
        evaluation=evaluation,
        examples=after.examples,
        readings=after.readings | {f"{name} (before training)": reading for name, reading in before.readings.items()},
        costs=costs(after.summaries),
        timing=timing(after.summaries),
        curve=read_curve(config.out / "training" / "metrics.jsonl"),
        facts={
            "Documents": f"{source} ({config.language}), cut to {DOCUMENT} characters",
            "Model": f"DeepSeek-OCR's architecture with {parameters:,} parameters, from {config.model}",
            "Time": f"{format_seconds(seconds)} for data, training and evaluation",
        },
        closing="The model is tiny and was trained for minutes on this machine, to read and not to summarize. It shows"
        " every part at work.",
    )
    scores = evaluation.report.scores
    gain = [
        f"Wrong characters in {name}: {before.readings[name].scores['cer'].mean:.1f} % before, "
        f"{after.readings[name].scores['cer'].mean:.1f} % after."
        for name in after.readings
    ]
    rouge = f"{scores[BEFORE]['rougeL'].mean:.1f} before, {scores[MODEL]['rougeL'].mean:.1f} after"
    gain.append(f"ROUGE-L of its summaries: {rouge}. It was trained to read here, not to summarize.")
    return write_report(told, config.out), [*gain, *verdict(replace(told, readings={}))]


def _beginning(path: Path) -> str:
    """Return as much of a file as the model has learned to see at once: its first page."""
    from deepsynth.rendering.renderer import read_text

    words, text = read_text(path).split(), ""
    for word in words:
        if len(text) + len(word) + 1 > DOCUMENT:
            break
        text = f"{text} {word}".strip()
    return text or words[0][:DOCUMENT]
