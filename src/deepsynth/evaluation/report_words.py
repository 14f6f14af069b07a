"""What a report says, before it is laid out: the verdict in plain words, the tables, and all of it as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deepsynth.core.documents import Score
from deepsynth.evaluation.baselines import LEAD, RANDOM
from deepsynth.evaluation.evaluator import PageUse, Reading
from deepsynth.evaluation.metrics import HEADLINE, METRICS, STEMMED
from deepsynth.evaluation.published import Beside
from deepsynth.evaluation.systems import MODEL, Evaluation
from deepsynth.evaluation.tokenizer import TOKENIZER_NAME
from deepsynth.evaluation.uncertainty import Difference
from deepsynth.evaluation.variants import Examples


@dataclass(frozen=True, kw_only=True, slots=True)
class RunReport:
    """Everything that is told about a run."""

    title: str
    evaluation: Evaluation
    examples: Examples
    """The rows of the report, with their pages, in the same order."""
    readings: Mapping[str, Reading] = field(default_factory=dict[str, Reading])
    """How well the model reads, by kind of text."""
    page_order: tuple[Difference, int] | None = None
    """Change of ROUGE-L when the pages come in reverse, and the rows with several pages."""
    page_use: PageUse | None = None
    """Loss with the right pages and with another row's."""
    curve: Sequence[tuple[int, float]] = ()
    """(step, loss) while training."""
    costs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Tokens and stops (see `deepsynth.evaluation.probes.costs`)."""
    timing: Mapping[str, float] = field(default_factory=dict[str, float])
    """Seconds: what another run will not repeat."""
    published: Sequence[Beside] = ()
    """Published figures on the same data set."""
    facts: Mapping[str, str] = field(default_factory=dict[str, str])
    """What else the reader should know: sizes, the data."""
    closing: str = ""
    """A last paragraph."""
    saved_pages: bool = False
    """Whether the pictures of all pages lie beside the report (see `deepsynth.evaluation.page_files`)."""


def verdict(run: RunReport) -> list[str]:
    """Return what the figures say, in plain words; a difference within its interval is called so."""
    lines = [
        _compare(run, name, what)
        for name, what in (
            (LEAD, "the first sentence of the document"),
            (RANDOM, "the summary of a random other document"),
        )
        if name in run.evaluation.differences
    ]
    if run.page_use is not None:
        lines.append(_page_use(run.page_use))
    for kind, reading in run.readings.items():
        rate = reading.scores["cer"]
        word = "well" if rate.mean < 5 else "with errors" if rate.mean < 40 else "hardly at all"
        lines.append(f"It reads {kind} {word}: {rate.mean:.0f} of 100 characters are wrong.")
    if run.page_order is not None:
        difference, rows = run.page_order
        matters = "matters" if difference.clear else "makes no clear difference"
        lines.append(f"The order of pages {matters}: reversed, ROUGE-L changes by {signed(difference)} ({rows} rows).")
    return lines


def _compare(run: RunReport, name: str, what: str) -> str:
    scores, difference = run.evaluation.report.scores, run.evaluation.differences[name][HEADLINE]
    figures = f"ROUGE-L {scores[MODEL][HEADLINE].mean:.1f} against {scores[name][HEADLINE].mean:.1f}"
    if difference.clear:
        word = "better" if difference.mean > 0 else "worse"
        return f"The model's summaries are {word} than {what} ({figures}; difference {signed(difference)})."
    return f"The model's summaries cannot be told from {what}: {figures}, difference {signed(difference)}."


CLEAR_USE = 0.5
"""Nats a token that the right page must be worth to be called used without reserve."""


def _page_use(use: PageUse) -> str:
    difference = use.difference
    clear = difference.clear and difference.mean > 0
    reads = "It does not clearly use" if not clear else "It uses" if difference.mean > CLEAR_USE else "It hardly uses"
    interval = f"{difference.mean:+.2f} [{difference.low:+.2f}, {difference.high:+.2f}]"
    return (
        f"{reads} the page: a summary costs {use.own.mean:.2f} nats a token with its own page and {use.other.mean:.2f} with"
        f" another document's; difference {interval}."
    )


def signed(difference: Difference) -> str:
    """Return a difference with its interval, always with signs."""
    return f"{difference.mean:+.1f} [{difference.low:+.1f}, {difference.high:+.1f}]"


def tables(run: RunReport) -> list[tuple[str, list[str]]]:
    """Return the tables of the report: a title and the names of its columns, those that this run has."""
    present = [name for name in METRICS if name in run.evaluation.report.scores[MODEL]]
    quality = [name for name in present if METRICS[name].better == "higher" and not name.endswith(STEMMED)]
    nature = [name for name in present if METRICS[name].better != "higher"]
    stemmed = [name for name in present if name.endswith(STEMMED)]
    parts = [
        (f"Likeness to the reference (words by {TOKENIZER_NAME})", quality),
        ("As English papers report it (rouge-score's tokenizer, Porter stemmer)", stemmed),
        ("What the summaries are like", nature),
    ]
    return [(title, columns) for title, columns in parts if columns]


BRIEF = ("rouge1", "rouge2", "rougeL")
"""Columns of the table that a terminal is shown."""


def brief(run: RunReport) -> str:
    """Return what a terminal is shown: the verdict and one table. The rest stands in the report."""
    evaluation = run.evaluation
    scores = evaluation.report.scores
    columns = [name for name in BRIEF if name in scores[MODEL]]
    rows = [[name, *(figure(row[column]) for column in columns)] for name, row in scores.items()]
    parts = [
        run.title,
        "\n".join(f"- {line}" for line in verdict(run)),
        f"{len(evaluation.report.rows)} rows, mean [95 % interval]:",
        markdown_table(["System", *(METRICS[name].head for name in columns)], rows),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown(run: RunReport) -> str:
    """Return the report as Markdown."""
    evaluation = run.evaluation
    count = len(evaluation.report.rows)
    parts = [f"# {run.title}", "\n".join(f"- {line}" for line in verdict(run)), f"{count} rows, mean [95 % interval]."]
    for title, columns in tables(run):
        rows = [[name, *(figure(row[column]) for column in columns)] for name, row in evaluation.report.scores.items()]
        parts += [f"**{title}**", markdown_table(["System", *(METRICS[name].head for name in columns)], rows)]
    differences = [
        [name, signed(row[HEADLINE]), f"{row[HEADLINE].p_value:.4f}", difference_word(row[HEADLINE])]
        for name, row in evaluation.differences.items()
    ]
    parts += [
        "**The model against each other system, row by row (ROUGE-L)**",
        markdown_table(["System", "Model minus system", "p", ""], differences),
    ]
    readings = [
        f"- {kind}: " + ", ".join(f"{METRICS[name].head} {figure(score)}" for name, score in reading.scores.items())
        for kind, reading in run.readings.items()
    ]
    published = [
        f"- {item.figure.system}: " + ", ".join(f"{METRICS[name].head} {value}" for name, value in item.scores.items())
        if not item.reasons
        else f"- {item.figure.system}: not comparable ({'; '.join(item.reasons)}). {item.figure.source}"
        for item in run.published
    ]
    parts += ["**Reading**" if readings else "", "\n".join(readings)]
    parts += ["**Published figures on this data set**" if published else "", "\n".join(published)]
    parts += ["\n".join(f"- {text}" for text in remarks(run))]
    parts += ["\n".join(f"- {name}: {value}" for name, value in run.facts.items()), run.closing]
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose first column is text and all others numbers."""
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def figure(score: Score) -> str:
    """Return a mean with its interval."""
    return f"{score.mean:.1f} [{score.low:.1f}, {score.high:.1f}]"


def difference_word(difference: Difference) -> str:
    """Return which of the two is better, or that it cannot be told."""
    if not difference.clear:
        return "no clear difference"
    return "model better" if difference.mean > 0 else "model worse"


def remarks(run: RunReport) -> list[str]:
    """Return the sentences under the tables: what it cost, what was noted, the scores over the corpus."""
    return [*_costs(run), *run.evaluation.notes, *_corpus(run)]


def _costs(run: RunReport) -> list[str]:
    if not run.costs:
        return []
    costs = run.costs
    ratio = "" if costs["compression"] is None else f" ({costs['compression']:.1f} text tokens a visual token)"
    return [
        f"A document takes {costs['visual_tokens']:.0f} visual tokens on {costs['pages']:.1f} pages instead of"
        f" {costs['text_tokens']:.0f} text tokens{ratio}; a summary {costs['generated_tokens']:.0f} tokens.",
        f"{costs['loops_percent']:.1f} % of the summaries end in a loop, {costs['cut_percent']:.1f} % at the limit of length.",
    ]


def _corpus(run: RunReport) -> list[str]:
    return [
        f"Corpus {name} {float(row['score']):.1f} ({row['signature']})." for name, row in run.evaluation.corpus.items()
    ]
