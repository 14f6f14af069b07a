"""Every block of code in README.md and docs/ runs as it stands, or says above it what it wants that is not here.

The quickstart and the README run to the letter. The guides speak of long runs, so their commands are given a few flags more
(`SMALL`), which make them short and change nothing else; models and datasets that they name lie in the `workshop`.
"""

import contextlib
import io
from collections import Counter

import pytest
from tests.docs.book import BLOCKS, REASONS, ROOT

TO_THE_LETTER = ("README.md", "docs/quickstart.md")
SMALL = {
    "train": ("--max-steps", "2", "--batch-size", "2"),
    "evaluate": ("--limit", "2", "--max-new-tokens", "8", "--reading-rows", "1", "--probe-rows", "1"),
    "frontier": ("--pages", "1", "--documents", "1", "--max-new-tokens", "8"),
    "summarize": ("--max-new-tokens", "8"),
}
"""What a command of a guide is given beside what is written, by verb, unless it says otherwise itself."""
LISTS = ("--reading.lists", str(ROOT / "tests" / "assets" / "debian"))
"""Stands for what apt would fetch."""
MADE_BY_THE_PAGE = {
    "docs/guides/datasets.md": ("data",),
    "docs/guides/training.md": ("mine",),
    "docs/guides/lora.md": ("lora",),
    "docs/guides/own-data.md": ("mine",),
}
"""Folders of the workshop that a page's own commands write anew."""
MAY_FAIL_A_PIPELINE = ("--fail-if-worse", "--fail-under")
RUN = [block for block in BLOCKS if (block.is_shell or block.is_python) and block.reason is None]
RUNNING = sorted({block.page for block in RUN})
NOT_RUN = {
    "a clean machine": 3,
    "a container engine": 2,
    "a server": 6,
    "a store": 1,
    "an accelerator": 2,
    "other software": 4,
    "several machines": 1,
    "several processes": 2,
    "the Hub": 4,
    "the published size": 1,
    "the whole tests": 1,
}
"""The blocks that nothing here runs, by what they want; a new one must be counted here."""


def with_small(page: str, words: list[str]) -> list[str]:
    if page in TO_THE_LETTER:
        return words
    more = list(SMALL.get(words[0], ()))
    pairs = [more[at : at + 2] for at in range(0, len(more), 2)]
    found = words + [word for pair in pairs if pair[0] not in words for word in pair]
    return [*found, *LISTS] if words[:2] == ["prepare", "debian"] else found


def run_command(words: list[str]) -> None:
    from deepsynth.cli.app import main

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as told:
        code = main(words)
    allowed = {0, 1} if any(word.startswith(MAY_FAIL_A_PIPELINE) for word in words) else {0}
    assert code in allowed, f"deepsynth {' '.join(words)}: exit code {code}: {told.getvalue()[-600:]}"


@pytest.mark.slow
@pytest.mark.timeout(1200)  # the quickstart trains
@pytest.mark.parametrize("page", RUNNING)
@pytest.mark.filterwarnings("ignore::UserWarning")  # what a command warns of is for its user, not for this test
def test_the_blocks_of_a_page_run_one_after_the_other(page, place):
    place(*MADE_BY_THE_PAGE.get(page, ()))
    names: dict = {"__name__": "page"}
    for block in [block for block in RUN if block.page == page]:
        if block.is_python:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(block.text, f"{page}:{block.line}", "exec"), names)  # the page's own code
        for words in block.deepsynth() if block.is_shell else ():
            run_command(with_small(page, words))


@pytest.mark.parametrize("page", RUNNING)
def test_a_block_that_is_run_holds_nothing_but_commands_of_deepsynth(page):
    strange = [
        f"{page}:{block.line}: {command}"
        for block in RUN
        if block.page == page and block.is_shell
        for command in block.commands()
        if not command.startswith("deepsynth ")
    ]
    assert strange == [], "say above the block what it wants: <!-- not run: ... -->"


def test_blocks_that_are_not_run_say_what_they_want_and_are_counted():
    marked = [block for block in BLOCKS if block.reason is not None]
    assert {block.reason for block in marked} <= set(REASONS)
    assert dict(Counter(block.reason for block in marked)) == NOT_RUN
    assert len(RUN) > len(marked)


def test_commands_stand_in_blocks_that_are_looked_at():
    hidden = [
        f"{block.page}:{block.line}"
        for block in BLOCKS
        if not block.is_shell and not block.is_python and "deepsynth " in block.text.replace("[deepsynth", "")
    ]
    indented = [
        f"{page.relative_to(ROOT)}: {line.strip()}"
        for page in sorted({ROOT / block.page for block in BLOCKS})
        for line in page.read_text(encoding="utf-8").splitlines()
        if line.startswith("    deepsynth ")
    ]
    assert hidden + indented == []
