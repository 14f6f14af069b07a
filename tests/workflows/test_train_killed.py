"""A training process that is killed without warning, or asked to end, goes on to where an undisturbed one ends."""

import signal
import subprocess
import sys
import time

import pytest

from deepsynth.core.files import hash_file


def command(dataset, out, save_interval=1) -> list[str]:
    flags = {
        "--model": "tiny", "--data.path": dataset, "--output-dir": out, "--max-steps": 60, "--save-interval": save_interval,
        "--batch-size": 4, "--keep-checkpoints": 3, "--log-interval": 1,
    }  # fmt: skip
    return [sys.executable, "-m", "deepsynth", "train", *(str(part) for pair in flags.items() for part in pair)]


@pytest.mark.slow
def test_killed_at_any_moment_and_resumed_it_gives_the_same_weights(dataset, tmp_path):
    subprocess.run(command(dataset, tmp_path / "whole"), check=True, capture_output=True)
    kills = 0
    for attempt in range(6):
        process = subprocess.Popen(
            command(dataset, tmp_path / "broken"), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        end = time.monotonic() + 60
        before = len(list((tmp_path / "broken").glob("checkpoint-*")))
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
            if len(list((tmp_path / "broken").glob("checkpoint-*"))) > before or before:
                time.sleep(0.03 * attempt + (3 if before else 0))
                break
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
    assert kills >= 2
    subprocess.run(command(dataset, tmp_path / "broken"), check=True, capture_output=True)
    name = "checkpoint-60/model.safetensors"
    assert hash_file(tmp_path / "broken" / name) == hash_file(tmp_path / "whole" / name)
    losses = [(tmp_path / run / "metrics.jsonl").read_text().splitlines() for run in ("whole", "broken")]
    assert [line.split('"loss"')[1].split(",")[0] for line in losses[0]] == [
        line.split('"loss"')[1].split(",")[0] for line in losses[1]
    ]


@pytest.mark.slow
def test_a_sigterm_saves_at_the_next_step_with_a_code_of_its_own_and_the_run_goes_on(dataset, tmp_path):
    subprocess.run(command(dataset, tmp_path / "whole", 1000), check=True, capture_output=True)
    unsaved = command(dataset, tmp_path / "broken", 1000)
    process = subprocess.Popen(unsaved, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 120
    metrics = tmp_path / "broken" / "metrics.jsonl"
    while not (metrics.is_file() and metrics.read_text()) and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 75, told
    (saved,) = (tmp_path / "broken").glob("checkpoint-*")
    step = int(saved.name.removeprefix("checkpoint-"))
    assert step == len(metrics.read_text().splitlines()) < 60  # the step that was being taken, and no further one
    assert told.splitlines()[-1].startswith(f"error: paused after step {step}; saved ")
    subprocess.run(unsaved, check=True, capture_output=True)
    name = "checkpoint-60/model.safetensors"
    assert hash_file(tmp_path / "broken" / name) == hash_file(tmp_path / "whole" / name)
