import pytest
from PIL import Image

from deepsynth.core.documents import Document
from deepsynth.core.errors import InputError
from deepsynth.inference.asking import Asking
from deepsynth.inference.engine import EngineFacts
from deepsynth.inference.fitting import TRANSCRIPT_TOKENS, Desk, choose_route, make_parts, make_prompt, page_tokens
from deepsynth.inference.summarizer import Summarizer
from deepsynth.inference.writing import Writing

SHORT = Writing(max_new_tokens=8, repetition_times=0)
LONG = " ".join(f"The lamp number {number} stands in the harbor." for number in range(66))


@pytest.fixture
def desk(summarizer):
    def make(window=4096):
        facts = EngineFacts(model="tiny", modes=summarizer.engine.facts.modes, window=window)
        reader = summarizer.reader(Asking())
        count = summarizer.engine.count_text_tokens
        return Desk(facts=facts, count_text_tokens=count, rendering=reader.rendering, draw=reader.example)

    return make


def test_parts_are_neighbors_that_fit_the_window_and_hold_every_page_once(summarizer, desk):
    example = summarizer.example(Document(id="a", text=LONG))
    asking = Asking(writing=SHORT)
    parts = make_parts(example, asking, desk(150))
    assert [page for part in parts for page in part.pages] == list(range(len(example.pages)))
    assert {len(part.pages) for part in parts} <= {5, 6}, "pages of 21 tokens, shared out evenly"
    assert len(make_parts(example, asking, desk())) == 1


def test_a_window_that_the_instruction_fills_says_what_to_ask_for(summarizer, desk):
    asking = Asking(route="text", writing=Writing(max_new_tokens=149))
    example = summarizer.example(Document(id="a", text="A lamp."))
    shown = desk(150).draw(Document(id="a", text="A lamp."), "Read.")
    assert page_tokens(example, desk(150)) == page_tokens(shown, desk(150)) == [21]
    with pytest.raises(InputError, match="fill the whole window of 150; ask for fewer new tokens"):
        make_parts(type(example)(id="a", pages=(), text="A lamp."), asking, desk(150))


def test_a_transcript_has_room_beside_the_answer(summarizer, desk):
    (part,) = make_parts(summarizer.example(Document(id="a", text="A lamp.")), Asking(writing=SHORT), desk())
    plain, read = (make_prompt(part, Asking(writing=SHORT, read_first=first), desk()) for first in (False, True))
    assert plain.writing == SHORT
    assert read.writing.max_new_tokens == SHORT.max_new_tokens + TRANSCRIPT_TOKENS * 21


def test_what_has_pages_alone_is_read_from_pages(summarizer, desk):
    example = summarizer.example(Image.new("L", (50, 50)))
    assert choose_route(example, Asking(route="auto"), desk()) == "pages"
    with pytest.raises(InputError, match="no text that is known; ask for route pages"):
        choose_route(example, Asking(route="text"), desk())


def test_the_text_itself_is_read_where_pages_would_cost_more(summarizer):
    short, long = Document(id="s", text="A lamp."), Document(id="l", text=LONG)
    found = summarizer.summarize([short, long], route="auto", writing=SHORT)
    assert [(item.route, item.visual_tokens > 0) for item in found] == [("text", False), ("pages", True)]
    assert (found[0].mode, found[0].pages_used, found[0].compression) == ("", 0, None)
    assert found[1].compression > 1


def test_the_text_itself_is_read_where_letters_would_be_too_small(summarizer):
    small = summarizer.rendering.override({"px": 6.0})
    found = Summarizer(summarizer.loaded, small, name="tiny").summarize(
        Document(id="l", text=LONG), route="auto", writing=SHORT
    )
    assert found[0].route == "text"
