import platform
import subprocess
import sys

import pytest

PROBE = """
import resource, sys
import torch
from deepsynth.training.allocator import keep_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

kept = keep_freed_memory() if sys.argv[1] == "keep" else None
for _ in range(12):
    torch.ones(20_000_000)
before = faults()
for _ in range(5):
    torch.ones(20_000_000)
print(kept, faults() - before)
"""


def told(how: str) -> tuple[str, int]:
    output = subprocess.run([sys.executable, "-c", PROBE, how], check=True, capture_output=True, text=True).stdout
    kept, faults = output.split()
    return kept, int(faults)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps memory in its own way")
def test_freed_memory_is_used_again_without_asking_the_system():
    (_, before), (kept, after) = told("plain"), told("keep")
    assert kept == "True"
    assert after < before / 10, "80 MB are mapped and zeroed anew each time otherwise"
