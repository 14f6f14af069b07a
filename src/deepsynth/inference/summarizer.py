"""A model that summarizes: documents in, `Summary` values out, in batches.

from deepsynth import Summarizer
for summary in Summarizer.load("runs/train/checkpoint-500").summarize(["report.pdf", "notes.txt"]):
print(summary.text, summary.compression)
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from PIL import Image

from deepsynth.core.config import read_settings_file
from deepsynth.core.documents import DEFAULT_INSTRUCTION, Document, Example, Page, Summary
from deepsynth.core.errors import InputError
from deepsynth.core.files import hash_file
from deepsynth.core.geometry import mode
from deepsynth.core.processor import Processor
from deepsynth.data.batch import Batch
from deepsynth.data.collate import Collator
from deepsynth.models import LoadedModel, default_model, families, load_model
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.png import quantize
from deepsynth.rendering.renderer import make_renderer

REPEATED_NGRAM = 4
REPEATED_TIMES = 3
"""A text that ends in the same four tokens this many times in a row is a loop, not a summary."""

Readable = str | Path | Document | Image.Image


@dataclass(frozen=True, kw_only=True, slots=True)
class Writing:
    """How the model writes."""

    max_new_tokens: int = 64
    min_new_tokens: int = 0
    num_beams: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    no_repeat_ngram_size: int = 0


class Summarizer:
    """A loaded model with a way to draw documents; use `load`."""

    def __init__(self, loaded: LoadedModel, rendering: RenderConfig, *, name: str = "", fingerprint: str = "") -> None:
        """`rendering.mode` must fit the model; `name` stands in each summary, `fingerprint` tells weights apart."""
        self.loaded, self.rendering, self.name, self.fingerprint = loaded, rendering, name, fingerprint
        self.processor: Processor = loaded.family.processor(loaded, rendering.mode)
        self._renderer = make_renderer(rendering)
        self._collator = Collator(self.processor, padding_side="left", with_summary=False)
        loaded.model.eval()

    @classmethod
    def load(
        cls, path_or_id: str | Path = "nano", *, rendering: RenderConfig | None = None, device: str | None = None
    ) -> Self:
        """Load a checkpoint, a model folder, a Hub id, or a built-in size by name.

        Raises:
            ModelError: nothing of that name can be read.
            SettingsError: the mode does not fit the model.
        """
        place = device or ("cuda" if torch.cuda.is_available() else "cpu")
        loaded = load_any(path_or_id, device=place)
        drawn = rendering or stored_rendering(path_or_id) or usual_rendering(loaded)
        return cls(loaded, drawn, name=str(path_or_id), fingerprint=weights_fingerprint(path_or_id))

    def drawing(self, rendering: RenderConfig) -> Self:
        """Return the same model with another way to draw documents."""
        return type(self)(self.loaded, rendering, name=self.name, fingerprint=self.fingerprint)

    def summarize(
        self,
        documents: Readable | Iterable[Readable],
        *,
        instruction: str = DEFAULT_INSTRUCTION,
        batch_size: int = 16,
        writing: Writing | None = None,
    ) -> list[Summary]:
        """Return one summary for each document, in order.

        Raises:
            InputError: a document cannot be read; names it.
        """
        single = isinstance(documents, str | Path | Document | Image.Image)
        found = [documents] if single else list(documents)  # pyright: ignore[reportArgumentType, reportUnknownVariableType]
        examples = [self.example(as_document(item, number), instruction) for number, item in enumerate(found)]
        return list(self.write(examples, batch_size=batch_size, writing=writing))

    def example(self, document: Document | Image.Image, instruction: str = DEFAULT_INSTRUCTION) -> Example:
        """Return a document as the model's prompt: its pages, and its text where it is known."""
        if isinstance(document, Image.Image):
            page = Page(document_id="image", number=0, image=document.convert("RGB"))
            return Example(id="image", pages=(page,), instruction=instruction)
        pages = [
            Page(document_id=page.document_id, number=page.number, image=_as_trained(page.image))
            for page in self._renderer.render(document)
        ]
        return Example(
            id=document.id, pages=tuple(pages), instruction=instruction, text=document.text, language=document.language
        )

    def write(
        self, examples: Sequence[Example], *, batch_size: int = 16, writing: Writing | None = None
    ) -> Iterator[Summary]:
        """Yield one summary for each example, in order. Batches change the time, not the text."""
        for start in range(0, len(examples), batch_size):
            yield from self._batch(examples[start : start + batch_size], writing or Writing())

    def _batch(self, examples: Sequence[Example], writing: Writing) -> list[Summary]:
        began = time.perf_counter()
        batch: Batch = self._collator(examples).to(next(self.loaded.model.parameters()).device)
        rows = self.loaded.family.generate(
            self.loaded.model,
            batch.as_mapping(),
            max_new_tokens=writing.max_new_tokens,
            min_new_tokens=writing.min_new_tokens,
            num_beams=writing.num_beams,
            temperature=writing.temperature,
            top_p=writing.top_p,
            no_repeat_ngram_size=writing.no_repeat_ngram_size,
        )
        seconds = (time.perf_counter() - began) / len(examples)
        prompts = batch.attention_mask.sum(dim=1).tolist()
        visual = batch.image_token_mask.sum(dim=1).tolist()
        return [
            self._summary(example, ids, prompt, pages, seconds)
            for example, ids, prompt, pages in zip(examples, rows, prompts, visual, strict=True)
        ]

    def _summary(self, example: Example, ids: list[int], prompt: int, visual: int, seconds: float) -> Summary:
        return Summary(
            document_id=example.id,
            text=self.processor.decode(ids).strip(),
            prompt_tokens=prompt,
            visual_tokens=visual,
            generated_tokens=len(ids),
            seconds=seconds,
            stop_reason=stop_reason(ids, self.processor.eos_token_id),
            model=self.name,
            pages_used=len(example.pages),
            text_tokens=self.processor.count_text_tokens(example.text) if example.text else None,
        )


