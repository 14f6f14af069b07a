import sys
from pathlib import Path

import pytest
import torch

from deepsynth.evaluation import memory
from deepsynth.evaluation.memory import peak_memory


@pytest.mark.skipif(sys.platform != "linux" or torch.cuda.is_available(), reason="reads Linux's count of the process")
def test_the_peak_of_a_block_is_that_blocks_own():
    with peak_memory() as large:
        block = bytearray(120 * 2**20)
        block[:: 2**12] = b"x" * len(block[:: 2**12])
        del block
    with peak_memory() as small:
        pass
    assert large.mib is not None
    assert small.mib is not None
    assert large.mib - small.mib > 60


def test_where_it_cannot_be_measured_nothing_is_made_up(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(memory, "_RESET", Path("/nowhere/clear_refs"))
    with peak_memory() as peak:
        pass
    assert peak.mib is None
