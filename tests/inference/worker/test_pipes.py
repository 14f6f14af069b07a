import subprocess
import sys

from deepsynth.inference.worker.frames import Frame

CODE = """
from deepsynth.inference.worker.frames import read_frame
from deepsynth.inference.worker.pipes import put, take_over
source, target = take_over()
print("a library prints this")
put(target, read_frame(source))
"""


def test_what_a_library_prints_does_not_reach_the_parent():
    frame = Frame(header={"a": 1}, blobs=[b"x"])
    done = subprocess.run([sys.executable, "-c", CODE], input=frame.pack(), capture_output=True, check=True)
    assert done.stdout == frame.pack()
    assert b"a library prints this" in done.stderr
