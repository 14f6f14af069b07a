"""The benchmark of the published size runs its whole road in small, so that time on an accelerator is not spent on mending it."""

import argparse
import json

import pytest
from benchmarks.full_size import CASES, in_a_process, run_case, shown

GIVEN = argparse.Namespace(tiny=True, batch=2, length=64, steps=2, limit=120)


@pytest.mark.parametrize("case", CASES)
def test_every_case_measures_time_and_memory(case):
    if "QLoRA" in case:
        pytest.importorskip("bitsandbytes")
    found = run_case(case, GIVEN)
    assert found["seconds"] > 0
    assert 0.3 < found["planned"] / found["peak"] < 3  # a model this small is mostly what the plan leaves out
    assert "MiB" in shown(found)
    json.dumps(found)


def test_a_case_that_fails_is_written_down_and_not_raised():
    wrong = argparse.Namespace(**{**vars(GIVEN), "length": 2})
    assert "failed" in in_a_process("LoRA", wrong)
