"""The launchers of the scaling guide start two processes on this machine's processors, and both train the same."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deepsynth.core.progress import SilentReporter
from deepsynth.data.prepare import Preparation, PrepareConfig

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "scaling.md"
pytestmark = pytest.mark.slow


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lamps")
    rows = [
        {"text": f"The lamp number {n} stands in the harbor all night.", "summary": f"lamp {n:03}"} for n in range(12)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    values = {"source": str(folder / "rows.jsonl"), "out": folder / "data", "cleaning": {"near_duplicates": "keep"}}
    Preparation(PrepareConfig.parse(values), SilentReporter()).run()
    return folder / "data"


def recipe(launcher):
    """Return the words of a launcher's command in the guide."""
    (line,) = re.findall(rf"^{launcher} .*--config run\.yaml$", GUIDE.read_text(), re.MULTILINE)
    return line.split()


def train(words, folder, dataset, parallel):
    """Run a command of the guide with two processes and its settings file in `folder`; return loss by step."""
    settings = {"model": "tiny", "output_dir": str(folder / "run"), "max_steps": 3, "batch_size": 2, "log_interval": 1}
    settings |= {"data": {"path": str(dataset)}, "parallel": parallel, "seed": 7}
    folder.mkdir()
    (folder / "run.yaml").write_text(yaml.safe_dump(settings))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    answer = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=280
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    lines = [json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]
    state = json.loads((folder / "run" / "checkpoint-3" / "state.json").read_text())
    assert state["examples"] == 3 * 2 * 2, "two processes"
    return {line["step"]: line["loss"] for line in lines if "loss" in line}


def test_torchrun_and_accelerate_train_alike_whole_and_in_shards(dataset, tmp_path):
    torchrun = recipe("torchrun")
    torchrun[torchrun.index("--nproc-per-node") + 1] = "2"
    torchrun[1:1] = ["--master-port", free_port()]
    accelerate = recipe("accelerate launch")
    accelerate[accelerate.index("--num-processes") + 1] = "2"
    accelerate[2:2] = ["--main-process-port", free_port()]
    whole = train(torchrun, tmp_path / "torchrun", dataset, "ddp")
    assert train(accelerate, tmp_path / "accelerate", dataset, "ddp") == whole
    sharded = train(torchrun, tmp_path / "sharded", dataset, "fsdp")
    assert sharded == pytest.approx(whole, rel=1e-4)
