import pytest

from deepsynth.core.documents import Document, Record
from deepsynth.data.cleaning import Cleaner, choose_split
from deepsynth.data.config import CleaningConfig, SplitConfig

TEXT = "The harbor lamp is lit at dusk. It burns until the morning comes and the boats return."


def record(text: str = TEXT, summary: str | None = "a lamp for boats", **values) -> Record:
    meta = values.pop("meta", {})
    return Record(document=Document(id=values.pop("id", "d"), text=text, meta=meta), summary=summary, **values)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (record("too short"), "document-too-short"),
        (record(summary="lamp"), "summary-too-short"),
        (record(summary=TEXT[:-10]), "compression-too-low"),
        (record(), None),
        (record(summary=None), None),
    ],
)
def test_each_rule_names_its_reason(changed, reason):
    assert Cleaner(CleaningConfig()).reason(changed) == reason


def test_a_document_met_again_is_a_duplicate_whatever_its_case_and_blanks():
    cleaner = Cleaner(CleaningConfig())
    assert cleaner.reason(record()) is None
    assert cleaner.reason(record(TEXT.upper().replace(" ", "  "))) == "duplicate-document"
    assert Cleaner(CleaningConfig(exact_duplicates=False)).reason(record()) is None


@pytest.mark.parametrize(
    ("policy", "reason", "flags"),
    [
        ("keep", None, {}),
        ("flag", None, {"summary-verbatim-in-document": 1}),
        ("drop", "summary-verbatim-in-document", {}),
    ],
)
def test_a_summary_that_stands_in_its_document_is_kept_flagged_or_dropped(policy, reason, flags):
    cleaner = Cleaner(CleaningConfig(verbatim_summaries=policy))
    assert cleaner.reason(record(summary="the harbor lamp is lit")) == reason
    assert cleaner.flags == flags


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (40, "The harbor lamp is lit at dusk."),
        (20, "The harbor lamp is"),
        (500, TEXT),
        (None, TEXT),
    ],
)
def test_long_documents_are_cut_behind_a_sentence_or_word(limit, expected):
    assert Cleaner(CleaningConfig(cut_chars=limit)).cut(record()).document.text == expected


def test_rows_of_one_group_fall_on_one_side():
    config = SplitConfig(validation=0.3, test=0.3)
    splits = {choose_split(record(id=f"d{number}", group="g"), config) for number in range(20)}
    assert len(splits) == 1


def test_splits_have_about_the_shares_that_were_asked_for():
    config = SplitConfig(validation=0.2, test=0.3)
    found = [choose_split(record(id=f"d{number}"), config) for number in range(2000)]
    assert found.count("test") / 2000 == pytest.approx(0.3, abs=0.04)
    assert found.count("validation") / 2000 == pytest.approx(0.2, abs=0.04)


def test_a_split_that_the_source_names_is_kept():
    assert choose_split(record(meta={"split": "test"}), SplitConfig(test=0, validation=0)) == "test"
