from dataclasses import replace

import pytest

from deepsynth.core.documents import Document
from deepsynth.core.errors import InputError
from deepsynth.inference.engine import Answer, EngineFacts
from deepsynth.inference.habits import Habits
from deepsynth.inference.writing import Writing

SHORT = Writing(max_new_tokens=8, repetition_times=0)
LONG = " ".join(f"The lamp number {number} stands in the harbor." for number in range(66))


@pytest.fixture
def narrow(summarizer, monkeypatch):
    """The tiny model with a window of 150 tokens: five pages and a few words."""
    facts = summarizer.engine.facts
    small = EngineFacts(model=facts.model, modes=facts.modes, window=150)
    monkeypatch.setattr(summarizer.engine, "facts", small)
    return summarizer


def test_several_pages_stand_in_one_prompt_while_they_fit(summarizer):
    summary = summarizer.summarize(Document(id="a", text=LONG), writing=SHORT)[0]
    assert (summary.prompts, summary.visual_tokens) == (1, 21 * summary.pages_used)
    assert {item.pages for item in summary.sources} <= {tuple(range(summary.pages_used))}


def test_a_document_longer_than_the_window_is_read_in_parts_and_its_parts_summarized(narrow):
    summary = narrow.summarize(Document(id="a", text=LONG), writing=SHORT)[0]
    pages = summary.pages_used
    assert pages > 15
    assert summary.prompts > pages // 6
    assert summary.visual_tokens > 21 * pages, "the summaries of the parts are pages again"
    assert summary.generated_tokens <= 8 * summary.prompts
    assert all(set(item.pages) <= set(range(pages)) for item in summary.sources)


def test_joined_parts_tell_for_certain_which_pages_fed_which_sentence(narrow):
    summary = narrow.summarize(Document(id="a", text=LONG), writing=SHORT, reduce="join")[0]
    assert {item.basis for item in summary.sources} == {"prompt"}
    fed = [item.pages for item in summary.sources]
    assert sorted({page for pages in fed for page in pages}) == list(range(summary.pages_used))
    assert max(len(pages) for pages in fed) == 6, "six pages of 21 tokens fit a window of 150"
    assert " ".join(item.sentence for item in summary.sources).split() == summary.text.split()


def test_a_part_is_written_as_its_pages_alone_would_be(narrow):
    document = Document(id="a", text=LONG)
    whole = narrow.summarize(document, writing=SHORT, reduce="join")[0]
    first = narrow.summarize(document, writing=SHORT, max_pages=len(whole.sources[0].pages))[0]
    assert whole.text.splitlines()[0] == first.text.splitlines()[0]


