"""How fast summaries are on a CPU: this engine beside a naive loop and transformers' own generation, in one run.

    python benchmarks/infer.py [--size nano] [--documents 16] [--tokens 48] [--out benchmarks/results/infer.json]

All sides write the same number of tokens from the same pages with the same random weights, greedily. Sides:

* naive: one document after the other, padded to the longest, the whole sequence run again for every token.
* transformers: one document after the other with `generate` and its growing cache; and with its static cache.
* engine: this package, 1, 4 and 16 rows at once; and one document of one page alone: to its first token, and whole.
* int8: the engine with dynamically quantized linear layers. * threads: the engine with other numbers of threads.
* compiled (`--compile`; takes minutes and a C++ compiler): the decoder through `torch.compile` for any length; the time of the
  first runs, which compile, is told apart.

Time of one process: wall, or (`--clock cpu`) that of its threads on processors, which other programs do not stretch. Every
round runs all sides, and the median over rounds is told, so that a busy machine hits all alike.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig

from deepsynth.core.documents import Document, Example
from deepsynth.data.collate import Collator
from deepsynth.inference.engine import Finished, Prompt, Wrote
from deepsynth.inference.summarizer import Summarizer
from deepsynth.inference.transformers_engine import TransformersEngine
from deepsynth.inference.writing import Writing
from deepsynth.models.reading import prompt_embeddings

WORDS = "lamp harbor tide rope sail buoy chart gauge storm anchor the a of and in stands was lit high".split()  # noqa: SIM905


def make_documents(count: int) -> list[Document]:
    """Return texts of one to six pages."""
    return [
        Document(
            id=str(number), text=" ".join(WORDS[(number + 7 * at) % len(WORDS)] for at in range(20 + 25 * (number % 6)))
        )
        for number in range(count)
    ]


CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


class Bench:
    """The sides over one model."""

    def __init__(self, size: str, documents: int, tokens: int, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock = clock
        self.summarizer = Summarizer.load(size)
        self.loaded, self.tokens = self.summarizer.loaded, tokens
        self.examples = [self.summarizer.example(document) for document in make_documents(documents)]
        self.writing = Writing(max_new_tokens=tokens, min_new_tokens=tokens, repetition_times=0)
        collate = Collator(self.summarizer.processor, padding_side="left", with_summary=False)
        self.together = collate(self.examples).as_mapping()
        self.alone = [collate([example]).as_mapping() for example in self.examples]

    def naive(self, limit: int) -> float:
        """Return seconds a document; `limit` documents are enough to tell."""
        began = self.clock()
        eos, longest = self.loaded.model.config.text_config.eos_token_id, self.together["input_ids"].shape[1]
        for batch in self.alone[:limit]:
            width = longest - batch["input_ids"].shape[1]
            grown = dict(batch)
            filling = {"input_ids": 2, "attention_mask": 0, "labels": -100, "image_token_mask": False}
            for name, value in filling.items():
                grown[name] = torch.nn.functional.pad(batch[name], (width, 0), value=value)
            for _ in range(self.tokens):
                with torch.inference_mode():
                    output = self.loaded.family.forward(self.loaded.model, grown, with_logits=True)
                logits = output.logits[0, -1].clone()
                logits[eos] = -torch.inf
                new = {
                    "input_ids": int(logits.argmax()),
                    "attention_mask": 1,
                    "labels": -100,
                    "image_token_mask": False,
                }
                for name, value in new.items():
                    grown[name] = torch.nn.functional.pad(grown[name], (0, 1), value=value)
        return (self.clock() - began) / limit

    def stock(self, cache: str | None) -> float:
        """Return seconds a document with transformers' generation, one after the other."""
        text = self.loaded.model.config.text_config
        settings = GenerationConfig(
            max_new_tokens=self.tokens,
            min_new_tokens=self.tokens,
            bos_token_id=text.bos_token_id,
            eos_token_id=text.eos_token_id,
            pad_token_id=2,
            cache_implementation=cache,
            disable_compile=True,
        )
        began = self.clock()
        for batch in self.alone:
            with torch.inference_mode():
                self.loaded.model.generate(
                    inputs_embeds=prompt_embeddings(self.loaded.model, batch),
                    attention_mask=batch["attention_mask"],
                    generation_config=settings,
                )
        return (self.clock() - began) / len(self.alone)

    def engine(self, rows: int, engine: TransformersEngine | None = None) -> float:
        """Return seconds a document with `rows` written side by side."""
        used = engine or self.summarizer.engine
        used.max_rows = rows
        began = self.clock()
        left = set(range(len(self.examples)))
        for number, example in enumerate(self.examples):
            used.submit(number, self.prompt(example))
        while left:
            left -= {event.id for event in used.step() if isinstance(event, Finished)}
        return (self.clock() - began) / len(self.examples)

    def one_page(self, *, whole: bool) -> float:
        """Return seconds from a document of one page to its first piece of text, or to its summary, alone."""
        engine = self.summarizer.engine
        times = []
        for example in self.examples:
            if len(example.pages) > 1:
                continue
            began = self.clock()
            engine.submit(0, self.prompt(example))
            awaited = Finished if whole else Wrote | Finished
            while not any(isinstance(event, awaited) for event in engine.step()):
                pass
            times.append(self.clock() - began)
            engine.cancel(0)
        return statistics.median(times)

    def prompt(self, example: Example) -> Prompt:
        """Return what the engine is asked."""
        return Prompt(example=example, mode=self.summarizer.rendering.mode, writing=self.writing)


