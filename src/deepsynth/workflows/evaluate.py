"""The `evaluate` verb: a model's summaries on a dataset, beside every baseline and control, as a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from deepsynth.core.config import Config
from deepsynth.core.control import Control, pause_on_signals
from deepsynth.core.errors import QualityError
from deepsynth.core.progress import Reporter

if TYPE_CHECKING:
    from deepsynth.core.documents import Summary
    from deepsynth.evaluation.benchmark import Benchmark
    from deepsynth.evaluation.evaluator import Evaluator

ControlName = Literal["other-pages", "text", "text-cut"]


class EvaluateConfig(Config):
    """What is evaluated, on what, and where the report goes."""

    model: str = "nano"
    """Checkpoint, model folder, Hub id or built-in size."""
    data: Path = Path("data/prepared")
    """Dataset that `deepsynth prepare` wrote, or a Hub id, a known name such as `xsum`, a file or folder of rows."""
    subset: str | None = None
    """The configuration of a Hub dataset, for example `fr` of mlsum."""
    split: str = "test"
    """Split whose rows are summarized."""
    training_split: str = "train"
    """Split that baselines draw on: the random and the nearest summary, and the usual length."""
    training_rows: int = Field(default=20_000, ge=1)
    """Most training rows that baselines look at."""
    limit: int | None = Field(default=None, ge=2)
    """Evaluate the first rows only."""
    controls: tuple[ControlName, ...] = ("other-pages", "text", "text-cut")
    """What else the model writes for comparison: with another row's pages, from the plain text in full, and from the text
    cut to as many tokens as the pages take. Each takes as long as the summaries themselves."""
    reading_rows: int = Field(default=64, ge=0)
    """Rows that are also read aloud, to count wrong characters; 0 leaves it out."""
    probe_rows: int = Field(default=32, ge=0)
    """Rows that are also read with shuffled words and as random letters, which language cannot guess; 0 leaves it out."""
    similarity_model: Path | None = None
    """Folder of a sentence-transformers model; adds the similarity of meaning (extra `similarity`)."""
    max_pages: int = Field(default=16, ge=1)
    """For a dataset that is not prepared: read no more pages of a document than this."""
    out: Path = Path("runs/evaluation")
    """Folder of the report, the predictions and the pages; a run that was stopped goes on from them."""
    save_pages: bool = True
    """Keep the picture of every page beside its prediction."""
    batch_size: int = Field(default=32, ge=1)
    """Documents written at once."""
    max_new_tokens: int = Field(default=64, ge=1)
    """Longest summary, in tokens."""
    num_beams: int = Field(default=1, ge=1, le=16)
    """Beams of the search; 1 is greedy."""
    fail_under: dict[str, float] = Field(default_factory=dict)
    """Scores that the model must reach, for example `rougeL: 25`; else the exit code is 1. A ceiling for scores that should be
    low, such as `repetition`."""
    seed: int = 0
    """Decides what the random baseline draws, and the draws of intervals and tests."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenReport:
    """Where the report lies, and its verdict with the main scores."""

    path: Path
    table: str

    def describe(self) -> str:
        """Return the verdict, the main scores and the place of the report."""
        return f"{self.table}\nwrote {self.path}"


def run(config: EvaluateConfig, reporter: Reporter, control: Control | None = None) -> WrittenReport:
    """Evaluate a model, or go on where an earlier run of the same settings stopped.

    Raises:
        InputError: the dataset or split is not there, a row has no reference, or a floor names no metric.
        ModelError: the model cannot be read.
        Paused: a pause was asked for; what was written is kept.
        QualityError: a score misses its floor; the report is written first.
    """
    from deepsynth.evaluation.benchmark import Wanted, open_benchmark
    from deepsynth.evaluation.comparison import check_floors
    from deepsynth.evaluation.evaluator import Evaluator
    from deepsynth.inference.stored import stored_rendering
    from deepsynth.inference.summarizer import Summarizer
    from deepsynth.inference.writing import Writing

    check_floors(config.fail_under)  # before the hours that an evaluation may take
    control = control or Control()
    with pause_on_signals(control):
        summarizer = Summarizer.load(config.model)
        names = ("data", "split", "training_split", "subset", "limit", "max_pages")
        wanted = Wanted(
            rendering=summarizer.rendering,
            training_limit=config.training_rows,
            **{name: getattr(config, name) for name in names},
        )
        benchmark = open_benchmark(wanted, config.out / "data", reporter, trained=stored_rendering(config.model))
        evaluator = Evaluator(
            summarizer.drawing(benchmark.rendering),
            config.out,
            reporter,
            batch_size=config.batch_size,
            writing=Writing(max_new_tokens=config.max_new_tokens, num_beams=config.num_beams),
            control=control,
        )
        return _report(config, benchmark, evaluator, reporter)


