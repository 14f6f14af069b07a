"""The `summarize` verb: files in, summaries out, on the terminal or into a file that a later run goes on with."""

from __future__ import annotations

import glob
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from pydantic import Field

from deepsynth.core.control import Control, pause_on_signals
from deepsynth.core.documents import Document, Progress, Summary
from deepsynth.core.errors import DeepSynthError, InputError, Paused
from deepsynth.core.files import storage_errors
from deepsynth.core.progress import Reporter
from deepsynth.inference.asking import Asking, Question
from deepsynth.inference.fetching import fetch, is_url
from deepsynth.inference.writing import Writing
from deepsynth.workflows.summary_lines import as_json, open_results, read_keys

if TYPE_CHECKING:
    from deepsynth.inference.summarizer import Summarizer

STDIN = "-"
BLOCK = 256
"""Documents that are ordered by length together: enough neighbors for full batches, few enough to show progress."""


class SummarizeConfig(Question, Writing):
    """What is summarized, by which model, and how it writes."""

    files: tuple[str, ...] = ()
    """Text, Markdown, PDF or image files, patterns such as `docs/*.txt`, web addresses, or `-` for standard input."""
    model: str = "nano"
    """Checkpoint, model folder, Hub id or built-in size."""
    adapters: dict[str, Path] = Field(default_factory=dict[str, Path])
    """Folders of LoRA checkpoints by the names that `adapter` may ask for."""
    vllm: str = ""
    """Address of a vLLM server that runs the model, as http://127.0.0.1:8000/v1; `model` names its folder."""
    device: str | None = None
    """Device of the model; without it, an accelerator if there is one."""
    stream: bool = False
    """Show the text while it is written, one document after the other."""
    json_lines: bool = Field(default=False, alias="json")
    """Print one JSON object for each document, with tokens, compression, seconds, and the pages behind each sentence."""
    out: Path | None = None
    """Append the results to this file, as JSON lines; what it holds already is not written again."""
    batch_size: int = Field(default=16, ge=1)
    """Documents written side by side."""
    keep_going: bool = True
    """Name the documents that cannot be read and go on with the others; the exit code is 1 then."""


class SomeFailedError(DeepSynthError):
    """Some documents could not be summarized."""

    exit_code = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class SummarizeResult:
    """The summaries, and what is printed of them at the end."""

    summaries: tuple[Summary, ...]
    """None where they were written to `out`: memory must not grow with the number of files."""
    text: str

    def describe(self) -> str:
        """Return what is printed."""
        return self.text


def run(config: SummarizeConfig, reporter: Reporter) -> SummarizeResult | None:
    """Summarize files; each result is printed, or appended to `out`, as soon as it is there.

    Raises:
        InputError: no file was named, one is not there, or one cannot be read and `keep_going` is off.
        SomeFailedError: documents could not be read; all others were summarized.
        ModelError: the model cannot be read.
        Paused: the run was told to stop; with `out`, the next one goes on where it stopped.
    """
    documents = find_documents(config.files)
    if config.stream and (config.json_lines or config.out):
        raise InputError("stream shows plain text; leave out json and out, or stream", field="stream")
    summarizer = load(config)
    if config.stream:
        _stream(summarizer, config, documents)
        return None
    return _Run(config, reporter, summarizer).over(documents)


def load(config: SummarizeConfig) -> Summarizer:
    """Return the summarizer that the settings ask for."""
    from deepsynth.inference.summarizer import open_summarizer

    return open_summarizer(
        config.model, vllm=config.vllm, adapters=config.adapters, device=config.device, max_rows=config.batch_size
    )


def asking_of(config: SummarizeConfig) -> Asking:
    """Return the part of the settings that a document is asked with."""
    said = config.model_fields_set  # how long a text may be is another matter where nothing was said
    writing = Writing(**{name: getattr(config, name) for name in Writing.model_fields if name in said})
    return Asking(writing=writing, **{name: getattr(config, name) for name in Question.model_fields})


def find_documents(names: tuple[str, ...]) -> list[Document | str]:
    """Return the documents that names, patterns and `-` stand for; an address stays as it is until its turn.

    Raises:
        InputError: there is none, or a name leads nowhere.
    """
    if not names:
        raise InputError("name at least one file to summarize, or - for standard input", field="files")
    found: list[Document | str] = []
    for name in names:
        if name == STDIN:
            found.append(Document(id="stdin", text=sys.stdin.read()))
        elif is_url(name):
            found.append(name)
        else:
            paths = [name] if Path(name).exists() else sorted(glob.glob(name, recursive=True))  # noqa: PTH207
            if not paths:
                raise InputError(f"no file at {name}", field="files")
            found += [_document(Path(path)) for path in paths]
    return found


