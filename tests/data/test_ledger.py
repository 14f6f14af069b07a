import random

import pytest

from deepsynth.core.documents import Document, Record
from deepsynth.data import bands
from deepsynth.data.config import CleaningConfig, SplitConfig
from deepsynth.data.entries import EntryMaker
from deepsynth.data.ledger import Ledger
from deepsynth.data.sources import Rejection
from deepsynth.rendering.config import RenderConfig


def text(seed: int, words: int = 80) -> str:
    generator = random.Random(seed)
    return " ".join("".join(generator.choices("abcdefghij", k=5)) for _ in range(words))


def entry(name: str, split: str, content: str, group: str = ""):
    document = Document(id=name, text=content, meta={"split": split})
    record = Record(document=document, summary="a summary of it", group=group)
    maker = EntryMaker(source="rows", cleaning=CleaningConfig(), split=SplitConfig(), rendering=RenderConfig())
    return maker([record])[0]


@pytest.fixture
def ledger(tmp_path):
    made: list[Ledger] = []

    def make(**settings) -> Ledger:
        made.append(Ledger(tmp_path / "ledger.sqlite", CleaningConfig(**settings)))
        return made[-1]

    yield make
    for item in made:
        item.close()


def add(ledger, *rows, first=0, limit=None):
    """Each row is (id, split, text[, group])."""
    return ledger.add(first, (entry(*row) for row in rows), limit=limit)


def listed(ledger):
    return [(item.where, item.reason) for item in ledger.rejections()]


def kept(ledger, split="train"):
    return [row["id"] for _, row in ledger.rows(split)]


def test_what_repeats_an_earlier_row_is_kept_out_with_its_likeness(ledger):
    book = ledger()
    near = text(1, 79) + " altogether"
    add(
        book,
        ("a", "train", text(1)),
        ("b", "train", text(1).upper()),
        ("c", "train", near),
        ("a", "train", text(2)),
        ("e", "train", text(3)),
    )
    assert listed(book) == [("b", "duplicate-document"), ("c", "near-duplicate"), ("a", "repeated-id")]
    assert [item.detail.split(" (")[0] for item in book.rejections()] == [
        "like a",
        "like a",
        "an earlier row has this id",
    ]
    assert kept(book) == ["a", "e"]


@pytest.mark.parametrize(("policy", "flags"), [("flag", {"near-duplicate": 1}), ("keep", {})])
def test_near_duplicates_may_be_flagged_or_kept(ledger, policy, flags):
    book = ledger(near_duplicates=policy)
    add(book, ("a", "train", text(1)), ("c", "train", text(1, 79) + " altogether"))
    assert (book.reasons(), book.flags()) == ({}, flags)


def test_exact_duplicates_may_be_kept(ledger):
    book = ledger(exact_duplicates=False, near_duplicates="keep")
    add(book, ("a", "train", text(1)), ("b", "train", text(1)))
    assert kept(book) == ["a", "b"]


def test_held_out_rows_near_a_training_row_are_dropped_wherever_they_stand(ledger):
    book = ledger()
    half = " ".join([*text(1).split()[:60], *text(9).split()[:20]])  # about 0.58 of the runs in common
    add(book, ("t1", "test", half), ("a", "train", text(1)), ("t2", "test", text(4)), ("v", "validation", text(5)))
    assert list(book.separate()) == [3]
    assert listed(book) == [("t1", "near-training-row")]
    assert kept(book) == ["a"]
    assert kept(book, "test") == ["t2"]


def test_held_out_rows_near_a_training_row_may_be_flagged(ledger):
    book = ledger(leaks="flag", near_duplicates="keep")
    add(book, ("t1", "test", text(1, 79) + " altogether"), ("a", "train", text(1)))
    assert list(book.separate()) == [1]
    assert (book.flags(), listed(book)) == ({"near-training-row": 1}, [])


def test_a_group_stays_in_the_first_of_its_splits(ledger):
    book = ledger()
    rows = [("v", "validation", text(1), "g"), ("t", "test", text(2), "g"), ("o", "ca_test", text(3), "g"),
            ("x", "test", text(4), "h"), ("y", "validation", text(5), "h"), ("z", "train", text(6), "")]  # fmt: skip
    add(book, *rows)
    list(book.separate())
    assert listed(book) == [
        ("v", "group-in-another-split"),
        ("o", "group-in-another-split"),
        ("y", "group-in-another-split"),
    ]
    add(book, ("w", "train", text(7), "g"), first=6)
    list(book.separate())
    assert kept(book, "test") == ["x"]


def test_unknown_splits_of_one_group_are_told_apart_too(ledger):
    book = ledger()
    add(book, ("a", "ca_test", text(1), "g"), ("b", "ny_test", text(2), "g"))
    list(book.separate())
    assert listed(book) == [("b", "group-in-another-split")]


def test_a_limit_counts_kept_rows_and_stops_behind_the_last(ledger):
    book = ledger()
    assert add(book, ("a", "train", text(1)), ("b", "train", text(1)), ("c", "train", text(2)), limit=2) == 3
    assert add(book, ("d", "train", text(3)), first=3, limit=2) == 0
    assert (book.fact("read"), book.fact("kept")) == (3, 2)


def test_a_block_is_taken_whole_or_not_at_all(ledger):
    book = ledger()
    add(book, ("a", "train", text(1)))

    def broken():
        yield Rejection(where="row 2", reason="bad-json")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        book.add(1, broken(), limit=None)
    assert (book.fact("read"), listed(book), kept(book)) == (1, [], ["a"])


def test_an_interrupted_run_finds_what_was_there(ledger):
    add(ledger(), ("a", "train", text(1)))
    again = ledger()
    assert again.splits() == {"train": 1}
    add(again, ("b", "train", text(1)), first=1)
    assert listed(again) == [("b", "duplicate-document")]


def test_a_row_that_could_not_be_drawn_keeps_its_place_and_is_listed(ledger):
    book = ledger()
    add(book, ("a", "train", text(1)), ("b", "train", text(2)))
    book.note(0, Rejection(where="a", reason="cannot-be-drawn", detail="damaged"))
    assert kept(book) == ["a", "b"]
    assert book.reasons() == {"cannot-be-drawn": 1}


def test_near_rows_are_found_in_whichever_table_their_keys_are(ledger, monkeypatch):
    monkeypatch.setattr(bands, "FIRST_KEYS", 64)  # those of two rows
    book = ledger()
    for number in range(40):
        add(book, (f"r{number}", "train", text(number)), first=number)
    for number in range(40):
        add(book, (f"n{number}", "train", text(number, 79) + " altogether"), first=40 + number)
    assert [item.detail.split(" (")[0] for item in book.rejections()] == [f"like r{number}" for number in range(40)]
    held_out = [(f"t{number}", "test", text(number, 60) + text(1000 + number, 10)) for number in range(40)]
    add(book, *held_out, first=80)
    list(book.separate())
    assert [name for name, reason in listed(book) if reason == "near-training-row"] == [row[0] for row in held_out]
