from __future__ import annotations

from deepsynth.data.sources.known import EXPORT_REVISION, KNOWN, find_known


def test_datasets_are_found_by_short_name_and_by_id() -> None:
    assert find_known("mlsum") is find_known("recital/MLSUM") is KNOWN["mlsum"]
    assert find_known("somebody/else") is None


def test_each_language_configuration_knows_its_language() -> None:
    assert KNOWN["xlsum"].language("french") == "fr"
    assert KNOWN["mlsum"].language("tu") == "tr"
    assert KNOWN["arxiv"].language("document") == "en"
    for item in KNOWN.values():
        assert len(item.languages) in (1, len(item.subsets))


def test_datasets_with_scripts_are_read_from_the_export() -> None:
    assert all(item.revision == EXPORT_REVISION for item in KNOWN.values() if item.script)
