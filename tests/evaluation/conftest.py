import pytest

from deepsynth.core.documents import Document
from deepsynth.data.tasks import Row
from deepsynth.inference.summarizer import Summarizer
from deepsynth.rendering.config import RenderConfig

TEXTS = [
    f"The {thing} number {number} stands in the harbor. It tells of the tide."
    for number, thing in enumerate(["lamp", "rope", "sail", "buoy", "chart", "gauge"])
]


@pytest.fixture(scope="session")
def summarizer() -> Summarizer:
    return Summarizer.load("tiny", rendering=RenderConfig(mode="nano-128"))


@pytest.fixture(scope="session")
def examples(summarizer):
    from dataclasses import replace

    made = [summarizer.example(Document(id=f"d{number}", text=text)) for number, text in enumerate(TEXTS)]
    return [replace(example, summary=f"harbor report {number}") for number, example in enumerate(made)]


@pytest.fixture(scope="session")
def training():
    return [
        Row(id="t1", text="Sails and ropes for boats", summary="ropes"),
        Row(id="t2", text="The tide", summary="tides"),
    ]
