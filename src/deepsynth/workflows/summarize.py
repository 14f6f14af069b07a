"""The `summarize` verb: files in, summaries out, on the terminal or as JSON lines."""

from __future__ import annotations

import glob
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from deepsynth.core.config import Config
from deepsynth.core.documents import DEFAULT_INSTRUCTION, Document, Progress, Summary
from deepsynth.core.errors import InputError
from deepsynth.core.files import write_text
from deepsynth.core.progress import Reporter

if TYPE_CHECKING:
    from deepsynth.inference.summarizer import Summarizer

STDIN = "-"


class SummarizeConfig(Config):
    """What is summarized, by which model, and how it writes."""

    files: tuple[str, ...] = ()
    """Text, Markdown, PDF or image files, patterns such as `docs/*.txt`, or `-` for standard input."""
    model: str = "nano"
    """Checkpoint, model folder, Hub id or built-in size."""
    instruction: str = DEFAULT_INSTRUCTION
    """What is asked of each document; `Read.` gives a transcript."""
    json_lines: bool = False
    """Print one JSON object for each document, with tokens, compression and seconds."""
    out: Path | None = None
    """Write the result to this file instead of the terminal."""
    batch_size: int = Field(default=16, ge=1)
    """Documents written at once."""
    max_new_tokens: int = Field(default=64, ge=1)
    """Longest summary, in tokens."""
    min_new_tokens: int = Field(default=0, ge=0)
    """Shortest summary, in tokens."""
    num_beams: int = Field(default=1, ge=1, le=16)
    """Beams of the search; 1 is greedy."""
    temperature: float = Field(default=0.0, ge=0.0, le=5.0)
    """Above 0, draw tokens at random, the more so the higher."""
    max_pages: int | None = Field(default=None, ge=1)
    """Read no more pages of a document than this."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SummarizeResult:
    """The summaries, and what is printed of them."""

    summaries: tuple[Summary, ...]
    text: str

    def describe(self) -> str:
        """Return what is printed."""
        return self.text


def run(config: SummarizeConfig, reporter: Reporter) -> SummarizeResult:
    """Summarize files.

    Raises:
        InputError: no file was named, one is not there or cannot be read.
        ModelError: the model cannot be read.
    """
    documents = find_documents(config.files)
    summarizer = load(config)
    summaries: list[Summary] = []
    for start in range(0, len(documents), config.batch_size):
        part = [
            summarizer.example(document, config.instruction)
            for document in documents[start : start + config.batch_size]
        ]
        summaries += summarizer.write(part, batch_size=config.batch_size, writing=_writing(config))
        reporter.progress(Progress(done=len(summaries), total=len(documents), message="summarizing"))
    text = "\n".join(_line(summary, config, several=len(summaries) > 1) for summary in summaries)
    if config.out is None:
        return SummarizeResult(summaries=tuple(summaries), text=text)
    write_text(config.out, text + "\n")
    return SummarizeResult(summaries=tuple(summaries), text=f"wrote {len(summaries)} summaries to {config.out}")


def load(config: SummarizeConfig) -> Summarizer:
    """Return the summarizer that the settings ask for."""
    from deepsynth.inference.summarizer import Summarizer

    summarizer = Summarizer.load(config.model)
    if config.max_pages is None:
        return summarizer
    rendering = summarizer.rendering.override({"max_pages": config.max_pages})
    return Summarizer(summarizer.loaded, rendering, name=summarizer.name, fingerprint=summarizer.fingerprint)


def _writing(config: SummarizeConfig) -> Any:
    from deepsynth.inference.summarizer import Writing

    names = ("max_new_tokens", "min_new_tokens", "num_beams", "temperature")
    return Writing(**{name: getattr(config, name) for name in names})


def find_documents(names: tuple[str, ...]) -> list[Document]:
    """Return the documents that names, patterns and `-` stand for.

    Raises:
        InputError: there is none, or a name leads nowhere.
    """
    if not names:
        raise InputError("name at least one file to summarize, or - for standard input", field="files")
    found: list[Document] = []
    for name in names:
        if name == STDIN:
            found.append(Document(id="stdin", text=sys.stdin.read()))
            continue
        paths = [name] if Path(name).exists() else sorted(glob.glob(name, recursive=True))  # noqa: PTH207
        if not paths:
            raise InputError(f"no file at {name}", field="files")
        found += [_document(Path(path)) for path in paths]
    return found


def _document(path: Path) -> Document:
    if not path.is_file():
        raise InputError(f"{path} is a folder; name its files, for example {path}/*.txt", field="files")
    return Document(id=str(path), path=path)


def _line(summary: Summary, config: SummarizeConfig, *, several: bool) -> str:
    if config.json_lines:
        return json.dumps({**asdict(summary), "compression": summary.compression}, ensure_ascii=False)
    return f"{summary.document_id}: {summary.text}" if several else summary.text
