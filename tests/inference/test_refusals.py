import pytest

from deepsynth.core.errors import InputError, MissingGlyphError, StorageError
from deepsynth.inference.refusals import KINDS, BusyError, TooLargeError, from_message, to_message


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_an_error_is_the_same_behind_a_pipe(kind):
    error = from_message(to_message(kind("what is wrong", field="a.b")))
    assert type(error) is kind
    assert (str(error), error.field) == ("what is wrong", "a.b")


def test_a_kind_that_does_not_travel_comes_as_its_nearest_relative():
    class Special(MissingGlyphError):
        pass

    assert type(from_message(to_message(Special("x")))) is MissingGlyphError
    assert type(from_message(to_message(StorageError("x")))) is InputError
    assert issubclass(TooLargeError, InputError)
    assert BusyError("x", retry_after=7).retry_after == 7
