"""The nouns that flow through DeepSynth; frozen values, checked once when made.

Document -> Page -> Example -> (Batch, in `deepsynth.data`) -> Summary -> Report.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from deepsynth.core.errors import CheckpointError, InputError
from deepsynth.core.files import hash_file, read_manifest
from deepsynth.core.geometry import Grid

DEFAULT_INSTRUCTION = "Summarize."
STOP_REASONS = ("eos", "length", "repetition", "stop")
"""Why a model stopped writing: it was done, it reached the limit, it repeated itself, or it wrote a text to stop at."""


def _no_meta() -> dict[str, str]:
    return {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """Something to summarize: text in memory, or a file that a renderer opens. Exactly one of the two is given."""

    id: str
    text: str | None = None
    path: Path | None = None
    language: str = "und"
    """BCP 47 code; `und` when unknown."""
    meta: Mapping[str, str] = field(default_factory=_no_meta)

    def __post_init__(self) -> None:
        if not self.id:
            raise InputError("a document needs an id")
        if (self.text is None) == (self.path is None):
            raise InputError(f"document {self.id!r} needs either text or a path, not both or neither")
        if self.text is not None and not self.text.strip():
            raise InputError(f"document {self.id!r} is empty; give it text")

    @property
    def content_hash(self) -> str:
        """The sha256 of the text, or of the file's bytes, in hexadecimal."""
        if self.text is not None:
            return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()
        assert self.path is not None
        return hash_file(self.path)


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A document with its reference summary, as a source yields it."""

    document: Document
    summary: str | None = None
    group: str = ""
    """Rows of one group stay on one side of a split; empty means the document's own id."""

    def __post_init__(self) -> None:
        if self.summary is not None and not self.summary.strip():
            raise InputError(f"the summary of document {self.document.id!r} is empty")


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One page image of a document."""

    document_id: str
    number: int
    """Counted from 0."""
    image: Image.Image
    """Mode `L` (gray, one byte a pixel) or `RGB`."""
    span: tuple[int, int] | None = None
    """The characters [start, end) of the normalized text that the page holds; none for images and scans."""
    lines: tuple[tuple[int, int], ...] = ()
    """The characters of each line on it, in the order of the text; empty for images and scans."""

    def __post_init__(self) -> None:
        if self.image.mode not in ("L", "RGB"):
            raise InputError(
                f"page {self.number} of {self.document_id!r} has mode {self.image.mode}; convert it to L or RGB"
            )
        if self.number < 0:
            raise InputError(f"page number {self.number} of {self.document_id!r} is negative")


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodedPage:
    """A page that the vision encoder has already read: its features, in place of the pixels."""

    grid: Grid
    tokens: int
    """Placeholders that it takes in the prompt."""
    features: Any
    """A tensor. *Shape:* (tokens, hidden), or the encoder's outputs of view and tiles, (rows, encoder width)."""
    view_tokens: int | None = None
    """Rows of the global view, which come first, where the projector is still to be applied; else none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """Pages with an instruction and, when training or evaluating, the reference summary."""

    id: str
    pages: tuple[Page, ...]
    """Empty for a text-only row: then `text` is put in the prompt."""
    encoded_pages: tuple[EncodedPage, ...] = ()
    """What stands in place of `pages`, which are empty then."""
    instruction: str = DEFAULT_INSTRUCTION
    summary: str | None = None
    text: str | None = None
    """The document's own text where it is known: for reports, baselines and text-only rows."""
    language: str = "und"
    source: str = ""

    def __post_init__(self) -> None:
        if self.pages and self.encoded_pages:
            raise ValueError(f"example {self.id!r} has pages both as pictures and encoded")
        if not self.pages and not self.encoded_pages and not self.text:
            raise InputError(f"example {self.id!r} has neither pages nor text")
        if self.summary is not None and not self.summary.strip():
            raise InputError(f"example {self.id!r} has an empty summary")


@dataclass(frozen=True, kw_only=True, slots=True)
class SourcedSentence:
    """A sentence of a summary and the pages behind it."""

    sentence: str
    pages: tuple[int, ...]
    """Counted from 0; empty when the model read the text itself."""
    basis: str
    """`prompt`: these pages, and no others, stood in the prompt that wrote the sentence. `words`: the sentence was written
    from the summaries of several parts, and these are the pages of the part that shares most words with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """What a model wrote about one document, and what it cost."""

    document_id: str
    text: str
    prompt_tokens: int
    """All tokens of the prompt, visual ones included."""
    visual_tokens: int
    generated_tokens: int
    seconds: float
    """From the moment the model could begin to the last token; documents written side by side share that time."""
    stop_reason: str
    """One of `STOP_REASONS`."""
    model: str = ""
    pages_used: int = 0
    text_tokens: int | None = None
    """Tokens that the document's text would have cost; none when the text is unknown."""
    mode: str = ""
    """How pages were shown to the model; empty for `route` text."""
    route: str = "pages"
    """`pages`, or `text` when the model read the text itself."""
    adapter: str = ""
    prompts: int = 1
    """Prompts that the summary was written from; more than 1 when the document was longer than the model's window."""
    retries: int = 0
    """Prompts that were answered a second time because the first answer repeated itself; the costs include both."""
    sources: tuple[SourcedSentence, ...] = ()
    transcript: str = ""
    """What the model read on the pages, where it wrote that down before it answered; a line for each prompt."""

    def __post_init__(self) -> None:
        if self.stop_reason not in STOP_REASONS:
            raise ValueError(f"stop reason {self.stop_reason!r} is none of {', '.join(STOP_REASONS)}")
        if self.visual_tokens > self.prompt_tokens:
            raise ValueError(f"{self.visual_tokens} visual tokens do not fit a prompt of {self.prompt_tokens}")

    @property
    def compression(self) -> float | None:
        """Text tokens per visual token; none without a text or without pages."""
        if self.text_tokens is None or not self.visual_tokens:
            return None
        return self.text_tokens / self.visual_tokens


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """A mean with its bootstrap interval over `n` rows."""

    mean: float
    low: float
    high: float
    n: int

    def __post_init__(self) -> None:
        if not self.low <= self.mean <= self.high:
            raise ValueError(f"interval [{self.low}, {self.high}] does not hold its mean {self.mean}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """An evaluation: scores by system and metric, and the rows they came from."""

    title: str
    scores: Mapping[str, Mapping[str, Score]]
    """System name (model or baseline) -> metric name -> score."""
    rows: tuple[Mapping[str, Any], ...]
    """One mapping a document: id, text, reference, prediction per system, page pictures by path."""
    settings: Mapping[str, Any]
    data_fingerprint: str

    def __post_init__(self) -> None:
        counts = {score.n for row in self.scores.values() for score in row.values()}
        if counts - {len(self.rows)}:
            raise ValueError(f"a report of {len(self.rows)} rows holds scores over {sorted(counts)} rows")


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """A folder that a training run has finished writing, found whole when this value was made."""

    folder: Path
    step: int
    """Optimizer steps that had been taken."""

    def __post_init__(self) -> None:
        found = read_manifest(self.folder).get("step")
        if found != self.step:
            raise CheckpointError(f"{self.folder} says that it holds step {found}, not {self.step}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a piece of work is."""

    done: int
    total: int | None
    message: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        if self.done < 0 or (self.total is not None and self.done > self.total):
            raise ValueError(f"{self.done} of {self.total} cannot be done")
