import pytest

from deepsynth.evaluation.differences import mark_differences


@pytest.mark.parametrize(
    ("prediction", "reference", "left", "right"),
    [
        (
            "a red <tide>",
            "the Red tide",
            "<ins>a</ins> red <ins>&lt;tide&gt;</ins>",
            "<del>the</del> Red <del>tide</del>",
        ),
        ("same words", "same words", "same words", "same words"),
        ("", "gone", "", "<del>gone</del>"),
        ("水位高", "水位低", "水位<ins>高</ins>", "水位<del>低</del>"),
        ("a b  c", "a c", "a <ins>b</ins>  c", "a c"),
    ],
)
def test_what_one_text_holds_alone_is_marked(prediction, reference, left, right):
    assert mark_differences(prediction, reference) == (left, right)
