import pytest

from deepsynth.core.documents import Document, Record
from deepsynth.data.cleaning import Judged, choose_split, cut_text, judge, tidy_text
from deepsynth.data.config import CleaningConfig, SplitConfig
from deepsynth.data.sources import Rejection
from deepsynth.rendering.config import RenderConfig

TEXT = "The harbor lamp is lit at dusk. It burns until the morning comes and the boats return."
FRENCH = (
    "Le gardien du phare allume la lampe chaque soir et note la force du vent dans son grand cahier bleu. "
    "Quand la tempête arrive, il sonne la cloche et les bateaux rentrent au port avant la nuit noire. "
    "Au matin, il descend au village pour acheter du pain et raconter ce que la mer lui a montré."
)


def record(text: str = TEXT, summary: str | None = "a lamp for boats", **values) -> Record:
    meta, language = values.pop("meta", {}), values.pop("language", "und")
    document = Document(id=values.pop("id", "d"), text=text, meta=meta, language=language)
    return Record(document=document, summary=summary, **values)


def outcome(row: Record, **settings) -> str | Judged:
    found = judge(row, CleaningConfig(**settings), RenderConfig())
    return found.reason if isinstance(found, Rejection) else found


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (record("too short"), "document-too-short"),
        (record(summary="lamp"), "summary-too-short"),
        (record(summary=TEXT[:-10]), "compression-too-low"),
        (record(TEXT + " \ue000"), "character-without-glyph"),
        (record("The harbor lamp burns. " * 5000), "too-many-pages"),
    ],
)
def test_each_rule_names_its_reason(changed, reason):
    assert outcome(changed) == reason


@pytest.mark.parametrize("good", [record(), record(summary=None)])
def test_a_good_row_is_let_through_with_what_compares_it(good):
    judged = outcome(good)
    assert judged.text == TEXT
    assert len(judged.signature) == 512


def test_layout_and_case_do_not_change_what_two_documents_are_compared_by():
    one, other = outcome(record()), outcome(record(TEXT.upper().replace(" ", "  ")))
    assert (one.content, one.signature) == (other.content, other.signature)
    assert outcome(record(TEXT + " More.")).content != one.content


@pytest.mark.parametrize(
    ("policy", "flags"), [("keep", ()), ("flag", ("summary-verbatim-in-document",)), ("drop", None)]
)
def test_a_summary_that_stands_in_its_document_is_kept_flagged_or_dropped(policy, flags):
    found = outcome(record(summary="the harbor lamp is lit"), verbatim_summaries=policy)
    assert found == "summary-verbatim-in-document" if flags is None else found.flags == flags


@pytest.mark.parametrize(
    ("policy", "language", "flags"),
    [
        ("keep", "en", ()),
        ("flag", "en", ("language-differs",)),
        ("flag", "fr", ()),
        ("flag", "und", ()),
        ("drop", "en", None),
    ],
)
def test_a_document_in_another_language_than_its_row_says_is_found(policy, language, flags):
    found = outcome(record(FRENCH, language=language), language_check=policy)
    assert found == "language-differs" if flags is None else found.flags == flags


@pytest.mark.parametrize(("text", "language"), [(FRENCH, "fr"), (TEXT, "und")])
def test_the_language_is_detected_where_that_is_asked_for_and_sure(text, language):
    assert outcome(record(text, language="detect")).record.document.language == language


def test_nearness_is_not_looked_at_where_no_rule_needs_it():
    assert outcome(record(), near_duplicates="keep", leaks="keep").signature is None


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
    assert cut_text(TEXT, limit) == expected


def test_texts_are_put_into_one_form_and_left_alone_on_demand():
    raw = "cafe\u0301 \r\n\r\n\r\n\r\nnext\x00  \nline  "
    assert tidy_text(raw) == "caf\u00e9\n\nnext\nline"
    assert outcome(record(TEXT + "\n\n\n\n" + TEXT), normalize=False).text == TEXT + "\n\n\n\n" + TEXT


def test_a_file_is_judged_by_the_text_it_holds(tmp_path):
    (tmp_path / "a.md").write_text(f"# Lamp\n\n{TEXT}\n")
    found = judge(
        Record(document=Document(id="a.md", path=tmp_path / "a.md"), summary="a lamp for boats"),
        CleaningConfig(),
        RenderConfig(),
    )
    assert TEXT in found.text


def test_a_file_that_cannot_be_opened_is_kept_out(tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"no PDF at all")
    row = Record(document=Document(id="a.pdf", path=tmp_path / "a.pdf"), summary="a lamp for boats")
    found = judge(row, CleaningConfig(), RenderConfig())
    assert (found.reason, "cannot be opened" in found.detail) == ("unreadable-document", True)


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