def _as_trained(image: Image.Image) -> Image.Image:
    """Return a gray page with the levels that stored pages have; the model has seen no others."""
    return quantize(image) if image.mode == "L" else image


def as_document(item: Readable, number: int) -> Document | Image.Image:
    """Return what was given as a document; a string or path names a file.

    Raises:
        InputError: there is no such file.
    """
    if isinstance(item, Document | Image.Image):
        return item
    path = Path(item)
    if not path.is_file():
        raise InputError(f"no file at {path}; to summarize a text itself, give a Document with text")
    return Document(id=path.name or str(number), path=path)


def stop_reason(ids: Sequence[int], eos: int) -> str:
    """Return why writing ended: `eos`, `repetition` (the end is a loop) or `length`."""
    if ids and ids[-1] == eos:
        return "eos"
    span = REPEATED_NGRAM * REPEATED_TIMES
    tail = list(ids[-span:])
    looped = len(tail) == span and tail == tail[-REPEATED_NGRAM:] * REPEATED_TIMES
    return "repetition" if looped else "length"


def load_any(path_or_id: str | Path, *, device: str = "cpu") -> LoadedModel:
    """Return a built-in size by its name, else what `load_model` finds."""
    name = str(path_or_id)
    if name == "nano":
        return default_model()
    family = families.get("deepseek_ocr")
    return family.build(name) if name in family.sizes else load_model(path_or_id, device=device)


def weights_fingerprint(path_or_id: str | Path) -> str:
    """Return a hash of a folder's weights; the name itself for what is no folder here."""
    files = sorted(Path(path_or_id).glob("*.safetensors")) if Path(path_or_id).is_dir() else []
    return hashlib.sha256("".join(map(hash_file, files)).encode()).hexdigest() if files else str(path_or_id)


def stored_rendering(path_or_id: str | Path) -> RenderConfig | None:
    """Return the settings that a checkpoint was trained with, if it holds them."""
    path = Path(path_or_id) / "trainer.json"
    return RenderConfig.parse(read_settings_file(path)["rendering"]) if path.is_file() else None


def usual_rendering(loaded: LoadedModel) -> RenderConfig:
    """Return settings that suit a model nobody described: its usual mode, letters of about a sixth of a token."""
    name = loaded.family.modes(loaded.model)[0]
    token_px = mode(name).token_px
    return RenderConfig(mode=name, px=max(10.0, token_px / 5), margin=token_px // 8)
