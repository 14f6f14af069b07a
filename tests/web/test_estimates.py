import json

import pytest
from tests.web.test_inventory import checkpoint

from deepsynth.web.estimates import Estimates, examples_to_see, need

CONFIG = {
    "model": "tiny", "batch_size": 4, "gradient_accumulation_steps": 2, "num_epochs": 3, "max_steps": None,
    "keep_checkpoints": 2, "rendering": {"mode": "nano-128"}, "lora": None, "data": {"path": "/none", "train_split": "train"},
}  # fmt: skip


@pytest.fixture
def estimates(services):
    return Estimates(services.store, services.place.artifacts)


def test_nothing_is_claimed_without_a_basis(estimates):
    found = estimates.all("training", CONFIG)
    assert found["memory"]["needed_bytes"] is None
    assert found["disk"]["fits"] is None
    assert found["time"]["seconds"] is None
    assert all(part["basis"] for part in found.values())


def test_an_earlier_run_of_the_same_model_is_the_measure(estimates, services, tmp_path):
    lines = [{"step": step, "peak_memory_mib": 100.0 + step, "samples_per_second": 10.0} for step in (1, 2)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    checkpoint(tmp_path, 2)
    job = services.store.create_job("training", CONFIG, output=str(tmp_path))
    services.store.request(job.id, "cancel")
    found = estimates.all("training", {**CONFIG, "max_steps": 50})
    assert found["memory"]["needed_bytes"] == 102 * 2**20
    assert job.id in found["memory"]["basis"]
    assert found["time"]["seconds"] == 50 * 4 * 2 / 10
    assert found["disk"]["needed_bytes"] > 0
    assert estimates.all("training", {**CONFIG, "batch_size": 5})["memory"]["needed_bytes"] is None


def test_weights_on_disk_give_a_lower_bound(estimates, tmp_path):
    path = checkpoint(tmp_path, 1)
    found = estimates.all("training", {**CONFIG, "model": str(path)})
    assert found["memory"]["needed_bytes"] == 10 * 16 + 400 * 2**20
    assert found["disk"]["needed_bytes"] == 10 * 12 * 4


def test_examples_come_from_steps_or_from_the_dataset(dataset):
    assert examples_to_see({**CONFIG, "max_steps": 7}) == 56
    assert examples_to_see(CONFIG) is None
    rows = json.loads((dataset / "report.json").read_text())["splits"]["train"]
    data = {"path": str(dataset), "train_split": "train", "max_train_samples": None}
    assert examples_to_see({**CONFIG, "data": data}) == 3 * rows
    assert examples_to_see({**CONFIG, "data": {**data, "max_train_samples": 5}}) == 15


def test_a_need_is_compared_with_what_there_is():
    assert need(5, 4, "x")["fits"] is False
    assert need(None, 4, "x")["fits"] is None
