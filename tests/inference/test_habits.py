import json

import pytest

from deepsynth.core.errors import ModelError
from deepsynth.inference.habits import Habits, after_training, habits_of
from deepsynth.inference.summarizer import Summarizer
from deepsynth.models import build_size, save_model
from deepsynth.models.tokenizer import JsonTokenizer


def test_a_model_that_says_nothing_has_the_usual_habits(summarizer):
    assert habits_of(JsonTokenizer.bundled()) == habits_of(None) == summarizer.engine.facts.habits == Habits()


def test_habits_lie_beside_the_model_and_go_along_with_it(tmp_path):
    save_model(build_size("nano-untrained"), tmp_path / "a")
    (tmp_path / "a" / "asking.json").write_text(json.dumps({"read_first": True, "pages_per_prompt": 2}))
    first = Summarizer.load(tmp_path / "a")
    assert first.engine.facts.habits == Habits(read_first=True, pages_per_prompt=2)
    save_model(first.loaded, tmp_path / "b")
    assert Summarizer.load(tmp_path / "b").engine.facts.habits == first.engine.facts.habits


@pytest.mark.parametrize("content", [b"{", b"[1]", b'{"read_first": "perhaps"}', b'{"unknown": 1}'])
def test_a_broken_file_is_named(content):
    bundled = JsonTokenizer.bundled()
    with pytest.raises(ModelError, match=r"asking\.json of the model cannot be read"):
        habits_of(JsonTokenizer(bundled._content, companions={"asking.json": content}))


def test_training_to_answer_sets_how_the_model_is_asked():
    says = JsonTokenizer.bundled().with_companion("asking.json", b'{"read_first": true, "pages_per_prompt": 1}')
    assert habits_of(after_training(says, read_first=False, keep_lines=False)) == Habits()
    assert habits_of(after_training(says, read_first=True, keep_lines=True)) == Habits(read_first=True, keep_lines=True)
    only_reads = after_training(says, read_first=None, keep_lines=True)
    assert habits_of(only_reads) == habits_of(says).model_copy(update={"keep_lines": True})
    assert habits_of(says) == Habits(read_first=True, pages_per_prompt=1)
    silent = JsonTokenizer.bundled()
    assert after_training(silent, read_first=False, keep_lines=False) is silent
    assert after_training(None, read_first=True, keep_lines=False) is None
