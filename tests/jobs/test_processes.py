import os
import subprocess
import sys
import time

import psutil

from deepsynth.jobs.processes import MARK, marked_processes, sweep, usage

ID = "00000000000000aa"


def sleeper(mark: str, script: str = "import time; time.sleep(600)", **options) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", script], env={**os.environ, MARK: mark}, **options)


def test_a_sweep_ends_all_of_a_job_detached_ones_too_and_nobody_else():
    script = (
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
        "print('up', flush=True); time.sleep(600)"
    )
    mine = sleeper(f"{ID}:1", script, stdout=subprocess.PIPE)
    other = sleeper("00000000000000bb:1")
    mine.stdout.readline()
    assert len(marked_processes([ID])[ID]) == 2
    sweep([ID])
    assert mine.wait(timeout=10) == -9
    assert marked_processes([ID])[ID] == []
    assert other.poll() is None
    other.kill()
    other.wait()
    mine.stdout.close()


def test_work_dies_with_its_runner():
    script = (
        "import subprocess, sys, os\n"
        "code = 'import sys, time; from deepsynth.jobs.processes import die_with_parent; '"
        " 'die_with_parent(int(sys.argv[1])); print(\"up\", flush=True); time.sleep(600)'\n"
        "child = subprocess.Popen([sys.executable, '-c', code, str(os.getpid())], stdout=subprocess.PIPE)\n"
        "child.stdout.readline(); print(child.pid, flush=True); child.wait()"
    )
    runner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    child = psutil.Process(int(runner.stdout.readline()))
    runner.kill()
    runner.wait()
    runner.stdout.close()
    assert psutil.wait_procs([child], timeout=10)[1] == []


def test_work_whose_runner_is_gone_already_ends_at_once():
    code = "from deepsynth.jobs.processes import die_with_parent; die_with_parent(1); print('alive')"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (answer.returncode, answer.stdout) == (-9, b"")


def test_usage_counts_children_and_is_zero_for_the_gone():
    process = sleeper(
        "x:1",
        "import time; x = bytearray(50_000_000); print('up', flush=True); time.sleep(600)",
        stdout=subprocess.PIPE,
    )
    process.stdout.readline()
    used = usage(process.pid)
    assert used.memory_mib > 50
    process.kill()
    process.wait()
    process.stdout.close()
    time.sleep(0.05)
    assert usage(process.pid).memory_mib == 0
