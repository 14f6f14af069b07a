import json

import numpy as np
import pytest

from deepsynth.core.errors import InputError
from deepsynth.core.progress import SilentReporter
from deepsynth.data.config import AugmentationConfig
from deepsynth.data.prepare import Preparation, PrepareConfig
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


def test_text_to_learn_from_is_drawn_in_changing_faces_and_text_to_watch_is_not(tmp_path):
    things = ["lamp", "rope", "sail", "buoy", "chart", "gauge", "storm"]
    texts = [
        f"The {things[n % 7]} number {n} stands in the harbor and tells of the {things[n % 5]}." for n in range(30)
    ]
    lines = [{"id": f"{n}", "text": text, "summary": f"{things[n % 7]} number {n}"} for n, text in enumerate(texts)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    settings = {"source": str(tmp_path / "rows.jsonl"), "out": tmp_path / "data", "split": {"validation": 0.4}}
    Preparation(PrepareConfig.parse(settings), SilentReporter()).run()

    def opened(**augmentation):
        data = {"path": tmp_path / "data", "tasks": {"read": 1.0}}
        return open_examples(TrainerConfig.parse({"data": data, "augmentation": augmentation, "eval_interval": 5}))

    (plain, watched), (varied, watched_too) = opened(), opened(fonts=["sans"], letter_size=0.3)
    drawn, changed = ([np.asarray(rows[n].pages[0].image) for n in range(6)] for rows in (plain, varied))
    assert any((one != other).any() for one, other in zip(drawn, changed, strict=True))
    assert (pixels(watched[0])[0] == pixels(watched_too[0])[0]).all()


def test_a_dataset_that_is_not_there_is_named(tmp_path):
    config = TrainerConfig.parse({"data": {"path": tmp_path / "none"}})
    with pytest.raises(InputError, match=r"no dataset at .*none"):
        open_examples(config)
