import pickle

import pytest

from deepsynth.core.errors import CheckpointError, InputError, SettingsError
from deepsynth.data.config import DataConfig
from deepsynth.data.prepared import PreparedDataset, TaskExamples


def test_a_dataset_knows_its_splits_and_its_rows(prepare):
    dataset = PreparedDataset(prepare())
    assert sum(dataset.splits().values()) == 40
    rows = list(dataset.split("train").rows())
    assert len(rows) == dataset.splits()["train"]
    assert rows[0].source == "rows.jsonl"


def test_an_absent_dataset_says_how_to_make_one(tmp_path):
    with pytest.raises(InputError, match="deepsynth prepare SOURCE --out"):
        PreparedDataset(tmp_path / "gone")


def test_an_unfinished_or_damaged_dataset_is_refused(prepare):
    folder = prepare()
    shard = next(folder.glob("train-*.parquet"))
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=f"{shard.name} is damaged"):
        PreparedDataset(folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(CheckpointError, match="never finished"):
        PreparedDataset(folder)


def test_an_unknown_split_names_the_known_ones(prepare):
    with pytest.raises(InputError, match=r"no split 'dev'; it has .*train"):
        PreparedDataset(prepare()).split("dev")


def examples(prepare, **values) -> TaskExamples:
    dataset = PreparedDataset(prepare())
    return TaskExamples(dataset.split("train"), DataConfig.parse(values), dataset.rendering)


def test_the_same_epoch_gives_the_same_examples_and_another_epoch_others(prepare):
    rows = examples(prepare, tasks={"read": 1, "random": 1}, longest_text=20)
    first = [rows[index].summary for index in range(10)]
    rows.set_epoch(1)
    assert [rows[index].summary for index in range(10)] != first
    rows.set_epoch(0)
    assert [rows[index].summary for index in range(10)] == first


def test_a_copy_in_a_worker_gives_the_same_examples(prepare):
    rows = examples(prepare, tasks={"read": 1}, longest_text=20)
    expected = rows[3]
    copied = pickle.loads(pickle.dumps(rows))[3]
    assert copied.summary == expected.summary
    assert copied.pages[0].image.tobytes() == expected.pages[0].image.tobytes()


def test_a_limit_takes_the_first_rows(prepare):
    dataset = PreparedDataset(prepare())
    assert len(TaskExamples(dataset.split("train"), DataConfig(), dataset.rendering, limit=3)) == 3


def test_unknown_tasks_are_refused(prepare):
    with pytest.raises(SettingsError, match="no task sing; known: summarize, read"):
        examples(prepare, tasks={"sing": 1.0})
