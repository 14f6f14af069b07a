import gzip
import shutil

import pytest

from deepsynth.core.errors import InputError
from deepsynth.data.config import SourceConfig
from deepsynth.data.sources import manuals, open_source
from deepsynth.data.sources.columns import RowError
from deepsynth.data.sources.manuals import parse_manual

needs_mandoc = pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
ENGLISH = r""".TH LAMP 1 2026-01-01 "Harbor" "User Commands"
.SH NAME
lamp \- light the lamp of a harbor
.SH SYNOPSIS
.B lamp
[\fB\-b\fR \fIminutes\fR]
.SH DESCRIPTION
The \fBlamp\fR command lights the lamp at dusk.
It burns until the morning comes.
.PP
A second paragraph tells of the \fIwick\fR.
.SH AUTHORS
The keeper of the lamp.
"""
FRENCH = r""".TH LAMP 1 2026-01-01 "Port" "Commandes"
.SH NOM
lamp \- allumer la lampe d'un port
.SH SYNOPSIS
.B lamp
.SH DESCRIPTION
La commande \fBlamp\fR allume la lampe à la tombée de la nuit.
.SH TRADUCTION
Un volontaire.
"""


@pytest.fixture
def pages(tmp_path):
    files = {
        "man1/lamp.1": ENGLISH.encode(),
        "fr/man1/lamp.1.gz": gzip.compress(FRENCH.encode(), mtime=0),
        "man1/beacon.1": b".so man1/lamp.1\n",
        "man1/odd.1": b".TH ODD 1\n.SH NAME\nodd\n.SH DESCRIPTION\nNo summary is here.\n",
        "man1/torn.1.gz": gzip.compress(ENGLISH.encode(), mtime=0)[:40],
        "de/man1/lamp.1": b"not asked for",
        "man1/README": b"no page",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


@needs_mandoc
def test_the_name_line_is_the_summary_and_prose_is_the_document(pages):
    source = open_source(SourceConfig(source="man", manuals=pages, languages=("en", "fr")))
    french, english = list(source)
    assert english.summary == "light the lamp of a harbor"
    assert english.document.text == (
        "DESCRIPTION\nThe lamp command lights the lamp at dusk. It burns until the morning comes.\n\n"
        "A second paragraph tells of the wick."
    )
    assert (french.summary, french.document.language) == ("allumer la lampe d'un port", "fr")
    assert "volontaire" not in french.document.text
    assert english.group == french.group == "lamp.1"


@needs_mandoc
def test_pages_that_cannot_be_used_are_listed_with_their_reason(pages):
    source = open_source(SourceConfig(source="man", manuals=pages))
    assert len(list(source)) == 1
    assert {(row.where, row.reason) for row in source.rejected} == {
        ("man1/beacon.1", "alias"),
        ("man1/odd.1", "missing-summary"),
        ("man1/torn.1.gz", "damaged-file"),
    }
    assert source.expected_rows() == 4


@needs_mandoc
def test_the_fingerprint_follows_the_pages(pages):
    config = SourceConfig(source="man", manuals=pages)
    before = open_source(config).fingerprint
    assert open_source(config).fingerprint == before
    (pages / "man1" / "lamp.1").write_text(ENGLISH + "More.\n")
    assert open_source(config).fingerprint != before


@needs_mandoc
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"languages": ("en", "xx")}, "no manual page in 'xx'"),
        ({"manuals": "/nowhere"}, "no folder of manual pages at"),
    ],
)
def test_what_is_not_there_is_named(pages, values, message):
    with pytest.raises(InputError, match=message):
        open_source(SourceConfig.parse({"source": "man", "manuals": pages, **values}))


def test_without_mandoc_its_package_is_named(monkeypatch, pages):
    monkeypatch.setattr(manuals.shutil, "which", lambda name: None)
    with pytest.raises(InputError, match="needs mandoc.*apt install mandoc"):
        open_source(SourceConfig(source="man", manuals=pages))


@pytest.mark.parametrize("dash", ["-", "--", "\u2013", "\u2014", "\u2212"])
def test_any_dash_stands_between_name_and_summary(dash):
    page = f"HEAD\n\nNAME\n     lamp, lamp-post {dash} light - and more\n\nDESCRIPTION\n     Text.\n\nFOOT\n"
    assert parse_manual(page).summary == "light - and more"


def test_a_page_of_nothing_but_its_name_is_empty():
    with pytest.raises(RowError, match="nothing but a name"):
        parse_manual("HEAD\n\nNAME\n     lamp - light\n\nSYNOPSIS\n     lamp\n\nFOOT\n")


def test_a_paragraph_that_mandoc_had_to_break_is_one_line_again():
    broken = "     " + "word " * 190
    page = f"HEAD\n\nNAME\n     lamp - light\n\nDESCRIPTION\n{broken}\n     the end.\n     Next.\n\nFOOT\n"
    assert parse_manual(page).text == "DESCRIPTION\n" + "word " * 190 + "the end.\nNext."
