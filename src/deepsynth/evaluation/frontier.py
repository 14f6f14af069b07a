"""What compression costs: reading and summaries of one model at many densities, beside the same decoder on plain text.

Two sweeps. *Reading* follows the Fox experiment of the DeepSeek-OCR paper: pages of a known number of text tokens, drawn on one
image of few visual tokens, read aloud. *Summaries* draws whole documents on as few pages as a compression allows, and sets
beside each point the same decoder given the beginning of the text, cut to the same number of tokens: what a picture must beat.

Compression is text tokens per nominal visual token, as the paper counts (64 for its Tiny mode); the tokens that the prompt
really holds, with row ends and separators, stand beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from deepsynth.core.documents import Document, Example, Score, Summary
from deepsynth.core.errors import InputError
from deepsynth.data.tasks import Row
from deepsynth.evaluation.baselines import BASELINES, LEAD, LEAD_WORDS, NEED_TRAINING, RANDOM
from deepsynth.evaluation.density import Drawing, draw_within, legible_compression, nominal_page_tokens
from deepsynth.evaluation.evaluator import Evaluator
from deepsynth.evaluation.frontier_costs import cost_of, keep_cost
from deepsynth.evaluation.frontier_points import Cost, ReadingPoint, SummaryPoint
from deepsynth.evaluation.frontier_rows import longest_transcript, page_texts, shuffle_words, to_read, to_summarize
from deepsynth.evaluation.memory import peak_memory
from deepsynth.evaluation.metrics import HEADLINE, rouge, score_readings
from deepsynth.evaluation.precision import set_precision
from deepsynth.evaluation.uncertainty import bootstrap, bootstrap_all
from deepsynth.evaluation.variants import as_text, cut_to_tokens, page_text
from deepsynth.inference.summarizer import Summarizer
from deepsynth.rendering.config import RenderConfig

SHOWN_BASELINES = (RANDOM, LEAD, LEAD_WORDS)
LIMIT_ROWS = 256
"""Rows whose text is laid out to find the limit of legibility."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _PagesRead:
    """Texts that were drawn, a page each, and read."""

    drawings: list[Drawing]
    texts: list[str]
    """What stands on the pages."""
    transcripts: list[str]
    cost: Cost


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
        read = self._read(evaluator, texts, rendering, name, page_tokens)
        without_language = None
        if shuffled:
            mixed = [shuffle_words(text, f"{seed}:{number}") for number, text in enumerate(texts)]
            unhelped = self._read(evaluator, mixed, rendering, f"{name}-shuffled", page_tokens)
            without_language = bootstrap(set_precision(unhelped.transcripts, unhelped.texts), seed=seed)
        tokens = tuple(self._count(text) for text in read.texts)
        scores = score_readings(read.transcripts, read.texts)
        intervals = bootstrap_all(scores, seed=seed)
        return ReadingPoint(
            mode=mode_name,
            text_tokens=fmean(tokens),
            nominal_tokens=read.drawings[0].nominal_tokens,
            visual_tokens=read.drawings[0].visual_tokens,
            px=fmean(drawing.px for drawing in read.drawings),
            legible=fmean(drawing.legible for drawing in read.drawings),
            pages=len(texts),
            precision=intervals["precision"],
            cer=intervals["cer"],
            shuffled_precision=without_language,
            page_tokens=tokens,
            page_precision=tuple(float(value) for value in scores["precision"]),
            cost=read.cost,
        )

    def _read(
        self, evaluator: Evaluator, texts: Sequence[str], rendering: RenderConfig, name: str, tokens: int
    ) -> _PagesRead:
        """Draw each text on one page and let the model read it; an answer may be a little longer than `tokens`."""
        documents = [Document(id=f"page-{number}", text=text) for number, text in enumerate(texts)]
        drawings = [draw_within(document, rendering, 1, self._largest) for document in documents]
        answer = longest_transcript(tokens, drawings[0].visual_tokens, evaluator.positions())
        examples = to_read(drawings, texts)
        read, cost = self._measure(evaluator, examples, name, name, answer)
        keep_lines = evaluator.summarizer.engine.facts.habits.keep_lines
        return _PagesRead(
            drawings=drawings,
            texts=[page_text(example, keep_lines=keep_lines) for example in examples],
            transcripts=[" ".join(summary.text.split()) for summary in read],
            cost=cost,
        )

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
        tokens = [self._count(row.text) for row in rows]
        drawings = self._draw(
            rows, rendering, [budget if budget is not None else int(n / (ratio or 1)) for n in tokens]
        )
        target = f"{budget} tokens" if budget is not None else f"{ratio:g}x"
        name = f"frontier-{mode_name}-{target.replace(' ', '-')}"
        examples = [to_summarize(row, drawing.pages) for row, drawing in zip(rows, drawings, strict=True)]
        written, cost = self._measure(evaluator, examples, name, f"frontier-{mode_name}")
        text_quality, text_cost = None, None
        if texts:
            limits = [drawing.nominal_tokens for drawing in drawings]
            from_text, text_cost = self._from_text(evaluator, examples, limits, f"{name}-text")
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

    def _draw(self, rows: Sequence[Row], rendering: RenderConfig, visual_tokens: Sequence[int]) -> list[Drawing]:
        """Draw each document on as many pages as its visual tokens allow, at least one."""
        one_page = nominal_page_tokens(rendering.mode)
        return [
            draw_within(
                Document(id=row.id, text=row.text, language=row.language),
                rendering,
                max(1, visual // one_page),
                self._largest,
            )
            for row, visual in zip(rows, visual_tokens, strict=True)
        ]

    def _from_text(
        self, evaluator: Evaluator, examples: Sequence[Example], limits: Sequence[int], point: str
    ) -> tuple[list[Summary], Cost]:
        """Let the decoder summarize the beginning of each text instead of its pages, cut to as many tokens."""
        room = evaluator.text_room()
        cut = as_text(examples, lambda number, text: cut_to_tokens(text, min(room, limits[number]), self._count))
        return self._measure(evaluator, [cut[number] for number in range(len(cut))], point, "frontier-text")

    def text_in_full(self, rows: Sequence[Row], seed: int = 0) -> Score:
        """Return the quality of the same decoder on the whole text."""
        evaluator = self._make(self._summarizer)
        room = evaluator.text_room()
        examples = [to_summarize(row, (), cut_to_tokens(row.text, room, self._count)) for row in rows]
        written, _ = self._measure(evaluator, examples, "frontier-text-in-full", "frontier-text")
        return self._quality(rows, written, seed)

    def baselines(self, rows: Sequence[Row], training: Sequence[Row], seed: int = 0) -> dict[str, Score]:
        """Return the quality of systems without a model, those that the training rows allow."""
        names = [name for name in SHOWN_BASELINES if training or name not in NEED_TRAINING]
        references = [row.summary or "" for row in rows]
        made = {name: BASELINES[name](rows, training, seed) for name in names}
        return {name: bootstrap(rouge(texts, references)[HEADLINE], seed=seed) for name, texts in made.items()}

    def legible_to(self, rows: Sequence[Row], mode_name: str) -> float | None:
        """Return the compression at which the letters of full pages are as small as can be read; none for too little text."""
        text = " ".join(word for row in rows[:LIMIT_ROWS] for word in row.text.split())
        rendering = self._summarizer.rendering.override({"mode": mode_name})
        return legible_compression(Document(id="all rows", text=text), rendering, self._count) if text else None

    def _quality(self, rows: Sequence[Row], written: Sequence[Summary], seed: int) -> Score:
        references = [row.summary or "" for row in rows]
        return bootstrap(rouge([summary.text for summary in written], references)[HEADLINE], seed=seed)

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
        return written, keep_cost(self._folder, point, cost_of(written, evaluator.summarizer.loaded.model, peak.mib))
