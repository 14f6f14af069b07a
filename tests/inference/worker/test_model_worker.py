import asyncio
import os
import signal

import pytest

from deepsynth.core.documents import Document, Summary
from deepsynth.inference.asking import Asking
from deepsynth.inference.refusals import UnavailableError
from deepsynth.inference.worker.model_worker import DEATHS, ModelWorker, _request
from deepsynth.inference.worker.settings import ModelSettings


@pytest.fixture
def asking(summarizer):
    return lambda tokens=6: summarizer.asking(
        writing=type(summarizer.asking().writing)(max_new_tokens=tokens, repetition_times=0)
    )


async def collect(worker, example, asked):
    return [item async for item in worker.summarize(example, asked)]


def run(work, model="tiny"):
    async def all_of_it():
        worker = ModelWorker(ModelSettings(model=model, threads=1))
        try:
            return await work(worker)
        finally:
            await worker.unload()
            assert worker.pid is None
            assert worker.state == "unloaded"

    return asyncio.run(all_of_it())


@pytest.mark.slow
def test_the_process_starts_when_asked_dies_and_starts_again(summarizer, asking):
    example = summarizer.example(Document(id="d", text="The lamp stands in the harbor."))

    async def work(worker):
        assert worker.state == "unloaded"
        first = await collect(worker, example, asking())
        assert worker.state == "ready"
        # died while idle: the next request does not notice
        os.kill(worker.pid, signal.SIGKILL)
        while worker.state == "ready":
            await asyncio.sleep(0.01)
        second = await collect(worker, example, asking())
        # a client that leaves cancels its work
        async for _ in worker.summarize(example, asking(900)):
            break
        third = await collect(worker, example, asking())
        assert worker.load[0] <= 1
        # died while writing: told, since pieces were shown already
        with pytest.raises(UnavailableError, match="ended before the summary did"):
            async for _ in worker.summarize(example, asking(900)):
                os.kill(worker.pid, signal.SIGKILL)
        starts = worker.starts
        # unloaded while writing: told, and not started again for its sake
        with pytest.raises(UnavailableError, match="was unloaded before"):
            async for _ in worker.summarize(example, asking(900)):
                await worker.unload()
        assert (worker.state, worker.starts) == ("unloaded", starts + 1)
        return first, second, third, starts

    first, second, third, starts = run(work)
    assert isinstance(first[-1], Summary)
    expected = summarizer.summarize(Document(id="d", text="The lamp stands in the harbor."), writing=asking().writing)[
        0
    ].text
    for found in (first, second, third):
        assert found[-1].text == "".join(found[:-1]) == expected
    assert starts == 2


@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_says_why_and_one_that_keeps_dying_is_left_alone():
    async def work(worker):
        with pytest.raises(UnavailableError, match="nowhere is neither a model folder nor a hub id"):
            await worker.ready()
        assert worker.state == "failed"
        assert "nowhere" in worker.detail
        with pytest.raises(UnavailableError, match="cannot be loaded: nowhere"):
            await worker.ready()
        assert worker.starts == 1, "it is not tried again at once"
        worker._deaths.extend([asyncio.get_running_loop().time()] * DEATHS)
        with pytest.raises(UnavailableError, match="died 3 times") as refused:
            await worker.ready()
        assert 0 < refused.value.retry_after <= 61

    run(work, model="nowhere")


@pytest.mark.parametrize("turns", [1, 40])
def test_a_model_that_is_being_loaded_is_unloaded_at_once(turns):
    """While its process is made, and while that works."""

    async def work(worker):
        asked = [asyncio.create_task(worker.ready()) for _ in range(3)]
        for _ in range(turns):
            await asyncio.sleep(0.001)
        await worker.unload()
        told = await asyncio.gather(*asked, return_exceptions=True)
        assert [str(error) for error in told] == ["the model was unloaded before it was loaded"] * 3
        assert worker.starts == 1
        assert worker.detail is None

    run(work)


def test_the_process_is_told_only_what_was_said(summarizer):
    example = summarizer.example(Document(id="d", text="The lamp stands in the harbor."))
    asked = summarizer.asking(instruction="Read.", writing=type(summarizer.asking().writing)(repetition_times=0))
    told = _request(1, example, asked).header["asking"]
    assert told == {"instruction": "Read.", "writing": {"repetition_times": 0}}
    assert Asking.parse(told) == asked, "the length of a transcript is the process's to choose"
