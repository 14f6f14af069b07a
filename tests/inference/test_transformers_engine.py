import pytest

from deepsynth.core.documents import Document
from deepsynth.core.errors import InputError
from deepsynth.inference.engine import Failed, Finished, Prompt, Wrote
from deepsynth.inference.transformers_engine import token_rules
from deepsynth.inference.writing import Writing

PLAIN = Writing(max_new_tokens=10, repetition_times=0)


@pytest.fixture
def prompt(summarizer):
    def make(text="The lamp stands in the harbor.", writing=PLAIN, **others):
        example = summarizer.example(Document(id=text[:12], text=text))
        return Prompt(example=example, mode="nano-128", writing=writing, **others)

    return make


def drain(engine, limit=500):
    """All answers by identity; the pieces shown must join to each."""
    answers, shown, failed = {}, {}, {}
    for _ in range(limit):
        for event in engine.step():
            if isinstance(event, Wrote):
                shown[event.id] = shown.get(event.id, "") + event.text
            elif isinstance(event, Finished):
                answers[event.id] = event.answer
            else:
                failed[event.id] = event.error
        if engine.load == (0, 0):
            break
    assert engine.load == (0, 0)
    assert shown == {identity: answer.text for identity, answer in answers.items() if answer.text}
    return answers | failed


def alone(engine, prompt):
    engine.submit(99, prompt)
    return drain(engine)[99]


def test_a_prompt_that_joins_late_is_written_as_if_alone(engine, prompt):
    texts = ["A lamp.", "The tide was high and the lamp was lit. " * 4, "Ropes and sails"]
    expected = [alone(engine, prompt(text)).text for text in texts]
    engine.submit(0, prompt(texts[0]))
    for _ in range(3):
        engine.step()
    engine.submit(1, prompt(texts[1]))
    engine.step()
    engine.submit(2, prompt(texts[2]))
    early = engine.step()
    assert engine.load == (3, 0)
    found = drain_after(engine, early)
    assert [found[number].text for number in range(3)] == expected


def drain_after(engine, events):
    found = {event.id: event.answer for event in events if isinstance(event, Finished)}
    while engine.load != (0, 0):
        found |= {event.id: event.answer for event in engine.step() if isinstance(event, Finished)}
    return found


def test_a_cancelled_prompt_leaves_the_others_as_they_are(engine, prompt):
    texts = ["A lamp.", "The tide was high. " * 6, "Ropes and sails"]
    expected = [alone(engine, prompt(text)).text for text in texts]
    for number, text in enumerate(texts):
        engine.submit(number, prompt(text))
    engine.step()
    engine.step()
    engine.cancel(1)
    engine.cancel(77)
    found = drain_after(engine, [])
    assert {number: answer.text for number, answer in found.items()} == {0: expected[0], 2: expected[2]}


def test_no_more_rows_are_written_at_once_than_allowed(engine, prompt):
    engine.max_rows = 2
    for number in range(5):
        engine.submit(number, prompt())
    engine.step()
    assert engine.load == (2, 3)
    assert len(drain_after(engine, [])) == 5


def test_long_prompts_are_written_one_by_one_when_the_cache_is_small(engine, prompt, monkeypatch):
    monkeypatch.setattr(engine, "max_tokens", 60)
    for number in range(3):
        engine.submit(number, prompt())
    engine.step()
    assert engine.load == (1, 2)
    assert len(drain_after(engine, [])) == 3


def test_the_oldest_prompt_enters_first_and_brings_those_of_like_length(engine, prompt):
    engine.max_rows = 2
    long, short = "The tide was high and the lamp was lit. " * 8, "A lamp."
    for number, text in enumerate([long, short, short, long]):
        engine.submit(number, prompt(text, Writing(max_new_tokens=3, repetition_times=0)))
    order = []
    while engine.load != (0, 0):
        order += [event.id for event in engine.step() if isinstance(event, Finished)]
    assert order == [0, 3, 1, 2]


def test_a_loop_ends_the_text_and_is_reported(engine, prompt):
    free = alone(engine, prompt(writing=Writing(max_new_tokens=200, min_new_tokens=200, repetition_times=0)))
    assert (free.stop_reason, free.generated_tokens) == ("length", 200)
    stopped = alone(engine, prompt(writing=Writing(max_new_tokens=200, min_new_tokens=200)))
    assert stopped.stop_reason == "repetition"
    assert stopped.generated_tokens < 200
    assert free.text.startswith(stopped.text)


def test_writing_stops_before_a_given_text(engine, prompt):
    free = alone(engine, prompt()).text
    stop = free[len(free) // 2 :][:3]
    found = alone(engine, prompt(writing=PLAIN.model_copy(update={"stop": (stop,)})))
    assert (found.text, found.stop_reason) == (free[: free.index(stop)].rstrip(), "stop")


def test_beams_wait_for_rows_and_nobody_overtakes_them(engine, prompt):
    beams = Writing(max_new_tokens=4, num_beams=3, repetition_times=0)
    expected = alone(engine, prompt("Ropes", beams))
    engine.submit(0, prompt())
    engine.step()
    engine.submit(1, prompt("Ropes", beams))
    engine.submit(2, prompt())
    engine.step()
    assert engine.load == (1, 2)
    order = []
    while engine.load != (0, 0):
        order += [event for event in engine.step() if isinstance(event, Finished)]
    assert [event.id for event in order] == [0, 1, 2]
    assert order[1].answer.text == expected.text


def test_a_seed_decides_what_is_drawn_whoever_stands_beside(engine, prompt):
    drawn = Writing(max_new_tokens=10, temperature=1.0, seed=5)
    expected = alone(engine, prompt(writing=drawn)).text
    for number in range(3):
        engine.submit(number, prompt("Another text " * number + "x", Writing(max_new_tokens=10, temperature=1.0)))
    engine.submit(3, prompt(writing=drawn))
    assert drain(engine)[3].text == expected
    assert alone(engine, prompt(writing=drawn.model_copy(update={"seed": 6}))).text != expected


def test_a_prompt_that_does_not_fit_fails_alone(engine, prompt):
    engine.submit(0, prompt(writing=Writing(max_new_tokens=4090)))
    engine.submit(1, prompt(adapter="news"))
    engine.submit(2, prompt())
    found = drain(engine)
    assert "leaves no room for 4090 new ones in the model's window of 4096" in str(found[0])
    assert isinstance(found[0], InputError)
    assert "no adapter 'news'; known: none" in str(found[1])
    assert found[2].generated_tokens == 10
    assert Failed(id=0, error=found[0]).id == 0


def test_allowed_tokens_reach_the_rules():
    assert token_rules(Writing(no_repeat_ngram_size=3), frozenset({7})).no_repeat_allowed == {7}


def test_the_engine_tells_what_it_runs(engine):
    facts = engine.facts
    assert facts.model == "tiny"
    assert facts.modes[0] == "nano-128"
    assert (facts.window, facts.device) == (4096, "cpu")
    assert facts.parameters == sum(item.numel() for item in engine.loaded.model.parameters())