def _report(config: EvaluateConfig, benchmark: Benchmark, evaluator: Evaluator, reporter: Reporter) -> WrittenReport:
    from deepsynth.evaluation.comparison import failures
    from deepsynth.evaluation.probes import costs, page_order, reading_probes, timing
    from deepsynth.evaluation.published import figures_beside
    from deepsynth.evaluation.report import write_report
    from deepsynth.evaluation.report_words import RunReport, brief
    from deepsynth.evaluation.systems import MODEL, evaluate_summaries

    examples = benchmark.examples
    summaries = evaluator.write(examples, keep_pages=config.save_pages)
    texts = [summary.text for summary in summaries]
    rows = benchmark.rows()
    settings = config.model_dump(mode="json", exclude={"fail_under", "out"})
    evaluation = evaluate_summaries(
        rows,
        texts,
        benchmark.training,
        settings=settings | {"rendering": benchmark.rendering.model_dump(mode="json")},
        data_fingerprint=benchmark.fingerprint,
        controls=_controls(config, evaluator, benchmark, summaries),
        stemmed=benchmark.english,
        similarity_model=config.similarity_model,
        seed=config.seed,
        reporter=reporter,
    )
    scores = evaluation.report.scores[MODEL]
    readable = all(row.text for row in rows)
    counts = {
        "the pages": config.reading_rows,
        "shuffled words": config.probe_rows,
        "random letters": config.probe_rows,
    }
    told = RunReport(
        title=f"{config.model} on {config.data} ({config.split})",
        evaluation=evaluation,
        examples=examples,
        readings=reading_probes(evaluator, benchmark.split, benchmark.rendering, counts, seed=config.seed)
        if readable
        else {},
        page_order=page_order(evaluator, examples, texts, [row.summary or "" for row in rows], seed=config.seed),
        page_use=evaluator.page_use(examples),
        costs=costs(summaries),
        timing=timing(summaries),
        published=figures_beside(benchmark.run(scores)),
        facts=_facts(config, benchmark, evaluator),
        saved_pages=config.save_pages,
    )
    result = WrittenReport(path=write_report(told, config.out), table=brief(told))
    missed = failures({name: score.mean for name, score in scores.items()}, config.fail_under)
    if missed:
        reporter.message(result.describe())
        raise QualityError(f"{config.model}: {'; '.join(missed)} (see {result.path})", field="fail_under")
    return result


def _controls(
    config: EvaluateConfig, evaluator: Evaluator, benchmark: Benchmark, summaries: Sequence[Summary]
) -> Mapping[str, list[str]]:
    """Let the same model write from other pages and from plain text."""
    from deepsynth.evaluation.systems import OTHER_PAGES, TEXT_CUT, TEXT_IN_FULL
    from deepsynth.evaluation.variants import as_text, cut_to_tokens, with_other_pages

    count = evaluator.summarizer.processor.count_text_tokens
    room = evaluator.text_room()

    def in_full(_: int, text: str) -> str:
        return cut_to_tokens(text, room, count)

    def as_many_tokens(row: int, text: str) -> str:
        return cut_to_tokens(text, min(room, summaries[row].visual_tokens), count)

    examples = benchmark.examples
    found: dict[str, list[str]] = {}
    if "other-pages" in config.controls:
        found[OTHER_PAGES] = evaluator.predict(with_other_pages(examples), "summaries-other-pages")
    if "text" in config.controls and all(row.text for row in benchmark.rows()):
        found[TEXT_IN_FULL] = evaluator.predict(as_text(examples, in_full), "summaries-text")
    if "text-cut" in config.controls and all(row.text for row in benchmark.rows()):
        found[TEXT_CUT] = evaluator.predict(as_text(examples, as_many_tokens), "summaries-text-cut")
    return found


def _facts(config: EvaluateConfig, benchmark: Benchmark, evaluator: Evaluator) -> dict[str, str]:
    rendering: Any = benchmark.rendering
    loaded = evaluator.summarizer.loaded
    parameters = sum(parameter.numel() for parameter in loaded.model.parameters())
    facts = {
        "Data": f"{benchmark.source}{f':{benchmark.subset}' if benchmark.subset else ''}, split {config.split},"
        f" {len(benchmark.examples):,} of {len(benchmark.split):,} rows",
        "Pages": f"mode {rendering.mode}, {rendering.font} letters of {rendering.px:g} px",
        "Model": f"{config.model}, {parameters:,} parameters, weights {evaluator.summarizer.fingerprint[:12]}",
        "Training rows for baselines": f"{len(benchmark.training):,}",
    }
    if benchmark.rejected:
        facts["Rows kept out"] = (
            f"{benchmark.rejected:,} while preparing all splits; see rejected.jsonl beside the data"
        )
    return facts
