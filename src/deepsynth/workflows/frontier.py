"""The `frontier` verb: one model at many compressions, read aloud and summarizing, beside the same decoder on plain text."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from deepsynth.core.config import Config
from deepsynth.core.control import Control, pause_on_signals
from deepsynth.core.errors import InputError, SettingsError
from deepsynth.core.geometry import mode
from deepsynth.core.progress import Reporter
from deepsynth.workflows.evaluate import WrittenReport

if TYPE_CHECKING:
    from deepsynth.data.tasks import Row
    from deepsynth.evaluation.benchmark import Benchmark
    from deepsynth.evaluation.frontier import Sweep
    from deepsynth.evaluation.frontier_points import ReadingPoint, SummaryPoint
    from deepsynth.inference.summarizer import Summarizer

Ratio = Annotated[float, Field(gt=0, le=100)]
Tokens = Annotated[int, Field(ge=4)]
SMALL_RATIOS, FULL_RATIOS = (1.0, 2.0, 4.0, 6.0), (2.5, 5.0, 7.5, 10.0, 12.5, 15.0, 20.0)
"""What is tried by default: a visual token of 32 pixels holds about a quarter of the text that one of 64 does."""


class FrontierConfig(Config):
    """What is swept, on what, and where the report goes."""

    model: str = "nano"
    """Checkpoint, model folder, Hub id or built-in size."""
    data: Path = Path("data/prepared")
    """Dataset that `deepsynth prepare` wrote, or a Hub id, a known name such as `xsum`, a file or folder of rows."""
    subset: str | None = None
    """The configuration of a Hub dataset, for example `fr` of mlsum."""
    split: str = "test"
    """Split whose texts are read and summarized."""
    training_split: str = "train"
    """Split that baselines draw on."""
    modes: tuple[str, ...] = ()
    """Page modes to sweep; empty means all that fit the model, those with tiles too."""
    ratios: tuple[Ratio, ...] = ()
    """Compressions to sweep, in text tokens a visual token; empty means 1, 2, 4, 6 for nano models, else 2.5 to 20."""
    page_tokens: tuple[Tokens, ...] = ()
    """Read pages of these numbers of text tokens instead of those that `ratios` gives; the paper's are 650 to 1250."""
    budgets: tuple[Tokens, ...] = ()
    """Summarize within these numbers of visual tokens a document too, whatever its length."""
    pages: int = Field(default=16, ge=0)
    """Pages to read at each point; 0 leaves reading out."""
    documents: int = Field(default=24, ge=0)
    """Documents to summarize at each point; 0 leaves summaries out."""
    largest_px: float | None = Field(default=None, ge=5, le=96)
    """Letters grow to this size where the compression leaves room; empty means the size that the model is used to."""
    shuffled: bool = True
    """Read the same pages with their words shuffled too: the gap is what the decoder guesses from language."""
    text: bool = True
    """Let the same decoder summarize plain text, in full and cut to as many tokens."""
    out: Path = Path("runs/frontier")
    """Folder of the report and the predictions; a run that was stopped goes on from them."""
    batch_size: int = Field(default=16, ge=1)
    """Documents written at once."""
    max_new_tokens: int = Field(default=64, ge=1)
    """Longest summary, in tokens; transcripts may be a quarter longer than their page."""
    seed: int = 0
    """Decides how words are shuffled, and the draws of intervals."""


def run(config: FrontierConfig, reporter: Reporter, control: Control | None = None) -> WrittenReport:
    """Sweep a model, or go on where an earlier run of the same settings stopped.

    Raises:
        InputError: the dataset or split is not there, or holds too little text.
        SettingsError: a mode does not fit the model.
        Paused: a pause was asked for; what was written is kept.
    """
    from deepsynth.evaluation.benchmark import Wanted, open_benchmark
    from deepsynth.evaluation.evaluator import Evaluator
    from deepsynth.evaluation.frontier import Sweep
    from deepsynth.evaluation.frontier_points import Frontier
    from deepsynth.evaluation.frontier_report import FrontierReport, frontier_markdown, write_frontier
    from deepsynth.inference.summarizer import Summarizer
    from deepsynth.inference.writing import Writing

    control = control or Control()
    with pause_on_signals(control):
        summarizer = Summarizer.load(config.model)
        modes = _modes(config, summarizer)
        names = ("data", "split", "training_split", "subset")
        wanted = Wanted(rendering=summarizer.rendering, max_pages=1, **{name: getattr(config, name) for name in names})
        benchmark = open_benchmark(wanted, config.out / "data", reporter)

        def evaluator(drawing: Summarizer) -> Evaluator:
            writing = Writing(max_new_tokens=config.max_new_tokens)
            return Evaluator(
                drawing, config.out, reporter, batch_size=config.batch_size, writing=writing, control=control
            )

        sweep = Sweep(summarizer, evaluator, config.out, largest_px=config.largest_px)
        rows = [row for row in benchmark.rows() if row.text]
        documents = list(islice((row for row in rows if row.summary), config.documents))
        reading, left_out = _reading(config, sweep, rows, modes, reporter)
        frontier = Frontier(
            reading=reading,
            summaries=_summaries(config, sweep, documents, modes, reporter),
            text_in_full=sweep.text_in_full(documents, config.seed) if config.text and documents else None,
            text_tokens=_mean_tokens(summarizer, documents),
            baselines=sweep.baselines(documents, benchmark.training, config.seed) if documents else {},
            legible_to={name: limit for name in modes if (limit := sweep.legible_to(rows, name)) is not None},
        )
        told = FrontierReport(
            title=f"Compression against quality: {config.model} on {config.data} ({config.split})",
            frontier=frontier,
            settings=config.model_dump(mode="json", exclude={"out"}),
            data_fingerprint=benchmark.fingerprint,
            facts=_facts(config, summarizer, benchmark, frontier.text_tokens)
            | ({"Left out": "; ".join(left_out)} if left_out else {}),
        )
        return WrittenReport(path=write_frontier(told, config.out), table=frontier_markdown(told))


