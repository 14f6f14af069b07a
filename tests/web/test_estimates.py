import json

import pytest
from tests.web.test_inventory import checkpoint

from deepsynth.web.estimates import PROCESS_BYTES, Estimates, examples_to_see, need

CONFIG = {
    "model": "tiny", "batch_size": 4, "gradient_accumulation_steps": 2, "num_epochs": 3, "max_steps": None,
    "keep_checkpoints": 2, "rendering": {"mode": "nano-128"}, "lora": None, "data": {"path": "/none", "train_split": "train"},
}  # fmt: skip


PLAN = {
    "device": "cpu", "room_bytes": None, "parts": {"weights": 2**20, "activations": 3 * 2**20}, "peak_bytes": 4 * 2**20,
    "checkpoint_bytes": 1000, "checkpoints_bytes": 4000, "operations": 2e9, "operations_per_second": 1e9, "row_tokens": 321,
}  # fmt: skip


class Plans:
    """A planner that has its answer at once."""

    def __init__(self, answer):
        self.answer, self.asked = answer, 0

    def plan(self, config):
        self.asked += 1
        return self.answer


@pytest.fixture
def planner():
    return Plans(PLAN)


@pytest.fixture
def estimates(services, planner):
    return Estimates(services.store, services.place.artifacts, planner)


def test_nothing_is_claimed_without_a_basis(estimates, planner):
    planner.answer = {"error": "the size of some/model is known once it has been loaded"}
    found = estimates.all("training", CONFIG)
    assert found["memory"]["needed_bytes"] is None
    assert "once it has been loaded" in found["memory"]["basis"]
    assert found["disk"]["fits"] is None
    assert found["time"]["seconds"] is None
    assert all(found[name]["basis"] for name in ("memory", "disk", "time"))


def test_a_first_training_is_planned(estimates):
    found = estimates.all("training", {**CONFIG, "max_steps": 10})
    assert not found["pending"]
    assert found["memory"]["needed_bytes"] == 4 * 2**20 + PROCESS_BYTES
    assert "weights 1, activations 3" in found["memory"]["basis"]
    assert found["disk"]["needed_bytes"] == 4000
    assert (found["time"]["seconds"], found["time"]["at_least"]) == (10 * 8 * 2.0, True)


def test_a_job_without_a_model_is_planned_no_memory(estimates):
    found = estimates.all("dataset", {"source": "packages"})["memory"]
    assert (found["needed_bytes"], found["basis"]) == (None, "this kind of job loads no model")


def test_on_an_accelerator_its_own_memory_counts(estimates, planner):
    planner.answer = PLAN | {"device": "cuda", "room_bytes": 2**20}
    assert estimates.all("training", CONFIG)["memory"]["fits"] is False


def test_while_a_plan_is_made_the_check_says_so(estimates, planner):
    planner.answer = None
    found = estimates.all("training", CONFIG)
    assert found["pending"]
    assert found["memory"]["needed_bytes"] is found["time"]["seconds"] is None


def test_an_earlier_run_of_the_same_model_is_the_measure(estimates, planner, services, tmp_path):
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
    assert planner.asked == 0
    estimates.all("training", {**CONFIG, "batch_size": 5})
    assert planner.asked == 1


def test_weights_on_disk_give_a_lower_bound_for_work_that_is_not_planned(estimates, tmp_path):
    path = checkpoint(tmp_path, 1)
    found = estimates.all("evaluation", {"model": str(path)})
    assert found["memory"]["needed_bytes"] == 10 * 4 + PROCESS_BYTES
    assert found["time"]["seconds"] is None


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
