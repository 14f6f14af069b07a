import json

import pyarrow.parquet as pq

from deepsynth.core.documents import Document, Record
from deepsynth.data.config import CleaningConfig, SplitConfig
from deepsynth.data.entries import EntryMaker
from deepsynth.data.executors import InProcess
from deepsynth.data.filling import Filling
from deepsynth.data.ledger import Ledger
from deepsynth.data.shards import failed_rows
from deepsynth.rendering.config import RenderConfig

RENDERING = RenderConfig(mode="nano-128")


def make_ledger(tmp_path, count=5, path=None):
    maker = EntryMaker(source="rows", cleaning=CleaningConfig(), split=SplitConfig(), rendering=RENDERING)
    documents = [Document(id=str(number), text=f"Lamp {number} is lit. " * (number + 3)) for number in range(count)]
    ledger = Ledger(tmp_path / "ledger.sqlite", CleaningConfig(near_duplicates="keep", leaks="keep"))
    made = maker([Record(document=document, summary="a lamp is lit") for document in documents])
    ledger.add(0, made, limit=None)
    return ledger


def fill(tmp_path, ledger, *, stored=True, max_pages=16):
    folder, told = tmp_path / "out", []
    filling = Filling(folder=folder, rows_per_shard=2, rendering=RENDERING, max_pages=max_pages, stored=stored)
    filling.run(ledger, InProcess(), told.append)
    return {path.name: pq.read_table(path).to_pylist() for path in sorted(folder.glob("*.parquet"))}, told


def test_each_row_of_the_ledger_is_in_one_shard_with_its_own_pages(tmp_path):
    ledger = make_ledger(tmp_path)
    shards, told = fill(tmp_path, ledger)
    rows = [row for shard in shards.values() for row in shard]
    assert sorted(row["id"] for row in rows) == ["0", "1", "2", "3", "4"]
    assert all(len(shard) <= 2 for shard in shards.values())
    assert all(row["pages"] and row["text"].startswith(f"Lamp {row['id']} ") for row in rows)
    assert told[-1] == 5
    ledger.close()


def test_shards_that_are_there_stay_as_they_are(tmp_path):
    ledger = make_ledger(tmp_path)
    before, _ = fill(tmp_path, ledger)
    name = next(iter(before))
    marked = (tmp_path / "out" / name).stat().st_mtime_ns
    (tmp_path / "out" / list(before)[-1]).unlink()
    assert fill(tmp_path, ledger)[0] == before
    assert (tmp_path / "out" / name).stat().st_mtime_ns == marked
    ledger.close()


def test_pages_are_left_out_where_they_are_drawn_on_reading(tmp_path):
    ledger = make_ledger(tmp_path)
    shards, _ = fill(tmp_path, ledger, stored=False)
    assert {row["pages"] for shard in shards.values() for row in shard} == {None}
    ledger.close()


def test_a_row_that_cannot_be_drawn_is_noted_in_its_shard(tmp_path):
    ledger = make_ledger(tmp_path, count=2)
    ledger._db.execute(
        "UPDATE texts SET row = ? WHERE number = 1",
        (
            json.dumps(
                {**dict(next(iter(ledger.rows(next(iter(ledger.splits())))))[1]), "id": "1", "text": "\ue000 " * 30}
            ),
        ),
    )
    fill(tmp_path, ledger)
    noted = [item for path in (tmp_path / "out").glob("*.parquet") for item in failed_rows(path)]
    assert [(item.number, item.rejection.reason) for item in noted] == [(1, "character-without-glyph")]
    ledger.close()
