"""The whole way from copied package lists (written for these tests) to records, with every rule on the way."""

from pathlib import Path

import pytest

from deepsynth.core.errors import InputError
from deepsynth.data.config import SourceConfig
from deepsynth.data.sources import Rejection, open_source

LISTS = Path(__file__).parents[3] / "assets" / "debian"


def read(*languages: str):
    source = open_source(SourceConfig(source="debian", lists=LISTS, languages=languages))
    rows = list(source.rows())
    kept = {row.document.id: row for row in rows if not isinstance(row, Rejection)}
    dropped = {row.where: row.reason for row in rows if isinstance(row, Rejection)}
    return source, kept, dropped


def test_descriptions_become_documents_with_their_synopsis_as_summary():
    _, kept, _ = read("en")
    record = kept["en/tidewatch"]
    assert record.summary == "monitor that warns of spring floods"
    assert record.document.language == "en"
    assert record.document.text == (
        "Tidewatch reads the water level from a harbor gauge and draws the tides of the coming week for everybody who"
        " lives near the sea.\n\nIt offers:\n* alarms before a flood, sent to every boat in the port\n- a log of past storms"
    )


def test_each_row_that_is_kept_out_says_by_which_rule():
    assert read("en")[2] == {
        "en/lamp2": "identical-document",
        "en/harbor-meta": "meta-package",
        "en/short": "short-document",
    }
    assert read("fr")[2] == {"fr/lamp": "not-translated"}


def test_packages_of_one_source_and_their_translations_are_one_group():
    _, kept, _ = read("en", "fr")
    groups = {name: row.group for name, row in kept.items()}
    assert groups["en/tidewatch"] == groups["en/tidewatch-doc"] == groups["fr/tidewatch"]
    assert groups["en/lamp"] != groups["en/tidewatch"]
    splits = {row.document.meta["split"] for name, row in kept.items() if "tidewatch" in name}
    assert len(splits) == 1


def test_the_same_lists_give_the_same_rows_and_fingerprint():
    first, second = read("en"), read("en")
    assert list(first[1]) == list(second[1])
    assert first[0].fingerprint == second[0].fingerprint != read("fr")[0].fingerprint
    hashes = [item["sha256"] for item in first[0].provenance()["lists"]]
    assert len(hashes) == 2


@pytest.mark.parametrize(
    ("folder", "languages", "message"),
    [
        (Path("/nowhere"), ("en",), "no folder of package lists"),
        (LISTS, ("eo",), "holds no descriptions .Translation-eo"),
    ],
)
def test_missing_lists_are_one_clear_line(folder, languages, message):
    with pytest.raises(InputError, match=message):
        open_source(SourceConfig(source="debian", lists=folder, languages=languages))


def test_without_apt_the_way_out_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"needs apt, which is not here.*--reading\.lists"):
        open_source(SourceConfig(source="debian", cache=tmp_path))
