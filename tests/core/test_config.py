import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError, model_validator

from deepsynth.core.config import Config, merge, model_in, read_settings_file
from deepsynth.core.errors import SettingsError


class Inner(Config):
    rank: int = Field(8, ge=1)
    """Rank."""


class Outer(Config):
    name: str = "run"
    """Name."""
    inner: Inner = Inner()
    """Inside."""
    maybe: Inner | None = None
    """Perhaps."""
    ratios: dict[str, float] = Field(default_factory=dict)
    """By name."""


@given(
    st.builds(
        Outer,
        name=st.text(),
        inner=st.builds(Inner, rank=st.integers(1, 99)),
        maybe=st.none() | st.builds(Inner, rank=st.integers(1, 99)),
        ratios=st.dictionaries(st.text(min_size=1), st.floats(-1e6, 1e6)),
    )
)
def test_what_was_saved_loads_equal(tmp_path_factory, settings):
    path = tmp_path_factory.mktemp("config") / "config.json"
    if any("\ud800" <= character <= "\udfff" for character in settings.name + "".join(settings.ratios)):
        return
    settings.save(path)
    assert Outer.load(path) == settings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"nmae": "x"}, "nmae: unknown setting; did you mean 'name'"),
        ({"inner": {"rnk": 2}}, r"inner\.rnk: unknown setting; did you mean 'rank'"),
        ({"maybe": {"rnk": 2}}, r"maybe\.rnk: unknown setting; did you mean 'rank'"),
        ({"inner": {"rank": 0}}, r"inner\.rank: .*greater than or equal to 1 \(got 0\)"),
    ],
)
def test_a_wrong_setting_is_named_by_its_path(values, message):
    with pytest.raises(SettingsError, match=message):
        Outer.parse(values)


def test_the_error_carries_the_path_for_forms():
    with pytest.raises(SettingsError) as caught:
        Outer.parse({"inner": {"rank": 0}})
    assert caught.value.field == "inner.rank"


def test_settings_cannot_be_changed_after_they_were_made():
    with pytest.raises(ValidationError, match="frozen"):
        Outer().name = "other"


def test_dotted_and_nested_overrides_reach_the_same_place():
    assert Outer().override({"inner.rank": 3}) == Outer().override({"inner": {"rank": 3}}) == Outer(inner=Inner(rank=3))


def test_an_optional_group_is_made_by_naming_one_of_its_settings():
    assert Outer().override({"maybe.rank": 3}).maybe == Inner(rank=3)


def test_merge_leaves_its_arguments_alone():
    base = {"a": {"b": 1}}
    assert merge(base, {"a": {"c": 2}}) == {"a": {"b": 1, "c": 2}}
    assert base == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yaml", "a: [", "cannot be read as YAML"),
        ("a.json", "{", "cannot be read as JSON"),
        ("a.yaml", "- 1", "mapping of settings, not list"),
    ],
)
def test_a_settings_file_that_is_none_is_refused(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(SettingsError, match=message):
        read_settings_file(tmp_path / name)


def test_an_absent_settings_file_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"no settings file at .*gone\.yaml"):
        read_settings_file(tmp_path / "gone.yaml")


def test_the_class_inside_an_optional_field_is_found():
    assert model_in(Outer.model_fields["maybe"].annotation) is Inner
    assert model_in(Outer.model_fields["name"].annotation) is None


class Strict(Config):
    low: int = 0
    """Low."""
    high: int = 1
    """High."""

    @model_validator(mode="after")
    def _ordered(self) -> "Strict":
        if self.low > self.high:
            raise ValueError("low must not be above high")
        return self


def test_checks_that_join_settings_are_told_in_our_words_alone():
    with pytest.raises(SettingsError) as caught:
        Strict.parse({"low": 3})
    assert str(caught.value) == "low must not be above high"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.yaml", b"\xff\xfe", r"a\.yaml cannot be read as YAML: 'utf-8' codec"),
        ("a.yaml", b"a: [1\nb: {", r"a\.yaml cannot be read as YAML: expected .* in line 2, column 2$"),
        ("a.JSON", b'{"a":', r"a\.JSON cannot be read as JSON: Expecting value"),
        ("a.txt", b"- 1", r"a\.txt must hold a mapping of settings, not list"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line_that_names_it(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingsError, match=message) as caught:
        read_settings_file(tmp_path / name)
    assert "\n" not in str(caught.value)
