import pytest

from deepsynth.data.sources.known import KNOWN
from deepsynth.evaluation.published import (
    BenchmarkRun,
    figures_beside,
    fox_curve,
    published_figures,
    rows_of,
    short_name,
)

EVERYTHING = ("rouge1_stemmed", "rouge2_stemmed", "rougeL_stemmed", "rougeLsum_stemmed")


def beside(dataset="abisee/cnn_dailymail", subset="3.0.0", split="test", rows=11490, metrics=EVERYTHING):
    run = BenchmarkRun(dataset=dataset, subset=subset, split=split, rows=rows, metrics=metrics)
    return {item.figure.system: item for item in figures_beside(run)}


def test_every_figure_has_a_source_and_belongs_to_a_known_data_set():
    figures = published_figures()
    assert {figure.dataset for figure in figures} == {
        "cnn_dailymail", "xsum", "billsum", "arxiv", "pubmed", "samsum", "mlsum",
    } <= set(KNOWN)  # fmt: skip
    for figure in figures:
        assert figure.source, figure.system
        assert figure.evidence in ("paper", "project's own page", "model card", "secondary", "unverified")
        assert all(5 < value < 70 for value in figure.scores.values()), figure.system


def test_the_same_rows_and_variant_compare():
    item = beside()["facebook/bart-large-cnn"]
    assert item.reasons == ()
    assert item.scores == {
        "rouge1_stemmed": 44.1, "rouge2_stemmed": 21.7, "rougeL_stemmed": 30.7, "rougeLsum_stemmed": 41.3,
    }  # fmt: skip


def test_a_run_that_named_no_configuration_has_read_the_usual_one():
    assert beside(subset=None)["facebook/bart-large-cnn"].reasons == ()
    mlsum = beside("mlsum", None, "test", 10701)["M-BERT"]
    assert mlsum.reasons[0] == "configuration es, not None"


def test_what_a_paper_calls_l_is_never_put_beside_plain_l():
    assert "rougeL_stemmed" not in beside()["BART-large"].scores
    assert beside()["BART-large"].scores["rougeLsum_stemmed"] == 40.90
    billsum = beside("billsum", None, "test", 3269)["PEGASUS-large, C4"]
    assert set(billsum.scores) == {"rouge1_stemmed", "rouge2_stemmed"}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"split": "validation", "rows": 13368}, "split test, not validation"),
        ({"rows": 500}, "500 rows here, 11,490 there"),
        ({"subset": "1.0.0"}, "configuration 3.0.0, not 1.0.0"),
        ({"metrics": ("rouge1", "rougeL")}, "no variant of ROUGE in common"),
    ],
)
def test_anything_else_is_said_to_be_incomparable(changed, reason):
    items = beside(**changed)
    assert items
    for item in items.values():
        assert reason in item.reasons
        assert item.scores == {}


def test_unstated_stemming_does_not_compare():
    assert "stemming is not stated" in beside("mlsum", "de", "test", 10701)["M-BERT"].reasons


def test_other_data_has_no_figures():
    assert beside("rows.jsonl", None) == {}
    assert short_name("EdinburghNLP/xsum") == "xsum"
    assert short_name("somebody/else") is None
    assert rows_of("mlsum", "fr", "test") == 15828
    assert rows_of("xsum", None, "nowhere") is None


def test_the_papers_curve_falls_with_compression():
    bins, source = fox_curve()
    assert "2510.18234" in source
    assert [found.low for found in bins] == [600, 700, 800, 900, 1000, 1100, 1200]
    assert (bins[0].precision[64], bins[0].compression[64]) == (96.5, 10.5)
    assert (bins[-1].precision[100], bins[-1].compression[100]) == (87.1, 12.6)
    for tokens in (64, 100):
        ratios = [found.compression[tokens] for found in bins]
        assert ratios == sorted(ratios)
        # a page of the bin at that compression has the bin's number of text tokens, give or take
        assert all(found.low - 60 < found.compression[tokens] * tokens < found.high + 60 for found in bins)
