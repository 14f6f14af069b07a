import json

import pytest

from deepsynth.core.errors import InputError
from deepsynth.core.progress import SilentReporter
from deepsynth.data.prepare import Preparation, PrepareConfig
from deepsynth.evaluation.benchmark import Wanted, open_benchmark
from deepsynth.rendering.config import RenderConfig


def opened(data, tmp_path, reporter, **changed):
    values = {"rendering": RenderConfig(), "training_limit": 5, "max_pages": 1, **changed}
    return open_benchmark(Wanted(data=data, **values), tmp_path / "work", reporter)


class Told(SilentReporter):
    def __init__(self):
        self.messages = []

    def message(self, text):
        self.messages.append(text)


@pytest.fixture
def export(tmp_path):
    """Rows laid out as on the Hub: one folder a configuration, one file a split; short texts, duplicates, odd characters."""
    rows = [
        {"text": "Short.", "summary": "S", "language": "en"},
        {"text": "Short.", "summary": "S", "language": "en"},
        {"text": "A character that no font draws: \U0001fffd, and more.", "summary": "odd", "language": "en"},
        {"text": "A long text. " * 200, "summary": "long", "language": "en"},
    ]
    for subset in ("one", "two"):
        for split in ("train", "test"):
            path = tmp_path / "hub" / subset / split / "0000.jsonl"
            path.parent.mkdir(parents=True)
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "hub"


def test_a_named_dataset_keeps_every_row_of_its_split(export, tmp_path):
    reporter = Told()
    found = opened(export, tmp_path, reporter, subset="one")
    assert [row.text[:5] for row in found.rows()] == ["Short", "Short", "A cha", "A lon"]
    assert [len(found.examples[number].pages) for number in range(4)] == [1, 1, 1, 1]
    assert len(found.training) == 4
    assert (found.subset, found.rejected) == ("one", 0)
    assert f"preparing {export}, split test" in reporter.messages


def test_a_dataset_without_a_training_split_says_so(export, tmp_path):
    reporter = Told()
    found = opened(export, tmp_path, reporter, subset="one", training_split="training")
    assert found.training == []
    assert "baselines that need training rows are left out" in reporter.messages[-1]


def test_a_missing_split_is_an_error(export, tmp_path):
    with pytest.raises(InputError, match="no split 'dev'"):
        opened(export, tmp_path, Told(), subset="one", split="dev")


@pytest.fixture
def prepared(tmp_path):
    lines = "".join(
        json.dumps({"text": f"The lamp number {n} stands in the harbor of Brest.", "summary": f"lamp number {n}"})
        + "\n"
        for n in range(20)
    )
    (tmp_path / "rows.jsonl").write_text(lines)
    values = {"source": str(tmp_path / "rows.jsonl"), "out": tmp_path / "data", "split": {"test": 0.4},
              "reading": {"language": "en"}}  # fmt: skip
    Preparation(PrepareConfig.parse(values), SilentReporter()).run()
    return tmp_path / "data"


def test_a_prepared_dataset_is_read_as_it_is(prepared, tmp_path):
    found = opened(prepared, tmp_path, Told(), limit=2)
    assert len(found.rows()) == 2
    assert len(found.training) == 5
    assert found.english
    assert found.source.endswith("rows.jsonl")
    assert found.run(["rouge1"]).rows == 2
    assert not (tmp_path / "work").exists()


def test_a_prepared_dataset_has_no_configurations(prepared, tmp_path):
    with pytest.raises(InputError, match="have no configuration 'fr'"):
        opened(prepared, tmp_path, Told(), subset="fr")
