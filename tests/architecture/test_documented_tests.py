"""A page that says which test holds something is right about it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
PAGES = sorted(path for path in (ROOT / "docs").rglob("*.md") if NAMED.search(path.read_text(encoding="utf-8")))


def test_some_page_names_tests():
    assert ROOT / "docs" / "explain" / "traps.md" in PAGES


@pytest.mark.parametrize("page", PAGES, ids=[path.stem for path in PAGES])
def test_every_test_that_a_page_names_is_there(page):
    for file, name in NAMED.findall(page.read_text(encoding="utf-8")):
        assert re.search(rf"^def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), f"{file}::{name}"
