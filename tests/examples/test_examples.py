"""The examples run, and what they add to DeepSynth is found where a user would ask for it."""

import csv
import importlib
import sys
from pathlib import Path

import pytest

from deepsynth.core.documents import Document
from deepsynth.data.config import SourceConfig
from deepsynth.data.sources.base import DocumentSource, Rejection, sources
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.renderer import make_renderer
from deepsynth.training.config import TrainerConfig
from deepsynth.training.trackers import trackers

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def example(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.chdir(EXAMPLES.parent)
    return lambda name: sys.modules.get(name) or importlib.import_module(name)


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


def test_summaries_from_python(example, tmp_path, capsys):
    from deepsynth.inference.summarizer import load_any
    from deepsynth.models.saving import save_model

    save_model(load_any("tiny"), tmp_path / "model")
    (tmp_path / "text.txt").write_text("Some words to be read.")
    example("summarize").main(str(tmp_path / "model"), [str(tmp_path / "text.txt")])
    assert "tokens in" in capsys.readouterr().out
