from hypothesis import given
from hypothesis import strategies as st

from deepsynth.data.sources.debian.groups import MAX_GROUP_ROWS, Groups, choose_split, find_near, make_groups
from deepsynth.data.sources.debian.stanzas import Description


def item(source: str, document: str, summary: str = "s") -> Description:
    return Description(package=source, source=source, language="en", summary=summary, document=document, is_meta=False)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef"))))
def test_joined_names_are_one_group_and_others_are_not(pairs):
    groups = Groups()
    reached = {name: {name} for name in "abcdef"}
    for one, two in pairs:
        groups.join(one, two)
        both = reached[one] | reached[two]
        for name in both:
            reached[name] = both
    for name in "abcdef":
        assert {other for other in "abcdef" if groups.find(other) == groups.find(name)} == reached[name]
        assert groups.find(name) == min(reached[name])


def test_versions_of_one_program_are_one_group():
    groups = make_groups([item("gcc-12", "one text here"), item("gcc-13", "another text here"), item("lamp", "third")])
    assert groups.find("gcc-12") == groups.find("gcc-13") != groups.find("lamp")


def test_a_shared_paragraph_joins_its_sources():
    shared = "This paragraph of more than ten words stands in two packages that have nothing else."
    groups = make_groups([item("a", f"own\n\n{shared}"), item("b", f"other\n\n{shared}"), item("c", "alone")])
    assert groups.find("a") == groups.find("b") != groups.find("c")


def test_large_groups_stay_in_training():
    assert {choose_split(f"g{number}", MAX_GROUP_ROWS + 1) for number in range(200)} == {"train"}
    assert {choose_split(f"g{number}", 1) for number in range(500)} == {"train", "validation", "test"}


def test_near_copies_of_training_rows_are_found():
    training = ["the lamp stands at the end of the pier and burns all night for late boats"]
    held_out = {"near": training[0].replace("night", "day"), "far": "a gauge reads the level of water in the old port"}
    assert find_near(held_out, training) == {"near"}
