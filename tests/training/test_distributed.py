"""Two processes on this machine, joined by gloo."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deepsynth.training.production_trainer import DeepSynthProductionTrainer
from deepsynth.training.tuning import load_trained

SCRIPT = Path(__file__).parent / "run_distributed.py"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        pytest.param({"optimizer": {"name": "muon"}, "batching": "packed"}, marks=pytest.mark.slow),
        pytest.param(
            {"parallel": "fsdp", "ema_decay": 0.5, "eval_interval": 4, "eval_samples": 1}, marks=pytest.mark.slow
        ),
        pytest.param({"parallel": "fsdp", "optimizer": {"name": "muon"}, "batching": "packed"}, marks=pytest.mark.slow),
        pytest.param(
            {"parallel": "fsdp", "lora": {"rank": 4}, "cache": {"precision": "float32"}}, marks=pytest.mark.slow
        ),
    ],
    ids=["ddp", "ddp-muon-packed", "fsdp-averaged", "fsdp-muon-packed", "fsdp-lora-cached"],
)
def test_two_processes_equal_one_with_twice_the_accumulation(config, rows, tmp_path, settings):
    if "cache" in settings:
        settings = {**settings, "cache": {**settings["cache"], "folder": tmp_path / "cache"}}
    config = config.override({"batch_size": 2, "gradient_accumulation_steps": 2, "max_steps": 4, **settings})
    one = DeepSynthProductionTrainer(config.override({"gradient_accumulation_steps": 4, "parallel": "ddp"}))
    one.train(rows, rows)
    two = config.override({"output_dir": tmp_path / "two", "save_interval": 2})
    two.save(tmp_path / "settings.json")
    start(tmp_path)
    found = [json.loads((tmp_path / f"losses-{rank}.json").read_text()) for rank in range(2)]
    assert found[0] == found[1]
    losses, examples = found[0]
    assert losses == pytest.approx(one.losses, rel=1e-4)
    assert examples == one.state.examples
    # Muon orthogonalizes in bfloat16, so the order of a sum shows: with DDP and with shards up to 0.0021 at a rate of 0.02
    near = 5e-3 if config.optimizer.name == "muon" else 2e-3
    for name, value in state(one.config.output_dir / "checkpoint-4").items():
        assert state(tmp_path / "two" / "checkpoint-4")[name].allclose(value, atol=near), name
    lines = [json.loads(line) for line in (tmp_path / "two" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3, 4]
    if config.eval_samples:
        written = [(path / "samples.jsonl").read_text() for path in (tmp_path / "two", one.config.output_dir)]
        assert json.loads(written[0])["reference"] == json.loads(written[1])["reference"]


def state(checkpoint):
    return load_trained(checkpoint).model.state_dict()


@pytest.mark.slow
def test_a_sharded_run_that_was_paused_equals_an_unbroken_one(config, tmp_path):
    """The second command goes on from step 2 of the first; its losses are those of a run that never stopped."""
    config = config.override({"batch_size": 2, "max_steps": 4, "parallel": "fsdp", "save_interval": 2})
    whole = run(config.override({"output_dir": tmp_path / "whole"}), tmp_path)
    paused = run(config.override({"output_dir": tmp_path / "broken"}), tmp_path, pause=2)
    resumed = run(config.override({"output_dir": tmp_path / "broken"}), tmp_path)
    assert paused + resumed == whole


def run(config, folder, pause=None):
    """Run two processes and return the losses that both agree on."""
    config.save(folder / "settings.json")
    start(folder, pause)
    found = [json.loads((folder / f"losses-{rank}.json").read_text())[0] for rank in range(2)]
    assert found[0] == found[1]
    return found[0]


def start(folder, pause=None):
    """Run two processes on the settings in a folder; both must end well."""
    port = str(free_port())
    processes = [
        subprocess.Popen(
            [sys.executable, SCRIPT, str(rank), port, folder, str(pause or 0)], stderr=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors
