import pytest

from deepsynth.core.errors import InputError
from deepsynth.inference.loading import usual_rendering
from deepsynth.models import families
from deepsynth.workflows import demo_training
from deepsynth.workflows.demo_config import DemoConfig
from deepsynth.workflows.demo_training import take_documents

RENDERING = usual_rendering(families.get("deepseek_ocr").build("tiny"))


def test_another_source_is_taken_where_the_first_gives_nothing(tmp_path, reporter, monkeypatch):
    asked = []

    class Preparation:
        def __init__(self, config, _reporter):
            asked.append(config.source)

        def run(self):
            raise InputError(f"{asked[-1]} gave no row")

    monkeypatch.setattr("deepsynth.data.prepare.Preparation", Preparation)
    monkeypatch.setattr(demo_training.shutil, "which", lambda _name: "/usr/bin/apt-get")
    with pytest.raises(InputError, match="packages gave no row"):
        take_documents(DemoConfig(out=tmp_path), RENDERING, reporter)
    assert asked == ["debian", "packages"]
    assert reporter.messages[-1] == "   debian gave no row; taking the installed Python packages instead"


def test_a_source_that_was_asked_for_is_not_replaced(tmp_path, reporter):
    config = DemoConfig(out=tmp_path, source="debian", language="xx")
    with pytest.raises(InputError):
        take_documents(config, RENDERING, reporter)
    assert not any("instead" in message for message in reporter.messages)
