import yaml


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
