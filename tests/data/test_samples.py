import io

import pyarrow.parquet as pq
from PIL import Image


def test_a_dataset_shows_pages_of_rows_of_each_split(prepare):
    folder = prepare(split={"test": 0.3})
    names = sorted(path.name for path in (folder / "samples").iterdir())
    assert names == [f"{split}-{number}.png" for split in ("test", "train", "validation") for number in (0, 1)]
    first = pq.read_table(folder / "train-00000.parquet").to_pylist()[0]["pages"][0]["bytes"]
    assert (folder / "samples" / "train-0.png").read_bytes() == first
    assert "![The first page of a row](samples/train-0.png)" in (folder / "README.md").read_text()


def test_pages_that_are_not_stored_are_drawn_for_the_card(prepare):
    folder = prepare(pages="on-the-fly")
    with Image.open(io.BytesIO((folder / "samples" / "train-0.png").read_bytes())) as page:
        assert page.size == (128, 128)
        assert page.convert("L").getextrema()[0] < 100, "something is written there"
