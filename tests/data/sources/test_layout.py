from __future__ import annotations

import pytest

from deepsynth.core.errors import InputError
from deepsynth.data.sources.layout import choose_files, group_files

EXPORT = [f"{config}/{split}/0000.parquet" for config in ("de", "fr") for split in ("train", "validation", "test")]


def test_a_configuration_of_an_export_is_found_with_its_splits_in_order() -> None:
    assert choose_files([*EXPORT, "fr/train/0001.parquet"], "fr", "mlsum") == {
        "train": ["fr/train/0000.parquet", "fr/train/0001.parquet"],
        "validation": ["fr/validation/0000.parquet"],
        "test": ["fr/test/0000.parquet"],
    }


def test_configurations_are_never_mixed_nor_guessed() -> None:
    with pytest.raises(InputError, match=r"several configurations \(de, fr\); name one of them as its subset"):
        choose_files(EXPORT, None, "mlsum")
    with pytest.raises(InputError, match=r"no configuration 'es'; it has: de, fr"):
        choose_files(EXPORT, "es", "mlsum")


def test_a_single_configuration_needs_no_name() -> None:
    assert list(choose_files(["default/train/0000.parquet", "default/ca_test/0000.parquet"], None, "b")) == [
        "train",
        "ca_test",
    ]


def test_what_push_to_hub_writes_is_understood() -> None:
    paths = ["README.md", ".gitattributes", "data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"]
    assert choose_files([*paths, "data/test-00000-of-00001.parquet"], None, "x") == {
        "train": paths[2:],
        "test": ["data/test-00000-of-00001.parquet"],
    }
    two = ["3.0.0/train-00000-of-00001.parquet", "2.0.0/train-00000-of-00001.parquet"]
    assert sorted(group_files(two)) == ["2.0.0", "3.0.0"]


def test_plain_files_are_told_apart_by_their_names() -> None:
    assert choose_files(["train.jsonl", "val.jsonl.gz", "test.csv"], None, "x") == {
        "train": ["train.jsonl"],
        "validation": ["val.jsonl.gz"],
        "test": ["test.csv"],
    }
    assert choose_files(["part-1.jsonl", "part-2.jsonl"], None, "x") == {"": ["part-1.jsonl", "part-2.jsonl"]}
    assert choose_files(["constrained.jsonl"], None, "x") == {"": ["constrained.jsonl"]}


def test_a_split_cut_short_by_the_export_is_still_that_split() -> None:
    assert choose_files(["default/partial-train/0000.parquet"], None, "x") == {
        "train": ["default/partial-train/0000.parquet"]
    }


def test_a_tree_without_rows_is_refused() -> None:
    with pytest.raises(InputError, match="holds no file of rows"):
        choose_files(["README.md", ".git/x.jsonl"], None, "x")
