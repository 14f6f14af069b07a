"""The `demo` verb: the whole road on real documents in a few minutes, to a report that says how good it is.

The bundled model reads and summarizes a file at once. Then it learns to read another kind of text: real documents become
pages, the model is trained on them for some minutes, and what it read and wrote before and after is scored beside baselines,
on documents that it has never seen. What a few minutes on two cores can teach is limited, and the report says what it taught.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deepsynth.core.errors import InputError
from deepsynth.core.progress import Reporter, format_seconds
from deepsynth.workflows.demo_config import DOCUMENT, DemoConfig
from deepsynth.workflows.demo_report import let_work, write_demo_report, writing
from deepsynth.workflows.demo_training import take_documents, train_on

if TYPE_CHECKING:
    from deepsynth.inference.summarizer import Summarizer

__all__ = ["DemoConfig", "DemoResult", "run"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoResult:
    """What the demonstration tells at its end."""

    report: Path
    verdict: tuple[str, ...]
    checkpoint: Path

    def describe(self) -> str:
        """Return the end of the demonstration in words."""
        lines = [
            "", *self.verdict, "",
            f"The report with pages, texts and scores:  {self.report}",
            f"Let it read a file of your own:  deepsynth summarize FILE --instruction Read. --model {self.checkpoint}",
        ]  # fmt: skip
        return "\n".join(lines)


def run(config: DemoConfig, reporter: Reporter) -> DemoResult:
    """Run the demonstration (see the module).

    Raises:
        InputError: the document to summarize is not there, or no source gives enough rows.
    """
    began = time.monotonic()
    text = _beginning(config.document)
    _clear(config.out)
    from deepsynth.inference.summarizer import Summarizer

    first = Summarizer.load(config.model)
    _own_document(first, config.document, text, reporter)
    dataset, source = take_documents(config, first.rendering, reporter)
    before = let_work(config, dataset, first, "before", reporter)
    trained = Summarizer.load(train_on(config, dataset, first.engine.facts.habits, reporter))
    reporter.message("4. reading and summarizing the same documents again, beside the baselines")
    after = let_work(config, dataset, trained, "after", reporter)
    report, told = write_demo_report(config, dataset, source, before, after, time.monotonic() - began)
    reporter.message(f"all done in {format_seconds(time.monotonic() - began)}")
    return DemoResult(report=report, verdict=tuple(told), checkpoint=Path(trained.name))


def _clear(out: Path) -> None:
    """Remove an earlier demonstration, and nothing that is none."""
    for name in ("data", "training", "before", "after"):
        shutil.rmtree(out / name, ignore_errors=True)


def _own_document(model: Summarizer, path: Path, text: str, reporter: Reporter) -> None:
    from deepsynth.core.documents import Document
    from deepsynth.data.tasks import READ

    reporter.message(f"1. {path}, by {model.name} as it is, its first {DOCUMENT} characters:")
    document = Document(id=path.name, text=text)
    (summary,) = model.summarize(document, writing=writing())
    (transcript,) = model.summarize(document, instruction=READ, writing=writing())
    for line in (
        f"   on the pages:  {text}",
        f"   it reads:      {' '.join(transcript.text.split())}",
        f"   it summarizes: {summary.text or '(nothing)'}",
        f"   ({summary.seconds:.1f} s; {summary.pages_used} pages, {summary.visual_tokens} visual tokens in all prompts)",
    ):
        reporter.message(line)


def _beginning(path: Path) -> str:
    """Return as much of a file as the model has learned to see at once: its first page.

    Raises:
        InputError: there is no such file, or no text in it.
    """
    from deepsynth.rendering.renderer import read_text

    if not path.is_file():
        raise InputError(f"no file at {path}; name a text file with --document", field="document")
    words, text = read_text(path).split(), ""
    for word in words:
        if len(text) + len(word) + 1 > DOCUMENT:
            break
        text = f"{text} {word}".strip()
    return text or words[0][:DOCUMENT]
