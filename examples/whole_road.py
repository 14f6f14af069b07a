"""The whole road from Python: a table of texts and summaries becomes a dataset, a model, a report and a summary.

python examples/whole_road.py ROWS.jsonl FOLDER

Every verb of the command line is a module of `deepsynth.workflows` with a `run`, and its settings are a class; the names
are those of the flags.
"""

import sys
from pathlib import Path

from deepsynth import Summarizer
from deepsynth.core.progress import SilentReporter
from deepsynth.training.config import TrainerConfig
from deepsynth.workflows import evaluate, prepare, train
from deepsynth.workflows.evaluate import EvaluateConfig
from deepsynth.workflows.prepare import PrepareConfig


def main(rows: Path, out: Path, *, model: str = "nano", steps: int = 50) -> str:
    """Return the summary of the first test document, after training."""
    quiet = SilentReporter()
    prepare.run(PrepareConfig.parse({"source": str(rows), "out": out / "data", "split": {"test": 0.4}}), quiet)

    settings = {"model": model, "output_dir": out / "run", "data": {"path": out / "data"}, "max_steps": steps}
    trained = train.run(TrainerConfig.parse(settings).completed(), quiet)
    print(trained.parameters)

    report = evaluate.run(
        EvaluateConfig.parse({"model": str(trained.model), "data": out / "data", "out": out / "evaluation"}), quiet
    )
    print(report.describe())

    (summary,) = Summarizer.load(trained.model).summarize("examples/document.txt")
    return summary.text


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), Path(sys.argv[2])))
