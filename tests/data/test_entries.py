import json

from deepsynth.core.documents import Document, Record
from deepsynth.data import entries
from deepsynth.data.config import CleaningConfig, SplitConfig
from deepsynth.data.entries import EntryMaker, cut_blocks
from deepsynth.data.nearness import band_keys
from deepsynth.data.sources import Rejection
from deepsynth.rendering.config import RenderConfig

TEXT = "The harbor lamp was lit again after three years of repair, and the keeper noted the wind."


def record(name: str, text: str = TEXT, **meta: str) -> Record:
    return Record(document=Document(id=name, text=text, language="en", meta=meta), summary="a lamp is lit", group="g")


def maker(**cleaning) -> EntryMaker:
    return EntryMaker(source="rows", cleaning=CleaningConfig(**cleaning), split=SplitConfig(), rendering=RenderConfig())


def test_an_entry_holds_what_the_dataset_will_hold_and_what_finds_its_likes():
    (made,) = maker()([record("a", split="test", index="7", configuration="fr")])
    assert (made.id, made.split, made.group) == ("a", "test", "g")
    stored = json.loads(made.stored)
    assert (stored["text"], stored["summary"], stored["source"]) == (TEXT, "a lamp is lit", "rows")
    assert (stored["configuration"], stored["original_split"], stored["original_index"]) == ("fr", "test", 7)
    assert list(made.bands) == band_keys(made.signature)


def test_rows_that_cannot_be_used_stay_in_their_places():
    unread = Rejection(where="row 2", reason="bad-json")
    made = maker()([record("a"), unread, record("b", "short")])
    assert made[1] is unread
    assert [getattr(item, "reason", None) for item in made] == [None, "bad-json", "document-too-short"]


def test_without_comparisons_nothing_is_kept_for_them():
    (made,) = maker(near_duplicates="keep", leaks="keep")([record("a")])
    assert (made.signature, list(made.bands)) == (None, [])


def test_blocks_end_by_rows_or_by_characters(monkeypatch):
    monkeypatch.setattr(entries, "BLOCK_ROWS", 3)
    monkeypatch.setattr(entries, "BLOCK_CHARS", 100)
    rows = [record(str(number), "x" * (60 if number < 4 else 1)) for number in range(9)]
    rows[5] = Rejection(where="row 5", reason="bad-json")
    assert [len(block) for block in cut_blocks(rows)] == [2, 2, 3, 2]
    assert [row for block in cut_blocks(rows) for row in block] == rows