def _modes(config: FrontierConfig, summarizer: Summarizer) -> list[str]:
    """Return the modes to sweep.

    Raises:
        SettingsError: one does not fit the model; lists those that do.
    """
    fitting = summarizer.loaded.family.modes(summarizer.loaded.model)
    wrong = [name for name in config.modes if name not in fitting]
    if wrong:
        raise SettingsError(
            f"mode {wrong[0]!r} does not fit the model {config.model}; those that do: {', '.join(fitting)}",
            field="modes",
        )
    return list(config.modes or fitting)


def _ratios(config: FrontierConfig, name: str) -> tuple[float, ...]:
    return config.ratios or (SMALL_RATIOS if mode(name).token_px < 64 else FULL_RATIOS)


def _reading(
    config: FrontierConfig, sweep: Sweep, rows: list[Row], modes: list[str], reporter: Reporter
) -> tuple[tuple[ReadingPoint, ...], list[str]]:
    """Return the points, and why others could not be measured."""
    from deepsynth.evaluation.density import nominal_page_tokens

    found: list[ReadingPoint] = []
    left_out: list[str] = []
    for name in modes if config.pages else ():
        nominal = nominal_page_tokens(name)
        for tokens in config.page_tokens or [round(ratio * nominal) for ratio in _ratios(config, name)]:
            reporter.message(f"reading in {name}: pages of {tokens} text tokens, {tokens / nominal:.1f}x")
            try:
                point = sweep.reading(rows, name, tokens, config.pages, shuffled=config.shuffled, seed=config.seed)
            except InputError as error:
                reporter.message(f"left out: {error}")
                left_out.append(f"{name}: {error}")
                continue
            found.append(point)
    return tuple(found), left_out


def _summaries(
    config: FrontierConfig, sweep: Sweep, documents: list[Row], modes: list[str], reporter: Reporter
) -> tuple[SummaryPoint, ...]:
    from deepsynth.evaluation.frontier_points import merge_alike

    if not documents and config.documents:
        raise InputError(f"no row of split {config.split!r} has both a text and a summary", field="split")
    found: list[SummaryPoint] = []
    for name in modes if documents else ():
        targets = [(ratio, None) for ratio in _ratios(config, name)] + [(None, budget) for budget in config.budgets]
        for ratio, budget in targets:
            reporter.message(f"summarizing in {name}: {f'{ratio:g}x' if budget is None else f'{budget} visual tokens'}")
            found.append(
                sweep.summaries(documents, name, ratio=ratio, budget=budget, texts=config.text, seed=config.seed)
            )
    return merge_alike(found)


def _mean_tokens(summarizer: Summarizer, documents: list[Row]) -> float:
    counts = [summarizer.processor.count_text_tokens(row.text) for row in documents]
    return sum(counts) / max(1, len(counts))


def _facts(config: FrontierConfig, summarizer: Summarizer, benchmark: Benchmark, tokens: float) -> dict[str, str]:
    rendering = summarizer.rendering
    return {
        "Data": f"{benchmark.source}, split {config.split}; documents of {tokens:.0f} text tokens on average",
        "Model": f"{config.model}, weights {summarizer.fingerprint[:12]}",
        "Its usual pages": f"mode {rendering.mode}, {rendering.font} letters of {rendering.px:g} px; a model that has seen no"
        " other size or mode is asked here for what it was not trained on",
        "Batches": f"{config.batch_size} documents",
    }
