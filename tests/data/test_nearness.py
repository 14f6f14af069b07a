import random

import numpy as np
import pytest

from deepsynth.data.nearness import PERMUTATIONS, RUN, band_keys, signature, similarity
from deepsynth.data.wording import runs, units


def words(generator, count):
    return ["".join(generator.choices("abcdefgh", k=6)) for _ in range(count)]


@pytest.mark.parametrize("changed", [0, 10, 40, 120, 400])
def test_the_estimate_is_near_the_true_share_of_common_runs(changed):
    generator = random.Random(changed)
    first = words(generator, 400)
    second = [*words(generator, changed), *first[changed:]]
    one, other = set(runs(first, RUN)), set(runs(second, RUN))
    true = len(one & other) / len(one | other)
    (found,) = similarity(signature(" ".join(first)), [signature(" ".join(second))])
    assert found == pytest.approx(true, abs=0.15)


def test_near_texts_share_a_band_and_far_ones_do_not():
    generator = random.Random(1)
    first, second = words(generator, 300), words(generator, 300)
    near = signature(" ".join([*first[:290], *second[:10]]))
    assert set(band_keys(signature(" ".join(first)))) & set(band_keys(near))
    assert not set(band_keys(signature(" ".join(first)))) & set(band_keys(signature(" ".join(second))))


def test_a_band_that_differs_in_one_number_or_stands_elsewhere_has_another_key():
    numbers = np.arange(PERMUTATIONS, dtype="<u4")
    other = numbers.copy()
    other[5] += 1
    one, two = band_keys(numbers.tobytes()), band_keys(other.tobytes())
    assert [place for place in range(32) if one[place] != two[place]] == [1]
    assert len(set(band_keys(np.zeros(PERMUTATIONS, "<u4").tobytes()))) == 32


def test_characters_of_languages_without_blanks_are_units_of_their_own():
    assert runs(units("灯台守は毎晩"), RUN) == ["灯 台 守 は 毎", "台 守 は 毎 晩"]
    assert runs(units("one two"), RUN) == ["one two"]


def test_a_text_without_letters_has_no_signature():
    assert signature("--- !!! ---") is None
