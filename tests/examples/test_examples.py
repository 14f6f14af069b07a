"""The examples run, and what they add to DeepSynth is found where a user would ask for it."""

import csv
import importlib
import json
import sys
import time
from pathlib import Path

import pytest
from tests.seams import kept_seams

from deepsynth.core.documents import Document
from deepsynth.core.errors import SettingsError
from deepsynth.data.config import SourceConfig
from deepsynth.data.sources.base import DocumentSource, Rejection, sources
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.renderer import make_renderer
from deepsynth.training.config import TrainerConfig
from deepsynth.training.trackers import trackers

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def example(monkeypatch):
    """Return what imports an example; what it registers is known to this test alone."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.chdir(EXAMPLES.parent)
    before = set(sys.modules)
    with kept_seams():
        yield importlib.import_module
    for name in set(sys.modules) - before:
        if (EXAMPLES / f"{name}.py").is_file():
            del sys.modules[name]


def test_a_source_of_ones_own_yields_records_and_tells_what_it_left_out(example):
    example("extend_source")
    source = sources.get("sections")(SourceConfig(language="en"))
    assert isinstance(source, DocumentSource)
    rows = list(source.rows())
    assert [type(row) for row in rows].count(Rejection) == 1
    assert [row.summary for row in rows if not isinstance(row, Rejection)] == ["Why pages", "How pages are read"]


def test_a_tracker_of_ones_own_writes_what_it_is_told(example, tmp_path):
    example("extend_tracker")
    tracker = trackers.get("csv")(TrainerConfig(), tmp_path)
    tracker.log(3, {"loss": 1.5})
    tracker.close()
    assert list(csv.reader((tmp_path / "metrics.csv").read_text().splitlines())) == [["3", "1.5", ""]]


def test_a_renderer_of_ones_own_draws_what_plain_text_would(example):
    example("extend_renderer")
    table = Document(id="table", text="a,b\n1,2", meta={"kind": "csv"})
    plain = Document(id="table", text="a | b\n1 | 2")
    renderer = make_renderer(RenderConfig(mode="nano-128"))
    assert [page.image.tobytes() for page in renderer.render(table)] == [
        page.image.tobytes() for page in renderer.render(plain)
    ]
    assert renderer.count(table) == renderer.count(plain)


def test_summaries_from_python(example, tmp_path, capsys):
    from deepsynth.inference.loading import load_any
    from deepsynth.models.saving import save_model

    save_model(load_any("tiny"), tmp_path / "model")
    (tmp_path / "text.txt").write_text("Some words to be read.")
    example("summarize").main(str(tmp_path / "model"), [str(tmp_path / "text.txt")])
    assert "tokens in" in capsys.readouterr().out


def test_a_family_of_ones_own_reads_its_folders_and_says_which_layers_adapt(example, tmp_path):
    from deepsynth.inference.loading import load_any
    from deepsynth.inference.summarizer import Summarizer
    from deepsynth.models.saving import save_model

    save_model(load_any("tiny"), tmp_path / "model")
    config = tmp_path / "model" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"model_type": "harbor-ocr"}))
    example("extend_family")
    loaded = load_any(str(tmp_path / "model"))
    assert loaded.family.name == "harbor"
    assert loaded.family.lora_targets("all-linear") == loaded.family.lora_targets("attention")
    (summary,) = Summarizer.load(tmp_path / "model").summarize(Document(id="a", text="The lamp was lit again."))
    assert summary.visual_tokens > 0


def test_the_whole_road_from_python(example, tmp_path, capsys):
    boats = (
        "tern",
        "gull",
        "heron",
        "plover",
        "curlew",
        "osprey",
        "petrel",
        "teal",
        "wigeon",
        "merlin",
        "dunlin",
        "knot",
    )
    rows = [
        {"text": f"{boat} of {boat[::-1]} harbor came home, {boat * 4}.", "summary": f"{boat} is home."}
        for boat in boats
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    summary = example("whole_road").main(tmp_path / "rows.jsonl", tmp_path / "road", model="tiny", steps=2)
    assert isinstance(summary, str)
    assert (tmp_path / "road" / "evaluation" / "report.html").is_file()
    assert "FROZEN" in capsys.readouterr().out


def test_an_executor_of_ones_own_runs_the_attempts_of_the_application(example, tmp_path):
    from deepsynth.jobs.job import new_job_id
    from deepsynth.web.config import WebConfig
    from deepsynth.web.engine import make_engine

    example("extend_executor")
    engine = make_engine(WebConfig.parse({"state_dir": tmp_path / "state", "executor": "quiet"}), environment={})
    identity, output = new_job_id(), str(tmp_path / "data")
    engine.executor.folder(identity).create(
        "dataset", {"source": str(tmp_path / "nowhere.jsonl"), "out": output}, output
    )
    engine.store.create_job("dataset", {}, job_id=identity, output=output)
    job = engine.store.queue.start_next({"cpu": 1})
    assert engine.executor.command(job)[:3] == ["nice", "-n", "19"]
    assert engine.executor.start(job) is None
    while not (ended := engine.executor.ended([engine.store.get_job(identity)])):
        time.sleep(0.1)
    engine.store.settle(ended)
    assert "nowhere.jsonl" in engine.store.get_job(identity).reason
    while engine.executor._runners:
        engine.executor.ended([])
    engine.store.close()


def test_an_executor_that_nobody_added_is_named_with_those_that_there_are(tmp_path):
    from deepsynth.web.config import WebConfig
    from deepsynth.web.engine import make_engine

    with pytest.raises(SettingsError, match=r"deepsynth\.executors has no 'cluster'.*local"):
        make_engine(WebConfig.parse({"state_dir": tmp_path / "state", "executor": "cluster"}), environment={})