def test_fewer_pages_a_prompt_when_asked(summarizer):
    document = Document(id="a", text=LONG)
    pages = summarizer.summarize(document, writing=SHORT)[0].pages_used
    summary = summarizer.summarize(document, writing=SHORT, pages_per_prompt=4, reduce="join")[0]
    assert summary.prompts == -(-pages // 4)


def test_a_page_larger_than_the_window_is_refused_with_the_remedy(narrow):
    with pytest.raises(InputError, match="page 1 of 'a' takes 73 tokens in mode nano-256; the window of 150 leaves"):
        narrow.summarize(Document(id="a", text="lamp"), mode="nano-256", writing=Writing(max_new_tokens=100))


def test_a_text_longer_than_the_window_is_cut_between_words(narrow):
    summary = narrow.summarize(Document(id="a", text=LONG), route="text", writing=SHORT, reduce="join")[0]
    assert summary.prompts > 5
    assert summary.visual_tokens == 0
    assert summary.route == "text"


def test_a_picture_has_no_text_to_read(summarizer):
    from PIL import Image

    with pytest.raises(InputError, match="no text that is known; ask for route pages"):
        summarizer.summarize(Image.new("L", (50, 50)), route="text")
    assert summarizer.summarize(Image.new("L", (50, 50)), route="auto", writing=SHORT)[0].route == "pages"


LOOPING = Writing(max_new_tokens=60, repetition_retry=True)
"""The tiny model, whose weights are random, soon writes the same token again and again."""


def test_a_text_that_went_round_in_a_circle_is_written_once_more_and_says_so(summarizer):
    document = Document(id="a", text=LONG)
    (first,) = summarizer.summarize(document, writing=LOOPING.model_copy(update={"repetition_retry": False}))
    (again,) = summarizer.summarize(document, writing=LOOPING)
    (strict,) = summarizer.summarize(document, writing=Writing(max_new_tokens=60, no_repeat_ngram_size=4))
    assert (first.stop_reason, first.retries) == ("repetition", 0)
    assert (again.text, again.stop_reason, again.retries) == (strict.text, strict.stop_reason, 1)
    assert again.stop_reason != "repetition"
    assert again.generated_tokens == first.generated_tokens + strict.generated_tokens
    assert again.prompt_tokens == first.prompt_tokens + strict.prompt_tokens
    assert again.seconds > first.seconds
    assert again.prompts == 1


def test_only_the_parts_that_loop_are_written_once_more(narrow, monkeypatch):
    document = Document(id="a", text=LONG)
    plain = narrow.summarize(document, writing=Writing(max_new_tokens=60), reduce="join")[0]
    retried = narrow.summarize(document, writing=LOOPING, reduce="join")[0]
    assert retried.prompts == plain.prompts
    assert 0 < retried.retries <= plain.prompts
    assert retried.stop_reason != "repetition"


def test_a_stream_shows_a_text_that_may_be_written_once_more_only_when_it_is_whole(summarizer):
    stream = summarizer.stream(Document(id="a", text=LONG), writing=LOOPING)
    pieces = list(stream)
    assert stream.summary.retries == 1
    assert pieces == [stream.summary.text]


def answered(text: str) -> Answer:
    return Answer(text=text, generated_tokens=9, prompt_tokens=30, visual_tokens=21, stop_reason="eos", seconds=1.0)


def test_what_is_read_first_is_kept_apart_from_the_answer(summarizer):
    job = summarizer.job(Document(id="a", text="A lamp."), summarizer.asking(read_first=True, writing=SHORT))
    (prompt,) = (asked := next(job)).prompts
    assert asked.transcript_first
    assert prompt.example.instruction == "Read. Summarize."
    assert prompt.writing.max_new_tokens == 8 + 10 * 21, "room for what stands on the page"
    with pytest.raises(StopIteration) as end:
        job.send([answered("A\nlamp.\n\nLight\nhouse")])
    assert (end.value.value.transcript, end.value.value.text) == ("A\nlamp.", "Light\nhouse")


def test_an_answer_that_never_gets_beyond_reading_is_empty(summarizer):
    job = summarizer.job(Document(id="a", text="A lamp."), summarizer.asking(read_first=True, writing=SHORT))
    next(job)
    with pytest.raises(StopIteration) as end:
        job.send([answered("A lamp. A lamp.")])
    assert (end.value.value.transcript, end.value.value.text) == ("A lamp. A lamp.", "")


@pytest.mark.parametrize(
    ("asked", "instruction"),
    [({}, "Read. Summarize."), ({"read_first": False}, "Summarize."), ({"instruction": "Read."}, "Read.")],
)
def test_the_habits_of_the_checkpoint_count_where_nothing_is_said(summarizer, monkeypatch, asked, instruction):
    habits = Habits(read_first=True, pages_per_prompt=2)
    monkeypatch.setattr(summarizer.engine, "facts", replace(summarizer.engine.facts, habits=habits))
    asking = summarizer.asking(writing=SHORT, **asked)
    prompts = next(summarizer.job(Document(id="a", text=LONG), asking)).prompts
    assert {prompt.example.instruction for prompt in prompts} == {instruction}
    assert max(len(prompt.example.pages) for prompt in prompts) == 2


def test_a_text_is_not_read_before_the_answer(summarizer):
    asking = summarizer.asking(read_first=True, route="text", writing=SHORT)
    (prompt,) = next(summarizer.job(Document(id="a", text="A lamp."), asking)).prompts
    assert prompt.example.instruction == "Summarize."


def test_reading_aloud_has_room_for_the_page_unless_the_length_is_said(summarizer):
    def room(**given):
        job = summarizer.job(Document(id="a", text="A lamp."), summarizer.asking(instruction="Read.", **given))
        (prompt,) = next(job).prompts
        return prompt.writing.max_new_tokens

    assert room() == Writing().max_new_tokens + 10 * 21
    assert room(writing=Writing(max_new_tokens=9)) == 9
