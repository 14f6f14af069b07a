from hypothesis import given
from hypothesis import strategies as st

from deepsynth.rendering.recent import Recent


@given(st.integers(1, 5), st.lists(st.integers(0, 20), max_size=80))
def test_a_generation_never_outgrows_its_size_and_there_is_never_a_wrong_value(size, keys):
    cache: Recent[int, str] = Recent(size)
    for key in keys:
        found = cache[key]
        assert found in (None, str(key))
        if found is None:
            assert cache.put(key, str(key)) == str(key)
        assert cache[key] == str(key)
        assert len(cache) <= size


def test_what_is_asked_for_often_stays():
    cache: Recent[str, int] = Recent(10)
    cache.put("the", 1)
    for number in range(1000):
        cache.put(f"rare {number}", number)
        assert cache["the"] == 1
    assert cache["rare 1"] is None
