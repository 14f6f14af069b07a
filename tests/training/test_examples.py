import numpy as np
import pytest

from deepsynth.core.errors import InputError
from deepsynth.data.config import AugmentationConfig
from deepsynth.training.config import TrainerConfig
from deepsynth.training.examples import AugmentedExamples, open_examples


def pixels(example):
    return [np.asarray(page.image) for page in example.pages]


def test_augmented_pages_differ_by_epoch_and_row_and_come_back_the_same(rows):
    examples = AugmentedExamples(rows, AugmentationConfig(noise=0.1), seed=3)
    first = pixels(examples[2])
    examples.set_epoch(1)
    second = pixels(examples[2])
    examples.set_epoch(0)
    assert (first[0] == pixels(examples[2])[0]).all()
    assert (first[0] != second[0]).any()


def test_words_stay_as_they_are(rows):
    examples = AugmentedExamples(rows, AugmentationConfig())
    assert len(examples) == len(rows)
    assert (examples[1].summary, examples[1].text, examples[1].id) == (rows[1].summary, rows[1].text, rows[1].id)


def test_a_dataset_that_is_not_there_is_named(tmp_path):
    config = TrainerConfig.parse({"data": {"path": tmp_path / "none"}})
    with pytest.raises(InputError, match=r"no dataset at .*none"):
        open_examples(config)
