"""The process that runs the model: requests come in as frames, and news of each goes out as soon as there is any.

`python -m deepsynth.inference.worker.model_process`, started by `model_worker`. It ends when its input does.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, BinaryIO

import torch

from deepsynth.core.documents import Example
from deepsynth.core.errors import DeepSynthError
from deepsynth.inference.asking import Asking
from deepsynth.inference.job import Job
from deepsynth.inference.refusals import to_message
from deepsynth.inference.runner import Done, News, Piece, Runner
from deepsynth.inference.summarizer import Summarizer, open_summarizer
from deepsynth.inference.worker.frames import Frame, read_frame, unpack_pages
from deepsynth.inference.worker.pipes import put, take_over
from deepsynth.inference.worker.settings import ModelSettings
from deepsynth.models.reading import SMALL_WIDTH


def load(settings: ModelSettings) -> Summarizer:
    """Return the model that the settings name.

    Raises:
        DeepSynthError: it cannot be loaded.
    """
    summarizer = open_summarizer(
        settings.model,
        vllm=settings.vllm,
        adapters=settings.adapters,
        device=settings.device,
        max_rows=settings.max_running,
    )
    if settings.vllm:
        return summarizer
    threads = settings.threads or usual_threads(summarizer)
    if threads is not None:
        torch.set_num_threads(threads)
    return summarizer


def usual_threads(summarizer: Summarizer) -> int | None:
    """Return how many threads suit a model on a CPU, or none to leave it to torch.

    Threads wait for one another after every small matrix. With two on two cores that others use too, tiny took 429 ms a
    document instead of 24 (16 rows at once): one thread for small decoders, all for large ones.
    """
    small = summarizer.loaded.model.config.text_config.hidden_size <= SMALL_WIDTH
    return 1 if small and summarizer.engine.facts.device == "cpu" else None


def facts(summarizer: Summarizer) -> dict[str, Any]:
    """Return what the parent tells of the model."""
    return {
        **asdict(summarizer.engine.facts),
        "habits": summarizer.engine.facts.habits.model_dump(mode="json"),
        "rendering": summarizer.rendering.model_dump(mode="json"),
        "trained": summarizer.trained,
    }


class Conversation:
    """Requests from a queue, driven on one summarizer."""

    def __init__(self, summarizer: Summarizer, arrived: queue.SimpleQueue[Frame], target: BinaryIO) -> None:
        self._summarizer, self._arrived, self._target = summarizer, arrived, target
        self._runner = Runner(summarizer.engine)

    def turn(self) -> None:
        """Take what has arrived, waiting for it if there is nothing else to do, then work and tell the news."""
        for frame in self._requests():
            self._take(frame)
        for news in self._runner.step() if self._runner.busy else ():
            self._tell(news)

    def _requests(self) -> Iterator[Frame]:
        if not self._runner.busy:
            yield self._arrived.get()
        while True:
            try:
                yield self._arrived.get_nowait()
            except queue.Empty:
                return

    def _take(self, frame: Frame) -> None:
        header = frame.header
        if header["do"] == "cancel":
            self._runner.cancel(header["id"])
            running, waiting = self._summarizer.engine.load
            put(self._target, Frame(header={"id": header["id"], "running": running, "waiting": waiting}))
            return
        try:
            job = self._job(header, frame.blobs)
        except DeepSynthError as error:
            put(self._target, Frame(header={"id": header["id"], "error": to_message(error)}))
            return
        self._runner.start(header["id"], job)

    def _job(self, header: dict[str, Any], blobs: list[bytes]) -> Job:
        asking = Asking.parse(header["asking"])
        example = Example(
            id=header["document"],
            pages=unpack_pages(header["document"], header["pages"], blobs),
            instruction=asking.instruction,
            text=header["text"],
        )
        return self._summarizer.job(example, asking)

    def _tell(self, news: News) -> None:
        running, waiting = self._summarizer.engine.load
        header: dict[str, Any] = {"id": news.job, "running": running, "waiting": waiting}
        if isinstance(news, Piece):
            header["text"] = news.text
        elif isinstance(news, Done):
            header["summary"] = asdict(news.summary) | {"compression": news.summary.compression}
        else:
            header["error"] = to_message(news.error)
        put(self._target, Frame(header=header))


def _listen(source: BinaryIO, arrived: queue.SimpleQueue[Frame]) -> None:
    while (frame := read_frame(source)) is not None:
        arrived.put(frame)
    os._exit(0)  # the parent is gone or has no more use for the model: nothing here is worth saving


def main() -> None:
    """Load the model that the first message names, say so, and answer until the input ends."""
    source, target = take_over()
    first = read_frame(source)
    if first is None:
        return
    arrived: queue.SimpleQueue[Frame] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(source, arrived), daemon=True).start()
    try:
        summarizer = load(ModelSettings.parse(first.header["settings"]))
    except DeepSynthError as error:
        put(target, Frame(header={"failed": to_message(error)}))
        return
    put(target, Frame(header={"facts": facts(summarizer)}))
    conversation = Conversation(summarizer, arrived, target)
    while True:
        conversation.turn()


if __name__ == "__main__":
    main()
