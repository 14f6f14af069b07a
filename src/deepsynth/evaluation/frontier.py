"""What compression costs: reading and summaries of one model at many densities, beside the same decoder on plain text.

Two sweeps. *Reading* follows the Fox experiment of the DeepSeek-OCR paper: pages of a known number of text tokens, drawn on one
image of few visual tokens, read aloud. *Summaries* draws whole documents on as few pages as a compression allows, and sets
beside each point the same decoder given the beginning of the text, cut to the same number of tokens: what a picture must beat.

Compression is text tokens per nominal visual token, as the paper counts (64 for its Tiny mode); the tokens that the prompt
really holds, with row ends and separators, stand beside it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from deepsynth.core.documents import Document, Example, Score, Summary
from deepsynth.core.errors import InputError
from deepsynth.core.files import write_json
from deepsynth.data.tasks import INSTRUCTIONS, READ, Row
from deepsynth.evaluation.baselines import BASELINES, LEAD, LEAD_WORDS, NEED_TRAINING, RANDOM
from deepsynth.evaluation.density import Drawing, draw_within, legible_compression, nominal_page_tokens
from deepsynth.evaluation.evaluator import ROOM_FOR_INSTRUCTION, Evaluator, as_text, cut_to_tokens, page_text
from deepsynth.evaluation.frontier_points import Cost, ReadingPoint, SummaryPoint
from deepsynth.evaluation.memory import peak_memory
from deepsynth.evaluation.metrics import rouge, score_readings
from deepsynth.evaluation.precision import set_precision
from deepsynth.evaluation.uncertainty import bootstrap, bootstrap_all
from deepsynth.inference.summarizer import Summarizer
from deepsynth.rendering.config import RenderConfig

QUALITY = "rougeL"
SHOWN_BASELINES = (RANDOM, LEAD, LEAD_WORDS)
COSTS = "frontier-costs.json"
LIMIT_ROWS = 256
"""Rows whose text is laid out to find the limit of legibility."""


class Sweep:
    """Measures one model; predictions are kept, so a run that was stopped goes on."""

    def __init__(
        self,
        summarizer: Summarizer,
        evaluator: Callable[[Summarizer], Evaluator],
        folder: Path,
        *,
        largest_px: float | None = None,
    ) -> None:
        """`evaluator` makes the evaluator of a summarizer, which differs in its mode alone.

        Letters grow to `largest_px` at most; without it, to the size that the summarizer draws with, since a model that was
        trained on one size does not read larger ones better.
        """
        # how many lines a page holds is what is swept, whatever the model is used to
        summarizer = summarizer.drawing(summarizer.rendering.override({"lines": None}))
        self._summarizer, self._make, self._folder = summarizer, evaluator, folder
        self._largest = largest_px or summarizer.rendering.px
        self._count = summarizer.processor.count_text_tokens

    def reading(
        self, rows: Sequence[Row], mode_name: str, page_tokens: int, pages: int, *, shuffled: bool, seed: int = 0
    ) -> ReadingPoint:
        """Read pages of `page_tokens` text tokens drawn in one mode.

        Raises:
            InputError: the rows hold too little text for two such pages.
        """
        rendering = self._summarizer.rendering.override({"mode": mode_name})
        evaluator = self._make(self._summarizer.drawing(rendering))
        texts = list(page_texts(rows, page_tokens, pages, self._count))
        if len(texts) < 2:
            raise InputError(
                f"the rows hold too little text for two pages of {page_tokens} tokens; use a larger split or fewer tokens"
            )
        name = f"frontier-read-{mode_name}-{page_tokens}"
        drawings, shown, read, cost = self._read(evaluator, texts, rendering, name, page_tokens)
        scores = score_readings(read, shown)
        tokens = tuple(self._count(text) for text in shown)
        without_language = None
        if shuffled:
            mixed = [_shuffle_words(text, f"{seed}:{number}") for number, text in enumerate(texts)]
            _, there, found, _ = self._read(evaluator, mixed, rendering, f"{name}-shuffled", page_tokens)
            without_language = bootstrap(set_precision(found, there), seed=seed)
        intervals = bootstrap_all(scores, seed=seed)
        return ReadingPoint(
            mode=mode_name,
            text_tokens=fmean(tokens),
            nominal_tokens=drawings[0].nominal_tokens,
            visual_tokens=drawings[0].visual_tokens,
            px=fmean(drawing.px for drawing in drawings),
            legible=fmean(drawing.legible for drawing in drawings),
            pages=len(texts),
            precision=intervals["precision"],
            cer=intervals["cer"],
            shuffled_precision=without_language,
            page_tokens=tokens,
            page_precision=tuple(float(value) for value in scores["precision"]),
            cost=cost,
        )

    def _read(
        self, evaluator: Evaluator, texts: Sequence[str], rendering: RenderConfig, name: str, tokens: int
    ) -> tuple[list[Drawing], list[str], list[str], Cost]:
        """Draw each text on one page and read it: drawings, what stands on them, what was read, and the cost."""
        documents = [Document(id=f"page-{number}", text=text) for number, text in enumerate(texts)]
        drawings = [draw_within(document, rendering, 1, self._largest) for document in documents]
        answer = longest_transcript(tokens, drawings[0].visual_tokens, evaluator.positions())
        examples = _to_read(drawings, texts)
        read, cost = self._measure(evaluator, examples, name, name, answer)
        keep_lines = evaluator.summarizer.engine.facts.habits.keep_lines
        shown = [page_text(example, keep_lines=keep_lines) for example in examples]
        return drawings, shown, [" ".join(summary.text.split()) for summary in read], cost

    def summaries(
        self,
        rows: Sequence[Row],
        mode_name: str,
        *,
        ratio: float | None,
        budget: int | None,
        texts: bool,
        seed: int = 0,
    ) -> SummaryPoint:
        """Summarize whole documents at `ratio` text tokens a visual token, or within `budget` visual tokens each."""
        rendering = self._summarizer.rendering.override({"mode": mode_name})
        evaluator = self._make(self._summarizer.drawing(rendering))
        one_page = nominal_page_tokens(mode_name)
        tokens = [self._count(row.text) for row in rows]
        wanted = [budget if budget is not None else int(count / (ratio or 1)) for count in tokens]
        drawings = [
            draw_within(_document(row), rendering, max(1, visual // one_page), self._largest)
            for row, visual in zip(rows, wanted, strict=True)
        ]
        target = f"{budget} tokens" if budget is not None else f"{ratio:g}x"
        name = f"frontier-{mode_name}-{target.replace(' ', '-')}"
        examples = [_to_summarize(row, drawing.pages) for row, drawing in zip(rows, drawings, strict=True)]
        written, cost = self._measure(evaluator, examples, name, f"frontier-{mode_name}")
        text_quality, text_cost = None, None
        if texts:
            room = evaluator.text_room()
            cut = as_text(
                examples, lambda n, text: cut_to_tokens(text, min(room, drawings[n].nominal_tokens), self._count)
            )
            from_text, text_cost = self._measure(
                evaluator, [cut[n] for n in range(len(cut))], f"{name}-text", "frontier-text"
            )
            text_quality = self._quality(rows, from_text, seed)
        return SummaryPoint(
            mode=mode_name,
            target=target,
            compression=sum(tokens) / sum(drawing.nominal_tokens for drawing in drawings),
            visual_tokens=fmean(drawing.visual_tokens for drawing in drawings),
            pages=fmean(len(drawing.pages) for drawing in drawings),
            px=fmean(drawing.px for drawing in drawings),
            legible=fmean(drawing.legible for drawing in drawings),
            cut=sum(not drawing.whole for drawing in drawings),
            quality=self._quality(rows, written, seed),
            text_quality=text_quality,
            cost=cost,
            text_cost=text_cost,
        )

    def text_in_full(self, rows: Sequence[Row], seed: int = 0) -> Score:
        """Return the quality of the same decoder on the whole text."""
        evaluator = self._make(self._summarizer)
        room = evaluator.text_room()
        examples = [_to_summarize(row, (), cut_to_tokens(row.text, room, self._count)) for row in rows]
        written, _ = self._measure(evaluator, examples, "frontier-text-in-full", "frontier-text")
        return self._quality(rows, written, seed)

    def baselines(self, rows: Sequence[Row], training: Sequence[Row], seed: int = 0) -> dict[str, Score]:
        """Return the quality of systems without a model, those that the training rows allow."""
        names = [name for name in SHOWN_BASELINES if training or name not in NEED_TRAINING]
        references = [row.summary or "" for row in rows]
        made = {name: BASELINES[name](rows, training, seed) for name in names}
        return {name: bootstrap(rouge(texts, references)[QUALITY], seed=seed) for name, texts in made.items()}

    def legible_to(self, rows: Sequence[Row], mode_name: str) -> float | None:
        """Return the compression at which the letters of full pages are as small as can be read; none for too little text."""
        text = " ".join(word for row in rows[:LIMIT_ROWS] for word in row.text.split())
        rendering = self._summarizer.rendering.override({"mode": mode_name})
        return legible_compression(Document(id="all rows", text=text), rendering, self._count) if text else None

    def _quality(self, rows: Sequence[Row], written: Sequence[Summary], seed: int) -> Score:
        references = [row.summary or "" for row in rows]
        return bootstrap(rouge([summary.text for summary in written], references)[QUALITY], seed=seed)

    def _measure(
        self,
        evaluator: Evaluator,
        examples: Sequence[Example],
        point: str,
        store: str,
        answer: int | None = None,
    ) -> tuple[list[Summary], Cost]:
        """Write, and return the cost as it was when the texts were made, be it in an earlier run.

        Points of one `store` share what they have in common: a short document looks the same at several compressions. An answer
        has at most `answer` tokens, or those of a summary.
        """
        longest = answer or evaluator.writing.max_new_tokens
        with peak_memory() as peak:
            written = evaluator.write(
                examples, store, writing=evaluator.writing.model_copy(update={"max_new_tokens": longest})
            )
        cost = Cost(
            seconds=fmean(summary.seconds for summary in written),
            memory_mib=peak.mib,
            cache_mib=fmean(
                _cache_bytes(evaluator.summarizer.loaded.model) * (summary.prompt_tokens + summary.generated_tokens)
                for summary in written
            )
            / 2**20,
        )
        return written, self._kept(point, cost)

    def _kept(self, name: str, cost: Cost) -> Cost:
        """Return the cost that an earlier run has noted for the same texts, else note this one."""
        path = self._folder / COSTS
        known = read_costs(path)
        earlier = known.get(name)
        if earlier is not None and np.isclose(earlier.seconds, cost.seconds):  # nothing was written anew
            return earlier
        write_json(path, {key: asdict(value) for key, value in (known | {name: cost}).items()})
        return cost


def longest_transcript(tokens: int, visual_tokens: int, positions: int) -> int:
    """Return the tokens that a transcript of a page of `tokens` text tokens may have: a quarter more, where they fit.

    Raises:
        InputError: the page and what stands on it do not fit into the decoder's positions together.
    """
    room = positions - visual_tokens - ROOM_FOR_INSTRUCTION
    if room < tokens:
        raise InputError(
            f"a page of {visual_tokens} visual tokens and its {tokens} text tokens do not fit into the decoder's {positions}"
            " positions; ask for a lower compression or a smaller mode"
        )
    return min(round(1.25 * tokens) + 8, room)


def read_costs(path: Path) -> dict[str, Cost]:
    """Return the costs that earlier runs have noted."""
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return {name: Cost(**cost) for name, cost in values.items()}


def page_texts(rows: Sequence[Row], tokens: int, pages: int, count: Callable[[str], int]) -> Iterator[str]:
    """Yield up to `pages` texts of about `tokens` tokens and hardly more, joined from rows whose words are used once at most.

    Words stay whole; line feeds become blanks.
    """
    words = iter(word for row in rows for word in row.text.split())
    for _ in range(pages):
        chosen: list[str] = []
        total = 0
        for word in words:
            total += count(f" {word}")
            if total > tokens:
                break
            chosen.append(word)
        else:
            return
        if chosen:
            yield " ".join(chosen)


def _shuffle_words(text: str, seed: str) -> str:
    words = text.split()
    random.Random(seed).shuffle(words)
    return " ".join(words)


def _to_read(drawings: Sequence[Drawing], texts: Sequence[str]) -> list[Example]:
    return [
        Example(id=f"page-{number}", pages=drawing.pages, instruction=READ, text=text)
        for number, (drawing, text) in enumerate(zip(drawings, texts, strict=True))
    ]


def _document(row: Row) -> Document:
    return Document(id=row.id, text=row.text, language=row.language)


def _to_summarize(row: Row, pages: Any, text: str | None = None) -> Example:
    return Example(
        id=row.id,
        pages=pages,
        instruction=INSTRUCTIONS["summarize"],
        text=text or row.text,
        summary=row.summary,
        language=row.language,
    )


def _cache_bytes(model: Any) -> int:
    """Return the bytes that one token leaves in the decoder's cache: keys and values, also of a path to copy by."""
    config, copying = model.config.text_config, getattr(model.config, "copy_size", 0)
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    bytes_each: int = next(model.parameters()).element_size()
    copied = 2 * copying + config.hidden_size if copying else 0
    return (2 * config.num_hidden_layers * config.num_key_value_heads * width + copied) * bytes_each
