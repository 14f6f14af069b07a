"""What every engine keeps to, run on each of them."""

import pytest
from tests.inference.vllm_stand_in import StandIn

from deepsynth.core.documents import Document
from deepsynth.inference.engine import Failed, Finished, Prompt, Wrote
from deepsynth.inference.vllm_engine import VllmEngine
from deepsynth.inference.writing import Writing


@pytest.fixture(params=["transformers", "vllm"])
def any_engine(request, summarizer):
    if request.param == "transformers":
        yield summarizer.engine
        return
    from deepsynth.inference.loading import load_any

    # the stand-in needs an engine of its own: it answers in threads
    from deepsynth.inference.summarizer import Summarizer

    with StandIn(Summarizer(load_any("tiny"), summarizer.rendering, name="tiny")) as server:
        engine = VllmEngine(server.url, mode="nano-128", tokenizer=summarizer.loaded.tokenizer)
        yield engine
        engine.close()


@pytest.fixture
def prompt(summarizer):
    def make(text="The lamp", **others):
        example = summarizer.example(Document(id="a", text=text))
        return Prompt(example=example, mode="nano-128", writing=Writing(max_new_tokens=8), **others)

    return make


def drain(engine):
    events = []
    while engine.load != (0, 0):
        events += engine.step()
    return events


def test_pieces_join_to_the_answer_and_nothing_follows_it(any_engine, prompt):
    for number in range(3):
        any_engine.submit(number, prompt("The lamp " * (number + 1)))
    events = drain(any_engine)
    for number in range(3):
        mine = [event for event in events if event.id == number]
        assert isinstance(mine[-1], Finished)
        assert all(isinstance(event, Wrote) for event in mine[:-1])
        assert "".join(event.text for event in mine[:-1]) == mine[-1].answer.text
        assert mine[-1].answer.prompt_tokens > mine[-1].answer.visual_tokens == 21


def test_what_cannot_be_written_fails_alone(any_engine, prompt):
    any_engine.submit(1, prompt(adapter="none such"))
    any_engine.submit(2, prompt())
    events = []
    while not any(isinstance(event, Finished) for event in events):
        events += any_engine.step()
    events += drain(any_engine)
    assert [event.id for event in events if isinstance(event, Failed)] == [1]


def test_no_event_follows_a_cancelled_prompt(any_engine, prompt):
    any_engine.submit(1, prompt())
    any_engine.cancel(1)
    any_engine.cancel(2)
    any_engine.submit(3, prompt())
    assert {event.id for event in drain(any_engine)} == {3}


def test_both_count_text_alike(any_engine, summarizer):
    assert any_engine.count_text_tokens("The lamp") == summarizer.processor.count_text_tokens("The lamp")
