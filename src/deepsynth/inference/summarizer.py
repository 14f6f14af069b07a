"""A model that summarizes: documents in, `Summary` values out, written side by side.

from deepsynth import Summarizer

summarizer = Summarizer.load("runs/train/checkpoint-500")
for summary in summarizer.summarize(["report.pdf", "notes.txt"]):
print(summary.text, summary.compression, summary.stop_reason)
for piece in summarizer.stream("report.pdf"):
print(piece, end="", flush=True)
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import torch
from PIL import Image

from deepsynth.core.built_in import BUNDLED, SIZES
from deepsynth.core.documents import DEFAULT_INSTRUCTION, Document, Example, Summary
from deepsynth.core.errors import DeepSynthError, ModelError
from deepsynth.core.processor import Processor
from deepsynth.inference.adapters import AdapterSet
from deepsynth.inference.asking import Asking
from deepsynth.inference.engine import Engine
from deepsynth.inference.fitting import Desk
from deepsynth.inference.job import Job, make_job
from deepsynth.inference.loading import (
    load_any,
    rendering_for,
    usual_rendering,
    weights_fingerprint,
)
from deepsynth.inference.reading import Readable, Reader, as_document
from deepsynth.inference.runner import Broken, Done, Runner
from deepsynth.inference.stored import stored_rendering
from deepsynth.inference.stream import SummaryStream
from deepsynth.inference.transformers_engine import TransformersEngine
from deepsynth.inference.vllm_engine import VllmEngine
from deepsynth.inference.writing import Writing
from deepsynth.models import LoadedModel
from deepsynth.models.tokenizer import JsonTokenizer
from deepsynth.rendering.config import RenderConfig

AHEAD = 4
"""Documents drawn before their turn, for each that is written: enough to choose neighbors of like length from."""


class Summarizer:
    """A model with a way to draw documents; use `load`, or `connect` for a model that a server runs."""

    def __init__(
        self,
        loaded: LoadedModel | None,
        rendering: RenderConfig,
        *,
        name: str = "",
        fingerprint: str = "",
        engine: Engine | None = None,
    ) -> None:
        """`rendering.mode` must fit the model; `name` stands in each summary, `fingerprint` tells weights apart.

        Raises:
            SettingsError: the mode does not fit the model.
        """
        self._loaded = loaded
        self.rendering, self.name, self.fingerprint = rendering, name, fingerprint
        if loaded is not None:
            self.processor: Processor = loaded.family.processor(loaded, rendering.mode)
            loaded.model.eval()
        self.engine: Engine = engine or TransformersEngine(self.loaded, name=name)
        self._readers: dict[tuple[str, int | None], Reader] = {}

    @property
    def loaded(self) -> LoadedModel:
        """The model in this process.

        Raises:
            ModelError: a server runs it.
        """
        if self._loaded is None:
            raise ModelError(f"{self.name} runs in a server; load it with Summarizer.load to look into it")
        return self._loaded

    @property
    def trained(self) -> bool:
        """Whether the weights come from a file; those of a built-in size are random."""
        return self.name not in SIZES

    @classmethod
    def load(
        cls,
        path_or_id: str | Path = BUNDLED,
        *,
        rendering: RenderConfig | None = None,
        device: str | None = None,
        dtype: torch.dtype | None = None,
        adapters: Mapping[str, str | Path] | None = None,
        max_rows: int = 16,
    ) -> Self:
        """Load a checkpoint, a model folder, a Hub id, or a built-in size by name.

        `adapters` are folders of LoRA checkpoints by name; `summarize(..., adapter=name)` uses one. `max_rows` documents are
        written side by side. Weights are float32 on a CPU and bfloat16 elsewhere unless `dtype` says otherwise.

        Raises:
            ModelError: nothing of that name can be read, or an adapter does not fit the model.
            SettingsError: the mode does not fit the model.
        """
        place = device or ("cuda" if torch.cuda.is_available() else "cpu")
        usual = torch.float32 if torch.device(place).type == "cpu" else torch.bfloat16
        loaded = load_any(path_or_id, device=place, dtype=dtype or usual)
        drawn = rendering or stored_rendering(path_or_id) or usual_rendering(loaded)
        engine = TransformersEngine(
            loaded, name=str(path_or_id), adapters=AdapterSet(loaded, adapters), max_rows=max_rows
        )
        fingerprint = weights_fingerprint(path_or_id)
        return cls(loaded, drawn, name=str(path_or_id), fingerprint=fingerprint, engine=engine)

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        checkpoint: str | Path,
        model: str | None = None,
        rendering: RenderConfig | None = None,
        api_key: str = "",
        max_rows: int = 16,
    ) -> Self:
        """Use the model that a vLLM server runs at `url` (as `http://127.0.0.1:8000/v1`).

        `checkpoint` is the folder that the server was given: its tokenizer and settings are read, not its weights. vLLM shows
        pages in mode gundam, whatever a model was trained in.

        Raises:
            ModelError: the server or the folder does not answer to what is asked of it.
        """
        tokenizer = JsonTokenizer.find(Path(checkpoint))
        if tokenizer is None:
            raise ModelError(f"{checkpoint} holds no tokenizer.json; name the folder that the server was given")
        drawn = rendering or stored_rendering(checkpoint) or rendering_for("gundam")
        engine = VllmEngine(url, model=model, mode=drawn.mode, tokenizer=tokenizer, api_key=api_key, max_rows=max_rows)
        return cls(None, drawn, name=engine.facts.model, fingerprint=engine.facts.model, engine=engine)

    def drawing(self, rendering: RenderConfig) -> Self:
        """Return the same model with another way to draw documents."""
        return type(self)(self._loaded, rendering, name=self.name, fingerprint=self.fingerprint, engine=self.engine)

    def summarize(
        self,
        documents: Readable | Iterable[Readable],
        *,
        instruction: str = DEFAULT_INSTRUCTION,
        batch_size: int | None = None,
        writing: Writing | None = None,
        urls: bool = False,
        **asked: Any,
    ) -> list[Summary]:
        """Return one summary for each document, in order. What is written side by side changes the time, not the text.

        `asked` are settings of `Asking`: mode, route, adapter, max_pages, pages_per_prompt, reduce. Addresses are fetched only
        when `urls` says so.

        Raises:
            InputError: a document cannot be read; names it.
            SettingsError: an unknown or wrong setting.
        """
        single = isinstance(documents, str | Path | Document | Image.Image)
        found = [documents] if single else list(documents)  # pyright: ignore[reportArgumentType, reportUnknownVariableType]
        asking = self.asking(instruction=instruction, writing=writing, **asked)
        items = (as_document(item, number, urls=urls) for number, item in enumerate(found))
        summaries: dict[int, Summary] = {}
        for number, summary in self.each((self.job(item, asking) for item in items), batch_size=batch_size):
            if isinstance(summary, DeepSynthError):
                raise summary
            summaries[number] = summary
        return [summaries[number] for number in range(len(found))]

    def stream(self, document: Readable, *, urls: bool = False, **asked: Any) -> SummaryStream:
        """Return the summary of one document as an iterator over its text; see `summarize` for the settings."""
        asking = self.asking(**asked)
        return SummaryStream(Runner(self.engine), self.job(as_document(document, 0, urls=urls), asking))

    def each(
        self, jobs: Iterable[Job], *, batch_size: int | None = None
    ) -> Iterator[tuple[int, Summary | DeepSynthError]]:
        """Yield each job's number with its summary or what is wrong with it, as they come; few are drawn ahead."""
        runner = Runner(self.engine)
        rows = batch_size or self.engine.max_rows
        self.engine.max_rows = rows
        coming = enumerate(jobs)
        started = 0
        try:
            while True:
                for number, job in coming:
                    runner.start(number, job)
                    started = number + 1
                    if len(runner) >= rows * AHEAD:
                        break
                if not runner.busy:
                    return
                for news in runner.step():
                    if isinstance(news, Done):
                        yield news.job, news.summary
                    elif isinstance(news, Broken):
                        yield news.job, news.error
        finally:
            for number in range(started):
                runner.cancel(number)

    def asking(self, *, instruction: str = DEFAULT_INSTRUCTION, writing: Writing | None = None, **asked: Any) -> Asking:
        """Return settings, checked.

        Raises:
            SettingsError: an unknown or wrong setting.
        """
        return Asking.parse({"instruction": instruction, "writing": writing or Writing(), **asked})

    def reader(self, asking: Asking) -> Reader:
        """Return what draws documents in the mode that is asked for."""
        key = (asking.mode or self.rendering.mode, asking.max_pages)
        if key not in self._readers:
            changes: dict[str, Any] = {"mode": key[0]} | ({"max_pages": key[1]} if key[1] else {})
            self._readers[key] = Reader(self.rendering.override(changes))
        return self._readers[key]

    def job(self, item: Document | Example | Image.Image | Sequence[Image.Image], asking: Asking) -> Job:
        """Return the work on one document; it is read and drawn when the work begins."""
        reader = self.reader(asking)
        desk = Desk(
            facts=self.engine.facts,
            count_text_tokens=self.engine.count_text_tokens,
            rendering=reader.rendering,
            draw=reader.example,
        )
        example = item if isinstance(item, Example) else reader.example(item, asking.instruction)
        return (yield from make_job(example, asking.model_copy(update={"instruction": example.instruction}), desk))

    def example(self, document: Document | Image.Image, instruction: str = DEFAULT_INSTRUCTION) -> Example:
        """Return a document as the model's prompt: its pages, and its text where it is known."""
        return self.reader(self.asking()).example(document, instruction)

    def write(
        self, examples: Sequence[Example], *, batch_size: int = 16, writing: Writing | None = None
    ) -> Iterator[Summary]:
        """Yield one summary for each example, in order. Batches change the time, not the text.

        Raises:
            DeepSynthError: an example cannot be summarized.
        """
        asking = self.asking(writing=writing)
        ready: dict[int, Summary] = {}
        wanted = 0
        for number, summary in self.each((self.job(example, asking) for example in examples), batch_size=batch_size):
            if isinstance(summary, DeepSynthError):
                raise summary
            ready[number] = summary
            while wanted in ready:
                yield ready.pop(wanted)
                wanted += 1


def open_summarizer(
    model: str,
    *,
    vllm: str = "",
    adapters: Mapping[str, str | Path] | None = None,
    device: str | None = None,
    max_rows: int = 16,
) -> Summarizer:
    """Return the summarizer that settings ask for: a model loaded here, or the one that the vLLM server at `vllm` runs.

    A server that wants a key is given that of the environment variable `DEEPSYNTH_VLLM_API_KEY`.

    Raises:
        ModelError: the model cannot be read, or the server does not answer.
    """
    if vllm:
        key = os.environ.get("DEEPSYNTH_VLLM_API_KEY", "")
        return Summarizer.connect(vllm, checkpoint=model, api_key=key, max_rows=max_rows)
    return Summarizer.load(model, adapters=adapters, device=device, max_rows=max_rows)
