import json
import struct

import pytest

from deepsynth.core.files import new_folder
from deepsynth.web.errors import UnknownThingError
from deepsynth.web.inventory import Inventory, identify, is_whole, loss_at, parameters

JOB = "0123456789abcdef"


def safetensors(path, shapes):
    header, offset = {}, 0
    for name, shape in shapes.items():
        size = 4
        for length in shape:
            size *= length
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"\0" * offset)


def checkpoint(run, step, base="nano"):
    with new_folder(run / f"checkpoint-{step}", {"step": step}) as folder:
        (folder / "config.json").write_text("{}")
        (folder / "trainer.json").write_text(json.dumps({"model": base}))
        safetensors(folder / "model.safetensors", {"a": [2, 3], "b": [4]})
        safetensors(folder / "optimizer-0.safetensors", {"a": [100]})
    return run / f"checkpoint-{step}"


@pytest.fixture
def inventory(tmp_path, dataset):
    return Inventory(tmp_path / "state" / "artifacts", [dataset.parent, tmp_path / "runs"])


def test_datasets_are_found_with_their_facts(inventory, dataset):
    (found,) = inventory.datasets()
    assert found.id == identify(dataset)
    assert found.job_id is None
    facts = found.facts
    assert (facts["rows"], facts["rejected"], facts["whole"], facts["mode"]) == (30, 1, True, "nano-128")
    assert inventory.dataset(found.id) == found
    with pytest.raises(UnknownThingError, match="no dataset"):
        inventory.dataset("f" * 16)


def test_checkpoints_are_found_with_step_job_base_and_loss(inventory, tmp_path):
    run = tmp_path / "state" / "artifacts" / JOB
    run.mkdir(parents=True)
    (run / "metrics.jsonl").write_text('{"step": 4, "loss": 3.0}\n{"step": 5, "loss": 2.5}\n{"step": 9, "loss": 1}\n')
    path = checkpoint(run, 5)
    (found,) = inventory.models()
    assert (found.id, found.job_id) == (identify(path), JOB)
    assert found.facts["step"] == 5
    assert found.facts["loss"] == 2.5
    assert (found.facts["kind"], found.facts["base"], found.facts["whole"]) == ("checkpoint", "nano", True)
    assert parameters(path) == 10


def test_a_cut_file_makes_a_folder_that_is_not_whole(tmp_path):
    path = checkpoint(tmp_path, 1)
    assert is_whole(path)
    (path / "model.safetensors").write_bytes(b"x")
    assert not is_whole(path)
    assert not is_whole(tmp_path)


def test_links_hidden_folders_and_the_applications_own_are_not_walked(inventory, tmp_path):
    outside = checkpoint(tmp_path / "outside", 1)
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / "link").symlink_to(outside.parent)
    checkpoint(runs / ".hidden", 1)
    checkpoint(tmp_path / "state" / "jobs" / JOB, 1)
    assert inventory.models() == []


def test_only_what_lies_below_the_folders_may_be_read(inventory, tmp_path, dataset):
    (tmp_path / "state" / "artifacts").mkdir(parents=True)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "link").symlink_to("/etc")
    assert inventory.holds(dataset)
    assert inventory.holds(tmp_path / "state" / "artifacts" / JOB)
    assert not inventory.holds(tmp_path / "state" / "jobs.sqlite")
    assert not inventory.holds(tmp_path / "runs" / "link" / "passwd")
    assert not inventory.holds(tmp_path / "runs" / ".." / "elsewhere")


def test_a_state_folder_inside_a_configured_one_stays_private(tmp_path):
    inventory = Inventory(tmp_path / "web" / "artifacts", [tmp_path])
    checkpoint(tmp_path / "web" / "uploads", 1)
    path = checkpoint(tmp_path / "web" / "artifacts" / JOB, 2)
    assert [found.path for found in inventory.models()] == [path]
    assert not inventory.holds(tmp_path / "web" / "jobs.sqlite")
    assert inventory.holds(tmp_path / "x")


def test_a_run_without_metrics_has_no_loss(tmp_path):
    assert loss_at(tmp_path / "none", 3) is None
