import io
import json
import os
import signal
import subprocess
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.data.conftest import fake_hub  # noqa: F401 - a fixture

from deepsynth.core.control import Control
from deepsynth.core.errors import InputError, Paused, QualityError
from deepsynth.data.sources.known import EXPORT_REVISION
from deepsynth.workflows.evaluate import EvaluateConfig, run

SMALL = {"limit": 6, "reading_rows": 2, "probe_rows": 2, "max_new_tokens": 5, "batch_size": 4}


def settings(dataset, checkpoint, out, **more):
    return EvaluateConfig.parse({"model": str(checkpoint), "data": dataset, "out": out, **SMALL, **more})


def test_a_checkpoint_is_scored_beside_baselines_controls_and_probes(dataset, checkpoint, tmp_path, reporter):
    result = run(settings(dataset, checkpoint, tmp_path), reporter)
    report = json.loads((tmp_path / "report.json").read_text())
    assert len(report["rows"]) == 6
    assert {
        "model", "lead-1 (first sentence)", "TextRank", "model, another row's pages", "same decoder, plain text in full",
        "same decoder, plain text cut to as many tokens",
    } <= set(report["scores"])  # fmt: skip
    assert {name: scores["cer"]["n"] for name, scores in report["reading"].items()} == {
        "the pages": 2, "shuffled words": 2, "random letters": 2,
    }  # fmt: skip
    assert report["costs"]["visual_tokens"] > 0
    assert len(list((tmp_path / "pages").iterdir())) == 6
    assert result.path.read_text().startswith("<!doctype html>")
    assert "| model |" in result.describe()


def test_what_is_switched_off_is_not_made(dataset, checkpoint, tmp_path, reporter):
    off = {"controls": (), "reading_rows": 0, "probe_rows": 0, "save_pages": False}
    run(settings(dataset, checkpoint, tmp_path, **off), reporter)
    report = json.loads((tmp_path / "report.json").read_text())
    assert "model, another row's pages" not in report["scores"]
    assert report["reading"] == {}
    assert not (tmp_path / "pages").exists()
    assert [path.name for path in tmp_path.glob("*.jsonl")] == ["summaries-predictions.jsonl"]


def test_a_floor_that_is_missed_fails_with_the_report_written(dataset, checkpoint, tmp_path, reporter):
    off = {"controls": (), "reading_rows": 0, "probe_rows": 0}
    config = settings(dataset, checkpoint, tmp_path, fail_under={"rougeL": 99.5}, **off)
    with pytest.raises(QualityError, match=r"rougeL is \d+\.\d+, under 99.5") as error:
        run(config, reporter)
    assert error.value.exit_code == 1
    assert (tmp_path / "report.html").is_file()
    assert any("| model |" in message for message in reporter.messages)
    run(config.override({"fail_under": {"rougeL": 0.0}}), reporter)


def test_a_floor_of_no_metric_is_refused_before_the_model_is_loaded(dataset, tmp_path, reporter):
    with pytest.raises(InputError, match="no metric 'rouge9'"):
        run(EvaluateConfig(model=str(tmp_path / "gone"), data=dataset, fail_under={"rouge9": 1.0}), reporter)


def test_a_pause_that_was_asked_for_stops_before_the_next_batch(dataset, checkpoint, tmp_path, reporter):
    control = Control()
    control.request_pause()
    with pytest.raises(Paused):
        run(settings(dataset, checkpoint, tmp_path), reporter, control)
    assert not (tmp_path / "report.json").exists()


def test_a_benchmark_of_the_hub_is_evaluated_by_its_name_and_put_beside_published_figures_with_a_reason(
    checkpoint, tmp_path, reporter, fake_hub  # noqa: F811
):  # fmt: skip
    def split(name):
        rows = [
            {"article": f"The {name} lamp number {n} warns boats. It stands in the harbor.", "highlights": f"Lamp {n}."}
            for n in range(4)
        ]
        target = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows), target)
        return target.getvalue()

    files = {f"3.0.0/{name}/0000.parquet": split(name) for name in ("train", "validation", "test")}
    fake_hub.add("abisee/cnn_dailymail", files, branch=EXPORT_REVISION)
    run(settings("cnn_dailymail", checkpoint, tmp_path / "out", controls=(), probe_rows=0), reporter)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [row["text"][:13] for row in report["rows"]] == ["The test lamp"] * 4
    assert report["rows"][3]["reference"] == "Lamp 3."
    assert report["scores"]["nearest training summary"]["rouge1"]["n"] == 4
    assert "rougeLsum_stemmed" in report["scores"]["model"]
    bart = next(item for item in report["published"] if item["figure"]["system"] == "BART-large")
    assert bart["reasons"] == ["4 rows here, 11,490 there"]
    assert bart["scores"] == {}
    assert "4 rows here, 11,490 there" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.slow
def test_a_run_killed_without_warning_ends_in_the_same_report(dataset, checkpoint, tmp_path, reporter):
    def command(out):
        flags = [
            f"--{name.replace('_', '-')}={value}" for name, value in {**SMALL, "limit": 12, "batch_size": 1}.items()
        ]
        model = [f"--model={checkpoint}", f"--data={dataset}", f"--out={out}"]
        return [sys.executable, "-m", "deepsynth", "evaluate", *model, *flags]

    def told(out):
        report = json.loads((out / "report.json").read_text())
        return {name: value for name, value in report.items() if name != "timing"}

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(command(whole), check=True, capture_output=True)
    predictions = killed / "summaries-other-pages-predictions.jsonl"
    process = subprocess.Popen(command(killed), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not predictions.is_file() or predictions.read_bytes().count(b"\n") < 3:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (killed / "report.json").exists()
    before = predictions.read_bytes()
    subprocess.run(command(killed), check=True, capture_output=True)
    assert predictions.read_bytes().startswith(before[: before.rfind(b"\n") + 1])
    assert told(killed) == told(whole)
