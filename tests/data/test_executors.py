import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import psutil
import pytest

from deepsynth.data.executors import InProcess, Processes, make_executor
from deepsynth.data.scale import ScaleConfig, WorkerError


def square(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def die_once(marker: str, number: int) -> int:
    if number == 3 and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


class Once:
    """`die_once` with its marker, in a form that reaches a worker."""

    def __init__(self, marker: Path) -> None:
        self.marker = str(marker)

    def __call__(self, number: int) -> int:
        return die_once(self.marker, number)


@pytest.fixture
def two():
    made = Processes(2)
    yield made
    made.close()


def test_processes_give_what_one_process_gives_in_the_same_order(two):
    alone, together = list(InProcess().map(square, range(20))), list(two.map(square, range(20)))
    assert [number for number, _ in together] == [number for number, _ in alone]
    assert {process for _, process in alone} == {os.getpid()}
    assert os.getpid() not in {process for _, process in together}


def test_blocks_are_taken_as_they_are_needed(two):
    taken = []
    results = two.map(square, (taken.append(number) or number for number in range(1000)))
    next(results)
    assert len(taken) <= 4


def test_a_worker_that_is_killed_costs_no_block(two, tmp_path):
    assert list(two.map(Once(tmp_path / "marker"), range(8))) == list(range(8))
    assert (tmp_path / "marker").exists()


def test_a_pool_that_breaks_while_blocks_are_handed_over_costs_no_block(two, monkeypatch):
    submit, calls = two._submit, []

    def breaking(function, block):
        calls.append(block)
        if len(calls) in (2, 9):
            raise BrokenProcessPool("a worker died just now")
        return submit(function, block)

    monkeypatch.setattr(two, "_submit", breaking)
    assert [result for result, _ in two.map(square, range(20))] == [number**2 for number in range(20)]
    assert len(calls) > 20


@pytest.mark.slow
def test_a_block_that_kills_every_worker_ends_the_run_with_a_sentence(two):
    with pytest.raises(WorkerError, match="died 3 times at the same block"):
        list(two.map(die, range(4)))


ENDLESS = """
import sys
from pathlib import Path
from tests.data.test_executors import Noted
from deepsynth.data.executors import Processes
if __name__ == "__main__":
    for _ in Processes(2).map(Noted(Path(sys.argv[1])), iter(int, 1)):
        pass
"""


class Noted:
    """Leaves a file with the number of its process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, number: int) -> None:
        (self.folder / str(os.getpid())).touch()


def test_workers_end_when_the_process_that_gives_them_work_is_killed(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", ENDLESS, str(tmp_path)])
    while len(workers := [int(path.name) for path in tmp_path.iterdir()]) < 2:
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    for worker in workers:
        while psutil.pid_exists(worker):  # the test's own limit of time ends this
            time.sleep(0.02)


def test_the_settings_choose_the_executor():
    assert isinstance(make_executor(ScaleConfig()), InProcess)
    assert isinstance(make_executor(ScaleConfig(workers=2)), Processes)
