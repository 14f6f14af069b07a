"""The text of one summary while it is being written."""

from __future__ import annotations

from collections.abc import Iterator

from deepsynth.core.documents import Summary
from deepsynth.inference.job import Job
from deepsynth.inference.runner import Broken, Piece, Runner


class SummaryStream:
    """The text of one summary, piece by piece; `summary` is there once all pieces have been taken."""

    def __init__(self, runner: Runner, job: Job) -> None:
        self._runner, self._job = runner, job
        self.summary: Summary | None = None
        """The whole, with what it cost."""

    def __iter__(self) -> Iterator[str]:
        """Yield pieces that join to the summary's text. Leaving early stops the work.

        Raises:
            DeepSynthError: the document cannot be summarized.
        """
        self._runner.start(0, self._job)
        try:
            while self._runner.busy:
                for news in self._runner.step():
                    if isinstance(news, Piece):
                        yield news.text
                    elif isinstance(news, Broken):
                        raise news.error
                    else:
                        self.summary = news.summary
        finally:
            self._runner.cancel(0)
