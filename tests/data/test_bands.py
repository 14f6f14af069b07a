import random
import sqlite3

import pytest

from deepsynth.data import bands
from deepsynth.data.bands import Bands


@pytest.fixture
def db(monkeypatch):
    """Tables that hold 8, 64 and 512 keys: rows of four keys soon go through all of them."""
    monkeypatch.setattr(bands, "FIRST_KEYS", 8)
    connection = sqlite3.connect(":memory:", isolation_level=None)
    yield connection
    connection.close()


def keys_of(number: int) -> list[int]:
    return random.Random(number).sample(range(-(2**40), 2**40), 4)


def held(db, table: str) -> int:
    return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def fill(found: Bands, rows: int, first: int = 0) -> None:
    for number in range(first, rows):
        found.add(keys_of(number), number)
        found.settle()


def everything(db, found: Bands) -> list[tuple[int, int]]:
    return sorted(row for table in found.tables for row in db.execute(f"SELECT key, number FROM {table}"))


def test_each_key_is_kept_once_however_often_it_was_poured(db):
    found = Bands(db)
    fill(found, 200)
    assert found.tables == ["bands_0", "bands_1", "bands_2", "bands_3"]
    assert everything(db, found) == sorted((key, number) for number in range(200) for key in keys_of(number))


def test_a_table_holds_no_more_than_its_share_and_what_was_poured_in_last(db):
    found = Bands(db)
    for number in range(200):
        fill(found, number + 1, number)
        sizes = [held(db, table) for table in found.tables]
        assert all(size < 8 * 8**level for level, size in enumerate(sizes))


def test_all_keys_of_a_row_are_in_one_table(db):
    found = Bands(db)
    fill(found, 150)
    for number in range(150):
        counts = [
            db.execute(f"SELECT count(*) FROM {table} WHERE number = ?", (number,)).fetchone()[0]
            for table in found.tables
        ]
        assert sorted(counts)[-2:] == [0, 4]


def test_what_another_run_has_kept_is_found_and_goes_on_alike(db):
    fill(Bands(db), 77)
    again = Bands(db)
    assert again.tables == ["bands_0", "bands_1", "bands_2"]
    fill(again, 200, 77)
    unbroken = sqlite3.connect(":memory:", isolation_level=None)
    fill(Bands(unbroken), 200)
    assert list(db.iterdump()) == list(unbroken.iterdump())
    unbroken.close()


def test_a_key_that_a_row_has_twice_is_kept_once(db):
    found = Bands(db)
    found.add([5, 5, 6], 0)
    assert everything(db, found) == [(5, 0), (6, 0)]