def quantized(size: str) -> TransformersEngine:
    """Return an engine whose decoder's linear layers are 8-bit integers."""
    loaded = Summarizer.load(size).loaded
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        language = torch.ao.quantization.quantize_dynamic(loaded.model.model.language_model, {torch.nn.Linear})
    loaded.model.model.language_model = language
    return TransformersEngine(loaded)


def compiled(size: str) -> TransformersEngine:
    """Return an engine whose decoder is compiled when it is first used."""
    torch._dynamo.config.allow_unspec_int_on_nn_module = (
        True  # else every layer, which knows its number, is compiled anew
    )
    torch._dynamo.config.recompile_limit = 64
    loaded = Summarizer.load(size).loaded
    loaded.model.model.language_model = torch.compile(loaded.model.model.language_model, dynamic=True)
    return TransformersEngine(loaded)


def measure(bench: Bench, size: str, rounds: int, naive_documents: int, *, compile: bool) -> dict[str, float]:
    """Return the median seconds a document of every side."""
    int8 = quantized(size)
    threads = torch.get_num_threads()
    sides: dict[str, Callable[[], float]] = {
        "naive": lambda: bench.naive(naive_documents),
        "transformers, growing cache": lambda: bench.stock(None),
        "transformers, static cache": lambda: bench.stock("static"),
        "engine, 1 row": lambda: bench.engine(1),
        "engine, 4 rows": lambda: bench.engine(4),
        "engine, 16 rows": lambda: bench.engine(16),
        "engine, 16 rows, int8": lambda: bench.engine(16, int8),
        "one page, first token": lambda: bench.one_page(whole=False),
        "one page, whole summary": lambda: bench.one_page(whole=True),
    }
    for count in (1, 2):
        sides[f"engine, 16 rows, {count} threads"] = lambda count=count: with_threads(
            count, threads, lambda: bench.engine(16)
        )
    compiling: dict[str, float] = {}
    if compile:
        fused = compiled(size)
        began = bench.clock()
        for rows in (16, 1):
            bench.engine(rows, fused)
        compiling = {"first runs, compiling": bench.clock() - began}
        sides["engine, 16 rows, compiled"] = lambda: bench.engine(16, fused)
        sides["engine, 1 row, compiled"] = lambda: bench.engine(1, fused)
    found: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            found[name].append(side())
    return {name: statistics.median(values) for name, values in found.items()} | compiling


def with_threads(count: int, before: int, work: Callable[[], float]) -> float:
    """Return what `work` measures with another number of threads."""
    torch.set_num_threads(count)
    try:
        return work()
    finally:
        torch.set_num_threads(before)


def main() -> None:
    """Measure, print a table, and write it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="nano")
    parser.add_argument("--documents", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--naive-documents", type=int, default=4)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/infer.json"))
    given = parser.parse_args()
    bench = Bench(given.size, given.documents, given.tokens, CLOCKS[given.clock])
    seconds = measure(bench, given.size, given.rounds, given.naive_documents, compile=given.compile)
    base = seconds["naive"]
    print(
        f"{given.size}, {given.documents} documents of 1 to 6 pages, {given.tokens} tokens each,"
        f" {torch.get_num_threads()} threads, {given.clock} time"
    )
    for name, value in seconds.items():
        rate = "" if name.startswith(("first", "one page, first")) else f"  {given.tokens / value:9.1f} tokens/s"
        print(f"{name:<32} {1000 * value:9.1f} ms  {base / value:7.1f}x{rate}")
    facts: dict[str, Any] = {
        "settings": vars(given) | {"out": str(given.out)},
        "seconds": seconds,
        "torch": torch.__version__,
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(facts, indent=2) + "\n")


if __name__ == "__main__":
    main()
