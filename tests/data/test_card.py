import json

import pyarrow.parquet as pq
import yaml

from deepsynth.data.card import SHOWN_CHARS, _plain


def front(card: str) -> dict:
    return yaml.safe_load(card.split("---\n")[1])


def test_the_card_tells_rows_reasons_settings_and_license(prepare, rows_file):
    with rows_file.open("a") as file:
        file.write("broken\n")
    card = (prepare() / "README.md").read_text()
    assert "| bad-json | 1 |" in card
    assert "mode `nano-128`, letters of 10.0 px" in card
    assert "License: that of the source" in card
    assert "| document words |" in card


def test_the_front_names_the_files_of_each_split_and_what_the_hub_sorts_by(prepare):
    folder = prepare(reading={"language": "fr"}, split={"validation": 0.3, "test": 0.2})
    facts = front((folder / "README.md").read_text())
    files = facts["configs"][0]["data_files"]
    assert [item["split"] for item in files] == ["test", "train", "validation"]
    assert all(list(folder.glob(item["path"])) for item in files)
    assert (facts["language"], facts["license"], facts["size_categories"]) == (["fr"], "unknown", ["n<1K"])


def test_terms_that_the_hub_has_no_name_for_are_told_in_words(prepare, monkeypatch):
    from deepsynth.data.sources.tables import TableSource

    make = TableSource.__init__

    def with_terms(self, *arguments, **options):
        make(self, *arguments, **options | {"license": "for the harbor master's eyes only"})

    monkeypatch.setattr(TableSource, "__init__", with_terms)
    card = (prepare() / "README.md").read_text()
    assert (front(card)["license"], front(card)["license_name"]) == ("other", "see-below")
    assert "License: for the harbor master's eyes only" in card


def test_below_each_picture_stands_what_belongs_to_it(prepare, rows_file):
    rows = [json.loads(line) for line in rows_file.read_text().splitlines()]
    rows_file.write_text(
        "".join(json.dumps(row | {"summary": f"# {row['summary']} *b* <i>\n[x](y)"}) + "\n" for row in rows)
    )
    folder = prepare(split={"validation": 0.0, "test": 0.0})
    card = (folder / "README.md").read_text()
    first, second = pq.read_table(folder / "train-00000.parquet").to_pylist()[:2]
    words = first["summary"].partition(" ")[2].partition(" *b*")[0]
    assert f"(samples/train-0.png)\n\n> \\# {words} \\*b\\* &lt;i&gt; \\[x\\](y)\n>\n> rows.jsonl:1\n" in card
    assert second["summary"].partition(" ")[2].partition(" *b*")[0] in card


def test_a_long_summary_is_cut_behind_a_word():
    shown = _plain("harbor " * 100)
    assert shown.endswith("harbor ...")
    assert len(shown) <= SHOWN_CHARS + 4
