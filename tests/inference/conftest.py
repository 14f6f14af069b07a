import pytest

from deepsynth.inference.summarizer import Summarizer
from deepsynth.rendering.config import RenderConfig


@pytest.fixture(scope="session")
def summarizer():
    return Summarizer.load("tiny", rendering=RenderConfig(mode="nano-128"))


@pytest.fixture
def engine(summarizer):
    """The engine of the tiny model, idle before and after."""
    assert summarizer.engine.load == (0, 0)
    yield summarizer.engine
    summarizer.engine.close()
    summarizer.engine.max_rows = 16
