import json

from deepsynth.data.prepared import PreparedDataset
from deepsynth.inference.summarizer import Summarizer
from deepsynth.workflows.demo_config import DOCUMENT, DemoConfig
from deepsynth.workflows.demo_report import BEFORE, let_work, write_demo_report, writing


def test_a_transcript_of_the_longest_document_may_be_longer_than_it():
    assert writing().max_new_tokens > DOCUMENT


def test_what_a_model_made_before_and_after_stands_side_by_side(dataset, checkpoint, tmp_path, reporter):
    config = DemoConfig(out=tmp_path, evaluation_rows=8)
    prepared = PreparedDataset(dataset)
    before, after = (
        let_work(config, prepared, Summarizer.load(name), when, reporter)
        for when, name in (("before", "tiny"), ("after", str(checkpoint)))
    )
    assert len(after.summaries) == len(after.examples) == 8
    assert set(after.readings) == {"whole documents", "random letters"}
    path, told = write_demo_report(config, prepared, "packages", before, after, seconds=7.0)
    assert path == tmp_path / "report.html"
    report = json.loads((tmp_path / "report.json").read_text())
    rates = [
        report["reading"][name]["cer"]["mean"] for name in ("whole documents (before training)", "whole documents")
    ]
    assert told[0] == "Wrong characters in whole documents: {:.1f} % before, {:.1f} % after.".format(*rates)
    scores = [report["scores"][name]["rougeL"]["mean"] for name in (BEFORE, "model")]
    assert told[2].startswith("ROUGE-L of its summaries: {:.1f} before, {:.1f} after.".format(*scores))
