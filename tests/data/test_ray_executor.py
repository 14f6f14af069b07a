"""Ray Data gives what one process gives, also when a worker is killed on the way. Needs the extra `ray`."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from tests.data.conftest import write_rows

from deepsynth.core.errors import MissingExtraError
from deepsynth.core.files import read_manifest
from deepsynth.data.scale import ScaleConfig

PREPARE = """
import json, sys
from deepsynth.core.progress import SilentReporter
from deepsynth.data.prepare import Preparation, PrepareConfig
Preparation(PrepareConfig.parse(json.loads(sys.argv[1])), SilentReporter()).run()
"""


def test_without_ray_its_extra_is_named(monkeypatch):
    from deepsynth.data.executors import make_executor

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"deepsynth\[ray\]"):
        make_executor(ScaleConfig(engine="ray"))


def ray_workers(parent: int) -> list[int]:
    """Return the processes below `parent` that hold a task of ours."""
    children: dict[int, list[int]] = {}
    names: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            facts = (folder / "stat").read_text()
            names[int(folder.name)] = (folder / "cmdline").read_bytes().decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(int(facts.rpartition(")")[2].split()[1]), []).append(int(folder.name))
    found, waiting = [], [parent]
    while waiting:
        below = children.get(waiting.pop(), [])
        waiting.extend(below)
        found.extend(process for process in below if names[process].startswith("ray::Map"))
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ray_writes_identical_shards_although_a_worker_is_killed(prepare, tmp_path):
    pytest.importorskip("ray")
    import subprocess

    rows = write_rows(tmp_path / "rows.jsonl", 1500)
    whole = prepare(source=str(rows), rows_per_shard=200)
    values = {
        "source": str(rows),
        "out": str(tmp_path / "ray"),
        "rows_per_shard": 200,
        "scale": {"engine": "ray", "workers": 2},
    }
    process = subprocess.Popen([sys.executable, "-c", PREPARE, json.dumps(values)])
    killed = 0
    while process.poll() is None:
        workers = ray_workers(process.pid) if killed < 2 else []
        if workers:
            os.kill(workers[0], signal.SIGKILL)
            killed += 1
        time.sleep(0.05)
    assert process.returncode == 0
    assert killed, "no worker was met while it worked"
    assert read_manifest(tmp_path / "ray") == read_manifest(whole)