def _document(path: Path) -> Document:
    if not path.is_file():
        raise InputError(f"{path} is a folder; name its files, for example {path}/*.txt", field="files")
    return Document(id=str(path), path=path)


def _stream(summarizer: Summarizer, config: SummarizeConfig, documents: Sequence[Document | str]) -> None:
    from deepsynth.inference.runner import Runner
    from deepsynth.inference.stream import SummaryStream

    for item in documents:
        document = fetch(item) if isinstance(item, str) else item
        if len(documents) > 1:
            sys.stdout.write(f"{document.id}: ")
        job = summarizer.job(document, asking_of(config))
        for piece in SummaryStream(Runner(summarizer.engine), job):
            sys.stdout.write(piece)
            sys.stdout.flush()
        sys.stdout.write("\n")


class _Run:
    """One run over many documents."""

    def __init__(self, config: SummarizeConfig, reporter: Reporter, summarizer: Summarizer) -> None:
        self._config, self._reporter, self._summarizer = config, reporter, summarizer
        self._asking = asking_of(config)
        self._control = Control()
        self._failed: list[str] = []
        self._done = self._written = 0
        settings = self._asking.model_dump_json()
        self._settings = hashlib.sha256(f"{summarizer.fingerprint}\n{settings}".encode()).hexdigest()[:16]

    def over(self, documents: Sequence[Document | str]) -> SummarizeResult:
        known = read_keys(self._config.out)
        summaries: list[Summary] = []
        with ExitStack() as stack:
            stack.enter_context(pause_on_signals(self._control))
            target = stack.enter_context(open_results(self._config.out)) if self._config.out else None
            for start in range(0, len(documents), BLOCK):
                block = list(self._unknown(documents[start : start + BLOCK], known))
                for key, summary in self._block(block, len(documents)):
                    self._write(key, summary, target, several=len(documents) > 1)
                    if target is None:
                        summaries.append(summary)
        return self._result(summaries, len(documents))

    def _unknown(self, documents: Iterable[Document | str], known: set[str]) -> Iterator[tuple[str, Document]]:
        """Yield what is still to be summarized, with the key of its result."""
        for item in documents:
            try:
                document = fetch(item) if isinstance(item, str) else item
                key = f"{document.id}:{document.content_hash[:16]}:{self._settings}"
            except (DeepSynthError, OSError) as error:
                self._fail(str(error))
                continue
            if key in known:
                self._done += 1
            else:
                yield key, document

    def _block(self, block: Sequence[tuple[str, Document]], total: int) -> Iterator[tuple[str, Summary]]:
        """Yield the summaries of a block in its order."""
        jobs = (self._summarizer.job(document, self._asking) for _, document in block)
        ready: dict[int, Summary | None] = {}
        wanted = 0
        for number, found in self._summarizer.each(jobs, batch_size=self._config.batch_size):
            if isinstance(found, DeepSynthError):
                self._fail(f"{block[number][1].id}: {found}", found)
            ready[number] = None if isinstance(found, DeepSynthError) else found
            self._done += 1
            while wanted in ready:
                summary = ready.pop(wanted)
                if summary is not None:
                    yield block[wanted][0], summary
                wanted += 1
            self._reporter.progress(Progress(done=self._done, total=total, message="summarizing"))
            if self._control.should_pause():
                raise Paused(f"stopped after {self._done} of {total} documents; run it again to go on")

    def _fail(self, message: str, error: DeepSynthError | None = None) -> None:
        if not self._config.keep_going:
            raise error or InputError(message)
        self._failed.append(message)
        self._reporter.message(f"left out: {message}")

    def _write(self, key: str, summary: Summary, target: TextIO | None, *, several: bool) -> None:
        if target is not None:
            with storage_errors(Path(target.name)):
                target.write(json.dumps({"key": key, **as_json(summary)}, ensure_ascii=False) + "\n")
                target.flush()
        elif self._config.json_lines:
            sys.stdout.write(json.dumps(as_json(summary), ensure_ascii=False) + "\n")
        else:
            sys.stdout.write((f"{summary.document_id}: " if several else "") + summary.text + "\n")
        sys.stdout.flush()
        self._written += 1

    def _result(self, summaries: Sequence[Summary], total: int) -> SummarizeResult:
        text = ""
        if self._config.out is not None:
            before = total - self._written - len(self._failed)
            text = f"wrote {self._written} summaries to {self._config.out}" + (
                f", {before} were there" if before else ""
            )
        if self._failed:
            raise SomeFailedError(
                f"{len(self._failed)} of {total} documents could not be summarized: {self._failed[0]}"
                + (" (the others are named above)" if len(self._failed) > 1 else "")
            )
        return SummarizeResult(summaries=tuple(summaries), text=text)
