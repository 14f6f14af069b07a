"""What a model makes of documents that no training saw, before and after it, and the report that sets the two side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from deepsynth.core.progress import Reporter, format_seconds
from deepsynth.inference.writing import Writing
from deepsynth.workflows.demo_config import DOCUMENT, DemoConfig

if TYPE_CHECKING:
    from deepsynth.core.documents import Example, Score, Summary
    from deepsynth.data.prepared import PreparedDataset
    from deepsynth.evaluation.evaluator import Reading
    from deepsynth.inference.summarizer import Summarizer

READ_ROWS = 100
BEFORE = "the bundled model before"


def writing() -> Writing:
    """Return how the demonstration writes: enough for a transcript of its longest document."""
    return Writing(max_new_tokens=round(1.5 * DOCUMENT))


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What a model made of the held-out documents."""

    summarizer: Summarizer
    examples: Sequence[Example]
    summaries: Sequence[Summary]
    readings: dict[str, Reading]


def let_work(config: DemoConfig, dataset: PreparedDataset, model: Summarizer, when: str, reporter: Reporter) -> Work:
    """Let a model read and summarize documents that no training saw."""
    from deepsynth.data.config import DataConfig
    from deepsynth.data.prepared import TaskExamples
    from deepsynth.evaluation.evaluator import Evaluator

    evaluator = Evaluator(
        model.drawing(dataset.rendering), config.out / when, reporter, batch_size=50, writing=writing()
    )

    def rows(task: str, longest: int | None, limit: int) -> list[Example]:
        data = DataConfig(path=dataset.folder, tasks={task: 1.0}, longest_text=longest)
        found = TaskExamples(dataset.split("test"), data, dataset.rendering, limit=limit, seed=config.seed)
        return [found[number] for number in range(len(found))]

    examples = rows("summarize", None, config.evaluation_rows)
    wanted = {"whole documents": ("read", None), "random letters": ("random", DOCUMENT)}
    return Work(
        summarizer=model,
        examples=examples,
        summaries=evaluator.write(examples),
        readings={
            name: evaluator.read_pages(rows(task, longest, READ_ROWS), f"read-{name.replace(' ', '-')}")
            for name, (task, longest) in wanted.items()
        },
    )


def write_demo_report(
    config: DemoConfig, dataset: PreparedDataset, source: str, before: Work, after: Work, seconds: float
) -> tuple[Path, list[str]]:
    """Write the report; return its path, and what it says in a few sentences."""
    from deepsynth.evaluation.probes import costs, timing
    from deepsynth.evaluation.report import read_curve, write_report
    from deepsynth.evaluation.report_words import RunReport, verdict
    from deepsynth.evaluation.systems import evaluate_summaries

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
    gain = _gain(evaluation.report.scores, before, after)
    return write_report(told, config.out), [*gain, *verdict(replace(told, readings={}))]


def _gain(scores: Mapping[str, Mapping[str, Score]], before: Work, after: Work) -> list[str]:
    """Say what the training changed in reading and in summaries."""
    from deepsynth.evaluation.metrics import HEADLINE, METRICS
    from deepsynth.evaluation.systems import MODEL

    lines = [
        f"Wrong characters in {name}: {before.readings[name].scores['cer'].mean:.1f} % before, "
        f"{after.readings[name].scores['cer'].mean:.1f} % after."
        for name in after.readings
    ]
    first, last = scores[BEFORE][HEADLINE].mean, scores[MODEL][HEADLINE].mean
    return [
        *lines,
        f"{METRICS[HEADLINE].head} of its summaries: {first:.1f} before, {last:.1f} after."
        " It was trained to read here, not to summarize.",
    ]
