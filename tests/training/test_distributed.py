"""Two processes on this machine, joined by gloo."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deepsynth.models import load_model
from deepsynth.training.production_trainer import DeepSynthProductionTrainer

SCRIPT = Path(__file__).parent / "run_distributed.py"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_two_processes_equal_one_with_twice_the_accumulation(config, rows, tmp_path):
    config = config.override({"batch_size": 2, "gradient_accumulation_steps": 2, "max_steps": 4})
    one = DeepSynthProductionTrainer(config.override({"gradient_accumulation_steps": 4}))
    one.train(rows)
    two = config.override({"output_dir": tmp_path / "two", "save_interval": 2})
    two.save(tmp_path / "settings.json")
    port = str(free_port())
    processes = [
        subprocess.Popen([sys.executable, SCRIPT, str(rank), port, tmp_path], stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors
    found = [json.loads((tmp_path / f"losses-{rank}.json").read_text()) for rank in range(2)]
    assert found[0] == found[1]
    losses, examples = found[0]
    assert losses == pytest.approx(one.losses, rel=1e-4)
    assert examples == one.state.examples
    names = load_model(tmp_path / "two" / "checkpoint-4").model.state_dict()
    for name, value in one.loaded.model.state_dict().items():
        assert names[name].allclose(value, atol=2e-4), name
    lines = [json.loads(line) for line in (tmp_path / "two" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
