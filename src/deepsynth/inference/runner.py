"""Many jobs over one engine: each gets its rounds answered, whoever else is being written."""

from __future__ import annotations

from dataclasses import dataclass, field

from deepsynth.core.documents import Summary
from deepsynth.core.errors import DeepSynthError
from deepsynth.data.tasks import BEHIND_TRANSCRIPT
from deepsynth.inference.engine import Answer, Engine, Failed, Finished
from deepsynth.inference.job import Job


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """More text of a summary; all pieces join to it."""

    job: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """A job has its summary."""

    job: int
    summary: Summary


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """A job cannot be done; the others go on."""

    job: int
    error: DeepSynthError


News = Piece | Done | Broken


@dataclass(kw_only=True, slots=True)
class _Running:
    """A job with the round that is being answered."""

    job: Job
    order: list[int] = field(default_factory=list[int])
    answers: dict[int, Answer] = field(default_factory=dict[int, Answer])
    shown: bool = False
    reading: bool = False
    """Whether what comes now is still the transcript."""
    read: str = ""
    """What has come of it."""
    pieces: int = 0


class Runner:
    """Drives jobs. Used under one thread, that of the engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._jobs: dict[int, _Running] = {}
        self._owner: dict[int, int] = {}
        self._next = 0
        self._news: list[News] = []

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def busy(self) -> bool:
        """Whether there is a job to drive or news to fetch."""
        return bool(self._jobs or self._news)

    def start(self, identity: int, job: Job) -> None:
        """Take a job; what is wrong with it comes as news."""
        self._jobs[identity] = _Running(job=job)
        self._advance(identity, None)

    def cancel(self, identity: int) -> None:
        """Forget a job and all its prompts; an unknown one is ignored."""
        running = self._jobs.pop(identity, None)
        for prompt in running.order if running else ():
            self.engine.cancel(prompt)
            self._owner.pop(prompt, None)
        if running:
            running.job.close()

    def step(self) -> list[News]:
        """Do a piece of work and return what it brought."""
        for event in self.engine.step():
            owner = self._owner.get(event.id)
            if owner is None:
                continue
            running = self._jobs[owner]
            if isinstance(event, Failed):
                self.cancel(owner)
                self._news.append(Broken(job=owner, error=event.error))
            elif isinstance(event, Finished):
                running.answers[event.id] = event.answer
                del self._owner[event.id]
                if len(running.answers) == len(running.order):
                    self._advance(owner, [running.answers[number] for number in running.order])
            elif running.shown:
                self._show(owner, running, event.text)
        news, self._news = self._news, []
        return news

    def _show(self, identity: int, running: _Running, text: str) -> None:
        if running.reading:
            running.read += text
            _, ended, text = running.read.partition(BEHIND_TRANSCRIPT)
            running.reading = not ended
        if text:
            running.pieces += 1
            self._news.append(Piece(job=identity, text=text))

    def _advance(self, identity: int, answers: list[Answer] | None) -> None:
        running = self._jobs[identity]
        try:
            found = next(running.job) if answers is None else running.job.send(answers)
        except StopIteration as end:
            del self._jobs[identity]
            summary: Summary = end.value
            if not running.pieces and summary.text:
                self._news.append(Piece(job=identity, text=summary.text))  # joined from parts, so not shown before
            self._news.append(Done(job=identity, summary=summary))
            return
        except DeepSynthError as error:
            del self._jobs[identity]
            self._news.append(Broken(job=identity, error=error))
            return
        running.order = list(range(self._next, self._next + len(found.prompts)))
        running.answers, running.shown, running.pieces = {}, found.shown, 0
        running.reading, running.read = found.transcript_first, ""
        self._next += len(found.prompts)
        for number, prompt in zip(running.order, found.prompts, strict=True):
            self._owner[number] = identity
            self.engine.submit(number, prompt)
