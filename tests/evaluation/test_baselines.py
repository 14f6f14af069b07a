import pytest

from deepsynth.core.errors import InputError
from deepsynth.data.tasks import Row
from deepsynth.evaluation.baselines import (
    BASELINES,
    best_sentence,
    lead,
    nearest_summary,
    random_summary,
    stripped_lead,
)

ROWS = [
    Row(id="a", text="This package provides a monitor of tides. It sends flood warnings.", summary="flood warnings"),
    Row(id="b", text="Lamp is a tool for light. It burns oil.", summary="a tool for light"),
]
TRAINING = [
    Row(id="t1", text="Sails and ropes for boats", summary="ropes"),
    Row(id="t2", text="A monitor that warns of floods", summary="flood monitor"),
    Row(id="t3", text="no summary"),
]


def test_lead_is_the_first_sentence():
    assert lead(ROWS, TRAINING, 0) == ["This package provides a monitor of tides.", "Lamp is a tool for light."]


def test_a_stripped_lead_has_no_opening():
    assert stripped_lead(ROWS, TRAINING, 0) == ["monitor of tides", "tool for light"]


def test_a_random_summary_is_a_training_one_and_depends_on_the_seed_alone():
    drawn = [random_summary(ROWS, TRAINING, seed) for seed in range(8)]
    assert {text for row in drawn for text in row} == {"ropes", "flood monitor"}
    assert drawn == [random_summary(ROWS, TRAINING, seed) for seed in range(8)]


def test_the_nearest_summary_comes_from_the_document_that_shares_rare_words():
    assert nearest_summary(ROWS[:1], TRAINING, 0) == ["flood monitor"]


def test_the_best_sentence_is_the_one_nearest_to_the_reference():
    assert best_sentence(ROWS[:1], TRAINING, 0) == ["It sends flood warnings."]


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_gives_one_text_a_row(name):
    texts = BASELINES[name](ROWS, TRAINING, 0)
    assert len(texts) == len(ROWS)
    assert all(texts)


@pytest.mark.parametrize("baseline", [random_summary, nearest_summary])
def test_no_training_rows_are_an_error(baseline):
    with pytest.raises(InputError, match="needs training rows"):
        baseline(ROWS, [], 0)


def test_a_row_without_text_is_named():
    with pytest.raises(InputError, match="row 'x' has no text"):
        lead([Row(id="x", text="")], [], 0)
