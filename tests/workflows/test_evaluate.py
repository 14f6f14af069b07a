import json

from deepsynth.workflows.evaluate import EvaluateConfig, run


def test_a_checkpoint_is_scored_beside_its_baselines(dataset, checkpoint, tmp_path, reporter):
    values = {
        "model": str(checkpoint),
        "data": dataset,
        "out": tmp_path,
        "limit": 6,
        "reading_rows": 2,
        "max_new_tokens": 5,
    }
    result = run(EvaluateConfig.parse(values), reporter)
    report = json.loads((tmp_path / "report.json").read_text())
    assert len(report["rows"]) == 6
    assert {"model", "lead-1 (first sentence)"} <= set(report["scores"])
    assert report["reading"]["the pages"]["CER %"]["n"] == 2
    assert result.path.read_text().startswith("<!doctype html>")
    assert "| model |" in result.describe()
