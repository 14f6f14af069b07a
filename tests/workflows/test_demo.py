import json

import pytest

from deepsynth.core.errors import InputError
from deepsynth.workflows.demo import DemoConfig, run


@pytest.mark.slow
def test_the_whole_road_runs_on_installed_packages(tmp_path, reporter):
    (tmp_path / "mine.txt").write_text("Tidewatch reads the water level from a harbor gauge. " * 4)
    config = DemoConfig.parse(
        {
            "document": tmp_path / "mine.txt",
            "out": tmp_path / "demo",
            "source": "packages",
            "model": "tiny",
            "minutes": 0.05,
            "batch_size": 8,
            "evaluation_rows": 8,
        }
    )
    result = run(config, reporter)
    report = json.loads((tmp_path / "demo" / "report.json").read_text())
    assert set(report["verdict"]) >= {line for line in result.verdict if line.startswith("The model's")}
    kinds = {"whole documents", "random letters"}
    assert set(report["reading"]) == kinds | {f"{kind} (before training)" for kind in kinds}
    assert "the bundled model before" in report["scores"]
    assert any(line.startswith("ROUGE-L of its summaries:") and "before" in line for line in result.verdict)
    assert "data:image/png" in result.report.read_text()
    assert str(result.checkpoint) in result.describe()
    assert [message[:2] for message in reporter.messages if message[:1].isdigit()] == ["1.", "2.", "3.", "4."]


def test_a_wrong_document_is_refused_at_once(tmp_path, reporter):
    with pytest.raises(InputError, match="no file at .*gone.txt"):
        run(DemoConfig(document=tmp_path / "gone.txt", out=tmp_path), reporter)
