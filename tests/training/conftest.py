import pytest

from deepsynth.core.documents import Document, Example
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.text import TextRenderer
from deepsynth.training.config import TrainerConfig

WORDS = ["tide", "harbor", "gauge", "storm", "alarm", "lamp", "rope", "sail", "chart", "buoy"]


class Rows:
    """A few examples of real pages, each with its own short summary."""

    def __init__(self, count: int = 8) -> None:
        renderer = TextRenderer(RenderConfig(mode="nano-128"))
        self.rows = []
        for number in range(count):
            text = f"{WORDS[number % 10]} number {number} reads the {WORDS[(number * 3 + 1) % 10]} every day"
            pages = tuple(renderer.render(Document(id=f"row-{number}", text=text)))
            summary = f"{WORDS[number % 10]} {number}"
            self.rows.append(Example(id=f"row-{number}", pages=pages, summary=summary, text=text))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Example:
        return self.rows[index]


@pytest.fixture(scope="session")
def rows() -> Rows:
    return Rows()


@pytest.fixture
def config(tmp_path):
    values = {
        "model": "tiny",
        "output_dir": tmp_path / "run",
        "batch_size": 4,
        "max_steps": 6,
        "log_interval": 1,
        "save_interval": 100,
        "optimizer": {"name": "adamw", "learning_rate": 3e-3, "warmup_steps": 0},
    }
    return TrainerConfig.parse(values)
