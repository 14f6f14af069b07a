import pytest
import torch

from deepsynth.workflows import machine
from deepsynth.workflows.machine import PACKAGES, packages, place


def test_the_machine_is_described():
    lines = machine.machine().splitlines()
    assert "Python 3." in lines[0]
    assert "free disk here" in lines[1]
    assert lines[2].startswith("  accelerator: ")


def test_every_package_has_a_version_and_a_missing_extra_its_remedy(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "fastapi" else name)
    versions, extras = packages().splitlines()
    assert all(f"{name} " in versions for name in PACKAGES)
    assert "web no (pip install deepsynth[web])" in extras
    assert "data yes" in extras


@pytest.mark.skipif(torch.cuda.is_available(), reason="an accelerator trains here")
def test_without_an_accelerator_a_processor_trains_in_the_machines_memory():
    device, room = place()
    assert device == "cpu"
    assert room is None or room > 2**28
