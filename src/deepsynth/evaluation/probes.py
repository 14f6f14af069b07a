"""Does the model read, or does it guess? Pages that a language model cannot help with, pages out of order, loops.

A decoder that has learned a language fills in what it does not see. So the same documents are also read with their words
shuffled, and as random letters: what it reads there, it has seen. Pages in reverse order show whether order matters to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from deepsynth.core.documents import Summary
from deepsynth.data.config import DataConfig
from deepsynth.data.prepared import Split, TaskExamples
from deepsynth.evaluation.evaluator import Evaluator, Reading
from deepsynth.evaluation.metrics import HEADLINE, rouge
from deepsynth.evaluation.uncertainty import Difference, paired_difference
from deepsynth.evaluation.variants import Changed, Chosen, Examples
from deepsynth.rendering.config import RenderConfig

NATURAL, SHUFFLED, RANDOM_LETTERS = "the pages", "shuffled words", "random letters"
TASKS: Mapping[str, str] = {NATURAL: "read", SHUFFLED: "shuffled", RANDOM_LETTERS: "random"}
"""Name of a probe -> task of `deepsynth.data.tasks` that draws its pages."""


def reading_probes(
    evaluator: Evaluator, split: Split, rendering: RenderConfig, counts: Mapping[str, int], *, seed: int = 0
) -> dict[str, Reading]:
    """Let the model read the first rows of a split in each way: as they are, shuffled, as random letters.

    `counts` gives the rows by probe; 0 leaves one out.
    """
    found: dict[str, Reading] = {}
    for name, task in TASKS.items():
        if counts.get(name):
            data = DataConfig(tasks={task: 1.0})
            rows = TaskExamples(split, data, rendering, limit=counts[name], seed=seed)
            found[name] = evaluator.read_pages(rows, f"transcripts-{task}")
    return found


def page_order(
    evaluator: Evaluator, examples: Examples, summaries: Sequence[str], references: Sequence[str], *, seed: int = 0
) -> tuple[Difference, int] | None:
    """Return how ROUGE-L changes when the pages come in reverse, over the rows with several pages, and their number.

    None when fewer than two rows have more than one page.
    """
    several = [number for number in range(len(examples)) if len(examples[number].pages) > 1]
    if len(several) < 2:
        return None
    chosen = Chosen(examples, several)
    reverse = Changed(chosen, lambda _, example: replace(example, pages=example.pages[::-1]))
    reversed_texts = evaluator.predict(reverse, "summaries-pages-reversed")
    wanted = [references[number] for number in several]
    scores = [rouge(texts, wanted)[HEADLINE] for texts in (reversed_texts, [summaries[number] for number in several])]
    return paired_difference(scores[0], scores[1], seed=seed), len(several)


def costs(summaries: Sequence[Summary]) -> dict[str, Any]:
    """Return what writing cost in tokens, and how it stopped; means over rows, times left out (see `timing`)."""
    count = len(summaries)
    ratios = [ratio for summary in summaries if (ratio := summary.compression) is not None]
    stopped = Counter(summary.stop_reason for summary in summaries)
    return {
        "pages": sum(summary.pages_used for summary in summaries) / count,
        "visual_tokens": sum(summary.visual_tokens for summary in summaries) / count,
        "prompt_tokens": sum(summary.prompt_tokens for summary in summaries) / count,
        "generated_tokens": sum(summary.generated_tokens for summary in summaries) / count,
        "text_tokens": sum(summary.text_tokens or 0 for summary in summaries) / count,
        "compression": sum(ratios) / len(ratios) if ratios else None,
        "loops_percent": 100 * stopped["repetition"] / count,
        "cut_percent": 100 * stopped["length"] / count,
    }


def timing(summaries: Sequence[Summary]) -> dict[str, float]:
    """Return how long writing took: the only part of a report that another run will not repeat."""
    seconds = sum(summary.seconds for summary in summaries)
    tokens = sum(summary.generated_tokens for summary in summaries)
    return {"seconds_per_summary": seconds / len(summaries), "tokens_per_second": tokens / max(seconds, 1e-9)}
