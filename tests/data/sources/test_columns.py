from __future__ import annotations

import pytest

from deepsynth.core.errors import InputError
from deepsynth.data.config import SourceConfig
from deepsynth.data.sources.columns import Columns, RowError, choose_columns, make_record


@pytest.mark.parametrize(
    ("names", "text", "summary"),
    [
        (["text", "summary", "topic", "url", "title", "date"], "text", "summary"),
        (["article", "highlights", "id"], "article", "highlights"),
        (["id", "dialogue", "summary"], "dialogue", "summary"),
        (["Document", "TLDR"], "Document", "TLDR"),
        (["source", "target"], "source", "target"),
        (["text", "source", "summary"], "text", "summary"),
    ],
)
def test_usual_columns_are_recognized(names: list[str], text: str, summary: str) -> None:
    columns = choose_columns(names, SourceConfig(), "a table")
    assert (columns.text, columns.summary) == (text, summary)


def test_two_possible_documents_are_a_question() -> None:
    with pytest.raises(InputError, match=r"several columns.*article, text.*--reading.text-column"):
        choose_columns(["article", "text", "summary"], SourceConfig(), "t.csv")


def test_two_possible_summaries_are_a_question() -> None:
    with pytest.raises(InputError, match=r"--reading\.summary-column"):
        choose_columns(["text", "summary", "abstract"], SourceConfig(), "t.csv")


def test_named_columns_settle_it() -> None:
    config = SourceConfig(text_column="body", summary_column="abstract", group_column="author")
    columns = choose_columns(["text", "body", "summary", "abstract", "author"], config, "t.csv")
    assert columns == Columns(text="body", summary="abstract", group="author")
    assert columns.names() == ["body", "abstract", "author"]


def test_unknown_names_list_what_there_is() -> None:
    with pytest.raises(InputError, match=r"no column 'txt'; it has: text, summary"):
        choose_columns(["text", "summary"], SourceConfig(text_column="txt"), "t.csv")
    with pytest.raises(InputError, match=r"holds the document.*Columns: a, b"):
        choose_columns(["a", "b"], SourceConfig(), "t.csv")
    with pytest.raises(InputError, match=r"--reading.summary-column.*--reading.no-require-summary"):
        choose_columns(["text", "b"], SourceConfig(), "t.csv")


def test_summaries_may_be_absent_where_none_is_required() -> None:
    config = SourceConfig(require_summary=False)
    assert choose_columns(["text", "b"], config, "t").summary is None
    record = make_record({"text": "words"}, Columns(text="text", summary="summary"), config, default_id="r", meta={})
    assert record.summary is None


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"summary": "s"}, "missing-column"),
        ({"text": None, "summary": "s"}, "missing-column"),
        ({"text": 3, "summary": "s"}, "wrong-type"),
        ({"text": ["a"], "summary": "s"}, "wrong-type"),
        ({"text": " \n\t", "summary": "s"}, "empty"),
        ({"text": "words", "summary": ""}, "empty"),
        ({"text": "PK\x03\x04\x00\x00binary", "summary": "s"}, "binary"),
        ({"text": "lone \ud800 surrogate", "summary": "s"}, "bad-encoding"),
        ({"text": "x" * 101, "summary": "s"}, "too-long"),
    ],
)
def test_each_kind_of_bad_row_has_its_reason(row: dict[str, object], reason: str) -> None:
    config = SourceConfig(max_chars=100)
    with pytest.raises(RowError) as caught:
        make_record(row, Columns(text="text", summary="summary"), config, default_id="r", meta={})
    assert caught.value.reason == reason


def test_language_group_and_id_come_from_their_columns() -> None:
    columns = Columns(text="text", summary="summary", id="n", language="lang", group="author")
    row = {"text": "words", "summary": "s", "n": 7, "lang": "fr", "author": 12}
    record = make_record(row, columns, SourceConfig(), default_id="r", meta={"index": "0"})
    assert (record.document.id, record.document.language, record.group) == ("7", "fr", "12")
    bare = make_record({**row, "n": None, "lang": None}, columns, SourceConfig(language="de"), default_id="r", meta={})
    assert (bare.document.id, bare.document.language) == ("r", "de")
