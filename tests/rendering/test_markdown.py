import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsynth.core.documents import Document
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.markdown import INDENT, markdown_blocks
from deepsynth.rendering.renderer import make_renderer

SOURCE = """# Title of it

Some *emphasis* and **strength** with `code`.

- first
- second
  1. nested

> quoted

```
code block
```

| a | b |
|---|---|
| 1 | 22 |

Last.
"""


def blocks(source: str = SOURCE):
    return list(markdown_blocks(source))


def test_markup_is_drawn_and_not_printed():
    texts = [block.text for block in blocks()]
    assert texts == [
        "Title of it",
        "Some emphasis and strength with code.",
        "first",
        "second",
        "nested",
        "quoted",
        "code block",
        "a  b",
        "1  22",
        "Last.",
    ]


def test_headings_are_larger_and_emphasis_has_its_style():
    title, sentence = blocks()[:2]
    assert title.styles[0][1].scale > 1
    assert title.styles[0][1].bold
    styles = {
        sentence.text[start:end]: style
        for (start, _), (end, style) in itertools.pairwise([(0, None), *sentence.styles])
    }
    assert styles["emphasis"].italic
    assert styles["strength"].bold
    assert styles["code"].mono


def test_lists_and_quotes_are_set_in_and_numbered():
    found = {block.text: block for block in blocks()}
    assert found["first"].bullet == "•"
    assert found["nested"].bullet == "1."
    assert (found["first"].indent, found["nested"].indent, found["quoted"].indent) == (INDENT, 2 * INDENT, INDENT)


@settings(max_examples=200, deadline=None)
@given(st.text("ab #*-_>`|1.\n[]()!", max_size=80))
def test_blocks_follow_one_another_and_hold_the_whole_source(source):
    found = blocks(source)
    if not found:
        assert not source
        return
    assert found[0].start == 0
    assert found[-1].end == len(source)
    assert all(one.end == two.start for one, two in itertools.pairwise(found))


@pytest.mark.parametrize(
    "source", [SOURCE * 20, "*" * 50, "<!-- only a comment -->", "[a]: http://b", "# Größe 水位\n\nשלום **עולם**"]
)
def test_pages_hold_the_whole_source(source):
    document = Document(id="m", text=source, meta={"kind": "markdown"})
    pages = list(make_renderer(RenderConfig(mode="nano-256")).render(document))
    assert "".join(source[page.span[0] : page.span[1]] for page in pages) == source
