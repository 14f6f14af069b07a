"""The batch script for Slurm, run with stand-ins for `srun` and `scontrol`: two processes on this machine."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deepsynth.core.progress import SilentReporter
from deepsynth.data.prepare import Preparation, PrepareConfig

SCRIPT = Path(__file__).parents[2] / "deploy" / "slurm" / "train.sbatch"
SRUN = """#!{python}
import os, signal, subprocess, sys, time
from pathlib import Path
tasks = [subprocess.Popen(sys.argv[1:], env=os.environ | {{"SLURM_PROCID": str(n), "SLURM_LOCALID": str(n)}}) for n in range(2)]
metrics = Path(os.environ["RUN"], "metrics.jsonl")
while os.environ["TIME_IS_UP"] == "yes" and not (metrics.is_file() and metrics.read_text()):
    time.sleep(0.05)
for task in tasks if os.environ["TIME_IS_UP"] == "yes" else ():
    task.send_signal(signal.SIGTERM)
sys.exit(max(task.wait() for task in tasks))
"""
SCONTROL = """#!/bin/sh
case "$1" in show) echo 127.0.0.1;; *) echo "$@" >> "$RUN/../scontrol.log";; esac
"""


def test_the_script_is_shell_and_starts_a_process_an_accelerator():
    subprocess.run(["bash", "-n", SCRIPT], check=True)
    options = dict(re.findall(r"^#SBATCH --([\w-]+)=(\S+)", SCRIPT.read_text(), re.MULTILINE))
    assert options["ntasks-per-node"] == options["gpus-per-node"]
    assert options["signal"].startswith("TERM@")  # to the processes; "B:" would send it to the script alone


def test_without_settings_it_says_how_it_is_called():
    done = subprocess.run(["bash", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "name the settings file" in done.stderr


@pytest.mark.slow
def test_a_job_whose_time_is_up_goes_back_into_the_queue_and_on_from_there(tmp_path):
    rows = [
        {"text": f"The lamp number {number} stands in the harbor all night.", "summary": f"lamp {number:03}"}
        for number in range(12)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    values = {"source": str(tmp_path / "rows.jsonl"), "out": tmp_path / "data", "cleaning": {"near_duplicates": "keep"}}
    Preparation(PrepareConfig.parse(values), SilentReporter()).run()
    run, settings = tmp_path / "run", tmp_path / "run.json"
    config = {"model": "tiny", "output_dir": str(run), "max_steps": 100, "batch_size": 2, "log_interval": 1}
    settings.write_text(json.dumps({**config, "data": {"path": str(tmp_path / "data")}}))
    for name, text in (("srun", SRUN.format(python=sys.executable)), ("scontrol", SCONTROL)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        **{"SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "here", "SLURM_NTASKS": "2", "MASTER_PORT": str(port)},
        **{"RUN": str(run), "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"},
    }
    command = ["bash", SCRIPT, settings]
    subprocess.run(command, check=True, capture_output=True, env={**environment, "TIME_IS_UP": "yes"})
    assert (tmp_path / "scontrol.log").read_text() == "requeue 7\n"
    (saved,) = run.glob("checkpoint-*")
    assert saved.name != "checkpoint-100"
    subprocess.run(command, check=True, capture_output=True, env={**environment, "TIME_IS_UP": "no"})
    assert (run / "checkpoint-100").is_dir()
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 100
    assert (tmp_path / "scontrol.log").read_text() == "requeue 7\n"
