import subprocess
import sys
from pathlib import Path

import pytest
import torch

from deepsynth.evaluation import memory
from deepsynth.evaluation.memory import peak_memory

PROBE = """
from deepsynth.evaluation.memory import peak_memory

with peak_memory() as large:
    block = bytearray(120 * 2**20)
    block[:: 2**12] = b"x" * len(block[:: 2**12])
    del block
with peak_memory() as small:
    pass
print(large.mib - small.mib)
"""


@pytest.mark.skipif(sys.platform != "linux" or torch.cuda.is_available(), reason="reads Linux's count of the process")
def test_the_peak_of_a_block_is_that_blocks_own():
    """In a process of its own: one that has trained keeps what it frees."""
    told = subprocess.run([sys.executable, "-c", PROBE], check=True, capture_output=True, text=True).stdout
    assert float(told) > 60


def test_where_it_cannot_be_measured_nothing_is_made_up(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(memory, "_RESET", Path("/nowhere/clear_refs"))
    with peak_memory() as peak:
        pass
    assert peak.mib is None
